use gallery::{Distance, RawDistance, Scale, fpir_if_independent};
use serde::Serialize;

use crate::distances::{Distances, Edge};
use crate::interval::{Interval, short};
use crate::measures::Question;
use crate::population::Population;

/// Photos that a person is enrolled from, where one is left to be recognised by.
const ENROLLED: usize = 3;

/// One against many: some are enrolled, and strangers come too.
#[derive(Clone, Debug, Serialize)]
pub struct Identification {
    /// People enrolled, each by the mean of up to three photos: the gallery's size N.
    pub people: usize,
    /// Photos of enrolled people that were looked for.
    pub probes: u64,
    /// Photos of people who are not enrolled that were looked for.
    pub strangers: u64,
    /// `others`: there is nobody with a single photo, so each probe is also looked for in a gallery without its own person.
    pub strangers_are: &'static str,
    /// The threshold of `fpir` and `fnir` on the contract's scale: TH_ACCEPT for these people.
    pub threshold: Distance,
    /// False positive identification rate: the share of strangers who are taken for somebody.
    pub fpir: f64,
    /// Its 95 % interval after Wilson, as if strangers were independent.
    pub fpir_ci: Interval,
    /// What 1 − (1 − FMR)^N says, with the false match rate measured at the threshold on single photos and without the margin that
    /// TH_ACCEPT = fpir: has: so it can be seen how far the formula is off on these people.
    pub fpir_by_formula: f64,
    /// False negative identification rate: the share of probes that are not taken for their own person; missed faces count.
    pub fnir: f64,
    /// Its 95 % interval after Wilson, as if probes were independent.
    pub fnir_ci: Interval,
    /// Both by threshold.
    pub det: Vec<DetPoint>,
}

/// One threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DetPoint {
    /// On the contract's scale.
    pub threshold: Distance,
    /// False positive identification rate.
    pub fpir: f64,
    /// False negative identification rate.
    pub fnir: f64,
}

/// Searches of a gallery.
#[derive(Default)]
struct Searches {
    /// Distances of probes to their own person where that is the nearest; infinite otherwise.
    own: Distances,
    /// Distances of strangers to whoever is nearest.
    stranger: Distances,
}

/// Of who has two photos with a face or more, all but the last, and at most the first three, are enrolled, and the others are looked
/// for. Who has one is a stranger. `None` where nobody can be enrolled and looked for, or TH_ACCEPT cannot be kept.
pub fn identify(population: &Population, question: &Question, impostor: &Distances) -> Option<Identification> {
    let scale = &question.scale;
    let photos = population.by_owner();
    let mut gallery: Vec<(u32, Vec<f32>)> = Vec::new();
    let (mut probes, mut alone) = (Vec::new(), Vec::new());
    for (owner, photos) in (0..).zip(&photos) {
        let seen: Vec<usize> = photos.iter().copied().filter(|at| population.found[*at]).collect();
        match (seen.len(), photos.len()) {
            (1, 1) => alone.push(seen[0]),
            // With one face in several photos: neither a stranger nor somebody who could be looked for.
            (0 | 1, _) => {}
            (count, _) => {
                let enrolled = &seen[..ENROLLED.min(count - 1)];
                gallery.push((owner, mean(population, scale, enrolled)?));
                probes.extend(photos.iter().copied().filter(|at| !enrolled.contains(at)));
            }
        }
    }
    if gallery.len() < 2 {
        return None;
    }
    let threshold = question.threshold(gallery.len())?;
    let searches = search_all(population, scale, &gallery, &probes, &alone);
    let edge = edge_of(scale, threshold);
    let share = |hits: u64, all: u64| short(hits as f64 / all.max(1) as f64);
    let strangers = searches.stranger.all();
    let (positives, misses) = (searches.stranger.below(edge), searches.own.all() - searches.own.below(edge));
    let fmr = impostor.below(edge) as f64 / impostor.compared().max(1) as f64;
    Some(Identification {
        people: gallery.len(),
        probes: searches.own.all(),
        strangers,
        strangers_are: if alone.is_empty() { "others" } else { "people with one photo" },
        threshold,
        fpir: share(positives, strangers),
        fpir_ci: Interval::wilson(positives, strangers),
        fpir_by_formula: short(fpir_if_independent(fmr, gallery.len())),
        fnir: share(misses, searches.own.all()),
        fnir_ci: Interval::wilson(misses, searches.own.all()),
        det: det(&searches, scale),
    })
}

