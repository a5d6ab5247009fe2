use std::collections::HashSet;

use prost::Message as _;

use super::decoded;
use crate::error::ModelsError;
use crate::onnx_proto::{Dimension, DimensionValue, GraphProto, TypeValue, ValueInfoProto};

/// Frees all sizes of the model's inputs and outputs but the second (the channels of a picture): some exporters write down those of
/// the picture that they were shown, though the network itself takes any. Sizes noted of values between are dropped, since they
/// follow from them.
///
/// # Errors
/// [`ModelsError::NotOnnx`] when `bytes` are not an ONNX model with a graph. No bytes make it panic.
pub fn free_sizes(bytes: &[u8]) -> Result<Vec<u8>, ModelsError> {
    let (mut model, _) = decoded(bytes)?;
    if let Some(graph) = &mut model.graph {
        free(graph);
    }
    Ok(model.encode_to_vec())
}

fn free(graph: &mut GraphProto) {
    // Old models list their weights as inputs too.
    let weights: HashSet<String> = graph.initializer.iter().filter_map(|tensor| tensor.name.clone()).collect();
    let is_fed = |value: &&mut ValueInfoProto| value.name.as_ref().is_none_or(|name| !weights.contains(name));
    graph.input.iter_mut().filter(is_fed).for_each(|input| free_value(input, "input"));
    graph.output.iter_mut().for_each(|output| free_value(output, "output"));
    graph.value_info.clear();
}

/// Each size gets a name of its own: values that share one would have to be of one size.
fn free_value(value: &mut ValueInfoProto, role: &str) {
    let name = value.name.clone().unwrap_or_default();
    let Some(TypeValue::Tensor(tensor)) = value.r#type.as_mut().and_then(|kind| kind.value.as_mut()) else { return };
    let sizes = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim).enumerate();
    for (axis, size) in sizes.filter(|(axis, _)| *axis != 1) {
        *size = Dimension {
            value: Some(DimensionValue::Param(format!("{role}_{name}_{axis}"))),
            denotation: size.denotation.take(),
        };
    }
}
