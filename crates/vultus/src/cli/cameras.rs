use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value, json};
use store::Store;

use super::output::say;
use crate::cameras::{Camera, Cameras, Fixed};
use crate::settings::{Resolved, Settings};

/// What is watched.
#[derive(Debug, Subcommand)]
pub enum CamerasCommand {
    /// List the cameras of vultus.toml and of the database, and how each is doing.
    #[command(after_help = "Examples:
  vultus cameras list
  vultus cameras list --json | jq '.[].state'")]
    List {
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Add a camera to the database; running services begin with it within a second or two.
    #[command(after_help = "Examples:
  vultus cameras add front-door rtsp://user:password@10.0.0.5/stream2
  vultus cameras add yard testsrc fps_limit=5 direction=in 'region=[[0,0],[0.5,0],[0.5,1],[0,1]]'")]
    Add {
        /// Small letters, digits, - and _.
        id: String,
        /// As VIDEO_SOURCE.
        source: String,
        /// Other fields, as docs/reference/cameras.md lists them.
        #[arg(value_name = "FIELD=VALUE", value_parser = field)]
        fields: Vec<(String, Value)>,
    },
    /// Remove a camera from the database.
    #[command(after_help = "Example:
  vultus cameras remove front-door")]
    Remove {
        /// The camera's id.
        id: String,
    },
    /// Watch a camera of the database again.
    #[command(after_help = "Example:
  vultus cameras enable front-door")]
    Enable {
        /// The camera's id.
        id: String,
    },
    /// Watch a camera of the database no longer, and keep its definition.
    #[command(after_help = "Example:
  vultus cameras disable front-door")]
    Disable {
        /// The camera's id.
        id: String,
    },
}

/// `vultus cameras …`
pub fn run(command: CamerasCommand, settings: &Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let store = Store::open(&settings.database()).await?;
        let cameras = Cameras::new(store, settings.node(), Fixed::of_file(resolved)?);
        match command {
            CamerasCommand::List { json } => list(&cameras.all().await?, json)?,
            CamerasCommand::Add { id, source, fields } => {
                let mut definition = Map::from_iter(fields);
                definition.extend([("id".to_owned(), id.into()), ("source".to_owned(), source.into())]);
                say(format!("{} is added", cameras.add(&definition.into()).await?.id()))?;
            }
            CamerasCommand::Remove { id } => {
                cameras.remove(&id).await?;
                say(format!("{id} is removed"))?;
            }
            CamerasCommand::Enable { id } => {
                cameras.change(&id, &json!({ "enabled": true })).await?;
                say(format!("{id} is enabled"))?;
            }
            CamerasCommand::Disable { id } => {
                cameras.change(&id, &json!({ "enabled": false })).await?;
                say(format!("{id} is disabled"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// `fps_limit=5`; what is not JSON is a text.
fn field(given: &str) -> Result<(String, Value), String> {
    let (field, value) = given.split_once('=').ok_or("a field is written FIELD=VALUE, as in fps_limit=5")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((field.to_owned(), value))
}

fn list(cameras: &[Camera], json: bool) -> anyhow::Result<()> {
    if json {
        say(serde_json::to_string(cameras)?)?;
        return Ok(());
    }
    for camera in cameras {
        say(line(&serde_json::to_value(camera)?))?;
    }
    Ok(())
}

fn line(camera: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut line = format!("{}  {}  {}", text(&camera["id"]), text(&camera["source"]), text(&camera["state"]["state"]));
    if let Some(node) = camera["node"].as_str() {
        line.push_str(&format!(" on {node}"));
    }
    if let Some(reason) = camera["state"]["reason"].as_str() {
        line.push_str(&format!(": {reason}"));
    }
    line
}
