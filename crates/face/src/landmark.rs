use models::{InstalledPack, LandmarkModel};

use crate::FaceError;
use crate::detect::Detection;
use crate::geometry::Point;
use crate::image::Picture;
use crate::session::{Model, Runtime, shape_of};

/// Left eye, right eye, nose tip, left and right mouth corner, as seen in the picture; pixels of the full picture.
pub type FivePoints = [Point; 5];

const POINTS: usize = 68;

/// Which of the 68 points are averaged into each of the five (0-based).
const FIVE_FROM_68: [&[usize]; 5] = [&[37, 38, 40, 41], &[43, 44, 46, 47], &[30], &[48, 60], &[54, 64]];

/// Finds 68 points in a face's box and reduces them to five.
#[derive(Debug)]
pub(crate) struct Landmarker {
    model: Model,
    settings: LandmarkModel,
    input: Vec<f32>,
}

impl Landmarker {
    pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let settings = installed.pack.landmark.clone();
        let model = Model::open(runtime, &installed.landmark, shape_of(&settings.input))?;
        Ok(Self { model, settings, input: Vec::new() })
    }

    pub(crate) fn find(&mut self, picture: &dyn Picture, face: &Detection) -> Result<FivePoints, FaceError> {
        picture.resize_into(face.pixels(), &self.settings.input, &mut self.input);
        let path = self.model.path().to_owned();
        let to_picture = |x: f32, y: f32| Point {
            x: face.area.left + x * face.area.width(),
            y: face.area.top + y * face.area.height(),
        };
        self.model.run(&self.input, |outputs| match outputs {
            [points] if points.len() == POINTS * 2 => Ok(FIVE_FROM_68.map(|group| {
                let n = group.len() as f32;
                to_picture(
                    group.iter().map(|&i| points[2 * i]).sum::<f32>() / n,
                    group.iter().map(|&i| points[2 * i + 1]).sum::<f32>() / n,
                )
            })),
            _ => Err(Model::unexpected(&path, "a model that gives 68 points")),
        })
    }
}
