use std::fmt;

use sqlx::AnyConnection;

use crate::error::Fault;
use crate::wakeups::CHANNEL;
use crate::{Micros, PersonId, Store, StoreError};

/// How many changes are kept for readers that are behind; one further behind reloads everything.
const KEPT_CHANGES: i64 = 100_000;

/// The number of a change of the gallery; a gallery's version is the number of its newest change, 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// New, or known and given more templates.
    Enrolled,
    /// Known, and otherwise than before: another profile, or other evidence for or against a face.
    Updated,
    /// Gone with all templates.
    Removed,
}

impl ChangeKind {
    fn as_text(self) -> &'static str {
        match self {
            ChangeKind::Enrolled => "enrolled",
            ChangeKind::Updated => "updated",
            ChangeKind::Removed => "removed",
        }
    }

    fn parse(version: Version, text: String) -> Result<ChangeKind, StoreError> {
        match text.as_str() {
            "enrolled" => Ok(ChangeKind::Enrolled),
            "updated" => Ok(ChangeKind::Updated),
            "removed" => Ok(ChangeKind::Removed),
            _ => Err(StoreError::UnknownChange { version: version.0, kind: text }),
        }
    }
}

/// One change of the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number: one more than the change before it.
    pub version: Version,
    /// To whom it happened. They may have changed again, or be gone, since.
    pub person: PersonId,
    /// What happened.
    pub kind: ChangeKind,
}

/// How a reader of the gallery catches up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Every change since the reader's version, in order; empty when it is up to date.
    Changes(Vec<Change>),
    /// The reader is too far behind, or ahead because the database was replaced: start over from
    /// [`Store::people`].
    Reload,
}

impl Store {
    /// The gallery's version: cheap enough to ask several times a second.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn version(&self) -> Result<Version, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let version = newest_version(&mut session).await?;
            session.give_back();
            Ok(version)
        })
        .await
    }

    /// What happened after `seen`, in order.
    ///
    /// # Errors
    /// When the database cannot answer, or holds a change that this version does not know.
    pub async fn changes_since(&self, seen: Version) -> Result<Feed, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let newest = newest_version(&mut transaction).await?;
            let changes = changes_after(&mut transaction, seen).await?;
            transaction.commit().await?;
            session.give_back();
            Ok(feed(seen, newest, changes))
        })
        .await
    }
}

/// Changes are numbered without gaps, so the feed is whole exactly when it begins right after what was seen.
fn feed(seen: Version, newest: Version, changes: Vec<Change>) -> Feed {
    let next = changes.first().map_or(newest.0.saturating_add(1), |change| change.version.0);
    if next == seen.0.saturating_add(1) { Feed::Changes(changes) } else { Feed::Reload }
}

pub(crate) async fn newest_version(connection: &mut AnyConnection) -> Result<Version, sqlx::Error> {
    sqlx::query_scalar("SELECT version FROM gallery").fetch_one(connection).await.map(Version)
}

async fn changes_after(connection: &mut AnyConnection, seen: Version) -> Result<Vec<Change>, Fault> {
    let rows: Vec<(i64, i64, String)> =
        sqlx::query_as("SELECT version, person_id, kind FROM changes WHERE version > $1 ORDER BY version")
            .bind(seen.0)
            .fetch_all(connection)
            .await?;
    let change = |(version, person, kind)| {
        let version = Version(version);
        Ok(Change { version, person: PersonId(person), kind: ChangeKind::parse(version, kind)? })
    };
    rows.into_iter().map(change).collect()
}

/// Takes the number of the change that this transaction makes; must be its first statement.
///
/// Versions must become visible in order: a reader that has seen 6 asks for 7 and never again for 5. An identity column
/// does not do that, since PostgreSQL hands out 5 and 6 and may commit 6 first. The counter's row stays locked until
/// the transaction ends, so whoever changes the gallery waits here for the one before.
pub(crate) async fn next_version(connection: &mut AnyConnection) -> Result<Version, sqlx::Error> {
    sqlx::query_scalar("UPDATE gallery SET version = version + 1 RETURNING version")
        .fetch_one(connection)
        .await
        .map(Version)
}

/// Writes the change down, and forgets those that no reader is expected to need.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    version: Version,
    person: PersonId,
    kind: ChangeKind,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO changes (version, person_id, kind, created_at) VALUES ($1, $2, $3, $4)")
        .bind(version.0)
        .bind(person.0)
        .bind(kind.as_text())
        .bind(Micros::now().0)
        .execute(&mut *connection)
        .await?;
    call_out(connection, version).await?;
    sqlx::query("DELETE FROM changes WHERE version <= $1").bind(version.0 - KEPT_CHANGES).execute(connection).await?;
    Ok(())
}

/// Wakes those who listen, when the transaction is committed. Only PostgreSQL can; elsewhere they look by themselves.
async fn call_out(connection: &mut AnyConnection, version: Version) -> Result<(), sqlx::Error> {
    if connection.backend_name() == "PostgreSQL" {
        // The function's own type, nothing at all, is none that both engines have.
        sqlx::query("SELECT CAST(pg_notify($1, $2) AS TEXT)")
            .bind(CHANNEL)
            .bind(version.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}
