use std::sync::Arc;

use models::{Catalog, EmbedderModel, Pack};
use store::{Person, PersonId, Profile};

use crate::kernel::{self, Dot};
use crate::scale::{Distance, RawDistance, Scale};

/// A template farther than this from the mean of a person's other templates is left out of the mean when there are
/// five or more: at this distance one in a thousand strangers would still pass (the curve's point for FMR 1e-3), so it
/// is somebody else or a useless shot. Measured on 25 people of LFW's development set with five or more photos: of
/// strangers' photos put among them all are dropped, of their own none.
pub(crate) const OUTLIER: f32 = crate::fmr::ONE_IN_A_THOUSAND;

/// Templates from which on strangers among them are looked for.
const ENOUGH: usize = 5;

/// A space of embeddings: only those of one space can be compared with each other.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// The name under which its templates are stored.
    pub name: Arc<str>,
    /// Numbers in an embedding.
    pub dim: usize,
    /// How two of them are compared.
    pub scale: Scale,
}

impl Space {
    /// The space of `pack`, and after it, by name, those of the other packs of `catalog`; of packs that share one the first by name. A pack
    /// without a curve is alone: its distances are on no scale that others are on.
    pub(crate) fn of(pack: &Pack, catalog: &Catalog) -> Vec<Self> {
        let is_comparable = |other: &&Pack| {
            other.space() != pack.space() && !other.embedder.curve.is_empty() && !pack.embedder.curve.is_empty()
        };
        let mut others: Vec<&Pack> = catalog.packs.values().filter(is_comparable).collect();
        others.sort_by_key(|other| other.space());
        others.dedup_by_key(|other| other.space());
        std::iter::once(pack).chain(others).map(|pack| Self::new(pack.space(), &pack.embedder)).collect()
    }

    fn new(name: &str, embedder: &EmbedderModel) -> Self {
        Self { name: name.into(), dim: embedder.dim, scale: Scale::of(embedder) }
    }
}

/// Those who are searched by their templates of one space, as one block of vectors that is searched from end to end: exact, and fast
/// enough for a million people.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub space: Arc<Space>,
    /// By their ids, which grow.
    pub people: Vec<Entry>,
    /// One vector for each of `people`: the mean of that person's templates.
    means: Vec<f32>,
    /// One number for each of `people`: [`Scale::handicap`] of that mean.
    handicaps: Vec<f32>,
    dot: Dot,
}

/// Somebody who can be found.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: PersonId,
    pub name: Arc<str>,
    pub profile: Arc<Profile>,
    /// Faces of which somebody said that they are not this person's.
    pub refuted: Arc<[Refuted]>,
}

/// A face that is not the person's for whom it was taken.
#[derive(Clone, Debug)]
pub(crate) struct Refuted {
    /// The number of the layer in whose space it lies; that person may be in another one.
    pub layer: usize,
    pub face: Vec<f32>,
}

/// One of a layer's people, as near to a probe as this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub at: usize,
    pub raw: RawDistance,
    pub distance: Distance,
}

impl Layer {
    /// A layer of nobody.
    pub(crate) fn empty(space: Arc<Space>) -> Self {
        Self { space, people: Vec::new(), means: Vec::new(), handicaps: Vec::new(), dot: kernel::best() }
    }

    /// The nearest person and the second nearest. Nobody is near to a vector of another model's length, or to one that is none (of a
    /// model that overflowed).
    pub(crate) fn nearest(&self, probe: &[f32]) -> [Option<Near>; 2] {
        if probe.len() != self.space.dim {
            return [None, None];
        }
        let (mut best, mut second) = (None, None);
        let means = self.means.chunks_exact(self.space.dim).zip(&self.handicaps);
        for (at, (mean, handicap)) in means.enumerate() {
            let score = (self.dot)(mean, probe) - handicap;
            // One mean that is none must not hide those after it.
            if !score.is_finite() {
                continue;
            }
            let candidate = Some((score, at));
            if nearer(candidate, best) {
                second = best;
                best = candidate;
            } else if nearer(candidate, second) {
                second = candidate;
            }
        }
        [best, second].map(|found| found.map(|(_, at)| self.near(at, probe)))
    }

    /// How near a person is. The score of a search is not exact enough where vectors are long.
    pub(crate) fn near(&self, at: usize, probe: &[f32]) -> Near {
        let raw = self.space.scale.raw(self.mean(at), probe);
        Near { at, raw, distance: self.space.scale.distance(raw) }
    }

    pub(crate) fn mean(&self, at: usize) -> &[f32] {
        &self.means[at * self.space.dim..(at + 1) * self.space.dim]
    }

