//! The chip that dlib shows its ResNet: `get_face_chip_details` and `extract_image_chip` of `dlib/image_transforms/interpolation.h`.

use models::Input;

use super::fit::{Fit, Place};
use crate::image::{Area, Picture, RgbImage};

/// A box with a fraction, as dlib's `drectangle`: from the first to the last pixel's centre.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Bounds {
    /// In pixels: one more than from the first to the last centre.
    fn area(&self) -> f64 {
        (self.right - self.left + 1.0) * (self.bottom - self.top + 1.0)
    }

    /// The same box in the picture of half the size (`pyramid_down<2>`).
    fn halved(&self) -> Self {
        let (x, y) = (|x: f64| x / 2.0 - 1.25, |y: f64| y / 2.0 - 0.75);
        Self { left: x(self.left), top: y(self.top), right: x(self.right), bottom: y(self.bottom) }
    }

    fn shifted(&self, x: f64, y: f64) -> Self {
        Self { left: self.left + x, top: self.top + y, right: self.right + x, bottom: self.bottom + y }
    }

    /// Its corners, turned about its middle: upper left, upper right, lower left, lower right.
    fn turned(&self, angle: f64) -> [Place; 4] {
        let (x, y) = ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0);
        let (sin, cos) = angle.sin_cos();
        let corners =
            [(self.left, self.top), (self.right, self.top), (self.left, self.bottom), (self.right, self.bottom)];
        corners.map(|(px, py)| {
            let (px, py) = (px - x, py - y);
            [cos * px - sin * py + x, sin * px + cos * py + y]
        })
    }
}

/// Fills the planes of `input`, a square, with the part of the picture in which `points` lie where `template` has them in the input. `None`
/// when the points make no face, or there is nothing of the picture there.
pub(super) fn cut(
    picture: &dyn Picture,
    points: &[Place],
    template: &[Place],
    input: &Input,
    out: &mut Vec<f32>,
) -> Option<()> {
    let side = f64::from(input.width);
    let fit = Fit::between(template, points)?;
    let (angle, reach) = (fit.b.atan2(fit.a), (side * fit.a.hypot(fit.b) - 1.0) / 2.0);
    let [x, y] = fit.apply([side / 2.0; 2]);
    let bounds = Bounds { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach };

    let (depth, margin) = depth_of(&bounds, side * side);
    let needed = needed(picture, &bounds, angle, margin)?;
    let mut level = RgbImage::cut(picture, needed);
    let mut bounds = bounds.shifted(-f64::from(needed.left), -f64::from(needed.top));
    for _ in 0..depth {
        level = level.halved()?;
        bounds = bounds.halved();
    }
    sample(&level, &bounds.turned(angle), input, out);
    Some(())
}

/// How often the picture is halved before the chip is taken from it, and how many pixels around the chip that needs. dlib halves it until the
/// chip would have less than twice its pixels across.
fn depth_of(bounds: &Bounds, chip_area: f64) -> (u32, f64) {
    let (mut depth, mut margin, mut half) = (0, 2.0, bounds.halved());
    while half.area() > chip_area {
        half = half.halved();
        depth += 1;
        margin = margin * 2.0 + 2.0;
    }
    (depth, margin)
}

/// The part of the picture that holds the turned box and its margin.
fn needed(picture: &dyn Picture, bounds: &Bounds, angle: f64, margin: f64) -> Option<Area> {
    let corners = bounds.turned(angle);
    let along = |axis: usize, len: u32| {
        let ends = corners.iter().map(|corner| corner[axis]);
        let first = (ends.clone().fold(f64::INFINITY, f64::min) - margin).max(0.0).round();
        let last = (ends.fold(f64::NEG_INFINITY, f64::max) + margin).min(f64::from(len) - 1.0).round();
        (first <= last).then_some((first as u32, (last - first) as u32 + 1))
    };
    let ((left, width), (top, height)) = (along(0, picture.width())?, along(1, picture.height())?);
    Some(Area { left, top, width, height })
}

/// Bilinear, with the whole part kept as dlib does; black where a pixel of the four is missing. The first three corners are where the centres
/// of the chip's corner pixels lie.
fn sample(level: &RgbImage, corners: &[Place; 4], input: &Input, out: &mut Vec<f32>) {
    let (side, last) = (input.width as usize, f64::from(input.width - 1));
    let [origin, right, below, _] = *corners;
    let step = |to: Place| [(to[0] - origin[0]) / last, (to[1] - origin[1]) / last];
    let (across, down) = (step(right), step(below));
    out.resize(3 * side * side, 0.0);
    for row in 0..side {
        for column in 0..side {
            let (c, r) = (column as f64, row as f64);
            let [x, y] = [0, 1].map(|axis| origin[axis] + across[axis] * c + down[axis] * r);
            for (plane, value) in between(level, x, y).into_iter().enumerate() {
                let value = (f32::from(value) - input.mean.of(plane)) * input.scale.of(plane);
                out[(plane * side + row) * side + column] = value;
            }
        }
    }
}

fn between(level: &RgbImage, x: f64, y: f64) -> [u8; 3] {
    let (column, row) = (x.floor(), y.floor());
    let (width, height) = (f64::from(level.width()), f64::from(level.height()));
    if !(column >= 0.0 && row >= 0.0 && column + 1.0 < width && row + 1.0 < height) {
        return [0; 3];
    }
    let (fx, fy) = (x - column, y - row);
    let start = (row as usize * level.width() as usize + column as usize) * 3;
    let stride = level.width() as usize * 3;
    let pixel = |at: usize| f64::from(level.pixels()[at]);
    [0, 1, 2].map(|channel| {
        let across = |at: usize| (1.0 - fx) * pixel(at) + fx * pixel(at + 3);
        let at = start + channel;
        ((1.0 - fy) * across(at) + fy * across(at + stride)) as u8
    })
}
