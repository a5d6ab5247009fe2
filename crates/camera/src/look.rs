use std::sync::Arc;
use std::time::Instant;

use face::{Engine, FaceError};
use gallery::Gallery;

use crate::Frame;
use crate::sighting::{SeenFace, Sighting, SightingTimes};

/// Frame → Sighting: finds the faces and the nearest enrolled person for each.
#[derive(Debug)]
pub struct Look {
    camera: Arc<str>,
    engine: Engine,
    gallery: Gallery,
    scale: f32,
}

impl Look {
    /// `scale` is the setting `SCALE`, above 0 up to 1.
    pub fn new(camera: &str, engine: Engine, gallery: Gallery, scale: f32) -> Self {
        Self { camera: camera.into(), engine, gallery, scale }
    }

    /// Looks at one frame.
    ///
    /// # Errors
    /// When a model fails.
    pub fn at(&mut self, frame: Arc<Frame>) -> Result<Sighting, FaceError> {
        let waited = frame.read_at.elapsed();
        let found = self.engine.faces(frame.image(), self.scale)?;
        let searching = Instant::now();
        let faces = found
            .faces
            .into_iter()
            .map(|face| SeenFace { nearest: self.gallery.search(&face.embedding), face })
            .collect();
        let times = SightingTimes { waited, stages: found.times, search: searching.elapsed() };
        Ok(Sighting { camera: self.camera.clone(), frame, faces, times })
    }
}
