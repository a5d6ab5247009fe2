use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::turn::{TURNED_FROM, Turn};
use super::{LIVE_FROM, LivenessMode, LivenessRule};
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

/// And for one whose head is still to turn: so that nobody else's turns in its place, unseen between two shots.
const UNTURNED_PAUSE: Duration = Duration::from_millis(250);

/// What a track's shots say of whether its face is alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Liveness {
    /// Mean of the newest shots' scores, 0–1.
    pub score: f32,
    /// How many they are.
    pub shots: u32,
    /// What follows from them.
    pub state: LivenessState,
    /// How far the head was seen turning within a few seconds: whole degrees, rounded down. `None` where faces are not followed.
    pub turn: Option<u32>,
}

impl Liveness {
    /// From so many degrees on a head has turned.
    pub const TURNED_FROM: u32 = TURNED_FROM as u32;
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
    rule: LivenessRule,
    scores: VecDeque<f32>,
    /// How many shots there were since it was last in doubt whose face it is.
    fresh: usize,
    /// Shots since it was decided to be a spoof; `None` where it was not, or has looked alive for long enough since.
    since_spoof: Option<usize>,
    /// A decision that it is a spoof that nobody has counted yet.
    news: bool,
    turn: Turn,
}

impl LivenessVotes {
    pub(crate) fn new(rule: LivenessRule) -> Self {
        let (scores, turn) = (VecDeque::new(), Turn::default());
        Self { rule, scores, fresh: 0, since_spoof: None, news: false, turn }
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
                self.turn = Turn::default();
            }
            None => {}
        }
    }

    /// The face was detected with a score of 0–1, turned to a side by so many degrees. Says whether there is something new to tell. Of
    /// what was decided to be a spoof no turn counts: it may be a film.
    pub(crate) fn saw(&mut self, yaw: f32, score: f32, at: Instant) -> bool {
        if self.rule.mode == LivenessMode::Off || self.since_spoof.is_some() {
            return false;
        }
        let before = self.turned();
        self.turn.saw(yaw, score, at);
        self.turned() != before
    }

    /// A shot is of somebody else, it seems: a turn that is not over may have been theirs.
    pub(crate) fn doubt_turn(&mut self) {
        if !self.turn.is_seen() {
            self.turn = Turn::default();
        }
    }

    /// Somebody else may be there now: what was seen to be alive counts no more, what was seen to be a spoof does.
    pub(crate) fn doubt(&mut self) {
        self.fresh = 0;
        self.since_spoof = self.since_spoof.map(|_| 0);
        self.turn = Turn::default();
    }

    /// Whether it has been decided to be a spoof since this was last asked.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// How long after the last shot another one is wanted to find out whether an accepted face is alive; `None` where that is known, or nobody
    /// wants to know.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self.state() {
            _ if self.rule.mode == LivenessMode::Off => None,
            LivenessState::Unsure => Some(UNSURE_PAUSE),
            LivenessState::Spoof => Some(SPOOF_PAUSE),
            LivenessState::Alive => self.is_to_turn().then_some(UNTURNED_PAUSE),
        }
    }

    /// Whether no more is to be learned while the picture stays as it is.
    pub(crate) fn is_settled(&self) -> bool {
        self.rule.mode == LivenessMode::Off || self.state() != LivenessState::Unsure
    }

    /// What is known; `None` before the first shot.
    pub(crate) fn liveness(&self) -> Option<Liveness> {
        let shots = u32::try_from(self.scores.len()).unwrap_or(u32::MAX);
        let turn = Some(self.turned());
        (shots > 0).then(|| Liveness { score: self.mean(), shots, state: self.state(), turn })
    }

    /// What becomes of a face that is judged by whose it is. Where it is enforced nobody passes before being seen alive and, where that is
    /// asked, turning; and a spoof is one whoever is in the picture.
    pub(crate) fn judge(&self, verdict: Verdict) -> Verdict {
        match (self.rule.mode, self.state(), verdict) {
            (LivenessMode::Enforce, LivenessState::Spoof, _) => Verdict::Reject(Reason::Spoof),
            (LivenessMode::Enforce, LivenessState::Unsure, Verdict::Pass) => Verdict::Reject(Reason::NotSeenAlive),
            (_, _, Verdict::Pass) if self.is_to_turn() => Verdict::Reject(Reason::HeadNotTurned),
            _ => verdict,
        }
    }

    /// Whether it has to be seen turning, and was not.
    fn is_to_turn(&self) -> bool {
        self.rule.turn && self.rule.mode == LivenessMode::Enforce && !self.turn.is_seen()
    }

    /// How far it turned, in whole degrees, rounded down: what is told to be enough is.
    fn turned(&self) -> u32 {
        self.turn.widest() as u32
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
mod tests;
