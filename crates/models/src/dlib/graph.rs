//! A network of dlib as an ONNX graph.
//!
//! Its residual blocks come in two forms, which its files tell apart only by their marks:
//!
//! - a mark by itself remembers what is there; the sum behind it adds that;
//! - two marks in a row remember what is there and go on from what was remembered before, which is then pooled; the sum adds
//!   the one to the other.
//!
//! Affine layers are folded into the convolution before them, which changes outputs by rounding only.

use prost::Message as _;

use super::layer::{Layer, Window};
use super::network::{Network, Step};
use super::not_dlib;
use crate::error::ModelsError;
use crate::onnx_proto::{
    ATTRIBUTE_INTS, AttributeProto, Dimension, DimensionValue, FLOAT, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};

/// The first in which initializers need not be inputs, and the last in which `Pad` takes its widths as an attribute.
const IR_VERSION: i64 = 4;
const OPSET: i64 = 9;

/// Pictures are red, green, blue.
const INPUT_CHANNELS: usize = 3;

/// The ONNX model of the network.
pub(super) fn of(network: Network) -> Result<Vec<u8>, ModelsError> {
    let mut builder = Builder::new(network.size);
    let mut steps = network.steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Layer(Layer::Convolution { mut weights, dims, mut bias, window }) => {
                while let Some(Step::Layer(Layer::Affine { factors, offsets })) =
                    steps.next_if(|next| matches!(next, Step::Layer(Layer::Affine { .. })))
                {
                    fold(&mut weights, &mut bias, &factors, &offsets)?;
                }
                builder.convolution(&weights, dims, &bias, window)?;
            }
            Step::Layer(layer) => builder.layer(layer)?,
            Step::Mark if steps.next_if(|next| matches!(next, Step::Mark)).is_some() => builder.go_back()?,
            Step::Mark => builder.remember(),
        }
    }
    Ok(builder.finish(network.size))
}

/// Makes `factors · (weights ∗ x + bias) + offsets` one convolution.
fn fold(weights: &mut [f32], bias: &mut [f32], factors: &[f32], offsets: &[f32]) -> Result<(), ModelsError> {
    if factors.len() != bias.len() || offsets.len() != bias.len() {
        return Err(not_dlib("an affine layer of it has another number of channels than what it follows"));
    }
    let each = weights.len() / bias.len();
    for (weights, factor) in weights.chunks_exact_mut(each).zip(factors) {
        weights.iter_mut().for_each(|weight| *weight *= factor);
    }
    for ((bias, factor), offset) in bias.iter_mut().zip(factors).zip(offsets) {
        *bias = *bias * factor + offset;
    }
    Ok(())
}

/// A value of the graph: its name, channels, and rows and columns where they are known.
#[derive(Clone, Debug)]
struct Value {
    name: String,
    channels: usize,
    size: Option<[usize; 2]>,
}

struct Builder {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    now: Value,
    remembered: Option<Value>,
}

impl Builder {
    fn new(size: Option<[usize; 2]>) -> Self {
        let input = Value { name: "input".to_owned(), channels: INPUT_CHANNELS, size };
        Self { nodes: Vec::new(), initializers: Vec::new(), now: input, remembered: None }
    }

    fn remember(&mut self) {
        self.remembered = Some(self.now.clone());
    }

    fn go_back(&mut self) -> Result<(), ModelsError> {
        let before = self.remembered.replace(self.now.clone());
        self.now = before.ok_or_else(nothing_remembered)?;
        Ok(())
    }

    fn layer(&mut self, layer: Layer) -> Result<(), ModelsError> {
        match layer {
            Layer::Convolution { weights, dims, bias, window } => self.convolution(&weights, dims, &bias, window),
            Layer::Affine { .. } => Err(not_dlib("an affine layer of it follows no convolution")),
            Layer::Relu => {
                self.push("Relu", &[], Vec::new());
                Ok(())
            }
            Layer::MaxPool(window) => self.pool("MaxPool", window),
            Layer::AveragePool(Window { size: [0, 0], .. }) => {
                self.push("GlobalAveragePool", &[], Vec::new());
                self.now.size = Some([1, 1]);
                Ok(())
            }
            Layer::AveragePool(window) => self.pool("AveragePool", window),
            Layer::AddRemembered => self.add_remembered(),
            Layer::Linear { weights, inputs, outputs } => self.linear(&weights, inputs, outputs),
        }
    }

    fn convolution(
        &mut self,
        weights: &[f32],
        dims: [usize; 4],
        bias: &[f32],
        window: Window,
    ) -> Result<(), ModelsError> {
        if dims[1] != self.now.channels {
            return Err(not_dlib("a convolution of it takes another number of channels than there are"));
        }
        let size = self.size_after(window)?;
        let weights = self.initializer(&dims, weights);
        let bias = self.initializer(&[bias.len()], bias);
        self.push("Conv", &[weights, bias], attributes(window));
        (self.now.channels, self.now.size) = (dims[0], size);
        Ok(())
    }

    fn pool(&mut self, operator: &str, window: Window) -> Result<(), ModelsError> {
        if window.size.contains(&0) || window.padding != [0, 0] {
            return Err(not_dlib("a pool of it has a padding, or no window"));
        }
        let size = self.size_after(window)?;
        self.push(operator, &[], attributes(window));
        self.now.size = size;
        Ok(())
    }

