//! The evaluation of dlib's shape predictor (`dlib/image_processing/shape_predictor.h`).

use models::dlib::{Probe, ShapePredictor, Tree};

use super::fit::{Fit, Place};
use crate::image::Picture;

/// A face's box as dlib's detectors give it: whole pixels, of which the last belong to it, and which may lie outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FaceBox {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl FaceBox {
    /// A place in the box, (0, 0) its first pixel and (1, 1) its last, in pixels of the picture.
    fn place(&self, [x, y]: Place) -> Place {
        let along = |first: i32, last: i32, share: f64| f64::from(first) + share * (f64::from(last) - f64::from(first));
        [along(self.left, self.right, x), along(self.top, self.bottom, y)]
    }

    /// The same, in whole pixels.
    fn pixel(&self, place: Place) -> [f64; 2] {
        self.place(place).map(|number| (number + 0.5).floor())
    }
}

/// Where the predictor finds its points in the picture, in whole pixels.
pub(super) fn find(predictor: &ShapePredictor, picture: &dyn Picture, face: FaceBox) -> Vec<Place> {
    let mut shape = predictor.start.clone();
    let mut seen = Vec::new();
    for stage in &predictor.stages {
        look(picture, face, &predictor.start, &shape, &stage.probes, &mut seen);
        for tree in &stage.trees {
            let moves = leaf(tree, &seen, shape.len());
            for (point, by) in shape.iter_mut().zip(moves.chunks_exact(2)) {
                *point = [point[0] + by[0], point[1] + by[1]];
            }
        }
    }
    shape.iter().map(|point| face.pixel(point.map(f64::from))).collect()
}

/// The brightness at each probe, 0–255; outside the picture 0. The probes turn and grow with the shape.
fn look(
    picture: &dyn Picture,
    face: FaceBox,
    start: &[[f32; 2]],
    shape: &[[f32; 2]],
    probes: &[Probe],
    seen: &mut Vec<f32>,
) {
    let places = |shape: &[[f32; 2]]| -> Vec<Place> { shape.iter().map(|point| point.map(f64::from)).collect() };
    let (a, b) = Fit::between(&places(start), &places(shape)).map_or((1.0, 0.0), |fit| (fit.a as f32, fit.b as f32));
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    seen.clear();
    seen.extend(probes.iter().map(|probe| {
        let ([x, y], point) = (probe.offset, shape[probe.point]);
        let [x, y] = face.pixel([a * x - b * y + point[0], b * x + a * y + point[1]].map(f64::from));
        let inside = (0.0..width).contains(&x) && (0.0..height).contains(&y);
        if inside { grey(picture.pixel(x as u32, y as u32)) } else { 0.0 }
    }));
}

/// dlib's grey: the whole part of the mean.
fn grey(pixel: [u8; 3]) -> f32 {
    let sum: u32 = pixel.into_iter().map(u32::from).sum();
    (sum / 3) as f32
}

/// The leaf to which the brightness at the probes leads.
fn leaf<'a>(tree: &'a Tree, seen: &[f32], points: usize) -> &'a [f32] {
    let mut node = 0;
    while let Some(split) = tree.splits.get(node) {
        let brighter = seen[split.first] - seen[split.second] > split.threshold;
        node = 2 * node + if brighter { 1 } else { 2 };
    }
    &tree.leaves[(node - tree.splits.len()) * points * 2..][..points * 2]
}
