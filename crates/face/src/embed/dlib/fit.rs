//! The similarity that dlib fits points with, in its precision.

/// A place, in the units of whoever uses it: x, y.
pub(super) type Place = [f64; 2];

/// Rotation, one scale and a shift: `x' = a·x − b·y + tx`, `y' = b·x + a·y + ty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) a: f64,
    pub(super) b: f64,
    shift: Place,
}

impl Fit {
    /// The similarity that brings `from` nearest to `to` in the least squares sense (Umeyama 1991; dlib's `find_similarity_transform`).
    /// `None` when the points of `from` all coincide, or those of `to`.
    pub(super) fn between(from: &[Place], to: &[Place]) -> Option<Self> {
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p[0] - from_mean[0], p[1] - from_mean[1]);
            let (qx, qy) = (q[0] - to_mean[0], q[1] - to_mean[1]);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (dot / spread, cross / spread);
        let shift =
            [to_mean[0] - a * from_mean[0] + b * from_mean[1], to_mean[1] - b * from_mean[0] - a * from_mean[1]];
        let usable = shift.iter().all(|number| number.is_finite()) && a.hypot(b) > 1e-9;
        usable.then_some(Self { a, b, shift })
    }

    /// Where the place goes.
    pub(super) fn apply(&self, [x, y]: Place) -> Place {
        [self.a * x - self.b * y + self.shift[0], self.b * x + self.a * y + self.shift[1]]
    }
}

fn mean(places: &[Place]) -> Place {
    let sum = places.iter().fold([0.0; 2], |sum, place| [sum[0] + place[0], sum[1] + place[1]]);
    sum.map(|sum| sum / places.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similarity_is_recovered_and_points_that_coincide_have_none() {
        let from = [[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]];
        let truth = Fit { a: 0.6, b: -0.8, shift: [10.0, 20.0] };
        let found = Fit::between(&from, &from.map(|place| truth.apply(place))).unwrap();
        let [x, y] = found.apply([2.0, 5.0]);
        assert!((x - truth.apply([2.0, 5.0])[0]).abs() < 1e-9 && (y - truth.apply([2.0, 5.0])[1]).abs() < 1e-9);
        assert_eq!(Fit::between(&[[1.0, 1.0]; 3], &from), None);
        assert_eq!(Fit::between(&from, &[[1.0, 1.0]; 3]), None);
    }
}
