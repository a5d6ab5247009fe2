#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_prefetch, _mm_shuffle_epi32,
    _mm256_add_epi32, _mm256_add_ps, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_ps, _mm256_setzero_si256,
    _mm256_storeu_ps,
};

use super::fixed_point::{self, Parts};
use super::generic;

/// Floats in a register.
const LANES: usize = 8;

/// Heads ahead of what is read that are asked for: two faces of 512 numbers. The processor's own prefetching begins anew at each page.
const AHEAD: usize = 1024;

/// Whether the processor has what the kernels of this file need.
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

pub(super) fn prefetch<T>(soon: &[T]) {
    const LINE: usize = 64;
    let begin = soon.as_ptr().cast::<i8>();
    for at in (0..size_of_val(soon)).step_by(LINE) {
        // SAFETY: every x86-64 processor can, and what is asked for lies in the slice.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(begin.add(at)) };
    }
}

/// Only where [`is_supported`].
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert!(is_supported());
    // SAFETY: this function is only handed out where `is_supported` has seen AVX2 and FMA.
    unsafe { dot_avx2(a, b) }
}

/// Only where [`is_supported`].
pub(super) fn head_dots(heads: &[i8], probe: &[i16], dots: &mut [i32]) {
    debug_assert!(is_supported());
    // SAFETY: this function is only handed out where `is_supported` has seen AVX2.
    unsafe { head_dots_avx2(heads, probe, dots) }
}

/// Only where [`is_supported`].
pub(super) fn split(vector: &[f32], step: f32, parts: Parts<'_>) -> f32 {
    debug_assert!(is_supported());
    // SAFETY: this function is only handed out where `is_supported` has seen AVX2.
    unsafe { split_avx2(vector, step, parts) }
}

/// The compiler's own vectors, twice as wide.
#[target_feature(enable = "avx2")]
fn split_avx2(vector: &[f32], step: f32, parts: Parts<'_>) -> f32 {
    fixed_point::split(vector, step, parts)
}

/// Four sums of eight lanes: enough independent chains to keep both FMA units busy.
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
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
    total(sums) + generic::dot(&a[whole..len], &b[whole..len])
}

#[target_feature(enable = "avx2")]
fn head_dots_avx2(heads: &[i8], probe: &[i16], dots: &mut [i32]) {
    for (heads, dot) in heads.chunks_exact(probe.len().max(1)).zip(dots) {
        *dot = head_dot_avx2(heads, probe);
    }
}

/// Four sums of eight lanes as well. A step is a cache line of heads.
#[target_feature(enable = "avx2")]
fn head_dot_avx2(heads: &[i8], probe: &[i16]) -> i32 {
    const EACH: usize = 16;
    const STEP: usize = 4 * EACH;
    let len = heads.len().min(probe.len());
    let whole = len / STEP * STEP;
    let mut sums = [_mm256_setzero_si256(); 4];
    for at in (0..whole).step_by(STEP) {
        _mm_prefetch::<_MM_HINT_T0>(heads.as_ptr().wrapping_add(at + AHEAD));
        for (i, sum) in sums.iter_mut().enumerate() {
            let at = at + i * EACH;
            // SAFETY: at + EACH ≤ whole ≤ the length of both slices; loadu asks for no alignment.
            let (heads, numbers) = unsafe {
                (_mm_loadu_si128(heads.as_ptr().add(at).cast()), _mm256_loadu_si256(probe.as_ptr().add(at).cast()))
            };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(heads), numbers));
        }
    }
    whole_total(sums) + generic::head_dot(&heads[whole..len], &probe[whole..len])
}

#[target_feature(enable = "avx2")]
fn whole_total(sums: [__m256i; 4]) -> i32 {
    const OTHER_HALF: i32 = 0b0100_1110;
    const OTHER_OF_TWO: i32 = 0b1011_0001;
    let sum = _mm256_add_epi32(_mm256_add_epi32(sums[0], sums[1]), _mm256_add_epi32(sums[2], sums[3]));
    let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<OTHER_HALF>(sum));
    _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32::<OTHER_OF_TWO>(sum)))
}

#[target_feature(enable = "avx2,fma")]
fn total(sums: [__m256; 4]) -> f32 {
    let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` holds exactly the eight floats that are stored.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes.iter().sum()
}
