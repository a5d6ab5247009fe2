//! Rewrites of ONNX graphs that keep a model's outputs: one that makes it faster, one that frees its sizes, and one of what ONNX Runtime has laid out for a
//! processor (see [`layout`]).
//!
//! Faster is a model without dead channels (see [`prune`]), and without PRelu. PRelu keeps ONNX Runtime from its fast convolution layout, Relu and Conv do not. With `a` the slope of a channel and
//! `dw[c]` a depthwise 1×1 convolution with weights `c`, `y = PRelu(x)` is one of
//!
//! - **folded**: `Relu(x′) + dw[a/(1−a)](x′)` with `x′ = |1−a|·x`, the factor going into the convolution that makes `x`.
//!   Where `a > 1` this is −y, so the convolution that takes `y` gets that input channel negated;
//! - **plain**: `Relu(x) + dw[−a](Relu(dw[−1](x)))`, where the neighbours allow no folding or `a` is nearly 1.
//!
//! A PRelu that fits neither (slopes that are shared or computed, no channel axis) stays as it is.

mod boxes;
mod index;
mod layout;
mod prune;
mod quantize;
mod sizes;
mod tensor;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use prost::Message as _;

pub use self::boxes::{ANCHOR, CORNERS, SHARES};
use self::index::Index;
pub use self::layout::{BLOCK, DOMAIN, KINK, with_own_operators};
pub use self::quantize::{Seen, observable, quantized};
pub use self::sizes::free_sizes;
use crate::error::ModelsError;
use crate::onnx_proto::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, Dimension, DimensionValue, FLOAT, GraphProto, ModelProto, NodeProto,
    TensorProto, TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};

/// Slopes nearer to 1 than this are not folded: a/(1−a) would grow until rounding shows.
const NEARLY_ONE: f64 = 1e-3;

/// Convolutions on f32 compute so many channels at once.
const LANES: usize = 8;

/// Before this IR version every initializer must also be listed among the graph's inputs.
const IR_WITHOUT_INITIALIZER_INPUTS: i64 = 4;

/// Removes the channels of the ONNX model in `bytes` that bring nothing, replaces each PRelu by Relu and depthwise convolutions, and
/// returns the new model. Its outputs are those of the original up to rounding, its inputs and outputs keep their names. A model in
/// which there is nothing of this comes back as it is.
///
/// # Errors
/// [`ModelsError::NotOnnx`] when `bytes` are not an ONNX model with a graph. No bytes make it panic.
pub fn make_faster(bytes: &[u8]) -> Result<Vec<u8>, ModelsError> {
    let (mut model, ir_version) = decoded(bytes)?;
    let Some(graph) = &mut model.graph else { return Ok(bytes.to_vec()) };
    let pruned = prune::prune(graph, LANES);
    let replaced = replace_prelus(graph, ir_version < IR_WITHOUT_INITIALIZER_INPUTS);
    Ok(if pruned || replaced { model.encode_to_vec() } else { bytes.to_vec() })
}

/// Whether `bytes` are an ONNX model with a graph.
pub fn is_onnx(bytes: &[u8]) -> bool {
    decoded(bytes).is_ok()
}

/// The model in `bytes`, which has a graph, and its IR version.
fn decoded(bytes: &[u8]) -> Result<(ModelProto, i64), ModelsError> {
    let not_onnx = |problem: String| ModelsError::NotOnnx { problem };
    let model = ModelProto::decode(bytes).map_err(|error| not_onnx(error.to_string()))?;
    let ir_version = model.ir_version.ok_or_else(|| not_onnx("it states no IR version".to_owned()))?;
    if model.graph.as_ref().is_none_or(|graph| graph.node.is_empty()) {
        return Err(not_onnx("it has no graph".to_owned()));
    }
    Ok((model, ir_version))
}

/// Whether any PRelu was replaced.
fn replace_prelus(graph: &mut GraphProto, list_initializers_as_inputs: bool) -> bool {
    let mut rewriter = Rewriter { index: Index::of(graph), graph, list_initializers_as_inputs, spent: Vec::new() };
    // All are decided before a node moves: each looks at the nodes around it.
    let replacements: Vec<_> = (0..rewriter.graph.node.len()).map(|at| rewriter.replacement(at)).collect();
    let spent = rewriter.spent;
    let nodes = std::mem::take(&mut graph.node).into_iter().zip(replacements);
    graph.node = nodes.flat_map(|(node, replacement)| replacement.unwrap_or_else(|| vec![node])).collect();
    remove_initializers(graph, &spent);
    !spent.is_empty()
}

