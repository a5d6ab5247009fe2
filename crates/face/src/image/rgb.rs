use models::{Channels, Input, PerChannel};

use super::sample::{Plane, Scratch, Texels, sample};
use super::{Area, Picture};
use crate::geometry::{Point, Rect};

/// A photo: 8-bit red, green, blue, interleaved, rows without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// `pixels` holds width × height × 3 bytes. `None` when a side is zero or the length does not fit.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let fits = width > 0 && height > 0 && pixels.len() == width as usize * height as usize * 3;
        fits.then_some(Self { width, height, pixels })
    }

    /// For a decoder's output, whose length fits by construction.
    pub(super) fn from_decoded(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), width as usize * height as usize * 3);
        Self { width, height, pixels }
    }

    /// `picture` as large as it fits into a frame of this size, in the middle, with black around it.
    pub fn framed(picture: &dyn Picture, width: u32, height: u32) -> Self {
        let ratio = (width as f32 / picture.width() as f32).min(height as f32 / picture.height() as f32);
        let side = |pixels: u32, most: u32| ((pixels as f32 * ratio).round() as u32).clamp(1, most);
        let inner = Self::shrunk(picture, side(picture.width(), width), side(picture.height(), height));
        let (left, top) = (((width - inner.width) / 2) as usize, ((height - inner.height) / 2) as usize);
        let (row, inner_row) = (width as usize * 3, inner.width as usize * 3);
        let mut pixels = vec![0; row * height as usize];
        for (line, of_inner) in pixels.chunks_exact_mut(row).skip(top).zip(inner.pixels.chunks_exact(inner_row)) {
            line[left * 3..left * 3 + inner_row].copy_from_slice(of_inner);
        }
        Self::from_decoded(width, height, pixels)
    }

    /// `picture` sampled to the given size.
    pub(crate) fn shrunk(picture: &dyn Picture, width: u32, height: u32) -> Self {
        Self::sampled(picture, picture.whole(), width, height)
    }

    /// The pixels of this part of `picture`.
    pub(crate) fn cut(picture: &dyn Picture, area: Area) -> Self {
        Self::sampled(picture, area, area.width, area.height)
    }

    /// What lies around the face in `area` (its box in pixels of this photo): the box `times` as large about its centre, as far as the photo goes,
    /// sampled down where its longer side has more than `longest` pixels.
    pub fn around(&self, area: &Rect, times: f32, longest: u32) -> Self {
        let (part, (width, height)) = Self::part_around((self.width, self.height), area, times, longest);
        Self::sampled(self, part, width, height)
    }

    /// The part of a photo of `size` that [`RgbImage::around`] shows, and width and height of what it is sampled to.
    pub(super) fn part_around(size: (u32, u32), area: &Rect, times: f32, longest: u32) -> (Area, (u32, u32)) {
        let (centre, half) = (area.centre(), times * area.width().max(area.height()) / 2.0);
        let from = |at: f32| (at - half).max(0.0) as u32;
        let until = |at: f32, side: u32| ((at + half).ceil().max(1.0) as u32).min(side);
        let (left, top) = (from(centre.x).min(size.0 - 1), from(centre.y).min(size.1 - 1));
        let (right, bottom) = (until(centre.x, size.0), until(centre.y, size.1));
        let part =
            Area { left, top, width: right.saturating_sub(left).max(1), height: bottom.saturating_sub(top).max(1) };
        let shrink = (longest as f32 / part.width.max(part.height) as f32).min(1.0);
        let side = |pixels: u32| ((pixels as f32 * shrink).round() as u32).max(1);
        (part, (side(part.width), side(part.height)))
    }

    /// This part of `picture`, sampled to the given size.
    pub(super) fn sampled(picture: &dyn Picture, part: Area, width: u32, height: u32) -> Self {
        let input =
            Input { width, height, channels: Channels::Rgb, mean: PerChannel::All(0.0), scale: PerChannel::All(1.0) };
        let mut planes = Vec::new();
        picture.resize_into(part, &input, &mut planes);
        let plane = planes.len() / 3;
        let pixels = (0..planes.len()).map(|i| planes[i % 3 * plane + i / 3].round() as u8).collect();
        Self::from_decoded(width, height, pixels)
    }

    /// The picture at half its size, as dlib's `pyramid_down<2>` makes it: every other pixel of those smoothed by a Gaussian of five pixels
    /// (1 4 6 4 1 in each direction), fractions cut off. `None` for one that is too small for it.
    pub(crate) fn halved(&self) -> Option<Self> {
        const TAPS: [u32; 5] = [1, 4, 6, 4, 1];
        let (width, height) = (self.width as usize, self.height as usize);
        if width <= 8 || height <= 8 {
            return None;
        }
        let (columns, rows) = ((width - 3) / 2, (height - 3) / 2);
        let mut across = vec![0; height * columns * 3];
        for (row, out) in self.pixels.chunks_exact(width * 3).zip(across.chunks_exact_mut(columns * 3)) {
            for (at, out) in out.iter_mut().enumerate() {
                let start = at / 3 * 6 + at % 3;
                *out = TAPS.iter().enumerate().map(|(i, tap)| tap * u32::from(row[start + i * 3])).sum::<u32>();
            }
        }
        let line = columns * 3;
        let value = |at: usize| {
            let start = at / line * 2 * line + at % line;
            let sum: u32 = TAPS.iter().enumerate().map(|(i, tap)| tap * across[start + i * line]).sum();
            (sum / 256) as u8
        };
        Some(Self::from_decoded(columns as u32, rows as u32, (0..rows * line).map(value).collect()))
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

impl RgbImage {
    fn channel(&self, channel: usize) -> Plane<'_> {
        let (width, height) = (self.width as usize, self.height as usize);
        Plane { bytes: &self.pixels[channel..], step: 3, stride: width * 3, width, height }
    }
}

