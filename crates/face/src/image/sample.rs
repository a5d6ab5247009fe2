//! Bilinear sampling straight into a model's input, once for every kind of picture.
//!
//! The models were measured with OpenCV's arithmetic, and where a large photo is sampled sparsely, half a grey level
//! moves a box by a pixel and an embedding by a hundredth. So `resize` has the fixed-point steps of OpenCV's `resize`,
//! and `warp` the exact weights, rounded at the end, of OpenCV 5's `warpAffine`.

use std::cell::RefCell;

use models::{Channels, Input, PerChannel};

use super::Area;
use crate::geometry::{Point, Similarity};

/// A kind of pixel storage that can be sampled. Values are 0–255.
pub(super) trait Texels: Sync {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// Hands the red, green and blue rows of a picture resized to the scratch's grid to `put`, from top to bottom.
    fn rgb_rows(&self, scratch: &mut Scratch, put: impl FnMut([&[f32]; 3]));
    /// Hands the grey rows (BT.601) of a picture resized to the scratch's grid to `put`, from top to bottom.
    fn grey_rows(&self, scratch: &mut Scratch, put: impl FnMut(&[f32]));
    /// Writes red, green and blue at these places, each kept inside the picture.
    fn rgb_at(&self, places: &[Point], lines: [&mut [f32]; 3]);
    /// Writes grey at these places, each kept inside the picture.
    fn grey_at(&self, places: &[Point], line: &mut [f32]);
}

