//! What is kept of photos, and people as a whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{MODEL, enrol, on_each_engine, runtime};
use store::{Coverage, Feed, NewTemplate, Photo, Store};

const NEXT: &str = "model-b";
const JPEG: &[u8] = b"a photo";

fn template(embedding: &[f32]) -> NewTemplate<'_> {
    NewTemplate { model: MODEL, embedding, norm: 4.0, event: None, photo: Some(JPEG) }
}

/// Two photos of ann; one of bob, of the next model only; zoe without any.
async fn three(store: &Store) -> Vec<Coverage> {
    store.enrol("ann", &[template(&[1.0, 0.0]), template(&[0.0, 1.0])]).await.unwrap();
    store.enrol("bob", &[NewTemplate { model: NEXT, ..template(&[1.0]) }]).await.unwrap();
    enrol(store, "zoe").await;
    store.coverage(NEXT).await.unwrap()
}

async fn embed(store: &Store, person: &Coverage) -> bool {
    let photos = store.unembedded_photos(person.person, NEXT).await.unwrap();
    let new = NewTemplate { model: NEXT, embedding: &[0.5], norm: 3.0, event: None, photo: None };
    let embedded: Vec<_> = photos.iter().map(|photo| (photo.id, new)).collect();
    store.embed_photos(person.person, &embedded).await.unwrap()
}

fn told(coverage: &[Coverage]) -> Vec<(&str, u32, u32, u32)> {
    coverage.iter().map(|c| (c.name.as_str(), c.templates, c.photos, c.unembedded)).collect()
}

#[test]
fn people_are_embedded_by_another_model_and_that_is_taken_back() {
    runtime().block_on(on_each_engine(async |database| {
        let store = database.open().await;
        let before = three(&store).await;
        assert_eq!(told(&before), [("ann", 0, 2, 2), ("bob", 1, 1, 0), ("zoe", 0, 0, 0)]);
        let seen = store.version().await.unwrap();
        assert!(embed(&store, &before[0]).await);
        assert!(!embed(&store, &before[0]).await, "twice changes nothing");
        assert!(!embed(&store, &before[2]).await, "without photos there is nothing to do");
        assert_eq!(told(&store.coverage(NEXT).await.unwrap())[0], ("ann", 2, 2, 0));
        let Feed::Changes(changes) = store.changes_since(seen).await.unwrap() else { panic!("a feed") };
        assert_eq!(changes.len(), 1, "those who follow the gallery hear of it once");

        assert_eq!(store.embedded_again(NEXT).await.unwrap(), [before[0].person], "bob has nothing else");
        assert_eq!(store.take_back_embedded(before[0].person, NEXT).await.unwrap(), 2);
        assert_eq!(store.take_back_embedded(before[1].person, NEXT).await.unwrap(), 0);
        assert_eq!(told(&store.coverage(NEXT).await.unwrap()), told(&before));
        assert_eq!(store.coverage(MODEL).await.unwrap()[0].templates, 2, "the model before keeps its own");
    }));
}

#[test]
fn photos_go_with_the_person_and_templates_for_them_are_refused_then() {
    runtime().block_on(on_each_engine(async |database| {
        let store = database.open().await;
        let ann = &three(&store).await[0];
        let photos = store.unembedded_photos(ann.person, NEXT).await.unwrap();
        assert_eq!(photos.iter().map(|photo| photo.image.as_slice()).collect::<Vec<_>>(), [JPEG, JPEG]);
        store.remove("ann").await.unwrap();
        assert!(store.unembedded_photos(ann.person, NEXT).await.unwrap().is_empty());
        let new = NewTemplate { model: NEXT, embedding: &[0.5], norm: 3.0, event: None, photo: None };
        assert!(!store.embed_photos(ann.person, &[(photos[0].id, new)]).await.unwrap());
    }));
}

#[test]
fn a_person_moves_to_another_database_whole_and_once() {
    runtime().block_on(on_each_engine(async |database| {
        let (from, to) = (database.open().await, common::Database::sqlite());
        let to = to.open().await;
        let ann = &three(&from).await[0];
        embed(&from, ann).await;
        from.change_profile("ann", |profile| profile.groups = vec!["staff".to_owned()]).await.unwrap();
        let whole = from.whole_person("ann").await.unwrap().unwrap();
        assert_eq!((whole.templates.len(), whole.photos.len()), (4, 2));

        let restored = to.restore(&whole).await.unwrap();
        assert_eq!((restored.created, restored.templates), (true, 4));
        let again = to.restore(&whole).await.unwrap();
        assert_eq!((again.created, again.templates), (false, 0));

        let there = &to.coverage(MODEL).await.unwrap()[0];
        let moved = to.whole_person("ann").await.unwrap().unwrap();
        let images = |photos: &[Photo]| photos.iter().map(|photo| photo.image.clone()).collect::<Vec<_>>();
        assert_eq!(
            (&moved.name, &moved.profile, images(&moved.photos)),
            (&whole.name, &whole.profile, images(&whole.photos))
        );
        assert_eq!((there.photos, there.unembedded), (2, 0), "each photo belongs to its templates");
    }));
}
