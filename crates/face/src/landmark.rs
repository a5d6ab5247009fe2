use std::path::Path;

use models::LandmarkModel;

use crate::FaceError;
use crate::detect::Detection;
use crate::geometry::Point;
use crate::image::Picture;
use crate::session::{Model, Runtime, shape_of};

/// Left eye, right eye, nose tip, left and right mouth corner, as seen in the picture; pixels of the full picture.
pub type FivePoints = [Point; 5];

/// How far the head is turned to a side, in degrees: 0 is frontal, + is turned to the picture's left; within ±90. From where the
/// nose stands between the eyes: −84·x + 1 with x along the eyes' axis as a share of their distance (fitted to a pose model on
/// LFW, correlation 0.96).
pub fn yaw(five: &FivePoints) -> f32 {
    let [left, right, nose, ..] = five;
    let (dx, dy) = (right.x - left.x, right.y - left.y);
    let square = dx * dx + dy * dy;
    if square < 1.0 {
        // The eyes coincide: seen from the side, if it is a face at all.
        return 90.0;
    }
    let (mx, my) = ((left.x + right.x) / 2.0, (left.y + right.y) / 2.0);
    let x = ((nose.x - mx) * dx + (nose.y - my) * dy) / square;
    (-84.0 * x + 1.0).clamp(-90.0, 90.0)
}

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
    pub(crate) fn open(runtime: &Runtime, settings: &LandmarkModel, path: &Path) -> Result<Self, FaceError> {
        let model = Model::open(runtime, path, shape_of(&settings.input))?;
        let is_one = matches!(model.outputs(), [output] if output.len() == POINTS * 2);
        model.expect(is_one, "landmarks of kind `points68` are one output of 136 numbers")?;
        Ok(Self { model, settings: settings.clone(), input: Vec::new() })
    }

    pub(crate) fn find(&mut self, picture: &dyn Picture, face: &Detection) -> Result<FivePoints, FaceError> {
        picture.resize_into(face.pixels(), &self.settings.input, &mut self.input);
        let to_picture = |x: f32, y: f32| Point {
            x: face.area.left + x * face.area.width(),
            y: face.area.top + y * face.area.height(),
        };
        self.model.run_as("a model that gives 68 points", &self.input, |outputs| match outputs {
            [points] if points.len() == POINTS * 2 => Some(FIVE_FROM_68.map(|group| {
                let n = group.len() as f32;
                to_picture(
                    group.iter().map(|&i| points[2 * i]).sum::<f32>() / n,
                    group.iter().map(|&i| points[2 * i + 1]).sum::<f32>() / n,
                )
            })),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(nose_x: f32) -> FivePoints {
        [(40.0, 50.0), (80.0, 50.0), (nose_x, 70.0), (45.0, 90.0), (75.0, 90.0)].map(|(x, y)| Point { x, y })
    }

    #[test]
    fn a_nose_between_the_eyes_is_a_frontal_face_and_one_near_an_eye_a_turned_one() {
        assert!(yaw(&face(60.0)).abs() < 2.0);
        assert!(yaw(&face(40.0)) > 35.0);
        assert!(yaw(&face(80.0)) < -35.0);
        assert_eq!(yaw(&face(500.0)), -90.0);
    }

    #[test]
    fn points_that_coincide_are_no_frontal_face() {
        assert_eq!(yaw(&[Point::default(); 5]), 90.0);
    }
}
