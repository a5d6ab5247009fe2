//! How sure a measured share is.

use serde::{Serialize, Serializer};

/// A 95 % confidence interval of a share, 0–1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [short(self.low), short(self.high)].serialize(serializer)
    }
}

/// A number with six digits: more than was measured.
pub(crate) fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_964;

/// Resamples of a bootstrap.
const ROUNDS: usize = 1_000;

impl Interval {
    /// Wilson's score interval (1927) of `hits` in `all` independent trials; everything is possible where there were none.
    pub fn wilson(hits: u64, all: u64) -> Self {
        if all == 0 {
            return Self { low: 0.0, high: 1.0 };
        }
        let (n, share) = (all as f64, hits as f64 / all as f64);
        let middle = share + Z * Z / (2.0 * n);
        let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        let (low, high) = ((middle - spread) / whole, (middle + spread) / whole);
        // Rounding must not put the share itself outside.
        Self { low: low.clamp(0.0, share), high: high.clamp(share, 1.0) }
    }

    /// Of trials that depend on each other within groups (pairs of one person): the wider of Wilson's interval and the middle 95 %
    /// of 1,000 resamples of whole groups. `groups` are (hits, trials).
    pub fn of_groups(groups: &[(u64, u64)]) -> Self {
        let sums = |groups: &mut dyn Iterator<Item = (u64, u64)>| {
            groups.fold((0, 0), |(hits, all), (more_hits, more)| (hits + more_hits, all + more))
        };
        let (hits, all) = sums(&mut groups.iter().copied());
        let wilson = Self::wilson(hits, all);
        if groups.len() < 2 || all == 0 {
            return wilson;
        }
        let mut random = SplitMix(0x5EED);
        let mut shares: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let drawn = (0..groups.len()).map(|_| groups[random.below(groups.len())]);
                let (hits, all) = sums(&mut { drawn });
                hits as f64 / all.max(1) as f64
            })
            .collect();
        shares.sort_by(f64::total_cmp);
        let at = |share: f64| shares[(share * (ROUNDS - 1) as f64).round() as usize];
        Self { low: wilson.low.min(at(0.025)), high: wilson.high.max(at(0.975)) }
    }
}

/// Steele, Lea and Flood's generator (2014): a report must come out the same each time.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_the_textbook() {
        // R: prop.test(15, 20, correct = FALSE); binom::binom.wilson(0, 10) and (500, 500).
        for (hits, all, low, high) in
            [(15, 20, 0.531_299, 0.888_138), (0, 10, 0.0, 0.277_533), (500, 500, 0.992_375, 1.0)]
        {
            let got = Interval::wilson(hits, all);
            assert!((got.low - low).abs() < 1e-5 && (got.high - high).abs() < 1e-5, "{hits}/{all}: {got:?}");
        }
        assert_eq!(Interval::wilson(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn pairs_that_stand_and_fall_together_are_worth_less_than_as_many_that_do_not() {
        let together: Vec<(u64, u64)> = (0..10).map(|i| if i < 8 { (50, 50) } else { (0, 50) }).collect();
        let (apart, together) = (Interval::wilson(400, 500), Interval::of_groups(&together));
        assert!(together.low < apart.low - 0.1 && together.high > apart.high + 0.05, "{together:?}");
    }

    proptest! {
        #[test]
        fn an_interval_holds_the_share(hits in 0u64..1000, misses in 0u64..1000) {
            let all = hits + misses;
            prop_assume!(all > 0);
            let (share, interval) = (hits as f64 / all as f64, Interval::wilson(hits, all));
            prop_assert!((0.0..=share).contains(&interval.low) && (share..=1.0).contains(&interval.high));
        }
    }
}
