use std::sync::Arc;

use store::{Person, PersonId, Profile, Version};

use crate::kernel::{self, Dot};
use crate::scale::{Distance, RawDistance, Scale};

/// Everybody enrolled, as one block of vectors that is searched from end to end: exact, and fast enough for a million
/// people. Never changed in place; a change makes a new one.
#[derive(Clone, Debug)]
pub struct Index {
    version: Version,
    dim: usize,
    /// By their ids, which grow.
    people: Vec<Entry>,
    /// One unit vector of `dim` numbers for each of `people`: the mean of that person's templates.
    means: Vec<f32>,
    dot: Dot,
}

#[derive(Clone, Debug)]
struct Entry {
    id: PersonId,
    name: Arc<str>,
    profile: Arc<Profile>,
    /// Faces of which somebody said that they are not this person's, one after the other.
    refuted: Arc<[f32]>,
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

/// A template farther than this from the mean of a person's other templates is left out of the mean when there are
/// five or more: at this distance one in a thousand strangers would still pass (the curve's point for FMR 1e-3), so it
/// is somebody else or a useless shot. Measured on 25 people of LFW's development set with five or more photos: of
/// strangers' photos put among them all are dropped, of their own none.
pub(crate) const OUTLIER: f32 = 0.5437;

/// A face this near to a refuted one may be of the same person: at this distance one in a thousand strangers would be.
const SAME: f32 = 0.5437;

/// Then it passes only if it is nearer to the person than to the refuted face by more than this. Measured, as is `SAME`, by
/// bench/visitors.
const CLEAR_MARGIN: f32 = 0.02;

impl Index {
    /// An index of nobody.
    pub fn empty(dim: usize) -> Self {
        Self { version: Version(0), dim, people: Vec::new(), means: Vec::new(), dot: kernel::best() }
    }

    /// The gallery's version that this index holds.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Numbers in an embedding.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// How many people can be found.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Memory of the vectors that are searched, in bytes.
    pub fn vector_bytes(&self) -> usize {
        size_of_val(self.means.as_slice())
    }

    /// Whether nobody can be found.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Everybody who can be found, in order of registration.
    pub fn people(&self) -> impl Iterator<Item = (PersonId, &Arc<str>)> {
        self.people.iter().map(|entry| (entry.id, &entry.name))
    }

    /// The nearest person and the second nearest. `probe` is a unit vector. `None` when nobody is enrolled, or when
    /// the probe is of another model's length.
    pub fn search(&self, probe: &[f32], scale: &Scale) -> Option<Match> {
        if probe.len() != self.dim {
            return None;
        }
        let (mut best, mut second) = (None, None);
        for (at, mean) in self.means.chunks_exact(self.dim).enumerate() {
            let candidate = Some(((self.dot)(mean, probe), at));
            if nearer(candidate, best) {
                second = best;
                best = candidate;
            } else if nearer(candidate, second) {
                second = candidate;
            }
        }
        // A vector that is no vector (a model that overflowed) is near to nobody.
        let (dot, at) = best.filter(|(dot, _)| dot.is_finite())?;
        let raw = scale.raw_of_dot(dot);
        let runner_up = second.map(|(dot, at)| RunnerUp {
            name: self.people[at].name.clone(),
            distance: scale.distance(scale.raw_of_dot(dot)),
        });
        let (distance, entry) = (scale.distance(raw), &self.people[at]);
        let refuted = self.is_refuted(entry, probe, distance, scale);
        Some(Match { person: entry.id, name: entry.name.clone(), distance, raw, runner_up, refuted })
    }

    /// Whether a face at this distance from a person is too much like one that is not this person's.
    fn is_refuted(&self, entry: &Entry, probe: &[f32], distance: Distance, scale: &Scale) -> bool {
        let dots = entry.refuted.chunks_exact(self.dim).map(|face| (self.dot)(face, probe));
        let Some(dot) = dots.max_by(f32::total_cmp) else { return false };
        let nearest = scale.distance(scale.raw_of_dot(dot)).value();
        nearest < SAME && distance.value() + CLEAR_MARGIN > nearest
    }

    /// What the person of this name looks like, on average.
    pub fn face_of(&self, name: &str) -> Option<&[f32]> {
        self.named(name).map(|at| self.mean(at))
    }

