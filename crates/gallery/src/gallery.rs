use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use face::Embedding;
use models::{Gates, Pack};
use store::{Feed, NewTemplate, PersonId, Profile, Store, StoreError, Version};
use tokio::sync::Mutex;

use crate::index::{Index, Match};
use crate::scale::Scale;
use crate::{EnrolError, PersonName};

/// Everybody enrolled, in memory, following the database. Searches never wait: they use the index that is there, also
/// while the database is away. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gallery {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) model: String,
    scale: Scale,
    pub(crate) gates: Gates,
    index: ArcSwap<Index>,
    /// When the last look at the database began that has succeeded.
    looked_at: ArcSwap<Instant>,
    /// Held while a new index is made, so that two changes do not overwrite each other.
    refreshing: Mutex<()>,
}

/// What an enrolment came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Whether the person is new.
    pub created: bool,
    /// Templates that the person has now.
    pub templates: u32,
}

impl Gallery {
    /// Loads everybody who has a template of this pack.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(store: Store, pack: &Pack) -> Result<Self, StoreError> {
        let shared = Shared {
            store,
            model: pack.embedder.space.clone(),
            scale: Scale::of(&pack.embedder),
            gates: pack.embedder.gates,
            index: ArcSwap::from_pointee(Index::empty(pack.embedder.dim)),
            looked_at: ArcSwap::from_pointee(Instant::now()),
            refreshing: Mutex::new(()),
        };
        shared.reload().await?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The person nearest to a face, and the second nearest. `None` when nobody is enrolled.
    pub fn search(&self, probe: &Embedding) -> Option<Match> {
        self.search_vector(&probe.vector)
    }

    /// The same for a bare unit vector.
    pub fn search_vector(&self, probe: &[f32]) -> Option<Match> {
        self.shared.index.load().search(probe, &self.shared.scale)
    }

    /// Groups, validity and the like of an enrolled person.
    pub fn profile(&self, person: PersonId) -> Option<Arc<Profile>> {
        self.shared.index.load().profile(person)
    }

    /// The version of what is searched.
    pub fn version(&self) -> Version {
        self.shared.index.load().version()
    }

    /// Whether everything is in the index that was in the database at `moment`.
    pub fn is_as_new_as(&self, moment: Instant) -> bool {
        **self.shared.looked_at.load() >= moment
    }

    /// How many people can be found.
    pub fn people(&self) -> usize {
        self.shared.index.load().len()
    }

    /// The index as it is now.
    pub fn index(&self) -> Arc<Index> {
        self.shared.index.load_full()
    }

    /// The pack's way from raw distances to the contract's scale.
    pub fn scale(&self) -> &Scale {
        &self.shared.scale
    }

    /// The model whose embeddings are searched.
    pub fn model(&self) -> &str {
        &self.shared.model
    }

    /// The pack's quality gates.
    pub fn gates(&self) -> &Gates {
        &self.shared.gates
    }

    /// Enrols a person, or adds templates to one who is there. When this returns, the change is on disk and in the
    /// index of this process.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn enrol(&self, name: &PersonName, embeddings: &[Embedding]) -> Result<Enrolled, EnrolError> {
        let templates: Vec<NewTemplate<'_>> = embeddings
            .iter()
            .map(|e| NewTemplate { model: &self.shared.model, embedding: &e.vector, norm: e.norm, event: None })
            .collect();
        let done = self.shared.store.enrol(name.as_str(), &templates).await?;
        self.refresh_or_warn().await;
        Ok(Enrolled { created: done.created, templates: done.templates })
    }

    /// Removes a person and all templates. `false`: there is no such person.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove(&self, name: &PersonName) -> Result<bool, EnrolError> {
        let removed = self.shared.store.remove(name.as_str()).await?.is_some();
        self.refresh_or_warn().await;
        Ok(removed)
    }

    /// Names in order of registration.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, EnrolError> {
        Ok(self.shared.store.names().await?)
    }

    /// Follows changes made by other processes, for ever: looks at once when PostgreSQL calls one out, and otherwise after a moment
    /// (a look reads one row). While the database is away it says so once, keeps the index
    /// that it has, and goes on when the database is back.
    pub async fn follow(&self) {
        let mut reachable = true;
        let mut wakeups = self.shared.store.wakeups();
        loop {
            wakeups.next().await;
            match (self.shared.refresh().await, reachable) {
                (Ok(()), false) => {
                    tracing::info!(people = self.index().len(), "the database is back, the gallery is up to date");
                    reachable = true;
                }
                (Err(error), true) => {
                    tracing::warn!(%error, people = self.index().len(), "the database is away: recognising from memory");
                    reachable = false;
                }
                _ => {}
            }
        }
    }

    /// The change is in the database already: failing now would tell the caller that it is not.
    pub(crate) async fn refresh_or_warn(&self) {
        if let Err(error) = self.shared.refresh().await {
            tracing::warn!(%error, "the gallery could not be read again after a change; it will be, in a moment");
        }
    }
}

impl Shared {
    /// Brings the index up to the database's version.
    async fn refresh(&self) -> Result<(), StoreError> {
        let _alone = self.refreshing.lock().await;
        let began = Instant::now();
        self.catch_up().await?;
        self.looked_at.store(Arc::new(began));
        Ok(())
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        let held = self.index.load_full();
        if self.store.version().await? == held.version() {
            return Ok(());
        }
        match self.store.changes_since(held.version()).await? {
            Feed::Reload => self.reload().await,
            Feed::Changes(changes) => {
                let changed: BTreeSet<PersonId> = changes.iter().map(|change| change.person).collect();
                let changed = Vec::from_iter(changed);
                let people = self.store.people_of(&changed, &self.model).await?;
                let mut index = Index::clone(&held);
                for id in changed {
                    index.put(id, people.get(&id), &self.scale);
                }
                // They are read as they are by now, which may be newer; the changes until then come again.
                if let Some(newest) = changes.last() {
                    index.set_version(newest.version);
                }
                tracing::debug!(people = index.len(), version = index.version().0, "gallery changed");
                self.index.store(Arc::new(index));
                Ok(())
            }
        }
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let snapshot = self.store.people(&self.model).await?;
        let mut index = Index::empty(self.index.load().dim());
        for person in &snapshot.people {
            index.add(person, &self.scale);
        }
        index.set_version(snapshot.version);
        tracing::info!(people = index.len(), version = index.version().0, "gallery loaded");
        let unknown = snapshot.people.len() - index.len();
        if unknown > 0 {
            tracing::warn!(
                "{unknown} of {} people have no photo for the model pack {}, so it cannot recognise them: enrol them again",
                snapshot.people.len(),
                self.model
            );
        }
        self.index.store(Arc::new(index));
        Ok(())
    }
}
