use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use store::Store;

use super::output::say;
use crate::nodes::{Node, Nodes};
use crate::settings::Settings;

/// Which processes there are.
#[derive(Debug, Args)]
pub struct NodesCommand {
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// `vultus nodes`
pub fn run(command: &NodesCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let store = Store::open(&settings.database()).await?;
        let list = Nodes::new(store, settings.node(), "", None, None).list().await;
        if command.json {
            say(serde_json::to_string(&list)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if !list.is_whole() {
            bail!("the database does not answer: try again, and see its own log");
        }
        list.nodes().iter().try_for_each(|node| say(line(node)))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn line(node: &Node) -> String {
    let behind = match node.behind {
        Some(0) | None => String::new(),
        Some(behind) => format!(", {behind} behind"),
    };
    let cameras = if node.cameras.is_empty() { String::new() } else { format!(": {}", node.cameras.join(", ")) };
    let life = if node.alive { "alive" } else { "dead" };
    format!(
        "{}  {}  {life}, heard of {} s ago  version {}{behind}{cameras}",
        node.node, node.kind, node.seen_seconds_ago, node.gallery_version
    )
}
