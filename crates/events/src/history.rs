//! Passages of people, kept as events: one a person and passage, with pictures, and with what was decided and why.
mod decision;
mod janitor;
mod media;
mod memory;
mod passage;
mod passages;
mod pictures;
mod seconds;
mod view;
mod why;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use camera::{Direction, Sighting};
use gallery::Scale;
use store::Store;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub use decision::Decision;
pub use media::{Media, Picture};
pub use view::{EventView, PassageNews, Phase};

use self::janitor::Janitor;
use self::media::MediaLimits;
use self::memory::Memory;
use self::passage::{Change, Moment, Place};
use self::passages::Passages;
use self::pictures::Pictures;
use self::writer::Writer;
use crate::{EventsError, Visitors};

/// How often the database is asked whether another process wrote an event, while anybody follows. A look reads one row.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Time for the last pictures and the last writes, each, of a service that stops.
const LAST_WORK: Duration = Duration::from_secs(3);

/// How events are kept.
#[derive(Clone, Debug)]
pub struct HistorySettings {
    /// What this machine is called among those that share a database.
    pub node: String,
    /// Where the pictures are kept.
    pub media: PathBuf,
    /// How long events are kept; `None` for ever.
    pub keep_events: Option<Duration>,
    /// How long their pictures are kept; `None` for ever.
    pub keep_media: Option<Duration>,
    /// How many bytes all pictures together may have.
    pub media_bytes: u64,
}

impl HistorySettings {
    fn limits(&self) -> MediaLimits {
        MediaLimits { age: self.keep_media, bytes: self.media_bytes }
    }
}

/// The history of who passed: takes what cameras see, and tells those who follow. Cheap to clone; all clones are one.
///
/// A thread makes pictures and tasks write, remove what is too old, and look whether another process wrote. They retry for
/// ever, what goes wrong is logged, and they end with [`History::shutdown`], or at once with the last clone.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    node: Arc<str>,
    media: Media,
    memory: Arc<Memory>,
    pictures: Pictures,
    newest: watch::Sender<i64>,
    /// Notified when somebody begins to follow `newest`.
    followed: Arc<Notify>,
    stop: watch::Sender<bool>,
    writer: Mutex<JoinSet<()>>,
    /// What may be cut off at any time.
    _helpers: JoinSet<()>,
}

impl History {
    /// Starts to keep events in `store`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EventsError::Pictures`] when this system can make no pictures.
    pub fn start(store: Store, settings: HistorySettings) -> Result<Self, EventsError> {
        let (memory, media) = (Arc::new(Memory::new()), Media::new(&settings.media));
        let pictures = Pictures::start(media.clone(), settings.limits(), Arc::clone(&memory))?;
        let (stop, stopped) = watch::channel(false);
        let (newest, followed) = (watch::Sender::new(0), Arc::default());
        let node = settings.node.as_str().into();
        let (mut writer, mut helpers) = (JoinSet::new(), JoinSet::new());
        writer.spawn(Writer::new(store.clone(), Arc::clone(&memory), newest.clone(), stopped).run());
        helpers.spawn(look_for_news(store.clone(), newest.clone(), Arc::clone(&followed)));
        helpers.spawn(Janitor::new(store, media.clone(), settings).run());
        let writer = Mutex::new(writer);
        let shared = Shared { node, media, memory, pictures, newest, followed, stop, writer, _helpers: helpers };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What a camera needs to have its passages kept.
    pub fn camera(&self, camera: CameraPlace) -> CameraHistory {
        let CameraPlace { camera, direction, door_group, scale, enrol_norm, visitors } = camera;
        let node = Arc::clone(&self.shared.node);
        let place = Place { camera: camera.into(), direction, door_group, node, enrol_norm, visitors };
        CameraHistory { history: self.clone(), passages: Passages::new(place, scale) }
    }

    /// Every state of every passage before this process's own cameras, as it comes about. Who is too slow misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<PassageNews> {
        self.shared.memory.subscribe()
    }

