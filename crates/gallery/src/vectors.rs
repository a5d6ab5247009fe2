use std::ops::Range;

use crate::kernel::fixed_point::{MOST_IN_HEAD, Parts, joined, largest, step_of, whole};
use crate::kernel::{self, HeadDots};
use crate::scale::{RawDistance, Scale};

/// Vectors of one length. Each number of a vector is kept as a fixed-point number of 32 bits, in two parts: its head, which is the upper
/// eight bits, rounded, and its tail, the other 24. A search reads all the heads, which are a quarter of the memory, and the tails of the
/// few vectors of which the heads alone cannot tell that they are not among the nearest.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    dim: usize,
    heads: Vec<i8>,
    /// The upper eight bits of the tails.
    middles: Vec<i8>,
    /// The lower sixteen.
    ends: Vec<u16>,
    /// One for each vector.
    measures: Vec<Measure>,
    head_dots: HeadDots,
}

/// What has to be known of a vector beside its numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    /// What a head of 1 stands for: a power of two.
    step: f32,
    /// How much more its score may be than the dot product of its heads and a probe, for each length of the probe.
    reach: f32,
    /// Likewise, however long the probe is: less than nothing where the vector has a handicap.
    fixed: f32,
}

/// What is looked for, as the kernels want it.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    pub vector: &'a [f32],
    /// Its numbers as multiples of `step`.
    rounded: Vec<i16>,
    step: f32,
    pub length: f32,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(vector: &'a [f32]) -> Self {
        let step = largest(vector) / f32::from(most_in_probe(vector.len()));
        let rounded = vector.iter().map(|number| whole(number / step) as i16).collect();
        Self { vector, rounded, step, length: length(vector) }
    }

    /// The least that the score of a vector can come to which is no farther from the probe than this, rounding included.
    pub(crate) fn least_score(&self, scale: &Scale, raw: RawDistance) -> f32 {
        let doubt = rounding(self.vector.len()) * (1.0 + self.length * self.length + raw.0 * raw.0);
        scale.score(raw, self.length) - doubt
    }
}

impl Vectors {
    /// None yet, with room for some of so many numbers each.
    pub(crate) fn with_room(vectors: usize, dim: usize) -> Self {
        let room = vectors * dim;
        let (heads, middles, ends) = (Vec::with_capacity(room), Vec::with_capacity(room), Vec::with_capacity(room));
        Self { dim, heads, middles, ends, measures: Vec::with_capacity(vectors), head_dots: kernel::best().head_dots }
    }

    /// A vector, as it was put in: bit by bit where a number is at least a hundredth of the largest one, and the
    /// others to a 2⁻²⁹th of that.
    pub(crate) fn get(&self, at: usize) -> Vec<f32> {
        let numbers = self.numbers_of(at, 1);
        let step = self.measures[at].step;
        let (heads, middles) = (&self.heads[numbers.clone()], &self.middles[numbers.clone()]);
        let parts = heads.iter().zip(middles).zip(&self.ends[numbers]);
        parts.map(|((head, middle), end)| joined(*head, *middle, *end, step)).collect()
    }

    /// Asks memory for what [`most_scores`](Self::most_scores) reads first.
    pub(crate) fn prefetch(&self) {
        kernel::prefetch(&self.heads[..self.heads.len().min(FIRST)]);
        kernel::prefetch(&self.measures);
    }

    /// The most that the score of each vector can come to, by its heads alone: the dot product with the probe, less [`Scale::handicap`].
    /// In place of what is in `scores`.
    pub(crate) fn most_scores(&self, probe: &Probe<'_>, scores: &mut Vec<f32>) {
        let mut dots = [0; AT_ONCE];
        scores.clear();
        for (heads, measures) in self.heads.chunks(AT_ONCE * self.dim).zip(self.measures.chunks(AT_ONCE)) {
            let dots = &mut dots[..measures.len()];
            (self.head_dots)(heads, &probe.rounded, dots);
            scores.extend(dots.iter().zip(measures).map(|(dot, measure)| {
                *dot as f32 * (measure.step * probe.step) + (measure.fixed + measure.reach * probe.length)
            }));
        }
    }

