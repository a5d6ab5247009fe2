use models::{EmbedderModel, InstalledPack};

use crate::FaceError;
use crate::geometry::{Point, Similarity};
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// A face as numbers: near for the same person, far for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// `dim` numbers (512 for the default pack) of length 1 together.
    pub vector: Vec<f32>,
    /// Length of the model's raw output: the quality of the shot (the pack's gates say what it means; on the default
    /// pack useless faces have less than 2.5, good ones more than 3.4).
    pub norm: f32,
}

/// Aligns a face to the model's template and turns it into an [`Embedding`].
#[derive(Debug)]
pub(crate) struct Embedder {
    model: Model,
    settings: EmbedderModel,
    template: FivePoints,
    input: Vec<f32>,
}

impl Embedder {
    pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let settings = installed.pack.embedder.clone();
        let model = Model::open(runtime, &installed.embedder, shape_of(&settings.input))?;
        let template = settings.template.map(|[x, y]| Point { x, y });
        Ok(Self { model, settings, template, input: Vec::new() })
    }

    /// `None` when the five points make no face, or the model gives no numbers for it: a model that overflows must not
    /// let anybody pass.
    pub(crate) fn embed(&mut self, picture: &dyn Picture, five: &FivePoints) -> Result<Option<Embedding>, FaceError> {
        let Some(to_chip) = Similarity::between(five, &self.template) else { return Ok(None) };
        picture.warp_into(&to_chip.inverse(), &self.settings.input, &mut self.input);
        let (path, dim) = (self.model.path().to_owned(), self.settings.dim);
        self.model.run(&self.input, |outputs| match outputs {
            [raw] if raw.len() == dim => Ok(normalised(raw)),
            _ => Err(Model::unexpected(&path, &format!("a model that gives {dim} numbers"))),
        })
    }
}

fn normalised(raw: &[f32]) -> Option<Embedding> {
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    (norm.is_finite() && norm > 0.0).then(|| Embedding { vector: raw.iter().map(|v| v / norm).collect(), norm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_has_length_one_and_keeps_the_raw_length_as_norm() {
        assert_eq!(normalised(&[3.0, 0.0, 4.0]), Some(Embedding { vector: vec![0.6, 0.0, 0.8], norm: 5.0 }));
    }

    #[test]
    fn a_model_that_overflows_or_says_nothing_gives_no_embedding() {
        for raw in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::MAX, f32::MAX], [0.0, 0.0]] {
            assert_eq!(normalised(&raw), None, "{raw:?}");
        }
    }
}
