use std::fmt;

use models::{DistanceKind, EmbedderModel};
use serde::{Serialize, Serializer};

use crate::kernel::{self, Dot};

/// Distance on the contract's scale: the same number means the same false match rate for every model pack.
/// 0 is identical; 0.45 is the original's default threshold. Not a raw model distance: see [`RawDistance`].
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Distance(f32);

impl Distance {
    /// A value of the scale, for instance a threshold that somebody set.
    pub const fn new(value: f32) -> Self {
        Self(value)
    }

    /// The bare number.
    pub fn value(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.0)
    }
}

impl Serialize for Distance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        four_decimals(self.0).serialize(serializer)
    }
}

/// A model's own distance (1 − cosine, or Euclidean), comparable only within its pack.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct RawDistance(pub f32);

impl Serialize for RawDistance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        four_decimals(self.0).serialize(serializer)
    }
}

/// As the contract shows distances: 0.4123.
fn four_decimals(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

/// How embeddings of one space are compared and averaged, and the way from their raw distances to the contract's scale: a monotone
/// curve, linear between its points.
///
/// Vectors of a space that is compared by the cosine are of unit length, and so are their means. Those of a space where the length of
/// the difference counts are as the model gives them.
#[derive(Clone, Debug)]
pub struct Scale {
    kind: DistanceKind,
    curve: Vec<[f32; 2]>,
    dot: Dot,
}

/// A sum that is shorter, or of less weight, is rounding and nothing else.
const LEAST_WHOLE: f32 = 1e-6;

impl Scale {
    /// The scale of a pack. A pack without a curve gets the identity: its thresholds mean its own raw distance.
    pub fn of(embedder: &EmbedderModel) -> Self {
        Self { kind: embedder.distance, curve: embedder.curve.clone(), dot: kernel::best().dot }
    }

    /// Whether the pack has a curve, so that its distances are those of the contract's scale.
    pub fn has_curve(&self) -> bool {
        !self.curve.is_empty()
    }

    /// The least distance for which the pack's curve has a measured point; below it the scale is a straight line to 0. `None` without a
    /// curve.
    pub fn least_measured(&self) -> Option<Distance> {
        self.curve.iter().map(|point| point[1]).find(|distance| *distance > 0.0).map(Distance)
    }

    /// Raw distance of two embeddings of the space. Those with different counts of numbers are of different models, and infinitely far.
    pub fn raw(&self, a: &[f32], b: &[f32]) -> RawDistance {
        if a.len() != b.len() {
            return RawDistance(f32::INFINITY);
        }
        RawDistance(match self.kind {
            DistanceKind::Cosine => 1.0 - (self.dot)(a, b),
            DistanceKind::L2 => kernel::squared_difference(a, b).sqrt(),
        })
    }

    /// Distance of two embeddings of the space, likewise.
    pub fn between(&self, a: &[f32], b: &[f32]) -> Distance {
        self.distance(self.raw(a, b))
    }

    /// What is taken from the dot product of an embedding and a probe so that the nearest embedding is the one with the most left:
    /// ‖a − b‖² = ‖b‖² − 2·(a·b − ‖a‖²/2), where ‖b‖² is the same for all. Among unit vectors nothing has to be taken.
    pub(crate) fn handicap(&self, embedding: &[f32]) -> f32 {
        match self.kind {
            DistanceKind::Cosine => 0.0,
            DistanceKind::L2 => (self.dot)(embedding, embedding) / 2.0,
        }
    }

    /// What is left of the dot product with a probe of this length, of an embedding that is so far from it.
    pub(crate) fn score(&self, raw: RawDistance, probe_length: f32) -> f32 {
        match self.kind {
            DistanceKind::Cosine => 1.0 - raw.0,
            DistanceKind::L2 => (probe_length * probe_length - raw.0 * raw.0) / 2.0,
        }
    }

    /// The mean of embeddings of the space, each with its weight. `None` without any, where the weights come to nothing, and where the
    /// embeddings cancel each other out.
    pub fn mean<'a>(&self, faces: impl IntoIterator<Item = (&'a [f32], f32)>) -> Option<Vec<f32>> {
        let (mut sum, mut weights) = (Vec::new(), 0.0);
        for (face, weight) in faces {
            sum.resize(face.len(), 0.0);
            sum.iter_mut().zip(face).for_each(|(sum, number)| *sum += weight * number);
            weights += weight;
        }
        self.mean_of_sum(sum, weights)
    }

    /// The same from the sum of the embeddings, each times its weight, and of the weights.
    pub fn mean_of_sum(&self, mut sum: Vec<f32>, weights: f32) -> Option<Vec<f32>> {
        let whole = match self.kind {
            DistanceKind::Cosine => (self.dot)(&sum, &sum).sqrt(),
            DistanceKind::L2 => weights,
        };
        (whole > LEAST_WHOLE).then(|| {
            sum.iter_mut().for_each(|number| *number /= whole);
            sum
        })
    }

    /// Raw to scale. Beyond the curve's ends the outermost piece goes on.
    pub fn distance(&self, raw: RawDistance) -> Distance {
        let [from, to] = match self.curve.as_slice() {
            [] | [_] => return Distance(raw.0),
            [first, second] => [*first, *second],
            curve => {
                let after = curve[1..curve.len() - 1].iter().position(|p| raw.0 < p[0]).unwrap_or(curve.len() - 2);
                [curve[after], curve[after + 1]]
            }
        };
        let share = (raw.0 - from[0]) / (to[0] - from[0]);
        Distance((from[1] + share * (to[1] - from[1])).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn default_pack() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    #[test]
    fn the_measured_points_of_the_default_pack_are_met() {
        for (raw, scale) in [(0.0, 0.0), (0.4456, 0.3887), (0.5919, 0.4755), (0.9954, 0.8255), (2.0, 1.6)] {
            let got = default_pack().distance(RawDistance(raw)).value();
            assert!((got - scale).abs() < 1e-5, "{raw} → {got}, not {scale}");
        }
    }

    #[test]
    fn the_originals_threshold_means_raw_0_561() {
        let scale = default_pack();
        assert!(scale.distance(RawDistance(0.560)).value() < 0.45);
        assert!(scale.distance(RawDistance(0.563)).value() > 0.45);
    }

    #[test]
    fn distances_are_shown_with_four_decimals() {
        assert_eq!(serde_json::to_string(&Distance::new(0.412_345)).unwrap(), "0.4123");
    }

    fn raw_vectors() -> Scale {
        let embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        Scale::of(&models::EmbedderModel { distance: DistanceKind::L2, curve: Vec::new(), ..embedder })
    }

    #[test]
    fn where_the_difference_counts_vectors_need_no_unit_length() {
        let scale = raw_vectors();
        assert_eq!(scale.raw(&[3.0, 0.0], &[0.0, 4.0]), RawDistance(5.0));
        assert_eq!(scale.mean([(&[3.0, 0.0][..], 1.0), (&[0.0, 4.0], 3.0)]), Some(vec![0.75, 3.0]));
        assert_eq!(scale.raw(&[1.0], &[1.0, 0.0]).0, f32::INFINITY);
    }

    #[test]
    fn a_mean_by_the_cosine_has_unit_length_and_there_is_none_of_nothing() {
        let scale = default_pack();
        assert_eq!(scale.mean([(&[1.0, 0.0][..], 3.0), (&[0.0, 1.0], 4.0)]), Some(vec![0.6, 0.8]));
        assert_eq!(scale.mean([(&[1.0, 0.0][..], 1.0), (&[-1.0, 0.0], 1.0)]), None);
        for scale in [scale, raw_vectors()] {
            assert_eq!(scale.mean([]), None);
            assert_eq!(scale.mean([(&[1.0, 0.0][..], 0.0)]), None);
        }
    }

    proptest! {
        #[test]
        fn a_larger_raw_distance_is_never_nearer_on_the_scale(a in 0.0f32..2.2, b in 0.0f32..2.2) {
            let scale = default_pack();
            let (near, far) = (a.min(b), a.max(b));
            prop_assert!(scale.distance(RawDistance(near)) <= scale.distance(RawDistance(far)));
        }
    }
}
