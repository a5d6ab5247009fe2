//! What somebody said of an event afterwards: it changes the event and who is recognised, and can be taken back.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{MODEL, enrol, event_of, on_each_engine};
use store::{
    ChangeKind, Corrected, Correction, Event, Feed, PersonId, RegisteredVisitor, Registration, Store, TakenBack,
    Version,
};

const FACE: [f32; 2] = [0.0, 1.0];

/// An event of somebody who was recognised, written down.
async fn seen(store: &Store, person: PersonId, name: &str) -> Event {
    let event = Event { person_id: Some(person.0), ..event_of(1, Some(name), Some(&FACE)) };
    store.put_events(std::slice::from_ref(&event)).await.unwrap();
    event
}

async fn corrected(store: &Store, event: &Event, said: Option<&str>) -> Correction {
    match store.correct_event(&event.id, said).await.unwrap() {
        Corrected::Done(correction) => *correction,
        other => panic!("{other:?}"),
    }
}

async fn refuted(store: &Store, person: PersonId) -> Vec<Vec<f32>> {
    let faces = |person: store::Person| Vec::from_iter(person.refuted.into_iter().map(|face| face.embedding));
    let alone = faces(store.person(person, MODEL).await.unwrap().unwrap());
    let everybody = store.people(&[MODEL]).await.unwrap().people;
    let among_all = faces(everybody.into_iter().find(|found| found.id == person).unwrap());
    assert_eq!(alone, among_all);
    alone
}

