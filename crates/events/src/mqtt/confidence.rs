use gallery::Distance;

/// How fast the similarity falls around the threshold: as with the models of CompreFace, which use 5.3 to 6.6.
const STEEPNESS: f64 = 6.0;

/// How alike two faces are, as other programs say it: 0 to 1, one half at `threshold`, falling with the distance.
/// (tanh((threshold − distance) · 6) + 1) / 2, which is CompreFace's formula.
pub fn similarity(distance: f64, threshold: Distance) -> f64 {
    let similarity = (((f64::from(threshold.value()) - distance) * STEEPNESS).tanh() + 1.0) / 2.0;
    (similarity * 1e4).round() / 1e4
}

/// The same as per cent with two decimals, as Double Take says it.
pub fn confidence(distance: f64, threshold: Distance) -> f64 {
    (similarity(distance, threshold) * 1e4).round() / 1e2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confidence_is_fifty_at_the_threshold_and_what_automations_ask_for_where_people_are_sure() {
        let threshold = Distance::new(0.45);
        assert_eq!(confidence(0.45, threshold), 50.0);
        // Automations ask for 60 (Double Take's default) or 90.
        assert!(confidence(0.41, threshold) > 60.0 && confidence(0.25, threshold) > 90.0);
        assert!(confidence(0.6, threshold) < 20.0 && confidence(1.6, threshold) >= 0.0);
        let falling: Vec<f64> = (0..32).map(|step| confidence(f64::from(step) * 0.05, threshold)).collect();
        assert!(falling.is_sorted_by(|near, far| near >= far), "{falling:?}");
    }
}
