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
use crate::geometry::{Point, Rect};
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// The side of dlib's box, in the longer of the distances between the eyes and from their middle to that of the mouth.
///
/// From the points, because boxes of other detectors say less of where dlib's would be. On the 1,000 pairs of LFW's development set, with the
/// best threshold: 98.8 % with 2.0 and 2.3, 98.9 % with 2.6; from UltraFace's box (0.81 of its side, 0.01 to the right and 0.075 below, the mean
/// over 400 faces that dlib's HOG detector finds, too) 98.5 %.
const BOX_SIDE: f32 = 2.3;

#[derive(Debug)]
pub(super) struct DlibEmbedder {
    model: Model,
    predictor: ShapePredictor,
    settings: EmbedderModel,
    template: [Place; 5],
    /// Whether the boxes are dlib's own.
    has_own_boxes: bool,
    input: Vec<f32>,
}

impl DlibEmbedder {
    pub(super) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let settings = installed.pack.embedder.clone();
        let template = settings.template.map(|point| point.map(f64::from));
        let model = Model::open(runtime, &installed.embedder, shape_of(&settings.input))?;
        let is_one = matches!(model.outputs(), [output] if output.len() == settings.dim);
        model.expect(is_one, &format!("the pack's `dim` is {}, one output of so many numbers", settings.dim))?;
        Ok(Self {
            model,
            predictor: open_predictor(installed, template.len())?,
            settings,
            template,
            has_own_boxes: installed.pack.detector.kind == DetectorKind::Mmod,
            input: Vec::new(),
        })
    }

    /// The same, for boxes that are not dlib's own.
    pub(super) fn for_other_boxes(self) -> Self {
        Self { has_own_boxes: false, ..self }
    }

    /// The embedding of the face in dlib's box.
    fn embed_box(&mut self, picture: &dyn Picture, face: FaceBox) -> Result<Option<Embedding>, FaceError> {
        let points = points::find(&self.predictor, picture, face);
        if chip::cut(picture, &points, &self.template, &self.settings.input, &mut self.input).is_none() {
            return Ok(None);
        }
        let (dim, distance) = (self.settings.dim, self.settings.distance);
        self.model.run_as(format_args!("a model that gives {dim} numbers"), &self.input, |outputs| match outputs {
            [raw] if raw.len() == dim => Some(Embedding::of(raw, distance)),
            _ => None,
        })
    }
}

impl Embedder for DlibEmbedder {
    fn embed(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        five: &FivePoints,
    ) -> Result<Option<Embedding>, FaceError> {
        let face = if self.has_own_boxes {
            whole_box(&found.area, (picture.width(), picture.height()))
        } else {
            box_around(five)
        };
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

/// The box that dlib's HOG detector would give about a face with these points.
fn box_around(five: &FivePoints) -> FaceBox {
    let middle = |points: &[Point]| {
        let sum = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.x, sum.1 + point.y));
        Point { x: sum.0 / points.len() as f32, y: sum.1 / points.len() as f32 }
    };
    let distance = |a: Point, b: Point| (a.x - b.x).hypot(a.y - b.y);
    let [left, right, ..] = *five;
    let reach = distance(left, right).max(distance(middle(&five[..2]), middle(&five[3..]))) * BOX_SIDE / 2.0;
    let Point { x, y } = middle(five);
    pixels([x - reach, y - reach, x + reach, y + reach])
}

/// A box of dlib's own detector, in a picture of this size, to which it was clipped.
fn whole_box(area: &Rect, size: (u32, u32)) -> FaceBox {
    let Rect { left, top, right, bottom } = unclipped(area, size);
    pixels([left, top, right, bottom])
}

fn pixels(edges: [f32; 4]) -> FaceBox {
    let [left, top, right, bottom] = edges.map(|edge| edge.round() as i32);
    // Points far outside a picture make no box that could be counted in pixels.
    FaceBox { left, top, right: right.max(left), bottom: bottom.max(top) }
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
    fn a_box_of_dlibs_own_detector_is_taken_as_it_is_and_any_other_made_from_the_points() {
        let own = whole_box(&rect([100.0, 50.0, 200.0, 151.0]), (640, 480));
        assert_eq!(own, FaceBox { left: 100, top: 50, right: 200, bottom: 151 });
        let five = [(80.0, 80.0), (120.0, 80.0), (100.0, 100.0), (85.0, 120.0), (115.0, 120.0)];
        let around = box_around(&five.map(|(x, y)| Point { x, y }));
        assert_eq!(around, FaceBox { left: 54, top: 54, right: 146, bottom: 146 });
    }

    #[test]
    fn a_box_that_was_clipped_is_whole_again() {
        assert_eq!(unclipped(&rect([0.0, 20.0, 50.0, 100.0]), (640, 480)), rect([-30.0, 20.0, 50.0, 100.0]));
        assert_eq!(unclipped(&rect([600.0, 400.0, 639.0, 479.0]), (640, 480)), rect([600.0, 400.0, 679.0, 479.0]));
    }
}
