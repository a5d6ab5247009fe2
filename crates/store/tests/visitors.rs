//! Unknown people: grouped by what events say, united, muted, forgotten, registered; and nothing of it comes back by itself.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{MODEL, enrol, event_of, on_each_engine};
use store::{Event, EventFilter, Micros, RegisteredVisitor, Registration, Store, Visitor, VisitorCursor};

const ANN: &str = "01943c3e-8f10-7000-8000-00000000000a";
const BOB: &str = "01943c3e-8f10-7000-8000-00000000000b";
const EAST: [f32; 2] = [1.0, 0.0];
const NORTH: [f32; 2] = [0.0, 1.0];

/// An event of a visitor.
fn met(second: i64, visitor: &str, face: [f32; 2]) -> Event {
    Event { visitor: Some(visitor.to_owned()), ..event_of(second, None, Some(&face)) }
}

fn registration(name: &str) -> Registration<'_> {
    Registration { name, model: MODEL, faces: 2, quality: 3.0 }
}

async fn listed(store: &Store) -> Vec<Visitor> {
    store.visitors(None, None, 10).await.unwrap()
}

async fn face_of(store: &Store, event: &Event) -> Option<Vec<f32>> {
    store.event_face(&event.id, MODEL).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_what_its_events_say() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let yard = Event { camera: "yard".to_owned(), has_face: true, quality: Some(4.0), ..met(5, ANN, NORTH) };
        store.put_events(&[met(1, ANN, EAST), met(2, BOB, EAST), yard.clone()]).await.unwrap();
        let [ann, bob] = &listed(&store).await[..] else { panic!("two visitors") };
        assert_eq!((ann.id.as_str(), bob.id.as_str()), (ANN, BOB), "who was seen last comes first");
        assert_eq!((ann.passages, &ann.cameras[..]), (2, &["door".to_owned(), "yard".to_owned()][..]));
        assert_eq!((ann.first_seen_at, ann.last_seen_at), (met(1, ANN, EAST).started_at, yard.started_at));
        assert_eq!((&ann.shots[..], &bob.shots[..]), (&[yard.id.clone()][..], &[][..]), "those with a picture");
        let (seq, faces) = store.visitor_faces(MODEL, 10).await.unwrap();
        let centroid = faces[0].centroid.as_ref().unwrap();
        assert!((centroid[0] - 0.6).abs() < 1e-6 && (centroid[1] - 0.8).abs() < 1e-6, "3 east, 4 north: {centroid:?}");
        assert_eq!(store.visitor_face(ANN, MODEL).await.unwrap().as_ref(), Some(centroid));
        assert!(store.visitor_faces("another model", 10).await.unwrap().1.is_empty());
        assert!(store.visitor_faces_since(seq, MODEL, 10).await.unwrap().is_empty());

        // Seen for longer: no other face, so nothing to learn.
        let longer = Event { last_seen_at: Micros(yard.last_seen_at.0 + 9), ..met(2, BOB, EAST) };
        store.put_events(std::slice::from_ref(&longer)).await.unwrap();
        assert!(store.visitor_faces_since(seq, MODEL, 10).await.unwrap().is_empty());
        assert_eq!(listed(&store).await[0].last_seen_at, longer.last_seen_at);

        let cursor = VisitorCursor { last_seen_at: longer.last_seen_at, id: BOB.to_owned() };
        let rest = store.visitors(None, Some(&cursor), 10).await.unwrap();
        assert_eq!(rest.iter().map(|visitor| visitor.id.as_str()).collect::<Vec<_>>(), [ANN]);
        let filter = EventFilter { visitor: Some(ANN.to_owned()), ..EventFilter::default() };
        assert_eq!(store.events(&filter, None, 10).await.unwrap().len(), 2);
        assert_eq!(store.faces(MODEL, &filter, Some(&yard.id), 10).await.unwrap()[0].embedding, EAST);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_that_becomes_a_pass_is_no_visitors_any_more() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let person = enrol(&store, "Ann").await.person;
        store.put_events(&[met(1, ANN, EAST)]).await.unwrap();
        let seq = store.visitor_faces(MODEL, 10).await.unwrap().0;
        let known = Event { person_id: Some(person.0), ..event_of(1, Some("Ann"), Some(&EAST)) };
        store.put_events(&[known]).await.unwrap();
        assert!(listed(&store).await.is_empty());
        assert_eq!(store.visitor(ANN).await.unwrap(), None);
        let changes = store.visitor_faces_since(seq, MODEL, 10).await.unwrap();
        assert_eq!((changes.len(), changes[0].centroid.as_ref()), (1, None), "others hear of it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_turn_out_to_be_one_are_one_by_both_ids() {
    on_each_engine(async |database| {
        let store = database.open().await;
        store.put_events(&[met(1, ANN, EAST), met(2, BOB, NORTH)]).await.unwrap();
        assert!(store.mute_visitor(BOB, true).await.unwrap());
        assert!(store.merge_visitors(ANN, BOB).await.unwrap());
        assert!(!store.merge_visitors(ANN, BOB).await.unwrap(), "another process was faster");
        let all = listed(&store).await;
        assert_eq!((all.len(), all[0].id.as_str(), all[0].passages, all[0].muted), (1, ANN, 2, true));
        assert_eq!(store.visitor(BOB).await.unwrap().as_ref(), Some(&all[0]));
        assert_eq!(store.visitor_face(BOB, MODEL).await.unwrap(), store.visitor_face(ANN, MODEL).await.unwrap());
        // A process that does not know of it yet.
        store.put_events(&[met(3, BOB, EAST)]).await.unwrap();
        assert_eq!(store.visitor(BOB).await.unwrap().unwrap().passages, 3);
        assert!(store.mute_visitor(BOB, false).await.unwrap());
        assert!(store.visitors(Some(true), None, 10).await.unwrap().is_empty());
        let faces = store.visitor_faces_since(0, MODEL, 10).await.unwrap();
        let led: Vec<_> = faces.iter().filter_map(|face| face.merged_into.as_deref()).collect();
        assert_eq!(led, [ANN]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_visitor_leaves_no_face_and_does_not_come_back() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let event = met(1, BOB, EAST);
        store.put_events(&[met(2, ANN, NORTH), event.clone()]).await.unwrap();
        store.merge_visitors(ANN, BOB).await.unwrap();
        assert!(store.forget_visitor(BOB).await.unwrap());
        assert!(!store.forget_visitor(ANN).await.unwrap());
        // The passage lasts, and the process that sees it does not know yet.
        store.put_events(&[Event { ended: true, ..event.clone() }]).await.unwrap();
        assert!(listed(&store).await.is_empty());
        assert_eq!((face_of(&store, &event).await, store.visitor(ANN).await.unwrap()), (None, None));
        let kept = store.event(&event.id).await.unwrap().unwrap();
        assert_eq!((kept.ended, kept.visitor, kept.person), (true, None, None), "the event stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_visitor_is_a_person_and_so_are_its_events() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let poor = Event { quality: Some(2.9), ..met(1, ANN, NORTH) };
        let (good, best) = (met(2, ANN, EAST), Event { quality: Some(5.0), ..met(3, ANN, EAST) });
        store
            .put_events(&[poor.clone(), good.clone(), best.clone(), Event { quality: Some(3.1), ..met(4, ANN, EAST) }])
            .await
            .unwrap();
        let seq = store.newest_event_seq().await.unwrap();
        assert_eq!(store.register_visitor(BOB, registration("Ann")).await.unwrap(), RegisteredVisitor::Unknown);
        let strict = Registration { quality: 6.0, ..registration("Ann") };
        assert_eq!(store.register_visitor(ANN, strict).await.unwrap(), RegisteredVisitor::NoFace);
        assert_eq!(store.version().await.unwrap().0, 0, "no number is lost");
        let done = store.register_visitor(ANN, registration("Ann")).await.unwrap();
        let RegisteredVisitor::Done { enrolled, events, faces } = done else { panic!("{done:?}") };
        assert_eq!((enrolled.created, enrolled.templates, events, &faces[0]), (true, 2, 4, &best.id));
        let again = store.register_visitor(ANN, registration("Bob")).await.unwrap();
        assert_eq!(again, RegisteredVisitor::Already("Ann".to_owned()));

        let told = store.events_since(seq, 10).await.unwrap();
        assert_eq!(told.len(), 4, "followers hear of each");
        for told in &told {
            assert_eq!((told.event.person.as_deref(), told.event.visitor.as_ref()), (Some("Ann"), None));
            assert_eq!(told.event.correction.as_ref().unwrap().was_person, None);
        }
        assert!(listed(&store).await.is_empty());
        let lead = store.visitor(ANN).await.unwrap().unwrap();
        assert_eq!((lead.person.as_deref(), lead.passages), (Some("Ann"), 0));
        // A state that was on its way into the database, and a passage of which nothing was there yet.
        store.put_events(&[Event { ended: true, ..good.clone() }, met(6, ANN, EAST)]).await.unwrap();
        for event in [&good, &met(6, ANN, EAST)] {
            let event = store.event(&event.id).await.unwrap().unwrap();
            assert_eq!((event.person_id, event.visitor.as_ref()), (Some(enrolled.person.0), None));
            assert!(event.correction.is_some());
        }

        store.remove("Ann").await.unwrap().unwrap();
        store.put_events(&[good.clone(), met(7, ANN, EAST)]).await.unwrap();
        for event in [&poor, &good, &best, &met(6, ANN, EAST), &met(7, ANN, EAST)] {
            assert_eq!(face_of(&store, event).await, None, "no face outlives the registration");
        }
        assert!(listed(&store).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_goes_with_the_last_of_its_events() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ended = |event| Event { ended: true, ..event };
        store
            .put_events(&[ended(met(1, ANN, EAST)), ended(met(2, BOB, EAST)), ended(met(9, BOB, NORTH))])
            .await
            .unwrap();
        assert_eq!(store.remove_events(met(5, BOB, EAST).started_at).await.unwrap(), 2);
        let left = listed(&store).await;
        assert_eq!((left.len(), left[0].id.as_str(), left[0].passages), (1, BOB, 1));
        assert_eq!(store.visitor_face(BOB, MODEL).await.unwrap().unwrap(), NORTH, "nothing is left of the older face");
    })
    .await;
}