    /// Where the person of this name is.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.people.iter().position(|entry| &*entry.name == name)
    }

    /// Where somebody is, or would have to be put.
    pub(crate) fn place(&self, id: PersonId) -> Result<usize, usize> {
        self.people.binary_search_by_key(&id, |entry| entry.id)
    }

    /// Puts a person in, or replaces the one with the same id.
    pub(crate) fn put(&mut self, entry: Entry, mean: &[f32]) {
        let dim = self.space.dim;
        let handicap = self.space.scale.handicap(mean);
        match self.place(entry.id) {
            Ok(at) => {
                self.people[at] = entry;
                self.means[at * dim..(at + 1) * dim].copy_from_slice(mean);
                self.handicaps[at] = handicap;
            }
            Err(at) => {
                self.people.insert(at, entry);
                self.means.splice(at * dim..at * dim, mean.iter().copied());
                self.handicaps.insert(at, handicap);
            }
        }
    }

    /// Takes a person out.
    pub(crate) fn remove(&mut self, id: PersonId) {
        let dim = self.space.dim;
        if let Ok(at) = self.place(id) {
            self.people.remove(at);
            self.means.drain(at * dim..(at + 1) * dim);
            self.handicaps.remove(at);
        }
    }

    /// Memory of the vectors that are searched, in bytes.
    pub(crate) fn vector_bytes(&self) -> usize {
        size_of_val(self.means.as_slice()) + size_of_val(self.handicaps.as_slice())
    }

    /// The mean of a person's templates of this space: measured better than the nearest of them (98.3 % of probes named right against
    /// 98.1 %, and half the strangers wrongly named). `None` without a template that fits.
    pub(crate) fn mean_template(&self, person: &Person) -> Option<Vec<f32>> {
        let Space { name, dim, scale } = &*self.space;
        let of_space = person.templates.iter().filter(|t| t.model == *name && t.embedding.len() == *dim);
        let templates: Vec<&[f32]> = of_space.map(|t| t.embedding.as_slice()).collect();
        let sum = sum_of(&templates, *dim);
        let count = templates.len() as f32;
        if templates.len() < ENOUGH {
            return scale.mean_of_sum(sum, count);
        }
        let fits = |template: &&[f32]| {
            let others = sum.iter().zip(template.iter()).map(|(all, own)| all - own).collect();
            let others = scale.mean_of_sum(others, count - 1.0);
            others.is_none_or(|mean| scale.between(&mean, template).value() <= OUTLIER)
        };
        let kept: Vec<&[f32]> = templates.iter().copied().filter(fits).collect();
        // When most of them disagree there is no telling who is the stranger.
        if kept.len() * 2 <= templates.len() {
            scale.mean_of_sum(sum, count)
        } else {
            scale.mean_of_sum(sum_of(&kept, *dim), kept.len() as f32)
        }
    }
}

fn nearer(a: Option<(f32, usize)>, b: Option<(f32, usize)>) -> bool {
    match (a, b) {
        (Some((a, _)), Some((b, _))) => a > b,
        (a, _) => a.is_some(),
    }
}

fn sum_of(templates: &[&[f32]], dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0; dim];
    for template in templates {
        sum.iter_mut().zip(template.iter()).for_each(|(s, v)| *s += v);
    }
    sum
}

#[cfg(test)]
mod tests {
    use models::DistanceKind;
    use proptest::prelude::*;

    use super::*;

    const DIM: usize = 19;

    fn layer(distance: DistanceKind, means: &[Vec<f32>]) -> Layer {
        let embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        let embedder = EmbedderModel { distance, dim: DIM, curve: Vec::new(), ..embedder };
        let mut layer = Layer::empty(Arc::new(Space::new("made", &embedder)));
        for (id, mean) in (1..).zip(means) {
            let profile = Arc::new(Profile::default());
            layer.put(Entry { id: PersonId(id), name: "".into(), profile, refuted: Arc::default() }, mean);
        }
        layer
    }

    fn vector() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0f32..1.0, DIM)
    }

    fn unit(vector: &[f32]) -> Vec<f32> {
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter().map(|v| v / length).collect()
    }

    /// Raw distances of all people, the nearest first, without anything clever.
    fn by_brute_force(means: &[Vec<f32>], raw: impl Fn(&[f32]) -> f64) -> Vec<f64> {
        let mut all: Vec<f64> = means.iter().map(|mean| raw(mean)).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn agree(found: [Option<Near>; 2], wanted: &[f64]) -> Result<(), TestCaseError> {
        let found: Vec<f64> = found.iter().flatten().map(|near| f64::from(near.raw.0)).collect();
        prop_assert_eq!(found.len(), wanted.len().min(2));
        for (found, wanted) in found.iter().zip(wanted) {
            prop_assert!((found - wanted).abs() < 1e-4, "{} instead of {}", found, wanted);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_search_finds_the_two_who_are_nearest_where_the_length_of_the_difference_counts(
            means in prop::collection::vec(vector(), 0..20), probe in vector(), longer in 0.5f32..3.0,
        ) {
            // Vectors of all lengths: by the dot product alone the longest would be the nearest.
            let means: Vec<Vec<f32>> =
                (1..).zip(&means).map(|(n, mean)| mean.iter().map(|v| v * longer / n as f32).collect()).collect();
            let wanted = by_brute_force(&means, |mean| {
                mean.iter().zip(&probe).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
            });
            agree(layer(DistanceKind::L2, &means).nearest(&probe), &wanted)?;
        }

        #[test]
        fn and_where_the_cosine_counts(means in prop::collection::vec(vector(), 0..20), probe in vector()) {
            let means: Vec<Vec<f32>> = means.iter().map(|mean| unit(mean)).collect();
            let probe = unit(&probe);
            let wanted = by_brute_force(&means, |mean| {
                1.0 - mean.iter().zip(&probe).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            });
            agree(layer(DistanceKind::Cosine, &means).nearest(&probe), &wanted)?;
        }
    }

    #[test]
    fn a_vector_that_is_none_is_near_to_nobody() {
        for distance in [DistanceKind::L2, DistanceKind::Cosine] {
            let layer = layer(distance, &[vec![0.1; DIM], vec![0.2; DIM]]);
            for probe in [vec![f32::NAN; DIM], vec![f32::INFINITY; DIM], vec![0.1; DIM + 1]] {
                assert!(layer.nearest(&probe).iter().all(Option::is_none), "{probe:?}");
            }
        }
    }
}
