use models::{InstalledPack, SideModel, SideRole};

use crate::image::{Area, Picture};
use crate::session::{Model, Runtime, shape_of};
use crate::{FaceError, Rect};

/// How much of the surroundings the model looks at: the box scaled about its centre by this. It judges by what is around a face
/// (an edge of paper, a bezel) as much as by the face.
const SURROUNDINGS: f32 = 2.7;

/// Kinds of presentation that the model tells apart; the first is a living face.
const KINDS: usize = 3;

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
        let is_one = matches!(model.outputs(), [output] if output.len() == KINDS);
        model.expect(is_one, "liveness is one output of 3 numbers")?;
        Ok(Self { model, settings: settings.clone(), input: Vec::new() })
    }

    /// How much the face in `area` looks alive, 0–1: the share of the first kind in the softmax. 0 where the model gives no number:
    /// one that overflows must not let anybody pass.
    pub(crate) fn score(&mut self, picture: &dyn Picture, area: &Rect) -> Result<f32, FaceError> {
        let Some(around) = surroundings(area, (picture.width(), picture.height())) else { return Ok(0.0) };
        picture.resize_into(around, &self.settings.input, &mut self.input);
        let what = "a model that tells three kinds of presentation apart";
        self.model.run_as(what, &self.input, |outputs| match outputs {
            [logits] if logits.len() == KINDS => Some(share_of_first(logits)),
            _ => None,
        })
    }
}

fn share_of_first(logits: &[f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let share = logits.first().map_or(0.0, |first| (first - largest).exp() / sum);
    if share.is_finite() { share } else { 0.0 }
}

/// The box with its surroundings: scaled by [`SURROUNDINGS`], or by less where the picture ends before, and shifted to lie inside
/// the picture. `None` for a box without a size.
fn surroundings(area: &Rect, (width, height): (u32, u32)) -> Option<Area> {
    let (last_x, last_y) = ((width.max(1) - 1) as f32, (height.max(1) - 1) as f32);
    let (box_width, box_height) = (area.width(), area.height());
    let is_a_box = box_width >= 1.0 && box_height >= 1.0 && box_width.is_finite() && box_height.is_finite();
    if !is_a_box {
        return None;
    }
    let scale = SURROUNDINGS.min(last_x / box_width).min(last_y / box_height);
    let along = |centre: f32, side: f32, last: f32| {
        let start = (centre - side / 2.0).clamp(0.0, (last - side).max(0.0));
        let (first, end) = (start as u32, (start + side).min(last) as u32);
        (first, end - first + 1)
    };
    let centre = area.centre();
    let (left, width) = along(centre.x, box_width * scale, last_x);
    let (top, height) = along(centre.y, box_height * scale, last_y);
    Some(Area { left, top, width, height })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        Rect { left, top, right, bottom }
    }

    #[test]
    fn surroundings_are_centred_where_there_is_room_and_shifted_where_there_is_not() {
        let area = |left, top, width, height| Some(Area { left, top, width, height });
        assert_eq!(surroundings(&rect(300.0, 200.0, 400.0, 300.0), (640, 480)), area(215, 115, 271, 271));
        assert_eq!(surroundings(&rect(0.0, 0.0, 100.0, 100.0), (640, 480)), area(0, 0, 271, 271));
        assert_eq!(surroundings(&rect(540.0, 380.0, 640.0, 480.0), (640, 480)), area(369, 209, 271, 271));
        // Scaled by less: the picture is not high enough.
        assert_eq!(surroundings(&rect(200.0, 100.0, 500.0, 400.0), (640, 480)), area(110, 0, 480, 480));
        assert_eq!(surroundings(&rect(5.0, 5.0, 5.0, 9.0), (640, 480)), None);
    }

    #[test]
    fn a_model_that_overflows_says_not_alive() {
        assert!((share_of_first(&[1.0, 1.0, 1.0]) - 1.0 / 3.0).abs() < 1e-6);
        for logits in [[f32::NAN, 0.0, 0.0], [f32::INFINITY, 0.0, 0.0], [0.0, f32::INFINITY, 0.0]] {
            assert_eq!(share_of_first(&logits), 0.0, "{logits:?}");
        }
    }

    proptest! {
        #[test]
        fn surroundings_lie_inside_the_picture(
            left in -50f32..3000.0, top in -50f32..3000.0, side in 1f32..3000.0, width in 1u32..2000, height in 1u32..2000,
        ) {
            if let Some(area) = surroundings(&rect(left, top, left + side, top + side), (width, height)) {
                prop_assert!(area.width >= 1 && area.height >= 1);
                prop_assert!(area.left + area.width <= width && area.top + area.height <= height);
            }
        }
    }
}
