use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{ArgGroup, Subcommand};
use events::{Trial, WebhookSettings, try_webhook};
use serde_json::json;
use store::{DeliveryFilter, Micros, Resent, Store};

use super::output::say;
use crate::cameras::{Cameras, Fixed};
use crate::settings::{Resolved, Settings};
use crate::webhooks::{DeliveryView, NamedWebhook, Overview, STATES, named_webhooks, state_of};

/// Who is told of what happens.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List the webhooks, and how each is doing.
    #[command(after_help = "Examples:
  vultus webhooks list
  vultus webhooks list --json | jq '.[] | select(.dead > 0)'")]
    List {
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Send a sample notice now, and print the request and the answer.
    #[command(after_help = "Examples:
  vultus webhooks test relay             opens the door, if that is what the relay does
  vultus webhooks test WEBHOOK_URL       the contract's webhook")]
    Test {
        /// The webhook's name.
        name: String,
    },
    /// What became of deliveries, the newest first.
    #[command(after_help = "Examples:
  vultus webhooks deliveries --state dead
  vultus webhooks deliveries --webhook relay --limit 10 --json")]
    Deliveries {
        /// Those that are waiting, delivered or dead.
        #[arg(long)]
        state: Option<String>,
        /// Those of one webhook.
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Send dead deliveries again.
    #[command(group(ArgGroup::new("which").args(["id", "webhook"]).required(true)), after_help = "Examples:
  vultus webhooks resend 0f3c7a1e5b0d4c55a1c2d3e4f5060708
  vultus webhooks resend --webhook accounting        all of one webhook")]
    Resend {
        /// The delivery's id.
        id: Option<String>,
        /// All dead deliveries of this webhook.
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
    },
}

/// `vultus webhooks …`
pub fn run(command: WebhooksCommand, settings: &Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let named = named_webhooks(resolved)?;
    super::runtime()?.block_on(async {
        if let WebhooksCommand::Test { name } = command {
            return test(&settings_of(&name, settings, &named)?).await;
        }
        let store = Store::open(&settings.database()).await?;
        let cameras = Cameras::new(store.clone(), settings.node(), Fixed::of_file(resolved)?);
        let addresses = cameras.webhook_addresses(settings).await?;
        let overview = Overview::read(&store, settings, &addresses, &named).await?;
        match command {
            WebhooksCommand::List { json } => list(&overview, json)?,
            WebhooksCommand::Deliveries { state, webhook, limit, json } => {
                let state = state.map(|state| state_of(&state).with_context(|| format!("--state is {STATES}")));
                let targets = webhook.map(|webhook| targets(&overview, &webhook)).transpose()?;
                let filter = DeliveryFilter { state: state.transpose()?, targets, before: None };
                print_deliveries(&store, &overview, &filter, limit, json).await?;
            }
            WebhooksCommand::Resend { id, webhook } => resend(&store, &overview, id, webhook).await?,
            WebhooksCommand::Test { .. } => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn settings_of(name: &str, settings: &Settings, named: &[NamedWebhook]) -> anyhow::Result<WebhookSettings> {
    if let Some(webhook) = named.iter().find(|webhook| webhook.name == name) {
        return Ok(webhook.settings.clone());
    }
    match &settings.webhook_url.0 {
        Some(url) if name == "WEBHOOK_URL" => {
            Ok(WebhookSettings { secret: settings.webhook_secret.secret(), ..WebhookSettings::new(url.as_str()) })
        }
        _ => bail!("there is no webhook {name:?}: `vultus webhooks list` shows those there are"),
    }
}

async fn test(settings: &WebhookSettings) -> anyhow::Result<ExitCode> {
    let Trial { line, headers, body, outcome } = try_webhook(settings).await?;
    say(line)?;
    for (name, value) in headers {
        say(format!("{name}: {value}"))?;
    }
    if !body.is_empty() {
        say(format!("\n{body}"))?;
    }
    match outcome {
        Ok(status) => {
            say(format!("\nit answered {status}: delivered"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            say(format!("\nnot delivered: {reason}"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn list(overview: &Overview, json: bool) -> anyhow::Result<()> {
    let views = overview.views();
    if json {
        say(serde_json::to_string(&views)?)?;
    } else if views.is_empty() {
        eprintln!("there is no webhook: WEBHOOK_URL is empty, and no camera and no [[webhook]] of vultus.toml has one");
    } else {
        views.iter().try_for_each(|view| say(view.line()))?;
    }
    Ok(())
}

async fn print_deliveries(
    store: &Store,
    overview: &Overview,
    filter: &DeliveryFilter,
    limit: u32,
    json: bool,
) -> anyhow::Result<()> {
    let found = store.deliveries(filter, limit).await?;
    let views = found.iter().map(|delivery| DeliveryView::of(delivery, overview.name(&delivery.target)));
    if json {
        say(json!(views.collect::<Vec<_>>()))?;
    } else {
        views.into_iter().try_for_each(|view| say(view.line()))?;
    }
    Ok(())
}

async fn resend(store: &Store, overview: &Overview, id: Option<String>, webhook: Option<String>) -> anyhow::Result<()> {
    let gone = "its webhook is not defined any more, so nobody would send it: define it again first";
    if let Some(id) = id {
        let found = store.delivery(&id).await?.with_context(|| format!("there is no delivery {id}, or no more"))?;
        if !overview.is_in_use(&found.target) {
            bail!("{gone}");
        }
        match store.resend(&id, Micros::now()).await? {
            Resent::Yes => say("it is sent again by the service")?,
            Resent::Unknown => bail!("there is no delivery {id}, or no more"),
            Resent::NotDead(state) => bail!("it is {}: only a dead one can be sent again", state.as_str()),
        }
    }
    if let Some(webhook) = webhook {
        let mut sent = 0;
        for target in targets(overview, &webhook)? {
            if !overview.is_in_use(&target) {
                bail!("{gone}");
            }
            sent += store.resend_all(&target, Micros::now()).await?;
        }
        say(format!("{sent} are sent again by the service"))?;
    }
    Ok(())
}

fn targets(overview: &Overview, webhook: &str) -> anyhow::Result<Vec<String>> {
    let targets = overview.targets(webhook);
    if targets.is_empty() {
        bail!("there is no webhook {webhook:?}: `vultus webhooks list` shows those there are");
    }
    Ok(targets)
}
