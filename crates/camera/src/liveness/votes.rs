use std::collections::VecDeque;
use std::time::Duration;

use super::{LIVE_FROM, LivenessMode};
use crate::decision::{Reason, Verdict};

/// The newest shots count, this many of them.
const KEPT: usize = 10;

/// A face is taken to be alive after so many shots since it was last in doubt whose it is.
const LEAST: usize = 3;

/// And to be a picture of one after so many: a living person whose first shots are poor gets two more.
const LEAST_FOR_SPOOF: usize = 5;

/// Time between two shots of a face that would be accepted and has not been seen to be alive: pictures taken at the same moment
/// say the same, and a shot costs an embedding as well.
const UNSURE_PAUSE: Duration = Duration::from_millis(100);

/// The same for one that was decided to be a spoof.
const SPOOF_PAUSE: Duration = Duration::from_millis(250);

/// What a track's shots say of whether its face is alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Liveness {
    /// Mean of the newest shots' scores, 0–1.
    pub score: f32,
    /// How many they are.
    pub shots: u32,
    /// What follows from them.
    pub state: LivenessState,
}

/// Whether a face is alive, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivenessState {
    /// Too few shots say so yet.
    Unsure,
    /// It looks alive.
    Alive,
    /// It looks like a picture of a face.
    Spoof,
}

impl LivenessState {
    /// The word for it in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsure => "unsure",
            Self::Alive => "alive",
            Self::Spoof => "spoof",
        }
    }
}

/// The scores of one track. Only shots that were counted for the track have one, so that whoever is accepted is who was seen alive.
#[derive(Clone, Debug)]
pub(crate) struct LivenessVotes {
    mode: LivenessMode,
    scores: VecDeque<f32>,
    /// How many shots there were since it was last in doubt whose face it is.
    fresh: usize,
    /// Shots since it was decided to be a spoof; `None` where it was not, or has looked alive for long enough since.
    since_spoof: Option<usize>,
    /// A decision that it is a spoof that nobody has counted yet.
    news: bool,
}

impl LivenessVotes {
    pub(crate) fn new(mode: LivenessMode) -> Self {
        Self { mode, scores: VecDeque::new(), fresh: 0, since_spoof: None, news: false }
    }