    fn linear(&mut self, weights: &[f32], inputs: usize, outputs: usize) -> Result<(), ModelsError> {
        if inputs != self.now.channels || self.now.size != Some([1, 1]) {
            return Err(not_dlib("a linear layer of it takes another number of numbers than there are"));
        }
        self.push("Flatten", &[], Vec::new());
        let weights = self.initializer(&[inputs, outputs], weights);
        self.push("MatMul", &[weights], Vec::new());
        self.now.channels = outputs;
        Ok(())
    }

    /// `add_prev`: the sum is as large as the larger of both, in each dimension.
    fn add_remembered(&mut self) -> Result<(), ModelsError> {
        let other = self.remembered.clone().ok_or_else(nothing_remembered)?;
        let (Some(a), Some(b)) = (self.now.size, other.size) else {
            return Err(not_dlib("it adds values of unknown size"));
        };
        let channels = self.now.channels.max(other.channels);
        let size = [a[0].max(b[0]), a[1].max(b[1])];
        let this = self.padded(self.now.clone(), channels, size);
        let other = self.padded(other, channels, size);
        self.now = this;
        self.push("Add", &[other.name], Vec::new());
        Ok(())
    }

    /// The value with zeros behind its last channel, below and to the right.
    fn padded(&mut self, value: Value, channels: usize, size: [usize; 2]) -> Value {
        if (value.channels, value.size) == (channels, Some(size)) {
            return value;
        }
        let [rows, columns] = value.size.unwrap_or(size);
        let ends = [channels - value.channels, size[0] - rows, size[1] - columns].map(|width| width as i64);
        let before = std::mem::replace(&mut self.now, value);
        self.push("Pad", &[], vec![ints("pads", [&[0; 5][..], &ends[..]].concat())]);
        let name = std::mem::replace(&mut self.now, before).name;
        Value { name, channels, size: Some(size) }
    }

    fn size_after(&self, window: Window) -> Result<Option<[usize; 2]>, ModelsError> {
        let Some(size) = self.now.size else { return Ok(None) };
        let along = |axis: usize| {
            let inner = (size[axis] + 2 * window.padding[axis]).checked_sub(window.size[axis])?;
            Some(inner / window.stride[axis] + 1)
        };
        let size = along(0).zip(along(1)).ok_or_else(|| not_dlib("its picture is too small for its layers"))?;
        Ok(Some([size.0, size.1]))
    }

    /// A node that takes what is there, and more. What it gives is there then.
    fn push(&mut self, operator: &str, more: &[String], attribute: Vec<AttributeProto>) {
        let output = format!("value{}", self.nodes.len());
        let taken = std::mem::replace(&mut self.now.name, output.clone());
        self.nodes.push(NodeProto {
            input: std::iter::once(taken).chain(more.iter().cloned()).collect(),
            output: vec![output.clone()],
            name: Some(output),
            op_type: Some(operator.to_owned()),
            attribute,
            ..NodeProto::default()
        });
    }

    fn initializer(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = format!("weights{}", self.initializers.len());
        self.initializers.push(TensorProto {
            dims: dims.iter().map(|dim| *dim as i64).collect(),
            data_type: Some(FLOAT),
            name: Some(name.clone()),
            raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            ..TensorProto::default()
        });
        name
    }

    fn finish(mut self, size: Option<[usize; 2]>) -> Vec<u8> {
        if let Some(last) = self.nodes.last_mut() {
            last.output = vec!["output".to_owned()];
        }
        let known = |axis: usize, name: &str| match size {
            Some(size) => DimensionValue::Value(size[axis] as i64),
            None => DimensionValue::Param(name.to_owned()),
        };
        let batch = || DimensionValue::Value(1);
        let channels = DimensionValue::Value(INPUT_CHANNELS as i64);
        let input = vec![batch(), channels, known(0, "height"), known(1, "width")];
        let channels = DimensionValue::Value(self.now.channels as i64);
        let output = match self.nodes.last().and_then(|last| last.op_type.as_deref()) {
            Some("MatMul") => vec![batch(), channels],
            _ => vec![batch(), channels, DimensionValue::Param("rows".into()), DimensionValue::Param("columns".into())],
        };
        let graph = GraphProto {
            node: self.nodes,
            name: Some("dlib".to_owned()),
            initializer: self.initializers,
            input: vec![described("input", input)],
            output: vec![described("output", output)],
            ..GraphProto::default()
        };
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("vultus".to_owned()),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
            ..ModelProto::default()
        }
        .encode_to_vec()
    }
}

fn nothing_remembered() -> ModelsError {
    not_dlib("it goes back to what was never remembered")
}

fn attributes(window: Window) -> Vec<AttributeProto> {
    let of = |pair: [usize; 2]| pair.map(|number| number as i64).to_vec();
    let padding = of(window.padding);
    vec![
        ints("kernel_shape", of(window.size)),
        ints("strides", of(window.stride)),
        ints("pads", [&padding[..], &padding[..]].concat()),
    ]
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(ATTRIBUTE_INTS), ints, ..AttributeProto::default() }
}

fn described(name: &str, dims: Vec<DimensionValue>) -> ValueInfoProto {
    let dim = dims.into_iter().map(|value| Dimension { value: Some(value), denotation: None }).collect();
    let tensor = TensorType { elem_type: Some(FLOAT), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), denotation: None }),
        ..ValueInfoProto::default()
    }
}
