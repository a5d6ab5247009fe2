use std::sync::{Arc, LazyLock};

use models::{Catalog, EmbedderModel, Pack};
use store::{Person, PersonId, Profile};

use crate::block::{Block, MOST_IN_BLOCK};
use crate::scale::{Distance, RawDistance, Scale};
use crate::vectors::Probe;

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

/// Those who are searched by their templates of one space: all of them, from end to end. Exact, and fast enough for a million people.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub space: Arc<Space>,
    /// By their people's ids. Indexes share the blocks in which they do not differ, so a change copies one block, whoever else is enrolled.
    blocks: Vec<Arc<Block>>,
    people: usize,
}

/// Where one of a layer's people is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    block: usize,
    row: usize,
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

/// What most people are: nothing else than a name and a face. One for all of them.
static PLAIN: LazyLock<Arc<Profile>> = LazyLock::new(Arc::default);

impl Entry {
    pub(crate) fn new(id: PersonId, name: &str, profile: Profile, refuted: Vec<Refuted>) -> Self {
        let profile = if profile == **PLAIN { Arc::clone(&PLAIN) } else { Arc::new(profile) };
        // Of nothing there is one for all as well.
        let refuted = if refuted.is_empty() { Arc::default() } else { refuted.into() };
        Self { id, name: name.into(), profile, refuted }
    }
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
    pub at: Place,
    pub raw: RawDistance,
    pub distance: Distance,
}

impl Layer {
    /// A layer of nobody.
    pub(crate) fn empty(space: Arc<Space>) -> Self {
        Self { space, blocks: Vec::new(), people: 0 }
    }

    /// How many people are in it.
    pub(crate) fn len(&self) -> usize {
        self.people
    }

    /// By their ids, which grow.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flat_map(|block| &block.people)
    }

    pub(crate) fn entry(&self, at: Place) -> &Entry {
        &self.blocks[at.block].people[at.row]
    }

    /// The nearest person and the second nearest; of those who are equally near, who was registered before. Nobody is near to a vector of
    /// another model's length, or to one that is none (of a model that overflowed).
    pub(crate) fn nearest(&self, probe: &[f32]) -> [Option<Near>; 2] {
        let (mut nearest, mut least_score) = ([None, None], f32::NEG_INFINITY);
        if probe.len() != self.space.dim {
            return nearest;
        }
        let (probe, mut scores) = (Probe::new(probe), Vec::new());
        if !probe.length.is_finite() {
            return nearest;
        }
        for (number, block) in self.blocks.iter().enumerate() {
            if let Some(next) = self.blocks.get(number + 1) {
                next.means.prefetch();
            }
            block.means.most_scores(&probe, &mut scores);
            for (row, most) in scores.iter().enumerate() {
                if *most < least_score {
                    continue;
                }
                insert(&mut nearest, self.near(Place { block: number, row }, probe.vector));
                if let [_, Some(second)] = &nearest {
                    least_score = probe.least_score(&self.space.scale, second.raw);
                }
            }
        }
        nearest
    }

    /// How near a person is, by the whole vector.
    pub(crate) fn near(&self, at: Place, probe: &[f32]) -> Near {
        let raw = self.space.scale.raw(&self.mean(at), probe);
        Near { at, raw, distance: self.space.scale.distance(raw) }
    }

    /// What somebody is searched by.
    pub(crate) fn mean(&self, at: Place) -> Vec<f32> {
        self.blocks[at.block].means.get(at.row)
    }

    /// Where the person of this name is.
    pub(crate) fn named(&self, name: &str) -> Option<Place> {
        self.blocks.iter().enumerate().find_map(|(block, people)| Some(Place { block, row: people.named(name)? }))
    }

    /// Where somebody is, or would have to be put.
    pub(crate) fn place(&self, id: PersonId) -> Result<Place, Place> {
        let after = self.blocks.partition_point(|block| block.people.last().is_some_and(|last| last.id < id));
        // Whoever comes after all others belongs to the last block.
        let block = after.min(self.blocks.len().saturating_sub(1));
        let row = self.blocks.get(block).map_or(Err(0), |found| found.place(id));
        row.map(|row| Place { block, row }).map_err(|row| Place { block, row })
    }

    /// Puts a person in, or replaces the one with the same id.
    pub(crate) fn put(&mut self, entry: Entry, mean: &[f32]) {
        let space = Arc::clone(&self.space);
        match self.place(entry.id) {
            Ok(at) => self.block_mut(at).replace(at.row, entry, mean, &space.scale),
            Err(at) => {
                let at = self.make_room(at);
                self.block_mut(at).insert(at.row, entry, mean, &space.scale);
                self.people += 1;
            }
        }
    }

    /// Puts in those of another layer of the same space, who come after everybody of this one.
    pub(crate) fn append(&mut self, mut after: Self) {
        self.blocks.append(&mut after.blocks);
        self.people += after.people;
    }

    /// Takes a person out.
    pub(crate) fn remove(&mut self, id: PersonId) {
        let Ok(at) = self.place(id) else { return };
        let block = self.block_mut(at);
        block.remove(at.row);
        if block.people.is_empty() {
            self.blocks.remove(at.block);
        }
        self.people -= 1;
    }

    /// A block of one's own, copied if another index has it as well.
    fn block_mut(&mut self, at: Place) -> &mut Block {
        Arc::make_mut(&mut self.blocks[at.block])
    }

    /// Where somebody can be put who belongs here. A full block becomes two, in the middle; whoever comes after all others of it begins
    /// a new one.
    fn make_room(&mut self, at: Place) -> Place {
        let Some(block) = self.blocks.get_mut(at.block) else {
            self.blocks.push(Arc::new(Block::empty(self.space.dim)));
            return at;
        };
        if block.people.len() < MOST_IN_BLOCK {
            return at;
        }
        let kept = if at.row == MOST_IN_BLOCK { MOST_IN_BLOCK } else { MOST_IN_BLOCK / 2 };
        let rest = Arc::make_mut(block).split_off(kept);
        self.blocks.insert(at.block + 1, Arc::new(rest));
        if at.row < kept { at } else { Place { block: at.block + 1, row: at.row - kept } }
    }

    /// Memory of the vectors that are searched, in bytes.
    pub(crate) fn vector_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.means.bytes()).sum()
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

