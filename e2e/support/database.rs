use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

/// A fresh PostgreSQL database, gone with this value.
pub struct Postgres {
    pub url: String,
    admin: String,
    name: String,
}

impl Postgres {
    /// A database on the server of VULTUS_TEST_POSTGRES; `None`, with a note, when there is no server.
    pub async fn fresh() -> Option<Self> {
        let Ok(admin) = std::env::var("VULTUS_TEST_POSTGRES") else {
            println!("skipped: no PostgreSQL");
            return None;
        };
        let name = format!("vultus_e2e_{}", std::process::id());
        execute(&admin, &format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').expect("VULTUS_TEST_POSTGRES ends with a database name");
        Some(Self { url: format!("{server}/{name}"), admin, name })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (admin, sql) = (self.admin.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A runtime of its own, in a thread of its own: this one is busy with the test, or with its panic.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&admin, &sql));
        });
        let _ = dropping.join();
    }
}

async fn execute(url: &str, sql: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.expect("a connection");
    connection.execute(AssertSqlSafe(sql.to_owned())).await.expect(sql);
    connection.close().await.expect("a clean end");
}
