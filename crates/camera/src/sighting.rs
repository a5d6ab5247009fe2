use std::sync::Arc;
use std::time::Duration;

use face::{Attributes, Detection, Embedding, Face, FivePoints, StageTimes};
use gallery::Match;

use crate::SharedFrame;
use crate::decision::{Rule, Verdict};
use crate::evidence::Evidence;
use crate::pairing::Few;

/// What was seen in one frame: every face, who of those enrolled is nearest to it, and whether that is near enough. Whether
/// anybody is told is not decided here.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The camera's id.
    pub camera: Arc<str>,
    /// The frame that was looked at.
    pub frame: SharedFrame,
    /// The faces in it that can be recognised, the largest first.
    pub faces: Few<SeenFace>,
    /// Tracks that are over since the frame before, whether they could be recognised or not.
    pub ended: Vec<Arc<Evidence>>,
    /// By which rule the faces were judged.
    pub rule: Rule,
    /// Where the time went.
    pub times: SightingTimes,
    /// What was done for it.
    pub work: Work,
}

/// What one look at a frame took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Faces large enough to be recognised.
    pub faces: u32,
    /// Embeddings computed for them; without tracking there is one a face.
    pub embeddings: u32,
    /// Faces decided to be spoofs: each once, until it is taken to be alive again.
    pub spoofs: u32,
    /// Frames before this one that nobody read, since nothing had moved for a while.
    pub unread: u32,
    /// Nothing had moved, so that nothing was looked for: the faces are those of the frame before.
    pub still: bool,
}

/// A face in a frame or a photo.
#[derive(Clone, Debug)]
pub struct SeenFace {
    /// Where it is.
    pub detection: Detection,
    /// The five points, in pixels of the picture.
    pub landmarks: FivePoints,
    /// Quality of the shot that it is known by (a track's best one): the norm of the raw embedding.
    pub quality: f32,
    /// Its embedding, where it was computed from this very picture.
    pub embedding: Option<Embedding>,
    /// The nearest enrolled person; `None` when nobody is enrolled. A track's by all its shots together.
    pub nearest: Option<Match>,
    /// Whether it is accepted as that person.
    pub verdict: Verdict,
    /// How much it looks alive, 0–1: of a track by all its shots. `None` where nobody looked.
    pub liveness: Option<f32>,
    /// How far its head was seen turning, in whole degrees. `None` where nobody looked, and where faces are not followed.
    pub turn: Option<u32>,
    /// What it looks like; `None` where nobody looked.
    pub attributes: Option<Attributes>,
    /// The track that it belongs to; `None` where each picture is judged by itself.
    pub evidence: Option<Arc<Evidence>>,
}

impl SeenFace {
    /// A face of which there is this one picture.
    pub fn alone(face: Face, nearest: Option<Match>, rule: &Rule) -> Self {
        Self {
            detection: Detection { area: face.area, score: face.score, five: None },
            landmarks: face.landmarks,
            quality: face.embedding.norm,
            verdict: rule.judge_one(nearest.as_ref()),
            embedding: Some(face.embedding),
            nearest,
            liveness: None,
            turn: None,
            attributes: None,
            evidence: None,
        }
    }
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
