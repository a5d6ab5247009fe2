//! Image in, faces with embeddings out.
//!
//! Lives here: pictures and how they are read (`image`), the one place that talks to ONNX Runtime (`session`), the
//! stages detector → landmarks → alignment → embedder, the engine that runs them in a row, and embedders of other packs beside
//! its own (`others`).
//! Does not live here: who somebody is (crate `gallery`), where frames come from (crate `camera`), network, database.
#![forbid(unsafe_code)]

mod attribute_model;
mod attributes;
mod detect;
mod embed;
mod engine;
mod error;
mod geometry;
mod image;
mod landmark;
mod liveness;
mod operators;
mod others;
mod pool;
mod quality;
mod session;
mod side;
mod tiles;
mod trial;

pub use attributes::{AttributeChoice, Attributes, Estimate};
pub use detect::{Detection, Detections};
pub use embed::{Beside, Embedding};
pub use engine::{Embedded, Engine, Face, Faces, StageTimes, Unusable};
pub use error::FaceError;
pub use geometry::{Point, Rect, Similarity};
pub use image::{
    Area, DecodeLimits, JpegEncoder, Photo, Picture, RgbImage, YuvImage, decode, decode_enough, looks_like_image,
};
pub use landmark::{FivePoints, yaw};
pub use others::{OtherPacks, WantedSpace, WantedSpaces};
pub use pool::EnginePool;
pub use quality::{Pose, Quality, Surface, by_clearness};
pub use session::{Runtime, relative_difference, tuned};
pub use tiles::{Part, Tiles};
pub use trial::{seen, trial, views_of_faces};
