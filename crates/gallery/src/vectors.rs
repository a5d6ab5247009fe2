use crate::kernel::{self, HeadDot};
use crate::scale::{RawDistance, Scale};

/// Vectors of one length, and each number of them in two halves: its head, which is the upper half of a float's bits (rounded, a
/// `bfloat16`), and its tail, which is the lower half. Together they are the number, bit by bit. A search reads all the heads, which are
/// half of the memory, and the tails of the few vectors of which the heads alone cannot tell that they are not among the nearest.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    dim: usize,
    /// Of each vector as many words as half its numbers, in each the head of a number and that of one from the second half of the vector.
    heads: Vec<u32>,
    /// The tails, in the same order.
    tails: Vec<u32>,
    /// One for each vector.
    limits: Vec<Limit>,
    head_dot: HeadDot,
}

/// How much more the score of a vector may be than the dot product of its heads and a probe.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// However long the probe is: less than nothing where the vector has a handicap.
    fixed: f32,
    /// For each length of the probe.
    reach: f32,
}

/// What is looked for, as the kernels want it.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    pub vector: &'a [f32],
    /// The same with a 0 after it where its length is odd.
    padded: Vec<f32>,
    length: f32,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(vector: &'a [f32]) -> Self {
        let mut padded = vector.to_vec();
        padded.resize(2 * words(vector.len()), 0.0);
        Self { vector, padded, length: length(vector) }
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
        let room = vectors * words(dim);
        let (heads, tails) = (Vec::with_capacity(room), Vec::with_capacity(room));
        Self { dim, heads, tails, limits: Vec::with_capacity(vectors), head_dot: kernel::best().head_dot }
    }

    /// A vector, as it was put in.
    pub(crate) fn get(&self, at: usize) -> Vec<f32> {
        let words = self.words_of(at, 1);
        let halves = || self.heads[words.clone()].iter().zip(&self.tails[words.clone()]);
        let upper = halves().map(|(head, tail)| joined(head >> 16, tail >> 16));
        let lower = halves().map(|(head, tail)| joined(head & 0xFFFF, tail & 0xFFFF));
        upper.chain(lower).take(self.dim).collect()
    }

    /// The most that the score of each vector can come to, by its heads alone: the dot product with the probe, less [`Scale::handicap`].
    pub(crate) fn most_scores(&self, probe: &Probe<'_>) -> impl Iterator<Item = f32> {
        let (upper, lower) = probe.padded.split_at(words(self.dim));
        let most = |(heads, limit): (&[u32], &Limit)| {
            (self.head_dot)(heads, upper, lower) + (limit.fixed + limit.reach * probe.length)
        };
        self.heads.chunks_exact(words(self.dim)).zip(&self.limits).map(most)
    }

    /// Puts a vector before the one that is there.
    pub(crate) fn insert(&mut self, at: usize, vector: &[f32], scale: &Scale) {
        let none = self.words_of(at, 0);
        self.heads.splice(none.clone(), in_words(vector, head));
        self.tails.splice(none, in_words(vector, tail));
        self.limits.insert(at, Limit::of(vector, scale));
    }

    /// Puts a vector in the place of the one that is there.
    pub(crate) fn replace(&mut self, at: usize, vector: &[f32], scale: &Scale) {
        let words = self.words_of(at, 1);
        self.heads.splice(words.clone(), in_words(vector, head));
        self.tails.splice(words, in_words(vector, tail));
        self.limits[at] = Limit::of(vector, scale);
    }

    /// Takes a vector out.
    pub(crate) fn remove(&mut self, at: usize) {
        let words = self.words_of(at, 1);
        self.heads.drain(words.clone());
        self.tails.drain(words);
        self.limits.remove(at);
    }

    /// Takes out those from this one on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let first = self.words_of(at, 0).start;
        Self {
            heads: self.heads.split_off(first),
            tails: self.tails.split_off(first),
            limits: self.limits.split_off(at),
            ..*self
        }
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.heads) + size_of_val(&*self.tails) + size_of_val(&*self.limits)
    }

    /// Where so many vectors from this one on have their words.
    fn words_of(&self, at: usize, count: usize) -> std::ops::Range<usize> {
        at * words(self.dim)..(at + count) * words(self.dim)
    }
}

