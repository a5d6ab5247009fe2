use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;
use futures_util::FutureExt;
use store::Store;
use tokio::signal::ctrl_c;

use super::output::say;
use super::people::photos_text;
use super::progress;
use crate::moving::ArchiveWriter;
use crate::settings::Settings;

/// Writes everybody into one file.
#[derive(Debug, Args)]
pub struct Export {
    /// The ZIP file that is written.
    target: PathBuf,
    /// Leave the kept photos out: the people can then not be embedded again for another model pack.
    #[arg(long)]
    no_photos: bool,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
}

/// `vultus people export`
pub async fn run(export: &Export, settings: &Settings) -> anyhow::Result<ExitCode> {
    let target = &export.target;
    ensure!(export.force || !target.exists(), "{} is there already: --force replaces it", target.display());
    let store = Store::open(&settings.database()).await?;
    let people = store.names().await?;
    let mut archive = ArchiveWriter::create(target, people.len())?;
    let bar = progress::bar(people.len() as u64, "exporting");
    let (mut written, mut photos) = (0, 0);
    let mut stopped = std::pin::pin!(ctrl_c());
    for name in &people {
        // With the archive its unfinished file goes.
        ensure!(stopped.as_mut().now_or_never().is_none(), "stopped: nothing is written");
        // Who was removed meanwhile is not in it.
        if let Some(mut whole) = store.whole_person(name).await? {
            if export.no_photos {
                whole.photos.clear();
            }
            photos += whole.photos.len();
            archive.add(&whole)?;
            written += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    archive.finish(target, export.force)?;
    let noun = if written == 1 { "person" } else { "people" };
    say(format!("{written} {noun} with {} in {}", photos_text(photos), target.display()))?;
    Ok(ExitCode::SUCCESS)
}
