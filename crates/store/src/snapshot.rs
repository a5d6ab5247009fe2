use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::changes::newest_version;
use crate::db::SNAPSHOT_LIMIT;
use crate::error::Fault;
use crate::people::add_faces;
use crate::profile::{PROFILE_COLUMNS, ProfileValues, profile_from};
use crate::whom::Whom;
use crate::{Micros, Person, PersonId, Store, StoreError, Version};

/// People on a page: as many as a block of the gallery holds, so that none is left half empty.
const PAGE: usize = 1024;

/// People of a page whose faces are read at once: with all of them in one piece each reader takes five megabytes more, and no less time.
const PART: usize = 256;

/// Pages that are read at once, at most: half of a store's connections.
const MOST_READERS: usize = 4;

/// Everybody, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<P = Person> {
    /// The moment: all changes up to this one are in it, none after.
    pub version: Version,
    /// In order of registration; or what was made of them, page by page.
    pub people: Vec<P>,
}

impl Store {
    /// Everybody with their templates of these models, as of one moment.
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn people(&self, models: &[&str]) -> Result<Snapshot, StoreError> {
        let Snapshot { version, people } = self.people_by_page(models, |page| page).await?;
        Ok(Snapshot { version, people: people.into_iter().flatten().collect() })
    }

    /// What `make` makes of everybody with their templates of these models, as of one moment, page by page: of 100,000 people only a few
    /// thousand are in memory at a time. Several pages are read and made something of at once, since a database reads faster than
    /// one core takes what it has read.
    ///
    /// # Errors
    /// When the database cannot answer, or a template is broken.
    pub async fn people_by_page<P: Send + 'static>(
        &self,
        models: &[&str],
        make: impl Fn(Vec<Person>) -> P + Clone + Send + Sync + 'static,
    ) -> Result<Snapshot<P>, StoreError> {
        let models = models.iter().map(|model| Arc::from(*model)).collect();
        let reading = Reading { models, last: Arc::new(Mutex::new(PersonId(0))), make };
        self.within_limit(SNAPSHOT_LIMIT, async {
            let mut session = self.reading().await?;
            let mut transaction = session.begin().await?;
            let version = newest_version(&mut transaction).await?;
            let mut pages = Vec::from_iter(reading.page(&mut transaction).await?);
            // Two people are read before another connection is there.
            let mut helpers = JoinSet::new();
            if pages.last().is_some_and(|page| page.is_full) {
                (1..readers()).for_each(|_| drop(helpers.spawn(reading.clone().help(self.clone(), version))));
            }
            pages.extend(reading.pages(&mut transaction).await?);
            transaction.commit().await?;
            session.give_back();
            while let Some(helped) = helpers.join_next().await {
                pages.extend(helped.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?);
            }
            pages.sort_unstable_by_key(|page| page.last);
            Ok(Snapshot { version, people: pages.into_iter().map(|page| page.made).collect() })
        })
        .await
    }
}

/// A snapshot on its way: what its readers share. Each takes the next page until there are none.
#[derive(Clone)]
struct Reading<F> {
    models: Arc<[Arc<str>]>,
    /// The last person of all pages that are taken. Held while the people of the next one are read, and not while their faces are.
    last: Arc<Mutex<PersonId>>,
    make: F,
}

/// What was made of a page.
struct Page<P> {
    last: PersonId,
    is_full: bool,
    made: P,
}

impl<P, F: Fn(Vec<Person>) -> P> Reading<F> {
    /// Reads pages as well. Without a connection, or where the gallery has changed since `version`, the others do it without.
    async fn help(self, store: Store, version: Version) -> Result<Vec<Page<P>>, Fault> {
        let Ok(mut session) = store.reading().await else { return Ok(Vec::new()) };
        let mut transaction = session.begin().await?;
        let is_same_moment = newest_version(&mut transaction).await? == version;
        let pages = if is_same_moment { self.pages(&mut transaction).await? } else { Vec::new() };
        transaction.commit().await?;
        session.give_back();
        Ok(pages)
    }

    /// All pages that the others do not take.
    async fn pages(&self, connection: &mut AnyConnection) -> Result<Vec<Page<P>>, Fault> {
        let mut pages = Vec::new();
        while let Some(page) = self.page(connection).await? {
            pages.push(page);
        }
        Ok(pages)
    }

    /// The next page.
    async fn page(&self, connection: &mut AnyConnection) -> Result<Option<Page<P>>, Fault> {
        let mut people = self.next_people(connection).await?;
        let Some(last) = people.last().map(|person| person.id) else { return Ok(None) };
        for part in people.chunks_mut(PART) {
            let whom = Whom::Between(part[0].id, part[part.len() - 1].id);
            add_faces(connection, whom, &self.models, part).await?;
        }
        Ok(Some(Page { last, is_full: people.len() == PAGE, made: (self.make)(people) }))
    }

    /// The people of the next page, without their faces.
    async fn next_people(&self, connection: &mut AnyConnection) -> Result<Vec<Person>, sqlx::Error> {
        let array = if connection.backend_name() == "PostgreSQL" { "json_build_array" } else { "json_array" };
        // One row for all of them, as for their templates.
        let sql = format!(
            "SELECT string_agg(CAST({array}(id, name, created_at, {array}({PROFILE_COLUMNS})) AS TEXT), '\n') AS people \
             FROM (SELECT id, name, created_at, {PROFILE_COLUMNS} FROM people WHERE id > $1 ORDER BY id LIMIT {PAGE}) AS in_order"
        );
        let mut last = self.last.lock().await;
        let row = sqlx::query(AssertSqlSafe(sql)).bind(last.0).fetch_one(connection).await?;
        let page: Option<&str> = row.try_get("people")?;
        let people = page.into_iter().flat_map(|page| page.split('\n')).map(person_from);
        let people = people.collect::<Result<Vec<_>, _>>().map_err(|error| sqlx::Error::Decode(error.into()))?;
        *last = people.last().map_or(*last, |person| person.id);
        Ok(people)
    }
}

/// A person without templates, from a list in JSON. No line break is in it: those of a name are escaped.
fn person_from(text: &str) -> serde_json::Result<Person> {
    let (id, name, created_at, profile): (i64, String, i64, ProfileValues) = serde_json::from_str(text)?;
    Ok(Person {
        id: PersonId(id),
        name,
        created_at: Micros(created_at),
        profile: profile_from(profile),
        templates: Vec::new(),
        refuted: Vec::new(),
    })
}

fn readers() -> usize {
    available_parallelism().map_or(1, usize::from).min(MOST_READERS)
}
