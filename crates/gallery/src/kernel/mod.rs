//! Dot products, one file for each instruction set. `generic` is the twin that the others are tested against. What is left to the compiler, for
//! whichever instruction set, is in `fixed_point`.

pub(crate) mod fixed_point;
mod generic;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use self::fixed_point::Parts;
pub(crate) use generic::squared_difference;

/// A dot product of two slices of the same length.
pub(crate) type Dot = fn(&[f32], &[f32]) -> f32;

/// Dot products of a probe and each of some vectors of its length that lie behind each other; there is a place for each product. The
/// caller sees to it that none, nor a part of one, is beyond 32 bits.
pub(crate) type HeadDots = fn(&[i8], &[i16], &mut [i32]);

/// [`fixed_point::split`].
pub(crate) type Split = fn(&[f32], f32, Parts<'_>) -> f32;

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    pub dot: Dot,
    pub head_dots: HeadDots,
    pub split: Split,
}

/// The fastest kernels that this processor has.
pub(crate) fn best() -> Kernels {
    #[cfg(target_arch = "x86_64")]
    if x86_64::is_supported() {
        return Kernels { dot: x86_64::dot, head_dots: x86_64::head_dots, split: x86_64::split };
    }
    #[cfg(target_arch = "aarch64")]
    return Kernels { dot: aarch64::dot, head_dots: aarch64::head_dots, split: fixed_point::split };
    #[cfg(not(target_arch = "aarch64"))]
    Kernels { dot: generic::dot, head_dots: generic::head_dots, split: fixed_point::split }
}

/// Asks memory for what is soon to be read, where the processor can be asked.
pub(crate) fn prefetch<T>(soon: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86_64::prefetch(soon);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = soon;
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
        fn and_bit_by_bit_the_parts_of_a_vector(vector in prop::collection::vec(-1.0f32..1.0, 0..200)) {
            let parts = |split: Split| {
                let (mut heads, mut middles, mut ends) = (vec![0; vector.len()], vec![0; vector.len()], vec![0; vector.len()]);
                let parts = Parts { heads: &mut heads, middles: &mut middles, ends: &mut ends };
                let square = split(&vector, fixed_point::step_of(&vector), parts);
                (heads, middles, ends, square.to_bits())
            };
            prop_assert_eq!(parts(fixed_point::split), parts(best().split));
        }

        #[test]
        fn and_bit_by_bit_of_heads(
            (heads, probe) in (0usize..200, 0usize..5).prop_flat_map(|(dim, vectors)| {
                (prop::collection::vec(any::<i8>(), dim * vectors), prop::collection::vec(any::<i16>(), dim))
            }),
        ) {
            let vectors = heads.len().checked_div(probe.len()).unwrap_or_default();
            let (mut want, mut got) = (vec![1; vectors], vec![2; vectors]);
            generic::head_dots(&heads, &probe, &mut want);
            (best().head_dots)(&heads, &probe, &mut got);
            prop_assert_eq!(want, got);
        }
    }
}
