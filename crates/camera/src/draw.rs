use face::{Rect, YuvImage};

use crate::label::{Coverage, Lettering};

/// What a box says about a face. The picture stays readable for people who do not tell red from green: a label is
/// dark on [`Pass`](Self::Pass) and light on [`Reject`](Self::Reject).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Recognised and accepted: green.
    Pass,
    /// Not accepted: red.
    Reject,
    /// Found, but not decided upon: amber.
    Undecided,
}

impl Colour {
    fn yuv(self) -> Yuv {
        match self {
            Self::Pass => Yuv::of_rgb(46, 204, 96),
            Self::Reject => Yuv::of_rgb(208, 32, 40),
            Self::Undecided => Yuv::of_rgb(240, 176, 32),
        }
    }
}

/// Draws boxes and labels onto frames. Keeps the letters that it has drawn before: make one and use it again.
#[derive(Debug)]
pub struct Painter {
    lettering: Lettering,
    coverage: Coverage,
}

impl Painter {
    /// A painter with the built-in font: Latin, Greek and Cyrillic; other letters become a small box.
    pub fn new() -> Self {
        Self { lettering: Lettering::new(), coverage: Coverage::default() }
    }

    /// Draws a box around `area` with `label` above it; below it or inside where there is no room above. An empty label
    /// is none. Parts outside the picture are not drawn.
    pub fn draw_face(&mut self, image: &mut YuvImage, area: &Rect, label: &str, colour: Colour) {
        let mut canvas = Canvas::of(image);
        let face = PixelBox::around(area, &canvas);
        if face.clipped_to(&canvas).is_empty() {
            return;
        }
        let short_side = canvas.width.min(canvas.height);
        canvas.frame(face, even(short_side / 240).max(2), colour.yuv());
        if !label.is_empty() {
            self.lettering.set_size((short_side / 28).clamp(13, 64) as f32);
            self.lettering.write(label, canvas.width as usize, &mut self.coverage);
            canvas.print(&self.coverage, face, colour.yuv());
        }
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}

/// A colour in full-range BT.601.
#[derive(Clone, Copy)]
struct Yuv {
    y: u8,
    u: u8,
    v: u8,
}

impl Yuv {
    fn of_rgb(red: u8, green: u8, blue: u8) -> Self {
        let (r, g, b) = (f32::from(red), f32::from(green), f32::from(blue));
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        Self { y: y as u8, u: (128.0 + (b - y) * 0.564) as u8, v: (128.0 + (r - y) * 0.713) as u8 }
    }

    /// Black or white, whichever is easier to read on this colour.
    fn ink(self) -> u8 {
        if self.y > 110 { 0 } else { 255 }
    }
}

/// A box in whole pixels. All edges are even, so that it covers whole chroma samples; it may reach outside the picture.
#[derive(Clone, Copy)]
struct PixelBox {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl PixelBox {
    /// How far outside the picture an edge is kept: further than a line is thick.
    const MARGIN: f32 = 1024.0;

    /// The box nearest to `area`. Edges far outside are pulled near, which does not show; NaN becomes 0.
    fn around(area: &Rect, canvas: &Canvas) -> Self {
        let edge = |at: f32, side: i32| even(at.clamp(-Self::MARGIN, side as f32 + Self::MARGIN).round() as i32);
        Self {
            left: edge(area.left, canvas.width),
            top: edge(area.top, canvas.height),
            right: edge(area.right, canvas.width),
            bottom: edge(area.bottom, canvas.height),
        }
    }

    fn clipped_to(self, canvas: &Canvas) -> Self {
        Self {
            left: self.left.max(0),
            top: self.top.max(0),
            right: self.right.min(canvas.width),
            bottom: self.bottom.min(canvas.height),
        }
    }

    fn is_empty(self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }

    /// The columns of a box inside the picture, in a plane that has every `step`th.
    fn columns(self, step: usize) -> std::ops::Range<usize> {
        self.left as usize / step..self.right as usize / step
    }
}

/// The even number at or below `number`.
fn even(number: i32) -> i32 {
    number & !1
}

/// The planes of an image, to draw on. Sides are even: [`YuvImage`] sees to that.
struct Canvas<'a> {
    width: i32,
    height: i32,
    luma: &'a mut [u8],
    u: &'a mut [u8],
    v: &'a mut [u8],
}

impl<'a> Canvas<'a> {
    fn of(image: &'a mut YuvImage) -> Self {
        let (width, height) = (image.width() as i32, image.height() as i32);
        let pixels = image.luma().len();
        let (luma, chroma) = image.planes_mut().split_at_mut(pixels);
        let (u, v) = chroma.split_at_mut(pixels / 4);
        Self { width, height, luma, u, v }
    }

    /// The outline of `outer`, `thickness` pixels wide, inwards.
    fn frame(&mut self, outer: PixelBox, thickness: i32, colour: Yuv) {
        let PixelBox { left, top, right, bottom } = outer;
        self.fill(PixelBox { bottom: bottom.min(top + thickness), ..outer }, colour);
        self.fill(PixelBox { top: top.max(bottom - thickness), ..outer }, colour);
        self.fill(PixelBox { right: right.min(left + thickness), ..outer }, colour);
        self.fill(PixelBox { left: left.max(right - thickness), ..outer }, colour);
    }

    fn fill(&mut self, area: PixelBox, colour: Yuv) {
        let area = area.clipped_to(self);
        if area.is_empty() {
            return;
        }
        let (columns, half_columns) = (area.columns(1), area.columns(2));
        for row in self.luma.chunks_exact_mut(self.width as usize).take(area.bottom as usize).skip(area.top as usize) {
            row[columns.clone()].fill(colour.y);
        }
        let (first, last) = (area.top as usize / 2, area.bottom as usize / 2);
        let half_width = self.width as usize / 2;
        let chroma = self.u.chunks_exact_mut(half_width).zip(self.v.chunks_exact_mut(half_width));
        for (row_u, row_v) in chroma.take(last).skip(first) {
            row_u[half_columns.clone()].fill(colour.u);
            row_v[half_columns.clone()].fill(colour.v);
        }
    }

    /// Fills a label's background beside `face` and prints the label on it.
    fn print(&mut self, label: &Coverage, face: PixelBox, background: Yuv) {
        let (left, top) = self.place_for(label, face);
        let (width, height) = (label.width as i32, label.height as i32);
        let paper = PixelBox { left, top, right: left + width, bottom: top + height };
        self.fill(paper, background);
        let visible = paper.clipped_to(self);
        for y in visible.top..visible.bottom {
            for x in visible.left..visible.right {
                let covered = label.at((x - left) as usize, (y - top) as usize);
                if covered > 0 {
                    self.blend(x as usize, y as usize, covered, background.ink());
                }
            }
        }
    }

    /// Where a label goes: above the box, else below it, else inside; never over the picture's left or right edge unless
    /// it is wider than the picture.
    fn place_for(&self, label: &Coverage, face: PixelBox) -> (i32, i32) {
        let (width, height) = (label.width as i32, label.height as i32);
        let left = face.left.min(self.width - width).max(0);
        let top = if face.top >= height {
            face.top - height
        } else if face.bottom + height <= self.height {
            face.bottom
        } else {
            face.top.max(0)
        };
        (left, top)
    }