    /// Changes when an event was written, by this process (at once) or another (within about half a second). Says that
    /// there is something to read, not everything that was: [`Store::events_since`] does.
    pub fn written(&self) -> watch::Receiver<i64> {
        let follower = self.shared.newest.subscribe();
        self.shared.followed.notify_one();
        follower
    }

    /// The pictures of this machine's events.
    pub fn media(&self) -> &Media {
        &self.shared.media
    }

    /// What this machine is called.
    pub fn node(&self) -> &str {
        &self.shared.node
    }

    /// Makes the pictures and writes the events that are still waiting, for some seconds at most. The cameras must have
    /// ended before.
    pub async fn shutdown(&self) {
        if timeout(LAST_WORK, self.shared.pictures.finish()).await.is_err() {
            tracing::warn!("the last pictures of events could not be made in time");
        }
        self.shared.stop.send_replace(true);
        let mut writer = std::mem::take(&mut *self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async { while writer.join_next().await.is_some() {} };
        if timeout(LAST_WORK, ended).await.is_err() {
            writer.abort_all();
        }
        let lost = self.shared.memory.len();
        if lost > 0 {
            tracing::error!(lost, "the database did not come back, events that were in memory are lost");
        }
    }

    /// The record comes first: the event is there whatever becomes of its picture.
    fn keep(&self, Change { event, phase, picture }: Change) -> PassageNews {
        let Shared { memory, pictures, .. } = &*self.shared;
        let id = event.id.clone();
        let news = memory.put(event, phase, picture.is_some());
        if let Some(shot) = picture
            && !pictures.take(&id, shot)
        {
            memory.pictured(&id, pictures::Kept::default());
        }
        news
    }
}

/// A camera whose passages are kept.
#[derive(Clone, Debug)]
pub struct CameraPlace {
    /// Its id.
    pub camera: String,
    /// Which way people go there.
    pub direction: Option<Direction>,
    /// Within which nobody may enter twice.
    pub door_group: Option<String>,
    /// How near two faces are.
    pub scale: Scale,
    /// How good a shot of somebody unknown must be to make an event of a single sight, and any to have its face kept.
    pub enrol_norm: f32,
    /// Who tells unknown people from one another; without, no face is kept.
    pub visitors: Option<Visitors>,
}

/// Takes the sightings of one camera. Never waits, for the database or the disk.
#[derive(Debug)]
pub struct CameraHistory {
    history: History,
    passages: Passages,
}

impl CameraHistory {
    /// What was seen in the newest frame; what is news of it. When this returns, a PASS is on its way into the database.
    pub fn follow(&mut self, sighting: &Sighting) -> Vec<PassageNews> {
        let changes = self.passages.follow(sighting);
        self.keep(changes)
    }

    /// Nothing new was seen until `now`: ends what was not seen for long, so that a camera without frames leaves nothing open.
    pub fn rest(&mut self, now: Instant) -> Vec<PassageNews> {
        let now = Moment { read_at: now, captured_at: SystemTime::now() };
        let changes = self.passages.rest(now);
        self.keep(changes)
    }

    /// The camera has ended, and with it every passage.
    pub fn end(&mut self) -> Vec<PassageNews> {
        let changes = self.passages.end();
        self.keep(changes)
    }

    fn keep(&self, changes: Vec<Change>) -> Vec<PassageNews> {
        changes.into_iter().map(|change| self.history.keep(change)).collect()
    }
}

/// Looks for events of other processes while anybody follows; until then it sleeps.
async fn look_for_news(store: Store, newest: watch::Sender<i64>, followed: Arc<Notify>) {
    loop {
        if newest.receiver_count() == 0 {
            followed.notified().await;
        }
        sleep(LOOK_EVERY).await;
        // A database that is away is complained of by who needs it more.
        if let Ok(seq) = store.newest_event_seq().await {
            newest.send_if_modified(|known| std::mem::replace(known, seq) != seq);
        }
    }
}
