//! The contract's scale as false match rates.

use gallery::Distance;

/// Distances of the contract's scale and the rate at which two strangers are nearer: dlib's distance on 16.5 million impostor
/// pairs of LFW, which the scale is defined by. Between them the logarithm of the rate is linear in the distance.
pub const FMR_POINTS: [(Distance, f64); 8] = [
    (Distance::new(0.3887), 1e-6),
    (Distance::new(0.4196), 1e-5),
    (Distance::new(0.4755), 1e-4),
    (Distance::new(0.5437), 1e-3),
    (Distance::new(0.6190), 1e-2),
    (Distance::new(0.7108), 0.1),
    (Distance::new(0.8255), 0.5),
    (Distance::new(0.9383), 0.9),
];

/// The rate at which two strangers are nearer than `distance`, 0–1. Beyond the ends of [`FMR_POINTS`] the outermost piece goes on.
pub fn fmr_at(distance: Distance) -> f64 {
    let after = FMR_POINTS[1..FMR_POINTS.len() - 1].iter().position(|(point, _)| distance < *point);
    let at = after.unwrap_or(FMR_POINTS.len() - 2);
    let ((from, low), (to, high)) = (FMR_POINTS[at], FMR_POINTS[at + 1]);
    let share = f64::from((distance.value() - from.value()) / (to.value() - from.value()));
    (low.ln() + share * (high.ln() - low.ln())).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_are_met_and_the_originals_threshold_is_4_in_100_000() {
        for (distance, fmr) in FMR_POINTS {
            assert!((fmr_at(distance) / fmr - 1.0).abs() < 1e-4, "{distance}");
        }
        assert!((fmr_at(Distance::new(0.45)) - 3.5e-5).abs() < 5e-6);
    }
}
