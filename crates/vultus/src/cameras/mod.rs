//! The cameras of a building: what there is to watch, who watches it, and what of it runs here.
//!
//! Lives here: what a camera may be (`definition`), where definitions come from (`defined`), the threads of one camera
//! (`watching`), their shared webhooks (`webhooks`), what viewers are told of
//! passages (`telling`) and a broker of the cameras (`roster`), the task that keeps what runs in step with what is defined
//! (`supervisor`) with one camera of it (`seat`), this node's claims (`claims`), what is to be done about a database that does
//! not answer (`patience`), and what the HTTP side sees of all of it (`handle`).
//! Does not live here: routes (`http`), frames (crate `camera`), SQL (crate `store`).

mod claims;
mod defined;
mod definition;
mod handle;
mod patience;
mod roster;
mod seat;
mod supervisor;
mod telling;
mod watching;
mod webhooks;

pub use defined::{Defined, Fixed, Origin};
pub use definition::{Definition, NotADefinition};
pub use handle::{Camera, CameraError, Cameras, Here};
pub use supervisor::{Sinks, Supervisor};
pub use watching::{ffmpeg_source, ffmpeg_version, look_settings};
