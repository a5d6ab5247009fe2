use std::time::Duration;

use gallery::Distance;

use crate::status::CameraState;
use crate::timing::Timing;

/// A camera's state and numbers at one moment. Counters count from the start of its watch.
#[derive(Clone, Debug)]
pub struct CameraReport {
    /// How it is doing.
    pub state: CameraState,
    /// For how long it has been so.
    pub lasted: Duration,
    /// Width and height of its picture in pixels, once there was one.
    pub picture: Option<(u32, u32)>,
    /// Frames a second that were looked at or passed over as still, over the last five seconds.
    pub fps: f64,
    /// Frames a second as the stream states them, where it does.
    pub source_fps: Option<f64>,
    /// How long ago the last frame came.
    pub last_frame: Option<Duration>,
    /// From the reading of a frame until it was known who is in it.
    pub latency: Timing,
    /// Where that time went.
    pub stages: StageTimings,
    /// Frames that came.
    pub read: u64,
    /// Frames looked at.
    pub looked_at: u64,
    /// Frames passed over because nothing moved, most of them unread where nothing had moved for a while.
    pub still: u64,
    /// Frames replaced by a newer one before anybody looked at them.
    pub dropped: u64,
    /// How often the source was opened after the first time.
    pub restarts: u64,
    /// Faces detected, counted anew in every frame.
    pub faces: u64,
    /// Embeddings computed.
    pub embeddings: u64,
    /// Faces that needed no embedding because they were known from a frame before.
    pub saved: u64,
    /// Below which distance the newest frame's faces are accepted; `None` before the first.
    pub threshold: Option<Distance>,
    /// Faces decided to be spoofs.
    pub spoofs: u64,
    /// What went wrong last, also when it is over.
    pub last_error: Option<LastError>,
}

/// How long each stage took, in the frames in which it ran.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimings {
    /// A frame's wait until somebody looked at it.
    pub waited: Timing,
    /// Finding the boxes.
    pub detect: Timing,
    /// Five points of every face that needed them.
    pub landmark: Timing,
    /// Alignment and embedding of every face that needed it.
    pub embed: Timing,
    /// Whether every face that was asked is alive.
    pub liveness: Timing,
    /// In the gallery.
    pub search: Timing,
}

impl StageTimings {
    /// The stages by name, in the order in which a frame goes through them.
    pub fn named(&self) -> [(&'static str, Timing); 6] {
        [
            ("waited", self.waited),
            ("detect", self.detect),
            ("landmark", self.landmark),
            ("embed", self.embed),
            ("liveness", self.liveness),
            ("search", self.search),
        ]
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// In words.
    pub message: String,
    /// How long ago.
    pub ago: Duration,
}
