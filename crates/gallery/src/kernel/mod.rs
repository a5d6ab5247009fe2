//! Dot products, one file for each instruction set. `generic` is the twin that the others are tested against.

mod generic;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub(crate) use generic::squared_difference;

/// A dot product of two slices of the same length.
pub type Dot = fn(&[f32], &[f32]) -> f32;

/// The fastest dot product that this processor has.
pub fn best() -> Dot {
    #[cfg(target_arch = "x86_64")]
    if let Some(dot) = x86_64::dot_if_supported() {
        return dot;
    }
    #[cfg(target_arch = "aarch64")]
    return aarch64::dot;
    #[cfg(not(target_arch = "aarch64"))]
    generic::dot
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
            let (want, got) = (generic::dot(&a, &b), best()(&a, &b));
            prop_assert!((want - got).abs() < 1e-3, "{want} and {got}");
        }
    }
}
