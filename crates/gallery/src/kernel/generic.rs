/// Eight running sums, which the compiler turns into whatever vectors it may assume.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Sums of whole numbers are the same in any order, so the compiler is free to make vectors of them.
pub(crate) fn head_dots(heads: &[i8], probe: &[i16], dots: &mut [i32]) {
    for (heads, dot) in heads.chunks_exact(probe.len().max(1)).zip(dots) {
        *dot = head_dot(heads, probe);
    }
}

pub(super) fn head_dot(heads: &[i8], probe: &[i16]) -> i32 {
    heads.iter().zip(probe).map(|(head, number)| i32::from(*head) * i32::from(*number)).sum()
}

/// The squared length of the difference of two slices of the same length, likewise.
pub(crate) fn squared_difference(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            sums[i] += (x[i] - y[i]) * (x[i] - y[i]);
        }
    }
    sums.iter().sum::<f32>() + rest
}
