//! Bilinear sampling, once for every kind of picture.

use models::{Channels, Input};

use super::Area;
use crate::geometry::{Point, Similarity};

/// Where one sample falls between two neighbouring pixels of a row or a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    near: usize,
    far: usize,
    /// Share of `far`, 0–1.
    weight: f32,
    /// Shares of `near` and `far` in 2048ths, for [`Fixed`].
    shares: (i32, i32),
}

impl Tap {
    /// At `position` (0 = centre of the first pixel), kept inside `start..start + len`.
    fn clamped(position: f32, start: usize, len: usize) -> Self {
        let last = (len - 1) as f32;
        let position = position.clamp(0.0, last);
        let near = position as usize;
        let weight = position - near as f32;
        let shares = [1.0 - weight, weight].map(|share| (share * 2048.0).round_ties_even() as i32);
        Self { near: start + near, far: start + (near + 1).min(len - 1), weight, shares: shares.into() }
    }

    /// The same place in a plane of half the size, whose samples lie between two pixels each (JPEG's siting).
    pub(super) fn halved(&self, len: usize) -> Self {
        Self::clamped((self.near as f32 + self.weight - 0.5) / 2.0, 0, len)
    }
}

/// How four pixels (above: near, far; below: near, far) are weighed. The models were measured with OpenCV's arithmetic,
/// and where a large photo is sampled sparsely, half a grey level moves a box by a pixel and an embedding by a hundredth.
pub(super) trait Blend {
    /// The weighted mean, a whole number 0–255.
    fn blend(column: &Tap, row: &Tap, four: [u8; 4]) -> f32;
}

/// Weights of 11 bits and the rounding of OpenCV's `resize`.
pub(super) enum Fixed {}

impl Blend for Fixed {
    #[inline]
    fn blend(column: &Tap, row: &Tap, [above_near, above_far, below_near, below_far]: [u8; 4]) -> f32 {
        let across = |near: u8, far: u8| (i32::from(near) * column.shares.0 + i32::from(far) * column.shares.1) >> 4;
        let down = |share: i32, value: i32| (share * value) >> 16;
        let sum = down(row.shares.0, across(above_near, above_far)) + down(row.shares.1, across(below_near, below_far));
        ((sum + 2) >> 2) as f32
    }
}

/// Exact weights, rounded at the end, as in OpenCV 5's `warpAffine`.
pub(super) enum Exact {}

impl Blend for Exact {
    #[inline]
    fn blend(column: &Tap, row: &Tap, four: [u8; 4]) -> f32 {
        let [above_near, above_far, below_near, below_far] = four.map(f32::from);
        let above = above_near + (above_far - above_near) * column.weight;
        let below = below_near + (below_far - below_near) * column.weight;
        (above + (below - above) * row.weight).round()
    }
}

/// A kind of pixel storage that can be sampled.
pub(super) trait Texels {
    /// Red, green, blue, 0–255.
    fn rgb<B: Blend>(&self, column: &Tap, row: &Tap) -> [f32; 3];
    /// Grey, 0–255, by BT.601's weights.
    fn grey<B: Blend>(&self, column: &Tap, row: &Tap) -> f32;
}

/// One byte plane with `stride` bytes a row.
#[inline]
pub(super) fn bilinear<B: Blend>(plane: &[u8], stride: usize, column: &Tap, row: &Tap) -> f32 {
    let (above, below) = (row.near * stride, row.far * stride);
    let four = [above + column.near, above + column.far, below + column.near, below + column.far];
    B::blend(column, row, four.map(|at| plane[at]))
}

/// Three interleaved bytes a pixel, `stride` bytes a row.
#[inline]
pub(super) fn bilinear_rgb<B: Blend>(pixels: &[u8], stride: usize, column: &Tap, row: &Tap) -> [f32; 3] {
    let (above, below) = (row.near * stride, row.far * stride);
    let (near, far) = (column.near * 3, column.far * 3);
    let four = [above + near, above + far, below + near, below + far].map(|at| &pixels[at..at + 3]);
    std::array::from_fn(|channel| B::blend(column, row, four.map(|pixel| pixel[channel])))
}

