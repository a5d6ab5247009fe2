//! What a detector like UltraFace does at its end, with operators of ours: ONNX Runtime takes a sixth of the detector's time for slices, sums and joins of two numbers a box.

use super::index::Index;
use super::{is_standard, operation, tensor};
use crate::onnx_proto::{AttributeProto, DimensionValue, GraphProto, NodeProto, TensorProto, TypeValue};

/// The operator that makes shares of pairs of numbers: of each pair, `e^a / (e^a + e^b)` and what is left to 1.
pub const SHARES: &str = "Shares";

/// The operator that makes corners of boxes out of offsets: of each four numbers `x y w h` and the constants [`ANCHOR`] that belong to them, left, top, right and bottom are
/// `s·xy + c ∓ r·e^(k·wh)`.
pub const CORNERS: &str = "Corners";

/// The constants of a box: `s`, `c`, `k` and `r`, each for across and for down.
pub const ANCHOR: usize = 8;

/// Replaces the end of the graph where it is one like UltraFace's. Whether it was.
pub(super) fn replace(graph: &mut GraphProto) -> bool {
    let mut index = Index::of(graph);
    let found: Vec<(usize, NodeProto, Option<Vec<f32>>)> = (0..graph.node.len())
        .filter_map(|at| {
            let values = Values { graph, index: &index };
            values.shares(at).map(|node| (at, node, None)).or_else(|| {
                let (node, anchors) = values.corners(at)?;
                Some((at, node, Some(anchors)))
            })
        })
        .collect();
    let replaced = !found.is_empty();
    for (at, mut node, anchors) in found {
        if let Some(anchors) = anchors {
            let name = index.fresh_name(&format!("{}/anchors", node.output[0]));
            let dims = [(anchors.len() / ANCHOR) as i64, ANCHOR as i64];
            graph.initializer.push(tensor::new(&name, &dims, &anchors));
            node.input.push(name);
        }
        graph.node[at] = node;
    }
    if replaced {
        remove_unused(graph);
    }
    replaced
}

/// Nodes whose outputs nobody takes are of no use any more, nor are then those before them.
fn remove_unused(graph: &mut GraphProto) {
    loop {
        let index = Index::of(graph);
        let before = graph.node.len();
        graph.node.retain(|node| node.output.iter().any(|output| index.uses(output) > 0));
        if graph.node.len() == before {
            return;
        }
    }
}

struct Values<'a> {
    graph: &'a GraphProto,
    index: &'a Index,
}

impl<'a> Values<'a> {
    fn shares(&self, at: usize) -> Option<NodeProto> {
        let node = &self.graph.node[at];
        let ([_], [_]) = (&node.input[..], &node.output[..]) else { return None };
        let of_pairs =
            is_standard(node, "Softmax") && ints(node, "axis") == [2] && self.last_axis(&node.output[0]) == Some(2);
        of_pairs.then(|| ours(SHARES, &node.input[0], &node.output[0]))
    }

