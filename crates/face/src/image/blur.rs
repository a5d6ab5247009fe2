//! Smoothing by a Gaussian, in whole numbers.

/// Weights from the middle outwards, in 256ths, both sides together with the middle 256: σ 1.2 pixels.
pub(super) const FULL: [u16; 4] = [86, 60, 21, 4];

/// The same σ in planes of half the size.
pub(super) const CHROMA: [u16; 2] = [170, 43];

/// Rows of `stride` bytes, `step` bytes from pixel to pixel, smoothed down and across; what is at the edge goes on beyond it.
pub(super) fn blurred(bytes: &[u8], stride: usize, step: usize, weights: &[u16]) -> Vec<u8> {
    let rows: Vec<&[u8]> = bytes.chunks_exact(stride).collect();
    let Some(last) = rows.len().checked_sub(1) else { return Vec::new() };
    let margin = (weights.len() - 1) * step;
    let mut sums = vec![0u16; stride];
    let mut padded = vec![0u8; stride + 2 * margin];
    let mut out = Vec::with_capacity(bytes.len());
    for at in 0..rows.len() {
        weigh(&mut sums, weights, |far| (rows[at.saturating_sub(far)], rows[(at + far).min(last)]));
        for (padded, sum) in padded[margin..].iter_mut().zip(&sums) {
            *padded = (sum >> 8) as u8;
        }
        for far in 0..margin {
            padded[far] = padded[margin + far % step];
            padded[margin + stride + far] = padded[margin + stride - step + far % step];
        }
        weigh(&mut sums, weights, |far| (&padded[margin - far * step..], &padded[margin + far * step..]));
        out.extend(sums.iter().map(|sum| (sum >> 8) as u8));
    }
    out
}

/// Sums, in 256ths and ready to be cut off, of the middle and of the pair of rows at each distance from it. At most
/// 255 × 256 + 128: it fits.
fn weigh<'a>(sums: &mut [u16], weights: &[u16], pair: impl Fn(usize) -> (&'a [u8], &'a [u8])) {
    let (middle, _) = pair(0);
    for (sum, &value) in sums.iter_mut().zip(middle) {
        *sum = 128 + weights[0] * u16::from(value);
    }
    for (far, weight) in weights.iter().enumerate().skip(1) {
        let (before, after) = pair(far);
        for ((sum, &before), &after) in sums.iter_mut().zip(before).zip(after) {
            *sum += weight * (u16::from(before) + u16::from(after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_a_whole() {
        for weights in [&FULL[..], &CHROMA[..]] {
            assert_eq!(weights[0] + 2 * weights[1..].iter().sum::<u16>(), 256);
        }
    }

    #[test]
    fn a_dot_spreads_evenly_and_channels_stay_apart() {
        // 9×9 pixels of three channels, a dot of red in the middle.
        let mut pixels = vec![0u8; 9 * 9 * 3];
        pixels[(4 * 9 + 4) * 3] = 255;
        let smooth = blurred(&pixels, 27, 3, &FULL);
        let at = |x: usize, y: usize, channel: usize| smooth[(y * 9 + x) * 3 + channel];
        // 255 × (86/256)².
        assert_eq!((at(4, 4, 0), at(4, 4, 1), at(4, 4, 2)), (29, 0, 0));
        assert_eq!((at(3, 4, 0), at(5, 4, 0), at(4, 3, 0), at(4, 5, 0)), (20, 20, 20, 20));
        assert!(smooth.iter().skip(1).step_by(3).all(|&green| green == 0));
    }

    #[test]
    fn what_is_even_stays_as_it_is_up_to_the_edges() {
        for value in [0, 1, 128, 255] {
            assert_eq!(blurred(&[value; 7 * 5], 7, 1, &FULL), [value; 7 * 5]);
        }
        assert_eq!(blurred(&[255, 0, 7], 3, 3, &FULL), [255, 0, 7]);
    }
}
