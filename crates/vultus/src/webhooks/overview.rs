use std::collections::{BTreeMap, BTreeSet};

use events::{NoticeKind, WebhookSettings};
use serde::Serialize;
use store::{Micros, Store, StoreError, Target};
use url::Url;
use utoipa::ToSchema;

use super::NamedWebhook;
use crate::settings::Settings;

/// What the contract's webhook is called where others have names.
const CONTRACT: &str = "WEBHOOK_URL";

/// A webhook, and how it is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its name; `WEBHOOK_URL` for that of the settings, its address (secrets masked) for a camera's own.
    #[schema(example = "relay")]
    name: String,
    /// Where to. Of a named one only the host is shown.
    #[schema(example = "http://shelly/…")]
    url: String,
    /// `POST` and its like.
    method: String,
    /// What it is told of; empty when nobody here has it any more, and what waits for it is not sent.
    #[schema(value_type = Vec<NoticeKind>)]
    on: Vec<&'static str>,
    /// Only on these cameras.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cameras: Vec<String>,
    /// Only of these people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<String>,
    /// Only of people of these groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    /// Only with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Whether requests are signed.
    signed: bool,
    /// Whether what failed is tried again.
    retry: bool,
    /// Age in seconds from which nothing is sent any more, tried or not; null for a webhook that is told late, too.
    max_age_seconds: Option<f64>,
    /// Deliveries that wait.
    waiting: u64,
    /// Deliveries that were given up and are kept.
    dead: u64,
    /// When the last was delivered, in Unix seconds, as far as that is kept.
    last_delivered: Option<f64>,
    /// When the last was given up.
    last_dead: Option<f64>,
    /// Why the oldest that waits is not delivered yet; null when it has not failed.
    failing: Option<Failing>,
}

/// A delivery that fails.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Failing {
    /// How often.
    attempts: u32,
    /// Why it did last.
    #[schema(example = "it answered 503 Service Unavailable")]
    reason: String,
}

/// All webhooks of a deployment, by what the outbox calls them.
pub struct Overview {
    /// What is shown as one may be several to the outbox: each node has its own commands.
    webhooks: Vec<(Vec<String>, WebhookView)>,
}

