use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use face::{Beside, Embedding, WantedSpace, WantedSpaces};
use models::{Catalog, Gates, Pack};
use store::{Feed, NewTemplate, Person, PersonId, Profile, Store, StoreError, Version};
use tokio::sync::Mutex;

use crate::index::{Index, Match};
use crate::layer::Space;
use crate::scale::Scale;
use crate::{Candidate, EnrolError, PersonName};

/// Everybody enrolled, in memory, following the database. Searches never wait: they use the index that is there, also
/// while the database is away. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gallery {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    /// That of the pack in use, and the spaces of all others after it.
    spaces: Vec<Arc<Space>>,
    pub(crate) gates: Gates,
    index: ArcSwap<Index>,
    /// What [`Index::wanted`] says, for those who embed.
    wanted: WantedSpaces,
    /// When the last look at the database began that has succeeded.
    looked_at: ArcSwap<Instant>,
    /// Held while a new index is made, so that two changes do not overwrite each other.
    refreshing: Mutex<()>,
}

/// How long a face may be on its way from the engine that embeds it to the search.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What an enrolment came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Whether the person is new.
    pub created: bool,
    /// Templates that the person has now.
    pub templates: u32,
}

/// A face that is to be enrolled.
#[derive(Clone, Copy, Debug)]
pub struct NewFace<'a> {
    /// What the person will be recognised by.
    pub embedding: &'a Embedding,
    /// What is to be kept of its photo: an image file.
    pub photo: Option<&'a [u8]>,
}

impl<'a> From<&'a Embedding> for NewFace<'a> {
    /// A face of which nothing else is kept.
    fn from(embedding: &'a Embedding) -> Self {
        Self { embedding, photo: None }
    }
}

impl<'a> From<&'a Candidate> for NewFace<'a> {
    fn from(candidate: &'a Candidate) -> Self {
        Self { embedding: &candidate.embedding, photo: candidate.kept.as_deref() }
    }
}

