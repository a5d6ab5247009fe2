//! What is told of a passage beside its PASS.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;

use camera::Reason;
use events::{EventView, Notice, NoticeKind, Notices, PassageNews, Phase, Visitors};
use face::Embedding;
use gallery::{Gallery, PersonName};
use models::Catalog;
use store::{Event, Micros, Profile, Store, StoredFace};

/// A gallery in which `katya` is watched and of the staff, and `olga` is not.
async fn gallery(folder: &tempfile::TempDir) -> Gallery {
    let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
    let pack = Catalog::builtin().pack("default").unwrap().clone();
    let gallery = Gallery::load(store.clone(), &pack, &Catalog::builtin()).await.unwrap();
    for (axis, name) in ["katya", "olga"].into_iter().enumerate() {
        let mut vector = vec![0.0; pack.embedder.dim];
        vector[axis] = 1.0;
        gallery.enrol(&PersonName::parse(name).unwrap(), &[Embedding::new(vector, 4.0)]).await.unwrap();
    }
    let profile =
        Profile { code: Some("17".to_owned()), groups: vec!["staff".to_owned()], watched: true, ..Profile::default() };
    store.change_profile("katya", |held| *held = profile).await.unwrap();
    Gallery::load(store, &pack, &Catalog::builtin()).await.unwrap()
}

fn person(gallery: &Gallery, name: &str) -> (Option<i64>, Option<String>) {
    let found = gallery.search(&Embedding::new(vector_of(name), 4.0)).unwrap();
    assert_eq!(&*found.name, name);
    (Some(found.person.0), Some(name.to_owned()))
}

fn vector_of(name: &str) -> Vec<f32> {
    let mut vector = vec![0.0; Catalog::builtin().pack("default").unwrap().embedder.dim];
    vector[usize::from(name == "olga")] = 1.0;
    vector
}

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        person_id: None,
        person: None,
        status: "REJECT".to_owned(),
        reason: Some("below_threshold".to_owned()),
        camera: "door".to_owned(),
        direction: Some("in".to_owned()),
        node: "gate".to_owned(),
        track: Some(7),
        distance: Some(0.5123),
        raw_distance: Some(1.1),
        quality: Some(4.0),
        started_at: Micros(1_736_400_000_000_000),
        passed_at: None,
        last_seen_at: Micros(1_736_400_002_000_000),
        ended: false,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: None,
        correction: None,
    }
}

fn news(phase: Phase, event: &Event) -> PassageNews {
    PassageNews { phase, event: Arc::new(EventView::of(event)) }
}

fn kinds(notices: &[Notice]) -> Vec<NoticeKind> {
    notices.iter().map(|notice| notice.kind).collect()
}

#[tokio::test]
async fn somebody_who_is_denied_is_told_of_once_a_passage() {
    let folder = tempfile::tempdir().unwrap();
    let gallery = gallery(&folder).await;
    let (person_id, person) = person(&gallery, "olga");
    let mut notices = Notices::new(gallery, None);
    let denied = |id: &str, reason: &str| Event {
        person_id,
        person: person.clone(),
        reason: Some(reason.to_owned()),
        ..event(id)
    };
    let told = notices.of(&news(Phase::Start, &denied("1", "not_allowed_now")));
    let expected = Notice {
        name: Some("olga".to_owned()),
        distance: Some(0.5123),
        raw_distance: Some(1.1),
        reason: Some(Reason::NotAllowedNow),
        direction: Some(camera::Direction::In),
        event: Some("1".to_owned()),
        track: Some(7),
        ..Notice::new(NoticeKind::Denied, "door", Micros(1_736_400_002_000_000))
    };
    assert_eq!(told, [expected]);
    assert!(notices.of(&news(Phase::Update, &denied("1", "suspended"))).is_empty(), "another reason is no news");
    assert!(notices.of(&news(Phase::End, &denied("1", "suspended"))).is_empty());
    assert_eq!(kinds(&notices.of(&news(Phase::Start, &denied("2", "suspended")))), [NoticeKind::Denied]);
}

#[tokio::test]
async fn somebody_unknown_is_told_of_once_it_is_known_which_visitor_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut notices = Notices::new(gallery(&folder).await, None);
    assert!(notices.of(&news(Phase::Start, &event("1"))).is_empty());
    let visitor =
        |id: &str, reason: &str| Event { visitor: Some("v1".to_owned()), reason: Some(reason.to_owned()), ..event(id) };
    let told = notices.of(&news(Phase::Update, &visitor("1", "below_threshold")));
    assert_eq!(kinds(&told), [NoticeKind::Unknown]);
    assert_eq!((told[0].visitor.as_deref(), told[0].name.as_deref()), (Some("v1"), None));
    assert!(notices.of(&news(Phase::End, &visitor("1", "below_threshold"))).is_empty());
    for reason in ["blurred", "too_small", "turned_away", "too_few_shots"] {
        assert!(notices.of(&news(Phase::End, &visitor("2", reason))).is_empty(), "{reason}");
    }
    for (id, reason) in [("3", "nobody_enrolled"), ("4", "refuted")] {
        assert_eq!(kinds(&notices.of(&news(Phase::End, &visitor(id, reason)))), [NoticeKind::Unknown], "{reason}");
    }
}