impl Overview {
    /// Those of the settings, of the cameras (`addresses`) and of the file, and those for which anything is left.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn read(
        store: &Store,
        settings: &Settings,
        addresses: &BTreeSet<Url>,
        named: &[NamedWebhook],
    ) -> Result<Self, StoreError> {
        Ok(Self::of(store.targets().await?, settings, addresses, named))
    }

    /// The same without asking how they are doing: all counts are 0.
    pub fn uncounted(settings: &Settings, addresses: &BTreeSet<Url>, named: &[NamedWebhook]) -> Self {
        Self::of(BTreeMap::new(), settings, addresses, named)
    }

    fn of(
        mut targets: BTreeMap<String, Target>,
        settings: &Settings,
        addresses: &BTreeSet<Url>,
        named: &[NamedWebhook],
    ) -> Self {
        let own = settings.webhook_url.0.as_ref();
        let contracts = own.into_iter().chain(addresses.iter().filter(|url| Some(*url) != own));
        let contracts = contracts.map(|url| {
            let settings =
                WebhookSettings { secret: settings.webhook_secret.secret(), ..WebhookSettings::new(url.as_str()) };
            let name = if Some(url) == own { CONTRACT.to_owned() } else { settings.request.shown() };
            (name, settings)
        });
        // Of whichever node: no node is called so.
        let named = named.iter().map(|webhook| (webhook.name.clone(), webhook.settings.clone().of_node("")));
        let mut webhooks: Vec<_> = contracts
            .chain(named)
            .map(|(name, settings)| {
                let mut known = vec![settings.target.clone()];
                let mut all = Target::default();
                for (target, one) in targets.extract_if(.., |target, _| is_same(target, &settings.target)) {
                    all = sum(all, one);
                    known.push(target);
                }
                let mut view = WebhookView::of(name, &settings, all);
                if view.name == CONTRACT {
                    view.url = settings.request.shown_host();
                }
                (known, view)
            })
            .collect();
        webhooks.extend(targets.into_iter().map(|(target, left)| {
            let settings = WebhookSettings { wanted: events::Wanted::default(), ..WebhookSettings::new(&target) };
            let (name, _) = WebhookSettings::name_of(&target);
            let shown = if is_address(name) { settings.request.shown() } else { name.to_owned() };
            let mut view = WebhookView::of(shown, &settings, left);
            if !is_address(name) {
                view.url.clear();
            }
            (vec![target], view)
        }));
        Self { webhooks }
    }

    /// As they may be shown.
    pub fn views(&self) -> Vec<WebhookView> {
        self.webhooks.iter().map(|(_, view)| view.clone()).collect()
    }

    /// What the outbox calls the webhooks that are shown by this name; none if there is no such.
    pub fn targets(&self, name: &str) -> Vec<String> {
        self.webhooks.iter().filter(|(_, view)| view.name == name).flat_map(|(known, _)| known.clone()).collect()
    }

    /// How a target is shown.
    pub fn name(&self, target: &str) -> String {
        self.find(target).map(|view| view.name.clone()).unwrap_or_else(|| {
            let (name, _) = WebhookSettings::name_of(target);
            if is_address(name) { WebhookSettings::new(target).request.shown() } else { name.to_owned() }
        })
    }

    /// Whether somebody sends what waits for this target.
    pub fn is_in_use(&self, target: &str) -> bool {
        self.find(target).is_some_and(|view| !view.on.is_empty())
    }

    fn find(&self, target: &str) -> Option<&WebhookView> {
        let found = self.webhooks.iter().find(|(known, _)| known.iter().any(|known| is_same(known, target)));
        found.map(|(_, view)| view)
    }
}

/// Whether two targets are of one webhook, of whichever node.
fn is_same(target: &str, other: &str) -> bool {
    WebhookSettings::name_of(target) == WebhookSettings::name_of(other)
}

/// What there is of two targets.
fn sum(one: Target, other: Target) -> Target {
    Target {
        waiting: one.waiting + other.waiting,
        dead: one.dead + other.dead,
        last_delivered: one.last_delivered.max(other.last_delivered),
        last_dead: one.last_dead.max(other.last_dead),
        failing: one.failing.or(other.failing),
    }
}

fn is_address(target: &str) -> bool {
    target.contains("://")
}

impl WebhookView {
    fn of(name: String, settings: &WebhookSettings, target: Target) -> Self {
        let wanted = &settings.wanted;
        Self {
            name,
            url: settings.request.shown(),
            method: settings.request.method().to_owned(),
            on: wanted.kinds.iter().map(|kind| kind.as_str()).collect(),
            cameras: wanted.cameras.clone(),
            people: wanted.people.clone(),
            groups: wanted.groups.clone(),
            status: wanted.status.clone(),
            signed: settings.secret.is_some(),
            retry: settings.retry,
            max_age_seconds: settings.max_age.map(|age| age.as_secs_f64()),
            waiting: target.waiting,
            dead: target.dead,
            last_delivered: target.last_delivered.map(Micros::as_seconds),
            last_dead: target.last_dead.map(Micros::as_seconds),
            failing: target.failing.map(|(attempts, reason)| Failing { attempts, reason }),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let on = if self.on.is_empty() { "not in use".to_owned() } else { format!("on {}", self.on.join(", ")) };
        let mut line =
            format!("{}  {} {}  {on}  {} waiting, {} dead", self.name, self.method, self.url, self.waiting, self.dead);
        if let Some(failing) = &self.failing {
            line.push_str(&format!("  failing ({} times): {}", failing.attempts, failing.reason));
        }
        line
    }
}
