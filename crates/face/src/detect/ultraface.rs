use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::Rect;
use crate::session::Model;

/// UltraFace: scores 1×N×2, of which the second is the face's, and corners 1×N×4 as shares of the input.
#[derive(Debug)]
pub(super) struct Ultraface {
    model: Model,
}

impl Ultraface {
    pub(super) fn of(model: Model) -> Result<Self, FaceError> {
        let fits = match model.outputs() {
            [scores, corners] => match (&scores.shape[..], &corners.shape[..]) {
                ([1, boxes, 2], [1, as_many, 4]) => boxes == as_many,
                _ => false,
            },
            _ => false,
        };
        model.expect(fits, "a detector of kind `ultraface` gives scores 1×N×2 and corners 1×N×4")?;
        Ok(Self { model })
    }
}

impl Detector for Ultraface {
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        self.model.run(planes, |outputs| {
            let face = |(score, corners): (&[f32], &[f32])| Detection {
                area: Rect { left: corners[0], top: corners[1], right: corners[2], bottom: corners[3] },
                score: score[1],
                five: None,
            };
            let pairs = outputs[0].chunks_exact(2).zip(outputs[1].chunks_exact(4));
            found.extend(pairs.filter(|(score, _)| score[1] > min_score).map(face));
        })
    }
}
