//! What the tests use: the program, its callers, photos and video.

mod answer;
mod archive;
#[allow(dead_code, reason = "bench/liveness measures more kinds than the tests show")]
pub mod attack;
mod database;
mod door;
mod exposition;
mod home;
mod home_assistant;
mod mosquitto;
mod network_camera;
#[path = "../../crates/face/tests/support/onnx.rs"]
#[allow(dead_code, reason = "the tests of crate `face` make more kinds")]
pub mod onnx;
mod photo;
mod private_postgres;
mod process;
mod receiver;
mod rtsp_camera;
mod scene;
mod service;
mod video;
mod viewer;
mod waiting;

pub use answer::Answer;
pub use archive::{archive, encrypted_archive};
pub use database::Postgres;
pub use door::Door;
pub use exposition::{Exposition, parse};
pub use home::{Finished, Home};
pub use home_assistant::what_is_wrong;
pub use mosquitto::{Heard, Listener, Mosquitto};
pub use network_camera::NetworkCamera;
pub use photo::{blank, edited, embedder_path, models_folder, photo, photo_path, png_that_claims, with_orientation};
pub use private_postgres::PrivatePostgres;
pub use process::{processes_with, vanish};
pub use receiver::Receiver;
pub use rtsp_camera::RtspCamera;
pub use scene::{Scene, picture_of, video_of};
pub use service::{Service, client};
pub use video::{clip, demo_video, far_away, looped};
pub use viewer::{Viewer, status_of_refused};
pub use waiting::{PATIENCE, until, within_patience};
