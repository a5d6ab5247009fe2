//! A graph as ONNX Runtime lays it out for a processor, with operators of ours where the library has none that is as quick.
//!
//! The library keeps pictures in blocks of channels (8 or 16 side by side), for which it has convolutions and Relu, and no PRelu. What a PRelu
//! became ([`super::make_faster`]) is `Relu(x) + dw[c](x)` there too: each number is read three times and written twice, which is a quarter of the time of an
//! embedding. [`Kink`](KINK) reads and writes it once.

use std::collections::HashSet;

use prost::Message as _;

use super::boxes;
use super::index::Index;
use super::{decoded, groups, is_standard};
use crate::error::ModelsError;
use crate::onnx_proto::{ATTRIBUTE_INT, AttributeProto, GraphProto, NodeProto, OperatorSetIdProto};

/// The domain of operators of ours.
pub const DOMAIN: &str = "vultus";

/// The operator `y = max(x, 0) + c·x`, where `c` is a channel's own. Inputs: `x` in blocks of channels, and a constant with the `c` of each channel, as
/// many as `x` has. Its attribute [`BLOCK`] says how many channels are in a block.
pub const KINK: &str = "Kink";

/// The attribute of [`KINK`].
pub const BLOCK: &str = "block";

/// The domain of the library's operators on blocks of channels.
const BLOCKED: &str = "com.microsoft.nchwc";

/// Puts [`KINK`], [`super::SHARES`] and [`super::CORNERS`] where they fit into a model that ONNX Runtime has laid out with `block` channels in a block. `None` where none
/// does.
///
/// # Errors
/// [`ModelsError::NotOnnx`] when `bytes` are not an ONNX model with a graph. No bytes make it panic.
pub fn with_own_operators(bytes: &[u8], block: usize) -> Result<Option<Vec<u8>>, ModelsError> {
    let (mut model, _) = decoded(bytes)?;
    let Some(graph) = &mut model.graph else { return Ok(None) };
    let (has_kinks, has_boxes) = (place_kinks(graph, block), boxes::replace(graph));
    if !has_kinks && !has_boxes {
        return Ok(None);
    }
    if model.opset_import.iter().all(|set| set.domain.as_deref() != Some(DOMAIN)) {
        model.opset_import.push(OperatorSetIdProto { domain: Some(DOMAIN.to_owned()), version: Some(1) });
    }
    Ok(Some(model.encode_to_vec()))
}

/// Whether there were places for [`KINK`].
fn place_kinks(graph: &mut GraphProto, block: usize) -> bool {
    let index = Index::of(graph);
    let found: Vec<_> =
        (0..graph.node.len()).filter_map(|at| Some((at, relu_before(graph, &index, at, block)?))).collect();
    for (at, _) in &found {
        graph.node[*at] = kink(&graph.node[*at], block);
    }
    let spent: HashSet<usize> = found.iter().map(|(_, relu)| *relu).collect();
    let nodes = std::mem::take(&mut graph.node).into_iter().enumerate();
    graph.node = nodes.filter(|(at, _)| !spent.contains(at)).map(|(_, node)| node).collect();
    !spent.is_empty()
}

/// Where the Relu is whose output is added by node `at`, a convolution of each channel by itself, of one pixel, on the same input.
fn relu_before(graph: &GraphProto, index: &Index, at: usize, block: usize) -> Option<usize> {
    let node = &graph.node[at];
    let ([x, weights, bias, positive], [_]) = (&node.input[..], &node.output[..]) else { return None };
    let is_blocked = node.op_type.as_deref() == Some("Conv") && node.domain.as_deref() == Some(BLOCKED);
    let dims = &graph.initializer[index.initializer(weights)?].dims;
    let &[channels, 1, 1, 1] = &dims[..] else { return None };
    let channels = usize::try_from(channels).ok()?;
    let is_of_each_channel = groups(node) == Some(channels) && channels.is_multiple_of(block);
    let has_activation = node.attribute.iter().any(|attribute| attribute.name.as_deref() == Some("activation"));
    let relu = index.producer(positive)?;
    let is_relu_of_x = is_standard(&graph.node[relu], "Relu") && graph.node[relu].input.first() == Some(x);
    let fits = is_blocked && bias.is_empty() && is_of_each_channel && !has_activation && is_relu_of_x;
    (fits && index.uses(positive) == 1).then_some(relu)
}

fn kink(node: &NodeProto, block: usize) -> NodeProto {
    let attribute = AttributeProto {
        name: Some(BLOCK.to_owned()),
        r#type: Some(ATTRIBUTE_INT),
        i: Some(block as i64),
        ..AttributeProto::default()
    };
    NodeProto {
        input: node.input[..2].to_vec(),
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: Some(KINK.to_owned()),
        domain: Some(DOMAIN.to_owned()),
        attribute: vec![attribute],
        ..NodeProto::default()
    }
}
