use models::Input;

use super::sample::{self, Blend, Tap, Texels};
use super::{Area, Picture};
use crate::geometry::Similarity;

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

    /// `picture` sampled down to the given size.
    pub(crate) fn shrunk(picture: &dyn Picture, width: u32, height: u32) -> Self {
        let input = Input { width, height, channels: models::Channels::Rgb, mean: 0.0, scale: 1.0 };
        let mut planes = Vec::new();
        picture.resize_into(picture.whole(), &input, &mut planes);
        let plane = planes.len() / 3;
        let pixels = (0..planes.len()).map(|i| planes[i % 3 * plane + i / 3].round() as u8).collect();
        Self::from_decoded(width, height, pixels)
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

impl Texels for RgbImage {
    fn rgb<B: Blend>(&self, column: &Tap, row: &Tap) -> [f32; 3] {
        sample::bilinear_rgb::<B>(&self.pixels, self.width as usize * 3, column, row)
    }

    fn grey<B: Blend>(&self, column: &Tap, row: &Tap) -> f32 {
        let [r, g, b] = self.rgb::<B>(column, row);
        (0.299 * r + 0.587 * g + 0.114 * b).round()
    }
}

impl Picture for RgbImage {
    fn width(&self) -> u32 {
        self.width
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn resize_into(&self, area: Area, input: &Input, out: &mut Vec<f32>) {
        sample::resize(self, area, input, out);
    }

    fn warp_into(&self, chip_to_picture: &Similarity, input: &Input, out: &mut Vec<f32>) {
        sample::warp(self, (self.width, self.height), chip_to_picture, input, out);
    }
}
