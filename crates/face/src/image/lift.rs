//! What is done to pictures in which the models would find nothing: dark ones are multiplied up, noisy ones are smoothed.
//! An ordinary picture is not touched.

use std::cell::RefCell;

use super::blur::{CHROMA, FULL, blurred};
use super::{RgbImage, YuvImage};

/// A picture whose mean brightness is below this is dark.
const DARK: f32 = 40.0;

/// The mean brightness that a dark picture is multiplied up to.
const ORDINARY: f32 = 110.0;

/// The brightest hundredth of a dark picture may become so bright and no more: what is lit in a dark room, a face on a stage, would lose
/// all detail.
const BRIGHTEST: f32 = 250.0;

/// Less than this is not worth a copy.
const LEAST_GAIN: f32 = 1.2;

/// A picture with more noise than this, the standard deviation of its brightness, is noisy.
const NOISY: f32 = 6.0;

/// Rows read to judge the brightness.
const BRIGHTNESS_ROWS: usize = 128;

/// Noise is judged in blocks of this width and height, in at most so many rows of blocks.
const BLOCK: (usize, usize) = (16, 8);
const BLOCK_ROWS: usize = 16;

/// The noise is that of the smoothest fifth of the blocks: what else there is, is texture.
const SMOOTHEST: usize = 5;

/// Blocks darker or brighter than this are left out: their noise is cut off.
const JUDGED: std::ops::Range<f32> = 12.0..243.0;

/// Fewer blocks say nothing.
const FEWEST_BLOCKS: usize = 8;

/// A kind of pixel storage that can be looked at for its brightness, and copied with other pixels.
pub(super) trait Lift: Sized {
    /// Width and height in pixels.
    fn pixels_across_and_down(&self) -> (usize, usize);
    /// The brightness of a row's pixels, 0–255; `room` may be used to hold them.
    fn brightness<'a>(&'a self, row: usize, room: &'a mut Vec<u8>) -> &'a [u8];
    /// A copy with all colours multiplied by `gain`, up to 255.
    fn times(&self, gain: f32) -> Self;
    /// A copy smoothed by a Gaussian of σ 1.2 pixels.
    fn smoothed(&self) -> Self;
}