    /// Puts a vector before the one that is there.
    pub(crate) fn insert(&mut self, at: usize, vector: &[f32], scale: &Scale) {
        let first = self.numbers_of(at, 0).start;
        make_room(&mut self.heads, first, self.dim);
        make_room(&mut self.middles, first, self.dim);
        make_room(&mut self.ends, first, self.dim);
        self.measures.insert(at, Measure::default());
        self.replace(at, vector, scale);
    }

    /// Puts a vector in the place of the one that is there.
    pub(crate) fn replace(&mut self, at: usize, vector: &[f32], scale: &Scale) {
        let (numbers, step) = (self.numbers_of(at, 1), step_of(vector));
        let (heads, middles) = (&mut self.heads[numbers.clone()], &mut self.middles[numbers.clone()]);
        let parts = Parts { heads, middles, ends: &mut self.ends[numbers] };
        let in_tails = (kernel::best().split)(vector, step, parts).sqrt();
        self.measures[at] = Measure::of(vector, step, in_tails, scale);
    }

    /// Takes a vector out.
    pub(crate) fn remove(&mut self, at: usize) {
        let numbers = self.numbers_of(at, 1);
        self.heads.drain(numbers.clone());
        self.middles.drain(numbers.clone());
        self.ends.drain(numbers);
        self.measures.remove(at);
    }

    /// Takes out those from this one on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let first = self.numbers_of(at, 0).start;
        Self {
            heads: self.heads.split_off(first),
            middles: self.middles.split_off(first),
            ends: self.ends.split_off(first),
            measures: self.measures.split_off(at),
            ..*self
        }
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let tails = size_of_val(&*self.middles) + size_of_val(&*self.ends);
        size_of_val(&*self.heads) + tails + size_of_val(&*self.measures)
    }

    /// Where so many vectors from this one on have their numbers.
    fn numbers_of(&self, at: usize, count: usize) -> Range<usize> {
        at * self.dim..(at + count) * self.dim
    }
}

fn make_room<T: Copy + Default>(numbers: &mut Vec<T>, at: usize, count: usize) {
    numbers.resize(numbers.len() + count, T::default());
    numbers[at..].rotate_right(count);
}

impl Measure {
    /// By Cauchy and Schwarz, what the tails add to a dot product is no more than their length times that of the probe, and what the
    /// probe lost when it was rounded no more than the length of that times that of the heads. Sums are off by no more than [`rounding`]
    /// of the lengths.
    fn of(vector: &[f32], step: f32, in_tails: f32, scale: &Scale) -> Self {
        let whole = length(vector);
        let rounding = rounding(vector.len());
        let reach = in_tails + probe_rounding(vector.len()) * (whole + in_tails) + rounding * whole;
        Self { step, reach, fixed: rounding * whole * whole - scale.handicap(vector) }
    }
}

/// Vectors whose dot products are told at once.
const AT_ONCE: usize = 256;

/// Heads before the kernels' own prefetching has begun.
const FIRST: usize = 1024;

/// The largest number of a rounded probe: with the largest heads of a vector that is as long, the dot product still fits into 32 bits.
fn most_in_probe(numbers: usize) -> i16 {
    let most = i32::MAX as usize / (MOST_IN_HEAD as usize * numbers.max(1));
    i16::try_from(most).unwrap_or(i16::MAX)
}

/// The length of what a probe loses when it is rounded, as a share of its own, at most: half a step for each number, and none is
/// larger than the probe is long.
fn probe_rounding(numbers: usize) -> f32 {
    (numbers as f32).sqrt() / (2.0 * f32::from(most_in_probe(numbers)))
}

/// How far everything that is computed of vectors of so many numbers may be off together, in shares of the product of their lengths. A
/// sum is off by half an `EPSILON` for each number, in whatever order; a comparison takes two sums and some steps around them. This is
/// twice as much.
fn rounding(numbers: usize) -> f32 {
    2.0 * f32::EPSILON * (numbers + 8) as f32
}