    /// How far a face is from the person of this name, and whether it is too much like one that is not this person's. `None`
    /// when nobody is enrolled by that name, or the face is of another model's length.
    pub(crate) fn near_to(&self, name: &str, face: &[f32], scale: &Scale) -> Option<(Distance, bool)> {
        let at = self.named(name).filter(|_| face.len() == self.dim)?;
        let distance = scale.between(self.mean(at), face);
        Some((distance, self.is_refuted(&self.people[at], face, distance, scale)))
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.people.iter().position(|entry| &*entry.name == name)
    }

    fn mean(&self, at: usize) -> &[f32] {
        &self.means[at * self.dim..(at + 1) * self.dim]
    }

    /// This index with one person put in, replaced, or (with no usable template) taken out.
    pub(crate) fn put(&mut self, id: PersonId, person: Option<&Person>, scale: &Scale) {
        let mean = person.and_then(|person| mean_template(person, self.dim, scale).map(|mean| (person, mean)));
        match (self.place(id), mean) {
            (Ok(at), Some((person, mean))) => {
                self.people[at] = Entry::of(person, self.dim);
                self.means[at * self.dim..(at + 1) * self.dim].copy_from_slice(&mean);
            }
            (Err(at), Some((person, mean))) => {
                self.people.insert(at, Entry::of(person, self.dim));
                self.means.splice(at * self.dim..at * self.dim, mean);
            }
            (Ok(at), None) => {
                self.people.remove(at);
                self.means.drain(at * self.dim..(at + 1) * self.dim);
            }
            (Err(_), None) => {}
        }
    }

    /// Adds a person whose id is higher than all others.
    pub(crate) fn add(&mut self, person: &Person, scale: &Scale) {
        if let Some(mean) = mean_template(person, self.dim, scale) {
            self.people.push(Entry::of(person, self.dim));
            self.means.extend_from_slice(&mean);
        }
    }

    /// Groups, validity and the like of somebody who can be found.
    pub fn profile(&self, id: PersonId) -> Option<Arc<Profile>> {
        self.place(id).ok().map(|at| Arc::clone(&self.people[at].profile))
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Where somebody is, or would have to be put.
    fn place(&self, id: PersonId) -> Result<usize, usize> {
        self.people.binary_search_by_key(&id, |entry| entry.id)
    }
}

impl Entry {
    fn of(person: &Person, dim: usize) -> Self {
        let refuted = person.refuted.iter().filter(|face| face.len() == dim);
        Self {
            id: person.id,
            name: person.name.as_str().into(),
            profile: Arc::new(person.profile.clone()),
            refuted: refuted.flatten().copied().collect(),
        }
    }
}

fn nearer(a: Option<(f32, usize)>, b: Option<(f32, usize)>) -> bool {
    match (a, b) {
        (Some((a, _)), Some((b, _))) => a > b,
        (a, _) => a.is_some(),
    }
}

/// The mean of a person's unit templates, of unit length: measured better than the nearest of them (98.3 % of probes
/// named right against 98.1 %, and half the strangers wrongly named). `None` without a template of `dim` numbers.
fn mean_template(person: &Person, dim: usize, scale: &Scale) -> Option<Vec<f32>> {
    let templates: Vec<&[f32]> =
        person.templates.iter().map(|t| t.embedding.as_slice()).filter(|t| t.len() == dim).collect();
    let sum = sum_of(&templates, dim);
    if templates.len() < 5 {
        return unit(sum);
    }
    let dot = kernel::best();
    let fits = |template: &&[f32]| {
        let others = unit(sum.iter().zip(template.iter()).map(|(all, own)| all - own).collect());
        others.is_none_or(|mean| scale.distance(scale.raw_of_dot(dot(&mean, template))).value() <= OUTLIER)
    };
    let kept: Vec<&[f32]> = templates.iter().copied().filter(fits).collect();
    // When most of them disagree there is no telling who is the stranger.
    if kept.len() * 2 <= templates.len() { unit(sum) } else { unit(sum_of(&kept, dim)) }
}

fn sum_of(templates: &[&[f32]], dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0; dim];
    for template in templates {
        sum.iter_mut().zip(template.iter()).for_each(|(s, v)| *s += v);
    }
    sum
}

fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    (norm > 1e-6).then(|| {
        vector.iter_mut().for_each(|v| *v /= norm);
        vector
    })
}