/// What a dark picture is to be multiplied by; `None` for one that is not dark, or has bright parts that would be lost.
pub(super) fn gain(picture: &impl Lift) -> Option<f32> {
    let (width, height) = picture.pixels_across_and_down();
    let rows = (0..height).step_by(height.div_ceil(BRIGHTNESS_ROWS));
    let total = (width * rows.len()) as u64;
    let mut room = Vec::new();
    let sum_of = |row: &[u8]| row.iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
    let sum: u64 = rows.clone().map(|row| sum_of(picture.brightness(row, &mut room))).sum();
    let mean = sum as f32 / total as f32;
    if mean >= DARK {
        return None;
    }
    let mut counts = [0u32; 256];
    for row in rows {
        picture.brightness(row, &mut room).iter().for_each(|&pixel| counts[usize::from(pixel)] += 1);
    }
    let mut above = 0;
    let is_brightest = |count: u32| {
        above += u64::from(count);
        above * 100 > total
    };
    let brightest = 255 - counts.into_iter().rev().position(is_brightest)?;
    let gain = (ORDINARY / mean.max(1.0)).min(BRIGHTEST / (brightest as f32).max(1.0));
    (gain >= LEAST_GAIN).then_some(gain)
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Whether there is so much noise that the detector misses faces.
pub(super) fn is_noisy(picture: &impl Lift) -> bool {
    SCRATCH.with_borrow_mut(|scratch| noise(picture, scratch)).is_some_and(|sigma| sigma > NOISY)
}

/// What is needed while noise is judged, kept by each thread from picture to picture.
#[derive(Default)]
struct Scratch {
    /// Deviation and brightness of each block that counts.
    blocks: Vec<(f32, f32)>,
    /// The same of a row of blocks, summed up.
    sums: Vec<(u32, u32)>,
    /// Three rows of pixels.
    rooms: [Vec<u8>; 3],
    laplacian: Laplacian,
}

/// Standard deviation of the noise in the brightness: Immerkær's estimate (Fast Noise Variance Estimation, 1996: a Laplacian that is blind to
/// edges), of the smoothest blocks. `None` where there is too little to judge by.
fn noise(picture: &impl Lift, scratch: &mut Scratch) -> Option<f32> {
    let (width, height) = picture.pixels_across_and_down();
    let (blocks_across, blocks_down) = (width.checked_sub(2)? / BLOCK.0, height.checked_sub(2)? / BLOCK.1);
    let Scratch { blocks, sums, rooms, laplacian } = scratch;
    blocks.clear();
    for first in (0..blocks_down).step_by(blocks_down.div_ceil(BLOCK_ROWS).max(1)).map(|at| at * BLOCK.1) {
        sums.clear();
        sums.resize(blocks_across, (0, 0));
        for row in first..first + BLOCK.1 {
            let [above, here, below] = &mut *rooms;
            let above = picture.brightness(row, above);
            let here = picture.brightness(row + 1, here);
            let below = picture.brightness(row + 2, below);
            laplacian.of([above, here, below]);
            let blocks = laplacian.across.chunks_exact(BLOCK.0).zip(here[1..].chunks_exact(BLOCK.0));
            for ((deviation, brightness), (values, pixels)) in sums.iter_mut().zip(blocks) {
                *deviation += u32::from(values.iter().sum::<u16>());
                *brightness += u32::from(pixels.iter().map(|&pixel| u16::from(pixel)).sum::<u16>());
            }
        }
        let pixels = (BLOCK.0 * BLOCK.1) as f32;
        let of_block = |(deviation, brightness): (u32, u32)| (deviation as f32 / pixels, brightness as f32 / pixels);
        blocks.extend(sums.iter().copied().map(of_block).filter(|(_, brightness)| JUDGED.contains(brightness)));
    }
    if blocks.len() < FEWEST_BLOCKS {
        return None;
    }
    let fifth = blocks.len() / SMOOTHEST;
    let (_, (deviation, _), _) = blocks.select_nth_unstable_by(fifth, |a, b| a.0.total_cmp(&b.0));
    Some(*deviation * (std::f32::consts::PI / 2.0).sqrt() / 6.0)
}

/// The Laplacian of a row of pixels, made in two steps over the whole row, each of which takes several pixels at a time.
#[derive(Default)]
struct Laplacian {
    /// 1 −2 1 of each column.
    down: Vec<i16>,
    /// The absolute value of 1 −2 1 of those, at each pixel but the first and the last: at most 2040, so that those of a block's row fit together.
    across: Vec<u16>,
}

impl Laplacian {
    fn of(&mut self, [above, here, below]: [&[u8]; 3]) {
        let columns = above.iter().zip(here).zip(below);
        self.down.clear();
        self.down.extend(columns.map(|((&a, &h), &b)| i16::from(a) - 2 * i16::from(h) + i16::from(b)));
        let neighbours = self.down.iter().zip(&self.down[1..]).zip(&self.down[2..]);
        self.across.clear();
        self.across.extend(neighbours.map(|((left, here), right)| (left - 2 * here + right).unsigned_abs()));
    }
}

/// `gain` in 256ths.
fn fixed(gain: f32) -> i32 {
    (gain * 256.0).round() as i32
}

impl Lift for RgbImage {
    fn pixels_across_and_down(&self) -> (usize, usize) {
        (self.width() as usize, self.height() as usize)
    }

    fn brightness<'a>(&'a self, row: usize, room: &'a mut Vec<u8>) -> &'a [u8] {
        let stride = self.width() as usize * 3;
        let pixels = self.pixels()[row * stride..(row + 1) * stride].chunks_exact(3);
        // BT.601 in 256ths.
        let grey = |p: &[u8]| (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2]) + 128) >> 8;
        room.clear();
        room.extend(pixels.map(|pixel| grey(pixel) as u8));
        room
    }

    fn times(&self, gain: f32) -> Self {
        let gain = fixed(gain);
        let pixels = self.pixels().iter().map(|&p| ((i32::from(p) * gain + 128) >> 8).min(255) as u8).collect();
        Self::from_decoded(self.width(), self.height(), pixels)
    }

    fn smoothed(&self) -> Self {
        let pixels = blurred(self.pixels(), self.width() as usize * 3, 3, &FULL);
        Self::from_decoded(self.width(), self.height(), pixels)
    }
}

impl Lift for YuvImage {
    fn pixels_across_and_down(&self) -> (usize, usize) {
        (self.width() as usize, self.height() as usize)
    }

    fn brightness<'a>(&'a self, row: usize, _room: &'a mut Vec<u8>) -> &'a [u8] {
        let stride = self.width() as usize;
        &self.luma()[row * stride..(row + 1) * stride]
    }

    /// Multiplying red, green and blue multiplies luma, and chroma about its neutral 128.
    fn times(&self, gain: f32) -> Self {
        let gain = fixed(gain);
        let luma = self.luma().iter().map(|&y| ((i32::from(y) * gain + 128) >> 8).min(255) as u8);
        let chroma = self.chroma_u().iter().chain(self.chroma_v());
        let chroma = chroma.map(|&c| (128 + (((i32::from(c) - 128) * gain + 128) >> 8)).clamp(0, 255) as u8);
        self.with_planes(luma.chain(chroma).collect())
    }

