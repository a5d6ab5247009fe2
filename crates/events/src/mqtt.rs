//! What happens and how things stand, told to an MQTT broker.
//!
//! Lives here: one connection (`line`), what is to be there whenever somebody looks (`shelf`), what is only told at once or
//! not at all (`commands`), what is told in any case (`records`), the task that brings them to the broker (`teller`) with the
//! cameras (`rooms`) and people (`people`) that it knows, whether anything is there at all (`presence`), where what stands
//! (`topics`), how it is said (`payload`, `discovery`), and the words of two other programs (`double_take`, `frigate`).
mod commands;
mod confidence;
mod discovery;
mod double_take;
mod frigate;
mod line;
mod passages;
mod payload;
mod people;
mod presence;
mod records;
mod rooms;
mod roster;
mod settings;
mod shelf;
mod teller;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camera::Sighting;
use gallery::Gallery;
use store::Store;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use roster::{DefinedCamera, Roster, WatchedCamera};
pub use settings::{Dialects, MqttSettings};

use self::presence::Presence;
use self::records::Records;
use self::teller::{News, Teller};
use self::topics::Topics;
use crate::trouble::Trouble;
use crate::{EventsError, History, Notice, PassageNews};

/// News that may wait for the task that tells them.
const WAITING: usize = 1024;

/// Time for the last words of a service that stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Tells a broker what happens, and Home Assistant what there is. Cheap to clone; all clones are one.
///
/// Tasks connect, for ever and again after each failure; what goes wrong is logged once an outage. They end with
/// [`Mqtt::end`], or at once with the last clone.
#[derive(Clone, Debug)]
pub struct Mqtt {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    news: mpsc::Sender<News>,
    roster: watch::Sender<Roster>,
    seen: Mutex<HashMap<Arc<str>, Seen>>,
    overflow: Mutex<Trouble>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

/// What a camera has in view, as last told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    people: usize,
    faces: Vec<passages::FaceBox>,
}

impl Mqtt {
    /// Starts to tell of what `history` keeps and of who is in `gallery`. Must be called within a tokio runtime, before any
    /// camera is watched.
    ///
    /// # Errors
    /// When the database cannot say how far events were published.
    pub async fn start(
        store: &Store,
        history: &History,
        gallery: Gallery,
        settings: MqttSettings,
    ) -> Result<Self, EventsError> {
        let settings = Arc::new(settings);
        let topics = Topics::new(&settings);
        let (news, heard) = mpsc::channel(WAITING);
        let (roster, cameras) = watch::channel(Roster::default());
        let (stop, stopped) = watch::channel(false);
        let (records, published) = Records::new(store, history.written(), &settings, &topics).await?;
        let mut tasks = JoinSet::new();
        let mut said_to_be_there = vec![topics.status()];
        said_to_be_there.extend(settings.dialects.double_take.then(|| double_take::AVAILABLE.to_owned()));
        for (number, topic) in said_to_be_there.into_iter().enumerate() {
            tasks.spawn(Presence::new(&settings, topic, number).run(stopped.clone()));
        }
        tasks.spawn(records.run(stopped.clone()));
        tasks.spawn(Teller::new(settings, topics, gallery, cameras, published).run(heard, stopped));
        let shared =
            Shared { news, roster, seen: Mutex::default(), overflow: Mutex::default(), stop, tasks: Mutex::new(tasks) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Tells of something at once, or not at all: an old PASS is no news.
    pub fn tell(&self, notice: &Notice) {
        self.hand_on(News::Notice(Box::new(notice.clone()), Instant::now()));
    }

    /// How a passage stands.
    pub fn passage(&self, news: &PassageNews) {
        let camera = news.event.camera();
        let faces = lock(&self.shared.seen).get(camera).map(|seen| seen.faces.clone()).unwrap_or_default();
        self.hand_on(News::Passage(news.clone(), faces));
    }

    /// Who is in view of a camera now.
    pub fn sighting(&self, sighting: &Sighting) {
        let people = sighting.faces.len();
        let faces = sighting.faces.iter().filter_map(passages::FaceBox::of).collect();
        let before = lock(&self.shared.seen).insert(Arc::clone(&sighting.camera), Seen { people, faces });
        if before.is_none_or(|before| before.people != people) {
            self.hand_on(News::People(Arc::clone(&sighting.camera), people));
        }
    }

    /// Which cameras there are, and which of them are watched here. Cheap enough to be called several times a second.
    pub fn cameras(&self, roster: Roster) {
        lock(&self.shared.seen).retain(|id, _| roster.watched.iter().any(|camera| camera.id == **id));
        self.shared.roster.send_replace(roster);
    }

    /// Says that nothing is watched here any more, and ends. Takes seconds at most.
    pub async fn end(&self) {
        self.shared.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.shared.tasks));
        let ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(LAST_WORDS, ended).await.is_err() {
            tracing::warn!("MQTT: the broker could not be told in time that this node ends");
        }
    }

    /// A flow is never held up: what there is no room for is lost.
    fn hand_on(&self, news: News) {
        match self.shared.news.try_send(news) {
            Err(mpsc::error::TrySendError::Full(_)) if lock(&self.shared.overflow).failed() => {
                tracing::error!("MQTT: news come faster than they can be told, some are lost");
            }
            _ => {}
        }
    }
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until this is over; an error says that nobody is there who could end it.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
