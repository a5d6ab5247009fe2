use gallery::{Distance, RawDistance, Scale, fmr_of};
use serde::Serialize;

use crate::EvalError;
use crate::distances::{Distances, Edge};
use crate::identify::edge_of;
use crate::interval::short;
use crate::verification::{edge_at, tar};

/// What TH_ACCEPT shall achieve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// A false match rate: one stranger against one enrolled person.
    Fmr(f64),
    /// A false positive identification rate: one stranger against all enrolled.
    Fpir {
        /// The rate.
        fpir: f64,
        /// How many are enrolled.
        people: usize,
    },
    /// False alarms a day.
    Alarms {
        /// How many, on average.
        a_day: f64,
        /// How many are enrolled.
        people: usize,
        /// Strangers who pass a day.
        passages_a_day: f64,
    },
}

/// A proposed TH_ACCEPT, or why none can be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// What was asked for, in words.
    pub wanted: String,
    /// The false match rate that it takes.
    pub fmr: f64,
    /// On the contract's scale; null when too few pairs were measured.
    pub th_accept: Option<Distance>,
    /// The same as the model's own distance.
    pub raw: Option<RawDistance>,
    /// Share of genuine pairs that it accepts.
    pub tar: Option<f64>,
    /// Impostor pairs that were compared.
    pub impostor_pairs: u64,
    /// Those of them that it accepts: what the number rests on.
    pub false_matches: Option<u64>,
    /// The least false match rate that the data supports: three pairs.
    pub least_fmr: f64,
    /// Why there is no number.
    pub refused: Option<String>,
}

/// Impostor pairs that a proposed threshold must rest on: with none accepted of N the rate may still be 3/N (the rule of three).
pub const SUPPORT: f64 = 3.0;

