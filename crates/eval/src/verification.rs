//! One to one: are two photos of the same person?

use crate::distances::{Distances, Edge};

/// Where as many genuine pairs are refused as strangers accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EqualError {
    /// The rate, 0–1.
    pub rate: f64,
    /// The threshold there.
    pub edge: Edge,
}

/// How probable it is that a genuine pair is nearer than an impostor pair, ties counting half (Mann and Whitney's U as a share; the
/// area under the ROC curve). Pairs with a missed face are farther than all others. `None` without pairs of both kinds.
pub fn auc(genuine: &Distances, impostor: &Distances) -> Option<f64> {
    let (genuines, impostors) = (genuine.all(), impostor.all());
    if genuines == 0 || impostors == 0 {
        return None;
    }
    let (mut area, mut genuine_before, mut impostor_before) = (0.0, 0, 0);
    for step in Distances::steps(genuine, impostor) {
        let here = (step.genuine - genuine_before) as f64;
        let (farther, as_far) = (impostors - step.impostor, step.impostor - impostor_before);
        area += here * (farther as f64 + as_far as f64 / 2.0);
        (genuine_before, impostor_before) = (step.genuine, step.impostor);
    }
    let (missed, missed_impostors) = (genuines - genuine_before, impostors - impostor_before);
    area += missed as f64 * missed_impostors as f64 / 2.0;
    Some(area / (genuines as f64 * impostors as f64))
}

/// The equal error rate, linear between the two thresholds around it. `None` without pairs of both kinds.
pub fn equal_error(genuine: &Distances, impostor: &Distances) -> Option<EqualError> {
    let (genuines, impostors) = (genuine.all() as f64, impostor.all() as f64);
    if genuines == 0.0 || impostors == 0.0 {
        return None;
    }
    // (false matches, false non-matches): from nobody accepted to everybody.
    let mut last = (0.0, 1.0);
    for step in Distances::steps(genuine, impostor) {
        let now = (step.impostor as f64 / impostors, 1.0 - step.genuine as f64 / genuines);
        if now.0 >= now.1 {
            let (before, after) = (last.1 - last.0, now.0 - now.1);
            let share = if before + after > 0.0 { before / (before + after) } else { 0.0 };
            return Some(EqualError { rate: last.0 + share * (now.0 - last.0), edge: step.edge });
        }
        last = now;
    }
    // So many faces are missed that no threshold accepts enough.
    Some(EqualError { rate: f64::midpoint(last.0, last.1), edge: Edge::END })
}

/// The threshold for a false match rate: the farthest at which no more than this share of the impostor pairs that were compared is
/// accepted. `None` where less than `support` of them would be: nothing was measured there then.
pub fn edge_at(impostor: &Distances, fmr: f64, support: f64) -> Option<Edge> {
    let compared = impostor.compared() as f64;
    // The product may miss a whole number by a rounding error.
    let allowed = (compared * fmr * (1.0 + 1e-12)).floor();
    (compared * fmr >= support * (1.0 - 1e-12)).then(|| impostor.edge_above(allowed as u64))
}

/// The share of genuine pairs that are accepted, those with a missed face among them.
pub fn tar(genuine: &Distances, edge: Edge) -> f64 {
    genuine.below(edge) as f64 / genuine.all().max(1) as f64
}

/// Points of a ROC curve a decade.
const POINTS_A_DECADE: i32 = 20;

/// The ROC curve as (false match rate, true accept rate), rising in both, from the least rate that was measured to 1: at most some
/// 200 points, evenly spread over the logarithm of the rate.
pub fn roc(genuine: &Distances, impostor: &Distances) -> Vec<(f64, f64)> {
    let compared = impostor.compared();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for exponent in (0..=180).rev() {
        let wanted = 10f64.powf(-f64::from(exponent) / f64::from(POINTS_A_DECADE));
        let Some(edge) = edge_at(impostor, wanted, 1.0) else { continue };
        let point = (impostor.below(edge) as f64 / compared as f64, tar(genuine, edge));
        if point.0 > 0.0 && points.last() != Some(&point) {
            points.push(point);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_that_lie_apart_have_no_error() {
        let (genuine, impostor) = (Distances::of(&[0.1, 0.2, 0.3]), Distances::of(&[0.7, 0.8]));
        assert_eq!(auc(&genuine, &impostor), Some(1.0));
        assert_eq!(equal_error(&genuine, &impostor).unwrap().rate, 0.0);
    }

    #[test]
    fn a_case_worked_by_hand() {
        // Of 4 × 4 comparisons the genuine pair is nearer in 4 + 4 + 3 + 1.
        let (genuine, impostor) = (Distances::of(&[0.1, 0.2, 0.5, 0.7]), Distances::of(&[0.4, 0.6, 0.65, 0.9]));
        assert_eq!(auc(&genuine, &impostor), Some(12.0 / 16.0));
        // Below 0.55 one stranger of four is accepted, and one genuine pair of four is not.
        assert_eq!(equal_error(&genuine, &impostor).unwrap().rate, 0.25);
        let edge = edge_at(&impostor, 0.5, 1.0).unwrap();
        assert_eq!((impostor.below(edge), tar(&genuine, edge)), (2, 0.75));
    }

    #[test]
    fn a_missed_face_is_farther_than_everybody() {
        let (genuine, impostor) = (Distances::of(&[0.1, f32::INFINITY]), Distances::of(&[0.5, 0.6]));
        assert_eq!(auc(&genuine, &impostor), Some(0.5));
        assert_eq!(tar(&genuine, Edge::END), 0.5);
    }

    #[test]
    fn no_threshold_is_given_for_a_rate_that_too_few_pairs_can_show() {
        let impostor = Distances::of(&[0.5; 100]);
        assert!(edge_at(&impostor, 1e-2, 1.0).is_some());
        assert!(edge_at(&impostor, 1e-2, 3.0).is_none());
        assert!(edge_at(&impostor, 1e-3, 1.0).is_none());
    }

    fn raws() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(prop_oneof![9 => 0.0f32..2.0, 1 => Just(f32::INFINITY)], 1..60)
    }

    proptest! {
        // Each case goes through histograms of 2¹⁸ bins many times.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_area_is_mann_and_whitneys_count(genuine in raws(), impostor in raws()) {
            let mut count = 0.0;
            for g in &genuine {
                for i in &impostor {
                    // Two distances in one bin count as a tie.
                    let (g, i) = (Edge::at(*g), Edge::at(*i));
                    count += if g < i { 1.0 } else if g == i { 0.5 } else { 0.0 };
                }
            }
            let want = count / (genuine.len() * impostor.len()) as f64;
            prop_assert!((auc(&Distances::of(&genuine), &Distances::of(&impostor)).unwrap() - want).abs() < 1e-9);
        }

        #[test]
        fn a_roc_curve_rises(genuine in raws(), impostor in raws()) {
            let points = roc(&Distances::of(&genuine), &Distances::of(&impostor));
            prop_assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
            prop_assert!(points.len() <= 200);
        }

        #[test]
        fn the_equal_error_lies_between_the_errors_around_it(genuine in raws(), impostor in raws()) {
            let (genuine, impostor) = (Distances::of(&genuine), Distances::of(&impostor));
            let found = equal_error(&genuine, &impostor).unwrap();
            prop_assert!((0.0..=1.0).contains(&found.rate));
            let false_matches = impostor.below(found.edge) as f64 / impostor.all() as f64;
            prop_assert!(found.edge == Edge::END || found.rate <= false_matches + 1e-9);
        }
    }
}
