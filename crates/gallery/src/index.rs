use std::sync::Arc;

use face::{Embedding, WantedSpace};
use store::{Person, PersonId, Profile, Version};

use crate::layer::{Entry, Layer, Near, Refuted, Space};
use crate::scale::{Distance, RawDistance};

/// Everybody enrolled. Never changed in place; a change makes a new one, which shares with this one what has not changed.
///
/// In layers: first those who have templates of the space in use, then, a layer for each other known space, those who have none of the
/// spaces before it. So everybody is in exactly one, and searched by the best that there is of that person.
#[derive(Clone, Debug)]
pub struct Index {
    version: Version,
    /// That of the space in use first, whether or not anybody is in it.
    layers: Vec<Layer>,
    /// For each layer, how many people there are with a face of its space that is not theirs.
    refuted_in: Vec<usize>,
}

/// The enrolled person nearest to a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Who, for good: a name may be given to somebody else one day.
    pub person: PersonId,
    /// Who, by name.
    pub name: Arc<str>,
    /// How near, on the contract's scale.
    pub distance: Distance,
    /// How near, in the model's own terms.
    pub raw: RawDistance,
    /// The space of embeddings in which they were compared, whose `raw` is.
    pub space: Arc<str>,
    /// The second-best person, when there are two.
    pub runner_up: Option<RunnerUp>,
    /// The face is too much like one of which somebody said that it is not this person.
    pub refuted: bool,
}

/// The person that comes second in a search.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerUp {
    /// Who.
    pub name: Arc<str>,
    /// How near, on the contract's scale.
    pub distance: Distance,
}

/// A face this near to a refuted one may be of the same person: at this distance one in a thousand strangers would be.
const SAME: f32 = crate::fmr::ONE_IN_A_THOUSAND;

/// Then it passes only if it is nearer to the person than to the refuted face by more than this. Measured, as is `SAME`, by
/// bench/visitors.
const CLEAR_MARGIN: f32 = 0.02;

/// Somebody near to a probe: in which layer, and where there.
type Found = (usize, Near);

impl Index {
    /// An index of nobody. The first of `spaces` is the one in use; there is at least one.
    pub(crate) fn empty(spaces: &[Arc<Space>]) -> Self {
        let layers = spaces.iter().map(|space| Layer::empty(Arc::clone(space))).collect();
        Self { version: Version(0), layers, refuted_in: vec![0; spaces.len()] }
    }

    /// An index of these people.
    pub(crate) fn of(people: Vec<Person>, spaces: &[Arc<Space>]) -> Self {
        let mut index = Self::empty(spaces);
        people.into_iter().for_each(|person| index.put(person.id, Some(person)));
        index
    }

    /// The gallery's version that this index holds.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many people can be found.
    pub fn len(&self) -> usize {
        self.layers.iter().map(Layer::len).sum()
    }

    /// Whether nobody can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory of the vectors that are searched, in bytes.
    pub fn vector_bytes(&self) -> usize {
        self.layers.iter().map(Layer::vector_bytes).sum()
    }

    /// Everybody who can be found, layer by layer in order of registration.
    pub fn people(&self) -> impl Iterator<Item = (PersonId, &Arc<str>)> {
        self.entries().map(|entry| (entry.id, &entry.name))
    }

    /// The spaces beside the one in use by which people are found, with how many. A probe without a vector of one cannot find them.
    pub fn known_elsewhere(&self) -> Vec<WantedSpace> {
        self.beside(|number| self.layers[number].len())
    }

    /// The spaces in which faces have to be embedded beside the one in use: those by which people are found, and those in which faces were kept
    /// that are not somebody's.
    pub(crate) fn wanted(&self) -> Vec<WantedSpace> {
        self.beside(|number| match self.layers[number].len() {
            0 => self.refuted_in[number],
            people => people,
        })
    }

    /// Every space but the one in use for which there are so many people, where that is not 0.
    fn beside(&self, people: impl Fn(usize) -> usize) -> Vec<WantedSpace> {
        let others = (1..self.layers.len()).map(|number| (number, people(number))).filter(|(_, people)| *people > 0);
        others
            .map(|(number, people)| WantedSpace { space: Arc::clone(&self.layers[number].space.name), people })
            .collect()
    }

    /// The nearest person and the second nearest, over all layers. `None` when nobody is enrolled whom the probe could be compared with.
    pub fn search(&self, probe: &Embedding) -> Option<Match> {
        let (mut first, mut second): (Option<Found>, Option<Found>) = (None, None);
        for (number, layer) in self.layers.iter().enumerate().filter(|(_, layer)| layer.len() > 0) {
            let Some(vector) = self.vector_of(probe, number) else { continue };
            for near in layer.nearest(vector).into_iter().flatten() {
                let is_before = |found: Option<Found>| found.is_none_or(|(_, found)| near.distance < found.distance);
                if is_before(first) {
                    second = first.replace((number, near));
                } else if is_before(second) {
                    second = Some((number, near));
                }
            }
        }
        let (number, Near { at, raw, distance }) = first?;
        let (space, entry) = (&self.layers[number].space.name, self.layers[number].entry(at));
        let runner_up = second.map(|(number, Near { at, distance, .. })| RunnerUp {
            name: Arc::clone(&self.layers[number].entry(at).name),
            distance,
        });
        let refuted = self.is_refuted(entry, probe, distance);
        let (name, space) = (Arc::clone(&entry.name), Arc::clone(space));
        Some(Match { person: entry.id, name, distance, raw, space, runner_up, refuted })
    }

