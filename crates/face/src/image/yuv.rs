use super::Area;
use super::sample::{Plane, Scratch, Texels, reduced, sample};
use crate::geometry::Point;

/// A picture as 4:2:0 planes, full range (0–255), BT.601: what JPEG uses, so the luma plane is the grey image and
/// the planes go into a JPEG encoder as they are. Only what comes from a camera's stream has colours of its own until it is a
/// frame. Width and height are even.
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

    /// A copy in a buffer that there is already.
    pub fn copied_into(&self, mut planes: Vec<u8>) -> Self {
        planes.clear();
        planes.extend_from_slice(&self.planes);
        Self { width: self.width, height: self.height, planes }
    }

    /// Gives the buffer back, to be filled again.
    pub fn into_planes(self) -> Vec<u8> {
        self.planes
    }

    /// The part of the picture that covers `area`, with whole pairs of pixels: up to one more at each side. `None` when
    /// `area` is not inside the picture, or empty.
    pub fn crop(&self, area: Area) -> Option<YuvImage> {
        let (left, top) = (area.left / 2 * 2, area.top / 2 * 2);
        let right = area.left.checked_add(area.width)?.checked_next_multiple_of(2)?;
        let bottom = area.top.checked_add(area.height)?.checked_next_multiple_of(2)?;
        if area.width == 0 || area.height == 0 || right > self.width || bottom > self.height {
            return None;
        }
        let mut planes = Vec::with_capacity(Self::len_for(right - left, bottom - top));
        for (plane, step) in [(self.luma(), 1), (self.chroma_u(), 2), (self.chroma_v(), 2)] {
            let [left, top, right, bottom, stride] =
                [left, top, right, bottom, self.width].map(|pixels| pixels as usize / step);
            let rows = plane.chunks_exact(stride).take(bottom).skip(top);
            rows.for_each(|row| planes.extend_from_slice(&row[left..right]));
        }
        Self::new(right - left, bottom - top, planes)
    }

    /// A picture of the same size; `planes` has as many bytes.
    pub(super) fn with_planes(&self, planes: Vec<u8>) -> Self {
        debug_assert_eq!(planes.len(), self.planes.len());
        Self { width: self.width, height: self.height, planes }
    }

    fn luma_len(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// BT.601 full range, the matrix of JFIF.
#[inline]
fn rgb_of(y: f32, u: f32, v: f32) -> [f32; 3] {
    let (u, v) = (u - 128.0, v - 128.0);
    [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u].map(|c| c.clamp(0.0, 255.0))
}

/// Brightness and colour become red, green and blue, in place.
fn to_rgb(y: &mut [f32], u: &mut [f32], v: &mut [f32]) {
    for ((y, u), v) in y.iter_mut().zip(u).zip(v) {
        [*y, *u, *v] = rgb_of(*y, *u, *v);
    }
}

impl YuvImage {
    fn luma_plane(&self) -> Plane<'_> {
        let (width, height) = (self.width as usize, self.height as usize);
        Plane { bytes: self.luma(), step: 1, stride: width, width, height }
    }

    fn chroma_planes(&self) -> [Plane<'_>; 2] {
        let (width, height) = (self.width as usize / 2, self.height as usize / 2);
        [self.chroma_u(), self.chroma_v()].map(|bytes| Plane { bytes, step: 1, stride: width, width, height })
    }
}

impl Texels for YuvImage {
    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn rgb_rows(&self, scratch: &mut Scratch, mut put: impl FnMut([&[f32]; 3])) {
        scratch.widen(scratch.grid.width());
        scratch.reduced.reduce(&scratch.grid, [0.5; 2]);
        let [u, v] = self.chroma_planes();
        let planes = [self.luma_plane(), u, v];
        let Scratch { grid, reduced, rows, .. } = scratch;
        for ((rows, plane), grid) in rows.iter_mut().zip(&planes).zip([&*grid, reduced, reduced]) {
            rows.begin(plane, grid);
        }
        for number in 0..scratch.grid.height() {
            scratch.write_row(&planes, number);
            let [y, u, v] = &mut scratch.lines;
            to_rgb(y, u, v);
            put([y, u, v]);
        }
    }

    fn grey_rows(&self, scratch: &mut Scratch, mut put: impl FnMut(&[f32])) {
        scratch.widen(scratch.grid.width());
        let Scratch { grid, rows: [rows, ..], lines: [line, ..], .. } = scratch;
        let plane = self.luma_plane();
        rows.begin(&plane, grid);
        for number in 0..grid.height() {
            rows.write(&plane, number, line);
            put(line);
        }
    }

    fn rgb_at(&self, places: &[Point], [y, u, v]: [&mut [f32]; 3]) {
        self.grey_at(places, y);
        let in_chroma = |at: &Point| Point { x: reduced(at.x, 0.5), y: reduced(at.y, 0.5) };
        sample(&self.chroma_planes(), places, in_chroma, [&mut *u, &mut *v]);
        to_rgb(y, u, v);
    }

    fn grey_at(&self, places: &[Point], line: &mut [f32]) {
        sample(&[self.luma_plane()], places, |at| *at, [line]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6×4 pixels: each plane counts up from another number.
    fn counting() -> YuvImage {
        YuvImage::new(6, 4, (0..24).chain(100..106).chain(200..206).collect()).unwrap()
    }

    #[test]
    fn a_crop_holds_the_pixels_of_its_area_and_the_chroma_that_belongs_to_them() {
        let crop = counting().crop(Area { left: 2, top: 2, width: 2, height: 2 }).unwrap();
        assert_eq!((crop.luma(), crop.chroma_u(), crop.chroma_v()), (&[14, 15, 20, 21][..], &[104][..], &[204][..]));
        let odd = counting().crop(Area { left: 3, top: 1, width: 2, height: 1 }).unwrap();
        assert_eq!((odd.width(), odd.height(), odd.luma()[0]), (4, 2, 2), "whole pairs");
    }

    #[test]
    fn a_crop_beyond_the_picture_or_of_nothing_is_none() {
        for (left, top, width, height) in [(0, 0, 7, 1), (5, 0, 2, 1), (0, 4, 1, 1), (0, 0, 0, 1), (9, 0, u32::MAX, 1)]
        {
            assert_eq!(counting().crop(Area { left, top, width, height }), None);
        }
        assert_eq!(counting().crop(Area { left: 0, top: 0, width: 6, height: 4 }), Some(counting()));
    }
}
