use std::sync::atomic::{AtomicUsize, Ordering};

use gallery::Scale;

use crate::dataset::Listed;
use crate::distances::{Distances, Edge};
use crate::folds::{Folds, tenth};
use crate::population::Population;

/// What comparing photos came to.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Pairs of one person.
    pub genuine: Distances,
    /// Pairs of two.
    pub impostor: Distances,
    /// Both, in ten parts.
    pub folds: Folds,
    /// The genuine pairs that are farthest from each other, the farthest first.
    pub farthest: Vec<Pair>,
    /// The impostor pairs that are nearest to each other, the nearest first.
    pub nearest: Vec<Pair>,
    /// Who is nearest to whom; nobody where not all were compared with all.
    pub ranks: Ranks,
}

/// Two photos and how far they are from each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Raw distance.
    pub raw: f32,
    /// One photo.
    pub a: usize,
    /// The other.
    pub b: usize,
}

/// Closed-set identification: each photo of somebody who has another is looked for among all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranks {
    /// Photos that were looked for, those without a face among them.
    pub probes: u64,
    /// Those whose nearest photo is of the same person.
    pub first: u64,
    /// Those of whose five nearest photos one is.
    pub fifth: u64,
}

/// Rows that are compared with all others while one of these is in the processor's cache.
const ROWS: usize = 16;

/// Pairs that are remembered, so that some can be shown.
const REMEMBERED: usize = 200;

/// Compares all photos with all others. Photos whose owner is not known are left out. `threads` is at least 1.
pub fn compare_all(population: &Population, scale: &Scale, threads: usize) -> Compared {
    let order = Order::of(population);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut part = Part::new(population, scale, &order);
        loop {
            let from = next.fetch_add(ROWS, Ordering::Relaxed);
            if from >= population.len() {
                return part.compared;
            }
            part.compare_rows(from, (from + ROWS).min(population.len()));
        }
    };
    let parts: Vec<Compared> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Compared>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    parts.into_iter().reduce(Compared::merged).unwrap_or_default()
}

/// Compares the pairs of a list. The places are those of the list's photos in the population; pairs with a photo that is left out are
/// left out.
pub fn compare_listed(population: &Population, scale: &Scale, listed: &[Listed], places: &[Option<usize>]) -> Compared {
    let mut compared = Compared::default();
    for pair in listed {
        let (Some(a), Some(b)) = (places[pair.a], places[pair.b]) else { continue };
        let raw = if population.found[a] && population.found[b] {
            scale.raw(population.vector(a), population.vector(b)).0
        } else {
            f32::INFINITY
        };
        compared.folds.add(pair.fold, pair.same, raw);
        compared.add(pair.same, Pair { raw, a, b });
    }
    compared
}

/// For each owner the genuine pairs in all, and those nearer than each edge.
pub fn accepted_by_owner<const EDGES: usize>(
    population: &Population,
    scale: &Scale,
    pairs: impl Iterator<Item = (usize, usize)>,
    edges: [Edge; EDGES],
) -> Vec<[(u64, u64); EDGES]> {
    let mut owners = vec![[(0, 0); EDGES]; population.names.len()];
    for (a, b) in pairs {
        let Some(owner) = population.owners[a] else { continue };
        let seen = population.found[a] && population.found[b];
        let edge = seen.then(|| Edge::at(scale.raw(population.vector(a), population.vector(b)).0));
        for (counts, threshold) in owners[owner as usize].iter_mut().zip(edges) {
            counts.0 += u64::from(edge.is_some_and(|edge| edge < threshold));
            counts.1 += 1;
        }
    }
    owners.retain(|counts| counts.first().is_some_and(|(_, all)| *all > 0));
    owners
}

impl Compared {
    fn add(&mut self, same: bool, pair: Pair) {
        if same {
            self.genuine.add(pair.raw);
            if pair.raw.is_finite() {
                remember(&mut self.farthest, pair, |a, b| a.raw > b.raw);
            }
        } else {
            self.impostor.add(pair.raw);
            if pair.raw.is_finite() {
                remember(&mut self.nearest, pair, |a, b| a.raw < b.raw);
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.genuine.merge(&other.genuine);
        self.impostor.merge(&other.impostor);
        self.folds.merge(&other.folds);
        other.farthest.into_iter().for_each(|pair| remember(&mut self.farthest, pair, |a, b| a.raw > b.raw));
        other.nearest.into_iter().for_each(|pair| remember(&mut self.nearest, pair, |a, b| a.raw < b.raw));
        self.ranks.probes += other.ranks.probes;
        self.ranks.first += other.ranks.first;
        self.ranks.fifth += other.ranks.fifth;
        self
    }
}

/// Puts a pair in its place among the most remarkable ones. Equals come in the order of their photos, whichever thread found them.
fn remember(pairs: &mut Vec<Pair>, pair: Pair, before: impl Fn(&Pair, &Pair) -> bool) {
    let comes_before = |a: &Pair, b: &Pair| before(a, b) || (a.raw == b.raw && (a.a, a.b) < (b.a, b.b));
    if pairs.len() == REMEMBERED && pairs.last().is_some_and(|last| !comes_before(&pair, last)) {
        return;
    }
    let at = pairs.partition_point(|other| comes_before(other, &pair));
    pairs.insert(at, pair);
    pairs.truncate(REMEMBERED);
}

/// The order of all pairs (a, b) with a < b, so that each kind can be cut into ten contiguous parts wherever it is counted.
struct Order {
    /// Genuine and impostor pairs of the rows before each.
    before: Vec<[u64; 2]>,
    all: [u64; 2],
    /// Whether somebody has another photo.
    has_other: Vec<bool>,
}

impl Order {
    fn of(population: &Population) -> Self {
        let of_owner: Vec<u64> = population.by_owner().iter().map(|photos| photos.len() as u64).collect();
        let mut left = of_owner.clone();
        let mut all_left = left.iter().sum::<u64>();
        let mut counts = [0, 0];
        let mut before = Vec::with_capacity(population.len());
        for owner in &population.owners {
            before.push(counts);
            if let Some(owner) = owner {
                all_left -= 1;
                left[*owner as usize] -= 1;
                let same = left[*owner as usize];
                counts = [counts[0] + all_left - same, counts[1] + same];
            }
        }
        let has_other = |owner: &Option<u32>| owner.is_some_and(|owner| of_owner[owner as usize] > 1);
        Self { before, all: counts, has_other: population.owners.iter().map(has_other).collect() }
    }
}

/// What one thread does.
struct Part<'a> {
    population: &'a Population,
    scale: &'a Scale,
    order: &'a Order,
    compared: Compared,
}

/// A photo that is being compared with all others.
struct Row {
    at: usize,
    owner: u32,
    /// Number of the next genuine and impostor pair.
    next: [u64; 2],
    /// The five nearest: raw distance, and whether it is the same person.
    nearest: Vec<(f32, bool)>,
}

impl<'a> Part<'a> {
    fn new(population: &'a Population, scale: &'a Scale, order: &'a Order) -> Self {
        Self { population, scale, order, compared: Compared::default() }
    }

