#![allow(unsafe_code)]

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_f32, vandq_u32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1q_f32, vld1q_u32,
    vreinterpretq_f32_u32, vshlq_n_u32,
};

use super::generic::{self, UPPER};

/// Floats, or words, in a register.
const LANES: usize = 4;

/// Four sums of four lanes. Every aarch64 processor has NEON.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
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
        total(sums)
    };
    sum + generic::dot(&a[whole..len], &b[whole..len])
}

/// Four sums as well, two for each half of the words.
pub(crate) fn head_dot(heads: &[u32], upper: &[f32], lower: &[f32]) -> f32 {
    const STEP: usize = 2 * LANES;
    let len = heads.len().min(upper.len()).min(lower.len());
    let whole = len / STEP * STEP;
    // SAFETY: NEON is part of aarch64; every load is at + LANES ≤ whole ≤ the length of all three slices.
    let sum = unsafe {
        let is_upper = vdupq_n_u32(UPPER);
        let mut sums = [vdupq_n_f32(0.0); 4];
        for at in (0..whole).step_by(STEP) {
            for i in 0..2 {
                let at = at + i * LANES;
                let words = vld1q_u32(heads.as_ptr().add(at));
                let (a, b) = (vandq_u32(words, is_upper), vshlq_n_u32::<16>(words));
                sums[i] = vfmaq_f32(sums[i], vreinterpretq_f32_u32(a), vld1q_f32(upper.as_ptr().add(at)));
                sums[2 + i] = vfmaq_f32(sums[2 + i], vreinterpretq_f32_u32(b), vld1q_f32(lower.as_ptr().add(at)));
            }
        }
        total(sums)
    };
    sum + generic::head_dot(&heads[whole..len], &upper[whole..len], &lower[whole..len])
}

fn total(sums: [float32x4_t; 4]) -> f32 {
    // SAFETY: NEON is part of aarch64.
    unsafe { vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]))) }
}
