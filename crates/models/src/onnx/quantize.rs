//! A network in eight bits, as ONNX Runtime is fast with it: activations of 0–255, weights of −127–127 with a scale a channel.
//!
//! For networks of convolutions, PRelu and sums alone. The first block and the last two dense convolutions stay f32, where little time is
//! spent and much is lost. Before anything is rounded the channels are brought to about the same size: PRelu lets a positive
//! factor pass, so what a convolution makes may be scaled if the next one takes that back. With `a` the slope, `PRelu(x)` is `max(x, a·x)`
//! where `a ≤ 1`; where it is larger the channel is negated, and then so it is there. On bytes that is one cheap step and rounds nothing.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use prost::Message as _;

use super::index::Index;
use super::{depthwise_attributes, groups, is_standard, operation, prune, replace_prelus, tensor};
use crate::onnx_proto::{
    FLOAT, GraphProto, INT8, INT32, ModelProto, NodeProto, OperatorSetIdProto, TensorType, TypeProto, TypeValue, UINT8,
    ValueInfoProto,
};

/// What each channel of a value was seen to be: the least and the largest number.
pub type Seen = Vec<(f32, f32)>;

/// Convolutions on bytes compute so many channels at once.
const LANES: usize = 16;

/// A few faces do not show all that others will: ranges are so much wider than what was seen.
const MARGIN: f32 = 1.2;

/// A channel is taken to be no smaller than this share of the largest one.
const LEAST_SHARE: f64 = 1e-3;

/// The operators' versions that have what is needed, and the file format's.
const OPERATORS: i64 = 13;
const IR: i64 = 7;

/// The f32 network in `bytes` with all that [`quantized`] must know as its outputs.
///
/// # Errors
/// Why there is no int8 form of it.
pub fn observable(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (mut model, mut graph) = prepared(bytes)?;
    graph.output = observed(&graph).into_iter().map(any_size).collect();
    model.graph = Some(graph);
    Ok(model.encode_to_vec())
}

/// The int8 form of the network in `bytes`: `seen` is what the outputs of [`observable`] were, in their order.
///
/// # Errors
/// Why there is none.
pub fn quantized(bytes: &[u8], seen: &[Seen]) -> Result<Vec<u8>, String> {
    let (mut model, mut graph) = prepared(bytes)?;
    let names = observed(&graph);
    if names.len() != seen.len() {
        return Err(format!("{} values were seen and not {}", seen.len(), names.len()));
    }
    let mut seen: HashMap<String, Seen> = names.into_iter().zip(seen.iter().cloned()).collect();
    let bytes_from = region(&graph)?;
    equalise(&mut graph, &bytes_from, &mut seen)?;
    let mut writer = Writer::of(&graph, bytes_from, &seen)?;
    writer.write(&graph)?;
    graph.node = writer.nodes;
    graph.initializer.append(&mut writer.initializers);
    replace_prelus(&mut graph, false);
    forget_unused(&mut graph);
    model.opset_import.push(OperatorSetIdProto { domain: Some(MICROSOFT.to_owned()), version: Some(1) });
    model.graph = Some(graph);
    Ok(model.encode_to_vec())
}

const MICROSOFT: &str = "com.microsoft";

fn prepared(bytes: &[u8]) -> Result<(ModelProto, GraphProto), String> {
    let (mut model, ir) = super::decoded(bytes).map_err(|error| error.to_string())?;
    let mut graph = model.graph.take().ok_or("it has no graph")?;
    let known = |node: &NodeProto| ["Conv", "PRelu", "Add", "Reshape"].iter().any(|name| is_standard(node, name));
    if graph.node.iter().any(|node| node.input.len() < 2 || node.output.len() != 1) {
        return Err("a node lacks an input or an output".to_owned());
    }
    if let Some(node) = graph.node.iter().find(|node| !known(node)) {
        return Err(format!("it has a {}", node.op_type.as_deref().unwrap_or("node without a name")));
    }
    prune::prune(&mut graph, LANES);
    let initializers: HashSet<_> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    graph.input.retain(|input| !initializers.contains(&input.name));
    graph.value_info.clear();
    model.ir_version = Some(ir.max(IR));
    model.opset_import.retain(|set| set.domain.as_deref().is_some_and(|domain| !domain.is_empty()));
    model.opset_import.push(OperatorSetIdProto { domain: None, version: Some(OPERATORS) });
    Ok((model, graph))
}

