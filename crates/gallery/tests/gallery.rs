//! The gallery over a real database, with embeddings made of a few directions: who is found, and how changes spread.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::{Duration, Instant};

use face::Embedding;
use gallery::{Distance, Gallery, PersonName, Unlike};
use models::{Catalog, Pack};
use store::{Event, Store, StoredFace};

fn pack() -> Pack {
    Catalog::builtin().pack("default").unwrap().clone()
}

/// A unit vector mostly along `axis`, leaning by `lean` towards another axis.
fn embedding(axis: usize, lean: f32, towards: usize) -> Embedding {
    let mut vector = vec![0.0; pack().embedder.dim];
    vector[axis] = (1.0 - lean * lean).sqrt();
    vector[towards] = lean;
    Embedding::new(vector, 4.0)
}

fn name(text: &str) -> PersonName {
    PersonName::parse(text).unwrap()
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A gallery of its own on the shared database, as another process would have it.
    async fn open(&self) -> Gallery {
        let url = format!("sqlite:{}", self.folder.path().join("vultus.db").display());
        Gallery::load(Store::open(&url).await.unwrap(), &pack(), &Catalog::builtin()).await.unwrap()
    }
}

impl Place {
    /// An event in which a face was taken for `name`; its id.
    async fn taken_for(&self, name: &str, gallery: &Gallery, face: &Embedding) -> String {
        let person = gallery.search(face).unwrap();
        assert_eq!(&*person.name, name);
        let id = "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0";
        let (person_id, person) = (Some(person.person.0), Some(name.to_owned()));
        self.keep(Event { person_id, person, status: "PASS".to_owned(), reason: None, ..event(id, face) }).await;
        id.to_owned()
    }

    /// An event in which a face was that of an unknown visitor.
    async fn met(&self, visitor: &str, face: &Embedding) {
        let event = event("01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f1", face);
        self.keep(Event { visitor: Some(visitor.to_owned()), ..event }).await;
    }

    async fn keep(&self, event: Event) {
        let url = format!("sqlite:{}", self.folder.path().join("vultus.db").display());
        Store::open(&url).await.unwrap().put_events(&[event]).await.unwrap();
    }
}

/// An event of somebody unknown.
fn event(id: &str, face: &Embedding) -> Event {
    Event {
        id: id.to_owned(),
        status: "REJECT".to_owned(),
        reason: Some("below_threshold".to_owned()),
        camera: "door".to_owned(),
        node: "gate".to_owned(),
        ended: true,
        decision: "{}".to_owned(),
        face: Some(StoredFace { model: pack().name, embedding: face.vector.clone() }),
        ..Event::default()
    }
}

#[tokio::test]
async fn nobody_enrolled_matches_nobody() {
    let place = Place::new();
    let gallery = place.open().await;
    assert_eq!(gallery.search(&embedding(0, 0.0, 1)), None);
}

#[tokio::test]
async fn the_nearest_person_is_named_with_distances_and_the_runner_up() {
    let place = Place::new();
    let gallery = place.open().await;
    gallery.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    gallery.enrol(&name("zero"), &[embedding(1, 0.0, 0)]).await.unwrap();
    let found = gallery.search(&embedding(0, 0.6, 1)).unwrap();
    assert_eq!(&*found.name, "katya");
    assert!((found.raw.0 - 0.2).abs() < 1e-5, "1 − 0.8, not {:?}", found.raw);
    assert_eq!(found.distance, gallery.scale().distance(found.raw));
    let second = found.runner_up.unwrap();
    assert_eq!(&*second.name, "zero");
    assert!(second.distance > found.distance);
}

#[tokio::test]
async fn several_photos_of_one_person_are_searched_by_their_mean() {
    let place = Place::new();
    let gallery = place.open().await;
    gallery.enrol(&name("katya"), &[embedding(0, 0.6, 1)]).await.unwrap();
    let done = gallery.enrol(&name("katya"), &[embedding(0, 0.6, 2)]).await.unwrap();
    assert!(!done.created);
    assert_eq!(done.templates, 2);
    // Both lean away to different sides; their mean lies between them, nearer to the middle than either.
    let middle = gallery.search(&embedding(0, 0.0, 1)).unwrap();
    assert!(middle.raw.0 < 0.15, "{:?}", middle.raw);
    assert_eq!(gallery.index().len(), 1);
}

#[tokio::test]
async fn a_stranger_among_five_photos_does_not_spoil_the_mean() {
    let place = Place::new();
    let gallery = place.open().await;
    let own: Vec<Embedding> = (1..6).map(|other| embedding(0, 0.3, other)).collect();
    gallery.enrol(&name("katya"), &own).await.unwrap();
    let before = gallery.search(&embedding(0, 0.0, 1)).unwrap().raw.0;
    gallery.enrol(&name("katya"), &[embedding(9, 0.0, 1)]).await.unwrap();
    let after = gallery.search(&embedding(0, 0.0, 1)).unwrap().raw.0;
    assert!((before - after).abs() < 1e-6, "{before} and {after}");
}

#[tokio::test]
async fn a_probe_of_another_models_length_matches_nobody() {
    let place = Place::new();
    let gallery = place.open().await;
    gallery.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    assert_eq!(gallery.search(&Embedding::new(vec![1.0; 128], 4.0)), None);
}

