use std::fmt;

use serde::{Serialize, Serializer};

use crate::fmr::{LEAST_MEASURED_FMR, distance_at, fmr_at};
use crate::scale::{Distance, Scale};

/// Which distances are accepted: what the setting `TH_ACCEPT` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strictness {
    /// Those below this one, however many people are enrolled.
    Below(Distance),
    /// So that of strangers this share (above 0, up to 0.1) is taken for somebody enrolled when one shot of each is searched: the
    /// false positive identification rate. The more people are enrolled, the nearer a face must be.
    Fpir(f64),
}

/// What an FPIR is written after.
const FPIR: &str = "fpir:";

/// Beyond this the product 1 − (1 − FMR)^N says nothing of use, and nobody wants such a door.
const LARGEST_FPIR: f64 = 0.1;

/// The threshold is that for a third of the wanted FPIR. Among the people of LFW's development set 1.4 to 2.2 times as many strangers
/// were let in as the false match rates say (bench/promise: 30, 200 and 800 people enrolled), since people of one place are more alike than
/// the pairs that the rates are of, and a template of several photos is nearer to strangers than a single photo is.
const SAFETY: f64 = 3.0;

/// By how much fewer false matches than were measured it may be guessed at.
const FARTHEST_GUESS: f64 = 100.0;

/// The largest distance of the contract's scale.
const LARGEST_DISTANCE: f32 = 1.6;

impl Strictness {
    /// What [`parse`](Self::parse) takes, for people.
    pub const ALLOWED: &'static str = "a distance above 0, up to 1.6 (0.35 is strict, 0.45 usual, 0.6 lax), or fpir: and the share of \
                                       strangers that may be taken for somebody, above 0, up to 0.1 (fpir:0.001)";

    /// `0.45`, or `fpir:0.001`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix(FPIR) {
            Some(share) => {
                share.trim().parse().ok().filter(|share| *share > 0.0 && *share <= LARGEST_FPIR).map(Self::Fpir)
            }
            None => {
                let distance = text.parse().ok().filter(|distance| *distance > 0.0 && *distance <= LARGEST_DISTANCE);
                distance.map(|distance| Self::Below(Distance::new(distance)))
            }
        }
    }

    /// The distance below which a face is accepted when so many people are searched. A wanted FPIR allows each of them the false match
    /// rate of [`fmr_of`]; with nobody enrolled it is that of one person.
    pub fn threshold(self, people: usize) -> Distance {
        match self {
            Self::Below(distance) => distance,
            Self::Fpir(share) => distance_at(fmr_of(share, people)),
        }
    }

    /// Whether that distance rests on false match rates that were measured, for the contract's scale and for the pack whose scale this
    /// is.
    pub fn is_measured(self, people: usize, scale: &Scale) -> bool {
        match self {
            Self::Below(_) => true,
            Self::Fpir(share) => {
                let least = scale.least_measured().map_or(LEAST_MEASURED_FMR, fmr_at).max(LEAST_MEASURED_FMR);
                // The pack's point is written with four decimals.
                fmr_of(share, people) >= least * (1.0 - 1e-3)
            }
        }
    }

    /// Whether that distance is no more than a guess: it is asked for a hundred times fewer false matches than were measured, and hardly
    /// anybody who is enrolled is that near.
    pub fn is_out_of_reach(self, people: usize) -> bool {
        match self {
            Self::Below(_) => false,
            Self::Fpir(share) => fmr_of(share, people) < LEAST_MEASURED_FMR / FARTHEST_GUESS,
        }
    }

    /// Whether it depends on how many people are enrolled.
    pub fn follows_the_gallery(self) -> bool {
        matches!(self, Self::Fpir(_))
    }
}

/// The false match rate of one comparison that one search among so many people may have for this FPIR: 1 − (1 − FPIR/3)^(1/N), with
/// nobody enrolled that of one person. A third, since people are more alike than comparisons that are independent would have it.
pub fn fmr_of(fpir: f64, people: usize) -> f64 {
    // By logarithms, since 1 − (1 − x) loses what matters here.
    -((-fpir / SAFETY).ln_1p() / people.max(1) as f64).exp_m1()
}

/// The FPIR that is to be expected of one search among so many people at a false match rate, up to 1: the inverse of [`fmr_of`].
pub fn fpir_of(fmr: f64, people: usize) -> f64 {
    (SAFETY * fpir_if_independent(fmr, people)).min(1.0)
}

