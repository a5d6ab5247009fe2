use crate::scale::Distance;

/// What share of the pairs of two different people is nearer than a distance of the contract's scale: measured with dlib's own
/// distance, and the same for every pack with a curve, since that is how curves are made. The share is of photos taken at random; the
/// first point rests on 16 pairs.
///
/// A table of the scale, not of a pack: whoever makes another pack's curve starts from these numbers.
pub const FMR_POINTS: [(Distance, f64); 8] = [
    (Distance::new(0.3887), 1e-6),
    (Distance::new(0.4196), 1e-5),
    (Distance::new(0.4755), 1e-4),
    (Distance::new(ONE_IN_A_THOUSAND), 1e-3),
    (Distance::new(0.6190), 1e-2),
    (Distance::new(0.7108), 0.1),
    (Distance::new(0.8255), 0.5),
    (Distance::new(0.9383), 0.9),
];

/// The smallest false match rate that was measured. What is said of smaller ones is a guess on the safe side.
pub const LEAST_MEASURED_FMR: f64 = FMR_POINTS[0].1;

/// Distance for a tenth of the false matches where nothing was measured: the most that it takes between the points up to 1e-2 (from
/// 1e-3 to 1e-2). Between 1e-6 and 1e-5 it is 0.031, but few pairs say so, and a larger step is the safer one: it asks for nearer faces.
const STEP_BELOW: f64 = 0.0753;

/// The false match rate at a distance of the contract's scale: the share of pairs of two different people that is nearer. Linear in
/// its logarithm between [`FMR_POINTS`]; above them the last piece goes on, up to 1.
pub fn fmr_at(distance: Distance) -> f64 {
    let distance = f64::from(distance.value());
    let [first, ..] = points();
    if distance < first.0 {
        return 10f64.powf(first.1 + (distance - first.0) / STEP_BELOW);
    }
    let [from, to] = piece(|point| distance < point.0);
    let share = (distance - from.0) / (to.0 - from.0);
    10f64.powf(from.1 + share * (to.1 - from.1)).min(1.0)
}

/// At this distance one pair of strangers in a thousand is nearer: one of [`FMR_POINTS`]. What is nearer may be one person, what is farther hardly.
pub const ONE_IN_A_THOUSAND: f32 = 0.5437;

/// The distance of the contract's scale at a false match rate (above 0, up to 1): the inverse of [`fmr_at`]. Never below 0, where
/// nobody matches.
pub fn distance_at(fmr: f64) -> Distance {
    let power = fmr.clamp(f64::MIN_POSITIVE, 1.0).log10();
    let [first, ..] = points();
    if power < first.1 {
        return Distance::new((first.0 + (power - first.1) * STEP_BELOW).max(0.0) as f32);
    }
    let [from, to] = piece(|point| power < point.1);
    let share = (power - from.1) / (to.1 - from.1);
    Distance::new((from.0 + share * (to.0 - from.0)) as f32)
}

/// Distances, and the logarithms of their rates to base ten.
fn points() -> [(f64, f64); FMR_POINTS.len()] {
    FMR_POINTS.map(|(distance, fmr)| (f64::from(distance.value()), fmr.log10()))
}

/// The two points between which something lies that is `below` the second; the last two for what is above all.
fn piece(below: impl Fn((f64, f64)) -> bool) -> [(f64, f64); 2] {
    let points = points();
    let last = points.len() - 1;
    let to = (1..last).find(|at| below(points[*at])).unwrap_or(last);
    [points[to - 1], points[to]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_measured_points_are_met_both_ways() {
        for (distance, fmr) in FMR_POINTS {
            assert!((fmr_at(distance) / fmr - 1.0).abs() < 1e-4, "{distance}: {}", fmr_at(distance));
            assert!((distance_at(fmr).value() - distance.value()).abs() < 1e-5, "{fmr}: {}", distance_at(fmr));
        }
    }

    #[test]
    fn between_the_points_it_is_near_to_what_was_measured_there() {
        let fmr = fmr_at(Distance::new(0.45));
        assert!((3.9e-5 / 1.15..3.9e-5 * 1.15).contains(&fmr), "{fmr}, and 3.9e-5 was measured");
    }

    #[test]
    fn beyond_the_points_the_rate_neither_grows_over_one_nor_the_distance_below_nothing() {
        assert_eq!(fmr_at(Distance::new(1.6)), 1.0);
        assert_eq!(distance_at(1e-30).value(), 0.0);
        assert_eq!(distance_at(0.0).value(), 0.0);
    }

    proptest! {
        #[test]
        fn each_is_the_others_inverse(power in -9.0f64..-0.1) {
            let fmr = 10f64.powf(power);
            prop_assert!((fmr_at(distance_at(fmr)) / fmr - 1.0).abs() < 1e-3, "{}", fmr_at(distance_at(fmr)));
        }

        #[test]
        fn a_larger_distance_never_has_fewer_false_matches(a in 0.0f32..1.6, b in 0.0f32..1.6) {
            prop_assert!(fmr_at(Distance::new(a.min(b))) <= fmr_at(Distance::new(a.max(b))));
        }
    }
}
