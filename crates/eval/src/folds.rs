/// Thresholds are tried in steps of this raw distance.
const STEP: f32 = 1e-3;
const BINS: usize = 2_001;

/// Ten parts of the pairs, for LFW's accuracy: the threshold that is best on nine decides the tenth.
#[derive(Clone, Debug)]
pub struct Folds {
    /// For each fold: impostor and genuine pairs by their distance; the last bin is for pairs with a missed face.
    folds: [[Vec<u64>; 2]; 10],
}

/// LFW's accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// The mean over ten folds, 0–1.
    pub mean: f64,
    /// The standard deviation of the ten (of these ten, not estimated for others: divided by ten).
    pub deviation: f64,
}

impl Default for Folds {
    fn default() -> Self {
        Self { folds: std::array::from_fn(|_| [vec![0; BINS + 1], vec![0; BINS + 1]]) }
    }
}

/// In which of ten contiguous parts of `all` things number `at` lies. Of sizes that differ by one the first are the larger ones.
pub fn tenth(at: u64, all: u64) -> usize {
    let (size, rest) = (all / 10, all % 10);
    let in_large = rest * (size + 1);
    let fold = if at < in_large { at / (size + 1) } else { rest + (at - in_large) / size.max(1) };
    fold.min(9) as usize
}

impl Folds {
    /// One more pair of a fold, 0–9.
    pub fn add(&mut self, fold: usize, same: bool, raw: f32) {
        let bin = if raw.is_finite() { ((raw.max(0.0) / STEP) as usize).min(BINS - 1) } else { BINS };
        self.folds[fold][usize::from(same)][bin] += 1;
    }

    /// Takes in the pairs of another.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.folds.iter_mut().flatten().zip(other.folds.iter().flatten()) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }

    /// The share of pairs decided rightly. `balanced`: genuine and impostor pairs weigh the same however many there are of each;
    /// where all pairs of a folder are compared there are a thousand impostor pairs for a genuine one. `None` with fewer than ten
    /// pairs, or with none in one of the folds.
    pub fn accuracy(&self, balanced: bool) -> Option<Accuracy> {
        let shares: Option<Vec<f64>> = (0..10).map(|fold| self.accuracy_of(fold, balanced)).collect();
        let shares = shares?;
        let mean = shares.iter().sum::<f64>() / 10.0;
        let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 10.0;
        Some(Accuracy { mean, deviation: variance.sqrt() })
    }

    fn accuracy_of(&self, fold: usize, balanced: bool) -> Option<f64> {
        let mut others = [vec![0; BINS + 1], vec![0; BINS + 1]];
        for (_, counts) in self.folds.iter().enumerate().filter(|(other, _)| *other != fold) {
            for (sum, counts) in others.iter_mut().zip(counts) {
                sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
        let best = best_of(&rightly_decided(&others, balanced)?);
        Some(rightly_decided(&self.folds[fold], balanced)?[best])
    }
}

/// The share decided rightly by each threshold: a pair below it is accepted.
fn rightly_decided([impostor, genuine]: &[Vec<u64>; 2], balanced: bool) -> Option<Vec<f64>> {
    let (impostors, genuines) = (impostor.iter().sum::<u64>() as f64, genuine.iter().sum::<u64>() as f64);
    if impostors + genuines == 0.0 {
        return None;
    }
    let (mut accepted, mut falsely) = (0, 0);
    let thresholds = (0..=BINS).map(|threshold| {
        if threshold > 0 {
            accepted += genuine[threshold - 1];
            falsely += impostor[threshold - 1];
        }
        let (accepted, refused) = (accepted as f64, impostors - falsely as f64);
        if balanced && impostors > 0.0 && genuines > 0.0 {
            f64::midpoint(accepted / genuines, refused / impostors)
        } else {
            (accepted + refused) / (genuines + impostors)
        }
    });
    Some(thresholds.collect())
}

/// The middle of the first stretch of best thresholds: between what is genuine and what is not, and not at the edge of either.
fn best_of(shares: &[f64]) -> usize {
    let best = shares.iter().copied().fold(0.0, f64::max);
    let from = shares.iter().position(|share| *share == best).unwrap_or_default();
    let stretch = shares[from..].iter().take_while(|share| **share == best).count();
    from + stretch.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_those_of_numpys_array_split() {
        let folds: Vec<usize> = (0..23).map(|at| tenth(at, 23)).collect();
        assert_eq!(folds, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]);
        assert_eq!(tenth(999, 1000), 9);
        assert_eq!(tenth(2, 3), 2);
    }

    #[test]
    fn pairs_that_lie_apart_are_all_decided_rightly_and_a_missed_genuine_one_is_not() {
        let mut folds = Folds::default();
        for fold in 0..10 {
            folds.add(fold, true, 0.3);
            folds.add(fold, false, 0.9);
        }
        assert_eq!(folds.accuracy(false), Some(Accuracy { mean: 1.0, deviation: 0.0 }));
        folds.add(0, true, f32::INFINITY);
        folds.add(0, false, f32::INFINITY);
        // One of four pairs of one of ten folds.
        let accuracy = folds.accuracy(false).unwrap();
        assert!((accuracy.mean - 0.975).abs() < 1e-9 && (accuracy.deviation - 0.075).abs() < 1e-9, "{accuracy:?}");
    }

    #[test]
    fn the_threshold_of_a_fold_is_not_chosen_on_that_fold() {
        let mut folds = Folds::default();
        for fold in 0..10 {
            // The first fold is as far as the impostors of the others.
            let shift = if fold == 0 { 0.6 } else { 0.0 };
            folds.add(fold, true, 0.3 + shift);
            folds.add(fold, false, 0.8 + shift);
        }
        assert!((folds.accuracy(false).unwrap().mean - 0.95).abs() < 1e-9);
    }

    #[test]
    fn balanced_accuracy_does_not_reward_calling_everybody_different() {
        let mut folds = Folds::default();
        for fold in 0..10 {
            folds.add(fold, true, 1.0);
            (0..99).for_each(|_| folds.add(fold, false, 1.0));
        }
        assert!((folds.accuracy(false).unwrap().mean - 0.99).abs() < 1e-9);
        assert!((folds.accuracy(true).unwrap().mean - 0.5).abs() < 1e-9);
        assert_eq!(Folds::default().accuracy(true), None);
    }
}