/// The values that are looked at.
fn observed(graph: &GraphProto) -> Vec<String> {
    let nodes = graph.node.iter().filter(|node| !is_standard(node, "Reshape"));
    nodes.flat_map(|node| node.output.iter().cloned()).collect()
}

fn any_size(name: String) -> ValueInfoProto {
    let value = TypeValue::Tensor(TensorType { elem_type: Some(FLOAT), shape: None });
    ValueInfoProto {
        name: Some(name),
        r#type: Some(TypeProto { value: Some(value), denotation: None }),
        ..ValueInfoProto::default()
    }
}

/// Which nodes work on bytes: from the second dense convolution to the last but two.
fn region(graph: &GraphProto) -> Result<Range<usize>, String> {
    let is_dense = |at: &usize| is_standard(&graph.node[*at], "Conv") && groups(&graph.node[*at]) == Some(1);
    let dense: Vec<usize> = (0..graph.node.len()).filter(is_dense).collect();
    let [_, from, .., to, _] = dense[..] else { return Err("it is too small".to_owned()) };
    if graph.node[from..to].iter().any(|node| is_standard(node, "Reshape")) {
        return Err("it changes shapes on its way".to_owned());
    }
    Ok(from..to)
}

/// Scales channels so that those of a value are about as large, without a change of what the graph computes.
fn equalise(graph: &mut GraphProto, bytes: &Range<usize>, seen: &mut HashMap<String, Seen>) -> Result<(), String> {
    let index = Index::of(graph);
    for values in scaled_together(graph) {
        let Some(group) = Group::of(graph, values, bytes)? else { continue };
        let factors = group.factors(graph, &index, seen)?;
        group.scale(graph, &index, &factors)?;
        for value in &group.values {
            for ((low, high), factor) in seen.get_mut(value).into_iter().flatten().zip(&factors) {
                let ends = [*low * *factor as f32, *high * *factor as f32];
                (*low, *high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            }
        }
    }
    Ok(())
}

/// The values of the graph by groups whose channels can be scaled only together: those before and after PRelu, and of a sum.
fn scaled_together(graph: &GraphProto) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for node in graph.node.iter().filter(|node| !is_standard(node, "Reshape")) {
        let inputs = if is_standard(node, "Conv") { &[] } else { &node.input[..] };
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|value| inputs.contains(value)));
        joined.push(node.output.clone());
        groups = apart;
        groups.push(joined.concat());
    }
    groups
}

/// Values that are scaled together, and the places of the nodes around them.
struct Group {
    values: Vec<String>,
    makers: Vec<usize>,
    takers: Vec<usize>,
    /// The slopes of a PRelu on bytes, whose channels with a slope above 1 are negated.
    slopes: Option<Vec<f32>>,
}

impl Group {
    /// None where it cannot be scaled, and need not.
    fn of(graph: &GraphProto, values: Vec<String>, bytes: &Range<usize>) -> Result<Option<Self>, String> {
        let nodes = || graph.node.iter().enumerate();
        let is_conv = |node: &NodeProto| is_standard(node, "Conv");
        let takes = |node: &NodeProto| node.input.first().is_some_and(|x| values.contains(x));
        let makes = |node: &NodeProto| node.output.iter().any(|y| values.contains(y));
        let makers = nodes().filter(|(_, node)| is_conv(node) && makes(node)).map(|(at, _)| at).collect();
        let takers: Vec<_> = nodes().filter(|(_, node)| is_conv(node) && takes(node)).map(|(at, _)| at).collect();
        let prelu = nodes().find(|(at, node)| is_standard(node, "PRelu") && makes(node) && bytes.contains(at));
        let slopes = prelu.map(|(_, node)| floats_of(graph, &node.input[1])).transpose()?;
        let is_output = graph.output.iter().filter_map(|output| output.name.as_ref()).any(|name| values.contains(name));
        let leaves = is_output || nodes().any(|(_, node)| is_standard(node, "Reshape") && takes(node));
        let negates = slopes.iter().flatten().any(|slope| *slope > 1.0);
        if negates && (values.len() != 2 || leaves || takers.is_empty()) {
            return Err("a slope above 1 cannot be turned".to_owned());
        }
        let can = !leaves && !takers.is_empty();
        Ok(can.then_some(Self { values, makers, takers, slopes }))
    }

