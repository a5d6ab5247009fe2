use std::sync::Arc;

use crate::message::{About, Message, Subject};

/// What one viewer of a hub wants to get. The default is the contract's: every frame of every camera, as JSON.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    /// Ids of the cameras that it wants to see; empty for all.
    pub cameras: Vec<Arc<str>>,
    /// Which messages.
    pub view: View,
    /// How a frame is written.
    pub form: Form,
    /// Whether it wants to know at once how things stand, however long ago that was seen. Without this it gets only what comes
    /// from now on: who acts on each PASS must not be told of an old one as if it were news.
    pub catch_up: bool,
}

/// Which messages a viewer gets. What is neither a frame nor a passage goes to whoever wants frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum View {
    /// A message for each processed frame.
    #[default]
    Frames,
    /// A message when a passage begins, changes or ends.
    Events,
    /// Both.
    All,
}

/// How a frame is written. What has no picture is text in every form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// JSON text with the picture in it, as base64.
    #[default]
    Json,
    /// JSON text without a picture: `frame` is null.
    Bare,
    /// Bytes: the length of the JSON as four bytes (big-endian), the JSON with `frame` null, the JPEG.
    Binary,
}

impl Form {
    /// All of them.
    pub(crate) const ALL: [Form; 3] = [Form::Json, Form::Bare, Form::Binary];
}

impl Choice {
    /// Whether the viewer gets frames, of whatever camera.
    pub(crate) fn wants_frames(&self) -> bool {
        self.view != View::Events
    }

    /// Whether `message` is for this viewer.
    pub(crate) fn fits(&self, message: &Message) -> bool {
        let About { camera, subject } = message.about();
        match subject {
            Subject::Frame { late } => self.wants_frames() && self.has_camera(camera) && (self.catch_up || !late),
            Subject::Passage { .. } => self.view != View::Frames && self.has_camera(camera),
            Subject::Other => self.wants_frames(),
        }
    }

    fn has_camera(&self, camera: &str) -> bool {
        self.cameras.is_empty() || self.cameras.iter().any(|wanted| &**wanted == camera)
    }
}
