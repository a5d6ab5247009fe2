use std::collections::BTreeMap;

use serde::Serialize;

/// Two names whose faces are nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alike {
    /// The one that is imported.
    pub name: String,
    /// The other.
    pub other: String,
    /// How near they are, at their nearest, to four digits.
    pub distance: f64,
}

/// Nearer than this are two shots of one person: dlib's networks were trained so that a person's lie within 0.6.
const NEARLY_THE_SAME: f32 = 0.3;

/// Encodings that are compared, each with each: more would take minutes.
pub const MOST_COMPARED: usize = 20_000;

/// An encoding, whose it is, and whether it is imported.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub name: &'a str,
    pub encoding: &'a [f32],
    pub is_new: bool,
}

/// Pairs of names of which one is new and whose faces are nearly the same, the nearest first.
pub fn alike(shown: &[Shown<'_>]) -> Vec<Alike> {
    let mut nearest: BTreeMap<(&str, &str), f32> = BTreeMap::new();
    for (at, one) in shown.iter().enumerate() {
        for other in shown[..at].iter().filter(|other| (one.is_new || other.is_new) && one.name != other.name) {
            let Some(distance) = within(one.encoding, other.encoding, NEARLY_THE_SAME) else { continue };
            let pair = if one.is_new { (one.name, other.name) } else { (other.name, one.name) };
            let pair = if nearest.contains_key(&(pair.1, pair.0)) { (pair.1, pair.0) } else { pair };
            let held = nearest.entry(pair).or_insert(distance);
            *held = held.min(distance);
        }
    }
    let mut pairs: Vec<Alike> = nearest
        .into_iter()
        .map(|((name, other), distance)| {
            let distance = f64::from((distance * 10_000.0).round()) / 10_000.0;
            Alike { name: name.to_owned(), other: other.to_owned(), distance }
        })
        .collect();
    pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    pairs
}

/// The length of the difference, if it is below `limit`. Strangers are known after a few numbers.
fn within(one: &[f32], other: &[f32], limit: f32) -> Option<f32> {
    let mut sum = 0.0;
    for (one, other) in one.chunks(16).zip(other.chunks(16)) {
        sum += one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        if sum >= limit * limit {
            return None;
        }
    }
    Some(sum.sqrt())
}

/// The length of the difference.
pub fn difference(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}
