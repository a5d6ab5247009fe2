use std::sync::Arc;
use std::time::SystemTime;

use face::{Attributes, Embedding, Rect};
use gallery::Match;

use crate::decision::{Rule, Verdict};
use crate::{Liveness, SharedFrame};

/// A face followed from frame to frame; the number is unique within one run of a camera's watch, and grows.
pub type TrackId = u64;

/// What is known of one track, and what its decision rests on. A snapshot: a new one is made when the track gets
/// another shot, and when it ends.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Which track.
    pub track: TrackId,
    /// When the face was first seen.
    pub started_at: SystemTime,
    /// When the face was last seen, as of this snapshot.
    pub last_seen_at: SystemTime,
    /// In how many frames the face was detected so far.
    pub frames: u32,
    /// The shots that count, oldest first; of a long track the best ones.
    pub shots: Vec<Shot>,
    /// All shots together as one embedding; its norm is that of the best. `None` without a usable shot.
    pub fused: Option<Embedding>,
    /// The person nearest to `fused`.
    pub nearest: Option<Match>,
    /// How many of the shots name that person, each with a distance below the threshold.
    pub agreeing: u32,
    /// Whether one of them is so near and so clear that it counts for all that are asked for.
    pub strong: bool,
    /// What the shots say of whether it is alive; `None` where nobody looked.
    pub liveness: Option<Liveness>,
    /// What was decided.
    pub verdict: Verdict,
    /// What the access rules have to say of it, for people; `None` where they refuse nobody.
    pub denied: Option<Arc<str>>,
    /// By which rule.
    pub rule: Rule,
    /// The picture that shows the face best.
    pub best: Option<BestShot>,
    /// What the face looks like, by a few clear shots; `None` where nobody looked. Nothing is decided by it.
    pub attributes: Option<Attributes>,
}

impl Evidence {
    /// Who it is, where that is known: accepted, or refused for another reason than the face.
    pub fn person(&self) -> Option<&Match> {
        self.nearest.as_ref().filter(|_| self.verdict.is_known())
    }
}

/// One look at a track's face with the embedder.
#[derive(Clone, Debug)]
pub struct Shot {
    /// When.
    pub at: SystemTime,
    /// The face's box in pixels of the frame.
    pub area: Rect,
    /// The detector's confidence, 0–1.
    pub score: f32,
    /// Norm of the raw embedding: the quality of the shot.
    pub quality: f32,
    /// How far the head is turned to a side, in degrees; 0 is frontal, + is to the picture's left. From the five points.
    pub yaw: f32,
    /// The weight of its vote, by its quality; 0 for a shot that the pack's gates refuse.
    pub weight: f32,
    /// The person nearest to this shot alone. `None` when nobody is enrolled, or for a refused shot.
    pub nearest: Option<Match>,
}

/// The frame in which a face is seen best, and where in it.
#[derive(Clone, Debug)]
pub struct BestShot {
    /// The whole picture.
    pub frame: SharedFrame,
    /// The face's box in pixels of the frame.
    pub area: Rect,
}