impl Gallery {
    /// Loads everybody who has a template of this pack, or else of another one of the catalogue.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(store: Store, pack: &Pack, catalog: &Catalog) -> Result<Self, StoreError> {
        let gallery = Self::unread(store, pack, catalog);
        gallery.read().await?;
        Ok(gallery)
    }

    /// The same before anybody is loaded, for who has something else to do meanwhile: nobody is known until [`Gallery::read`] has
    /// returned.
    pub fn unread(store: Store, pack: &Pack, catalog: &Catalog) -> Self {
        let spaces: Vec<_> = Space::of(pack, catalog).into_iter().map(Arc::new).collect();
        let shared = Shared {
            store,
            gates: pack.embedder.gates,
            index: ArcSwap::from_pointee(Index::empty(&spaces)),
            wanted: WantedSpaces::default(),
            spaces,
            looked_at: ArcSwap::from_pointee(Instant::now()),
            refreshing: Mutex::new(()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Loads everybody.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(&self) -> Result<(), StoreError> {
        let _alone = self.shared.refreshing.lock().await;
        self.shared.reload().await
    }

    /// The person nearest to a face, and the second nearest. `None` when nobody is enrolled.
    pub fn search(&self, probe: &Embedding) -> Option<Match> {
        self.shared.index.load().search(probe)
    }

    /// Several shots of one face as one, each with its weight: their mean in every space in which there are any. Its norm is the
    /// highest. `None` without any of weight.
    pub fn fuse<'a>(&self, shots: impl Iterator<Item = (&'a Embedding, f32)> + Clone) -> Option<Embedding> {
        let (used, others) = self.shared.spaces.split_first()?;
        let beside = others.iter().filter_map(|space| {
            let of_space = shots.clone().filter_map(|(shot, weight)| Some((shot.in_space(&space.name)?, weight)));
            Some(Beside { space: Arc::clone(&space.name), vector: space.scale.mean(of_space)? })
        });
        let beside = beside.collect();
        let norm = shots.clone().map(|(shot, _)| shot.norm).fold(0.0, f32::max);
        let vector = used.scale.mean(shots.map(|(shot, weight)| (shot.vector.as_slice(), weight)))?;
        Some(Embedding { vector, norm, beside })
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
        &self.shared.spaces[0].scale
    }

    /// The space of the pack in use, under whose name templates are stored.
    pub fn model(&self) -> &str {
        &self.shared.spaces[0].name
    }

    /// The spaces beside that one in which faces are to be embedded, so that everybody is found; kept up to date for ever.
    pub fn wanted_spaces(&self) -> &WantedSpaces {
        &self.shared.wanted
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
    pub async fn enrol<'a, F: Into<NewFace<'a>>>(
        &self,
        name: &PersonName,
        faces: impl IntoIterator<Item = F>,
    ) -> Result<Enrolled, EnrolError> {
        let faces: Vec<NewFace<'a>> = faces.into_iter().map(Into::into).collect();
        let template = |face: &NewFace<'a>| NewTemplate {
            model: self.model(),
            embedding: &face.embedding.vector,
            norm: face.embedding.norm,
            event: None,
            photo: face.photo,
        };
        let templates: Vec<NewTemplate<'_>> = faces.iter().map(template).collect();
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
                let mut people = self.store.people_of(&changed, &self.models()).await?;
                let mut index = Index::clone(&held);
                for id in changed {
                    index.put(id, people.remove(&id));
                }
                // They are read as they are by now, which may be newer; the changes until then come again.
                if let Some(newest) = changes.last() {
                    index.set_version(newest.version);
                }
                tracing::debug!(people = index.len(), version = index.version().0, "gallery changed");
                self.publish(index).await;
                Ok(())
            }
        }
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let spaces = self.spaces.clone();
        let make = move |people: Vec<Person>| (people.len(), Index::of(people, &spaces));
        let snapshot = self.store.people_by_page(&self.models(), make).await?;
        let (mut index, mut enrolled) = (Index::empty(&self.spaces), 0);
        for (people, page) in snapshot.people {
            enrolled += people;
            index.append(page);
        }
        index.set_version(snapshot.version);
        tracing::info!(people = index.len(), version = index.version().0, "gallery loaded");
        let unknown = enrolled - index.len();
        if unknown > 0 {
            tracing::warn!(
                "{unknown} of {enrolled} people have no photo for the model pack in use ({}) or any other that is known, so they cannot be \
                 recognised: enrol them again",
                self.spaces[0].name
            );
        }
        self.publish(index).await;
        Ok(())
    }

    /// The names of all spaces, that of the pack in use first.
    fn models(&self) -> Vec<&str> {
        self.spaces.iter().map(|space| &*space.name).collect()
    }

    /// From now on this is searched. Where it wants faces in a space that none were embedded in until now, it is searched a moment later: what
    /// was on its way could not find those who have moved there.
    async fn publish(&self, index: Index) {
        let (wanted, known, before) = (index.wanted(), index.known_elsewhere(), self.wanted.get());
        let is_awaited = |wanted: &WantedSpace| before.iter().all(|before| before.space != wanted.space);
        if !self.index.load().is_empty() && wanted.iter().any(is_awaited) {
            let kept = before.iter().filter(|before| wanted.iter().all(|wanted| wanted.space != before.space));
            self.wanted.replace(wanted.iter().chain(kept).cloned().collect());
            tokio::time::sleep(ON_ITS_WAY).await;
        }
        self.index.store(Arc::new(index));
        self.wanted.replace(wanted);
        let is_new = |known: &WantedSpace| before.iter().all(|before| before.space != known.space);
        for WantedSpace { space, people } in known.into_iter().filter(is_new) {
            tracing::info!(
                "people known by the model pack {space} only: {people}. Each face is shown to that pack as well, which takes more time; \
                 `vultus people reembed` ends that"
            );
        }
    }
}