    fn smoothed(&self) -> Self {
        let (full, half) = (self.width() as usize, self.width() as usize / 2);
        let mut planes = blurred(self.luma(), full, 1, &FULL);
        planes.extend(blurred(self.chroma_u(), half, 1, &CHROMA));
        planes.extend(blurred(self.chroma_v(), half, 1, &CHROMA));
        self.with_planes(planes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Area, Picture};

    /// Numbers 0–255 that look like chance, by place and seed.
    fn chance(seed: u64, at: usize) -> u8 {
        let mut hash = seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (hash >> 40) as u8
    }

    fn yuv(luma: impl Fn(usize, usize) -> u8, chroma: impl Fn(usize) -> u8) -> YuvImage {
        let (width, height) = (128usize, 96usize);
        let mut planes: Vec<u8> = (0..width * height).map(|at| luma(at % width, at / width)).collect();
        planes.extend((0..width * height / 2).map(chroma));
        YuvImage::new(128, 96, planes).unwrap()
    }

    fn rgb(pixel: impl Fn(usize) -> u8) -> RgbImage {
        RgbImage::new(128, 96, (0..128 * 96 * 3).map(pixel).collect()).unwrap()
    }

    /// A wall with a shadow across, and noise of this standard deviation.
    fn wall(sigma: f32, seed: u64) -> YuvImage {
        // The sum of four numbers of chance has about a bell's form, σ 147.8.
        let noise = |at: usize| (0..4).map(|n| f32::from(chance(seed + n, at))).sum::<f32>() - 510.0;
        let luma = |x: usize, y: usize| (90.0 + x as f32 / 2.0 + noise(y * 128 + x) / 147.8 * sigma) as u8;
        yuv(luma, |_| 128)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_ordinary_picture_is_used_as_it_is(seed in any::<u64>(), mean in 41u8..220, swing in 0u8..30) {
            let swing = |at: usize| mean.saturating_add(chance(seed, at / 200) % (swing + 1));
            let frame = yuv(|x, y| swing(y * 128 + x), |at| chance(seed, at));
            prop_assert!(frame.brightened_if_dark().is_none() && frame.smoothed_if_noisy().is_none());
            let photo = rgb(|at| swing(at / 3));
            prop_assert!(photo.brightened_if_dark().is_none() && photo.smoothed_if_noisy().is_none());
        }

        #[test]
        fn a_frame_multiplied_is_what_its_colours_multiplied_are(seed in any::<u64>(), gain in 1.3f32..6.0) {
            // Nothing so bright that it would be cut off.
            let dark = yuv(|x, y| 12 + chance(seed, (y / 2 * 64 + x / 2) % 4096) % 16, |at| 126 + chance(seed, at % 3072) % 5);
            let input = models::Input { width: 128, height: 96, channels: models::Channels::Rgb, mean: models::PerChannel::All(0.0), scale: models::PerChannel::All(1.0) };
            let colours = |picture: &YuvImage| {
                let mut out = Vec::new();
                picture.resize_into(Area { left: 0, top: 0, width: 128, height: 96 }, &input, &mut out);
                out
            };
            for (before, after) in colours(&dark).iter().zip(colours(&dark.times(gain))) {
                // Chroma is a whole number before and after: half a level, 1.8 times in blue.
                let rounding = 0.5 * gain + 0.5 + 1.8 * (0.5 * gain + 0.5);
                prop_assert!((before * gain - after).abs() <= rounding, "{before} × {gain} is {after}");
            }
        }

        #[test]
        fn the_noise_of_a_wall_is_estimated(seed in any::<u64>(), sigma in 3.0f32..25.0) {
            let found = noise(&wall(sigma, seed), &mut Scratch::default()).unwrap();
            // Of a fifth of the blocks, those with the least.
            prop_assert!((0.7 * sigma..1.1 * sigma).contains(&found), "{found} of {sigma}");
        }
    }

    #[test]
    fn a_dark_picture_becomes_as_bright_as_others_and_what_is_lit_in_it_stays() {
        assert_eq!(gain(&rgb(|_| 22)), Some(5.0));
        assert_eq!(gain(&yuv(|_, _| 11, |_| 128)), Some(10.0));
        assert_eq!(gain(&yuv(|_, _| 0, |_| 128)).map(f32::is_finite), Some(true));
        // A stage: a tenth of the picture is lit.
        assert_eq!(gain(&yuv(|x, _| if x < 13 { 230 } else { 8 }, |_| 128)), None);
        let lamp = gain(&yuv(|x, y| if x < 10 && y < 10 { 230 } else { 22 }, |_| 128)).unwrap();
        assert!(lamp > 4.0, "a lamp is no reason to leave all else dark: {lamp}");
    }

    #[test]
    fn smoothing_takes_away_noise_and_leaves_light_and_shade() {
        for seed in 0..4 {
            let noisy = wall(20.0, seed);
            assert!(is_noisy(&noisy));
            let smooth = noisy.smoothed();
            let far = smooth.luma().iter().enumerate().filter(|(at, y)| {
                let (x, clean) = (at % 128, 90.0 + (at % 128) as f32 / 2.0);
                (4..124).contains(&x) && (f32::from(**y) - clean).abs() > 20.0
            });
            // σ is a quarter: four of it are hardly ever exceeded.
            assert!(far.count() < 20);
        }
        assert!(!is_noisy(&wall(2.0, 1)));
    }

    #[test]
    fn a_picture_of_a_few_pixels_is_judged_without_harm() {
        for (width, height) in [(1, 1), (2, 3), (17, 9), (1, 4000)] {
            let photo = RgbImage::new(width, height, vec![200; (width * height * 3) as usize]).unwrap();
            assert!(photo.brightened_if_dark().is_none() && photo.smoothed_if_noisy().is_none());
            assert_eq!(photo.smoothed(), photo, "nothing to smooth");
        }
    }
}