async fn changes(store: &Store, since: i64) -> Vec<(PersonId, ChangeKind)> {
    match store.changes_since(Version(since)).await.unwrap() {
        Feed::Changes(changes) => changes.iter().map(|change| (change.person, change.kind)).collect(),
        Feed::Reload => panic!("a number is missing"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_names_somebody_else_counts_against_who_was_named_and_can_be_taken_back() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let (ann, bob) = (enrol(&store, "Ann").await.person, enrol(&store, "Bob").await.person);
        let event = seen(&store, ann, "Ann").await;
        let seq = store.newest_event_seq().await.unwrap();
        let done = corrected(&store, &event, Some("Bob")).await;
        assert_eq!((done.event.person.as_deref(), done.event.person_id), (Some("Bob"), Some(bob.0)));
        assert_eq!((done.wrong_person.as_deref(), done.is_evidence), (Some("Ann"), true));
        assert_eq!(done.event.correction.as_ref().unwrap().was_person.as_deref(), Some("Ann"));
        assert_eq!(refuted(&store, ann).await, [FACE]);
        assert!(refuted(&store, bob).await.is_empty());
        assert_eq!(changes(&store, 2).await, [(ann, ChangeKind::Updated)]);
        assert_eq!(store.events_since(seq, 10).await.unwrap()[0].event, done.event, "followers hear of it");

        // The passage lasts: what is seen of it later does not undo what was said.
        store.put_events(&[Event { ended: true, ..event.clone() }]).await.unwrap();
        let now = store.event(&event.id).await.unwrap().unwrap();
        assert_eq!((now.person.as_deref(), now.ended, now.correction.is_some()), (Some("Bob"), true, true));

        let TakenBack::Done(back) = store.take_back_correction(&event.id).await.unwrap() else { panic!() };
        assert_eq!(
            (back.person.as_deref(), back.person_id, back.correction.as_ref()),
            (Some("Ann"), Some(ann.0), None)
        );
        assert!(refuted(&store, ann).await.is_empty());
        assert_eq!(store.take_back_correction(&event.id).await.unwrap(), TakenBack::Uncorrected);
        assert_eq!(changes(&store, 3).await, [(ann, ChangeKind::Updated)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_can_be_replaced_and_is_refused_where_it_says_nothing_new() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        enrol(&store, "Bob").await;
        let event = seen(&store, ann, "Ann").await;
        let say = async |said| store.correct_event(&event.id, said).await.unwrap();
        assert_eq!(say(Some("Ann")).await, Corrected::Same);
        assert_eq!(say(Some("Nobody")).await, Corrected::UnknownPerson);
        assert_eq!(store.correct_event("no event", None).await.unwrap(), Corrected::UnknownEvent);
        assert_eq!(store.take_back_correction("no event").await.unwrap(), TakenBack::UnknownEvent);
        corrected(&store, &event, None).await;
        assert_eq!((say(None).await, say(Some("Ann")).await), (Corrected::Same, Corrected::WasRecognised));
        let done = corrected(&store, &event, Some("Bob")).await;
        assert_eq!((done.wrong_person.as_deref(), done.event.person.as_deref()), (Some("Ann"), Some("Bob")));
        assert_eq!(done.event.correction.unwrap().was_person.as_deref(), Some("Ann"));
        assert_eq!(refuted(&store, ann).await.len(), 1, "one counts at a time");
        assert_eq!(store.version().await.unwrap().0, 4, "what was refused took no number");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_kept_face_the_event_is_corrected_and_decisions_are_not() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        let event = Event { person_id: Some(ann.0), ..event_of(1, Some("Ann"), None) };
        let unknown = event_of(2, None, Some(&FACE));
        store.put_events(&[event.clone(), unknown.clone()]).await.unwrap();
        let done = corrected(&store, &event, None).await;
        assert_eq!((done.event.person, done.is_evidence), (None, false));
        let done = corrected(&store, &unknown, Some("Ann")).await;
        assert_eq!((done.event.person.as_deref(), done.wrong_person, done.is_evidence), (Some("Ann"), None, false));
        assert!(refuted(&store, ann).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_does_not_count_while_its_event_is_said_to_be_of_somebody_else() {
    on_each_engine(async |database| {
        let store = database.open().await;
        const VISITOR: &str = "01943c3e-8f10-7000-8000-00000000000a";
        let met = |second| Event { visitor: Some(VISITOR.to_owned()), ..event_of(second, None, Some(&FACE)) };
        store.put_events(&[met(1), met(2)]).await.unwrap();
        let registration = Registration { name: "Ann", model: MODEL, faces: 5, quality: 3.0 };
        let done = store.register_visitor(VISITOR, registration).await.unwrap();
        let RegisteredVisitor::Done { enrolled, .. } = done else { panic!("{done:?}") };
        let templates = async || store.person(enrolled.person, MODEL).await.unwrap().unwrap().templates.len();
        assert_eq!(templates().await, 2);
        corrected(&store, &met(1), None).await;
        let everybody = store.people(&[MODEL]).await.unwrap().people;
        assert_eq!((templates().await, everybody[0].templates.len()), (1, 1));
        let TakenBack::Done(back) = store.take_back_correction(&met(1).id).await.unwrap() else { panic!() };
        assert_eq!((back.person.as_deref(), templates().await), (Some("Ann"), 2));
        assert_eq!(back.correction.unwrap().was_person, None, "named by the registration, as before");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_gets_its_event_back_with_the_correction_and_a_refuted_face_is_not_registered() {
    on_each_engine(async |database| {
        let store = database.open().await;
        const VISITOR: &str = "01943c3e-8f10-7000-8000-00000000000a";
        let ann = enrol(&store, "Ann").await.person;
        let event = Event { visitor: Some(VISITOR.to_owned()), ..event_of(1, None, Some(&FACE)) };
        store.put_events(std::slice::from_ref(&event)).await.unwrap();
        corrected(&store, &event, Some("Ann")).await;
        assert_eq!(store.visitor(VISITOR).await.unwrap(), None);
        let TakenBack::Done(back) = store.take_back_correction(&event.id).await.unwrap() else { panic!() };
        assert_eq!((back.visitor.as_deref(), back.person), (Some(VISITOR), None));
        assert_eq!(store.visitor(VISITOR).await.unwrap().unwrap().passages, 1);
        assert_eq!(store.remove("Ann").await.unwrap(), Some(Version(4)));
        assert!(ann.0 > 0 && store.visitor(VISITOR).await.unwrap().is_some(), "the visitor was never Ann");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_that_counts_against_somebody_stays_when_the_person_who_was_said_is_removed() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        enrol(&store, "Bob").await;
        let event = seen(&store, ann, "Ann").await;
        corrected(&store, &event, Some("Bob")).await;
        assert_eq!(store.remove("Bob").await.unwrap(), Some(Version(4)));
        assert_eq!(refuted(&store, ann).await, [FACE], "who has left does not pass as Ann");
        assert_eq!(store.event_face(&event.id, MODEL).await.unwrap(), None);
        // An open passage of somebody who is not registered any more.
        store.put_events(std::slice::from_ref(&event)).await.unwrap();
        assert_eq!(store.event_face(&event.id, MODEL).await.unwrap(), None);
        enrol(&store, "Cem").await;
        assert!(
            corrected(&store, &event, Some("Cem")).await.is_evidence,
            "a correction that replaces it keeps the face"
        );
        assert_eq!(refuted(&store, ann).await, [FACE]);
        let TakenBack::Done(back) = store.take_back_correction(&event.id).await.unwrap() else { panic!() };
        assert_eq!((back.person_id, refuted(&store, ann).await), (Some(ann.0), Vec::new()));
        corrected(&store, &seen(&store, ann, "Ann").await, None).await;
        store.remove("Ann").await.unwrap().unwrap();
        assert_eq!(store.take_back_correction(&event.id).await.unwrap(), TakenBack::Uncorrected, "it goes with Ann");
    })
    .await;
}