impl Wanted {
    /// The false match rate that it takes.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`].
    pub fn fmr(&self) -> Result<f64, EvalError> {
        let share = |what, share: f64| {
            let fits = share > 0.0 && share <= 0.5;
            if fits { Ok(share) } else { Err(EvalError::OutOfRange { what, range: "above 0, up to 0.5" }) }
        };
        let some = |people: usize| {
            if people > 0 {
                Ok(people)
            } else {
                Err(EvalError::OutOfRange { what: "--people", range: "at 1 or above" })
            }
        };
        match *self {
            Self::Fmr(fmr) => share("--fmr", fmr),
            Self::Fpir { fpir, people } => Ok(fmr_of(share("--fpir", fpir)?, some(people)?)),
            Self::Alarms { a_day, people, passages_a_day } => {
                if !(passages_a_day.is_finite() && passages_a_day > 0.0) {
                    return Err(EvalError::OutOfRange { what: "--passages-a-day", range: "above 0" });
                }
                let fpir = share("--alarms-a-day over --passages-a-day", a_day / passages_a_day)?;
                Ok(fmr_of(fpir, some(people)?))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Fmr(fmr) => format!("FMR {fmr}"),
            Self::Fpir { fpir, people } => format!("FPIR {fpir} with {people} people"),
            Self::Alarms { a_day, people, passages_a_day } => {
                format!(
                    "{a_day} false alarms a day with {people} people and {passages_a_day} passages of strangers a day"
                )
            }
        }
    }

    /// The threshold for it, by the impostor pairs that were measured. Nothing is extrapolated.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`].
    pub fn proposal(&self, genuine: &Distances, impostor: &Distances, scale: &Scale) -> Result<Proposal, EvalError> {
        let fmr = self.fmr()?;
        let impostor_pairs = impostor.compared();
        let least_fmr = SUPPORT / impostor_pairs.max(1) as f64;
        // What is proposed is what is written: counted are the pairs below that.
        let th_accept = edge_at(impostor, fmr, SUPPORT).map(|edge| written(edge, scale));
        let edge = th_accept.map(|threshold| edge_of(scale, threshold));
        let refused = edge.is_none().then(|| {
            format!(
                "it takes an FMR of {fmr:.1e}, and {impostor_pairs} impostor pairs show none below {least_fmr:.1e}: measure on more people, \
                 or ask for less"
            )
        });
        Ok(Proposal {
            wanted: self.words(),
            fmr: short(fmr),
            th_accept,
            raw: edge.map(|edge| RawDistance(edge.raw())),
            tar: edge.map(|edge| short(tar(genuine, edge))),
            impostor_pairs,
            false_matches: edge.map(|edge| impostor.below(edge)),
            least_fmr: short(least_fmr),
            refused,
        })
    }
}

/// The distance of the contract's scale at an edge with four decimals, as it is shown and set: the next smaller one, for the next
/// larger one may accept a pair too many.
pub(crate) fn written(edge: Edge, scale: &Scale) -> Distance {
    let distance = f64::from(scale.distance(RawDistance(edge.raw())).value());
    Distance::new(((distance * 1e4).floor() / 1e4) as f32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scale() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    /// 10,000 impostor pairs from 0.5 to 1.5, evenly.
    fn impostors() -> Distances {
        let mut distances = Distances::default();
        (0..10_000).for_each(|i| distances.add(0.5 + i as f32 / 10_000.0));
        distances
    }

    fn genuine() -> Distances {
        let mut distances = Distances::default();
        distances.add(0.3);
        distances
    }

    #[test]
    fn a_wanted_rate_becomes_a_threshold_on_the_contracts_scale() {
        let proposal = Wanted::Fmr(1e-2).proposal(&genuine(), &impostors(), &scale()).unwrap();
        let matches = proposal.false_matches.unwrap();
        assert!((98..=100).contains(&matches), "{matches}");
        let want = scale().distance(RawDistance(0.51)).value();
        assert!((proposal.th_accept.unwrap().value() - want).abs() < 1e-3, "{proposal:?}");
    }

    #[test]
    fn the_same_promise_is_stricter_with_more_people_and_more_passages() {
        let th = |wanted: Wanted| wanted.proposal(&genuine(), &impostors(), &scale()).unwrap().th_accept.unwrap();
        let few = th(Wanted::Fpir { fpir: 0.1, people: 5 });
        let many = th(Wanted::Fpir { fpir: 0.1, people: 50 });
        assert!(many < few, "{many} {few}");
        let alarms = |passages_a_day| th(Wanted::Alarms { a_day: 10.0, people: 5, passages_a_day });
        assert!(alarms(400.0) < alarms(100.0));
        assert_eq!(alarms(100.0), few);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_threshold_as_it_is_written_accepts_no_more_than_was_asked_for(count in 3u32..500, jitter in 0.0f32..1e-4) {
            let (scale, mut impostor) = (scale(), Distances::default());
            let raws: Vec<f32> = (0..1_000).map(|i| 0.5 + jitter + i as f32 * 7.7e-4).collect();
            raws.iter().for_each(|raw| impostor.add(*raw));
            let proposal = Wanted::Fmr(f64::from(count) / 1e3).proposal(&genuine(), &impostor, &scale).unwrap();
            let written = serde_json::to_string(&proposal.th_accept).unwrap();
            let threshold = Distance::new(written.parse().unwrap());
            let accepted = raws.iter().filter(|raw| scale.distance(RawDistance(**raw)) < threshold).count();
            prop_assert!(accepted as u64 <= u64::from(count), "{written} accepts {accepted} of {count}");
            prop_assert!(proposal.false_matches.unwrap().abs_diff(accepted as u64) <= 1);
        }
    }

    #[test]
    fn nothing_is_extrapolated() {
        let proposal = Wanted::Fmr(1e-4).proposal(&genuine(), &impostors(), &scale()).unwrap();
        assert_eq!((proposal.th_accept, proposal.least_fmr), (None, 3e-4));
        assert!(proposal.refused.unwrap().contains("3.0e-4"));
    }

    #[test]
    fn rates_that_make_no_sense_are_refused() {
        for wanted in [
            Wanted::Fmr(0.0),
            Wanted::Fmr(f64::NAN),
            Wanted::Fmr(2.0),
            Wanted::Fpir { fpir: 0.01, people: 0 },
            Wanted::Alarms { a_day: 1.0, people: 1, passages_a_day: 0.0 },
            Wanted::Alarms { a_day: 9.0, people: 1, passages_a_day: 1.0 },
        ] {
            assert!(matches!(wanted.fmr(), Err(EvalError::OutOfRange { .. })), "{wanted:?}");
        }
    }
}