    /// What each channel is multiplied by: to the same size before depthwise convolutions, and half of that, the other half left to the
    /// weights, before dense ones.
    fn factors(&self, graph: &GraphProto, index: &Index, seen: &HashMap<String, Seen>) -> Result<Vec<f64>, String> {
        let of = |value: &String| seen.get(value).ok_or("a value was not seen");
        let mut sizes = vec![0.0_f64; of(&self.values[0])?.len()];
        for value in &self.values {
            let value = of(value)?;
            same_length(value.len(), sizes.len())?;
            for (size, (low, high)) in sizes.iter_mut().zip(value) {
                *size = size.max(f64::from(low.abs().max(high.abs())));
            }
        }
        let mut taken = vec![0.0_f64; sizes.len()];
        let dense = self.takers.iter().filter(|at| groups(&graph.node[**at]) == Some(1));
        for at in dense.clone() {
            let largest = tensor::largest(&graph.initializer[weights(graph, index, *at)?], 1);
            same_length(largest.len(), taken.len())?;
            taken.iter_mut().zip(largest).for_each(|(taken, weight)| *taken = taken.max(f64::from(weight)));
        }
        let (sizes, taken) = (lifted(&sizes), lifted(&taken));
        let balanced = |(size, taken): (&f64, &f64)| (taken / size).sqrt();
        let mut factors: Vec<f64> = match dense.count() {
            0 => sizes.iter().map(|size| 1.0 / size).collect(),
            _ => sizes.iter().zip(&taken).map(balanced).collect(),
        };
        let middle = (factors.iter().map(|factor| factor.ln()).sum::<f64>() / factors.len() as f64).exp();
        factors.iter_mut().for_each(|factor| *factor /= middle);
        if let Some(slopes) = &self.slopes {
            same_length(slopes.len(), factors.len())?;
            factors
                .iter_mut()
                .zip(slopes)
                .filter(|(_, slope)| **slope > 1.0)
                .for_each(|(factor, _)| *factor = -*factor);
        }
        factors
            .iter()
            .all(|factor| factor.is_finite())
            .then_some(factors)
            .ok_or("it has numbers without end".to_owned())
    }

    fn scale(&self, graph: &mut GraphProto, index: &Index, factors: &[f64]) -> Result<(), String> {
        for &at in &self.makers {
            let bias = bias(graph, index, at)?;
            for at in [Some(weights(graph, index, at)?), bias].into_iter().flatten() {
                same_length(graph.initializer[at].dims[0] as usize, factors.len())?;
                tensor::scale_outputs(&mut graph.initializer[at], factors);
            }
        }
        let back: Vec<f64> = factors.iter().map(|factor| 1.0 / factor).collect();
        for &at in &self.takers {
            let place = weights(graph, index, at)?;
            let (outputs, inputs) =
                (graph.initializer[place].dims[0] as usize, graph.initializer[place].dims[1] as usize);
            let groups = groups(&graph.node[at]).filter(|groups| *groups > 0 && outputs % groups == 0);
            let groups = groups.ok_or("a convolution's groups do not fit its channels")?;
            let weights = &mut graph.initializer[place];
            same_length(inputs * groups, factors.len())?;
            tensor::scale_inputs(weights, groups, &back);
        }
        Ok(())
    }
}

/// All at least [`LEAST_SHARE`] of the largest, and none zero.
fn lifted(sizes: &[f64]) -> Vec<f64> {
    let largest = sizes.iter().fold(0.0_f64, |largest, size| largest.max(*size));
    sizes.iter().map(|size| if largest > 0.0 { size.max(largest * LEAST_SHARE) } else { 1.0 }).collect()
}

fn same_length(found: usize, wanted: usize) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{found} channels meet {wanted}")) }
}

/// The place of a convolution's weights, where they are its own, four-dimensional and readable.
fn weights(graph: &GraphProto, index: &Index, at: usize) -> Result<usize, String> {
    let name = graph.node[at].input.get(1);
    let own = name.and_then(|name| index.own_initializer(name)).filter(|at| {
        let tensor = &graph.initializer[*at];
        tensor.dims.len() == 4 && tensor::floats(tensor).is_some()
    });
    own.ok_or_else(|| "weights are shared or cannot be read".to_owned())
}

fn bias(graph: &GraphProto, index: &Index, at: usize) -> Result<Option<usize>, String> {
    let Some(name) = graph.node[at].input.get(2).filter(|name| !name.is_empty()) else { return Ok(None) };
    let own = index.own_initializer(name).filter(|at| tensor::floats(&graph.initializer[*at]).is_some());
    own.map(Some).ok_or_else(|| "a bias is shared or cannot be read".to_owned())
}

