//! Whether a face is alive or a picture of one.
mod turn;
mod votes;

pub use votes::{Liveness, LivenessState};

pub(crate) use votes::LivenessVotes;

use crate::decision::{Reason, Verdict};
use crate::sighting::SeenFace;

/// From this score on a face is taken to be alive; of a track the mean of its shots. Chosen by bench/liveness: docs/reference/liveness.md has the
/// curve.
pub const LIVE_FROM: f32 = 0.8;

/// What is done with a face that does not look alive: the setting `LIVENESS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivenessMode {
    /// Nobody looks.
    #[default]
    Off,
    /// It is told, and changes nothing.
    Observe,
    /// It is refused.
    Enforce,
}

impl LivenessMode {
    /// What [`LivenessMode::parse`] reads, for people.
    pub const ALLOWED: &'static str = "off, observe or enforce";

    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" => Some(Self::Off),
            "observe" => Some(Self::Observe),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }

    /// Whether anybody looks.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// What is asked of a face that is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LivenessRule {
    /// What is done with one that does not look alive.
    pub mode: LivenessMode,
    /// Whether it has to be seen turning where pictures are refused: the setting `LIVENESS_TURN`.
    pub turn: bool,
}

impl SeenFace {
    /// A face of which there is this one picture, after a look at whether it is alive: the one score decides.
    #[must_use]
    pub fn looked_at(mut self, score: f32, mode: LivenessMode) -> Self {
        self.liveness = Some(score);
        if mode == LivenessMode::Enforce && (score.is_nan() || score < LIVE_FROM) {
            self.verdict = Verdict::Reject(Reason::Spoof);
        }
        self
    }
}

#[cfg(test)]
mod tests;
