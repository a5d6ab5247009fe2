//! Embedders of other packs beside the engine's own: for people who are known by another space of embeddings only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use models::{Gates, Shelf};

use crate::detect::Detection;
use crate::embed::{self, Beside, Embedder};
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::Runtime;

/// A pack that is missing, or that failed, is tried again after so long: it may have been installed or mended meanwhile.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// A space of embeddings by which people are known who are not known by that of the pack in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSpace {
    /// Its name.
    pub space: Arc<str>,
    /// How many people are known by it.
    pub people: usize,
}

/// The spaces in which faces are embedded beside that of the pack in use. Cheap to clone; all clones are one list.
#[derive(Clone, Debug, Default)]
pub struct WantedSpaces {
    list: Arc<ArcSwap<Vec<WantedSpace>>>,
}

impl WantedSpaces {
    /// From now on these; returns those until now.
    pub fn replace(&self, spaces: Vec<WantedSpace>) -> Arc<Vec<WantedSpace>> {
        self.list.swap(Arc::new(spaces))
    }

    /// Those that are wanted now.
    pub fn get(&self) -> Arc<Vec<WantedSpace>> {
        self.list.load_full()
    }
}

/// Where embedders of other spaces come from, and which are wanted. Cheap to clone; whatever happens to a pack is told once by all
/// clones together.
#[derive(Clone, Debug)]
pub struct OtherPacks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shelf: Shelf,
    wanted: WantedSpaces,
    standing: Mutex<BTreeMap<Arc<str>, Standing>>,
}

/// How it is with the pack of a space, as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is used.
    Open,
    /// It cannot be used, and is not tried again before then.
    Failed(Instant),
}

impl OtherPacks {
    /// Packs from `shelf`, as long as their spaces are `wanted`.
    pub fn new(shelf: Shelf, wanted: WantedSpaces) -> Self {
        Self { shared: Arc::new(Shared { shelf, wanted, standing: Mutex::default() }) }
    }

    fn is_worth_a_try(&self, space: &str) -> bool {
        !matches!(self.standing(space), Some(Standing::Failed(until)) if Instant::now() < until)
    }

    fn standing(&self, space: &str) -> Option<Standing> {
        self.shared.standing.lock().unwrap_or_else(PoisonError::into_inner).get(space).copied()
    }

    /// Notes how it is with the pack of a space; returns how it was.
    fn stands(&self, space: &Arc<str>, standing: Standing) -> Option<Standing> {
        self.shared.standing.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(space), standing)
    }

    fn open(&self, runtime: &Runtime, wanted: &WantedSpace) -> Option<(Gates, Box<dyn Embedder>)> {
        let WantedSpace { space, people } = wanted;
        let installed = self.shared.shelf.pack_of(space).map_err(|error| self.failed(wanted, &error)).ok()?;
        let embedder = embed::open_beside(runtime, &installed).map_err(|error| self.failed(wanted, &error)).ok()?;
        let gates = installed.pack.embedder.gates;
        if self.stands(space, Standing::Open) != Some(Standing::Open) {
            let pack = installed.pack.name;
            tracing::info!("the model pack {pack} is used as well, for those who are known by {space} only: {people}");
        }
        Some((gates, embedder))
    }

    fn failed(&self, wanted: &WantedSpace, error: &dyn std::fmt::Display) {
        let WantedSpace { space, people } = wanted;
        let before = self.stands(space, Standing::Failed(Instant::now() + TRY_AGAIN));
        if !matches!(before, Some(Standing::Failed(_))) {
            tracing::warn!(
                "people who cannot be recognised, since they are known by the model pack {space} only: {people}. {error}"
            );
        }
    }
}

/// The embedders of other spaces that one engine has open. Nothing of them can fail it: what goes wrong is told once, and whoever is
/// known by the other space only is not recognised meanwhile.
#[derive(Debug)]
pub(crate) struct EmbeddersBeside {
    runtime: Runtime,
    packs: OtherPacks,
    open: Vec<(Arc<str>, Gates, Box<dyn Embedder>)>,
}

impl EmbeddersBeside {
    /// None open yet.
    pub(crate) fn new(runtime: &Runtime, packs: &OtherPacks) -> Self {
        Self { runtime: runtime.clone(), packs: packs.clone(), open: Vec::new() }
    }

    /// Opens what is wanted and closes what is not wanted any more.
    pub(crate) fn follow(&mut self) {
        let wanted = self.packs.shared.wanted.list.load();
        self.open.retain(|(space, ..)| wanted.iter().any(|wanted| wanted.space == *space));
        for wanted in wanted.iter() {
            let is_open = self.open.iter().any(|(space, ..)| *space == wanted.space);
            if !is_open
                && self.packs.is_worth_a_try(&wanted.space)
                && let Some((gates, embedder)) = self.packs.open(&self.runtime, wanted)
            {
                self.open.push((Arc::clone(&wanted.space), gates, embedder));
            }
        }
    }

    /// The face that was found, with these five points, in every space whose embedder is open and by whose pack's gates it is a face that can be
    /// recognised.
    pub(crate) fn embed(&mut self, picture: &dyn Picture, found: &Detection, five: &FivePoints) -> Vec<Beside> {
        let mut beside = Vec::new();
        let side = found.area.longer_side();
        self.open.retain_mut(|(space, gates, embedder)| match embedder.embed(picture, found, five) {
            Ok(embedding) => {
                let usable = embedding.filter(|of| of.norm >= gates.drop_norm && side >= gates.min_recognise_px);
                beside.extend(usable.map(|of| Beside { space: Arc::clone(space), vector: of.vector }));
                true
            }
            Err(error) => {
                let wanted = self.packs.shared.wanted.get();
                if let Some(wanted) = wanted.iter().find(|wanted| wanted.space == *space) {
                    self.packs.failed(wanted, &error);
                }
                false
            }
        });
        beside
    }
}
