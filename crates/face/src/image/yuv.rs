use models::Input;

use super::sample::{self, Blend, Tap, Texels};
use super::{Area, Picture};
use crate::geometry::Similarity;

/// A picture as 4:2:0 planes, full range (0–255), BT.601: what JPEG uses, so the luma plane is the grey image and
/// the planes go into a JPEG encoder as they are. Width and height are even.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YuvImage {
    width: u32,
    height: u32,
    planes: Vec<u8>,
}

impl YuvImage {
    /// `planes` holds Y (width × height bytes), then U and V (a quarter of that each), tightly packed.
    /// `None` when a side is odd or zero, or the length does not fit.
    pub fn new(width: u32, height: u32, planes: Vec<u8>) -> Option<Self> {
        let even = width > 0 && height > 0 && width.is_multiple_of(2) && height.is_multiple_of(2);
        (even && planes.len() == Self::len_for(width, height)).then_some(Self { width, height, planes })
    }

    /// Bytes of all three planes of a picture of this size.
    pub fn len_for(width: u32, height: u32) -> usize {
        width as usize * height as usize * 3 / 2
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The Y plane: the grey image, one byte a pixel.
    pub fn luma(&self) -> &[u8] {
        &self.planes[..self.luma_len()]
    }

    /// The U (blue difference) plane: width/2 × height/2, 128 is neutral.
    pub fn chroma_u(&self) -> &[u8] {
        let start = self.luma_len();
        &self.planes[start..start + start / 4]
    }

    /// The V (red difference) plane: width/2 × height/2, 128 is neutral.
    pub fn chroma_v(&self) -> &[u8] {
        let start = self.luma_len();
        &self.planes[start + start / 4..]
    }

    /// All planes, Y then U then V.
    pub fn planes(&self) -> &[u8] {
        &self.planes
    }

    /// All planes, to draw on.
    pub fn planes_mut(&mut self) -> &mut [u8] {
        &mut self.planes
    }

    /// Gives the buffer back, to be filled again.
    pub fn into_planes(self) -> Vec<u8> {
        self.planes
    }

    fn luma_len(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// BT.601 full range, the matrix of JFIF.
fn rgb_of(y: f32, u: f32, v: f32) -> [f32; 3] {
    let (u, v) = (u - 128.0, v - 128.0);
    [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u].map(|c| c.clamp(0.0, 255.0))
}

impl Texels for YuvImage {
    fn rgb<B: Blend>(&self, column: &Tap, row: &Tap) -> [f32; 3] {
        let stride = self.width as usize / 2;
        let (column_c, row_c) = (column.halved(stride), row.halved(self.height as usize / 2));
        rgb_of(
            self.grey::<B>(column, row),
            sample::bilinear::<B>(self.chroma_u(), stride, &column_c, &row_c),
            sample::bilinear::<B>(self.chroma_v(), stride, &column_c, &row_c),
        )
    }

    fn grey<B: Blend>(&self, column: &Tap, row: &Tap) -> f32 {
        sample::bilinear::<B>(self.luma(), self.width as usize, column, row)
    }
}

impl Picture for YuvImage {
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
