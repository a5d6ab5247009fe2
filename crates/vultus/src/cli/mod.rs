//! The command line: what can be asked for, and who answers.

mod attendance;
mod bench;
mod cameras;
mod config;
mod doctor;
mod eval;
mod export;
mod import;
mod int8;
mod models;
mod nodes;
mod output;
mod people;
mod progress;
mod recognize;
mod recording;
mod reembed;
mod serve;
mod verify;
mod webhooks;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

pub use output::is_closed_pipe;

use crate::settings::{self, DEFINITIONS, Flags, LogFormat, Settings};

/// Face recognition for access control, attendance, gates and smart cameras.
#[derive(Debug, Parser)]
#[command(name = "vultus", version, about, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  vultus models pull                                   fetch the models (once)
  vultus people add John john.jpg                      enrol somebody
  vultus serve --camera rtsp://10.0.0.5/stream         watch a camera
  vultus recognize party.jpg --json                    who is in this photo?

Every setting is a flag, an environment variable and a key of vultus.toml: see `vultus config`.")]
struct Cli {
    /// Settings file; by default vultus.toml in the working folder, then in VULTUS_HOME.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// API, WebSocket hub and cameras in one process.
    #[command(after_help = "Examples:
  vultus serve                                 the first USB camera
  vultus serve --camera rtsp://user:password@10.0.0.5/stream
  vultus serve --camera door.mp4 --loop
  vultus serve --http-addr 0.0.0.0:5000 --ws-addr 0.0.0.0:3001 --api-key SECRET")]
    Serve,
    /// The HTTP API alone.
    #[command(after_help = "Example, with `vultus detect` and `vultus hub` beside it:
  DATABASE_URL=postgres://vultus:secret@db/vultus vultus api --http-addr 0.0.0.0:5000 --api-key SECRET")]
    Api,
    /// The cameras alone; publishes to WS_URL.
    #[command(after_help = "Examples:
  vultus detect --camera rtsp://10.0.0.5/stream --ws-url ws://hub.example:3001/ws/face-stream
  vultus detect --camera door.mp4                    ends with the recording")]
    Detect,
    /// The WebSocket hub alone.
    #[command(after_help = "Example:
  vultus hub --ws-addr 0.0.0.0:3001 --api-key SECRET")]
    Hub,
    /// Add, remove and list enrolled people.
    #[command(subcommand)]
    People(people::People),
    /// Add, remove and list cameras.
    #[command(subcommand)]
    Cameras(cameras::CamerasCommand),
    /// Who was there and who was not.
    #[command(after_help = "Examples:
  vultus attendance                                          today
  vultus attendance --from 2026-11-01 --to 2026-11-30 --csv > november.csv
  vultus attendance --from 2026-11-01 --to 2026-11-30 --attlog --group staff")]
    Attendance(attendance::AttendanceCommand),
    /// The processes that share the database, and how far each is behind.
    #[command(after_help = "Examples:
  vultus nodes
  vultus nodes --json | jq '.nodes[] | select(.alive | not)'")]
    Nodes(nodes::NodesCommand),
    /// List and test webhooks, and send again what they have given up.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Who is in these photos, or in this recording?
    Recognize(recognize::Recognize),
    /// Do two photos show the same person?
    Verify(verify::Verify),
    /// How good is recognition, on labelled photos or on the people who are enrolled?
    Eval(eval::Eval),
    /// Fetch, list and check the models.
    #[command(subcommand)]
    Models(models::Models),
    /// What is missing on this machine, and how to get it.
    #[command(after_help = "Example:
  VIDEO_SOURCE=door.mp4 vultus doctor     ends with 1 when something is missing")]
    Doctor,
    /// The effective settings and where each comes from.
    Config(config::Config),
    /// Shell completions, written to standard output.
    #[command(after_help = "Example:
  vultus completions bash > /etc/bash_completion.d/vultus")]
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// The command line as it was given.
pub struct Invocation {
    cli: Cli,
    flags: Flags,
}

/// Reads the command line; ends the process with help or an error where that is due.
pub fn parse() -> Invocation {
    let matches = command().get_matches();
    let flags = flags_of(&matches);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Invocation { cli, flags }
}

/// The whole command line: the derived part and a flag for each setting.
fn command() -> clap::Command {
    DEFINITIONS.iter().fold(Cli::command(), |command, definition| {
        let flag = Arg::new(definition.key).long(definition.flag()).global(true).value_name("VALUE");
        let flag = flag.visible_aliases(alias_of(definition.key));
        // A switch may stand alone; any other flag takes what follows, a value such as -1 included, so that the setting
        // itself says what is allowed.
        let flag = if definition.is_switch {
            flag.num_args(0..=1).default_missing_value("true")
        } else {
            flag.allow_hyphen_values(true)
        };
        command.arg(
            flag.help(format!("{} [{}={}]", definition.help(), definition.name(), definition.default))
                .hide_short_help(true)
                .help_heading(format!("Settings: {:?}", definition.section)),
        )
    })
}

/// Names that come to one's fingers first.
fn alias_of(key: &str) -> Option<&'static str> {
    match key {
        "video_source" => Some("camera"),
        "loop_file" => Some("loop"),
        _ => None,
    }
}

