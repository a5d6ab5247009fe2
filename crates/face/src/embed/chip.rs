use models::{EmbedderModel, InstalledPack};

use super::{Embedder, Embedding};
use crate::FaceError;
use crate::detect::Detection;
use crate::geometry::{Point, Similarity};
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// Aligns a face to the model's template by its five points and shows the model that chip.
#[derive(Debug)]
pub(super) struct ChipEmbedder {
    model: Model,
    settings: EmbedderModel,
    template: FivePoints,
    input: Vec<f32>,
}

impl ChipEmbedder {
    pub(super) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let settings = installed.pack.embedder.clone();
        let model = Model::open(runtime, &installed.embedder, shape_of(&settings.input))?;
        let is_one = matches!(model.outputs(), [output] if output.len() == settings.dim);
        model.expect(is_one, &format!("the pack's `dim` is {}, one output of so many numbers", settings.dim))?;
        let template = settings.template.map(|[x, y]| Point { x, y });
        Ok(Self { model, settings, template, input: Vec::new() })
    }
}

impl Embedder for ChipEmbedder {
    fn embed(
        &mut self,
        picture: &dyn Picture,
        _: &Detection,
        five: &FivePoints,
    ) -> Result<Option<Embedding>, FaceError> {
        let Some(to_chip) = Similarity::between(five, &self.template) else { return Ok(None) };
        picture.warp_into(&to_chip.inverse(), &self.settings.input, &mut self.input);
        let (dim, distance) = (self.settings.dim, self.settings.distance);
        self.model.run_as(format_args!("a model that gives {dim} numbers"), &self.input, |outputs| match outputs {
            [raw] if raw.len() == dim => Some(Embedding::of(raw, distance)),
            _ => None,
        })
    }
}