/// What is needed beside the pixels while a picture is sampled. Each thread keeps its own from picture to picture, so that a camera's frames take
/// no new memory.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the samples fall.
    pub(super) grid: Grid,
    /// Where they fall in planes that have only a share of the pixels.
    pub(super) reduced: Grid,
    /// Of three channels: how their rows are made, and a row of each.
    pub(super) rows: [Rows; 3],
    pub(super) lines: [Vec<f32>; 3],
    /// Of a row of a warped picture: where its samples fall, and how much of each lies inside the picture.
    places: Vec<Point>,
    inside: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Scratch {
    /// Each line gets this many samples.
    pub(super) fn widen(&mut self, width: usize) {
        self.lines.iter_mut().for_each(|line| line.resize(width, 0.0));
    }

    /// Writes row `number` of three resized planes into the lines.
    pub(super) fn write_row(&mut self, planes: &[Plane<'_>; 3], number: usize) {
        for ((rows, plane), line) in self.rows.iter_mut().zip(planes).zip(&mut self.lines) {
            rows.write(plane, number, line);
        }
    }

    /// The grid is for a picture that has only these shares of the pixels, across and down.
    pub(super) fn reduce(&mut self, shares: [f32; 2]) {
        self.reduced.reduce(&self.grid, shares);
        std::mem::swap(&mut self.grid, &mut self.reduced);
    }
}

/// Where the samples of a resized picture fall: positions on the pixels' axes, 0 = centre of the first pixel.
#[derive(Default)]
pub(super) struct Grid {
    columns: Vec<f32>,
    rows: Vec<f32>,
}

impl Grid {
    fn cover(&mut self, area: Area, input: &Input) {
        set(&mut self.columns, positions(area.left, area.width, input.width));
        set(&mut self.rows, positions(area.top, area.height, input.height));
    }

    /// The same places as those of `whole`, in a picture that has these shares of the pixels, across and down.
    pub(super) fn reduce(&mut self, whole: &Grid, [across, down]: [f32; 2]) {
        set(&mut self.columns, whole.columns.iter().map(|p| reduced(*p, across).max(0.0)));
        set(&mut self.rows, whole.rows.iter().map(|p| reduced(*p, down).max(0.0)));
    }

    /// Samples of a row.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Rows.
    pub(super) fn height(&self) -> usize {
        self.rows.len()
    }
}

/// A position on an axis that has only a `share` of the pixels: of a half, each lies between two of them (so does JPEG's chroma).
#[inline]
pub(super) fn reduced(position: f32, share: f32) -> f32 {
    position * share + (share - 1.0) / 2.0
}

fn positions(start: u32, len: u32, samples: u32) -> impl Iterator<Item = f32> {
    let step = len as f32 / samples as f32;
    (0..samples).map(move |i| ((i as f32 + 0.5) * step - 0.5).clamp(0.0, (len - 1) as f32) + start as f32)
}

/// Fills `kept` anew, in the memory that it has.
fn set<T>(kept: &mut Vec<T>, items: impl Iterator<Item = T>) {
    kept.clear();
    kept.extend(items);
}

/// One channel of a picture: `step` bytes from pixel to pixel, `stride` bytes from row to row.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) step: usize,
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Two neighbouring pixels of a row or column, and their shares in 2048ths.
#[derive(Clone, Copy)]
struct Tap {
    near: usize,
    far: usize,
    shares: [i16; 2],
}

impl Tap {
    fn at(position: f32, len: usize) -> Self {
        let near = (position as usize).min(len - 1);
        let weight = position - near as f32;
        let shares = [1.0 - weight, weight].map(|share| (share * 2048.0).round_ties_even() as i16);
        Self { near, far: (near + 1).min(len - 1), shares }
    }
}

/// Columns that each lie on a pixel, or midway between two, at equal distances: where a picture has a whole number of pixels for each sample, as frames
/// of the usual sizes have. They need no multiplication, and several are taken at a time.
#[derive(Clone, Copy)]
struct Even {
    /// Bytes from one column's pixel to the next one's.
    stride: usize,
    /// Bytes from the nearer pixel to the farther; 0 where there is one pixel.
    reach: usize,
}

impl Even {
    fn of(columns: &[Tap]) -> Option<Self> {
        let [first, second, ..] = columns else { return None };
        let reach = |tap: &Tap| match tap.shares {
            [2048, 0] => Some(0),
            [1024, 1024] => Some(tap.far - tap.near),
            _ => None,
        };
        let even = Self { stride: second.near.checked_sub(first.near)?, reach: reach(first)? };
        let is_alike =
            |(at, tap): (usize, &Tap)| tap.near == first.near + at * even.stride && reach(tap) == Some(even.reach);
        columns.iter().enumerate().all(is_alike).then_some(even)
    }

    /// Takes columns from the first on, whose pixels are where `near` begins; tells how many. The others are left.
    fn take(self, near: &[u8], line: &mut [i32]) -> usize {
        let far = &near[self.reach..];
        match self.stride {
            1 => take_each::<1>(near, far, line),
            2 => take_each::<2>(near, far, line),
            3 => take_each::<3>(near, far, line),
            4 => take_each::<4>(near, far, line),
            6 => take_each::<6>(near, far, line),
            _ => 0,
        }
    }
}

fn take_each<const STRIDE: usize>(near: &[u8], far: &[u8], line: &mut [i32]) -> usize {
    let (near, far) = (near.as_chunks::<STRIDE>().0, far.as_chunks::<STRIDE>().0);
    for ((out, near), far) in line.iter_mut().zip(near).zip(far) {
        *out = (i32::from(near[0]) + i32::from(far[0])) << 6;
    }
    line.len().min(near.len()).min(far.len())
}

/// The columns of a resized plane.
#[derive(Default)]
struct Columns {
    taps: Vec<Tap>,
    even: Option<Even>,
    /// The shares of each tap, and its two pixels in the row that is being taken: side by side, so that several are multiplied at a time.
    shares: Vec<[i16; 2]>,
    pixels: Vec<[i16; 2]>,
}

impl Columns {
    fn begin(&mut self, plane: &Plane<'_>, positions: &[f32]) {
        let tap = |position: &f32| {
            let tap = Tap::at(*position, plane.width);
            Tap { near: tap.near * plane.step, far: tap.far * plane.step, ..tap }
        };
        set(&mut self.taps, positions.iter().map(tap));
        set(&mut self.shares, self.taps.iter().map(|tap| tap.shares));
        self.even = Even::of(&self.taps);
    }

    /// Takes a row of pixels across, in 128ths.
    fn take(&mut self, source: &[u8], line: &mut [i32]) {
        let taken = match (self.even, self.taps.first()) {
            (Some(even), Some(first)) => even.take(&source[first.near..], line),
            _ => 0,
        };
        let pixels = self.taps[taken..].iter().map(|tap| [source[tap.near], source[tap.far]].map(i16::from));
        set(&mut self.pixels, pixels);
        let product = |pixel: i16, share: i16| i32::from(pixel) * i32::from(share);
        for ((out, pixels), shares) in line[taken..].iter_mut().zip(&self.pixels).zip(&self.shares[taken..]) {
            *out = (product(pixels[0], shares[0]) + product(pixels[1], shares[1])) >> 4;
        }
    }
}

/// Gives the resized rows of one plane, each source row taken across only once.
#[derive(Default)]
pub(super) struct Rows {
    columns: Columns,
    rows: Vec<Tap>,
    /// Source rows that were taken across last, with their numbers.
    across: [(Option<usize>, Vec<i32>); 2],
}

impl Rows {
    /// Begins a plane with pixels like this one's.
    pub(super) fn begin(&mut self, plane: &Plane<'_>, grid: &Grid) {
        self.columns.begin(plane, &grid.columns);
        set(&mut self.rows, grid.rows.iter().map(|position| Tap::at(*position, plane.height)));
        for (held, line) in &mut self.across {
            *held = None;
            line.resize(grid.columns.len(), 0);
        }
    }

    /// Writes row `number` of the resized plane.
    pub(super) fn write(&mut self, plane: &Plane<'_>, number: usize, out: &mut [f32]) {
        let tap = self.rows[number];
        if self.across[1].0 == Some(tap.near) {
            self.across.swap(0, 1);
        }
        self.take_across(plane, 0, tap.near);
        self.take_across(plane, 1, tap.far);
        let [(_, above), (_, below)] = &self.across;
        let shares = tap.shares.map(i32::from);
        for ((out, above), below) in out.iter_mut().zip(above).zip(below) {
            let sum = ((shares[0] * above) >> 16) + ((shares[1] * below) >> 16);
            *out = ((sum + 2) >> 2) as f32;
        }
    }

    fn take_across(&mut self, plane: &Plane<'_>, slot: usize, row: usize) {
        let (held, line) = &mut self.across[slot];
        if held.replace(row) != Some(row) {
            self.columns.take(&plane.bytes[row * plane.stride..], line);
        }
    }
}

/// Writes what each of the planes, which are of one size, has at these places, kept inside them; whole numbers. `to_plane` gives the place in the
/// planes.
pub(super) fn sample<const N: usize>(
    planes: &[Plane<'_>; N],
    places: &[Point],
    to_plane: impl Fn(&Point) -> Point,
    mut lines: [&mut [f32]; N],
) {
    let mut spots = Spots::default();
    for (number, places) in places.chunks(AT_ONCE).enumerate() {
        spots.find(places.iter().map(&to_plane), &planes[0]);
        for (line, plane) in lines.iter_mut().zip(planes) {
            let values = spots.values(plane, places.len());
            line[number * AT_ONCE..][..places.len()].copy_from_slice(&values[..places.len()]);
        }
    }
}

/// Places are taken so many at a time, so that the arithmetic of several is one instruction.
const AT_ONCE: usize = 16;

/// Places between four pixels each, with exact weights.
#[derive(Default)]
struct Spots {
    x: [f32; AT_ONCE],
    y: [f32; AT_ONCE],
    /// Where the pixels left above, right above, left below and right below begin in the plane's bytes.
    corners: [[usize; 4]; AT_ONCE],
}

impl Spots {
    /// Finds the pixels around places that are kept inside `plane`. After the last place there may be some of before.
    #[inline]
    fn find(&mut self, places: impl Iterator<Item = Point>, plane: &Plane<'_>) {
        let (width, height) = (plane.width as i32 - 1, plane.height as i32 - 1);
        for (at, place) in places.enumerate().take(AT_ONCE) {
            let (x, y) = (place.x.clamp(0.0, width as f32), place.y.clamp(0.0, height as f32));
            let (column, row) = (x as i32, y as i32);
            (self.x[at], self.y[at]) = (x - column as f32, y - row as f32);
            let [left, right] = [column, (column + 1).min(width)].map(|column| column as usize * plane.step);
            let [above, below] = [row, (row + 1).min(height)].map(|row| row as usize * plane.stride);
            self.corners[at] = [above + left, above + right, below + left, below + right];
        }
    }

    /// What `plane` has at the first `count` places, whole numbers; after them come numbers of no meaning.
    #[inline]
    fn values(&self, plane: &Plane<'_>, count: usize) -> [f32; AT_ONCE] {
        let mut pixels = [[0.0; AT_ONCE]; 4];
        for (at, corners) in self.corners.iter().enumerate().take(count) {
            for (pixels, corner) in pixels.iter_mut().zip(corners) {
                pixels[at] = f32::from(plane.bytes[*corner]);
            }
        }
        std::array::from_fn(|at| {
            let [left_above, right_above, left_below, right_below] = pixels.each_ref().map(|pixels| pixels[at]);
            let above = left_above + (right_above - left_above) * self.x[at];
            let below = left_below + (right_below - left_below) * self.x[at];
            // Truncation rounds what is never negative, and needs no call where the processor has no rounding of its own.
            (above + (below - above) * self.y[at] + 0.5) as i32 as f32
        })
    }
}

/// See [`super::Picture::resize_into`].
pub(super) fn resize(texels: &impl Texels, area: Area, input: &Input, out: &mut Vec<f32>) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.grid.cover(area, input);
        let width = scratch.grid.width();
        let mut planes = Planes::new(input, out);
        let mut at = 0;
        match input.channels {
            Channels::Grey => texels.grey_rows(scratch, |row| {
                planes.write(0, at, row);
                at += width;
            }),
            Channels::Rgb | Channels::Bgr => texels.rgb_rows(scratch, |rows| {
                for (channel, row) in rows.into_iter().enumerate() {
                    planes.write(channel, at, row);
                }
                at += width;
            }),
        }
    });
}

