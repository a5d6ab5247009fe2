//! Reading and changing the f32 tensors of a model.

use crate::onnx_proto::{FLOAT, TensorProto};

/// A tensor of `values`.
pub(super) fn new(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    raw(name, FLOAT, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A tensor of numbers of this kind, as they lie in memory.
pub(super) fn raw(name: &str, kind: i32, dims: &[i64], raw: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type: Some(kind),
        name: Some(name.to_owned()),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

/// The tensor's dimensions, where there are some and none is zero or negative.
pub(super) fn sizes(tensor: &TensorProto) -> Option<Vec<usize>> {
    let sizes: Vec<usize> =
        tensor.dims.iter().map(|&dim| usize::try_from(dim).ok().filter(|&d| d > 0)).collect::<Option<_>>()?;
    (!sizes.is_empty()).then_some(sizes)
}

/// The tensor's values, where it is f32, holds them itself, and holds as many as its dimensions say.
pub(super) fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let external = tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty();
    if tensor.data_type != Some(FLOAT) || external || tensor.segment.is_some() {
        return None;
    }
    let count = sizes(tensor)?.into_iter().try_fold(1_usize, usize::checked_mul)?;
    let values = match &tensor.raw_data {
        Some(raw) if !raw.is_empty() => {
            let (values, rest) = raw.as_chunks::<4>();
            if !rest.is_empty() {
                return None;
            }
            values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
        }
        _ => tensor.float_data.clone(),
    };
    (values.len() == count).then_some(values)
}

/// Multiplies what belongs to output channel `c`, the tensor's first dimension, by `factors[c]`. Leaves a tensor alone
/// whose [`floats`] cannot be read.
pub(super) fn scale_outputs(tensor: &mut TensorProto, factors: &[f64]) {
    let Some(mut values) = floats(tensor) else { return };
    let each = values.len() / factors.len();
    for (channel, factor) in values.chunks_exact_mut(each).zip(factors) {
        for value in channel {
            *value = (f64::from(*value) * factor) as f32;
        }
    }
    set_floats(tensor, &values);
}

/// Multiplies the weights `[out, in/groups, height, width]` that belong to input channel `c` by `factors[c]`. Leaves a tensor
/// alone whose [`floats`] cannot be read.
pub(super) fn scale_inputs(tensor: &mut TensorProto, groups: usize, factors: &[f64]) {
    let (Some(mut values), Some(dims)) = (floats(tensor), sizes(tensor)) else { return };
    let (outputs, inputs_per_group) = (dims[0], dims[1]);
    let kernel = values.len() / (outputs * inputs_per_group);
    for (at, weights) in values.chunks_exact_mut(kernel).enumerate() {
        let (output, input) = (at / inputs_per_group, at % inputs_per_group);
        let group = output / (outputs / groups);
        let factor = factors[group * inputs_per_group + input];
        weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
    }
    set_floats(tensor, &values);
}

/// The largest absolute value of what belongs to each channel along `axis`, the first or the second dimension; nothing where
/// [`floats`] cannot be read.
pub(super) fn largest(tensor: &TensorProto, axis: usize) -> Vec<f32> {
    let (Some(values), Some(dims)) = (floats(tensor), sizes(tensor)) else { return Vec::new() };
    let each: usize = dims[axis + 1..].iter().product();
    let mut largest = vec![0.0_f32; dims[axis]];
    for (at, values) in values.chunks_exact(each).enumerate() {
        let channel = &mut largest[at % dims[axis]];
        *channel = values.iter().fold(*channel, |largest, value| largest.max(value.abs()));
    }
    largest
}

/// Leaves only what belongs to the channels in `kept`, along `axis`, the first or the second dimension. Leaves a tensor alone whose
/// [`floats`] cannot be read.
pub(super) fn keep(tensor: &mut TensorProto, axis: usize, kept: &[bool]) {
    let (Some(values), Some(dims)) = (floats(tensor), sizes(tensor)) else { return };
    let each: usize = dims[axis + 1..].iter().product();
    let channels = values.chunks_exact(each).enumerate();
    let left = channels.filter(|(at, _)| kept[at % kept.len()]).flat_map(|(_, values)| values);
    let left: Vec<f32> = left.copied().collect();
    tensor.dims[axis] = kept.iter().filter(|kept| **kept).count() as i64;
    set_floats(tensor, &left);
}

/// Makes zero of values nearer to it than `limit`; whether there were any. Leaves a tensor alone whose [`floats`] cannot be read.
pub(super) fn zero_below(tensor: &mut TensorProto, limit: f32) -> bool {
    let Some(mut values) = floats(tensor) else { return false };
    let mut small = values.iter_mut().filter(|value| **value != 0.0 && value.abs() < limit).peekable();
    let found = small.peek().is_some();
    small.for_each(|value| *value = 0.0);
    if found {
        set_floats(tensor, &values);
    }
    found
}

fn set_floats(tensor: &mut TensorProto, values: &[f32]) {
    tensor.float_data.clear();
    tensor.raw_data = Some(values.iter().flat_map(|value| value.to_le_bytes()).collect());
}
