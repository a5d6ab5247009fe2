//! Operators that ONNX Runtime lacks, for models that are laid out for this processor: what [`models::onnx::with_own_operators`] puts into them.

use models::onnx::{ANCHOR, BLOCK, CORNERS, DOMAIN, KINK, SHARES};
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
    ShapeInferenceContext,
};
use ort::value::{DynTensorValueType, TensorElementType};

/// All of them.
pub(crate) fn ours() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(DOMAIN)?.add(Kink)?.add(Shares)?.add(Corners)
}

/// `y = max(x, 0) + c·x` with a `c` for each channel, on pictures kept in blocks of channels: all pixels of the first block, each with its
/// channels side by side, then those of the next.
struct Kink;

impl Operator for Kink {
    type Kernel<'attr> = Factors;

    const INPLACES: &[(u32, u32)] = &[(0, 0)];

    fn name(&self) -> &str {
        KINK
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [TensorElementType::Float32; 2].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<Factors> {
        let factors = node.constant_input::<DynTensorValueType>(1)?;
        let (_, factors) = factors.try_extract_tensor::<f32>()?;
        match node.get::<i64>(BLOCK) {
            Some(8) => Ok(Factors::Of8(factors.as_chunks().0.to_vec())),
            Some(16) => Ok(Factors::Of16(factors.as_chunks().0.to_vec())),
            _ => Err(ort::Error::new("channels are in blocks of 8 or 16")),
        }
    }

    fn infer_shape(&self, node: &mut ShapeInferenceContext) -> ort::Result<()> {
        as_the_first_input(node)
    }
}

/// The factors of each block's channels.
enum Factors {
    Of8(Vec<[f32; 8]>),
    Of16(Vec<[f32; 16]>),
}

impl Kernel for Factors {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = context.input(0)?.ok_or_else(nothing)?;
        let (shape, x) = input.try_extract_tensor::<f32>()?;
        let (x, &[batch, channels, height, width]) = (x.as_ptr(), &shape[..]) else { return Err(nothing()) };
        let mut output = context.output(0, [batch, channels, height, width])?.ok_or_else(nothing)?;
        let (_, y) = output.try_extract_tensor_mut::<f32>()?;
        // The library gives the memory of the input for the output where nobody else needs it.
        if !std::ptr::eq(x, y.as_ptr()) {
            y.copy_from_slice(input.try_extract_tensor::<f32>()?.1);
        }
        if y.is_empty() {
            return Ok(());
        }
        // Not empty, so no side is, and they fit in memory.
        let pixels = (height * width) as usize;
        match self {
            Self::Of8(factors) => bend(y, pixels, factors),
            Self::Of16(factors) => bend(y, pixels, factors),
        }
        Ok(())
    }
}

fn as_the_first_input(node: &mut ShapeInferenceContext) -> ort::Result<()> {
    let inputs = node.inputs();
    node.set_output(0, inputs.first().ok_or_else(nothing)?)
}

fn nothing() -> ort::Error {
    ort::Error::new("an operator of ours without an input that it is for")
}

/// Each block of `y` has `pixels` of `N` channels.
fn bend<const N: usize>(y: &mut [f32], pixels: usize, factors: &[[f32; N]]) {
    for (block, factors) in y.chunks_exact_mut(pixels * N).zip(factors.iter().cycle()) {
        for pixel in block.as_chunks_mut::<N>().0 {
            // As one value, so that all channels are computed at a time.
            *pixel = std::array::from_fn(|at| {
                let x = pixel[at];
                // As `max`, without what that does for numbers that are none.
                (if x > 0.0 { x } else { 0.0 }) + factors[at] * x
            });
        }
    }
}

/// Shares of pairs, see [`SHARES`]: of which two a softmax is slow.
struct Shares;

impl Operator for Shares {
    type Kernel<'attr> = Self;

    fn name(&self) -> &str {
        SHARES
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<Self> {
        Ok(Self)
    }

    fn infer_shape(&self, node: &mut ShapeInferenceContext) -> ort::Result<()> {
        as_the_first_input(node)
    }
}

impl Kernel for Shares {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = context.input(0)?.ok_or_else(nothing)?;
        let (shape, pairs) = input.try_extract_tensor::<f32>()?;
        let &[batch, boxes, 2] = &shape[..] else { return Err(nothing()) };
        let mut output = context.output(0, [batch, boxes, 2])?.ok_or_else(nothing)?;
        let (_, shares) = output.try_extract_tensor_mut::<f32>()?;
        for (shares, [a, b]) in shares.as_chunks_mut::<2>().0.iter_mut().zip(pairs.as_chunks::<2>().0) {
            let of_second = 1.0 / (1.0 + (a - b).exp());
            *shares = [1.0 - of_second, of_second];
        }
        Ok(())
    }
}

/// Corners of boxes, see [`CORNERS`].
struct Corners;

impl Operator for Corners {
    type Kernel<'attr> = Anchors;

    fn name(&self) -> &str {
        CORNERS
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [TensorElementType::Float32; 2].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<Anchors> {
        let anchors = node.constant_input::<DynTensorValueType>(1)?;
        Ok(Anchors(anchors.try_extract_tensor::<f32>()?.1.as_chunks().0.to_vec()))
    }

    fn infer_shape(&self, node: &mut ShapeInferenceContext) -> ort::Result<()> {
        as_the_first_input(node)
    }
}

/// The constants of each box.
struct Anchors(Vec<[f32; ANCHOR]>);

impl Kernel for Anchors {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = context.input(0)?.ok_or_else(nothing)?;
        let (shape, offsets) = input.try_extract_tensor::<f32>()?;
        let &[1, boxes, 4] = &shape[..] else { return Err(nothing()) };
        if usize::try_from(boxes) != Ok(self.0.len()) {
            return Err(nothing());
        }
        let mut output = context.output(0, [1, boxes, 4])?.ok_or_else(nothing)?;
        let (_, corners) = output.try_extract_tensor_mut::<f32>()?;
        let boxes = corners.as_chunks_mut::<4>().0.iter_mut().zip(offsets.as_chunks::<4>().0);
        for ((corners, [x, y, w, h]), [sx, sy, cx, cy, kx, ky, rx, ry]) in boxes.zip(&self.0) {
            let (x, y) = (sx * x + cx, sy * y + cy);
            let (across, down) = (rx * (kx * w).exp(), ry * (ky * h).exp());
            *corners = [x - across, y - down, x + across, y + down];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_is_bent_by_its_own_factor_at_every_pixel() {
        let factors: [[f32; 8]; 2] = std::array::from_fn(|block| std::array::from_fn(|at| (block * 8 + at) as f32));
        // Two pixels, one below zero.
        let mut y: Vec<f32> = (0..32).map(|at| if at / 8 % 2 == 0 { 2.0 } else { -2.0 }).collect();
        bend(&mut y, 2, &factors);
        for (at, y) in y.into_iter().enumerate() {
            let factor = (at / 16 * 8 + at % 8) as f32;
            assert_eq!(y, if at / 8 % 2 == 0 { 2.0 + 2.0 * factor } else { -2.0 * factor }, "number {at}");
        }
    }
}