/// A global flag may stand before or after the subcommand; clap hands it to the innermost one.
fn flags_of(matches: &ArgMatches) -> Flags {
    let mut innermost = matches;
    while let Some((_, matches)) = innermost.subcommand() {
        innermost = matches;
    }
    DEFINITIONS
        .iter()
        .filter_map(|definition| Some((definition.key, innermost.get_one::<String>(definition.key)?.clone())))
        .collect()
}

/// Does what was asked for.
///
/// # Errors
/// What went wrong, for `main` to print.
pub fn run(invocation: Invocation) -> anyhow::Result<ExitCode> {
    let Invocation { cli, flags } = invocation;
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "vultus", &mut script);
        std::io::stdout().write_all(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Config(config) = &cli.command
        && let Some(answer) = config::without_settings(config)
    {
        return answer;
    }
    let (settings, resolved) = settings::load(&flags, cli.config.as_deref())?;
    start_log(&settings, is_service(&cli.command))?;
    install_crypto()?;
    match cli.command {
        Command::Serve => serve::serve(settings, &resolved),
        Command::Api => serve::api(settings, &resolved),
        Command::Detect => serve::detect(settings, &resolved),
        Command::Hub => serve::hub(&settings),
        Command::People(command) => people::run(command, settings),
        Command::Cameras(command) => cameras::run(command, &settings, &resolved),
        Command::Attendance(command) => attendance::run(command, &settings, &resolved),
        Command::Nodes(command) => nodes::run(&command, &settings),
        Command::Webhooks(command) => webhooks::run(command, &settings, &resolved),
        Command::Recognize(command) => recognize::run(command, settings),
        Command::Verify(command) => verify::run(&command, &settings),
        Command::Eval(command) => eval::run(&command, settings),
        Command::Models(command) => models::run(&command, &settings),
        Command::Doctor => doctor::run(&settings, &resolved),
        Command::Config(_) => config::print(&settings, &resolved),
        Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    }
}

fn is_service(command: &Command) -> bool {
    matches!(command, Command::Serve | Command::Api | Command::Detect | Command::Hub)
}

/// Logs go to standard error: standard output belongs to answers. A command that ends says only what went wrong, unless
/// LOG asks for more.
fn start_log(settings: &Settings, is_service: bool) -> anyhow::Result<()> {
    let filter = if !is_service && settings.log.0 == "info" { "warn" } else { &settings.log.0 };
    // The database's driver speaks of each connection that is lost; what cannot be done meanwhile is said by who does it, once.
    let quieter = if filter.contains("sqlx") { filter.to_owned() } else { format!("{filter},sqlx=error") };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(quieter).context("LOG")?)
        .with_writer(std::io::stderr)
        .with_target(false);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        // The fields of a line beside its message, where collectors look for them.
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    Ok(())
}

/// One TLS implementation for webhooks and hubs.
fn install_crypto() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS implementation is installed already"))
}

/// A runtime for commands that wait.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}