impl Limit {
    /// By Cauchy and Schwarz, what the tails add to a dot product is no more than their length times that of the probe. Sums are
    /// off by no more than [`rounding`] of the lengths.
    fn of(vector: &[f32], scale: &Scale) -> Self {
        let lost: Vec<f32> =
            vector.iter().map(|number| number - f32::from_bits(u32::from(head(*number)) << 16)).collect();
        let whole = length(vector);
        let reach = length(&lost) + rounding(vector.len()) * whole;
        Self { fixed: reach * whole - scale.handicap(vector), reach }
    }
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

/// Words of the heads, or the tails, of so many numbers.
fn words(numbers: usize) -> usize {
    numbers.div_ceil(2)
}

/// One of the two halves of each number of a vector, two in a word.
fn in_words(vector: &[f32], half: impl Fn(f32) -> u16) -> impl Iterator<Item = u32> {
    let (upper, lower) = vector.split_at(words(vector.len()));
    let word = move |a: f32, b: f32| u32::from(half(a)) << 16 | u32::from(half(b));
    let alone = upper.get(lower.len()).map(|last| (*last, 0.0));
    upper.iter().copied().zip(lower.iter().copied()).chain(alone).map(move |(a, b)| word(a, b))
}

/// The upper half of a float's bits; one more where the lower half, as a signed number, takes it away again.
fn head(number: f32) -> u16 {
    (number.to_bits().wrapping_add(0x8000) >> 16) as u16
}

fn tail(number: f32) -> u16 {
    number.to_bits() as u16
}

/// The number whose head and tail these are, each in the lower half of a word.
fn joined(head: u32, tail: u32) -> f32 {
    let tail = (tail as u16).cast_signed();
    f32::from_bits((head << 16).wrapping_add_signed(tail.into()))
}

#[cfg(test)]
mod tests {
    use models::{DistanceKind, EmbedderModel};
    use proptest::prelude::*;

    use super::*;

    fn scale(distance: DistanceKind) -> Scale {
        let embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        Scale::of(&EmbedderModel { distance, curve: Vec::new(), ..embedder })
    }

    fn bits(vector: &[f32]) -> Vec<u32> {
        vector.iter().map(|number| number.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn a_vector_comes_out_bit_by_bit_as_it_was_put_in(
            (first, second) in (1usize..40).prop_flat_map(|dim| {
                let vector = || prop::collection::vec(any::<u32>().prop_map(f32::from_bits), dim);
                (vector(), vector())
            }),
        ) {
            let scale = scale(DistanceKind::Cosine);
            let mut vectors = Vectors::with_room(2, first.len());
            vectors.insert(0, &first, &scale);
            vectors.insert(0, &second, &scale);
            prop_assert_eq!(bits(&vectors.get(0)), bits(&second));
            prop_assert_eq!(bits(&vectors.get(1)), bits(&first));
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
                let most = f64::from(vectors.most_scores(&Probe::new(&probe)).next().unwrap());
                let score = product(&vector, &probe) - handicap;
                prop_assert!(score <= most, "{} of at most {}", score, most);
            }
        }
    }

    #[test]
    fn heads_of_a_face_tell_its_score_to_a_third_of_a_percent() {
        let vector: Vec<f32> = (0..512).map(|n| (n as f32 * 0.7).sin() / 16.0).collect();
        let limit = Limit::of(&vector, &scale(DistanceKind::Cosine));
        assert!(limit.reach > 0.0 && limit.reach + limit.fixed < 0.004, "{limit:?}");
    }
}