/// The FPIR of one search among so many people if their comparisons were independent: 1 − (1 − FMR)^N. They are not: [`fpir_of`].
pub fn fpir_if_independent(fmr: f64, people: usize) -> f64 {
    -(people.max(1) as f64 * (-fmr).ln_1p()).exp_m1()
}

impl fmt::Display for Strictness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(distance) => write!(f, "{}", distance.value()),
            Self::Fpir(share) => write!(f, "{FPIR}{share}"),
        }
    }
}

impl Serialize for Strictness {
    /// A distance as the number that was written (not the nearest one of twice the length), an FPIR as text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string();
        match (self, text.parse::<f64>()) {
            (Self::Below(_), Ok(number)) => number.serialize(serializer),
            _ => text.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_strictness_is_refused() {
        for bad in [
            "",
            "fpir:",
            "fpir:0",
            "fpir:-0.001",
            "fpir:0.2",
            "fpir:2",
            "fpir:nan",
            "fpir:inf",
            "fpir:1e-400",
            "fpir:0.1%",
            "fpir",
            "fmr:0.001",
            "FPIR:0.001:5",
            "0",
            "-1",
            "nan",
            "inf",
            "1.7",
            "high",
            "0.4 0.5",
        ] {
            assert_eq!(Strictness::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn it_is_written_as_it_was_given() {
        for text in ["0.45", "0.4312345", "1.6", "fpir:0.001", "fpir:0.05", "fpir:0.00001"] {
            let read = Strictness::parse(text).unwrap();
            assert_eq!(read.to_string(), text);
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(json.trim_matches('"'), text);
            assert_eq!(json.starts_with('"'), read.follows_the_gallery());
        }
    }

    #[test]
    fn with_the_margin_a_thousand_people_and_three_strangers_in_a_thousand_is_one_false_match_in_a_million() {
        let strictness = Strictness::Fpir(0.003);
        assert!((strictness.threshold(1_000).value() - 0.3887).abs() < 1e-4);
        assert_eq!(strictness.threshold(0), strictness.threshold(1));
        assert!((strictness.threshold(1).value() - 0.5437).abs() < 1e-4);
        let mut embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        let is_measured =
            |embedder: &models::EmbedderModel, people| strictness.is_measured(people, &Scale::of(embedder));
        assert!(is_measured(&embedder, 999) && !is_measured(&embedder, 1_100));
        // A curve from fewer people ends at FMR 1e-4.
        embedder.curve.drain(1..3);
        assert!(is_measured(&embedder, 9) && !is_measured(&embedder, 11));
    }

    #[test]
    fn a_guess_goes_no_farther_than_two_decades() {
        let strictness = Strictness::Fpir(0.001);
        assert!(!strictness.is_out_of_reach(33_000) && strictness.is_out_of_reach(34_000));
        assert!(Strictness::Fpir(1e-9).is_out_of_reach(1));
        assert!(!Strictness::Below(Distance::new(0.01)).is_out_of_reach(34_000));
    }

    proptest! {
        #[test]
        fn more_people_or_fewer_strangers_never_make_it_looser(
            people in 0usize..2_000_000, more in 0usize..2_000_000, share in 1e-9f64..0.1, part in 0.001f64..1.0,
        ) {
            let (lax, strict) = (Strictness::Fpir(share), Strictness::Fpir(share * part));
            prop_assert!(lax.threshold(people + more) <= lax.threshold(people));
            prop_assert!(strict.threshold(people) <= lax.threshold(people));
            prop_assert!(lax.threshold(people).value() >= 0.0);
        }

        #[test]
        fn the_rate_it_allows_each_person_adds_up_to_what_was_asked_for(people in 1usize..100_000, share in 1e-6f64..0.1) {
            let all = fpir_of(fmr_of(share, people), people);
            prop_assert!((all / share - 1.0).abs() < 1e-9, "{all}");
        }

        #[test]
        fn hostile_texts_are_refused_or_in_range(text in "(fpir:)?[-+0-9eE.naif ]{0,12}") {
            if let Some(read) = Strictness::parse(&text) {
                let threshold = read.threshold(1).value();
                prop_assert!((0.0..=1.6).contains(&threshold), "{text} {threshold}");
            }
        }
    }
}
