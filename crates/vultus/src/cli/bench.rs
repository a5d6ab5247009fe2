use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::eval::{FRAME, Looking, Pace, Question, ROUNDS, Report, Spread, frame_of};
use anyhow::{Context, bail};
use clap::Args;
use face::{RgbImage, Runtime};
use gallery::Scale;
use models::{Cache, Catalog, InstalledPack};
use serde::Serialize;

use super::eval::{dataset, looking};
use super::output::say;
use super::progress;
use crate::settings::Settings;

/// Times packs on this machine, one core each, and measures them on labelled photos.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vultus models bench                                every installed pack, on the sample photos
  vultus models bench default centerface --json
  vultus models bench --faces photos/                photos/NAME/1.jpg: how well each tells people apart, too
  vultus models bench --faces lfw/ --pairs pairs.txt")]
pub struct Bench {
    /// Packs; by default all that are installed.
    packs: Vec<String>,
    /// Labelled photos, NAME/photo.jpg: accuracy is measured on them, and times too where there are no sample photos.
    #[arg(long, value_name = "DIR")]
    faces: Option<PathBuf>,
    /// Compare these pairs of them only: a CSV file_x,file_y,same, or LFW's pairs.txt.
    #[arg(long, value_name = "FILE", requires = "faces")]
    pairs: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Frames that packs are timed on: more say nothing new.
const MOST_FRAMES: usize = 10;

/// What was measured.
#[derive(Debug, Serialize)]
struct Benched {
    /// Pixels of a frame.
    frame: (u32, u32),
    /// Different frames.
    frames: usize,
    /// How often each was looked at.
    rounds: usize,
    packs: Vec<PackBench>,
}

/// One pack.
#[derive(Debug, Serialize)]
struct PackBench {
    pack: String,
    space: String,
    detector: &'static str,
    licence: String,
    /// Milliseconds.
    times: Pace,
    /// On the labelled photos; null without any.
    accuracy: Option<Accuracy>,
}

/// How well a pack tells people apart, as `vultus eval` has it; null is what so few photos do not show.
#[derive(Debug, Serialize)]
struct Accuracy {
    photos: usize,
    missed: usize,
    accuracy_10fold: Option<f64>,
    /// Share of genuine pairs accepted where one impostor pair in a thousand is.
    tar_at_fmr_1e3: Option<f64>,
    /// Genuine and impostor pairs that this rests on.
    pairs: [u64; 2],
}

/// `vultus models bench …`
pub fn run(command: &Bench, catalog: &Catalog, cache: &Cache, settings: &Settings) -> anyhow::Result<ExitCode> {
    let packs = packs(&command.packs, catalog, cache, settings.int8)?;
    let runtime = Runtime::load(&cache.runtime(catalog)?)?;
    let looking = looking(settings);
    let frames = frames(command, catalog, cache, &looking)?;
    let bar = progress::bar((packs.len() * frames.len() * ROUNDS) as u64, "timing");
    let paces = ::eval::pace(&runtime, &packs, &frames, &|| bar.inc(1));
    bar.finish_and_clear();
    let mut benched = Vec::new();
    for (installed, times) in packs.iter().zip(paces?) {
        let accuracy = match &command.faces {
            Some(folder) => Some(accuracy(command, folder, &runtime, installed, &looking)?),
            None => None,
        };
        let pack = &installed.pack;
        benched.push(PackBench {
            pack: pack.name.clone(),
            space: pack.embedder.space.clone(),
            detector: pack.detector.kind.key(),
            licence: pack.licence.clone(),
            times,
            accuracy,
        });
    }
    tell(command, &Benched { frame: FRAME, frames: frames.len(), rounds: ROUNDS, packs: benched })?;
    Ok(ExitCode::SUCCESS)
}

/// The wanted packs; a wanted one that is not installed is an error, of all only those that are.
fn packs(wanted: &[String], catalog: &Catalog, cache: &Cache, in_int8: bool) -> anyhow::Result<Vec<InstalledPack>> {
    let form = |installed| if in_int8 { cache.in_int8(installed) } else { installed };
    if !wanted.is_empty() {
        return wanted.iter().map(|name| Ok(form(cache.installed(catalog, name)?))).collect();
    }
    let installed: Vec<_> =
        catalog.packs.keys().filter_map(|name| Some(form(cache.installed(catalog, name).ok()?))).collect();
    if installed.is_empty() {
        bail!("no pack is installed: run `vultus models pull`");
    }
    Ok(installed)
}

/// The sample photos, or the first of the folder.
fn frames(command: &Bench, catalog: &Catalog, cache: &Cache, looking: &Looking) -> anyhow::Result<Vec<RgbImage>> {
    let samples = cache.photos(catalog).ok().map(|photos| photos.into_values().collect::<Vec<PathBuf>>());
    let photos = match (samples, &command.faces) {
        (Some(photos), _) => photos,
        (None, Some(folder)) => {
            dataset(command.pairs.as_deref(), folder)?.0.photos.into_iter().map(|photo| photo.path).collect()
        }
        (None, None) => {
            bail!("there are no photos to look at: run `vultus models pull photos`, or name a folder with --faces")
        }
    };
    let pictures = photos.iter().filter_map(|photo| ::eval::read(photo, looking).ok());
    let frames: Vec<RgbImage> = pictures.take(MOST_FRAMES).map(|picture| frame_of(&picture)).collect();
    if frames.is_empty() {
        bail!("none of the {} photos can be read", photos.len());
    }
    Ok(frames)
}

fn accuracy(
    command: &Bench,
    folder: &Path,
    runtime: &Runtime,
    installed: &InstalledPack,
    looking: &Looking,
) -> anyhow::Result<Accuracy> {
    let (set, list) = dataset(command.pairs.as_deref(), folder)?;
    let bar = progress::bar(set.photos.len() as u64, &format!("photos with {}", installed.pack.name));
    let shots = ::eval::look_at_all(runtime, installed, &set.photos, looking, &|| bar.inc(1));
    bar.finish_and_clear();
    let scale = Scale::of(&installed.pack.embedder);
    let question = Question { scale, accept: None, people: None, wanted: None, threads: looking.engines };
    let report = Report::of(&set, &shots?, installed, &question, (folder, list.as_deref()));
    let report = report.with_context(|| format!("with pack {}", installed.pack.name))?;
    let measures = &report.measures;
    Ok(Accuracy {
        photos: report.photos,
        missed: report.missed,
        accuracy_10fold: measures.accuracy_10fold,
        tar_at_fmr_1e3: measures.tar_at_fmr.get("1e-3").copied().flatten(),
        pairs: [measures.pairs.genuine, measures.pairs.impostor],
    })
}

fn tell(command: &Bench, benched: &Benched) -> anyhow::Result<()> {
    if command.json {
        return Ok(say(serde_json::to_string(benched)?)?);
    }
    let (width, height) = benched.frame;
    say(format!(
        "ms on one core, median (5 – 95 %), of {} frames of {width}x{height} looked at {} times\n",
        benched.frames, benched.rounds
    ))?;
    say(row(["pack", "detect", "points", "embed", "whole frame", "accuracy", "TAR at 1e-3", "missed"]))?;
    for pack in &benched.packs {
        let Pace { detect, landmark, embed, frame, .. } = pack.times;
        let [accuracy, tar, missed] = match &pack.accuracy {
            Some(known) => [share(known.accuracy_10fold), share(known.tar_at_fmr_1e3), known.missed.to_string()],
            None => ["", "", ""].map(str::to_owned),
        };
        let times = [detect, landmark, embed, frame].map(ms);
        say(row([&pack.pack, &times[0], &times[1], &times[2], &times[3], &accuracy, &tar, &missed]))?;
    }
    let licences = benched.packs.iter().map(|pack| format!("{}: {}", pack.pack, pack.licence));
    say(format!("\n{}", licences.collect::<Vec<_>>().join("\n")))?;
    Ok(())
}

fn row(cells: [&str; 8]) -> String {
    let [pack, detect, points, embed, frame, accuracy, tar, missed] = cells;
    let line = format!("{pack:<14}{detect:<24}{points:<20}{embed:<24}{frame:<24}{accuracy:<12}{tar:<14}{missed}");
    line.trim_end().to_owned()
}

fn ms(spread: Spread) -> String {
    format!("{:.1} ({:.1} – {:.1})", spread.median, spread.p5, spread.p95)
}

fn share(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2} %", share * 100.0))
}
