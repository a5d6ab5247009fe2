use std::process::ExitCode;

use clap::Args;

use super::output::say;
use crate::settings::{Resolved, Settings};
use crate::webhooks::named_webhooks;

/// Prints settings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vultus config                             effective values and where each comes from
  vultus config --example > vultus.toml     a commented file to start from")]
pub struct Config {
    /// Print a commented settings file with all defaults instead.
    #[arg(long)]
    pub example: bool,
}

/// `vultus config --example`
pub fn print_example() -> anyhow::Result<ExitCode> {
    say(crate::settings::example_file())?;
    Ok(ExitCode::SUCCESS)
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