    fn compare_rows(&mut self, from: usize, to: usize) {
        let population = self.population;
        let row = |at: usize| {
            let owner = population.owners[at]?;
            Some(Row { at, owner, next: self.order.before[at], nearest: Vec::with_capacity(6) })
        };
        let mut rows: Vec<Row> = (from..to).filter_map(row).collect();
        for other in 0..population.len() {
            let Some(owner) = population.owners[other] else { continue };
            let vector = population.vector(other);
            for row in rows.iter_mut().filter(|row| row.at != other) {
                let seen = population.found[row.at] && population.found[other];
                let raw = if seen { self.scale.raw(population.vector(row.at), vector).0 } else { f32::INFINITY };
                let same = row.owner == owner;
                if other > row.at {
                    let kind = usize::from(same);
                    self.compared.folds.add(tenth(row.next[kind], self.order.all[kind]), same, raw);
                    row.next[kind] += 1;
                    self.compared.add(same, Pair { raw, a: row.at, b: other });
                }
                if seen {
                    row.see(raw, same);
                }
            }
        }
        rows.iter().filter(|row| self.order.has_other[row.at]).for_each(|row| self.compared.ranks.count(row));
    }
}

impl Row {
    fn see(&mut self, raw: f32, same: bool) {
        if self.nearest.len() == 5 && self.nearest[4].0 <= raw {
            return;
        }
        let at = self.nearest.partition_point(|(nearer, _)| *nearer <= raw);
        self.nearest.insert(at, (raw, same));
        self.nearest.truncate(5);
    }
}

impl Ranks {
    fn count(&mut self, row: &Row) {
        self.probes += 1;
        self.first += u64::from(row.nearest.first().is_some_and(|(_, same)| *same));
        self.fifth += u64::from(row.nearest.iter().any(|(_, same)| *same));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    /// Faces as angles in degrees on a circle; `None`: no face was found.
    fn circle(people: &[(u32, &[Option<f32>])]) -> Population {
        let mut population = Population::nobody(2, people.iter().map(|(owner, _)| owner.to_string()).collect());
        for (owner, angles) in people {
            for angle in *angles {
                let vector = angle.map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]);
                population.add(format!("{owner}"), Some(*owner), vector.as_ref().map(|vector| &vector[..]));
            }
        }
        population
    }

    #[test]
    fn all_are_compared_with_all_and_a_missed_face_is_far_from_everybody() {
        let people =
            circle(&[(0, &[Some(0.0), Some(10.0), None]), (1, &[Some(90.0), Some(60.0)]), (2, &[Some(180.0)])]);
        let compared = compare_all(&people, &scale(), 2);
        assert_eq!((compared.genuine.all(), compared.genuine.compared()), (4, 2));
        assert_eq!((compared.impostor.all(), compared.impostor.compared()), (11, 8));
        // The photo without a face is looked for, and not found.
        assert_eq!(compared.ranks, Ranks { probes: 5, first: 4, fifth: 4 });
        assert_eq!((compared.nearest[0].a, compared.nearest[0].b), (1, 4));
        assert_eq!((compared.farthest[0].a, compared.farthest[0].b), (3, 4));
    }

    #[test]
    fn however_many_threads_there_are_the_result_is_the_same() {
        let angles: Vec<Option<f32>> = (0..40).map(|i| Some((i * 37 % 360) as f32)).collect();
        let people: Vec<(u32, &[Option<f32>])> = (0..10).map(|i| (i, &angles[i as usize * 4..][..4])).collect();
        let people = circle(&people);
        let (one, four) = (compare_all(&people, &scale(), 1), compare_all(&people, &scale(), 4));
        assert_eq!((one.ranks, &one.farthest, &one.nearest), (four.ranks, &four.farthest, &four.nearest));
        assert_eq!(one.folds.accuracy(true), four.folds.accuracy(true));
        assert_eq!(one.genuine.all() + one.impostor.all(), 40 * 39 / 2);
    }
}