fn floats_of(graph: &GraphProto, name: &str) -> Result<Vec<f32>, String> {
    let found = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name));
    found.and_then(tensor::floats).ok_or_else(|| format!("{name} cannot be read"))
}

/// How bytes stand for numbers: `scale · (byte − zero)`.
#[derive(Clone, Copy)]
struct Grid {
    scale: f32,
    zero: u8,
}

impl Grid {
    /// That holds all that was seen, and zero.
    fn over<'a>(seen: impl Iterator<Item = &'a (f32, f32)>) -> Self {
        let (low, high) = seen.fold((0.0_f32, 0.0_f32), |(low, high), seen| (low.min(seen.0), high.max(seen.1)));
        let (low, high) = (low * MARGIN, high * MARGIN);
        let scale = ((high - low) / 255.0).max(1e-9);
        Self { scale, zero: (-low / scale).round() as u8 }
    }
}

/// Writes the nodes anew, those in the middle on bytes.
struct Writer {
    bytes: Range<usize>,
    grids: HashMap<String, Grid>,
    /// Values that there are as bytes, and those that there are as numbers.
    as_bytes: HashSet<String>,
    as_numbers: HashSet<String>,
    nodes: Vec<NodeProto>,
    initializers: Vec<crate::onnx_proto::TensorProto>,
}

impl Writer {
    fn of(graph: &GraphProto, bytes: Range<usize>, seen: &HashMap<String, Seen>) -> Result<Self, String> {
        let index = Index::of(graph);
        let mut grids: HashMap<_, _> =
            seen.iter().map(|(value, seen)| (value.clone(), Grid::over(seen.iter()))).collect();
        for node in graph.node[bytes.clone()].iter().filter(|node| is_standard(node, "PRelu")) {
            let (x, y) = (&node.input[0], &node.output[0]);
            if index.uses(x) != 1 {
                return Err("what goes into a PRelu goes elsewhere, too".to_owned());
            }
            let (Some(before), Some(after)) = (seen.get(x), seen.get(y)) else { continue };
            // The larger of two bytes is the larger number where both are on one grid.
            let both = Grid::over(before.iter().chain(after));
            grids.extend([x.clone(), y.clone(), sloped(y)].map(|value| (value, both)));
        }
        let as_numbers = graph.input.iter().filter_map(|input| input.name.clone()).collect();
        Ok(Self { bytes, grids, as_bytes: HashSet::new(), as_numbers, nodes: Vec::new(), initializers: Vec::new() })
    }

    fn write(&mut self, graph: &GraphProto) -> Result<(), String> {
        for (at, node) in graph.node.iter().enumerate() {
            if !self.bytes.contains(&at) {
                self.keep(node)?;
            } else if is_standard(node, "Conv") {
                let bias = node.input.get(2).filter(|name| !name.is_empty());
                let bias = bias.map(|name| floats_of(graph, name)).transpose()?;
                let dims = dims_of(graph, &node.input[1])?;
                self.convolve(
                    &node.input[0],
                    &node.output[0],
                    &dims,
                    &floats_of(graph, &node.input[1])?,
                    bias,
                    &node.attribute,
                )?;
            } else if is_standard(node, "PRelu") {
                self.prelu(&node.input[0], &node.output[0], &floats_of(graph, &node.input[1])?)?;
            } else {
                self.add(node)?;
            }
        }
        Ok(())
    }

    /// A node that works on numbers.
    fn keep(&mut self, node: &NodeProto) -> Result<(), String> {
        for value in &node.input {
            if self.as_bytes.contains(value) && self.as_numbers.insert(value.clone()) {
                let inputs = self.bytes_and_grid(value)?;
                self.push("DequantizeLinear", &inputs, value);
            }
        }
        self.as_numbers.extend(node.output.iter().cloned());
        self.nodes.push(node.clone());
        Ok(())
    }

