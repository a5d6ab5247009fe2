//! Who is enrolled, with which templates.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{MODEL, enrol, on_each_engine};
use store::{NewTemplate, PersonId, StoreError, Version};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enrolled_twice_is_one_person_with_more_templates() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let template = NewTemplate { model: MODEL, embedding: &[1.0, 0.0], norm: 7.0, event: None, photo: None };
        let first = store.enrol("Ann", &[template, template]).await.expect("enrolled");
        let second = store.enrol("Ann", &[template]).await.expect("enrolled");
        assert!(first.created && !second.created);
        assert_eq!(first.person, second.person);
        assert_eq!((first.templates, second.templates), (2, 3));
        assert_eq!((first.version, second.version), (Version(1), Version(2)));
        assert_eq!(store.names().await.expect("names"), ["Ann"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_listed_in_order_of_registration_and_differ_by_case() {
    on_each_engine(async |database| {
        let store = database.open().await;
        for name in ["zoë", "Zoë", "Ann", "李小龍", "O'Brien; DROP TABLE people", "ann"] {
            assert!(enrol(&store, name).await.created, "{name}");
        }
        let names = store.names().await.expect("names");
        assert_eq!(names, ["zoë", "Zoë", "Ann", "李小龍", "O'Brien; DROP TABLE people", "ann"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_person_is_gone_with_all_templates_and_the_number_is_not_given_again() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        assert_eq!(store.remove("Nobody").await.expect("removed"), None);
        assert_eq!(store.version().await.expect("version"), Version(1));
        assert_eq!(store.remove("Ann").await.expect("removed"), Some(Version(2)));
        assert_eq!(store.person(ann, MODEL).await.expect("person"), None);
        let again = enrol(&store, "Ann").await;
        assert!(again.created && again.person > ann);
        assert_eq!(again.templates, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_listed_with_the_templates_of_one_model_bit_for_bit() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let embedding = [f32::MIN_POSITIVE, -0.0, 0.1, 1.0 - f32::EPSILON];
        let of_a = NewTemplate { model: MODEL, embedding: &embedding, norm: 12.345_679, event: None, photo: None };
        let of_b = NewTemplate { model: "model-b", embedding: &[1.0, 0.0, 0.0], norm: 3.0, event: None, photo: None };
        let ann = store.enrol("Ann", &[of_a]).await.expect("enrolled").person;
        store.enrol("Bob", &[of_b]).await.expect("enrolled");
        store.enrol("Ann", &[of_b]).await.expect("enrolled");

        let snapshot = store.people(&[MODEL]).await.expect("people");
        assert_eq!(snapshot.version, Version(3));
        let names: Vec<_> =
            snapshot.people.iter().map(|person| (person.name.as_str(), person.templates.len())).collect();
        assert_eq!(names, [("Ann", 1), ("Bob", 0)]);
        let template = &snapshot.people[0].templates[0];
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&template.embedding), bits(&embedding));
        let whole = store.whole_person("Ann").await.expect("person").expect("Ann");
        assert_eq!(whole.templates[0].norm.to_bits(), of_a.norm.to_bits());
        assert_eq!(store.person(ann, MODEL).await.expect("person").as_ref(), snapshot.people.first());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_of_several_models_are_read_at_one_moment_one_model_after_the_other() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let template = |model, embedding| NewTemplate { model, embedding, norm: 3.0, event: None, photo: None };
        store.enrol("Ann", &[template("model-b", &[1.0, 0.0, 0.0])]).await.expect("enrolled");
        store.enrol("Ann", &[template(MODEL, &[1.0])]).await.expect("enrolled");
        let bob = store.enrol("Bob", &[template("model-b", &[0.0, 2.0])]).await.expect("enrolled").person;
        let models = [MODEL, "model-b", "model-c"];
        let everybody = store.people(&models).await.expect("people").people;
        let read = |at: usize| -> Vec<(&str, usize)> {
            everybody[at].templates.iter().map(|t| (&*t.model, t.embedding.len())).collect()
        };
        assert_eq!((read(0), read(1)), (vec![(MODEL, 1), ("model-b", 3)], vec![("model-b", 2)]));
        let some = store.people_of(&[bob], &models).await.expect("people");
        assert_eq!(some.get(&bob), everybody.get(1));
        let roster = store.roster(MODEL).await.expect("roster");
        let held: Vec<_> = roster.iter().map(|held| (held.templates, held.of_other_models)).collect();
        assert_eq!(held, [(1, 1), (0, 1)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_very_many_photos_is_read_whole() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let numbers: Vec<[f32; 1]> = (0_u16..4_500).map(|n| [f32::from(n)]).collect();
        for (person, part) in numbers.chunks(1_500).enumerate() {
            let templates: Vec<_> = part
                .iter()
                .map(|x| NewTemplate { model: MODEL, embedding: x, norm: 1.0, event: None, photo: None })
                .collect();
            store.enrol(&person.to_string(), &templates).await.expect("enrolled");
        }
        let people = store.people(&[MODEL]).await.expect("people").people;
        let read: Vec<f32> = people.iter().flat_map(|person| &person.templates).map(|t| t.embedding[0]).collect();
        assert_eq!(read, numbers.concat());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_with_too_few_bytes_is_an_error_that_names_it() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let ann = enrol(&store, "Ann").await.person;
        database.execute("UPDATE templates SET dimensions = 3").await;
        for error in [store.people(&[MODEL]).await.map(drop), store.person(ann, MODEL).await.map(drop)] {
            let message = error.expect_err("broken").to_string();
            assert!(message.contains("template 1 of person 1 holds 8 bytes"), "{message}");
        }
        assert_eq!(store.names().await.expect("names"), ["Ann"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_is_no_number_is_refused_and_nothing_is_written() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let good = NewTemplate { model: MODEL, embedding: &[1.0], norm: 1.0, event: None, photo: None };
        for bad in [
            NewTemplate { embedding: &[], ..good },
            NewTemplate { embedding: &[f32::NAN], ..good },
            NewTemplate { norm: f32::INFINITY, ..good },
        ] {
            let refused = store.enrol("Ann", &[good, bad]).await.expect_err("refused");
            assert!(matches!(refused, StoreError::BadTemplate { .. }), "{refused}");
        }
        assert_eq!(store.version().await.expect("version"), Version(0));
        assert_eq!(store.person(PersonId(1), MODEL).await.expect("person"), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_caller_gives_up_leaves_the_store_usable() {
    on_each_engine(async |database| {
        let store = database.open().await;
        for n in 0..30 {
            let name = n.to_string();
            let call = enrol(&store, &name);
            let _ = tokio::time::timeout(std::time::Duration::from_micros(n * 100), call).await;
        }
        enrol(&store, "last").await;
        let snapshot = store.people(&[MODEL]).await.expect("people");
        assert!(snapshot.people.iter().all(|person| person.templates.len() == 1));
        assert_eq!(usize::try_from(snapshot.version.0), Ok(snapshot.people.len()));
    })
    .await;
}