    /// Mixes `ink`, black or white, into a pixel. Each pixel moves its chroma sample, shared by four, a quarter of the way
    /// to neutral.
    fn blend(&mut self, x: usize, y: usize, covered: u8, ink: u8) {
        let width = self.width as usize;
        mix(&mut self.luma[y * width + x], ink, u32::from(covered));
        let sample = y / 2 * (width / 2) + x / 2;
        mix(&mut self.u[sample], 128, u32::from(covered) / 4);
        mix(&mut self.v[sample], 128, u32::from(covered) / 4);
    }
}

/// Moves `value` towards `goal` by `share`/255.
fn mix(value: &mut u8, goal: u8, share: u32) {
    *value = ((u32::from(*value) * (255 - share) + u32::from(goal) * share + 127) / 255) as u8;
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn grey(width: u32, height: u32) -> YuvImage {
        let mut planes = vec![128; YuvImage::len_for(width, height)];
        planes[..(width * height) as usize].fill(90);
        YuvImage::new(width, height, planes).unwrap()
    }

    fn boxed(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        Rect { left, top, right, bottom }
    }

    fn drawn(area: Rect, label: &str) -> YuvImage {
        let mut image = grey(640, 480);
        Painter::new().draw_face(&mut image, &area, label, Colour::Pass);
        image
    }

    /// Rows between `from` and `to` of which some pixel is not the empty picture's.
    fn touched_rows(image: &YuvImage) -> Vec<usize> {
        let rows = image.luma().chunks(image.width() as usize).enumerate();
        rows.filter(|(_, row)| row.iter().any(|&luma| luma != 90)).map(|(y, _)| y).collect()
    }

    #[test]
    fn a_box_is_a_thin_line_of_its_colour_around_an_untouched_face() {
        let image = drawn(boxed(100.0, 200.0, 300.0, 400.0), "");
        let at = |x: usize, y: usize| image.luma()[y * 640 + x];
        let green = Colour::Pass.yuv();
        assert_eq!([at(100, 200), at(101, 300), at(299, 399), at(200, 398)], [green.y; 4]);
        assert_eq!([at(99, 200), at(102, 300), at(200, 300), at(300, 399)], [90; 4]);
        assert_eq!((image.chroma_u()[100 * 320 + 50], image.chroma_v()[100 * 320 + 50]), (green.u, green.v));
    }

    #[test]
    fn a_label_is_above_the_box_or_below_or_inside_where_there_is_room() {
        let above = touched_rows(&drawn(boxed(100.0, 200.0, 300.0, 400.0), "Anna"));
        assert!(above[0] < 200 && *above.last().unwrap() == 399);
        let below = touched_rows(&drawn(boxed(100.0, 4.0, 300.0, 400.0), "Anna"));
        assert!(below[0] == 4 && *below.last().unwrap() > 400);
        let inside = drawn(boxed(100.0, 0.0, 300.0, 480.0), "Anna");
        assert_eq!(inside.luma()[8 * 640 + 104], Colour::Pass.yuv().y, "paper inside the box");
    }

    #[test]
    fn a_face_outside_the_picture_leaves_no_trace() {
        for area in [
            boxed(-90.0, 10.0, -10.0, 90.0),
            boxed(700.0, 10.0, 800.0, 90.0),
            boxed(9e9, 9e9, f32::INFINITY, 9e9),
            boxed(f32::NAN, f32::NAN, f32::NAN, f32::NAN),
            boxed(300.0, 300.0, 200.0, 200.0),
        ] {
            assert_eq!(drawn(area, "Anna"), grey(640, 480), "{area:?}");
        }
    }

    #[test]
    fn a_label_takes_well_under_a_millisecond() {
        let (mut image, mut painter) = (grey(1280, 720), Painter::new());
        let area = boxed(100.0, 200.0, 300.0, 400.0);
        let mut draw = || painter.draw_face(&mut image, &area, "Екатерина Ünlü 0.4123", Colour::Reject);
        draw();
        let start = Instant::now();
        (0..100).for_each(|_| draw());
        assert!(start.elapsed().as_millis() < 500, "{:?} for 100", start.elapsed());
    }

    fn edge() -> impl Strategy<Value = f32> {
        prop_oneof![-50.0f32..150.0, -1e12f32..1e12, Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)]
    }

    proptest! {
        #[test]
        fn no_box_label_or_picture_size_makes_it_panic(
            (width, height) in (1u32..50, 1u32..50).prop_map(|(w, h)| (2 * w, 2 * h)),
            (left, top, right, bottom) in (edge(), edge(), edge(), edge()),
            label in "\\PC{0,20}",
        ) {
            let mut image = grey(width, height);
            Painter::new().draw_face(&mut image, &boxed(left, top, right, bottom), &label, Colour::Undecided);
        }
    }
}
