//! Frames in, sightings out.
//!
//! Lives here: where frames come from (`source`, `ffmpeg`) and in which colours (`colour_space`), how only the newest survives (`newest`) and in which memory (`frame`, `pool`), who is
//! seen in one (`look`, `sighting`), which part of it is looked at (`turns`), whether anything moves (`motion`) and which frames can go by unread (`attention`), who is followed from frame to frame (`tracker`,
//! `pairing`, `kalman`, `track`) and on what evidence accepted (`votes`, `decision`, `evidence`), the loop that ties them
//! together for one camera (`watch`) and what it says of itself (`status`, `report`), boxes and names drawn onto frames
//! (`draw`, `annotate`), and annotated videos written to files (`record`).
//! Does not live here: what a sighting means (crate `events`), SQL (crate `store`), HTTP.
#![deny(unsafe_code)]

mod annotate;
mod attention;
mod child;
mod colour_space;
mod complaint;
mod decision;
mod direction;
mod draw;
mod error;
mod evidence;
mod ffmpeg;
mod frame;
mod input;
mod kalman;
mod label;
mod liveness;
mod look;
#[cfg(test)]
mod made;
mod mask;
mod motion;
mod newest;
mod pairing;
mod pool;
mod record;
mod region;
mod report;
mod rgb0;
mod sighting;
mod source;
mod status;
mod stop;
mod timing;
mod track;
mod tracker;
mod turns;
mod votes;
mod watch;
mod y4m;

pub use annotate::annotate;
pub use attention::Attention;
pub use colour_space::{Range, ToJpeg};
pub use decision::{Acceptance, Reason, Rule, Verdict};
pub use direction::Direction;
pub use draw::{Colour, Painter};
pub use error::VideoError;
pub use evidence::{BestShot, Evidence, Shot, TrackId};
pub use ffmpeg::{FfmpegOptions, FfmpegSource, Pace};
pub use frame::{Buffers, Frame, FrameMark, SharedFrame};
pub use liveness::{LIVE_FROM, Liveness, LivenessMode, LivenessRule, LivenessState};
pub use look::{Look, LookSettings};
pub use mask::mask_credentials;
pub use newest::{Newest, Taken};
pub use pairing::Few;
pub use pool::{Pool, Pooled};
pub use record::Recorder;
pub use region::{NotARegion, Region};
pub use report::{CameraReport, LastError, StageTimings};
pub use rgb0::to_rgb0;
pub use sighting::{SeenFace, Sighting, SightingTimes, Work};
pub use source::{Next, Source, Stopper, Stream};
pub use status::{CameraState, CameraStatus};
pub use stop::Stop;
pub use timing::Timing;
pub use watch::Watch;
pub use y4m::{Y4mError, Y4mHeader, Y4mReader};
