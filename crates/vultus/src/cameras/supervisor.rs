use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use events::{History, LastPasses, Mqtt, Outlet, Presence, Visitors, WindowSlot};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::claims::Claims;
use super::defined::stored_definition;
use super::handle::state_of;
use super::patience::{Away, Reach, within_patience};
use super::roster::roster;
use super::seat::{Seat, Work};
use super::telling::Telling;
use super::watching::{Lent, Shared, Watching};
use super::webhooks::Webhooks;
use super::{Cameras, Defined, Definition, Fixed};
use crate::app::App;
use crate::webhooks::NamedWebhook;

/// How often it is looked whether a camera that is to end has ended.
const TICK: Duration = Duration::from_millis(50);

/// How often definitions are read.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Time for all cameras to end.
const LAST_CAMERA: Duration = Duration::from_secs(10);

/// Time for all of the end: cameras, what is under way, and a database that does not answer.
const LONGEST_END: Duration = Duration::from_secs(25);

/// Keeps what is watched here in step with what is defined: starts, stops and restarts cameras, each apart from the others,
/// as a task that runs until [`Supervisor::end`]. It takes no error for a reason to end: a camera's trouble is its state,
/// and while the database is away it goes on with what it last knew.
pub struct Supervisor {
    cameras: Cameras,
    stop: watch::Sender<bool>,
    is_over: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts to watch the cameras of `fixed`, and those of the database that no other node has. What is seen goes to `sinks`,
    /// to the window that of the first camera, whichever that is at the time.
    ///
    /// # Errors
    /// When a webhook cannot be started.
    pub fn start(app: &App, fixed: Fixed, history: &History, sinks: Sinks) -> anyhow::Result<Self> {
        let Sinks { outlets, webhooks, mqtt, window } = sinks;
        let (settings, store) = (app.settings().clone(), app.store().clone());
        let node = settings.node();
        let cameras = Cameras::new(store.clone(), node.clone(), fixed);
        let (stop, stopped) = watch::channel(false);
        let (over, is_over) = watch::channel(false);
        let telling = Telling::start(history, outlets.clone());
        let webhooks = Webhooks::start(store.clone(), &settings, webhooks)?;
        let floor = Floor {
            shared: Shared {
                ended: Arc::default(),
                presence: Presence::start(store.clone(), settings.passback_hours.duration()),
                settings,
                calendar: app.calendar().clone(),
                engines: app.camera_engines(),
                gallery: app.gallery().clone(),
                history: history.clone(),
                visitors: visitors(app),
                outlets,
                mqtt,
                window,
            },
            claims: Claims::new(store.clone(), node),
            webhooks,
            telling,
            store,
            cameras: cameras.clone(),
            last_passes: BTreeMap::new(),
            stored: None,
            defined: Vec::new(),
            seats: BTreeMap::new(),
            told: BTreeSet::new(),
            reach: Reach::default(),
            over,
        };
        Ok(Self { cameras, stop, is_over, task: tokio::spawn(floor.run(stopped)) })
    }

    /// All cameras, for others to look at.
    pub fn cameras(&self) -> Cameras {
        self.cameras.clone()
    }

    /// Waits until every camera that is defined is a recording which has been played here to its end.
    ///
    /// # Errors
    /// When the supervisor itself panicked: a service should end and be started anew.
    pub async fn finished(&mut self) -> anyhow::Result<()> {
        self.is_over.wait_for(|over| *over).await.context("the supervisor of the cameras panicked")?;
        Ok(())
    }

    /// Stops all cameras, delivers what is under way, and gives the cameras free for other nodes. Takes seconds, and never
    /// more than half a minute.
    pub async fn end(self) {
        self.stop.send_replace(true);
        match timeout(LONGEST_END, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the supervisor of the cameras panicked"),
            Err(_) => tracing::warn!("the supervisor of the cameras does not end, and is left behind"),
        }
    }
}

/// Who tells unknown people from one another, where that is wanted.
fn visitors(app: &App) -> Option<Visitors> {
    let (store, gallery) = (app.store().clone(), app.gallery());
    app.settings().visitors.then(|| Visitors::start(store, gallery.model(), gallery.scale().clone()))
}

/// Where what the cameras see goes, beside the history and the contract's webhooks.
#[derive(Default)]
pub struct Sinks {
    /// Who watches live.
    pub outlets: Vec<Outlet>,
    /// The named webhooks.
    pub webhooks: Vec<NamedWebhook>,
    /// The broker.
    pub mqtt: Option<Mqtt>,
    /// The local window.
    pub window: Option<WindowSlot>,
}

