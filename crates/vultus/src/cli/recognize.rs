use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use camera::Reason;
use clap::Args;
use events::{FaceView, Status};
use serde_json::{Value, json};

use super::output::say;
use super::recording;
use crate::app::App;
use crate::settings::Settings;

/// Names everybody in photos, or in a recording.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vultus recognize party.jpg
  vultus recognize *.jpg --json                   one object a photo
  vultus recognize door.mp4 --json                one line a frame, a summary on standard error
  vultus recognize door.mp4 --out named.mp4       with boxes and names drawn")]
pub struct Recognize {
    /// Photos, or one recording.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print JSON: an array with an object for each photo, or a line for each frame of a recording.
    #[arg(long)]
    json: bool,
    /// Add each face's embedding to the JSON.
    #[arg(long, requires = "json")]
    embedding: bool,
    /// Write a recording's frames with boxes and names to this video.
    #[arg(long, value_name = "VIDEO")]
    out: Option<PathBuf>,
}

impl Recognize {
    pub(super) fn json(&self) -> bool {
        self.json
    }

    pub(super) fn embedding(&self) -> bool {
        self.embedding
    }

    pub(super) fn out(&self) -> Option<&PathBuf> {
        self.out.as_ref()
    }
}

/// `vultus recognize FILE…`
pub fn run(command: Recognize, settings: Settings) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let app = App::open(settings, 1).await?;
        match command.files.as_slice() {
            [file] if !looks_like_photo(file) => {
                let file = file.clone();
                tokio::task::spawn_blocking(move || recording::run(&app, &file, &command)).await?
            }
            _ if command.out.is_some() => bail!("--out writes a video: give it one recording"),
            _ => photos(&command, &app).await,
        }
    })
}

/// Judged by its first bytes; what cannot be read is taken for a photo, and said to be unreadable there.
fn looks_like_photo(file: impl AsRef<Path>) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(64).read_to_end(&mut start));
    read.is_err() || face::looks_like_image(&start)
}

async fn photos(command: &Recognize, app: &App) -> anyhow::Result<ExitCode> {
    let mut objects = Vec::new();
    let mut failed = false;
    for file in &command.files {
        let name = file.display().to_string();
        let looked = async {
            let bytes = std::fs::read(file).context("cannot be read")?;
            anyhow::Ok(app.recognize(bytes).await?)
        };
        match looked.await {
            Ok(found) => {
                let views: Vec<_> = found.seen.iter().map(FaceView::of).collect();
                if command.json {
                    let faces = faces_json(&found.seen, &views, command.embedding)?;
                    objects.push(json!({
                        "file": name,
                        "width": found.width,
                        "height": found.height,
                        "threshold": found.rule.threshold,
                        "faces": faces,
                    }));
                } else {
                    say(format!("{name}: {}", in_words(&views)))?;
                }
            }
            Err(error) => {
                failed = true;
                eprintln!("error: {name}: {error:#}");
                objects.push(json!({ "file": name, "error": format!("{error:#}"), "faces": [] }));
            }
        }
    }
    if command.json {
        let rows: Vec<String> = objects.iter().map(Value::to_string).collect();
        say(format!("[\n{}\n]", rows.join(",\n")))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Faces as JSON, with their embeddings where they are wanted.
pub(super) fn faces_json(
    seen: &[camera::SeenFace],
    views: &[FaceView],
    with_embedding: bool,
) -> anyhow::Result<Vec<Value>> {
    let face = |(seen, view): (&camera::SeenFace, &FaceView)| {
        let mut face = serde_json::to_value(view)?;
        if let (true, Some(embedding)) = (with_embedding, &seen.embedding) {
            // Six decimals: far more than a comparison can tell, and half as long.
            let six = |v: &f32| (f64::from(*v) * 1e6).round() / 1e6;
            face["embedding"] = embedding.vector.iter().map(six).collect();
        }
        anyhow::Ok(face)
    };
    seen.iter().zip(views).map(face).collect()
}

/// Why a face is refused that is near enough, for people.
fn refused(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::Spoof) => "; refused: spoof, it looks like a picture of a face",
        Some(Reason::Refuted) => "; refused: too much like a face that is said not to be this person's",
        _ => "",
    }
}

fn in_words(faces: &[FaceView]) -> String {
    let name = |face: &FaceView| match (face.status, &face.name, face.distance) {
        (Status::Pass, Some(name), Some(distance)) => format!("{name} ({distance})"),
        (_, Some(name), Some(distance)) => format!("unknown (nearest {name}, {distance}{})", refused(face.reason)),
        _ => "unknown".to_owned(),
    };
    let one = |face: &FaceView| match &face.attributes {
        Some(attributes) => format!("{}: {}", name(face), attributes.in_words()),
        None => name(face),
    };
    let between = if faces.iter().any(|face| face.attributes.is_some()) { "; " } else { ", " };
    if faces.is_empty() { "no face".to_owned() } else { faces.iter().map(one).collect::<Vec<_>>().join(between) }
}
