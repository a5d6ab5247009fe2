//! What a face is recognised by: an [`Embedding`], what makes one ([`Embedder`]), and the kinds of them.

mod chip;
mod dlib;

use std::fmt::Debug;
use std::sync::Arc;

use models::{DistanceKind, EmbedderKind, InstalledPack};

use crate::FaceError;
use crate::detect::Detection;
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::Runtime;

/// A face as numbers: near for the same person, far for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// As many numbers as the pack says (512 for the default one). Of length 1 together where they are compared by their cosine; as the model
    /// gives them where the length of the difference is the distance.
    pub vector: Vec<f32>,
    /// Length of the model's raw output: the quality of the shot (the pack's gates say what it means; on the default
    /// pack useless faces have less than 2.5, good ones more than 3.4).
    pub norm: f32,
    /// The same face by embedders of other spaces, as far as they are wanted.
    pub beside: Vec<Beside>,
}

/// A face as numbers of another space than that of the pack in use: nothing but others of that space can be compared with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// Which space.
    pub space: Arc<str>,
    /// As that space has it, like [`Embedding::vector`].
    pub vector: Vec<f32>,
}

impl Embedding {
    /// An embedding of the space in use alone.
    pub fn new(vector: Vec<f32>, norm: f32) -> Self {
        Self { vector, norm, beside: Vec::new() }
    }

    /// The same face in another space.
    pub fn in_space(&self, space: &str) -> Option<&[f32]> {
        self.beside.iter().find(|beside| &*beside.space == space).map(|beside| beside.vector.as_slice())
    }

    /// Of a model's raw output. `None` for one without a length: a model that overflows must not let anybody pass.
    pub(crate) fn of(raw: &[f32], distance: DistanceKind) -> Option<Self> {
        let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        let unit = match distance {
            DistanceKind::Cosine => norm,
            DistanceKind::L2 => 1.0,
        };
        (norm.is_finite() && norm > 0.0).then(|| Self::new(raw.iter().map(|v| v / unit).collect(), norm))
    }
}

/// A model that turns a face into an [`Embedding`].
pub(crate) trait Embedder: Debug + Send {
    /// The face that was found in the picture, with these five points. `None` when they make no face, or the model gives no numbers for it.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails, [`FaceError::Model`] when its output is not what the pack describes.
    fn embed(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        five: &FivePoints,
    ) -> Result<Option<Embedding>, FaceError>;
}

/// The pack's embedder, for faces that another pack's detector has found.
pub(crate) fn open_beside(runtime: &Runtime, installed: &InstalledPack) -> Result<Box<dyn Embedder>, FaceError> {
    Ok(match installed.pack.embedder.kind {
        EmbedderKind::Chip => Box::new(chip::ChipEmbedder::open(runtime, installed)?),
        EmbedderKind::Dlib => Box::new(dlib::DlibEmbedder::open(runtime, installed)?.for_other_boxes()),
    })
}

/// The pack's embedder.
pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Box<dyn Embedder>, FaceError> {
    Ok(match installed.pack.embedder.kind {
        EmbedderKind::Chip => Box::new(chip::ChipEmbedder::open(runtime, installed)?),
        EmbedderKind::Dlib => Box::new(dlib::DlibEmbedder::open(runtime, installed)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_has_length_one_and_keeps_the_raw_length_as_norm() {
        let of = |raw: &[f32]| Embedding::of(raw, DistanceKind::Cosine);
        assert_eq!(of(&[3.0, 0.0, 4.0]), Some(Embedding::new(vec![0.6, 0.0, 0.8], 5.0)));
    }

    #[test]
    fn where_the_difference_counts_the_numbers_stay_as_they_are() {
        let of = |raw: &[f32]| Embedding::of(raw, DistanceKind::L2);
        assert_eq!(of(&[3.0, 0.0, 4.0]), Some(Embedding::new(vec![3.0, 0.0, 4.0], 5.0)));
    }

    #[test]
    fn a_model_that_overflows_or_says_nothing_gives_no_embedding() {
        for raw in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::MAX, f32::MAX], [0.0, 0.0]] {
            assert_eq!(Embedding::of(&raw, DistanceKind::Cosine), None, "{raw:?}");
            assert_eq!(Embedding::of(&raw, DistanceKind::L2), None, "{raw:?}");
        }
    }
}
