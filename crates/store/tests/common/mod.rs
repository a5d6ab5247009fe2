//! One suite for both engines: a test is written once, as what happens to a fresh [`Database`].
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use store::{Enrolled, Event, Micros, NewTemplate, Store, StoredFace};
use tempfile::TempDir;

pub(crate) const MODEL: &str = "model-a";

/// Runs `test` on a fresh SQLite file and, if VULTUS_TEST_POSTGRES names a server, on a fresh database there.
pub(crate) async fn on_each_engine(test: impl AsyncFn(&Database)) {
    test(&Database::sqlite()).await;
    match std::env::var("VULTUS_TEST_POSTGRES") {
        Ok(admin) => test(&Database::postgres(&admin).await).await,
        Err(_) => println!("skipped: no PostgreSQL"),
    }
}

/// A fresh, empty database, gone with this value.
pub(crate) struct Database {
    pub(crate) url: String,
    admin: Option<String>,
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Database {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("vultus.db").display());
        Database { url, admin: None, _folder: Some(folder) }
    }

    pub(crate) async fn postgres(admin: &str) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vultus_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(admin, &format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').expect("VULTUS_TEST_POSTGRES ends with a database name");
        Database { url: format!("{server}/{name}"), admin: Some(admin.to_owned()), _folder: None }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.expect("the database opens")
    }

    /// Past the store, as another program would.
    pub(crate) async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (Some(admin), Some((_, name))) = (self.admin.take(), self.url.rsplit_once('/')) else { return };
        let sql = format!("DROP DATABASE {name} WITH (FORCE)");
        // A runtime of its own, in a thread of its own: this one is busy with the test, or with its panic.
        let dropping = std::thread::spawn(move || runtime().block_on(execute(&admin, &sql)));
        let _ = dropping.join();
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

pub(crate) async fn execute(url: &str, sql: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.expect("a connection");
    connection.execute(AssertSqlSafe(sql.to_owned())).await.expect(sql);
    connection.close().await.expect("a clean end");
}

/// Enrols `name` with one small template.
pub(crate) async fn enrol(store: &Store, name: &str) -> Enrolled {
    let template = NewTemplate { model: MODEL, embedding: &[0.6, 0.8], norm: 9.5, event: None, photo: None };
    store.enrol(name, &[template]).await.expect("enrolled")
}

/// An event that started `second` seconds after 2025 began, with the face that is kept of it.
pub(crate) fn event_of(second: i64, person: Option<&str>, face: Option<&[f32]>) -> Event {
    let started_at = Micros((1_735_689_600 + second) * 1_000_000);
    let hex = format!("{:012x}", started_at.0 / 1000);
    Event {
        id: format!("{}-{}-7000-8000-000000000000", &hex[..8], &hex[8..]),
        person_id: None,
        person: person.map(str::to_owned),
        status: if person.is_some() { "PASS" } else { "REJECT" }.to_owned(),
        reason: person.is_none().then(|| "below_threshold".to_owned()),
        camera: "door".to_owned(),
        direction: None,
        node: "gate".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: Some(3.0),
        started_at,
        passed_at: None,
        last_seen_at: started_at,
        ended: false,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: face.map(|face| StoredFace { model: MODEL.to_owned(), embedding: face.to_vec() }),
        correction: None,
    }
}
