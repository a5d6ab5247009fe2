//! Cameras are kept as they were defined, and each is watched by one node at a time.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::time::Duration;

use common::on_each_engine;
use store::{Claim, Store, StoreError};
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

async fn claim(store: &Store, owner: &str, lease: Duration) -> bool {
    store.claim_camera("door", &format!("node of {owner}"), owner, lease).await.unwrap()
}

async fn owner(store: &Store) -> Option<String> {
    store.claims().await.unwrap().pop().map(|claim| claim.owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_listed_as_they_were_added_until_they_are_removed() {
    on_each_engine(async |database| {
        let store = database.open().await;
        store.add_camera("gate", "{1}").await.unwrap();
        store.add_camera("door", "{2}").await.unwrap();
        let again = store.add_camera("gate", "{3}").await.unwrap_err();
        assert!(matches!(again, StoreError::CameraExists { ref camera } if camera == "gate"), "{again}");
        let listed: Vec<_> = store.cameras().await.unwrap().into_iter().map(|c| (c.id, c.definition)).collect();
        assert_eq!(listed, [("gate".to_owned(), "{1}".to_owned()), ("door".to_owned(), "{2}".to_owned())]);
        assert!(store.remove_camera("gate").await.unwrap());
        assert!(!store.remove_camera("gate").await.unwrap());
        assert_eq!(store.camera("gate").await.unwrap(), None);
        assert_eq!(store.camera("door").await.unwrap().unwrap().definition, "{2}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_change_a_camera_at_once_nobody_overwrites_what_another_has_written() {
    on_each_engine(async |database| {
        let stores = [database.open().await, database.open().await];
        stores[0].add_camera("door", "").await.unwrap();
        let changes: Vec<_> = (0..10)
            .map(|number| {
                let store = stores[number % 2].clone();
                tokio::spawn(async move {
                    loop {
                        let before = store.camera("door").await.unwrap().unwrap().definition;
                        if store.change_camera("door", &before, &format!("{before}{number}")).await.unwrap() {
                            return;
                        }
                    }
                })
            })
            .collect();
        for change in changes {
            change.await.unwrap();
        }
        let mut written: Vec<char> = stores[0].camera("door").await.unwrap().unwrap().definition.chars().collect();
        written.sort_unstable();
        assert_eq!(written, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        assert!(!stores[0].change_camera("gate", "", "x").await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_claim_a_camera_at_once_exactly_one_gets_it() {
    on_each_engine(async |database| {
        let stores = [database.open().await, database.open().await];
        let claims: Vec<_> = (0..10)
            .map(|number| {
                let store = stores[number % 2].clone();
                tokio::spawn(async move { claim(&store, &number.to_string(), LONG).await })
            })
            .collect();
        let mut won = 0;
        for claim in claims {
            won += usize::from(claim.await.unwrap());
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_keeps_others_away_until_it_runs_out_or_is_given_up() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert!(claim(&store, "a", LONG).await);
        assert!(!claim(&store, "b", LONG).await);
        assert!(claim(&store, "a", SHORT).await, "an owner may claim again");
        sleep(SHORT * 2).await;
        assert_eq!(owner(&store).await, None, "a lease that is over counts no more");
        assert!(claim(&store, "b", LONG).await);
        assert!(!claim(&store, "a", LONG).await);

        store.release_claim("door", "a").await.unwrap();
        store.release_claims("a").await.unwrap();
        assert_eq!(owner(&store).await.as_deref(), Some("b"), "not a's to give up");
        store.release_claim("door", "b").await.unwrap();
        assert!(claim(&store, "a", LONG).await);
        store.release_claims("a").await.unwrap();
        assert_eq!(owner(&store).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewing_keeps_ones_own_claims_with_their_reports_and_names_those_that_another_took() {
    on_each_engine(async |database| {
        let store = database.open().await;
        assert!(claim(&store, "a", SHORT).await);
        assert!(store.claim_camera("gate", "node of b", "b", LONG).await.unwrap());
        let reports = [("door".to_owned(), "live".to_owned()), ("gate".to_owned(), "mine".to_owned())];
        assert_eq!(store.renew_claims("a", LONG, &reports).await.unwrap(), ["door"]);
        sleep(SHORT * 2).await;
        let expected = |camera: &str, owner: &str, report: &str| Claim {
            camera: camera.to_owned(),
            node: format!("node of {owner}"),
            owner: owner.to_owned(),
            report: report.to_owned(),
        };
        assert_eq!(store.claims().await.unwrap(), [expected("door", "a", "live"), expected("gate", "b", "")]);
    })
    .await;
}
