//! Opening a database: what is created, what is refused, and what the messages say.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Database, MODEL, enrol, execute, on_each_engine};
use store::{Engine, Store, StoreError};
use tokio::net::TcpStream;

async fn refusal(url: &str) -> StoreError {
    Store::open(url).await.map(|_| ()).expect_err("must be refused")
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<_> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_found_as_it_was_left() {
    on_each_engine(async |database| {
        let store = database.open().await;
        let expected = if database.url.starts_with("sqlite") { Engine::Sqlite } else { Engine::Postgres };
        assert_eq!(store.engine(), expected);
        enrol(&store, "Ann").await;
        drop(store);
        let store = database.open().await;
        store.ping().await.expect("an answer");
        assert_eq!(store.names().await.expect("names"), ["Ann"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_holds_several_faces_on_a_page_and_an_old_one_is_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (new, old) = (folder.path().join("new.db"), folder.path().join("old.db"));
    let url = |file: &Path| format!("sqlite:{}", file.display());
    execute(&format!("{}?mode=rwc", url(&old)), "PRAGMA page_size = 4096; CREATE TABLE theirs (id INTEGER)").await;
    for file in [&new, &old] {
        let store = Store::open(&url(file)).await.unwrap();
        enrol(&store, "Ann").await;
        assert_eq!(store.names().await.unwrap(), ["Ann"]);
    }
    // https://www.sqlite.org/fileformat.html: two bytes from 16 on.
    let page = |file: &Path| u16::from_be_bytes(std::fs::read(file).unwrap()[16..18].try_into().unwrap());
    assert_eq!((page(&new), page(&old)), (8192, 4096));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_stores_open_one_empty_database_at_once() {
    on_each_engine(async |database| {
        let openings: Vec<_> = (0..12)
            .map(|_| {
                let url = database.url.clone();
                tokio::spawn(async move { Store::open(&url).await })
            })
            .collect();
        for opening in openings {
            let store = opening.await.expect("no panic").expect("opens");
            store.ping().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_made_by_a_newer_version_is_refused() {
    on_each_engine(async |database| {
        drop(database.open().await);
        database
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
            )
            .await;
        let message = refusal(&database.url).await.to_string();
        assert!(message.contains("was made by a newer version (migration 9999)"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn addresses_that_cannot_work_are_refused_with_a_reason() {
    for (url, reason) in [
        ("sqlite::memory:", "forgets everybody"),
        ("sqlite://:memory:", "forgets everybody"),
        ("sqlite:x.db?mode=memory", "forgets everybody"),
        ("sqlite:x.db?mode=ro", "options after `?`"),
        ("sqlite:", "path of a file"),
        ("mysql://ann:secret@host/db", "must start with"),
        ("vultus.db", "must start with"),
        ("postgres://ann:se/cret@host/db", "%XX"),
    ] {
        let error = refusal(url).await;
        assert!(matches!(error, StoreError::BadUrl { .. }), "{url}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(reason) && !message.contains("cret"), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "Dear diary, ".repeat(1_000)).expect("written");
    let error = refusal(&format!("sqlite:{}", text.display())).await;
    assert!(matches!(error, StoreError::NotADatabase { .. }), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    let error = refusal(&format!("sqlite:{}", folder.path().display())).await;
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
    let error = refusal(&format!("sqlite:{}/below/v.db", text.display())).await;
    assert!(matches!(error, StoreError::Create { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_may_hold_any_character() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("100% Zoë's #1/vultus & co.db");
    let store = Store::open(&format!("sqlite:{}", path.display())).await.expect("opens");
    enrol(&store, "Ann").await;
    assert!(path.metadata().expect("the file").len() > 0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_this_user_may_look_into_a_new_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("deep/home");
    let store = Store::open(&format!("sqlite:{}", home.join("v.db").display())).await.expect("opens");
    enrol(&store, "Ann").await;
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for file in ["v.db", "v.db-wal", "v.db-shm"] {
        assert_eq!(mode(&home.join(file)), 0o600, "{file}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    drop(database.open().await);
    let path = database.url.trim_start_matches("sqlite:");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o400)).expect("read-only");
    if std::fs::OpenOptions::new().append(true).open(path).is_ok() {
        println!("skipped: this user may write to every file");
        return;
    }
    let error = refusal(&database.url).await;
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_does_not_answer_are_told_by_name() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("its address").port();
    let closed_port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("its address").port()
    };
    for port in [silent_port, closed_port] {
        let error = refusal(&format!("postgres://ann:secret@127.0.0.1:{port}/vultus")).await;
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("ann:***@127.0.0.1:{port}/vultus")), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_and_an_unknown_user_are_told_apart() {
    let Ok(admin) = std::env::var("VULTUS_TEST_POSTGRES") else {
        println!("skipped: no PostgreSQL");
        return;
    };
    let error = refusal(&format!("{admin}_that_is_missing")).await;
    assert!(matches!(error, StoreError::NoSuchDatabase { .. }), "{error}");
    let (_, server) = admin.split_once('@').expect("VULTUS_TEST_POSTGRES names a user");
    let error = refusal(&format!("postgres://nobody_known:secret@{server}")).await;
    assert!(matches!(error, StoreError::Login { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_goes_away_is_an_error_in_seconds_and_is_used_again_when_it_is_back() {
    let Ok(admin) = std::env::var("VULTUS_TEST_POSTGRES") else {
        println!("skipped: no PostgreSQL");
        return;
    };
    let database = Database::postgres(&admin).await;
    let network = Network::to(&database.url).await;
    let store = Store::open(&network.url).await.expect("opens");
    enrol(&store, "Ann").await;

    network.down.store(true, Ordering::SeqCst);
    let error = store.people(&[MODEL]).await.expect_err("no answer");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    network.down.store(false, Ordering::SeqCst);
    assert_eq!(store.names().await.expect("back"), ["Ann"]);

    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await;
    assert_eq!(store.names().await.expect("connections are replaced"), ["Ann"]);
}

/// A network between store and server that can be cut: while it is down, packets vanish and nobody is told.
struct Network {
    url: String,
    down: Arc<AtomicBool>,
}

impl Network {
    async fn to(url: &str) -> Network {
        let (_, rest) = url.split_once('@').expect("user@server");
        let (server, name) = rest.split_once('/').expect("server/database");
        let server: SocketAddr = server.parse().expect("an address");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let near = listener.local_addr().expect("its address");
        let down = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&down);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server, Arc::clone(&cut)));
            }
        });
        Network { url: url.replace(rest, &format!("{near}/{name}")), down }
    }
}

async fn relay(client: TcpStream, server: SocketAddr, cut: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::join!(pass_on(client_read, server_write, &cut), pass_on(server_read, client_write, &cut));
}

async fn pass_on(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, cut: &AtomicBool) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if !cut.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
