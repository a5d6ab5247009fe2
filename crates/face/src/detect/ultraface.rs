use models::InstalledPack;

use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::Rect;
use crate::session::{Model, Runtime, shape_of};

/// UltraFace: scores 1×N×2, of which the second is the face's, and corners 1×N×4 as shares of the input.
#[derive(Debug)]
pub(super) struct Ultraface {
    model: Model,
}

impl Ultraface {
    pub(super) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let shape = shape_of(&installed.pack.detector.input);
        Ok(Self { model: Model::open(runtime, &installed.detector, shape)? })
    }
}

impl Detector for Ultraface {
    fn look(&mut self, planes: &[f32], min_score: f32) -> Result<Vec<Detection>, FaceError> {
        let path = self.model.path().to_owned();
        self.model.run(planes, |outputs| {
            let [scores, boxes] = outputs else {
                return Err(Model::unexpected(&path, "a model that gives scores and boxes"));
            };
            if boxes.len() != scores.len() * 2 {
                return Err(Model::unexpected(&path, "a model that gives two scores and four corners a box"));
            }
            let face = |(score, corners): (&[f32], &[f32])| Detection {
                area: Rect { left: corners[0], top: corners[1], right: corners[2], bottom: corners[3] },
                score: score[1],
                five: None,
            };
            let pairs = scores.chunks_exact(2).zip(boxes.chunks_exact(4));
            Ok(pairs.filter(|(score, _)| score[1] > min_score).map(face).collect())
        })
    }
}