    /// The probe's vector of a layer's space.
    fn vector_of<'a>(&self, probe: &'a Embedding, layer: usize) -> Option<&'a [f32]> {
        if layer == 0 { Some(&probe.vector) } else { probe.in_space(&self.layers[layer].space.name) }
    }

    /// Whether a face at this distance from a person is too much like one that is not this person's. Refuted faces count in whatever
    /// space they were kept: distances of all are on one scale.
    fn is_refuted(&self, entry: &Entry, probe: &Embedding, distance: Distance) -> bool {
        let between = |refuted: &Refuted| {
            let vector = self.vector_of(probe, refuted.layer)?;
            Some(self.layers[refuted.layer].space.scale.between(&refuted.face, vector).value())
        };
        let nearest = entry.refuted.iter().filter_map(between).min_by(f32::total_cmp);
        nearest.is_some_and(|nearest| nearest < SAME && distance.value() + CLEAR_MARGIN > nearest)
    }

    /// What the person of this name looks like, on average, in the space in use; `None` also of who is known by another one only.
    pub fn face_of(&self, name: &str) -> Option<Vec<f32>> {
        let layer = self.layers.first()?;
        layer.named(name).map(|at| layer.mean(at))
    }

    /// How far a face is from the person of this name, and whether it is too much like one that is not this person's. `None`
    /// when nobody is enrolled by that name, or the face is not there in the space by which that person is known.
    pub(crate) fn near_to(&self, name: &str, face: &Embedding) -> Option<(Distance, bool)> {
        let mut layers = self.layers.iter().enumerate();
        let (number, at) = layers.find_map(|(number, layer)| Some((number, layer.named(name)?)))?;
        let layer = &self.layers[number];
        let vector = self.vector_of(face, number).filter(|vector| vector.len() == layer.space.dim)?;
        let distance = layer.near(at, vector).distance;
        Some((distance, self.is_refuted(layer.entry(at), face, distance)))
    }

    /// Whether somebody of this name can be found, by whatever space.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.layers.iter().any(|layer| layer.named(name).is_some())
    }

    /// This index with one person put in, replaced, moved to another layer, or (with no usable template) taken out.
    pub(crate) fn put(&mut self, id: PersonId, person: Option<Person>) {
        let home = person.and_then(|person| {
            let by_layer = |(number, layer): (usize, &Layer)| Some((number, layer.mean_template(&person)?));
            let (number, mean) = self.layers.iter().enumerate().find_map(by_layer)?;
            Some((number, mean, self.entry_of(person)))
        });
        self.count_refuted(id, |people| *people -= 1);
        let here = home.as_ref().map(|(number, ..)| *number);
        let others = self.layers.iter_mut().enumerate().filter(|(number, _)| here != Some(*number));
        others.for_each(|(_, layer)| layer.remove(id));
        if let Some((number, mean, entry)) = home {
            self.layers[number].put(entry, &mean);
        }
        self.count_refuted(id, |people| *people += 1);
    }

    /// Counts somebody, as the person is in the index now, among those of whom there are refuted faces, or no longer.
    fn count_refuted(&mut self, id: PersonId, count: impl Fn(&mut usize)) {
        let refuted = self.entry(id).map(|entry| Arc::clone(&entry.refuted)).unwrap_or_default();
        let counts = self.refuted_in.iter_mut().enumerate();
        counts
            .filter(|(number, _)| refuted.iter().any(|face| face.layer == *number))
            .for_each(|(_, people)| count(people));
    }

    /// Puts in all those of an index of the same spaces who come after everybody of this one.
    pub(crate) fn append(&mut self, after: Self) {
        self.layers.iter_mut().zip(after.layers).for_each(|(layer, after)| layer.append(after));
        self.refuted_in.iter_mut().zip(after.refuted_in).for_each(|(people, more)| *people += more);
    }

    fn entry_of(&self, person: Person) -> Entry {
        let refuted = person.refuted.into_iter().filter_map(|store::Refuted { model, embedding }| {
            let fits = |layer: &Layer| layer.space.name == model && layer.space.dim == embedding.len();
            Some(Refuted { layer: self.layers.iter().position(fits)?, face: embedding })
        });
        Entry::new(person.id, &person.name, person.profile, refuted.collect())
    }

    /// Groups, validity and the like of somebody who can be found.
    pub fn profile(&self, id: PersonId) -> Option<Arc<Profile>> {
        self.entry(id).map(|entry| Arc::clone(&entry.profile))
    }

    fn entry(&self, id: PersonId) -> Option<&Entry> {
        self.layers.iter().find_map(|layer| Some(layer.entry(layer.place(id).ok()?)))
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.layers.iter().flat_map(Layer::entries)
    }
}
