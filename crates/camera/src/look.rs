use std::sync::Arc;
use std::time::Instant;

use face::{EnginePool, FaceError};
use gallery::Gallery;

use crate::decision::Rule;
use crate::sighting::{SeenFace, Sighting, SightingTimes};
use crate::{Frame, Region};

/// How one camera's frames are looked at.
#[derive(Clone, Debug)]
pub struct LookSettings {
    /// The camera's id.
    pub camera: Arc<str>,
    /// The setting `SCALE`, above 0 up to 1.
    pub scale: f32,
    /// Where faces count; `None` for the whole picture.
    pub region: Option<Region>,
    /// Faces narrower than this many pixels are not recognised; the pack's own gate holds as well.
    pub min_face_px: u32,
    /// When a face is accepted.
    pub rule: Rule,
    /// Whether faces are followed from frame to frame and decided by all their shots. If not, each frame is judged by
    /// itself.
    pub tracking: bool,
    /// Whether frames in which nothing moves are passed over.
    pub motion_gate: bool,
}

/// Frame → Sighting: finds the faces, follows them, and finds the nearest enrolled person for each.
#[derive(Debug)]
pub struct Look {
    settings: LookSettings,
    engines: EnginePool,
    gallery: Gallery,
}

impl Look {
    /// `engines` may be shared by many cameras: each look takes one for as long as it lasts, in turn.
    pub fn new(settings: LookSettings, engines: EnginePool, gallery: Gallery) -> Self {
        Self { settings, engines, gallery }
    }

    /// The camera's id.
    pub fn camera(&self) -> &Arc<str> {
        &self.settings.camera
    }

    /// Looks at one frame.
    ///
    /// # Errors
    /// When a model fails.
    pub fn at(&mut self, frame: Arc<Frame>) -> Result<Sighting, FaceError> {
        let waited = frame.read_at.elapsed();
        let found = self.engines.with(|engine| engine.faces(frame.image(), self.settings.scale))?;
        let searching = Instant::now();
        let rule = &self.settings.rule;
        let name = |face: face::Face| SeenFace::alone(face.clone(), self.gallery.search(&face.embedding), rule);
        let faces = found.faces.into_iter().map(name).collect();
        let times = SightingTimes { waited, stages: found.times, search: searching.elapsed() };
        Ok(Sighting { camera: self.settings.camera.clone(), frame, faces, ended: Vec::new(), times })
    }
}
