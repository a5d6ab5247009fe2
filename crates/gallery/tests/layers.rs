//! People who are known by two model packs, of different length and distance: both are searched at once.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use face::{Beside, Embedding, Pose, Quality, Rect, WantedSpace};
use gallery::{Candidate, Company, Distance, EnrolPolicy, Gallery, Likeness, PersonName};
use models::{Catalog, DistanceKind, Pack};
use store::{Event, NewTemplate, PersonId, Store, StoredFace};

/// The space beside that of the default pack.
const OLD: &str = "old";

fn catalog() -> Catalog {
    let mut catalog = Catalog::builtin();
    let mut old: Pack = catalog.pack("default").unwrap().clone();
    old.name = OLD.to_owned();
    old.embedder.space = OLD.to_owned();
    old.embedder.dim = 128;
    old.embedder.distance = DistanceKind::L2;
    old.embedder.curve = vec![[0.0, 0.0], [2.0, 2.0]];
    catalog.packs.insert(OLD.to_owned(), old);
    catalog
}

struct Place {
    gallery: Gallery,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
        let catalog = catalog();
        let pack = catalog.pack("default").unwrap();
        let gallery = Gallery::load(store.clone(), pack, &catalog).await.unwrap();
        Self { gallery, store, _folder: folder }
    }

    /// Enrols somebody by the pack in use.
    async fn enrol(&self, who: &str, axis: usize) {
        self.gallery.enrol(&name(who), &[Embedding::new(new_face(axis), 4.0)]).await.unwrap();
    }

    /// Enrols somebody by the other pack, before this one came.
    async fn enrol_old(&self, who: &str, face: &[f32]) {
        let template = NewTemplate { model: OLD, embedding: face, norm: 1.5, event: None, photo: None };
        self.store.enrol(who, &[template]).await.unwrap();
        self.gallery.remove(&name("nobody, to have the gallery look")).await.unwrap();
    }
}

fn name(text: &str) -> PersonName {
    PersonName::parse(text).unwrap()
}

/// A direction of its own for each person.
fn new_face(axis: usize) -> Vec<f32> {
    let mut vector = vec![0.0; 512];
    vector[axis] = 1.0;
    vector
}

/// Not of unit length, as dlib's are not.
fn old_face(axis: usize, length: f32) -> Vec<f32> {
    let mut vector = vec![0.0; 128];
    vector[axis] = length;
    vector
}

/// The same face by both packs.
fn both(new: Vec<f32>, old: Vec<f32>) -> Embedding {
    Embedding { beside: vec![Beside { space: OLD.into(), vector: old }], ..Embedding::new(new, 4.0) }
}

fn known_by_old(people: usize) -> Vec<WantedSpace> {
    vec![WantedSpace { space: OLD.into(), people }]
}

#[tokio::test]
async fn who_is_known_by_the_other_pack_only_is_found_by_a_probe_that_has_both() {
    let place = Place::new().await;
    place.enrol("zero", 7).await;
    assert!(place.gallery.wanted_spaces().get().is_empty());
    place.enrol_old("katya", &old_face(0, 1.5)).await;
    assert_eq!(*place.gallery.wanted_spaces().get(), known_by_old(1));
    assert_eq!((place.gallery.people(), place.gallery.index().known_elsewhere()), (2, known_by_old(1)));

    let found = place.gallery.search(&both(new_face(0), old_face(0, 1.2))).unwrap();
    assert_eq!((&*found.name, &*found.space), ("katya", OLD));
    assert!((found.raw.0 - 0.3).abs() < 1e-6 && (found.distance.value() - 0.3).abs() < 1e-6, "{found:?}");
    assert_eq!(&*found.runner_up.unwrap().name, "zero", "the second is of the other layer");
    // Without the other vector there is nothing to find her by.
    assert_eq!(&*place.gallery.search(&Embedding::new(new_face(0), 4.0)).unwrap().name, "zero");
    let profile = place.gallery.profile(found.person);
    assert!(profile.is_some(), "she has a profile like everybody");
}

