use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::output::say;
use crate::moving::{Draft, begun_for, is_dotenv, read_bounded};
use crate::settings::{Resolved, Settings};
use crate::webhooks::named_webhooks;

/// Largest settings file that is read, in MB.
const MOST_MB: u64 = 1;

/// Prints settings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vultus config                             effective values and where each comes from
  vultus config --example > vultus.toml     a commented file to start from
  vultus config import settings.py          a file with the settings of the original")]
pub struct Config {
    /// Print a commented settings file with all defaults instead.
    #[arg(long)]
    pub example: bool,
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Make a vultus.toml of the original's settings.py, or of a .env. Nothing in it is run.
    #[command(after_help = "Examples:
  vultus config import settings.py --dry-run
  vultus config import settings.py
  vultus config import .env --output /etc/vultus.toml")]
    Import(ConfigImport),
}

/// Makes a settings file of another program's.
#[derive(Debug, Args)]
struct ConfigImport {
    /// A Python file with lines such as `TH_ACCEPT = 0.45`, or a .env.
    file: PathBuf,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "vultus.toml")]
    output: PathBuf,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

/// What can be answered whatever the settings are, also wrong ones.
pub fn without_settings(config: &Config) -> Option<anyhow::Result<ExitCode>> {
    match &config.command {
        Some(ConfigCommand::Import(import)) => Some(import_settings(import)),
        None if config.example => Some(print_example()),
        None => None,
    }
}

/// `vultus config --example`
fn print_example() -> anyhow::Result<ExitCode> {
    say(crate::settings::example_file())?;
    Ok(ExitCode::SUCCESS)
}

/// `vultus config import`
fn import_settings(import: &ConfigImport) -> anyhow::Result<ExitCode> {
    let shown = import.file.display();
    let text = String::from_utf8(read_bounded(&import.file, MOST_MB)?)
        .with_context(|| format!("{shown} is no text in UTF-8"))?;
    let read = if is_dotenv(&import.file) { moving::read_dotenv } else { moving::read_settings_py };
    let draft = Draft::of(read(&text));
    for place in draft.left_out.iter().chain(&draft.wrong) {
        eprintln!("{shown} {place}");
    }
    for place in &draft.taken {
        say(format!("{shown} {place}"))?;
    }
    if !draft.wrong.is_empty() {
        bail!("nothing is written: mend what is not allowed ({} of {shown})", draft.wrong.len());
    }
    if draft.taken.is_empty() {
        bail!("nothing is written: {shown} has no setting that is known here");
    }
    let done = if import.dry_run { "would be written" } else { "written" };
    if !import.dry_run {
        write(&import.output, &draft.file(), import.force)?;
    }
    let (taken, left_out) = (draft.taken.len(), draft.left_out.len());
    let noun = if taken == 1 { "setting" } else { "settings" };
    say(format!("{taken} {noun} {done} to {}, {left_out} left out", import.output.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file as a whole or not at all, readable by its owner only: it may hold passwords of cameras.
fn write(output: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let shown = output.display();
    let mut file = begun_for(output)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    file.as_file().sync_all().with_context(|| format!("cannot write {shown}"))?;
    let placed = if force { file.persist(output) } else { file.persist_noclobber(output) };
    match placed {
        Err(problem) if problem.error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} is there already: --force writes over it, --output writes elsewhere")
        }
        placed => placed.map(|_| ()).with_context(|| format!("cannot write {shown}")),
    }
}

/// `vultus config`
pub fn print(settings: &Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let rows: Vec<_> = resolved.rows().map(|(definition, value, origin)| (definition.name(), value, origin)).collect();
    let name_width = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let value_width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    for (name, value, origin) in rows {
        say(format!("{name:name_width$} = {value:value_width$}  # {origin}"))?;
    }
    say("")?;
    say(format!("# VULTUS_HOME is {}", settings.home().display()))?;
    for webhook in named_webhooks(resolved)? {
        let request = &webhook.settings.request;
        say(format!("# [[webhook]] {}: {} {}", webhook.name, request.method(), request.shown()))?;
    }
    say(format!("# models are in {}", settings.models_folder().display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_settings_file_is_its_owners_and_replaced_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("vultus.toml");
        write(&output, "A", false).unwrap();
        assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
        let error = write(&output, "B", false).unwrap_err().to_string();
        assert!(error.contains("is there already") && fs::read_to_string(&output).unwrap() == "A", "{error}");
        write(&output, "C", true).unwrap();
        assert_eq!(fs::read_to_string(&output).unwrap(), "C");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