    /// Counts a shot. What is decided to be a spoof is one until a full set of new shots looks alive.
    pub(crate) fn add(&mut self, score: f32) {
        self.scores.push_back(if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 });
        if self.scores.len() > KEPT {
            self.scores.pop_front();
        }
        self.fresh += 1;
        let looks_alive = self.mean() >= LIVE_FROM;
        match &mut self.since_spoof {
            Some(since) if *since + 1 >= KEPT && looks_alive => self.since_spoof = None,
            Some(since) => *since += 1,
            None if !looks_alive && self.scores.len() >= LEAST_FOR_SPOOF => {
                (self.since_spoof, self.news) = (Some(0), true);
            }
            None => {}
        }
    }

    /// Somebody else may be there now: what was seen to be alive counts no more, what was seen to be a spoof does.
    pub(crate) fn doubt(&mut self) {
        self.fresh = 0;
        self.since_spoof = self.since_spoof.map(|_| 0);
    }

    /// Whether it has been decided to be a spoof since this was last asked.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// How long after the last shot another one is wanted to find out whether an accepted face is alive; `None` where that is known, or nobody
    /// wants to know.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self.state() {
            _ if self.mode == LivenessMode::Off => None,
            LivenessState::Unsure => Some(UNSURE_PAUSE),
            LivenessState::Spoof => Some(SPOOF_PAUSE),
            LivenessState::Alive => None,
        }
    }

    /// Whether no more is to be learned while the picture stays as it is.
    pub(crate) fn is_settled(&self) -> bool {
        self.mode == LivenessMode::Off || self.state() != LivenessState::Unsure
    }

    /// What is known; `None` before the first shot.
    pub(crate) fn liveness(&self) -> Option<Liveness> {
        let shots = u32::try_from(self.scores.len()).unwrap_or(u32::MAX);
        (shots > 0).then(|| Liveness { score: self.mean(), shots, state: self.state() })
    }

    /// What becomes of a face that is judged by whose it is. Where it is enforced nobody passes before being seen alive, and a spoof is
    /// one whoever is in the picture.
    pub(crate) fn judge(&self, verdict: Verdict) -> Verdict {
        match (self.mode, self.state(), verdict) {
            (LivenessMode::Enforce, LivenessState::Spoof, _) => Verdict::Reject(Reason::Spoof),
            (LivenessMode::Enforce, LivenessState::Unsure, Verdict::Pass) => Verdict::Reject(Reason::NotSeenAlive),
            _ => verdict,
        }
    }

    fn state(&self) -> LivenessState {
        match () {
            () if self.since_spoof.is_some() => LivenessState::Spoof,
            () if self.fresh >= LEAST && self.mean_of(self.fresh) >= LIVE_FROM => LivenessState::Alive,
            () => LivenessState::Unsure,
        }
    }

    fn mean(&self) -> f32 {
        self.mean_of(KEPT)
    }

    /// Of so many of the newest shots, as far as they are kept.
    fn mean_of(&self, newest: usize) -> f32 {
        let counted = newest.min(self.scores.len());
        self.scores.iter().rev().take(counted).sum::<f32>() / counted.max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPOOF: Verdict = Verdict::Reject(Reason::Spoof);
    const UNSEEN: Verdict = Verdict::Reject(Reason::NotSeenAlive);

    fn votes(mode: LivenessMode, scores: &[f32]) -> LivenessVotes {
        let mut votes = LivenessVotes::new(mode);
        scores.iter().for_each(|score| votes.add(*score));
        votes
    }

    fn enforced(scores: &[f32]) -> Verdict {
        votes(LivenessMode::Enforce, scores).judge(Verdict::Pass)
    }

    #[test]
    fn nobody_passes_before_enough_shots_look_alive() {
        assert_eq!([&[][..], &[1.0], &[1.0, 1.0]].map(enforced), [UNSEEN; 3]);
        assert_eq!(enforced(&[1.0, 1.0, 1.0]), Verdict::Pass);
        assert_eq!(enforced(&[0.0, 0.0, 0.0, 0.0]), UNSEEN);
        assert_eq!(enforced(&[0.0, 0.0, 0.0, 0.0, 0.0]), SPOOF);
        assert_eq!(enforced(&[f32::NAN, 1.0, 1.0]), UNSEEN, "a shot without a number looks like a picture");
    }

    #[test]
    fn other_modes_change_no_verdict_and_a_stranger_is_refused_for_what_it_is() {
        let stranger = Verdict::Reject(Reason::BelowThreshold);
        for mode in [LivenessMode::Off, LivenessMode::Observe] {
            assert_eq!(votes(mode, &[0.0; 9]).judge(Verdict::Pass), Verdict::Pass);
        }
        assert_eq!(votes(LivenessMode::Enforce, &[1.0]).judge(stranger), stranger);
        assert_eq!(votes(LivenessMode::Enforce, &[0.0; 5]).judge(stranger), SPOOF);
        assert_eq!(votes(LivenessMode::Off, &[]).pause(), None);
    }

    #[test]
    fn a_spoof_is_one_until_a_full_set_of_new_shots_looks_alive_also_when_somebody_else_may_be_there() {
        let mut track = votes(LivenessMode::Enforce, &[0.0; 5]);
        assert!(track.take_news() && !track.take_news());
        (0..3).for_each(|_| track.add(1.0));
        assert_eq!(track.judge(Verdict::Pass), SPOOF);
        track.doubt();
        (0..KEPT - 1).for_each(|_| track.add(1.0));
        assert_eq!(track.judge(Verdict::Pass), SPOOF);
        track.add(1.0);
        assert_eq!(track.judge(Verdict::Pass), Verdict::Pass);
    }

    #[test]
    fn after_a_doubt_it_has_to_be_seen_alive_again() {
        let mut track = votes(LivenessMode::Enforce, &[1.0; 10]);
        track.doubt();
        assert_eq!(track.judge(Verdict::Pass), UNSEEN);
        (0..LEAST - 1).for_each(|_| track.add(1.0));
        assert_eq!(track.judge(Verdict::Pass), UNSEEN);
        track.add(1.0);
        assert_eq!(track.judge(Verdict::Pass), Verdict::Pass);
        // What was seen before lends nothing to what is there now.
        track.doubt();
        (0..LEAST).for_each(|_| track.add(LIVE_FROM - 0.1));
        assert_eq!(track.judge(Verdict::Pass), UNSEEN);
    }

    #[test]
    fn a_picture_that_is_in_doubt_again_and_again_is_a_spoof_all_the_same() {
        let mut track = LivenessVotes::new(LivenessMode::Enforce);
        for _ in 0..LEAST_FOR_SPOOF {
            track.doubt();
            track.add(0.1);
        }
        assert_eq!(track.judge(Verdict::Pass), SPOOF);
    }

    proptest! {
        #[test]
        fn a_shot_that_looks_less_alive_never_makes_it_pass(
            scores in prop::collection::vec(0f32..=1.0, 0..30), at in 0usize..30, lower in 0f32..=1.0,
        ) {
            let mut worse = scores.clone();
            if let Some(score) = worse.get_mut(at) {
                *score = score.min(lower);
            }
            let mut worse = votes(LivenessMode::Enforce, &worse);
            // Who was a spoof in between has had to look alive for longer, counted from another shot on.
            let passes = !worse.take_news() && worse.judge(Verdict::Pass) == Verdict::Pass;
            prop_assert!(enforced(&scores) == Verdict::Pass || !passes);
        }

        /// By the rule as it is written in docs/reference/liveness.md, shot by shot, with doubts in between.
        #[test]
        fn who_passes_has_looked_alive_since_the_last_doubt_and_for_a_full_set_of_shots_since_the_last_spoof(
            steps in prop::collection::vec(prop::option::weighted(0.9, 0f32..=1.0), 0..60),
        ) {
            let mut track = LivenessVotes::new(LivenessMode::Enforce);
            let (mut scores, mut since_doubt, mut since_spoof) = (Vec::new(), 0, None);
            for step in steps {
                match step {
                    None => {
                        track.doubt();
                        (since_doubt, since_spoof) = (0, since_spoof.map(|_: usize| 0));
                    }
                    Some(score) => {
                        track.add(score);
                        scores.push(score);
                        (since_doubt, since_spoof) = (since_doubt + 1, since_spoof.map(|since| since + 1));
                    }
                }
                if track.take_news() {
                    since_spoof = Some(0);
                }
                if track.judge(Verdict::Pass) != Verdict::Pass {
                    continue;
                }
                let newest: Vec<f32> = scores.iter().rev().take(since_doubt.min(KEPT)).copied().collect();
                prop_assert!(since_doubt >= LEAST, "{since_doubt} shots");
                prop_assert!(newest.iter().sum::<f32>() / newest.len() as f32 >= LIVE_FROM - 1e-5, "{newest:?}");
                prop_assert!(since_spoof.is_none_or(|since| since >= KEPT), "{since_spoof:?} shots after a spoof");
                since_spoof = None;
            }
        }

        #[test]
        fn after_a_spoof_fewer_than_a_full_set_of_shots_never_make_it_pass(
            before in prop::collection::vec(0f32..=1.0, 0..20), after in prop::collection::vec(0f32..=1.0, 0..KEPT),
        ) {
            let mut track = votes(LivenessMode::Enforce, &before);
            prop_assume!(track.judge(Verdict::Pass) != SPOOF);
            while track.judge(Verdict::Pass) != SPOOF {
                track.add(0.0);
            }
            after.iter().for_each(|score| track.add(*score));
            prop_assert_eq!(track.judge(Verdict::Pass), SPOOF);
        }

        #[test]
        fn who_is_never_seen_alive_never_passes(scores in prop::collection::vec(0f32..LIVE_FROM, 0..40)) {
            prop_assert_ne!(enforced(&scores), Verdict::Pass);
        }
    }
}
