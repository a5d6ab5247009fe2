use std::fmt;

use models::{DistanceKind, EmbedderModel};
use serde::{Serialize, Serializer};

use crate::kernel;

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

/// A pack's way from raw distances to the contract's scale: a monotone curve, linear between its points.
#[derive(Clone, Debug)]
pub struct Scale {
    kind: DistanceKind,
    curve: Vec<[f32; 2]>,
}

impl Scale {
    /// The scale of a pack. A pack without a curve gets the identity: its thresholds mean its own raw distance.
    pub fn of(embedder: &EmbedderModel) -> Self {
        Self { kind: embedder.distance, curve: embedder.curve.clone() }
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

    /// Raw distance of two unit vectors from their dot product.
    pub fn raw_of_dot(&self, dot: f32) -> RawDistance {
        RawDistance(match self.kind {
            DistanceKind::Cosine => 1.0 - dot,
            DistanceKind::L2 => (2.0 - 2.0 * dot).max(0.0).sqrt(),
        })
    }

    /// Distance of two embeddings, unit vectors. Those of different lengths are of different models, and infinitely far.
    pub fn between(&self, a: &[f32], b: &[f32]) -> Distance {
        if a.len() != b.len() {
            return Distance(f32::INFINITY);
        }
        self.distance(self.raw_of_dot(kernel::best()(a, b)))
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

    proptest! {
        #[test]
        fn a_larger_raw_distance_is_never_nearer_on_the_scale(a in 0.0f32..2.2, b in 0.0f32..2.2) {
            let scale = default_pack();
            let (near, far) = (a.min(b), a.max(b));
            prop_assert!(scale.distance(RawDistance(near)) <= scale.distance(RawDistance(far)));
        }
    }
}