/// Puts somebody among the two nearest, if it is one of them: behind those who are as near. Of a mean that is none there is no
/// telling how near it is.
fn insert(nearest: &mut [Option<Near>; 2], near: Near) {
    let is_before = |other: &Option<Near>| other.is_none_or(|other| near.raw < other.raw);
    if !near.raw.0.is_finite() {
        return;
    }
    if is_before(&nearest[0]) {
        nearest[1] = nearest[0].replace(near);
    } else if is_before(&nearest[1]) {
        nearest[1] = Some(near);
    }
}

fn sum_of(templates: &[&[f32]], dim: usize) -> Vec<f32> {
    let Some((first, others)) = templates.split_first() else { return vec![0.0; dim] };
    let mut sum = first.to_vec();
    for template in others {
        sum.iter_mut().zip(template.iter()).for_each(|(s, v)| *s += v);
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use models::DistanceKind;
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::Vectors;

    const DIM: usize = 19;

    fn layer(distance: DistanceKind, means: &[Vec<f32>]) -> Layer {
        let embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        let embedder = EmbedderModel { distance, dim: DIM, curve: Vec::new(), ..embedder };
        let mut layer = Layer::empty(Arc::new(Space::new("made", &embedder)));
        (1..).zip(means).for_each(|(id, mean)| layer.put(entry(id), mean));
        layer
    }

    fn entry(id: i64) -> Entry {
        Entry { id: PersonId(id), name: "".into(), profile: Arc::default(), refuted: Arc::default() }
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

    /// What happens to a layer.
    #[derive(Clone, Debug)]
    enum Change {
        Put(i64, Vec<f32>),
        Remove(i64),
    }

    /// One of a few vectors, or a little beside it: so that many are equally near, and many more by their heads alone.
    fn crowded_vector() -> impl Strategy<Value = Vec<f32>> {
        (0..6, prop_oneof![Just(0.0f32), -1e-3f32..1e-3, -1e-6f32..1e-6]).prop_map(|(which, beside)| {
            let mut vector: Vec<f32> = (0..DIM).map(|n| ((n as i32 * 7 + which) as f32).sin()).collect();
            vector[which as usize] += beside;
            unit(&vector)
        })
    }

    /// Sizes about the edges of blocks, and then changes at any place.
    fn history() -> impl Strategy<Value = Vec<Change>> {
        let size = prop_oneof![2 => 0..4, 2 => 1_022..1_027, 1 => 2_046..2_051];
        let first = size.prop_flat_map(|size| prop::collection::vec(crowded_vector(), size as usize));
        let change = prop_oneof![
            (0..4_200i64, crowded_vector()).prop_map(|(id, mean)| Change::Put(id, mean)),
            (0..4_200i64).prop_map(Change::Remove),
        ];
        (first, prop::collection::vec(change, 0..200)).prop_map(|(first, changes)| {
            // Every other id, so that there is somebody to be put between any two.
            let first = (0..).zip(first).map(|(n, mean)| Change::Put(2 * n, mean));
            first.chain(changes).collect()
        })
    }

    /// The two nearest, and how near, by looking at everybody.
    fn two_of(people: &BTreeMap<i64, Vec<f32>>, probe: &[f32], scale: &Scale) -> Vec<(i64, RawDistance)> {
        let mut all: Vec<_> = people.iter().map(|(id, mean)| (*id, scale.raw(mean, probe))).collect();
        // Who is equally near stays in the order of the ids.
        all.sort_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
        all.truncate(2);
        all
    }

    /// A vector less what a layer does not keep of it.
    fn as_kept(mean: &[f32], scale: &Scale) -> Vec<f32> {
        let mut alone = Vectors::with_room(1, mean.len());
        alone.insert(0, mean, scale);
        alone.get(0)
    }

    fn two_nearest(layer: &Layer, probe: &[f32]) -> Vec<(i64, RawDistance)> {
        layer.nearest(probe).into_iter().flatten().map(|near| (layer.entry(near.at).id.0, near.raw)).collect()
    }

    proptest! {
        #[test]
        fn whatever_has_changed_a_search_finds_whom_looking_at_everybody_finds(
            history in history(), probes in prop::collection::vec(crowded_vector(), 3), cosine: bool,
        ) {
            let mut layer = layer(if cosine { DistanceKind::Cosine } else { DistanceKind::L2 }, &[]);
            let mut people = BTreeMap::new();
            for change in history {
                match change {
                    Change::Put(id, mean) => {
                        layer.put(entry(id), &mean);
                        people.insert(id, as_kept(&mean, &layer.space.scale));
                    }
                    Change::Remove(id) => {
                        layer.remove(PersonId(id));
                        people.remove(&id);
                    }
                }
            }
            prop_assert_eq!(layer.len(), people.len());
            prop_assert!(layer.entries().map(|entry| entry.id.0).eq(people.keys().copied()));
            prop_assert!(layer.blocks.iter().all(|block| (1..=MOST_IN_BLOCK).contains(&block.people.len())));
            for probe in probes {
                prop_assert_eq!(two_nearest(&layer, &probe), two_of(&people, &probe, &layer.space.scale));
            }
        }
    }

    #[test]
    fn a_change_leaves_older_layers_as_they_were_and_shares_the_other_blocks() {
        let means: Vec<Vec<f32>> = (0..2_400).map(|n| unit(&[n as f32, 100.0].repeat(DIM)[..DIM])).collect();
        let before = layer(DistanceKind::Cosine, &means);
        let mut after = before.clone();
        after.put(entry(1_200), &means[0]);
        after.remove(PersonId(1_201));
        let shared = before.blocks.iter().zip(&after.blocks).map(|(before, after)| Arc::ptr_eq(before, after));
        assert_eq!(shared.collect::<Vec<_>>(), [true, false, true]);
        assert_eq!((before.len(), after.len()), (2_400, 2_399));
        assert_eq!(before.mean(before.place(PersonId(1_200)).unwrap()), means[1_199]);
        assert_eq!(after.mean(after.place(PersonId(1_200)).unwrap()), means[0]);
    }

    #[test]
    fn a_mean_that_is_none_hides_nobody() {
        let means = [vec![f32::NAN; DIM], vec![0.1; DIM], vec![f32::INFINITY; DIM], vec![0.2; DIM]];
        for distance in [DistanceKind::L2, DistanceKind::Cosine] {
            let found = two_nearest(&layer(distance, &means), &[0.2; DIM]);
            assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [4, 2]);
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