fn length(vector: &[f32]) -> f32 {
    (kernel::best().dot)(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use models::{DistanceKind, EmbedderModel};
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::fixed_point::LEAST_STEP;

    fn scale(distance: DistanceKind) -> Scale {
        let embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        Scale::of(&EmbedderModel { distance, curve: Vec::new(), ..embedder })
    }

    /// Whether a vector is as [`Vectors::get`] says.
    fn is_kept(vector: &[f32], got: &[f32]) -> bool {
        let largest = largest(vector);
        let least_exact = (largest / 100.0).max(LEAST_STEP);
        let is_near =
            |a: f32, b: f32| a.to_bits() == b.to_bits() || (a - b).abs() <= largest * 2f32.powi(-29) + LEAST_STEP;
        vector.len() == got.len()
            && vector.iter().zip(got).all(|(a, b)| if a.abs() >= least_exact { a == b } else { is_near(*a, *b) })
    }

    /// Numbers of every size, most of them next to those of the others.
    fn number() -> impl Strategy<Value = f32> {
        let finite = any::<u32>().prop_map(f32::from_bits).prop_filter("a number", |number| number.is_finite());
        prop_oneof![4 => -1.0f32..1.0, 1 => finite]
    }

    proptest! {
        #[test]
        fn a_vector_comes_out_as_it_was_put_in(
            (first, second) in (1usize..40).prop_flat_map(|dim| {
                (prop::collection::vec(number(), dim), prop::collection::vec(number(), dim))
            }),
        ) {
            let scale = scale(DistanceKind::Cosine);
            let mut vectors = Vectors::with_room(2, first.len());
            vectors.insert(0, &first, &scale);
            vectors.insert(0, &second, &scale);
            prop_assert!(is_kept(&second, &vectors.get(0)), "{:?}", vectors.get(0));
            prop_assert!(is_kept(&first, &vectors.get(1)), "{:?}", vectors.get(1));
        }

        #[test]
        fn no_score_is_more_than_its_heads_say_it_can_be(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 1..600), longer in -30i32..30,
        ) {
            let (vector, probe): (Vec<f32>, Vec<f32>) = pairs.iter().map(|(a, b)| (a * 2f32.powi(longer), *b)).unzip();
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            for (distance, handicap) in [(DistanceKind::Cosine, 0.0), (DistanceKind::L2, product(&vector, &vector) / 2.0)] {
                let mut vectors = Vectors::with_room(1, vector.len());
                vectors.insert(0, &vector, &scale(distance));
                let mut scores = Vec::new();
                vectors.most_scores(&Probe::new(&probe), &mut scores);
                let most = f64::from(scores[0]);
                let score = product(&vector, &probe) - handicap;
                prop_assert!(score <= most, "{} of at most {}", score, most);
            }
        }
    }

    #[test]
    fn heads_of_a_face_tell_its_score_to_a_percent_and_a_half() {
        let vector: Vec<f32> = (0..512).map(|n| (n as f32 * 0.7).sin() / 16.0).collect();
        let (mut vectors, mut scores) = (Vectors::with_room(1, vector.len()), Vec::new());
        vectors.insert(0, &vector, &scale(DistanceKind::Cosine));
        vectors.most_scores(&Probe::new(&vector), &mut scores);
        let over = scores[0] - length(&vector).powi(2);
        assert!(over > 0.0 && over < 0.015, "{over}");
    }

    #[test]
    fn the_dot_product_of_the_largest_heads_and_the_largest_probe_fits() {
        for dim in [1, 2, 128, 512, 8192] {
            let most = i64::from(most_in_probe(dim)) * i64::from(MOST_IN_HEAD) * dim as i64;
            assert!(most_in_probe(dim) > 2_000 && most <= i64::from(i32::MAX), "{dim}: {most}");
        }
    }
}
