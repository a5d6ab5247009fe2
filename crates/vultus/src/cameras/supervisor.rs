use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use camera::CameraStatus;
use events::{History, Outlet, WindowSlot};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::claims::Claims;
use super::defined::stored_definition;
use super::handle::state_of;
use super::telling::Telling;
use super::watching::{Shared, Watching};
use super::webhooks::Webhooks;
use super::{Cameras, Defined, Definition, Fixed, Here};
use crate::app::App;

/// How often it is looked whether a camera has ended.
const TICK: Duration = Duration::from_millis(200);

/// How often definitions are read.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// A database that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Before a camera is started again whose threads panicked, or that could not be started.
const REST: Duration = Duration::from_secs(5);

/// Time for all cameras to end.
const LONGEST_END: Duration = Duration::from_secs(10);

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
    /// Starts to watch the cameras of `fixed`, and those of the database that no other node has. Frames go to `outlets`, the
    /// first camera's to `window` as well.
    ///
    /// # Errors
    /// When the models cannot be loaded.
    pub fn start(
        app: &App,
        fixed: Fixed,
        history: &History,
        outlets: Vec<Outlet>,
        window: Option<WindowSlot>,
    ) -> anyhow::Result<Self> {
        let (settings, store) = (app.settings().clone(), app.store().clone());
        let node = settings.node();
        let cameras = Cameras::new(store.clone(), node.clone(), fixed);
        let (stop, stopped) = watch::channel(false);
        let (over, is_over) = watch::channel(false);
        let telling = Telling::start(history, outlets.clone());
        let floor = Floor {
            shared: Shared {
                settings,
                engines: app.camera_engines()?,
                gallery: app.gallery().clone(),
                history: history.clone(),
                outlets,
            },
            claims: Claims::new(store.clone(), node),
            webhooks: Webhooks::new(store.clone()),
            telling,
            store,
            cameras: cameras.clone(),
            window,
            stored: None,
            defined: Vec::new(),
            seats: BTreeMap::new(),
            told: BTreeSet::new(),
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

    /// Stops all cameras, delivers what is under way, and gives the cameras free for other nodes.
    pub async fn end(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the supervisor of the cameras panicked");
        }
    }
}

/// What the supervisor looks after.
struct Floor {
    shared: Shared,
    cameras: Cameras,
    claims: Claims,
    webhooks: Webhooks,
    telling: Telling,
    store: Store,
    window: Option<WindowSlot>,
    /// The database's definitions as last read; `None` before the first time.
    stored: Option<Vec<Definition>>,
    defined: Vec<Defined>,
    seats: BTreeMap<String, Seat>,
    /// What has been logged and need not be again.
    told: BTreeSet<String>,
    over: watch::Sender<bool>,
}

/// A camera that this process watches, or would.
struct Seat {
    definition: Definition,
    work: Work,
}

enum Work {
    Watched(Watching),
    /// It cannot be started, or broke down: why, and when it is tried again.
    Resting(CameraStatus, Instant),
}

impl Seat {
    fn here(&self) -> Here {
        let (status, live) = match &self.work {
            Work::Watched(watching) => (watching.status(), Some(watching.live().clone())),
            Work::Resting(status, _) => (status, None),
        };
        let (id, name) = (self.definition.id.clone(), self.definition.name().to_owned());
        Here { id, name, status: status.clone(), live }
    }

    fn is_over(&self) -> bool {
        matches!(&self.work, Work::Watched(watching) if watching.is_over())
    }

    /// A camera that has ended though nobody told it to. A recording that is over stays, with its last picture.
    fn has_broken_down(&self) -> bool {
        matches!(&self.work, Work::Watched(watching) if watching.has_ended() && !watching.is_over())
    }

    /// Tells it to end; whether it has.
    fn leave(&self) -> bool {
        match &self.work {
            Work::Watched(watching) => {
                watching.stop();
                watching.has_ended()
            }
            Work::Resting(..) => true,
        }
    }
}

