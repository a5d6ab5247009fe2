use std::fmt::Write;

use crate::distances::Distances;
use crate::propose::SUPPORT;
use crate::verification::edge_at;
use gallery::FMR_POINTS;

/// A curve has to reach down to this false match rate: below its lowest point nothing is known, and TH_ACCEPT = fpir: works down there.
pub const LEAST_FMR: f64 = 1e-4;

/// The largest raw distance and where the scale ends.
const END: [f64; 2] = [2.0, 1.6];

/// A pack's distance curve as lines for models.toml: for each false match rate of the contract's scale the raw distance at which the
/// impostor pairs have it, as far as there are pairs enough. `None` when there are too few for [`LEAST_FMR`].
pub fn curve(impostor: &Distances) -> Option<String> {
    let mut points: Vec<(f64, f64, f64)> = Vec::new();
    let mut left_out = Vec::new();
    for (distance, fmr) in FMR_POINTS {
        let raw = edge_at(impostor, fmr, SUPPORT).map(|edge| f64::from(edge.raw()));
        let lowest = points.last().map_or(0.0, |(raw, ..)| *raw);
        // With few pairs two rates may share a distance; a curve has to rise.
        match raw.filter(|raw| *raw > lowest + 1e-4 && *raw < END[0] - 1e-4) {
            Some(raw) => points.push((raw, f64::from(distance.value()), fmr)),
            None => left_out.push(format!("{fmr:e}")),
        }
    }
    if points.first().is_none_or(|(.., fmr)| *fmr > LEAST_FMR) {
        return None;
    }
    let mut text = format!("# Measured on {} impostor pairs by `vultus eval --curve`.\n", impostor.compared());
    if !left_out.is_empty() {
        // Writing to a string never fails.
        let _ = writeln!(text, "# Not supported by so many pairs, and left out: FMR {}.", left_out.join(", "));
    }
    text.push_str("curve = [\n    [0, 0],\n");
    for (raw, distance, fmr) in points {
        let _ = writeln!(text, "    [{raw:.4}, {distance:.4}], # {fmr:e}");
    }
    let _ = writeln!(text, "    [{}, {}],\n]", END[0], END[1]);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_and_says_what_it_leaves_out() {
        let mut impostor = Distances::default();
        (0..100_000).for_each(|i| impostor.add(0.5 + i as f32 / 100_000.0));
        let text = curve(&impostor).unwrap();
        assert!(text.contains("left out: FMR 1e-6, 1e-5.") && text.contains("[0.5001, 0.4755], # 1e-4"), "{text}");
        assert!(text.contains("[1.0000, 0.8255], # 5e-1"), "{text}");
        assert_eq!(curve(&Distances::default()), None);
        // Too few for FMR 1e-4.
        let mut few = Distances::default();
        (0..29_000).for_each(|i| few.add(0.5 + i as f32 / 29_000.0));
        assert_eq!(curve(&few), None);
    }
}