/// See [`super::Picture::warp_into`].
pub(super) fn warp(texels: &impl Texels, chip_to_picture: &Similarity, input: &Input, out: &mut Vec<f32>) {
    SCRATCH.with_borrow_mut(|scratch| warp_with(scratch, texels, chip_to_picture, input, out));
}

fn warp_with(
    scratch: &mut Scratch,
    texels: &impl Texels,
    chip_to_picture: &Similarity,
    input: &Input,
    out: &mut Vec<f32>,
) {
    let size = texels.size();
    let mut planes = Planes::new(input, out);
    let width = input.width as usize;
    scratch.widen(width);
    let Scratch { lines, places, inside, .. } = scratch;
    places.resize(width, Point::default());
    inside.resize(width, 0.0);
    for y in 0..input.height {
        for ((x, place), inside) in (0u16..).zip(&mut *places).zip(&mut *inside) {
            *place = chip_to_picture.apply(Point { x: f32::from(x), y: y as f32 });
            // A pixel beyond the edge fades to black over one pixel's width, as OpenCV's constant border does.
            *inside = covered(place.x, size.0) * covered(place.y, size.1);
        }
        let [red_or_grey, green, blue] = &mut *lines;
        match input.channels {
            Channels::Grey => texels.grey_at(places, red_or_grey),
            Channels::Rgb | Channels::Bgr => texels.rgb_at(places, [red_or_grey, green, blue]),
        }
        for (channel, line) in lines.iter_mut().enumerate().take(channel_count(input.channels)) {
            line.iter_mut().zip(&*inside).for_each(|(value, inside)| *value *= inside);
            planes.write(channel, y as usize * width, line);
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
    /// Numbers of one plane.
    len: usize,
    channels: Channels,
    mean: PerChannel,
    scale: PerChannel,
}

impl<'a> Planes<'a> {
    fn new(input: &Input, out: &'a mut Vec<f32>) -> Self {
        let len = input.width as usize * input.height as usize;
        out.resize(len * channel_count(input.channels), 0.0);
        Self { out, len, channels: input.channels, mean: input.mean, scale: input.scale }
    }

    /// Writes values of a channel (0 red or grey, 1 green, 2 blue) from number `at` of its plane on.
    #[inline]
    fn write(&mut self, channel: usize, at: usize, values: &[f32]) {
        let plane = if self.channels == Channels::Bgr { 2 - channel } else { channel };
        let (start, mean, scale) = (plane * self.len + at, self.mean.of(plane), self.scale.of(plane));
        for (out, value) in self.out[start..start + values.len()].iter_mut().zip(values) {
            *out = (value - mean) * scale;
        }
    }
}

/// Planes that a model's input has.
pub(crate) fn channel_count(channels: Channels) -> usize {
    match channels {
        Channels::Grey => 1,
        Channels::Rgb | Channels::Bgr => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_taken_several_at_a_time_are_what_each_is_by_itself(
            bytes in prop::collection::vec(any::<u8>(), 3 * 6 * 41), ratio in 1usize..=7, samples in 2usize..41, step in 1usize..=3,
        ) {
            let width = ratio * samples;
            prop_assume!(width * step <= bytes.len());
            let plane = Plane { bytes: &bytes[..width * step], step, stride: width * step, width, height: 1 };
            let grid = Grid { columns: positions(0, width as u32, samples as u32).collect(), rows: vec![0.0] };
            let (mut line, mut rows) = (vec![0.0; samples], Rows::default());
            rows.begin(&plane, &grid);
            rows.write(&plane, 0, &mut line);
            for (at, value) in line.into_iter().enumerate() {
                // The middle of the pixels that belong to the sample: one of them, or the mean of two.
                let (near, far) = (at * ratio + (ratio - 1) / 2, at * ratio + ratio / 2);
                let [near, far] = [near, far].map(|pixel| u32::from(bytes[pixel * step]));
                prop_assert_eq!(value, (near + far).div_ceil(2) as f32, "column {}", at);
            }
        }
    }
}
