use super::RgbImage;
use super::lift::Lift;
use super::sample::{Scratch, Texels, reduced};
use crate::geometry::{Point, Rect};

/// A photo as it was sent, of which fewer pixels may be held than it has: as many as models can make use of. To whoever looks at it, it has all
/// of them. Boxes, points and least sizes are in pixels of the photo as it was sent, and nobody else has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    held: RgbImage,
    /// Width and height as it was sent, upright.
    size: (u32, u32),
}

impl Photo {
    /// `held` shows all of a photo of `size`, pixel by pixel or reduced.
    pub(super) fn new(held: RgbImage, size: (u32, u32)) -> Self {
        Self { held, size }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.size.0
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.size.1
    }

    /// What [`RgbImage::around`] shows of the photo. `None` where that has more detail than is held: then the photo has to be decoded in full.
    pub fn around(&self, area: &Rect, times: f32, longest: u32) -> Option<RgbImage> {
        let (part, shown) = RgbImage::part_around(self.size, area, times, longest);
        let [across, down] = self.shares();
        let has_it = across * part.width as f32 >= shown.0 as f32 && down * part.height as f32 >= shown.1 as f32;
        has_it.then(|| RgbImage::sampled(self, part, shown.0, shown.1))
    }

    /// What is held: all of a photo that was decoded in full.
    pub(super) fn into_pixels(self) -> RgbImage {
        self.held
    }

    /// How many pixels are held for each of the photo, across and down.
    fn shares(&self) -> [f32; 2] {
        let share = |held: u32, sent: u32| held as f32 / sent as f32;
        [share(self.held.width(), self.size.0), share(self.held.height(), self.size.1)]
    }

    fn in_held(&self, places: &[Point]) -> Vec<Point> {
        let [across, down] = self.shares();
        places.iter().map(|at| Point { x: reduced(at.x, across), y: reduced(at.y, down) }).collect()
    }
}

impl Texels for Photo {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn rgb_rows(&self, scratch: &mut Scratch, put: impl FnMut([&[f32]; 3])) {
        scratch.reduce(self.shares());
        self.held.rgb_rows(scratch, put);
    }

    fn grey_rows(&self, scratch: &mut Scratch, put: impl FnMut(&[f32])) {
        scratch.reduce(self.shares());
        self.held.grey_rows(scratch, put);
    }

    fn rgb_at(&self, places: &[Point], lines: [&mut [f32]; 3]) {
        self.held.rgb_at(&self.in_held(places), lines);
    }

    fn grey_at(&self, places: &[Point], line: &mut [f32]) {
        self.held.grey_at(&self.in_held(places), line);
    }
}

/// Judged by what is held, since that is what models are shown.
impl Lift for Photo {
    fn pixels_across_and_down(&self) -> (usize, usize) {
        self.held.pixels_across_and_down()
    }

    fn brightness<'a>(&'a self, row: usize, room: &'a mut Vec<u8>) -> &'a [u8] {
        self.held.brightness(row, room)
    }

    fn times(&self, gain: f32) -> Self {
        Self { held: self.held.times(gain), size: self.size }
    }

    fn smoothed(&self) -> Self {
        Self { held: self.held.smoothed(), size: self.size }
    }
}
