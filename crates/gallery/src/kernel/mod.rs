//! Dot products, one file for each instruction set. `generic` is the twin that the others are tested against.

mod generic;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub(crate) use generic::squared_difference;

/// A dot product of two slices of the same length.
pub(crate) type Dot = fn(&[f32], &[f32]) -> f32;

/// A dot product of numbers of which only the upper halves of the bits are known, two in a word, with the numbers that belong to
/// the words' upper halves and those that belong to the lower ones. All three slices have the same length.
pub(crate) type HeadDot = fn(&[u32], &[f32], &[f32]) -> f32;

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    pub dot: Dot,
    pub head_dot: HeadDot,
}

/// The fastest kernels that this processor has.
pub(crate) fn best() -> Kernels {
    #[cfg(target_arch = "x86_64")]
    if x86_64::is_supported() {
        return Kernels { dot: x86_64::dot, head_dot: x86_64::head_dot };
    }
    #[cfg(target_arch = "aarch64")]
    return Kernels { dot: aarch64::dot, head_dot: aarch64::head_dot };
    #[cfg(not(target_arch = "aarch64"))]
    Kernels { dot: generic::dot, head_dot: generic::head_dot }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_kernel_gives_what_the_generic_one_gives(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..1100),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let (want, got) = (generic::dot(&a, &b), (best().dot)(&a, &b));
            prop_assert!((want - got).abs() < 1e-3, "{want} and {got}");
        }

        #[test]
        fn and_of_the_upper_halves_of_numbers(
            numbers in prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 0..600),
        ) {
            let word = |[a, b, ..]: &[f32; 4]| (a.to_bits() & generic::UPPER) | (b.to_bits() >> 16);
            let (upper, lower): (Vec<f32>, Vec<f32>) = numbers.iter().map(|[.., x, y]| (*x, *y)).unzip();
            let heads: Vec<u32> = numbers.iter().map(word).collect();
            let (want, got) = (generic::head_dot(&heads, &upper, &lower), (best().head_dot)(&heads, &upper, &lower));
            prop_assert!((want - got).abs() < 1e-3, "{want} and {got}");
        }
    }
}