#[tokio::test]
async fn names_come_in_order_of_registration_and_a_removed_person_is_gone() {
    let place = Place::new();
    let gallery = place.open().await;
    for (axis, who) in ["zero", "katya", "ema"].iter().enumerate() {
        gallery.enrol(&name(who), &[embedding(axis, 0.0, 9)]).await.unwrap();
    }
    assert!(gallery.remove(&name("katya")).await.unwrap());
    assert!(!gallery.remove(&name("katya")).await.unwrap());
    assert_eq!(gallery.names().await.unwrap(), ["zero", "ema"]);
    assert_eq!(&*gallery.search(&embedding(2, 0.0, 9)).unwrap().name, "ema");
    assert_ne!(&*gallery.search(&embedding(1, 0.0, 9)).unwrap().name, "katya");
}

#[tokio::test]
async fn a_change_by_another_process_is_seen_within_a_second() {
    let place = Place::new();
    let (api, detector) = (place.open().await, place.open().await);
    let following = detector.clone();
    tokio::spawn(async move { following.follow().await });

    api.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    let seen = wait_until(|| detector.search(&embedding(0, 0.0, 1)).is_some()).await;
    assert!(seen < Duration::from_secs(1), "enrolment seen after {seen:?}");

    api.remove(&name("katya")).await.unwrap();
    let seen = wait_until(|| detector.index().is_empty()).await;
    assert!(seen < Duration::from_secs(1), "removal seen after {seen:?}");
}

async fn wait_until(condition: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !condition() && started.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn what_was_said_of_a_face_counts_in_every_process_and_only_against_who_was_named() {
    let place = Place::new();
    let (api, detector) = (place.open().await, place.open().await);
    let following = detector.clone();
    tokio::spawn(async move { following.follow().await });
    api.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    api.enrol(&name("zero"), &[embedding(3, 0.0, 1)]).await.unwrap();
    let lookalike = embedding(0, 0.6, 1);
    let event = place.taken_for("katya", &api, &lookalike).await;
    api.correct_event(&event, None).await.unwrap();
    let is_refuted = |gallery: &Gallery, probe: &Embedding| gallery.search(probe).is_some_and(|found| found.refuted);
    assert!(is_refuted(&api, &lookalike) && is_refuted(&api, &embedding(0, 0.65, 1)));
    assert!(!is_refuted(&api, &embedding(0, 0.1, 1)), "clearly nearer to katya");
    assert!(!is_refuted(&api, &embedding(3, 0.6, 1)), "somebody else's");
    wait_until(|| is_refuted(&detector, &lookalike)).await;
    assert!(is_refuted(&place.open().await, &lookalike), "and in one that starts later");
    assert!(is_refuted(&detector, &lookalike));
    api.take_back_correction(&event).await.unwrap();
    wait_until(|| !is_refuted(&detector, &lookalike)).await;
    assert!(!is_refuted(&api, &lookalike) && !is_refuted(&detector, &lookalike), "taken back");
}

#[tokio::test]
async fn a_visitor_who_looks_like_somebody_else_is_told_from_whoever_has_the_name() {
    let place = Place::new();
    let (api, other) = (place.open().await, place.open().await);
    const VISITOR: &str = "01943c3e-8f10-7000-8000-00000000000a";
    let lookalike = embedding(0, 0.6, 1);
    other.enrol(&name("zero"), &[embedding(3, 0.0, 1)]).await.unwrap();
    other.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    let event = place.taken_for("katya", &other, &lookalike).await;
    place.met(VISITOR, &lookalike).await;
    let unlike = async |who: &str| api.unlike(VISITOR, &name(who)).await.unwrap();
    assert!(matches!(unlike("zero").await, Some(Unlike::Far(distance)) if distance > Distance::new(0.5437)));
    assert_eq!((unlike("katya").await, unlike("nobody").await), (None, None));
    assert_eq!(api.unlike("01943c3e-8f10-7000-8000-00000000000b", &name("zero")).await.unwrap(), None);
    other.correct_event(&event, None).await.unwrap();
    assert_eq!(unlike("katya").await, Some(Unlike::Refuted));
}

#[tokio::test]
async fn what_was_enrolled_is_there_after_a_restart() {
    let place = Place::new();
    place.open().await.enrol(&name("katya"), &[embedding(0, 0.0, 1)]).await.unwrap();
    assert_eq!(&*place.open().await.search(&embedding(0, 0.0, 1)).unwrap().name, "katya");
}

#[tokio::test]
async fn many_enrolments_at_once_are_all_found() {
    let place = Place::new();
    let gallery = place.open().await;
    let enrolments = (0..40).map(|axis| {
        let gallery = gallery.clone();
        tokio::spawn(async move {
            gallery.enrol(&name(&format!("person {axis}")), &[embedding(axis, 0.0, 500)]).await.unwrap();
        })
    });
    for enrolment in enrolments.collect::<Vec<_>>() {
        enrolment.await.unwrap();
    }
    for axis in 0..40 {
        assert_eq!(*gallery.search(&embedding(axis, 0.0, 500)).unwrap().name, format!("person {axis}"));
    }
}