    fn convolve(
        &mut self,
        x: &str,
        y: &str,
        dims: &[i64],
        weights: &[f32],
        bias: Option<Vec<f32>>,
        attributes: &[crate::onnx_proto::AttributeProto],
    ) -> Result<(), String> {
        let outputs = dims[0] as usize;
        let kernels = || weights.chunks_exact(weights.len() / outputs);
        let largest = |kernel: &[f32]| kernel.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let scales: Vec<f32> = kernels().map(|kernel| (largest(kernel) / 127.0).max(1e-12)).collect();
        let rounded =
            kernels().zip(&scales).flat_map(|(kernel, scale)| kernel.iter().map(move |weight| weight / scale));
        let rounded: Vec<u8> = rounded.map(|weight| (weight.round() as i8) as u8).collect();
        let mut inputs = self.bytes_and_grid(x)?;
        inputs.push(self.constant(&format!("{y}/weights"), INT8, dims, rounded));
        inputs.push(self.numbers(&format!("{y}/scales"), &[dims[0]], &scales));
        inputs.push(self.constant(&format!("{y}/zeros"), INT8, &[dims[0]], vec![0; outputs]));
        inputs.extend(self.grid(y)?);
        if let Some(bias) = bias {
            same_length(bias.len(), outputs)?;
            let step = self.grids[x].scale;
            let steps = bias.iter().zip(&scales).map(|(bias, scale)| (bias / (scale * step)).round() as i32);
            let steps = steps.flat_map(i32::to_le_bytes).collect();
            inputs.push(self.constant(&format!("{y}/bias"), INT32, &[dims[0]], steps));
        }
        self.made("QLinearConv", &inputs, y).attribute = attributes.to_vec();
        Ok(())
    }

    fn prelu(&mut self, x: &str, y: &str, slopes: &[f32]) -> Result<(), String> {
        let channels = slopes.len() as i64;
        self.convolve(x, &sloped(y), &[channels, 1, 1, 1], slopes, None, &depthwise_attributes(channels))?;
        self.made("Max", &[byte_form(x), byte_form(&sloped(y))], y);
        Ok(())
    }

    fn add(&mut self, node: &NodeProto) -> Result<(), String> {
        let mut inputs = self.bytes_and_grid(&node.input[0])?;
        inputs.extend(self.bytes_and_grid(&node.input[1])?);
        inputs.extend(self.grid(&node.output[0])?);
        self.made("QLinearAdd", &inputs, &node.output[0]).domain = Some(MICROSOFT.to_owned());
        Ok(())
    }

    /// The names of a value as bytes and of its grid; the bytes are made of its numbers where there are only those.
    fn bytes_and_grid(&mut self, value: &str) -> Result<Vec<String>, String> {
        let grid = self.grid(value)?;
        if !self.as_bytes.contains(value) {
            self.made("QuantizeLinear", &[vec![value.to_owned()], grid.clone()].concat(), value);
        }
        Ok([vec![byte_form(value)], grid].concat())
    }

    fn grid(&mut self, value: &str) -> Result<Vec<String>, String> {
        let grid = *self.grids.get(value).ok_or_else(|| format!("{value} was not seen"))?;
        let scale = self.numbers(&format!("{value}/scale"), &[], &[grid.scale]);
        let zero = self.constant(&format!("{value}/zero"), UINT8, &[], vec![grid.zero]);
        Ok(vec![scale, zero])
    }

    /// A node that makes the bytes of `value`.
    fn made(&mut self, operator: &str, inputs: &[String], value: &str) -> &mut NodeProto {
        self.as_bytes.insert(value.to_owned());
        self.push(operator, inputs, &byte_form(value))
    }

    fn push(&mut self, operator: &str, inputs: &[String], output: &str) -> &mut NodeProto {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.nodes.push(operation(operator, &inputs, output));
        self.nodes.last_mut().expect("a node was just pushed")
    }

    fn numbers(&mut self, name: &str, dims: &[i64], values: &[f32]) -> String {
        self.constant(name, FLOAT, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn constant(&mut self, name: &str, kind: i32, dims: &[i64], raw: Vec<u8>) -> String {
        if self.initializers.iter().all(|tensor| tensor.name.as_deref() != Some(name)) {
            self.initializers.push(tensor::raw(name, kind, dims, raw));
        }
        name.to_owned()
    }
}

fn sloped(value: &str) -> String {
    format!("{value}/sloped")
}

fn byte_form(value: &str) -> String {
    format!("{value}/bytes")
}

fn dims_of(graph: &GraphProto, name: &str) -> Result<Vec<i64>, String> {
    let found = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name));
    found.map(|tensor| tensor.dims.clone()).ok_or_else(|| format!("{name} cannot be read"))
}

fn forget_unused(graph: &mut GraphProto) {
    let used: HashSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
    graph.initializer.retain(|tensor| tensor.name.as_ref().is_some_and(|name| used.contains(name)));
}
