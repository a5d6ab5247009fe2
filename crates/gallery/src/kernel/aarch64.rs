#![allow(unsafe_code)]

use std::arch::aarch64::{vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32};

use super::generic;

/// Four sums of four lanes. Every aarch64 processor has NEON.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 4;
    const STEP: usize = 4 * LANES;
    let len = a.len().min(b.len());
    let whole = len / STEP * STEP;
    // SAFETY: NEON is part of aarch64; every load is at + LANES ≤ whole ≤ the length of both slices.
    let sum = unsafe {
        let mut sums = [vdupq_n_f32(0.0); 4];
        for at in (0..whole).step_by(STEP) {
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = at + i * LANES;
                *sum = vfmaq_f32(*sum, vld1q_f32(a.as_ptr().add(at)), vld1q_f32(b.as_ptr().add(at)));
            }
        }
        vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])))
    };
    sum + generic::dot(&a[whole..len], &b[whole..len])
}