fn mean(population: &Population, scale: &Scale, photos: &[usize]) -> Option<Vec<f32>> {
    scale.mean(photos.iter().map(|at| (population.vector(*at), 1.0)))
}

fn search_all(
    population: &Population,
    scale: &Scale,
    gallery: &[(u32, Vec<f32>)],
    probes: &[usize],
    alone: &[usize],
) -> Searches {
    let mut searches = Searches::default();
    let raw = |at: usize, mean: &[f32]| scale.raw(population.vector(at), mean).0;
    for &at in probes {
        if !population.found[at] {
            searches.own.add(f32::INFINITY);
            continue;
        }
        let (mut own, mut other) = (f32::INFINITY, f32::INFINITY);
        for (owner, mean) in gallery {
            let raw = raw(at, mean);
            let nearest = if population.owners[at] == Some(*owner) { &mut own } else { &mut other };
            *nearest = nearest.min(raw);
        }
        searches.own.add(if own <= other { own } else { f32::INFINITY });
        if alone.is_empty() {
            searches.stranger.add(other);
        }
    }
    for &at in alone {
        let nearest = gallery.iter().map(|(_, mean)| raw(at, mean)).fold(f32::INFINITY, f32::min);
        searches.stranger.add(nearest);
    }
    searches
}

/// The raw distance at which the scale has this distance.
pub fn edge_of(scale: &Scale, threshold: Distance) -> Edge {
    let (mut low, mut high) = (0.0, 2.0);
    if scale.distance(RawDistance(high)) < threshold {
        return Edge::END;
    }
    for _ in 0..40 {
        let middle = f32::midpoint(low, high);
        if scale.distance(RawDistance(middle)) < threshold { low = middle } else { high = middle }
    }
    Edge::at(high)
}

/// Rates at thresholds from 0.30 to 0.80 on the contract's scale, in steps of 0.01.
fn det(searches: &Searches, scale: &Scale) -> Vec<DetPoint> {
    let (own, strangers) = (searches.own.all().max(1) as f64, searches.stranger.all().max(1) as f64);
    let point = |hundredths: u8| {
        let threshold = Distance::new(f32::from(hundredths) / 100.0);
        let edge = edge_of(scale, threshold);
        DetPoint {
            threshold,
            fpir: short(searches.stranger.below(edge) as f64 / strangers),
            fnir: short(1.0 - searches.own.below(edge) as f64 / own),
        }
    };
    (30..=80).map(point).collect()
}

#[cfg(test)]
mod tests {
    use gallery::Strictness;

    use super::*;

    fn scale() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    fn unit(degrees: f32) -> [f32; 2] {
        [degrees.to_radians().cos(), degrees.to_radians().sin()]
    }

    #[test]
    fn strangers_who_look_like_somebody_are_counted_and_missed_probes_too() {
        let mut people = Population::nobody(2, ["ann", "bob", "eve", "joe"].map(String::from).to_vec());
        for (owner, angle) in [(0, 0.0), (0, 5.0), (1, 120.0), (1, 125.0), (2, 10.0), (3, 240.0)] {
            people.add(String::new(), Some(owner), Some(&unit(angle)));
        }
        people.add(String::new(), Some(0), None);
        let ask = |accept, people| Question { scale: scale(), accept, people, wanted: None, threads: 1 };
        let look = |question| identify(&people, &question, &Distances::default());
        let found = look(ask(Some(Strictness::Below(Distance::new(0.45))), None)).unwrap();
        assert_eq!((found.people, found.probes, found.strangers), (2, 3, 2));
        assert_eq!((found.fpir, found.fnir), (0.5, short(1.0 / 3.0)));
        assert!(found.det.windows(2).all(|pair| pair[0].fpir <= pair[1].fpir && pair[0].fnir >= pair[1].fnir));
        // A wanted FPIR is kept for those who are enrolled, unless it is said how many there will be.
        let wanted = Strictness::Fpir(0.01);
        assert_eq!(look(ask(Some(wanted), None)).unwrap().threshold, wanted.threshold(2));
        assert_eq!(look(ask(Some(wanted), Some(500))).unwrap().threshold, wanted.threshold(500));
        assert!(look(ask(None, None)).is_none());
    }

    #[test]
    fn the_threshold_in_raw_distance_is_that_of_the_curve() {
        assert!((edge_of(&scale(), Distance::new(0.4755)).raw() - 0.5919).abs() < 1e-4);
        assert_eq!(edge_of(&scale(), Distance::new(9.0)), Edge::END);
    }
}
