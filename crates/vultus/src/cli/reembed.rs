use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use face::{DecodeLimits, EnginePool, Runtime};
use models::{Cache, Pack};
use store::Store;
use tokio::signal::ctrl_c;

use super::output::say;
use super::people::photos_text;
use super::progress;
use crate::app::catalog_of;
use crate::reembedding::{self, Outcome, Plan};
use crate::settings::Settings;

/// Embeds everybody by another model pack, from what is kept of their photos.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vultus models pull centerface                   the pack must be installed
  vultus people reembed --pack mine               services go on meanwhile; Ctrl-C stops, the same command goes on
  MODEL_PACK=mine vultus serve                    may be started before it is done: who is not embedded yet is known by the pack before
  vultus people reembed --pack mine --undo        takes back what was made of photos of which another pack has templates too")]
pub struct Reembed {
    /// The pack; by default the one in use (MODEL_PACK).
    #[arg(long)]
    pack: Option<String>,
    /// Take back what this command has made for the pack. Who was enrolled by that pack in the first place stays.
    #[arg(long)]
    undo: bool,
    /// Only say how many people have something to be done.
    #[arg(long, conflicts_with = "undo")]
    dry_run: bool,
}

const WITHOUT_PHOTO: &str = "left as before, since no photo of them is kept (enrol them again)";

/// Names that are listed at most.
const LISTED: usize = 10;

/// `vultus people reembed`
pub async fn run(command: &Reembed, settings: &Settings) -> anyhow::Result<ExitCode> {
    let catalog = catalog_of(settings)?;
    let name = command.pack.as_deref().unwrap_or(&settings.model_pack);
    let pack = catalog.pack(name)?;
    let store = Store::open(&settings.database()).await?;
    if command.undo {
        return undo(&store, pack).await;
    }
    let plan = Plan::of(&store, pack).await?;
    if command.dry_run {
        return told(&plan, name);
    }
    let cache = Cache::new(settings.models_folder());
    let installed = cache.installed(&catalog, name)?;
    let runtime = Runtime::load(&cache.runtime(&catalog)?)?;
    let engines = EnginePool::open(&runtime, &installed, 1, None)?;
    let limits = DecodeLimits { megapixels: settings.max_image_mp.0 };
    embed_all(&store, &engines, pack, limits, plan).await
}

async fn embed_all(
    store: &Store,
    engines: &EnginePool,
    pack: &Pack,
    limits: DecodeLimits,
    plan: Plan,
) -> anyhow::Result<ExitCode> {
    let bar = progress::bar(plan.to_do.len() as u64, "embedding people");
    let (mut embedded, mut left, mut stopped) = (0, Vec::new(), false);
    for person in &plan.to_do {
        let work = reembedding::embed(store, engines, pack, limits, person);
        let outcome = tokio::select! {
            outcome = work => outcome.with_context(|| format!("while embedding {}", person.name))?,
            // What was not written of this person is as if it had never begun.
            _ = ctrl_c() => { stopped = true; break }
        };
        match outcome {
            Outcome::Embedded(_) => embedded += 1,
            Outcome::Gone => {}
            Outcome::TooFew { usable, tried } => {
                left.push(format!("{} ({usable} of {tried} photos can be used)", person.name));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let rest = plan.to_do.len() - embedded - left.len();
    say(format!("{} embedded by pack {}", people(embedded), pack.name))?;
    if stopped {
        say(format!("stopped: {} left; the same command goes on where it stopped", people(rest)))?;
    }
    mention("left as before, since the pack can use too few of their photos (enrol them again)", &left);
    mention(WITHOUT_PHOTO, &plan.without_photo);
    Ok(if stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn undo(store: &Store, pack: &Pack) -> anyhow::Result<ExitCode> {
    let space = &pack.embedder.space;
    let known = store.embedded_again(space).await?;
    let bar = progress::bar(known.len() as u64, "taking back");
    let mut templates = 0;
    for person in &known {
        templates += store.take_back_embedded(*person, space).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(format!("{templates} templates of {} taken back from pack {}", people(known.len()), pack.name))?;
    Ok(ExitCode::SUCCESS)
}

fn told(plan: &Plan, pack: &str) -> anyhow::Result<ExitCode> {
    let photos: u32 = plan.to_do.iter().map(|person| person.unembedded).sum();
    let photos = photos_text(photos as usize);
    say(format!("{} with {photos} to embed by pack {pack}; {} done", people(plan.to_do.len()), plan.done))?;
    mention(WITHOUT_PHOTO, &plan.without_photo);
    Ok(ExitCode::SUCCESS)
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

/// On standard error, the first few by name.
fn mention(what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let more = if names.len() > LISTED { format!(" and {} more", names.len() - LISTED) } else { String::new() };
    eprintln!("{} {what}: {}{more}", people(names.len()), names[..names.len().min(LISTED)].join(", "));
}