fn remove_initializers(graph: &mut GraphProto, names: &[String]) {
    let spent: HashSet<&str> = names.iter().map(String::as_str).collect();
    let kept = |name: &Option<String>| !spent.contains(name.as_deref().unwrap_or_default());
    graph.initializer.retain(|tensor| kept(&tensor.name));
    graph.input.retain(|input| kept(&input.name));
}

struct Rewriter<'a> {
    graph: &'a mut GraphProto,
    index: Index,
    list_initializers_as_inputs: bool,
    /// Slopes of the PRelus that are gone.
    spent: Vec<String>,
}

/// A PRelu that can be replaced: the names around it and its slopes, one a channel.
struct Prelu {
    x: String,
    y: String,
    slopes: Vec<f64>,
}

/// The convolutions around a PRelu that can take its factors: places of their initializers.
struct Neighbours {
    weights_before: usize,
    bias_before: Option<usize>,
    /// The weights after it and that convolution's number of groups; only where channels come out negated.
    after: Option<(usize, usize)>,
}

impl Rewriter<'_> {
    /// The nodes that take the place of node `at`, or none where it stays.
    fn replacement(&mut self, at: usize) -> Option<Vec<NodeProto>> {
        let prelu = self.prelu(at)?;
        self.spent.push(self.graph.node[at].input[1].clone());
        Some(match self.foldable(&prelu) {
            Some(neighbours) => self.folded(&prelu, &neighbours),
            None => self.plain(&prelu),
        })
    }

    fn prelu(&self, at: usize) -> Option<Prelu> {
        let node = &self.graph.node[at];
        let ([x, slope], [y]) = (&node.input[..], &node.output[..]) else { return None };
        if !is_standard(node, "PRelu") || x == slope {
            return None;
        }
        let slope = &self.graph.initializer[self.index.own_initializer(slope)?];
        let &[channels, 1, 1] = &slope.dims[..] else { return None };
        // One slope for all channels looks the same as one channel: only the convolution before tells them apart.
        if channels == 1 && self.channels_of(x) != Some(1) {
            return None;
        }
        let slopes = tensor::floats(slope)?;
        slopes.iter().all(|a| a.is_finite()).then(|| Prelu {
            x: x.clone(),
            y: y.clone(),
            slopes: slopes.into_iter().map(f64::from).collect(),
        })
    }

    /// How many channels the value has, where a convolution makes it.
    fn channels_of(&self, value: &str) -> Option<i64> {
        let conv = &self.graph.node[self.index.producer(value)?];
        let weights = &self.graph.initializer[self.index.initializer(conv.input.get(1)?)?];
        weights.dims.first().copied().filter(|_| is_standard(conv, "Conv"))
    }

    fn foldable(&self, prelu: &Prelu) -> Option<Neighbours> {
        if prelu.slopes.iter().any(|a| (1.0 - a).abs() < NEARLY_ONE) || self.index.uses(&prelu.x) != 1 {
            return None;
        }
        let conv = &self.graph.node[self.index.producer(&prelu.x)?];
        let weights_before = self.conv_weights(conv)?;
        let bias_before = match conv.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => Some(self.index.own_initializer(name)?),
            None => None,
        };
        let channels = prelu.slopes.len();
        let fits = |at: usize| {
            let dims = tensor::sizes(&self.graph.initializer[at]);
            dims.is_some_and(|dims| dims[0] == channels) && tensor::floats(&self.graph.initializer[at]).is_some()
        };
        if !fits(weights_before) || !bias_before.is_none_or(fits) {
            return None;
        }
        let negates = prelu.slopes.iter().any(|&a| a > 1.0);
        let after = if negates { Some(self.convolution_after(prelu)?) } else { None };
        Some(Neighbours { weights_before, bias_before, after })
    }

    /// The initializer that alone feeds the weights of a two-dimensional convolution.
    fn conv_weights(&self, conv: &NodeProto) -> Option<usize> {
        let at = self.index.own_initializer(conv.input.get(1)?)?;
        (is_standard(conv, "Conv") && tensor::sizes(&self.graph.initializer[at])?.len() == 4).then_some(at)
    }

    fn convolution_after(&self, prelu: &Prelu) -> Option<(usize, usize)> {
        if self.index.uses(&prelu.y) != 1 {
            return None;
        }
        let conv = &self.graph.node[self.index.consumer(&prelu.y)?];
        if conv.input.first() != Some(&prelu.y) {
            return None;
        }
        let weights = self.conv_weights(conv)?;
        let groups = groups(conv)?;
        let dims = tensor::sizes(&self.graph.initializer[weights])?;
        let fits = groups > 0 && dims[0] % groups == 0 && dims[1].checked_mul(groups) == Some(prelu.slopes.len());
        (fits && tensor::floats(&self.graph.initializer[weights]).is_some()).then_some((weights, groups))
    }

    fn folded(&mut self, prelu: &Prelu, neighbours: &Neighbours) -> Vec<NodeProto> {
        let factors: Vec<f64> = prelu.slopes.iter().map(|a| (1.0 - a).abs()).collect();
        for at in [Some(neighbours.weights_before), neighbours.bias_before].into_iter().flatten() {
            tensor::scale_outputs(&mut self.graph.initializer[at], &factors);
        }
        if let Some((weights, groups)) = neighbours.after {
            let signs: Vec<f64> = prelu.slopes.iter().map(|&a| if a > 1.0 { -1.0 } else { 1.0 }).collect();
            tensor::scale_inputs(&mut self.graph.initializer[weights], groups, &signs);
        }
        let linear = self.fresh_name(&prelu.y, "linear");
        let positive = self.fresh_name(&prelu.y, "positive");
        vec![
            relu(&prelu.x, &positive),
            self.depthwise(&prelu.x, &linear, prelu.slopes.iter().map(|a| a / (1.0 - a))),
            add(&positive, &linear, &prelu.y),
        ]
    }

    fn plain(&mut self, prelu: &Prelu) -> Vec<NodeProto> {
        let positive = self.fresh_name(&prelu.y, "positive");
        let mirrored = self.fresh_name(&prelu.y, "mirrored");
        let negative = self.fresh_name(&prelu.y, "negative");
        let sloped = self.fresh_name(&prelu.y, "sloped");
        vec![
            relu(&prelu.x, &positive),
            self.depthwise(&prelu.x, &mirrored, prelu.slopes.iter().map(|_| -1.0)),
            relu(&mirrored, &negative),
            self.depthwise(&negative, &sloped, prelu.slopes.iter().map(|a| -a)),
            add(&positive, &sloped, &prelu.y),
        ]
    }

    /// A 1×1 convolution that multiplies each channel by its factor.
    fn depthwise(&mut self, x: &str, y: &str, factors: impl ExactSizeIterator<Item = f64>) -> NodeProto {
        let channels = factors.len() as i64;
        let weights = self.fresh_name(y, "weights");
        let factors: Vec<f32> = factors.map(|factor| factor as f32).collect();
        self.add_initializer(tensor::new(&weights, &[channels, 1, 1, 1], &factors));
        let mut node = operation("Conv", &[x, &weights], y);
        node.attribute = depthwise_attributes(channels);
        node
    }

    fn add_initializer(&mut self, tensor: TensorProto) {
        if self.list_initializers_as_inputs {
            self.graph.input.push(input_of(&tensor));
        }
        self.graph.initializer.push(tensor);
    }

    fn fresh_name(&mut self, value: &str, part: &str) -> String {
        self.index.fresh_name(&format!("{value}/{part}"))
    }
}

