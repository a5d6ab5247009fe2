use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use gallery::{EnrolPolicy, Finding};
use moving::{FaceDb, FaceDbError, shown};
use serde_json::json;
use store::{Restored, Store};

use super::output::say;
use super::people::{Leniency, hint, photos_text};
use super::progress;
use crate::app::{App, catalog_of};
use crate::bulk::{BulkLimits, Entry, ZipPhotos, folder_photos};
use crate::http::{EntryResult, enrol_all};
use crate::moving::{ArchiveReader, Newcomers, Plan, Space, is_pickle, read_bounded};
use crate::settings::Settings;

/// Largest face database that is read, in MB: 100,000 people have 110.
const MOST_MB: u64 = 256;

/// What an archive of people may unpack to: a gallery of 100,000 has some 50 GB with all photos.
const ARCHIVE_LIMITS: BulkLimits = BulkLimits { photo_bytes: 2 << 20, total_bytes: 200 << 30 };

/// Pairs of names that look alike and are told one by one.
const MOST_ALIKE: usize = 50;

/// Enrols many people at once.
#[derive(Debug, Args)]
pub struct Import {
    /// A folder or ZIP file of photos, what `vultus people export` has written, or a face_db.pkl; told by its content.
    source: PathBuf,
    #[command(flatten)]
    leniency: Leniency,
    /// Of a face_db.pkl: the pack whose encodings it holds.
    #[arg(long, value_name = "PACK", default_value = "dlib")]
    pack: String,
    /// Of a face_db.pkl: say what would be imported, and import nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// `vultus people import`
pub async fn run(import: &Import, settings: Settings) -> anyhow::Result<ExitCode> {
    let source = &import.source;
    if !source.is_dir() && is_pickle(source).with_context(|| format!("cannot open {}", source.display()))? {
        return face_db(import, &settings).await;
    }
    if let Some(archive) = archive_in(source)? {
        ensure!(!import.dry_run, "--dry-run is for a face_db.pkl: what is in the archive already is left as it is");
        return restore(archive, import, &settings).await;
    }
    ensure!(!import.dry_run, "--dry-run is for a face_db.pkl: photos are judged while they are enrolled");
    let results = photos(settings, source, import.leniency.policy()).await?;
    let (failed, enrolled): (Vec<&EntryResult>, Vec<_>) = results.iter().partition(|result| result.error.is_some());
    for result in &failed {
        eprintln!("{}: {}", result.file, result.message.as_deref().unwrap_or_default());
    }
    let reasons: Vec<Finding> = failed.iter().flat_map(|result| result.reasons.clone()).collect();
    if let Some(hint) = hint(&reasons) {
        eprintln!("{hint}");
    }
    if import.json {
        say(json!({"enrolled": enrolled.len(), "failed": failed.len(), "results": results}))?;
    } else {
        say(format!("{} enrolled, {} failed", photos_text(enrolled.len()), failed.len()))?;
    }
    Ok(if enrolled.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn photos(settings: Settings, source: &Path, policy: EnrolPolicy) -> anyhow::Result<Vec<EntryResult>> {
    let engines = settings.engines();
    let app = App::open(settings, engines).await?;
    if source.is_dir() {
        let (count, entries) = folder_photos(source, app.bulk_limits())?;
        return Ok(enrol_with_bar(&app, count, entries, policy).await);
    }
    let file = File::open(source).with_context(|| format!("cannot open {}", source.display()))?;
    let photos = ZipPhotos::open(file, app.bulk_limits()).with_context(|| source.display().to_string())?;
    Ok(enrol_with_bar(&app, photos.len(), photos, policy).await)
}

async fn enrol_with_bar(
    app: &App,
    count: usize,
    entries: impl Iterator<Item = Entry> + Send + 'static,
    policy: EnrolPolicy,
) -> Vec<EntryResult> {
    let bar = progress::bar(count as u64, "enrolling");
    let results = enrol_all(app, entries, policy, |_| bar.inc(1)).await;
    bar.finish_and_clear();
    results
}

/// What `vultus people export` has written, if it is that.
fn archive_in(source: &Path) -> anyhow::Result<Option<ArchiveReader>> {
    if source.is_dir() {
        return Ok(None);
    }
    let shown = source.display();
    let file = File::open(source).with_context(|| format!("cannot open {shown}"))?;
    ArchiveReader::open(file, ARCHIVE_LIMITS).with_context(|| shown.to_string())
}

/// Puts everybody of an archive into the database. No model is needed for that.
async fn restore(archive: ArchiveReader, import: &Import, settings: &Settings) -> anyhow::Result<ExitCode> {
    let store = Store::open(&settings.database()).await?;
    let newcomers = Newcomers { catalog: catalog_of(settings)?, calendar: settings.calendar() };
    let bar = progress::bar(archive.len() as u64, "importing");
    let (mut restored, mut failed) = (Vec::new(), 0);
    for (entry, person) in archive.people() {
        match person {
            Ok(person) => {
                if let Some(problem) = newcomers.problem_with(&store, &person, import.leniency.is_forced()).await? {
                    bar.println(format!("{}: {problem}", person.name));
                    failed += 1;
                    bar.inc(1);
                    continue;
                }
                let done = store.restore(&person).await.with_context(|| format!("while storing {}", person.name))?;
                if let Some(holder) = &done.code_taken_by {
                    bar.println(format!(
                        "warning: the code of {} belongs to {holder} here, and was left out",
                        person.name
                    ));
                }
                restored.push(done);
            }
            Err(problem) => {
                bar.println(format!("{}: {problem:#}", shown(&entry)));
                failed += 1;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    told_of(&restored, failed, import.json)?;
    Ok(if restored.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn told_of(restored: &[Restored], failed: usize, json: bool) -> anyhow::Result<()> {
    let new = restored.iter().filter(|person| person.created).count();
    let more = restored.iter().filter(|person| !person.created && person.templates > 0).count();
    let templates: u32 = restored.iter().map(|person| person.templates).sum();
    let same = restored.len() - new - more;
    if json {
        say(json!({"new": new, "extended": more, "unchanged": same, "templates": templates, "failed": failed}))?;
        return Ok(());
    }
    let plural = if templates == 1 { "" } else { "s" };
    let people = format!("{new} new, {more} got more templates, {same} unchanged, {failed} failed");
    say(format!("{people}; {templates} template{plural} in all"))?;
    Ok(())
}

/// Imports the original's database. No model is needed for that.
async fn face_db(import: &Import, settings: &Settings) -> anyhow::Result<ExitCode> {
    let source = import.source.display().to_string();
    let space = Space::of_pack(&import.pack, settings)?;
    let db = FaceDb::read(&read_bounded(&import.source, MOST_MB)?, space.dim).map_err(|error| told(&error, &source))?;
    if db.is_empty() {
        bail!("{source}: nobody is in it");
    }
    let store = Store::open(&settings.database()).await?;
    let plan = Plan::of(db, &store.people(&[&space.name]).await?.people, import.leniency.is_forced());
    warn_of(&plan);
    if !import.dry_run {
        let bar = progress::bar(plan.people.len() as u64, "importing");
        let stored = plan.store(&store, &space, || bar.inc(1)).await;
        bar.finish_and_clear();
        stored?;
    }
    summarise(&plan, &space, import)?;
    let nothing = plan.people.is_empty() && plan.already == 0;
    Ok(if nothing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn told(error: &FaceDbError, source: &str) -> anyhow::Error {
    let forms = match error {
        FaceDbError::SomethingElse { .. } => "; docs/guide/moving-in.md lists the forms that are understood",
        _ => "",
    };
    anyhow::anyhow!("{source}: {error}{forms}")
}

/// What was left out, and whose faces are nearly the same.
fn warn_of(plan: &Plan) {
    for skipped in &plan.left_out.skipped {
        eprintln!("{}: {}", shown(&skipped.who), skipped.why);
    }
    if plan.left_out.more_skipped > 0 {
        eprintln!("and {} more that were left out", plan.left_out.more_skipped);
    }
    let Some(alike) = &plan.alike else {
        eprintln!("warning: there are too many encodings to look for one person under two names");
        return;
    };
    for pair in alike.iter().take(MOST_ALIKE) {
        eprintln!(
            "warning: {} and {} have nearly the same face (distance {:.2}): if they are one person, remove one of them",
            pair.name, pair.other, pair.distance
        );
    }
    if alike.len() > MOST_ALIKE {
        eprintln!("warning: and {} more pairs of names with nearly the same face", alike.len() - MOST_ALIKE);
    }
}

fn summarise(plan: &Plan, space: &Space, import: &Import) -> anyhow::Result<()> {
    let hint =
        (!space.is_installed).then(|| format!("run `vultus models pull {}` so that they are recognised", space.pack));
    let (people, encodings, left_out) = (plan.people.len(), plan.encodings(), plan.left_out());
    if import.json {
        let reasons = plan.left_out.skipped.iter().map(|skipped| json!({"name": skipped.who, "reason": skipped.why}));
        say(json!({
            "dry_run": import.dry_run, "pack": space.pack, "people": people, "encodings": encodings, "already_there": plan.already,
            "skipped": left_out, "reasons": reasons.collect::<Vec<_>>(), "alike": plan.alike, "hint": hint,
        }))?;
        return Ok(());
    }
    let noun = if people == 1 { "person" } else { "people" };
    let plural = if encodings == 1 { "" } else { "s" };
    let done = if import.dry_run { "would be imported" } else { "imported" };
    let already = if plan.already > 0 { format!(", {} already there", plan.already) } else { String::new() };
    say(format!("{people} {noun} with {encodings} encoding{plural} {done}, {left_out} skipped{already}"))?;
    if let Some(hint) = hint {
        say(hint)?;
    }
    Ok(())
}
