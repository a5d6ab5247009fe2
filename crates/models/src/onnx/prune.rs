//! Channels that training has killed. Weight decay drives the weights of a channel that nothing needs towards zero and leaves
//! numbers such as 1e-30 behind. They cost as much as all others, and many times as much once they are subnormal: an
//! Intel Xeon takes 54 ms for an embedder with 9,000 of them among its 1.2 million weights, and 3.8 ms without these channels.
//!
//! A channel is followed from the dense convolution that makes it, through steps that keep channels apart, to the dense
//! convolution that takes it. It is dead where what comes out is zero, or is multiplied by zero.

use super::index::Index;
use super::{groups, input_of, is_standard, tensor};
use crate::onnx_proto::{AttributeProto, GraphProto, NodeProto};

/// Weights below this are zero: even times the largest values that networks have inside (some hundreds) they do not show in an f32 sum.
const NOTHING: f32 = 1e-12;

/// Removes dead channels, and makes zero of weights that are nearly zero. Whether anything changed. Convolutions compute `lanes` channels
/// at once, so a number of them that it divides is faster than a smaller one.
pub(super) fn prune(graph: &mut GraphProto, lanes: usize) -> bool {
    let index = Index::of(graph);
    let stretches: Vec<Stretch> =
        (0..graph.node.len()).filter_map(|at| Stretch::ending_at(graph, &index, at)).collect();
    let mut changed = false;
    for stretch in &stretches {
        changed |= stretch.prune(graph, lanes);
    }
    if changed {
        // Sizes noted of values between follow from the weights.
        graph.value_info.clear();
    }
    // Kernels and matrices only: a single number may be a divisor that must not be zero.
    let weights = graph.initializer.iter_mut().filter(|tensor| tensor.dims.len() > 1);
    weights.fold(changed, |changed, weights| tensor::zero_below(weights, NOTHING) || changed)
}

/// The way of some channels from one dense convolution to the next. Nothing else takes what flows here, or shares the tensors.
struct Stretch {
    channels: usize,
    first: Convolution,
    /// What keeps the channels apart, in order.
    steps: Vec<Step>,
    /// The place of the last convolution's weights.
    last: usize,
}

/// Places of a convolution's initializers.
struct Convolution {
    weights: usize,
    bias: Option<usize>,
}

enum Step {
    Relu,
    /// The place of its slopes.
    Prelu(usize),
    /// The place of the node, and its initializers.
    Depthwise(usize, Convolution),
}

impl Stretch {
    /// The stretch whose last convolution is node `at`.
    fn ending_at(graph: &GraphProto, index: &Index, at: usize) -> Option<Self> {
        let node = &graph.node[at];
        let last = dense(graph, index, node)?.weights;
        let channels = tensor::sizes(&graph.initializer[last])?[1];
        let mut steps = Vec::new();
        let mut value = node.input.first()?;
        loop {
            let maker = index.producer(value).filter(|_| index.uses(value) == 1)?;
            let node = &graph.node[maker];
            if let Some(first) = dense(graph, index, node) {
                steps.reverse();
                let fits = tensor::sizes(&graph.initializer[first.weights])?[0] == channels;
                return fits.then_some(Self { channels, first, steps, last });
            }
            steps.push(Step::of(graph, index, maker, channels)?);
            // A graph in a circle has no end.
            value = node.input.first().filter(|_| steps.len() < graph.node.len())?;
        }
    }

    /// Whether there were dead channels, which are gone now.
    fn prune(&self, graph: &mut GraphProto, lanes: usize) -> bool {
        let kept = filled_up(&self.alive(graph), lanes);
        let count = kept.iter().filter(|kept| **kept).count();
        if count == self.channels {
            return false;
        }
        for at in self.by_channel() {
            keep(graph, at, 0, &kept);
        }
        keep(graph, self.last, 1, &kept);
        for step in &self.steps {
            if let Step::Depthwise(node, _) = step
                && let Some(group) = group_of(&mut graph.node[*node])
            {
                group.i = Some(count as i64);
            }
        }
        true
    }

