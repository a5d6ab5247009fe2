//! Models of the C++ library dlib, read from its own file format: networks become ONNX ([`to_onnx`]), a shape predictor is read
//! as it is ([`ShapePredictor`]). Only what dlib's published face models consist of is known; anything else is refused.

mod graph;
mod layer;
mod network;
mod reader;
mod shape;

#[cfg(test)]
mod tests;

pub use self::shape::{Probe, ShapePredictor, Split, Stage, Tree};
use crate::error::ModelsError;

/// The ONNX form of the network of dlib in `bytes`: a ResNet under its metric loss, which takes pictures of one size, or a
/// detector under its max-margin loss, which takes any. It has one input, `input` (1×3×height×width, red, green and blue as
/// dlib's own input layer makes them), and one output, `output`: what the last layer below the loss gives.
///
/// # Errors
/// [`ModelsError::NotDlib`] when `bytes` are no such network. No bytes make it panic, or take more memory than a few times their own.
pub fn to_onnx(bytes: &[u8]) -> Result<Vec<u8>, ModelsError> {
    graph::of(network::read(bytes)?)
}

/// The error for bytes that are not what a model of dlib has.
fn not_dlib(problem: impl Into<String>) -> ModelsError {
    ModelsError::NotDlib { problem: problem.into() }
}
