use super::lift::Lift;
use super::sample::{Scratch, Texels, reduced};
use super::{RgbImage, YuvImage};
use crate::geometry::{Point, Rect};

/// A photo as it was sent, of which fewer pixels may be held than it has: as many as models can make use of. To whoever looks at it, it has all
/// of them. Boxes, points and least sizes are in pixels of the photo as it was sent, and nobody else has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    held: Held,
    /// Width and height as it was sent, upright.
    size: (u32, u32),
    /// Pixels held for each that was sent, across and down: 1, or about a half, a quarter or an eighth.
    shares: [f32; 2],
}

/// What a photo's pixels are held as.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Rgb(RgbImage),
    /// A JPEG's own, which need no conversion, and half the memory. At the right and the bottom there may be one line more than the photo has.
    Planes(YuvImage),
}

impl Photo {
    /// `pixels` show all of a photo of `size`, pixel by pixel or reduced.
    pub(super) fn of_pixels(pixels: RgbImage, size: (u32, u32)) -> Self {
        let share = |held: u32, sent: u32| held as f32 / sent as f32;
        let shares = [share(pixels.width(), size.0), share(pixels.height(), size.1)];
        Self { held: Held::Rgb(pixels), size, shares }
    }

    /// `planes` show all of a photo of `size`, with this `share` of its pixels across and down.
    pub(super) fn of_planes(planes: YuvImage, size: (u32, u32), share: f32) -> Self {
        Self { held: Held::Planes(planes), size, shares: [share; 2] }
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
        let [across, down] = self.shares;
        let has_it = across * part.width as f32 >= shown.0 as f32 && down * part.height as f32 >= shown.1 as f32;
        has_it.then(|| RgbImage::sampled(self, part, shown.0, shown.1))
    }

    fn in_held(&self, places: &[Point]) -> Vec<Point> {
        let [across, down] = self.shares;
        places.iter().map(|at| Point { x: reduced(at.x, across), y: reduced(at.y, down) }).collect()
    }
}

impl Texels for Photo {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn rgb_rows(&self, scratch: &mut Scratch, put: impl FnMut([&[f32]; 3])) {
        scratch.reduce(self.shares);
        self.held.rgb_rows(scratch, put);
    }

    fn grey_rows(&self, scratch: &mut Scratch, put: impl FnMut(&[f32])) {
        scratch.reduce(self.shares);
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
        Self { held: self.held.times(gain), ..*self }
    }

    fn smoothed(&self) -> Self {
        Self { held: self.held.smoothed(), ..*self }
    }
}

/// Gives `$held`'s picture, whichever it is, to `$look` under the name `$image`.
macro_rules! of_either {
    ($held:expr, $image:ident => $look:expr) => {
        match $held {
            Held::Rgb($image) => $look,
            Held::Planes($image) => $look,
        }
    };
}

impl Texels for Held {
    fn size(&self) -> (u32, u32) {
        of_either!(self, image => image.size())
    }

    fn rgb_rows(&self, scratch: &mut Scratch, put: impl FnMut([&[f32]; 3])) {
        of_either!(self, image => image.rgb_rows(scratch, put));
    }

    fn grey_rows(&self, scratch: &mut Scratch, put: impl FnMut(&[f32])) {
        of_either!(self, image => image.grey_rows(scratch, put));
    }

    fn rgb_at(&self, places: &[Point], lines: [&mut [f32]; 3]) {
        of_either!(self, image => image.rgb_at(places, lines));
    }

    fn grey_at(&self, places: &[Point], line: &mut [f32]) {
        of_either!(self, image => image.grey_at(places, line));
    }
}

impl Lift for Held {
    fn pixels_across_and_down(&self) -> (usize, usize) {
        of_either!(self, image => image.pixels_across_and_down())
    }

    fn brightness<'a>(&'a self, row: usize, room: &'a mut Vec<u8>) -> &'a [u8] {
        of_either!(self, image => image.brightness(row, room))
    }

    fn times(&self, gain: f32) -> Self {
        match self {
            Self::Rgb(image) => Self::Rgb(image.times(gain)),
            Self::Planes(image) => Self::Planes(image.times(gain)),
        }
    }

    fn smoothed(&self) -> Self {
        match self {
            Self::Rgb(image) => Self::Rgb(image.smoothed()),
            Self::Planes(image) => Self::Planes(image.smoothed()),
        }
    }
}
