//! The processes that share a database: each says every few seconds by which gallery it decides and what it watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gallery::Gallery;
use serde::Serialize;
use store::{Micros, NodeReport, Store, StoredNode, Version};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use crate::cameras::{Cameras, Here};

/// How often a process looks whether it has something new to say.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it says that it is there, though nothing is new: each time is a write.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A process that was not heard of for so long is dead: a few words may be lost.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// A database that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// This process among those that share its database. Cheap to clone.
#[derive(Clone)]
pub struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    owner: String,
    node: String,
    kind: &'static str,
    started: (Instant, Micros),
    store: Store,
    /// `None` for one that only asks.
    gallery: Option<Gallery>,
    cameras: Option<Cameras>,
}

/// Every process that shares the database.
#[derive(Serialize, ToSchema)]
pub struct NodeList {
    /// `ok`, or `unreachable`: then only the process that was asked is listed.
    database: &'static str,
    /// The newest version of the gallery; null while the database is away.
    gallery_version: Option<i64>,
    /// The process that was asked first, then the others by their names.
    nodes: Vec<Node>,
}

/// One process.
#[derive(Serialize, ToSchema)]
pub struct Node {
    /// What its machine is called.
    pub node: String,
    /// What it does: `serve`, `api` or `detect`.
    pub kind: String,
    /// Unique.
    process: String,
    /// Whether it is the one that was asked.
    own: bool,
    /// Whether it was heard of in the last 15 seconds.
    pub alive: bool,
    /// The version of the gallery by which it decides.
    pub gallery_version: i64,
    /// Changes of the gallery that it has not seen; null while the database is away.
    pub behind: Option<i64>,
    /// How long ago that was.
    pub seen_seconds_ago: f64,
    /// How long ago it was started.
    started_seconds_ago: f64,
    /// The ids of the cameras that it watches.
    pub cameras: Vec<String>,
}

impl NodeList {
    /// Whether the database answered.
    pub fn is_whole(&self) -> bool {
        self.gallery_version.is_some()
    }

    /// All of them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

impl Nodes {
    /// This process as `node`, doing `kind`, with what it decides by and watches.
    pub fn new(
        store: Store,
        node: String,
        kind: &'static str,
        gallery: Option<Gallery>,
        cameras: Option<Cameras>,
    ) -> Self {
        let owner = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        let started = (Instant::now(), Micros::now());
        Self { shared: Arc::new(Shared { owner, node, kind, started, store, gallery, cameras }) }
    }

    /// Says again and again how this process is doing, until `stopping`; then that it is leaving. While the database is away
    /// others complain of that.
    pub async fn tell(self, mut stopping: watch::Receiver<bool>) {
        let telling = async {
            let mut last: Option<(NodeReport, Instant)> = None;
            loop {
                let report = self.report();
                let is_known = |(told, at): &(NodeReport, Instant)| *told == report && at.elapsed() < TELL_EVERY;
                if !last.as_ref().is_some_and(is_known) {
                    let told = timeout(PATIENCE, self.shared.store.report_node(&report, DEAD_AFTER)).await;
                    if let Ok(Err(error)) = told {
                        tracing::debug!(%error, "this process cannot say how it is doing");
                    }
                    last = Some((report, Instant::now()));
                }
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = telling => {}
            // The error says that the service is gone.
            _ = stopping.wait_for(|stop| *stop) => {}
        }
        // Without it the others take it for dead after a moment.
        let _ = timeout(PATIENCE, self.shared.store.forget_node(&self.shared.owner)).await;
    }

    /// Every process, as far as that is known.
    pub async fn list(&self) -> NodeList {
        let asked = timeout(PATIENCE, self.shared.store.nodes()).await;
        let stored = match asked {
            Ok(Ok(stored)) => Some(stored),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the processes cannot be listed");
                None
            }
            Err(_) => None,
        };
        let newest = stored.as_ref().map(|(newest, _)| *newest);
        let others = stored.into_iter().flat_map(|(_, stored)| stored);
        let others = others.filter(|other| other.report.owner != self.shared.owner);
        let nodes = self.own(newest).into_iter().chain(others.map(|other| describe(&other, newest))).collect();
        NodeList {
            database: if newest.is_some() { "ok" } else { "unreachable" },
            gallery_version: newest.map(|newest| newest.0),
            nodes,
        }
    }

    fn report(&self) -> NodeReport {
        let Shared { owner, node, kind, started, gallery, cameras, .. } = &*self.shared;
        let here = cameras.as_ref().map(Cameras::here).unwrap_or_default();
        NodeReport {
            owner: owner.clone(),
            node: node.clone(),
            kind: (*kind).to_owned(),
            gallery_version: gallery.as_ref().map_or(Version(0), Gallery::version),
            cameras: here.into_iter().map(|Here { id, .. }| id).collect(),
            started_at: started.1,
        }
    }

    /// This process from its own memory, if it decides anything.
    fn own(&self, newest: Option<Version>) -> Option<Node> {
        self.shared.gallery.as_ref()?;
        let report = self.report();
        let started_seconds_ago = seconds(self.shared.started.0.elapsed());
        let own = StoredNode { report, seen_ago: Duration::ZERO };
        Some(Node { own: true, started_seconds_ago, ..describe(&own, newest) })
    }
}

fn describe(stored: &StoredNode, newest: Option<Version>) -> Node {
    let report = &stored.report;
    let running = Duration::from_micros(u64::try_from(Micros::now().0 - report.started_at.0).unwrap_or_default());
    Node {
        node: report.node.clone(),
        kind: report.kind.clone(),
        process: report.owner.clone(),
        own: false,
        alive: stored.seen_ago < DEAD_AFTER,
        gallery_version: report.gallery_version.0,
        behind: newest.map(|newest| behind(newest, report.gallery_version)),
        seen_seconds_ago: seconds(stored.seen_ago),
        started_seconds_ago: seconds(running),
        cameras: report.cameras.clone(),
    }
}

/// Changes between the newest version and the one that is held; 0 for one that has seen a newer one by now.
pub fn behind(newest: Version, held: Version) -> i64 {
    newest.0.saturating_sub(held.0).max(0)
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
