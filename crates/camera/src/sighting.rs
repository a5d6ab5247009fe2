use std::sync::Arc;
use std::time::Duration;

use face::{Face, StageTimes};
use gallery::Match;

use crate::Frame;

/// What was seen in one frame: every face, and who of those enrolled is nearest to it. Whether that opens a door is
/// not decided here.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The camera's name.
    pub camera: Arc<str>,
    /// The frame that was looked at.
    pub frame: Arc<Frame>,
    /// The faces in it, the largest first.
    pub faces: Vec<SeenFace>,
    /// Where the time went.
    pub times: SightingTimes,
}

/// A face in a frame.
#[derive(Clone, Debug)]
pub struct SeenFace {
    /// Where and how it was found.
    pub face: Face,
    /// The nearest enrolled person; `None` when nobody is enrolled.
    pub nearest: Option<Match>,
}

/// Time spent on one frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct SightingTimes {
    /// From the frame's arrival until somebody looked at it.
    pub waited: Duration,
    /// In the models.
    pub stages: StageTimes,
    /// In the gallery.
    pub search: Duration,
}

impl std::ops::AddAssign for SightingTimes {
    fn add_assign(&mut self, other: Self) {
        self.waited += other.waited;
        self.stages += other.stages;
        self.search += other.search;
    }
}