    /// The operator in the place of node `at`, a join of both corners, and its constants.
    fn corners(&self, at: usize) -> Option<(NodeProto, Vec<f32>)> {
        let join = &self.graph.node[at];
        let [_] = &join.output[..] else { return None };
        let [first, second] = self.joined(join)?;
        let (centre, half) = self.made(first, "Sub")?;
        let is_other_corner = self.made(second, "Add")? == (centre, half);
        let (size, divisor) = self.with_constant(half, "Div")?;
        let (of_centre, whole) = (self.slice(centre, 0)?, self.slice(size, 2)?);
        let is_two = divisor.iter().all(|divisor| *divisor == 2.0);
        if !is_other_corner || !is_two || of_centre != whole {
            return None;
        }
        let [centre, size] = self.joined(&self.graph.node[self.index.producer(whole)?])?;
        let (scaled, centres) = self.with_constant(centre, "Add")?;
        let (scaled, scale) = self.with_constant(scaled, "Mul")?;
        let (offsets, step) = self.with_constant(scaled, "Mul")?;
        let (exponential, sizes) = self.with_constant(size, "Mul")?;
        let node = &self.graph.node[self.index.producer(exponential)?];
        let exponent = is_standard(node, "Exp").then(|| &node.input[0])?;
        let (exponents, steps) = self.with_constant(exponent, "Mul")?;
        let (offsets, of_size) = (self.slice(offsets, 0)?, self.slice(exponents, 2)?);
        let (&[step], &[steps]) = (&step[..], &steps[..]) else { return None };
        if offsets != of_size || scale.len() != centres.len() || scale.len() != sizes.len() || scale.len() % 2 != 0 {
            return None;
        }
        let pairs = scale.chunks_exact(2).zip(centres.chunks_exact(2)).zip(sizes.chunks_exact(2));
        let anchors =
            pairs.flat_map(|((s, c), r)| [step * s[0], step * s[1], c[0], c[1], steps, steps, r[0] / 2.0, r[1] / 2.0]);
        Some((ours(CORNERS, offsets, &join.output[0]), anchors.collect()))
    }

    /// Both inputs of the standard operator that makes `value`.
    fn made(&self, value: &str, operator: &str) -> Option<(&'a str, &'a str)> {
        let node = &self.graph.node[self.index.producer(value)?];
        match &node.input[..] {
            [first, second] if is_standard(node, operator) => Some((first, second)),
            _ => None,
        }
    }

    /// The input of the standard operator that makes `value`, and the constant that is its other one.
    fn with_constant(&self, value: &str, operator: &str) -> Option<(&'a str, Vec<f32>)> {
        let (input, constant) = self.made(value, operator)?;
        Some((input, numbers(&self.graph.initializer[self.index.initializer(constant)?])?))
    }

    /// What a join of two along the last of three axes joins.
    fn joined(&self, node: &'a NodeProto) -> Option<[&'a str; 2]> {
        match &node.input[..] {
            [first, second] if is_standard(node, "Concat") && ints(node, "axis") == [2] => Some([first, second]),
            _ => None,
        }
    }

    /// Of what `value` is two numbers of the last of three axes, from number `start` on.
    fn slice(&self, value: &str, start: i64) -> Option<&'a str> {
        let node = &self.graph.node[self.index.producer(value)?];
        let fits = is_standard(node, "Slice") && ints(node, "axes") == [2] && ints(node, "starts") == [start];
        let ends_there = matches!(ints(node, "ends")[..], [end] if end == start + 2 || (start == 2 && end > 4));
        (fits && ends_there).then(|| node.input.first().map(String::as_str))?
    }

    /// How many numbers the last of three axes of this output of the graph has.
    fn last_axis(&self, output: &str) -> Option<i64> {
        let output = self.graph.output.iter().find(|found| found.name.as_deref() == Some(output))?;
        let TypeValue::Tensor(tensor) = output.r#type.as_ref()?.value.as_ref()? else { return None };
        match &tensor.shape.as_ref()?.dim[..] {
            [_, _, last] => match last.value {
                Some(DimensionValue::Value(size)) => Some(size),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A constant's numbers, also where it is one without dimensions.
fn numbers(constant: &TensorProto) -> Option<Vec<f32>> {
    if constant.dims.is_empty() {
        return tensor::floats(&TensorProto { dims: vec![1], ..constant.clone() });
    }
    tensor::floats(constant)
}

/// An attribute's integers, or its one.
fn ints(node: &NodeProto, name: &str) -> Vec<i64> {
    let attribute: Option<&AttributeProto> = node.attribute.iter().find(|found| found.name.as_deref() == Some(name));
    attribute.map_or_else(Vec::new, |found| found.i.map_or_else(|| found.ints.clone(), |one| vec![one]))
}

fn ours(operator: &str, input: &str, output: &str) -> NodeProto {
    NodeProto { domain: Some(super::DOMAIN.to_owned()), ..operation(operator, &[input], output) }
}
