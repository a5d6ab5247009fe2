/// The bits of a word that are the first of its two numbers.
pub(crate) const UPPER: u32 = 0xFFFF_0000;

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

/// Likewise of words, each the upper halves of two numbers.
pub(crate) fn head_dot(heads: &[u32], upper: &[f32], lower: &[f32]) -> f32 {
    let of_word = |word: u32, x: f32, y: f32| f32::from_bits(word & UPPER) * x + f32::from_bits(word << 16) * y;
    let mut sums = [0.0f32; 8];
    let (words8, x8, y8) = (heads.chunks_exact(8), upper.chunks_exact(8), lower.chunks_exact(8));
    let rest = words8.remainder().iter().zip(x8.remainder()).zip(y8.remainder());
    let rest: f32 = rest.map(|((word, x), y)| of_word(*word, *x, *y)).sum();
    for ((words, x), y) in words8.zip(x8).zip(y8) {
        for i in 0..8 {
            sums[i] += of_word(words[i], x[i], y[i]);
        }
    }
    sums.iter().sum::<f32>() + rest
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