    /// Which channels bring anything to what the last convolution makes of them.
    fn alive(&self, graph: &GraphProto) -> Vec<bool> {
        let largest = |at: usize, axis: usize| tensor::largest(&graph.initializer[at], axis);
        let is_something = |at: usize| largest(at, 0).into_iter().map(|weight| weight >= NOTHING);
        let mut alive = vec![true; self.channels];
        let convolutions = self.steps.iter().filter_map(|step| match step {
            Step::Depthwise(_, convolution) => Some(convolution),
            Step::Relu | Step::Prelu(_) => None,
        });
        for convolution in [&self.first].into_iter().chain(convolutions) {
            alive.iter_mut().zip(is_something(convolution.weights)).for_each(|(alive, passes)| *alive &= passes);
            if let Some(bias) = convolution.bias {
                alive.iter_mut().zip(is_something(bias)).for_each(|(alive, wakes)| *alive |= wakes);
            }
        }
        alive.iter_mut().zip(largest(self.last, 1)).for_each(|(alive, weight)| *alive &= weight >= NOTHING);
        alive
    }

    /// Places of the tensors whose first dimension is the channel.
    fn by_channel(&self) -> Vec<usize> {
        let of = |convolution: &Convolution| [Some(convolution.weights), convolution.bias];
        let steps = self.steps.iter().flat_map(|step| match step {
            Step::Relu => [None, None],
            Step::Prelu(slopes) => [Some(*slopes), None],
            Step::Depthwise(_, convolution) => of(convolution),
        });
        of(&self.first).into_iter().chain(steps).flatten().collect()
    }
}

impl Step {
    fn of(graph: &GraphProto, index: &Index, at: usize, channels: usize) -> Option<Self> {
        let node = &graph.node[at];
        if is_standard(node, "Relu") {
            return Some(Self::Relu);
        }
        if is_standard(node, "PRelu") {
            let slopes = own_floats(graph, index, node.input.get(1)?)?;
            let fits = graph.initializer[slopes].dims == [channels as i64, 1, 1];
            return fits.then_some(Self::Prelu(slopes));
        }
        let convolution = convolution(graph, index, node)?;
        let fits = tensor::sizes(&graph.initializer[convolution.weights])?[..2] == [channels, 1];
        (fits && groups(node) == Some(channels)).then_some(Self::Depthwise(at, convolution))
    }
}

/// The initializers of a convolution in which each channel that it makes takes from all that it is given.
fn dense(graph: &GraphProto, index: &Index, node: &NodeProto) -> Option<Convolution> {
    convolution(graph, index, node).filter(|_| groups(node) == Some(1))
}

/// The initializers of a two-dimensional convolution, where they are its own.
fn convolution(graph: &GraphProto, index: &Index, node: &NodeProto) -> Option<Convolution> {
    if !is_standard(node, "Conv") {
        return None;
    }
    let weights = own_floats(graph, index, node.input.get(1)?)?;
    let sizes = tensor::sizes(&graph.initializer[weights])?;
    let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => Some(own_floats(graph, index, name)?),
        None => None,
    };
    let fits = |bias: usize| graph.initializer[bias].dims == [sizes[0] as i64];
    (sizes.len() == 4 && bias.is_none_or(fits)).then_some(Convolution { weights, bias })
}

/// The initializer of this name, where it holds floats and only one node takes it.
fn own_floats(graph: &GraphProto, index: &Index, name: &str) -> Option<usize> {
    index.own_initializer(name).filter(|at| tensor::floats(&graph.initializer[*at]).is_some())
}

fn group_of(node: &mut NodeProto) -> Option<&mut AttributeProto> {
    node.attribute.iter_mut().find(|attribute| attribute.name.as_deref() == Some("group"))
}

/// All that are alive, and as many others as fill the last lanes.
fn filled_up(alive: &[bool], lanes: usize) -> Vec<bool> {
    let wanted = alive.iter().filter(|alive| **alive).count().max(1).next_multiple_of(lanes);
    let mut missing = wanted - alive.iter().filter(|alive| **alive).count();
    let fill = |alive: &bool| {
        let kept = *alive || missing > 0;
        missing -= usize::from(kept && !alive);
        kept
    };
    alive.iter().map(fill).collect()
}

/// Keeps some channels of an initializer, along `axis`.
fn keep(graph: &mut GraphProto, at: usize, axis: usize, kept: &[bool]) {
    let tensor = &mut graph.initializer[at];
    tensor::keep(tensor, axis, kept);
    // Old models list their weights as inputs too, with their sizes.
    if let Some(listed) = graph.input.iter_mut().find(|input| input.name == tensor.name) {
        *listed = input_of(tensor);
    }
}
