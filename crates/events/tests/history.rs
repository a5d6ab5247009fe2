//! Events on their way to the database and the disk, when these fail and when they work.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::time::{Duration, Instant};

use camera::{Buffers, Frame, Rule, SeenFace, Sighting, SightingTimes, Verdict, Work};
use events::{CameraPlace, History, HistorySettings, Phase, Picture};
use face::{DecodeLimits, Detection, Point, Rect, YuvImage, decode};
use gallery::{Distance, Match, RawDistance, Scale};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use store::{Event, EventFilter, PersonId, Store};
use tempfile::TempDir;
use uuid::Uuid;

struct House {
    folder: TempDir,
    store: Store,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&url(folder.path())).await.unwrap();
        Self { folder, store }
    }

    fn history(&self) -> History {
        let settings = HistorySettings {
            node: "gate".to_owned(),
            media: self.folder.path().join("media"),
            keep_events: None,
            keep_media: None,
            media_bytes: u64::MAX,
        };
        History::start(self.store.clone(), settings).unwrap()
    }

    /// Past the store, as a broken database would.
    async fn execute(&self, sql: &str) {
        let mut connection = AnyConnection::connect(&url(self.folder.path())).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn events(&self) -> Vec<Event> {
        self.store.events(&EventFilter::default(), None, 10).await.unwrap()
    }

    async fn until(&self, wanted: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let start = Instant::now();
        loop {
            let events = self.events().await;
            if wanted(&events) {
                return events;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{events:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("vultus.db").display())
}

fn watch(history: &History) -> events::CameraHistory {
    let catalog = models::Catalog::builtin();
    let embedder = &catalog.pack("default").unwrap().embedder;
    history.camera(CameraPlace {
        camera: "door".to_owned(),
        direction: None,
        door_group: None,
        scale: Scale::of(embedder),
        enrol_norm: embedder.gates.enrol_norm,
        visitors: None,
    })
}

fn sighting(name: &str) -> Sighting {
    let image = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).unwrap();
    let face = SeenFace {
        detection: Detection {
            area: Rect { left: 20.0, top: 10.0, right: 40.0, bottom: 30.0 },
            score: 0.9,
            five: None,
        },
        landmarks: [Point::default(); 5],
        quality: 3.5,
        embedding: None,
        nearest: Some(Match {
            person: PersonId(name.len() as i64),
            name: name.into(),
            distance: Distance::new(0.3),
            raw: RawDistance(0.4),
            space: "default".into(),
            runner_up: None,
            refuted: false,
        }),
        verdict: Verdict::Pass,
        liveness: None,
        turn: None,
        attributes: None,
        evidence: None,
    };
    Sighting {
        camera: "door".into(),
        frame: Frame::new(image, 1, Duration::ZERO, &Buffers::new()).shared(),
        faces: vec![face].into(),
        ended: Vec::new(),
        rule: Rule { threshold: Distance::new(0.45), strong: Distance::new(0.42), shots: 2, margin: 0.02 },
        times: SightingTimes::default(),
        work: Work::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_is_in_the_database_with_its_pictures_on_the_disk_and_listeners_hear_of_it() {
    let house = House::new().await;
    let history = house.history();
    let (mut news, mut written) = (history.subscribe(), history.written());
    let mut camera = watch(&history);
    camera.follow(&sighting("Ann"));
    assert_eq!(news.recv().await.unwrap().phase, Phase::Start);
    written.changed().await.unwrap();
    let event = house.until(|events| events.first().is_some_and(|event| event.has_face)).await.remove(0);
    assert_eq!((event.person.as_deref(), event.ended, event.node.as_str()), (Some("Ann"), false, "gate"));
    let id = Uuid::try_parse(&event.id).unwrap();
    for (picture, size) in [(Picture::Face, (36, 36)), (Picture::Frame, (64, 48))] {
        let jpeg = history.media().read(id, picture).await.unwrap().unwrap();
        let image = decode(&jpeg, &DecodeLimits::default()).unwrap();
        assert_eq!((image.width(), image.height()), size, "{picture:?}");
    }
    camera.end();
    history.shutdown().await;
    let events = house.events().await;
    assert!(events.len() == 1 && events[0].ended && events[0].has_face && events[0].has_frame, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_for_a_database_that_is_away_and_are_written_when_it_is_back() {
    let house = House::new().await;
    house.execute("ALTER TABLE events RENAME TO away").await;
    let history = house.history();
    let mut camera = watch(&history);
    let started = Instant::now();
    camera.follow(&sighting("Ann"));
    camera.follow(&sighting("Bobby"));
    camera.end();
    assert!(started.elapsed() < Duration::from_secs(1), "recognition does not wait");
    tokio::time::sleep(Duration::from_millis(600)).await;
    house.execute("ALTER TABLE away RENAME TO events").await;
    let events = house.until(|events| events.len() == 2 && events.iter().all(|event| event.has_frame)).await;
    assert!(events.iter().all(|event| event.ended), "in their newest state: {events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_pictures_cannot_be_kept_is_kept_without_them() {
    let house = House::new().await;
    std::fs::write(house.folder.path().join("media"), "no folder").unwrap();
    let history = house.history();
    let mut camera = watch(&history);
    camera.follow(&sighting("Ann"));
    camera.end();
    history.shutdown().await;
    let events = house.events().await;
    assert!(events.len() == 1 && events[0].ended && !events[0].has_face && !events[0].has_frame, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_last_is_written_before_the_service_ends() {
    let house = House::new().await;
    let history = house.history();
    let mut camera = watch(&history);
    for name in ["A", "Bo", "Cem", "Dora"] {
        camera.follow(&sighting(name));
    }
    camera.end();
    history.shutdown().await;
    assert_eq!(house.events().await.iter().filter(|event| event.ended && event.has_face).count(), 4);
}
