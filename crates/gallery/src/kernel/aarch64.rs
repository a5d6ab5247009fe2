#![allow(unsafe_code)]

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddq_s32, vaddvq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vget_low_s8,
    vget_low_s16, vld1q_f32, vld1q_s8, vld1q_s16, vmlal_high_s16, vmlal_s16, vmovl_high_s8, vmovl_s8,
};

use super::generic;

/// Floats in a register.
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

pub(crate) fn head_dots(heads: &[i8], probe: &[i16], dots: &mut [i32]) {
    for (heads, dot) in heads.chunks_exact(probe.len().max(1)).zip(dots) {
        *dot = head_dot(heads, probe);
    }
}

/// Four sums as well.
fn head_dot(heads: &[i8], probe: &[i16]) -> i32 {
    const STEP: usize = 16;
    let len = heads.len().min(probe.len());
    let whole = len / STEP * STEP;
    // SAFETY: NEON is part of aarch64; every load is of no more than STEP numbers from at on, and at + STEP ≤ whole ≤ the length of both
    // slices.
    let sum = unsafe {
        let mut sums = [vdupq_n_s32(0); 4];
        for at in (0..whole).step_by(STEP) {
            let heads = vld1q_s8(heads.as_ptr().add(at));
            let halves = [vmovl_s8(vget_low_s8(heads)), vmovl_high_s8(heads)];
            for (i, half) in halves.into_iter().enumerate() {
                let numbers = vld1q_s16(probe.as_ptr().add(at + i * STEP / 2));
                sums[2 * i] = vmlal_s16(sums[2 * i], vget_low_s16(half), vget_low_s16(numbers));
                sums[2 * i + 1] = vmlal_high_s16(sums[2 * i + 1], half, numbers);
            }
        }
        vaddvq_s32(vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3])))
    };
    sum + generic::head_dot(&heads[whole..len], &probe[whole..len])
}

fn total(sums: [float32x4_t; 4]) -> f32 {
    // SAFETY: NEON is part of aarch64.
    unsafe { vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]))) }
}
