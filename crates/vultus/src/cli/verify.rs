use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use face::{DecodeLimits, Embedding, Engine};
use gallery::Scale;
use serde_json::json;

use super::output::say;
use crate::app::models_of;
use crate::settings::Settings;
use crate::strictness::must_be_known;

/// Compares the largest faces of two photos.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vultus verify passport.jpg selfie.jpg --json

Ends with 0 when they are the same person, 1 when not, 2 when a photo cannot be used.")]
pub struct Verify {
    /// A photo.
    a: PathBuf,
    /// Another photo.
    b: PathBuf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// `vultus verify A B`
pub fn run(command: &Verify, settings: &Settings) -> anyhow::Result<ExitCode> {
    match compare(command, settings) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("error: {error:#}");
            Ok(ExitCode::from(2))
        }
    }
}

/// Two decimals, as quality is shown everywhere.
fn rounded(norm: f32) -> f64 {
    (f64::from(norm) * 100.0).round() / 100.0
}

fn compare(command: &Verify, settings: &Settings) -> anyhow::Result<bool> {
    let (runtime, installed) = models_of(settings)?;
    let scale = Scale::of(&installed.pack.embedder);
    must_be_known(settings.th_accept, &scale)?;
    let mut engine = Engine::open(&runtime, &installed)?;
    let limits = DecodeLimits { megapixels: settings.max_image_mp.0 };
    let mut embedding = |photo: &Path| -> anyhow::Result<Embedding> {
        let in_photo = || photo.display().to_string();
        let image = engine.read(&std::fs::read(photo).with_context(in_photo)?, &limits).with_context(in_photo)?;
        let faces = engine.faces(&image, 1.0)?;
        Ok(faces.largest(&installed.pack.embedder.gates).with_context(in_photo)?.embedding.clone())
    };
    let (a, b) = (embedding(&command.a)?, embedding(&command.b)?);

    let raw = scale.raw(&a.vector, &b.vector);
    let (distance, threshold) = (scale.distance(raw), settings.th_accept.threshold(1));
    let same = distance < threshold;
    if command.json {
        let report = json!({
            "distance": distance,
            "raw_distance": raw,
            "threshold": threshold,
            "same": same,
            "decision": if same { "same" } else { "different" },
            "quality": [rounded(a.norm), rounded(b.norm)],
        });
        say(report)?;
    } else {
        let verdict = if same { "same person" } else { "different people" };
        say(format!("{verdict}: distance {distance}, threshold {threshold}"))?;
    }
    Ok(same)
}