#[tokio::test]
async fn the_scale_decides_who_of_two_layers_is_nearest() {
    let place = Place::new().await;
    place.enrol("new", 0).await;
    place.enrol_old("old", &old_face(0, 1.0)).await;
    // 0.4 from the one by the cosine, which is less than that on the scale.
    let mut probe = new_face(0);
    (probe[0], probe[1]) = (0.6, 0.8);
    let new_distance = place.gallery.scale().between(&probe, &new_face(0));
    for (old_distance, nearest) in [(new_distance.value() - 0.01, "old"), (new_distance.value() + 0.01, "new")] {
        let found = place.gallery.search(&both(probe.clone(), old_face(0, 1.0 + old_distance))).unwrap();
        assert_eq!(&*found.name, nearest);
        let second = found.runner_up.unwrap();
        assert!(second.distance > found.distance && second.distance.value() - found.distance.value() < 0.011);
    }
}

#[tokio::test]
async fn whoever_has_templates_of_both_counts_once_and_is_searched_by_the_new_ones() {
    let place = Place::new().await;
    place.enrol_old("katya", &old_face(0, 1.5)).await;
    place.enrol("katya", 0).await;
    assert_eq!(place.gallery.people(), 1);
    assert!(place.gallery.wanted_spaces().get().is_empty());
    let found = place.gallery.search(&both(new_face(0), old_face(0, 1.5))).unwrap();
    assert_eq!((&*found.space, found.runner_up), ("default", None));
    // A process that starts now sees the same.
    let catalog = catalog();
    let pack = catalog.pack("default").unwrap();
    let again = Gallery::load(place.store.clone(), pack, &catalog).await.unwrap();
    assert_eq!((again.people(), again.index().known_elsewhere()), (1, Vec::new()));
    place.gallery.remove(&name("katya")).await.unwrap();
    assert!(place.gallery.index().is_empty(), "she is gone from every layer");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_to_the_new_pack_is_never_absent() {
    let place = Place::new().await;
    place.enrol("zero", 200).await;
    for person in 0..20 {
        place.enrol_old(&person.to_string(), &old_face(person, 1.4)).await;
    }
    let (done, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (gallery, is_done, count) = (place.gallery.clone(), Arc::clone(&done), Arc::clone(&looks));
    let watching = std::thread::spawn(move || {
        while !is_done.load(Ordering::Relaxed) {
            for person in 0..20 {
                let found = gallery.search(&both(new_face(person), old_face(person, 1.4))).unwrap();
                assert_eq!(*found.name, person.to_string());
                assert!(found.distance.value() < 1e-3, "{found:?}");
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    for person in 0..20 {
        place.enrol(&person.to_string(), person).await;
        assert_eq!(place.gallery.people(), 21);
    }
    done.store(true, Ordering::Relaxed);
    watching.join().unwrap();
    assert!(looks.load(Ordering::Relaxed) > 100 && place.gallery.index().known_elsewhere().is_empty());
}

#[tokio::test]
async fn shots_are_fused_in_each_space_by_itself() {
    let place = Place::new().await;
    let shots =
        [both(new_face(0), old_face(0, 1.0)), both(new_face(1), old_face(1, 2.0)), Embedding::new(new_face(0), 3.0)];
    let weights = [1.0, 3.0, 3.0];
    let fused = place.gallery.fuse(shots.iter().zip(weights)).unwrap();
    assert!((fused.vector[0] - 0.8).abs() < 1e-6 && (fused.vector[1] - 0.6).abs() < 1e-6, "of unit length");
    let old = fused.in_space(OLD).unwrap();
    assert_eq!((old[0], old[1]), (0.25, 1.5), "the mean of those that have it");
    assert_eq!(fused.norm, 4.0);
    assert!(place.gallery.fuse(shots.iter().zip([0.0; 3])).is_none());
    assert!(place.gallery.fuse(shots[2..].iter().zip([1.0])).unwrap().beside.is_empty());
}

#[tokio::test]
async fn a_face_that_was_refuted_by_the_new_pack_counts_against_somebody_of_the_old() {
    let place = Place::new().await;
    place.enrol_old("katya", &old_face(0, 1.0)).await;
    let lookalike = both(new_face(5), old_face(0, 1.2));
    let found = place.gallery.search(&lookalike).unwrap();
    assert!(!found.refuted);
    let event = passed_as_katya(found.person, "default", lookalike.vector.clone());
    place.store.put_events(std::slice::from_ref(&event)).await.unwrap();
    place.gallery.correct_event(&event.id, None).await.unwrap();
    assert!(place.gallery.search(&lookalike).unwrap().refuted);
    // Katya herself looks otherwise.
    assert!(!place.gallery.search(&both(new_face(0), old_face(0, 1.0))).unwrap().refuted);
}

fn passed_as_katya(person: PersonId, model: &str, face: Vec<f32>) -> Event {
    Event {
        id: "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0".to_owned(),
        person_id: Some(person.0),
        person: Some("katya".to_owned()),
        status: "PASS".to_owned(),
        camera: "door".to_owned(),
        node: "gate".to_owned(),
        ended: true,
        decision: "{}".to_owned(),
        face: Some(StoredFace { model: model.to_owned(), embedding: face }),
        ..Event::default()
    }
}

#[tokio::test]
async fn faces_are_embedded_by_the_old_pack_for_as_long_as_one_that_it_refuted_counts_against_somebody() {
    let place = Place::new().await;
    place.enrol("zero", 1).await;
    place.enrol("katya", 0).await;
    let katya = place.gallery.search(&both(new_face(0), old_face(0, 1.0))).unwrap().person;
    let event = passed_as_katya(katya, OLD, old_face(0, 1.0));
    place.store.put_events(std::slice::from_ref(&event)).await.unwrap();
    for _ in 0..2 {
        assert!(place.gallery.wanted_spaces().get().is_empty());
        place.gallery.correct_event(&event.id, None).await.unwrap();
        assert_eq!(*place.gallery.wanted_spaces().get(), known_by_old(1));
        // She gets one more photo, and a process that starts now sees the same.
        place.enrol("katya", 0).await;
        assert_eq!(*place.gallery.wanted_spaces().get(), known_by_old(1));
        let catalog = catalog();
        let pack = catalog.pack("default").unwrap();
        let again = Gallery::load(place.store.clone(), pack, &catalog).await.unwrap();
        assert_eq!(*again.wanted_spaces().get(), known_by_old(1));
        place.gallery.take_back_correction(&event.id).await.unwrap();
    }
    place.gallery.correct_event(&event.id, None).await.unwrap();
    place.gallery.remove(&name("katya")).await.unwrap();
    assert!(place.gallery.wanted_spaces().get().is_empty(), "she is gone, and so is what counted against her");
}

fn candidate(embedding: Embedding) -> Candidate {
    let pose = Pose { yaw: 0.0, pitch: 0.0, roll: 0.0 };
    let quality =
        Quality { norm: 4.0, side: 200, whole: 1.0, at_edge: false, between_edges: false, pose, surface: None };
    Candidate {
        kept: None,
        embedding,
        area: Rect { left: 0.0, top: 0.0, right: 200.0, bottom: 200.0 },
        quality,
        company: Company::default(),
        likeness: Likeness::default(),
        findings: Vec::new(),
    }
}

#[tokio::test]
async fn photos_are_compared_with_people_of_either_layer() {
    let place = Place::new().await;
    place.enrol_old("katya", &old_face(0, 1.0)).await;
    let compare = async |who: &str, embedding: Embedding| {
        let mut candidate = candidate(embedding);
        let policy = EnrolPolicy::STRICT;
        place.gallery.compare(&name(who), &mut [&mut candidate], policy, Distance::new(0.45)).await;
        (candidate.findings.first().map(|finding| finding.code), candidate.likeness)
    };
    let (said, likeness) = compare("twin", both(new_face(3), old_face(0, 1.1))).await;
    assert_eq!((said, &*likeness.other.unwrap().name), (Some("duplicate_person"), "katya"));
    let (said, likeness) = compare("katya", both(new_face(3), old_face(0, 1.1))).await;
    assert!(said.is_none() && likeness.own.unwrap().value() < 0.11, "{said:?}");
    let (said, _) = compare("katya", both(new_face(3), old_face(9, 1.0))).await;
    assert_eq!(said, Some("unlike_other_photos"));
    // With nothing to compare with nothing can be said, but that.
    let (said, likeness) = compare("katya", Embedding::new(new_face(3), 4.0)).await;
    assert_eq!((said, likeness), (Some("not_comparable"), Likeness::default()));
    assert_eq!(compare("zoe", Embedding::new(new_face(5), 4.0)).await.0, None);
}

#[tokio::test]
async fn people_of_an_unknown_pack_are_not_found_and_harm_nobody() {
    let place = Place::new().await;
    place.enrol("zero", 1).await;
    let template = NewTemplate { model: "never heard of", embedding: &[1.0], norm: 4.0, event: None, photo: None };
    place.store.enrol("katya", &[template]).await.unwrap();
    place.enrol("ema", 2).await;
    assert_eq!((place.gallery.people(), place.gallery.index().known_elsewhere()), (2, Vec::new()));
}