/// The attributes of a 1×1 convolution of each channel by itself.
fn depthwise_attributes(channels: i64) -> Vec<AttributeProto> {
    let group = AttributeProto { r#type: Some(ATTRIBUTE_INT), i: Some(channels), ..AttributeProto::default() };
    let kernel = AttributeProto { r#type: Some(ATTRIBUTE_INTS), ints: vec![1, 1], ..AttributeProto::default() };
    vec![
        AttributeProto { name: Some("group".to_owned()), ..group },
        AttributeProto { name: Some("kernel_shape".to_owned()), ..kernel },
    ]
}

fn is_standard(node: &NodeProto, operator: &str) -> bool {
    let domain = node.domain.as_deref().unwrap_or_default();
    node.op_type.as_deref() == Some(operator) && (domain.is_empty() || domain == "ai.onnx")
}

/// In how many groups of channels a convolution works.
fn groups(conv: &NodeProto) -> Option<usize> {
    let group = conv.attribute.iter().find(|attribute| attribute.name.as_deref() == Some("group"));
    usize::try_from(group.map_or(1, |attribute| attribute.i.unwrap_or(0))).ok()
}

fn operation(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

fn relu(x: &str, y: &str) -> NodeProto {
    operation("Relu", &[x], y)
}

fn add(a: &str, b: &str, y: &str) -> NodeProto {
    operation("Add", &[a, b], y)
}

fn input_of(tensor: &TensorProto) -> ValueInfoProto {
    let dim = |&size: &i64| Dimension { value: Some(DimensionValue::Value(size)), denotation: None };
    let shape = TensorShapeProto { dim: tensor.dims.iter().map(dim).collect() };
    let value = TypeValue::Tensor(TensorType { elem_type: Some(FLOAT), shape: Some(shape) });
    ValueInfoProto {
        name: tensor.name.clone(),
        r#type: Some(TypeProto { value: Some(value), denotation: None }),
        ..ValueInfoProto::default()
    }
}
