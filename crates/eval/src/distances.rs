/// Bins of a histogram: each is 2/2¹⁸ = 7.6e-6 of raw distance wide, far below what a photo's noise moves.
const BINS: usize = 1 << 18;

/// The largest raw distance that is told from larger ones: that of unit vectors, by either kind of distance. dlib's vectors, which are
/// longer, are nearer to each other as well.
const LARGEST: f32 = 2.0;

/// How far pairs are from each other, as a fine histogram of raw distances: the memory does not depend on the number of pairs.
/// Thresholds lie on the bins' edges, where counts are exact.
#[derive(Clone, Debug)]
pub struct Distances {
    bins: Vec<u64>,
    /// Pairs of which one photo shows no face: infinitely far.
    missed: u64,
}

/// A place between two bins. A pair nearer than it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge(usize);

impl Edge {
    /// Beyond all pairs that were compared.
    pub const END: Self = Self(BINS);

    /// The edge at or just below a raw distance.
    pub fn at(raw: f32) -> Self {
        Self(bin_of(raw))
    }

    /// As a raw distance.
    pub fn raw(self) -> f32 {
        self.0 as f32 * (LARGEST / BINS as f32)
    }
}

fn bin_of(raw: f32) -> usize {
    ((raw.max(0.0) * (BINS as f32 / LARGEST)) as usize).min(BINS)
}

impl Default for Distances {
    fn default() -> Self {
        Self { bins: vec![0; BINS], missed: 0 }
    }
}

impl Distances {
    /// Those of so many pairs.
    #[cfg(test)]
    pub(crate) fn of(raw: &[f32]) -> Self {
        let mut distances = Self::default();
        raw.iter().for_each(|raw| distances.add(*raw));
        distances
    }

    /// One more pair; an infinite distance is a pair of which one photo shows no face.
    pub fn add(&mut self, raw: f32) {
        if raw.is_finite() {
            self.bins[bin_of(raw).min(BINS - 1)] += 1;
        } else {
            self.missed += 1;
        }
    }

    /// Takes in the pairs of another.
    pub fn merge(&mut self, other: &Self) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(own, other)| *own += other);
        self.missed += other.missed;
    }

    /// Pairs in all.
    pub fn all(&self) -> u64 {
        self.compared() + self.missed
    }

    /// Pairs of which both photos show a face.
    pub fn compared(&self) -> u64 {
        self.bins.iter().sum()
    }

    /// Pairs nearer than `edge`.
    pub fn below(&self, edge: Edge) -> u64 {
        self.bins[..edge.0].iter().sum()
    }

    /// The farthest edge with at most `count` pairs below it.
    pub fn edge_above(&self, count: u64) -> Edge {
        let mut below = 0;
        let beyond = self.bins.iter().position(|bin| {
            below += bin;
            below > count
        });
        beyond.map_or(Edge::END, Edge)
    }

    /// The share of `parts` equal stretches from 0 to the largest distance that holds each: a coarse histogram to draw.
    pub fn shares(&self, parts: usize) -> Vec<f64> {
        let all = self.compared().max(1) as f64;
        let size = BINS.div_ceil(parts.max(1));
        self.bins.chunks(size).map(|bins| bins.iter().sum::<u64>() as f64 / all).collect()
    }

    /// Every edge, with the counts of genuine and impostor pairs below it: where either of them changes.
    pub(crate) fn steps<'a>(genuine: &'a Self, impostor: &'a Self) -> impl Iterator<Item = Step> + 'a {
        let mut step = Step { edge: Edge(0), genuine: 0, impostor: 0 };
        let bins = genuine.bins.iter().zip(&impostor.bins).enumerate();
        bins.filter(|(_, (genuine, impostor))| **genuine + **impostor > 0).map(move |(at, (genuine, impostor))| {
            step.edge = Edge(at + 1);
            step.genuine += genuine;
            step.impostor += impostor;
            step
        })
    }
}

/// How many pairs are nearer than an edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) edge: Edge,
    pub(crate) genuine: u64,
    pub(crate) impostor: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_edge_lets_in_no_more_than_allowed() {
        let distances = Distances::of(&[0.5, 0.6, 0.7, 2.0, f32::INFINITY]);
        assert_eq!((distances.all(), distances.compared()), (5, 4));
        let edge = distances.edge_above(1);
        assert_eq!(distances.below(edge), 1);
        assert!((edge.raw() - 0.6).abs() < 1e-5, "{edge:?}");
        assert_eq!(distances.edge_above(4), Edge::END);
        assert_eq!(distances.below(Edge::END), 4);
    }

    #[test]
    fn what_is_merged_counts_together() {
        let mut distances = Distances::of(&[0.1]);
        distances.merge(&Distances::of(&[0.1, f32::INFINITY]));
        assert_eq!((distances.below(Edge::at(0.2)), distances.all()), (2, 3));
    }
}
