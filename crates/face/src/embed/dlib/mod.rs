//! dlib's own way from a box to an embedding: five points by its shape predictor, a chip from a pyramid of the picture, its
//! ResNet. What comes out is what `face_recognition` and dlib give for the same box, up to the rounding of sums.

mod chip;
mod fit;
mod points;

use models::dlib::ShapePredictor;
use models::{DetectorKind, EmbedderModel, InstalledPack};

use self::fit::Place;
use self::points::FaceBox;
use super::{Embedder, Embedding};
use crate::FaceError;
use crate::detect::Detection;
use crate::geometry::Rect;
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// dlib's box of a face for the box of a detector of another kind: its side as a share of that one's longer side, and how
/// far its middle lies to the right and below, likewise.
#[derive(Clone, Copy, Debug)]
struct BoxFit {
    side: f32,
    right: f32,
    below: f32,
}

#[derive(Debug)]
pub(super) struct DlibEmbedder {
    model: Model,
    predictor: ShapePredictor,
    settings: EmbedderModel,
    template: [Place; 5],
    box_fit: BoxFit,
    input: Vec<f32>,
}

impl DlibEmbedder {
    pub(super) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let settings = installed.pack.embedder.clone();
        let template = settings.template.map(|point| point.map(f64::from));
        Ok(Self {
            model: Model::open(runtime, &installed.embedder, shape_of(&settings.input))?,
            predictor: open_predictor(installed, template.len())?,
            settings,
            template,
            box_fit: BoxFit::of(installed.pack.detector.kind),
            input: Vec::new(),
        })
    }

    /// The embedding of the face in dlib's box.
    fn embed_box(&mut self, picture: &dyn Picture, face: FaceBox) -> Result<Option<Embedding>, FaceError> {
        let points = points::find(&self.predictor, picture, face);
        if chip::cut(picture, &points, &self.template, &self.settings.input, &mut self.input).is_none() {
            return Ok(None);
        }
        let (path, dim, distance) = (self.model.path().to_owned(), self.settings.dim, self.settings.distance);
        self.model.run(&self.input, |outputs| match outputs {
            [raw] if raw.len() == dim => Ok(Embedding::of(raw, distance)),
            _ => Err(Model::unexpected(&path, &format!("a model that gives {dim} numbers"))),
        })
    }
}

impl Embedder for DlibEmbedder {
    fn embed(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        _: &FivePoints,
    ) -> Result<Option<Embedding>, FaceError> {
        let face = self.box_fit.apply(&found.area, (picture.width(), picture.height()));
        self.embed_box(picture, face)
    }
}

fn open_predictor(installed: &InstalledPack, points: usize) -> Result<ShapePredictor, FaceError> {
    let path = installed.aligner.clone().unwrap_or_default();
    let failed = |reason: String| FaceError::Model { path: path.clone(), reason };
    let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let predictor = ShapePredictor::parse(&bytes).map_err(|error| failed(error.to_string()))?;
    if predictor.start.len() == points {
        Ok(predictor)
    } else {
        Err(failed(format!("it finds {} points, and the pack has places for {points}", predictor.start.len())))
    }
}

impl BoxFit {
    /// Of the squared boxes of a detector of this kind.
    fn of(kind: DetectorKind) -> Self {
        match kind {
            // The mean over 400 faces of LFW's development set and of the package photos that dlib's HOG detector finds, too (standard
            // deviations 0.10, 0.06 and 0.05: its boxes come in steps of 20 %).
            // Other kinds draw much the same box; theirs were not measured.
            DetectorKind::Ultraface | DetectorKind::Centerface | DetectorKind::Yunet | DetectorKind::Scrfd => {
                Self { side: 0.81, right: 0.01, below: 0.075 }
            }
            DetectorKind::Mmod => Self { side: 1.0, right: 0.0, below: 0.0 },
        }
    }

    /// dlib's box for the squared box of a face in a picture of this size.
    fn apply(&self, area: &Rect, size: (u32, u32)) -> FaceBox {
        let area = unclipped(area, size);
        let (width, height, centre) = (area.width(), area.height(), area.centre());
        let (x, y) = (centre.x + self.right * width, centre.y + self.below * height);
        let (across, down) = (self.side * width / 2.0, self.side * height / 2.0);
        let edge = |place: f32| place.round() as i32;
        FaceBox { left: edge(x - across), top: edge(y - down), right: edge(x + across), bottom: edge(y + down) }
    }
}

/// The square that was clipped to a picture of this size: it goes on beyond the edge that it touches.
fn unclipped(area: &Rect, (width, height): (u32, u32)) -> Rect {
    let side = area.width().max(area.height());
    let along = |first: f32, last: f32, len: u32| {
        let (at_start, at_end) = (first <= 0.0, last >= len as f32 - 1.0);
        let missing = side - (last - first);
        match (at_start, at_end) {
            (true, true) => (first - missing / 2.0, last + missing / 2.0),
            (true, false) => (first - missing, last),
            (false, true) => (first, last + missing),
            (false, false) => (first, last),
        }
    };
    let ((left, right), (top, bottom)) = (along(area.left, area.right, width), along(area.top, area.bottom, height));
    Rect { left, top, right, bottom }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect([left, top, right, bottom]: [f32; 4]) -> Rect {
        Rect { left, top, right, bottom }
    }

    #[test]
    fn a_box_of_dlibs_own_detector_is_taken_as_it_is_and_one_of_another_kind_made_smaller() {
        let area = rect([100.0, 50.0, 200.0, 150.0]);
        let own = BoxFit::of(DetectorKind::Mmod).apply(&area, (640, 480));
        assert_eq!(own, FaceBox { left: 100, top: 50, right: 200, bottom: 150 });
        let fitted = BoxFit::of(DetectorKind::Ultraface).apply(&area, (640, 480));
        assert_eq!(fitted, FaceBox { left: 111, top: 67, right: 192, bottom: 148 });
    }

    #[test]
    fn a_box_that_was_clipped_is_whole_again() {
        assert_eq!(unclipped(&rect([0.0, 20.0, 50.0, 100.0]), (640, 480)), rect([-30.0, 20.0, 50.0, 100.0]));
        assert_eq!(unclipped(&rect([600.0, 400.0, 639.0, 479.0]), (640, 480)), rect([600.0, 400.0, 679.0, 479.0]));
    }
}