/// BT.601, rounded as OpenCV's conversion of bytes is.
fn grey_of([r, g, b]: [f32; 3]) -> f32 {
    (0.299 * r + 0.587 * g + 0.114 * b + 0.5) as i32 as f32
}

impl Texels for RgbImage {
    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn rgb_rows(&self, scratch: &mut Scratch, mut put: impl FnMut([&[f32]; 3])) {
        scratch.widen(scratch.grid.width());
        let planes = [0, 1, 2].map(|channel| self.channel(channel));
        scratch.rows.iter_mut().zip(&planes).for_each(|(rows, plane)| rows.begin(plane, &scratch.grid));
        for number in 0..scratch.grid.height() {
            scratch.write_row(&planes, number);
            put(scratch.lines.each_ref().map(Vec::as_slice));
        }
    }

    fn grey_rows(&self, scratch: &mut Scratch, mut put: impl FnMut(&[f32])) {
        let mut grey = vec![0.0; scratch.grid.width()];
        self.rgb_rows(scratch, |[red, green, blue]| {
            for (i, grey) in grey.iter_mut().enumerate() {
                *grey = grey_of([red[i], green[i], blue[i]]);
            }
            put(&grey);
        });
    }

    fn rgb_at(&self, places: &[Point], lines: [&mut [f32]; 3]) {
        sample(&[0, 1, 2].map(|channel| self.channel(channel)), places, |at| *at, lines);
    }

    fn grey_at(&self, places: &[Point], line: &mut [f32]) {
        let (mut green, mut blue) = (vec![0.0; places.len()], vec![0.0; places.len()]);
        self.rgb_at(places, [&mut *line, &mut green, &mut blue]);
        for ((grey, green), blue) in line.iter_mut().zip(green).zip(blue) {
            *grey = grey_of([*grey, green, blue]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(width: u32, height: u32) -> RgbImage {
        let pixels = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 0]).collect();
        RgbImage::new(width, height, pixels).unwrap()
    }

    #[test]
    fn what_lies_around_a_face_keeps_its_pixels_where_it_fits() {
        let face = Rect { left: 40.0, top: 30.0, right: 60.0, bottom: 50.0 };
        let around = photo(100, 100).around(&face, 2.0, 512);
        assert_eq!((around.width(), around.height()), (40, 40));
        assert_eq!(around.pixels()[..3], [30, 20, 0]);
    }

    #[test]
    fn it_ends_with_the_photo_and_is_never_larger_than_asked_for() {
        let face = Rect { left: 0.0, top: 0.0, right: 90.0, bottom: 99.0 };
        let around = photo(100, 100).around(&face, 3.0, 50);
        assert_eq!((around.width(), around.height()), (50, 50));
        let outside = Rect { left: 500.0, top: 500.0, right: 510.0, bottom: 510.0 };
        assert_eq!(photo(100, 100).around(&outside, 1.0, 50).width(), 1);
    }
}