#[tokio::test]
async fn of_a_visitor_who_is_muted_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let gallery = gallery(&folder).await;
    let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
    let visitors = Visitors::still(store.clone(), gallery.model(), gallery.scale().clone());
    let mut notices = Notices::new(gallery.clone(), Some(visitors.clone()));
    let visitor = |event_id: &str, axis: usize, id: &str| {
        let mut embedding = vec![0.0; vector_of("olga").len()];
        embedding[axis] = 1.0;
        let face = Some(StoredFace { model: gallery.model().to_owned(), embedding });
        Event { visitor: Some(id.to_owned()), face, ..event(event_id) }
    };
    let (postman, other) = ("01943c3e-8f10-7000-8000-00000000000a", "01943c3e-8f10-7000-8000-00000000000b");
    store.put_events(&[visitor("1", 7, postman), visitor("2", 8, other)]).await.unwrap();
    assert!(store.mute_visitor(postman, true).await.unwrap());
    visitors.catch_up().await.unwrap();
    assert!(notices.of(&news(Phase::Start, &visitor("3", 7, postman))).is_empty());
    assert_eq!(kinds(&notices.of(&news(Phase::Start, &visitor("4", 8, other)))), [NoticeKind::Unknown]);
    store.mute_visitor(postman, false).await.unwrap();
    visitors.catch_up().await.unwrap();
    assert_eq!(kinds(&notices.of(&news(Phase::Start, &visitor("5", 7, postman)))), [NoticeKind::Unknown]);
}

#[tokio::test]
async fn somebody_of_the_watch_list_is_told_of_accepted_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let gallery = gallery(&folder).await;
    let (katya, olga) = (person(&gallery, "katya"), person(&gallery, "olga"));
    let mut notices = Notices::new(gallery, None);
    let passed = |id: &str, (person_id, person): &(Option<i64>, Option<String>)| Event {
        person_id: *person_id,
        person: person.clone(),
        status: "PASS".to_owned(),
        reason: None,
        ..event(id)
    };
    let told = notices.of(&news(Phase::Start, &passed("1", &katya)));
    assert_eq!(kinds(&told), [NoticeKind::Watched]);
    assert_eq!((told[0].status(), told[0].code.as_deref()), ("PASS", Some("17")));
    assert_eq!(told[0].groups, ["staff"]);
    assert!(notices.of(&news(Phase::Update, &passed("1", &katya))).is_empty());
    assert!(notices.of(&news(Phase::Start, &passed("2", &olga))).is_empty());
    let refused = Event { status: "REJECT".to_owned(), reason: Some("expired".to_owned()), ..passed("3", &katya) };
    let told = notices.of(&news(Phase::Start, &refused));
    assert_eq!(kinds(&told), [NoticeKind::Denied, NoticeKind::Watched]);
    assert!(told.iter().all(|notice| notice.status() == "REJECT"));
}

#[tokio::test]
async fn a_picture_of_somebody_who_would_be_accepted_is_told_of_once_with_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut notices = Notices::new(gallery(&folder).await, None);
    let spoof = |id: &str, distance: f32| Event {
        reason: Some("spoof".to_owned()),
        decision: format!(r#"{{"threshold": 0.45, "fused": {{"name": "katya", "distance": {distance}}}}}"#),
        ..event(id)
    };
    let told = notices.of(&news(Phase::Start, &spoof("1", 0.31)));
    assert_eq!(kinds(&told), [NoticeKind::Spoof], "whoever shows it is not katya, who is on the watch list");
    assert_eq!((told[0].name.as_deref(), told[0].status()), (Some("katya"), "REJECT"));
    assert!(notices.of(&news(Phase::End, &spoof("1", 0.31))).is_empty());
    assert!(notices.of(&news(Phase::Start, &spoof("2", 0.46))).is_empty(), "a picture of nobody known");
}

#[tokio::test]
async fn somebody_of_the_watch_list_is_told_of_though_not_seen_alive_for_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut notices = Notices::new(gallery(&folder).await, None);
    let unsure = |id: &str, name: &str, distance: f32| Event {
        reason: Some("not_seen_alive".to_owned()),
        decision: format!(r#"{{"threshold": 0.45, "fused": {{"name": "{name}", "distance": {distance}}}}}"#),
        ..event(id)
    };
    let told = notices.of(&news(Phase::Start, &unsure("1", "katya", 0.31)));
    assert_eq!(kinds(&told), [NoticeKind::Watched]);
    assert_eq!((told[0].name.as_deref(), told[0].code.as_deref()), (Some("katya"), Some("17")));
    assert_eq!((told[0].status(), told[0].reason), ("REJECT", Some(Reason::NotSeenAlive)));
    assert!(notices.of(&news(Phase::End, &unsure("1", "katya", 0.31))).is_empty(), "once");
    assert!(notices.of(&news(Phase::Start, &unsure("2", "katya", 0.46))).is_empty(), "not near enough to be her");
    assert!(notices.of(&news(Phase::Start, &unsure("3", "olga", 0.31))).is_empty());
}
