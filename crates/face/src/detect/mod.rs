//! Where faces are: what a detector is ([`Detector`]), the kinds of them, and how whole pictures and tiles are looked at with
//! one (`finder`).

mod centerface;
mod finder;
mod grid;
mod mmod;
mod scrfd;
mod ultraface;
mod view;
mod yunet;

use std::fmt::Debug;

use models::{DetectorKind, InstalledPack};
use smallvec::SmallVec;

pub(crate) use self::finder::Finder;
use crate::FaceError;
use crate::geometry::{Point, Rect};
use crate::image::Area;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// A face's place in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Squared on the longer side and clipped to the picture; whole pixels.
    pub area: Rect,
    /// The detector's confidence, 0–1.
    pub score: f32,
    /// The five points, in pixels of the picture, where the detector finds them too.
    pub five: Option<FivePoints>,
}

/// The faces of a picture. Up to eight need no memory of their own.
pub type Detections = SmallVec<[Detection; 8]>;

/// A model that finds faces.
pub(crate) trait Detector: Debug + Send {
    /// Adds every box that scores above `min_score` to what was `found`, also several of one face, as shares of the input: (0, 0) is its upper
    /// left corner and (1, 1) its lower right one. `planes` are those of the input that the pack describes.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails, [`FaceError::Model`] when its output is not of the pack's kind.
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError>;
}

/// The pack's detector.
fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Box<dyn Detector>, FaceError> {
    let (settings, path) = (&installed.pack.detector, &installed.detector);
    if settings.kind == DetectorKind::Mmod {
        // Its model is fed with all sizes of the input, side by side.
        return Ok(Box::new(mmod::Mmod::open(runtime, &settings.input, path)?));
    }
    let model = Model::open(runtime, path, shape_of(&settings.input))?;
    Ok(match settings.kind {
        DetectorKind::Ultraface | DetectorKind::Mmod => Box::new(ultraface::Ultraface::of(model)?),
        DetectorKind::Centerface => Box::new(centerface::Centerface::of(model, &settings.input)?),
        DetectorKind::Yunet => Box::new(yunet::Yunet::of(model, &settings.input)?),
        DetectorKind::Scrfd => Box::new(scrfd::Scrfd::of(model, &settings.input)?),
    })
}

/// A box smaller than this share of a face's, of which more than this share lies inside it, is a part of that face.
const PART_SIZE: f32 = 0.5;
const PART_INSIDE: f32 = 0.6;

impl Detection {
    /// Whether it is an eye or a mouth that a tile shows of the large face in `face`, which the detector takes for a face by itself (on portraits
    /// looked at in 4×3 tiles, 54 of 84 false hits): it lies inside that face, and is much smaller.
    pub fn is_part_of(&self, face: &Rect) -> bool {
        self.area.area() < PART_SIZE * face.area() && self.area.share_inside(face) > PART_INSIDE
    }

    /// The same face so many pixels farther to the right and down.
    fn shift(&mut self, x: f32, y: f32) {
        self.area = self.area.moved(x, y);
        self.five.iter_mut().flatten().for_each(|point| *point = Point { x: point.x + x, y: point.y + y });
    }

    /// The same face with all lengths across and down multiplied.
    fn stretch(&mut self, x: f32, y: f32) {
        let Rect { left, top, right, bottom } = self.area;
        self.area = Rect { left: left * x, top: top * y, right: right * x, bottom: bottom * y };
        self.five.iter_mut().flatten().for_each(|point| *point = Point { x: point.x * x, y: point.y * y });
    }

    /// The box as whole pixels of the picture.
    pub(crate) fn pixels(&self) -> Area {
        Area {
            left: self.area.left as u32,
            top: self.area.top as u32,
            width: self.area.width() as u32,
            height: self.area.height() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eye_in_a_face_is_a_part_of_it_and_a_face_beside_it_is_not() {
        let face = Rect { left: 100.0, top: 100.0, right: 400.0, bottom: 500.0 };
        let is_part = |left, top, right, bottom| {
            Detection { area: Rect { left, top, right, bottom }, score: 0.99, five: None }.is_part_of(&face)
        };
        assert!(is_part(150.0, 200.0, 240.0, 300.0) && is_part(60.0, 200.0, 200.0, 300.0));
        assert!(!is_part(380.0, 200.0, 480.0, 300.0), "behind the face's shoulder");
        assert!(!is_part(90.0, 95.0, 410.0, 490.0), "the face itself, seen in another tile");
    }
}