/// What the supervisor looks after.
struct Floor {
    shared: Shared,
    cameras: Cameras,
    claims: Claims,
    webhooks: Webhooks,
    telling: Telling,
    store: Store,
    /// Who has been announced where, by the cameras' ids: also while a camera is not watched, as between two watchings.
    last_passes: BTreeMap<String, LastPasses>,
    /// The database's definitions as last read; `None` before the first time.
    stored: Option<Vec<Definition>>,
    defined: Vec<Defined>,
    seats: BTreeMap<String, Seat>,
    /// What has been logged and need not be again.
    told: BTreeSet<String>,
    reach: Reach,
    over: watch::Sender<bool>,
}

impl Floor {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let told_to_stop = async {
            // An error says that the supervisor was dropped: end as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = self.keep_in_step() => {}
            () = told_to_stop => {}
        }
        self.end().await;
    }

    /// For ever. May be cut off wherever it waits.
    async fn keep_in_step(&mut self) {
        let mut follow_at = Instant::now();
        loop {
            if Instant::now() >= follow_at {
                let followed = self.follow().await;
                self.reach.note(followed);
                follow_at = Instant::now() + FOLLOW_EVERY;
            }
            let renewed = self.renew().await;
            self.reach.note(renewed);
            let is_settled = self.reconcile();
            let let_go = self.let_go().await;
            self.reach.note(let_go);
            let due = [self.claims.renewal(), self.next_try()].into_iter().flatten().fold(follow_at, Instant::min);
            let pause = if is_settled { due.saturating_duration_since(Instant::now()) } else { TICK };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.cameras.changed() => follow_at = Instant::now(),
                // Its thread is at its last words.
                () = self.shared.ended.notified() => sleep(TICK).await,
            }
        }
    }

    /// Reads what is defined, and takes what is free of it.
    async fn follow(&mut self) -> Result<(), Away> {
        let read = self.read_stored().await;
        let stored = self.stored.clone().unwrap_or_default();
        let defined = self.cameras.fixed().with(stored.clone());
        for hidden in stored.iter().filter(|camera| !defined.iter().any(|other| other.definition == **camera)) {
            self.tell_once(&hidden.id, "defined here as well as in the database: the database's does not count");
        }
        self.defined = defined;
        read?;
        self.webhooks.know(&self.webhook_addresses());
        self.tell_of_unknown_cameras();
        let wanted = self.defined.iter().filter(|camera| camera.is_shared() && camera.definition.enabled);
        self.claims.take(wanted.map(|camera| camera.definition.id.as_str())).await
    }

    /// All that somebody may tell of a PASS: also those of cameras that are off, hidden, or another node's.
    fn webhook_addresses(&self) -> BTreeSet<Url> {
        let settings = &self.shared.settings;
        let defined = self.defined.iter().map(|camera| &camera.definition).chain(self.stored.iter().flatten());
        defined.filter_map(|camera| camera.webhook(settings)).chain(settings.webhook_url.0.clone()).collect()
    }

    async fn read_stored(&mut self) -> Result<(), Away> {
        let mut readable = Vec::new();
        for camera in &within_patience(self.store.cameras()).await? {
            match stored_definition(camera) {
                Ok(definition) => readable.push(definition),
                Err(why) => self.tell_once(&camera.id, &format!("not watched: {why}")),
            }
        }
        self.stored = Some(readable);
        Ok(())
    }

    /// A webhook that asks for a camera that is not there would be silent for ever.
    fn tell_of_unknown_cameras(&mut self) {
        let is_known = |id: &str| self.defined.iter().any(|camera| camera.definition.id == id);
        let asked = self.webhooks.cameras().filter(|(_, camera)| !is_known(camera));
        let unknown: Vec<_> = asked.map(|(webhook, camera)| (webhook.to_owned(), camera.to_owned())).collect();
        for (webhook, camera) in unknown {
            let what =
                format!("webhook {webhook}: its `cameras` name one that is defined neither here nor in the database");
            self.tell_once(&camera, &what);
        }
    }

    fn tell_once(&mut self, camera: &str, what: &str) {
        if self.told.insert(format!("{camera}: {what}")) {
            tracing::warn!(camera, "{what}");
        }
    }

    async fn renew(&mut self) -> Result<(), Away> {
        let seats = &self.seats;
        let report = |id: &str| seats.get(id).map_or_else(String::new, |seat| state_of(&seat.here()).to_string());
        self.claims.renew(report).await
    }

    /// Ends what is no longer wanted or has changed, starts what is missing. Whether there is nothing left to wait for.
    fn reconcile(&mut self) -> bool {
        let wanted: Vec<Definition> =
            self.defined.iter().filter(|camera| self.is_ours(camera)).map(|camera| camera.definition.clone()).collect();
        let leaving: Vec<String> = self
            .seats
            .values()
            .filter(|seat| !wanted.iter().any(|camera| seat.definition.is_watched_like(camera)))
            .map(|seat| seat.definition.id.clone())
            .collect();
        let mut is_settled = true;
        for id in leaving {
            let has_left = self.seats.get(&id).is_none_or(Seat::leave);
            is_settled &= has_left;
            if has_left {
                self.clear(&id);
            }
        }
        if let (Some(window), Some(first)) = (&self.shared.window, wanted.first()) {
            window.show(&first.id);
        }
        for definition in wanted {
            self.mind(definition);
        }
        self.last_passes.retain(|id, _| self.defined.iter().any(|camera| camera.definition.id == *id));
        self.webhooks.end_unused();
        self.publish();
        is_settled
    }

    fn is_ours(&self, camera: &Defined) -> bool {
        camera.definition.enabled && (!camera.is_shared() || self.claims.holds(&camera.definition.id))
    }

    /// Takes an ended camera away.
    fn clear(&mut self, id: &str) {
        let Some(seat) = self.seats.remove(id) else { return };
        if let Work::Watched(watching) = seat.work
            && let Err(panicked) = watching.join()
        {
            tracing::error!(camera = id, "{panicked}");
        }
        self.shared.outlets.iter().for_each(|outlet| outlet.forget_camera(id));
        tracing::info!(camera = id, "no longer watched, or not as before");
    }

    /// Sees to it that a wanted camera is watched.
    fn mind(&mut self, definition: Definition) {
        let id = definition.id.clone();
        let next = match self.seats.remove(&id) {
            None => self.start(&definition),
            Some(Seat { work: Work::Resting(_, until), .. }) if Instant::now() >= until => self.start(&definition),
            // A changed one waits until the threads of the old one have ended.
            Some(seat) if !seat.definition.is_watched_like(&definition) => {
                self.seats.insert(id, seat);
                return;
            }
            Some(seat) if seat.has_broken_down() => Work::rest(&id, &seat.work.broken_down()),
            // As it is, by the name that it has now.
            Some(seat) => seat.work,
        };
        self.seats.insert(id, Seat { definition, work: next });
    }

    /// When a camera is tried again that could not be watched.
    fn next_try(&self) -> Option<Instant> {
        let tries = self.seats.values().filter_map(|seat| match seat.work {
            Work::Resting(_, until) => Some(until),
            Work::Watched(_) => None,
        });
        tries.min()
    }

    fn start(&mut self, definition: &Definition) -> Work {
        let last_passes = self.last_passes.entry(definition.id.clone()).or_default().clone();
        let webhooks = self.webhooks.for_camera(definition.webhook(&self.shared.settings).as_ref());
        let started = webhooks
            .map_err(anyhow::Error::from)
            .and_then(|webhooks| Watching::start(definition, &self.shared, Lent { last_passes, webhooks }));
        match started {
            Ok(watching) => Work::Watched(watching),
            Err(error) => Work::rest(&definition.id, &format!("{error:#}")),
        }
    }

    /// Gives back the claims on cameras that are no longer to be watched, once they are not.
    async fn let_go(&mut self) -> Result<(), Away> {
        let (defined, seats) = (&self.defined, &self.seats);
        let is_wanted = |id: &str| {
            defined.iter().any(|camera| camera.definition.id == id && camera.definition.enabled && camera.is_shared())
        };
        self.claims.let_go(|id| is_wanted(id) || seats.contains_key(id)).await
    }

    fn publish(&self) {
        let seats = self.defined.iter().filter_map(|camera| self.seats.get(&camera.definition.id));
        self.cameras.set_here(seats.map(Seat::here).collect());
        let mut enabled = self.defined.iter().filter(|camera| camera.definition.enabled).peekable();
        let is_over = |camera: &Defined| self.seats.get(&camera.definition.id).is_some_and(Seat::is_over);
        let over = self.stored.is_some() && enabled.peek().is_some() && enabled.all(is_over);
        self.over.send_replace(over);
        if let Some(mqtt) = &self.shared.mqtt {
            let defined = self.stored.is_some().then_some(&self.defined);
            mqtt.cameras(roster(&self.seats, defined, !self.reach.is_lost()));
        }
    }

    async fn end(mut self) {
        let all_left = async {
            // Each is told, also those behind one that takes its time.
            while self.seats.values().filter(|seat| !seat.leave()).count() > 0 {
                sleep(TICK).await;
            }
        };
        if timeout(LAST_CAMERA, all_left).await.is_err() {
            tracing::warn!("a camera does not end, and is left behind");
        }
        let left: Vec<String> =
            self.seats.values().filter(|seat| seat.leave()).map(|seat| seat.definition.id.clone()).collect();
        left.iter().for_each(|id| self.clear(id));
        self.cameras.set_here(Vec::new());
        if let Some(window) = &self.shared.window {
            window.close();
        }
        self.telling.end().await;
        // Before another node may take the cameras: what it says of them then is not contradicted.
        if let Some(mqtt) = &self.shared.mqtt {
            mqtt.end().await;
        }
        tokio::join!(self.claims.end(), self.webhooks.end());
        for outlet in self.shared.outlets {
            outlet.end().await;
        }
    }
}
