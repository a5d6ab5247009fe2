//! The layers that dlib's face models consist of, as `dlib/dnn/layers.h` writes each of them.

use super::not_dlib;
use super::reader::{Reader, product};
use crate::error::ModelsError;

/// No face model has wider windows, strides or paddings.
const LARGEST_WINDOW: usize = 64;

/// One layer of a network.
#[derive(Debug)]
pub(super) enum Layer {
    /// A convolution: weights of `dims` (filters, channels, rows, columns), and a bias for each filter.
    Convolution { weights: Vec<f32>, dims: [usize; 4], bias: Vec<f32>, window: Window },
    /// Each channel times its factor, plus its offset.
    Affine { factors: Vec<f32>, offsets: Vec<f32> },
    /// What is below 0 becomes 0.
    Relu,
    /// The largest of each window.
    MaxPool(Window),
    /// The mean of each window; of everything, where the window has no size.
    AveragePool(Window),
    /// What was remembered is added. Where one of both is smaller, zeros are taken for the rest.
    AddRemembered,
    /// All numbers times a matrix of `inputs` rows and `outputs` columns.
    Linear { weights: Vec<f32>, inputs: usize, outputs: usize },
}

/// What a convolution or a pool looks at: (down, across) each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) size: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
}

impl Window {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ModelsError> {
        let mut pair =
            || -> Result<[usize; 2], ModelsError> { Ok([reader.size(LARGEST_WINDOW)?, reader.size(LARGEST_WINDOW)?]) };
        let window = Self { size: pair()?, stride: pair()?, padding: pair()? };
        if window.stride.contains(&0) { Err(not_dlib("a layer of it goes nowhere")) } else { Ok(window) }
    }
}

impl Layer {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ModelsError> {
        match reader.text()? {
            "con_4" => convolution(reader),
            "affine_" => affine(reader),
            "bn_con2" => batch_norm(reader),
            "relu_" => Ok(Self::Relu),
            "max_pool_2" => Ok(Self::MaxPool(Window::read(reader)?)),
            "avg_pool_2" => Ok(Self::AveragePool(Window::read(reader)?)),
            "add_prev_" => Ok(Self::AddRemembered),
            "fc_2" => linear(reader),
            other => Err(not_dlib(format!("it has a layer `{}`, which is not known", other.escape_debug()))),
        }
    }
}

fn convolution(reader: &mut Reader<'_>) -> Result<Layer, ModelsError> {
    let parameters = reader.tensor()?.values;
    let filters = reader.count()?;
    let window = Window::read(reader)?;
    let (dims, bias) = (reader.part()?, reader.part()?);
    learning(reader, 4)?;
    let fits = dims[0] == filters && dims[2..] == window.size && !dims.contains(&0) && bias == [1, filters, 1, 1];
    let [weights, bias] = split(parameters, [dims, bias]).filter(|_| fits).ok_or_else(|| misfit("convolution"))?;
    Ok(Layer::Convolution { weights, dims, bias, window })
}

fn affine(reader: &mut Reader<'_>) -> Result<Layer, ModelsError> {
    let parameters = reader.tensor()?.values;
    let (factors, offsets) = (reader.part()?, reader.part()?);
    // Whether it normalised batches behind convolutions (0) or behind linear layers.
    reader.version("affine layer", 0)?;
    let [factors, offsets] = split(parameters, [factors, offsets]).ok_or_else(|| misfit("affine layer"))?;
    Ok(Layer::Affine { factors, offsets })
}

/// Batch normalisation as it is once a network has learnt: each channel less its mean, over its deviation, times its factor, plus
/// its offset.
fn batch_norm(reader: &mut Reader<'_>) -> Result<Layer, ModelsError> {
    let parameters = reader.tensor()?.values;
    let (factors, offsets) = (reader.part()?, reader.part()?);
    // Those of the last batch.
    reader.tensor()?;
    reader.tensor()?;
    let (means, variances) = (reader.tensor()?.values, reader.tensor()?.values);
    // How much it has seen, and how much it remembers.
    reader.integer()?;
    reader.integer()?;
    learning(reader, 4)?;
    let least = reader.float32()?;
    let parts = split(parameters, [factors, offsets]);
    let parts = parts.filter(|[factors, _]| factors.len() == means.len() && factors.len() == variances.len());
    let [mut factors, mut offsets] = parts.ok_or_else(|| misfit("batch normalisation"))?;
    for (factor, variance) in factors.iter_mut().zip(&variances) {
        *factor /= (variance + least).sqrt();
    }
    for ((offset, factor), mean) in offsets.iter_mut().zip(&factors).zip(&means) {
        *offset -= factor * mean;
    }
    if factors.iter().chain(&offsets).all(|number| number.is_finite()) {
        Ok(Layer::Affine { factors, offsets })
    } else {
        Err(not_dlib("a batch normalisation in it divides by nothing"))
    }
}

fn linear(reader: &mut Reader<'_>) -> Result<Layer, ModelsError> {
    let (outputs, inputs) = (reader.count()?, reader.count()?);
    let parameters = reader.tensor()?.values;
    let (weights, bias) = (reader.part()?, reader.part()?);
    // 1 is a layer without a bias.
    reader.version("linear layer's bias", 1)?;
    learning(reader, 4)?;
    let fits = product(weights) == Some(parameters.len()) && inputs.checked_mul(outputs) == Some(parameters.len());
    if !fits || product(bias) != Some(0) || parameters.is_empty() {
        return Err(misfit("linear layer"));
    }
    Ok(Layer::Linear { weights: parameters, inputs, outputs })
}

/// Numbers that only matter while a network learns.
fn learning(reader: &mut Reader<'_>, count: usize) -> Result<(), ModelsError> {
    (0..count).try_for_each(|_| reader.float().map(drop))
}

/// A layer's parameters, taken apart: they are as many as both parts have.
fn split(mut parameters: Vec<f32>, [first, second]: [[usize; 4]; 2]) -> Option<[Vec<f32>; 2]> {
    let (first, second) = (product(first)?, product(second)?);
    (first.checked_add(second)? == parameters.len()).then(|| {
        let second = parameters.split_off(first);
        [parameters, second]
    })
}

fn misfit(layer: &str) -> ModelsError {
    not_dlib(format!("a {layer} in it has another number of parameters than it says"))
}