fn taps(start: u32, len: u32, samples: u32) -> Vec<Tap> {
    let step = len as f32 / samples as f32;
    (0..samples).map(|i| Tap::clamped((i as f32 + 0.5) * step - 0.5, start as usize, len as usize)).collect()
}

/// See [`super::Picture::resize_into`].
pub(super) fn resize<T: Texels>(texels: &T, area: Area, input: &Input, out: &mut Vec<f32>) {
    let columns = taps(area.left, area.width, input.width);
    let rows = taps(area.top, area.height, input.height);
    let mut planes = Planes::new(input, out);
    let mut at = 0;
    for row in &rows {
        for column in &columns {
            planes.put(at, || texels.rgb::<Fixed>(column, row), || texels.grey::<Fixed>(column, row));
            at += 1;
        }
    }
}

/// See [`super::Picture::warp_into`].
pub(super) fn warp<T: Texels>(
    texels: &T,
    (width, height): (u32, u32),
    chip_to_picture: &Similarity,
    input: &Input,
    out: &mut Vec<f32>,
) {
    let mut planes = Planes::new(input, out);
    let mut at = 0;
    for y in 0..input.height {
        for x in 0..input.width {
            let p = chip_to_picture.apply(Point { x: x as f32, y: y as f32 });
            let column = Tap::clamped(p.x, 0, width as usize);
            let row = Tap::clamped(p.y, 0, height as usize);
            // A pixel beyond the edge fades to black over one pixel's width, as OpenCV's constant border does.
            let inside = covered(p.x, width) * covered(p.y, height);
            planes.put(
                at,
                || texels.rgb::<Exact>(&column, &row).map(|c| c * inside),
                || texels.grey::<Exact>(&column, &row) * inside,
            );
            at += 1;
        }
    }
}

/// How much of a sample at `position` lies over pixels `0..len`: 1 inside, falling to 0 one pixel outside.
fn covered(position: f32, len: u32) -> f32 {
    let beyond = (-position).max(position - (len - 1) as f32).max(0.0);
    (1.0 - beyond).max(0.0)
}

/// The channel planes of a model's input while they are filled.
struct Planes<'a> {
    out: &'a mut [f32],
    plane: usize,
    channels: Channels,
    mean: f32,
    scale: f32,
}

impl<'a> Planes<'a> {
    fn new(input: &Input, out: &'a mut Vec<f32>) -> Self {
        let plane = input.width as usize * input.height as usize;
        out.resize(plane * channel_count(input.channels), 0.0);
        Self { out, plane, channels: input.channels, mean: input.mean, scale: input.scale }
    }

    #[inline]
    fn put(&mut self, at: usize, rgb: impl FnOnce() -> [f32; 3], grey: impl FnOnce() -> f32) {
        match self.channels {
            Channels::Grey => self.write(at, 0, grey()),
            Channels::Rgb => self.write_three(at, rgb()),
            Channels::Bgr => {
                let [r, g, b] = rgb();
                self.write_three(at, [b, g, r]);
            }
        }
    }

    #[inline]
    fn write_three(&mut self, at: usize, values: [f32; 3]) {
        for (plane, value) in values.into_iter().enumerate() {
            self.write(at, plane, value);
        }
    }

    #[inline]
    fn write(&mut self, at: usize, plane: usize, value: f32) {
        self.out[plane * self.plane + at] = (value - self.mean) * self.scale;
    }
}

/// Planes that a model's input has.
pub(crate) fn channel_count(channels: Channels) -> usize {
    match channels {
        Channels::Grey => 1,
        Channels::Rgb | Channels::Bgr => 3,
    }
}
