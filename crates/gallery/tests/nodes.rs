//! Galleries of several processes on one PostgreSQL: a call only hastens what the table of changes tells anyway.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

// The same fresh databases as the store's own tests have.
#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::Database;
use face::Embedding;
use gallery::{Gallery, PersonName};
use models::{Catalog, Pack};

fn pack() -> Pack {
    Catalog::builtin().pack("default").unwrap().clone()
}

fn embedding(axis: usize) -> Embedding {
    let mut vector = vec![0.0; pack().embedder.dim];
    vector[axis] = 1.0;
    Embedding::new(vector, 4.0)
}

async fn enrol(gallery: &Gallery, axis: usize) {
    let name = PersonName::parse(&format!("person {axis}")).unwrap();
    gallery.enrol(&name, &[embedding(axis)]).await.unwrap();
}

/// A fresh database; `None`, with a note, when there is no server.
async fn database() -> Option<Database> {
    let Ok(admin) = std::env::var("VULTUS_TEST_POSTGRES") else {
        println!("skipped: no PostgreSQL");
        return None;
    };
    Some(Database::postgres(&admin).await)
}

async fn following(database: &Database) -> Gallery {
    let gallery = Gallery::load(database.open().await, &pack(), &Catalog::builtin()).await.unwrap();
    let follower = gallery.clone();
    tokio::spawn(async move { follower.follow().await });
    gallery
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn knows(gallery: &Gallery, axis: usize) -> bool {
    gallery.search(&embedding(axis)).is_some_and(|found| *found.name == *format!("person {axis}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_seen_also_while_the_connection_that_listens_is_killed_again_and_again() {
    let Some(database) = database().await else { return };
    let (one, other) = (following(&database).await, following(&database).await);
    for axis in 0..8 {
        let kill = "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS BIGINT) FROM pg_stat_activity \
                    WHERE query LIKE 'LISTEN%' AND datname = current_database()";
        database.execute(kill).await;
        enrol(&one, axis).await;
        until("the other seeing it", || knows(&other, axis)).await;
    }
    assert_eq!(one.version(), other.version());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_calls_out_is_seen_all_the_same() {
    let Some(database) = database().await else { return };
    let (one, other) = (following(&database).await, following(&database).await);
    enrol(&one, 1).await;
    until("both knowing", || knows(&other, 1)).await;
    // Past the store, as another program would.
    let newest = one.version().0 + 1;
    database.execute("UPDATE people SET name = 'somebody else'").await;
    database.execute("UPDATE gallery SET version = version + 1").await;
    database
        .execute(&format!(
            "INSERT INTO changes (version, person_id, kind, created_at) SELECT {newest}, id, 'updated', 0 FROM people"
        ))
        .await;
    let is_renamed =
        |gallery: &Gallery| gallery.search(&embedding(1)).is_some_and(|found| &*found.name == "somebody else");
    until("both seeing the new name", || is_renamed(&one) && is_renamed(&other)).await;
    assert_eq!((one.version().0, other.version().0), (newest, newest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_cut_off_reads_what_it_missed_and_nothing_else() {
    let Some(database) = database().await else { return };
    let one = following(&database).await;
    enrol(&one, 0).await;
    let other = Gallery::load(database.open().await, &pack(), &Catalog::builtin()).await.unwrap();
    // While nobody follows for the other.
    for axis in 1..40 {
        enrol(&one, axis).await;
    }
    assert_eq!(other.index().len(), 1);
    // Whoever read everybody anew would stumble over this.
    database.execute("UPDATE templates SET dimensions = 1 WHERE id = (SELECT MIN(id) FROM templates)").await;
    let follower = other.clone();
    tokio::spawn(async move { follower.follow().await });
    until("all of them", || (0..40).all(|axis| knows(&other, axis))).await;
    assert_eq!(other.version(), one.version());
}