impl Floor {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut follow_at = Instant::now();
        while !*stopped.borrow() {
            if Instant::now() >= follow_at {
                follow_at = Instant::now() + FOLLOW_EVERY;
                self.follow().await;
            }
            self.renew().await;
            self.reconcile();
            self.let_go().await;
            tokio::select! {
                () = sleep(TICK) => {}
                () = self.cameras.changed() => follow_at = Instant::now(),
                // An error says that the supervisor was dropped: end as well.
                changed = stopped.changed() => if changed.is_err() { break },
            }
        }
        self.end().await;
    }

    /// Reads what is defined, and takes what is free of it.
    async fn follow(&mut self) {
        match timeout(PATIENCE, self.store.cameras()).await {
            Ok(Ok(stored)) => {
                let mut readable = Vec::new();
                for camera in &stored {
                    match stored_definition(camera) {
                        Ok(definition) => readable.push(definition),
                        Err(why) => self.tell_once(&camera.id, &format!("not watched: {why}")),
                    }
                }
                self.stored = Some(readable);
            }
            Ok(Err(error)) => tracing::debug!(%error, "cameras: the database is away"),
            Err(_) => tracing::debug!("cameras: the database does not answer"),
        }
        let stored = self.stored.clone().unwrap_or_default();
        let defined = self.cameras.fixed().with(stored.clone());
        for hidden in stored.iter().filter(|camera| !defined.iter().any(|other| other.definition == **camera)) {
            self.tell_once(&hidden.id, "defined here as well as in the database: the database's does not count");
        }
        self.defined = defined;
        let wanted = self.defined.iter().filter(|camera| camera.is_shared() && camera.definition.enabled);
        self.claims.take(wanted.map(|camera| camera.definition.id.as_str())).await;
    }

    fn tell_once(&mut self, camera: &str, what: &str) {
        if self.told.insert(format!("{camera}: {what}")) {
            tracing::warn!(camera, "{what}");
        }
    }

    async fn renew(&mut self) {
        let seats = &self.seats;
        let report = |id: &str| seats.get(id).map_or_else(String::new, |seat| state_of(&seat.here()).to_string());
        self.claims.renew(report).await;
    }

    /// Ends what is no longer wanted or has changed, starts what is missing.
    fn reconcile(&mut self) {
        let wanted: Vec<Definition> =
            self.defined.iter().filter(|camera| self.is_ours(camera)).map(|camera| camera.definition.clone()).collect();
        let leaving: Vec<String> = self
            .seats
            .values()
            .filter(|seat| !wanted.contains(&seat.definition))
            .map(|seat| seat.definition.id.clone())
            .collect();
        for id in leaving {
            if self.seats.get(&id).is_some_and(Seat::leave) {
                self.clear(&id);
            }
        }
        for (at, definition) in wanted.into_iter().enumerate() {
            self.mind(definition, at == 0);
        }
        self.webhooks.end_unused();
        self.publish();
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
    fn mind(&mut self, definition: Definition, is_first: bool) {
        let id = definition.id.clone();
        let next = match self.seats.remove(&id) {
            None => self.start(&definition, is_first),
            Some(Seat { work: Work::Resting(_, until), .. }) if Instant::now() >= until => {
                self.start(&definition, is_first)
            }
            Some(seat) if seat.definition == definition && seat.has_broken_down() => rest(&id, &broken_down(seat.work)),
            // As it is; a changed definition waits until the threads of the old one have ended.
            Some(seat) => {
                self.seats.insert(id, seat);
                return;
            }
        };
        self.seats.insert(id, Seat { definition, work: next });
    }

    fn start(&mut self, definition: &Definition, is_first: bool) -> Work {
        let window = self.window.clone().filter(|_| is_first);
        let webhook = definition.webhook(&self.shared.settings).map(|url| self.webhooks.of(&url)).transpose();
        let started = webhook
            .map_err(anyhow::Error::from)
            .and_then(|webhook| Watching::start(definition, &self.shared, webhook, window));
        match started {
            Ok(watching) => Work::Watched(watching),
            Err(error) => rest(&definition.id, &format!("{error:#}")),
        }
    }

    /// Gives back the claims on cameras that are no longer to be watched, once they are not.
    async fn let_go(&mut self) {
        let (defined, seats) = (&self.defined, &self.seats);
        let is_wanted = |id: &str| {
            defined.iter().any(|camera| camera.definition.id == id && camera.definition.enabled && camera.is_shared())
        };
        self.claims.let_go(|id| is_wanted(id) || seats.contains_key(id)).await;
    }

    fn publish(&self) {
        let seats = self.defined.iter().filter_map(|camera| self.seats.get(&camera.definition.id));
        self.cameras.set_here(seats.map(Seat::here).collect());
        let mut enabled = self.defined.iter().filter(|camera| camera.definition.enabled).peekable();
        let is_over = |camera: &Defined| self.seats.get(&camera.definition.id).is_some_and(Seat::is_over);
        let over = self.stored.is_some() && enabled.peek().is_some() && enabled.all(is_over);
        self.over.send_replace(over);
    }

    async fn end(mut self) {
        let all_left = async {
            // Each is told, also those behind one that takes its time.
            while self.seats.values().filter(|seat| !seat.leave()).count() > 0 {
                sleep(TICK / 4).await;
            }
        };
        if timeout(LONGEST_END, all_left).await.is_err() {
            tracing::warn!("a camera does not end, and is left behind");
            return self.claims.end().await;
        }
        for id in self.seats.keys().cloned().collect::<Vec<_>>() {
            self.clear(&id);
        }
        self.cameras.set_here(Vec::new());
        if let Some(window) = &self.window {
            window.close();
        }
        self.telling.end().await;
        self.claims.end().await;
        self.webhooks.end().await;
        for outlet in self.shared.outlets {
            outlet.end().await;
        }
    }
}

/// Why a camera ended that should not have.
fn broken_down(work: Work) -> String {
    match work {
        Work::Watched(watching) => {
            watching.join().err().map_or_else(|| "it ended by itself".to_owned(), |error| error.to_string())
        }
        Work::Resting(..) => "it could not be started".to_owned(),
    }
}

fn rest(id: &str, why: &str) -> Work {
    tracing::error!(camera = id, "{why}; starting again in {} s", REST.as_secs());
    Work::Resting(CameraStatus::failed(why), Instant::now() + REST)
}
