#![allow(unsafe_code)]

use std::arch::x86_64::{_mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps};

use super::{Dot, generic};

/// The AVX2 kernel, where the processor has it.
pub(super) fn dot_if_supported() -> Option<Dot> {
    (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(dot as Dot)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: this function is only handed out by `dot_if_supported`, which has seen AVX2 and FMA.
    unsafe { dot_avx2(a, b) }
}

/// Four sums of eight lanes: enough independent chains to keep both FMA units busy.
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    const STEP: usize = 4 * LANES;
    let len = a.len().min(b.len());
    let whole = len / STEP * STEP;
    let mut sums = [_mm256_setzero_ps(); 4];
    for at in (0..whole).step_by(STEP) {
        for (i, sum) in sums.iter_mut().enumerate() {
            let at = at + i * LANES;
            // SAFETY: at + LANES ≤ whole ≤ the length of both slices; loadu asks for no alignment.
            let (x, y) = unsafe { (_mm256_loadu_ps(a.as_ptr().add(at)), _mm256_loadu_ps(b.as_ptr().add(at))) };
            *sum = _mm256_fmadd_ps(x, y, *sum);
        }
    }
    let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` holds exactly the eight floats that are stored.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes.iter().sum::<f32>() + generic::dot(&a[whole..len], &b[whole..len])
}
