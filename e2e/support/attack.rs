//! Pictures of a face held before a camera, simulated from a real photo: prints and screens as a camera of 640×480 sees them.
//!
//! Everything is drawn as light reaches a lens: what the sheet or the screen shows at a place, how it is lit, then the lens'
//! blur and the sensor's noise. No parameter is larger than what ordinary paper, telephones and rooms do; docs/reference/liveness.md
//! names them. Used by the tests and by bench/liveness; not part of the program.

use std::f32::consts::PI;
use std::sync::LazyLock;

use face::{Rect, RgbImage};

/// The camera's picture.
pub const WIDTH: u32 = 640;
/// The camera's picture.
pub const HEIGHT: u32 = 480;

/// Samples a pixel in each direction: a sensor's pixel sees an area, not a point. Four are enough for moiré to come out as faint as
/// it does.
const SAMPLES: usize = 4;

/// How far the thing is from the lens, in pixels of the picture (where a face's pixel is as large as the picture's): a field of view of 60°.
const FOCAL: f32 = 554.0;

/// A print that somebody bends sits so on the sheet: 25° to each side.
const BENT: f32 = 25.0 * PI / 180.0;

/// What is held before the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Species {
    /// A whole photo printed on a sheet with a white margin, held flat.
    FlatPrint,
    /// The same, bent around a vertical axis, by 25° to each side unless told otherwise.
    BentPrint,
    /// The head alone, cut out of a print along its outline.
    CutOutPrint,
    /// A print so near that its edges are out of view.
    ClosePrint,
    /// A photo on a telephone, which is in view with its bezel.
    Phone,
    /// A photo on a screen so large or near that its bezel is out of view.
    LargeScreen,
}

impl Species {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::FlatPrint, Self::BentPrint, Self::CutOutPrint, Self::ClosePrint, Self::Phone, Self::LargeScreen];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlatPrint => "print, flat, margin in view",
            Self::BentPrint => "print, bent, margin in view",
            Self::CutOutPrint => "print, head cut out",
            Self::ClosePrint => "print, edges out of view",
            Self::Phone => "telephone, bezel in view",
            Self::LargeScreen => "screen, bezel out of view",
        }
    }

    fn is_screen(self) -> bool {
        matches!(self, Self::Phone | Self::LargeScreen)
    }
}

/// A photo with the box of the face in it.
#[derive(Clone, Copy, Debug)]
pub struct Portrait<'a> {
    pub photo: &'a RgbImage,
    pub face: Rect,
}

/// One look of the camera at the scene.
#[derive(Clone, Copy, Debug)]
pub struct Take {
    /// Width of the face in the camera's picture, in pixels.
    pub face_width: f32,
    /// Where its middle is.
    pub centre: (f32, f32),
    /// Turned in the plane, in radians.
    pub roll: f32,
    /// Turned about the vertical axis, in radians: + moves the right edge away.
    pub turn: f32,
    /// How far a print that is bent is bent to each side, in radians.
    pub bend: f32,
    /// Which noise, and where the light and a screen's refresh are at this moment.
    pub moment: u32,
}

impl Take {
    /// The takes of somebody who holds a thing in the hand for a moment: it sways, turns a little and comes nearer.
    pub fn of_a_hand(face_width: f32, count: u32, seed: u32) -> Vec<Self> {
        let phase = seed as f32 * 1.7;
        let take = |i: u32| {
            let t = i as f32 * 0.35;
            Self {
                face_width: face_width * (1.0 + 0.05 * (0.9 * t + phase).sin()),
                centre: (
                    WIDTH as f32 / 2.0 + 14.0 * (0.7 * t + phase).sin(),
                    HEIGHT as f32 / 2.0 + 10.0 * (1.1 * t + 2.0 * phase).cos(),
                ),
                roll: 0.07 * (0.5 * t + phase).sin(),
                turn: 0.0,
                bend: BENT,
                moment: seed.wrapping_mul(1000).wrapping_add(i),
            }
        };
        (0..count).map(take).collect()
    }

    /// The same by somebody who wants it to look like a head that turns: about the vertical axis to one side, to the other, and back, once
    /// in `period` takes, by up to `most` radians.
    pub fn turned(takes: Vec<Self>, period: u32, most: f32) -> Vec<Self> {
        let angle = |i: usize| most * (2.0 * PI * i as f32 / period as f32).sin();
        takes.into_iter().enumerate().map(|(i, take)| Self { turn: angle(i), ..take }).collect()
    }
}

/// What the camera sees of an attack.
pub fn attack(species: Species, portrait: &Portrait<'_>, take: &Take) -> RgbImage {
    render(take, |x, y| {
        let behind = room(x, y);
        show(species, portrait, take, x, y).unwrap_or(behind)
    })
}

/// What the camera sees of the person in the photo, as far as a photo can stand for a person: it fills the view, as if its place were
/// before the camera, and the person sways. How wide the face is follows from the photo. (A photo that fades into a room was tried: two of five looked
/// like pictures to the model, as any montage may.)
pub fn person(portrait: &Portrait<'_>, take: &Take) -> RgbImage {
    let (width, height) = (portrait.photo.width() as f32, portrait.photo.height() as f32);
    // The largest part of the photo that has the camera's proportions, less the room to sway in.
    let scale = 0.94 * (width / WIDTH as f32).min(height / HEIGHT as f32);
    let (across, down) = (scale * WIDTH as f32, scale * HEIGHT as f32);
    let middle = portrait.face.centre();
    let sway = [take.centre.0 - WIDTH as f32 / 2.0, take.centre.1 - HEIGHT as f32 / 2.0].map(|by| 0.5 * by * scale);
    let left = (middle.x - across / 2.0 + sway[0]).clamp(0.0, width - across);
    let top = (middle.y - down / 2.0 + sway[1]).clamp(0.0, height - down);
    render(take, |x, y| {
        let (u, v) = (left + x * scale, top + y * scale);
        pixel(portrait.photo, behind_relief(portrait, take.turn, u, v), v)
    })
}

/// Which column of the photo is seen at `u`, `v` when the head in it turns: nearer parts move farther. The face is an arch of 0.45 of its width
/// with a nose of 0.15.
fn behind_relief(portrait: &Portrait<'_>, turn: f32, u: f32, v: f32) -> f32 {
    let (face, middle) = (portrait.face.width(), portrait.face.centre());
    let depth = |u: f32| {
        let (dx, dy) = ((u - middle.x) / face, (v - middle.y) / face);
        let arch = (1.0 - (dx / 0.75).powi(2) - (dy / 0.95).powi(2)).max(0.0).powi(2);
        let nose = (-(dx / 0.11).powi(2) - ((dy - 0.08) / 0.14).powi(2)).exp();
        face * (0.45 * arch + 0.15 * nose)
    };
    (0..8).fold(u, |found, _| u - depth(found) * turn.sin())
}

/// The camera: area sampling, a lens' blur of about 0.7 pixels, noise of 2.5 grey levels.
fn render(take: &Take, light: impl Fn(f32, f32) -> [f32; 3]) -> RgbImage {
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut sharp = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let mut sum = [0.0f32; 3];
            for sample in 0..SAMPLES {
                // The four corners of a turned square: as many different rows and columns as samples.
                let (dx, dy) = [(0.125, 0.375), (0.375, 0.875), (0.625, 0.125), (0.875, 0.625)][sample];
                let seen = light(column as f32 + dx - 0.5, row as f32 + dy - 0.5);
                sum.iter_mut().zip(seen).for_each(|(sum, seen)| *sum += seen / SAMPLES as f32);
            }
            sharp.push(sum);
        }
    }
    let mut noise = Noise(take.moment.wrapping_mul(747_796_405).wrapping_add(1));
    let blurred = blur(&sharp, width, height);
    let pixels = blurred.iter().flatten().map(|v| (v + 2.5 * noise.normal()).round().clamp(0.0, 255.0) as u8).collect();
    RgbImage::new(WIDTH, HEIGHT, pixels).expect("as many bytes as pixels")
}

/// 1-2-1 in both directions: σ 0.7.
fn blur(sharp: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let pass = |from: &[[f32; 3]], dx: isize, dy: isize| {
        let at = |x: isize, y: isize| {
            let x = x.clamp(0, width as isize - 1) as usize;
            let y = y.clamp(0, height as isize - 1) as usize;
            from[y * width + x]
        };
        let mut to = Vec::with_capacity(from.len());
        for y in 0..height as isize {
            for x in 0..width as isize {
                let (a, b, c) = (at(x - dx, y - dy), at(x, y), at(x + dx, y + dy));
                to.push([0, 1, 2].map(|i| (a[i] + 2.0 * b[i] + c[i]) / 4.0));
            }
        }
        to
    };
    pass(&pass(sharp, 1, 0), 0, 1)
}

/// The light of each pixel of the empty room.
static ROOM: LazyLock<Vec<[f32; 3]>> = LazyLock::new(|| {
    let place = |i: u32| ((i % WIDTH) as f32, (i / WIDTH) as f32);
    (0..WIDTH * HEIGHT).map(place).map(|(x, y)| wall(x, y)).collect()
});

fn room(x: f32, y: f32) -> [f32; 3] {
    let within = |at: f32, side: u32| (at.max(0.0) as usize).min(side as usize - 1);
    ROOM[within(y, HEIGHT) * WIDTH as usize + within(x, WIDTH)]
}

/// A wall lit from the left with a door in it, out of focus.
fn wall(x: f32, y: f32) -> [f32; 3] {
    let lit = 150.0 - 0.07 * x - 0.05 * y + 45.0 * (-((x - 90.0).powi(2) + (y - 150.0).powi(2)) / 16_000.0).exp();
    let edge = |at: f32| 1.0 / (1.0 + ((x - at) / -9.0).exp());
    let light = lit - 40.0 * (edge(505.0) - edge(595.0)) - 45.0 / (1.0 + ((y - 400.0) / -9.0).exp());
    [light, 0.95 * light, 0.86 * light + 8.0]
}

/// Which place of the photo is seen at a place of the camera's picture, were the photo flat.
fn onto_photo(portrait: &Portrait<'_>, take: &Take, x: f32, y: f32) -> (f32, f32) {
    let scale = portrait.face.width() / take.face_width;
    let (dx, dy) = ((x - take.centre.0) * scale, (y - take.centre.1) * scale);
    let (sin, cos) = take.roll.sin_cos();
    let middle = portrait.face.centre();
    (middle.x + cos * dx + sin * dy, middle.y - sin * dx + cos * dy)
}

/// The part of the photo that is on the sheet or screen: left, top, right, bottom in the photo's pixels.
fn shown(species: Species, portrait: &Portrait<'_>) -> [f32; 4] {
    let (width, height) = (portrait.photo.width() as f32, portrait.photo.height() as f32);
    let (face, middle) = (portrait.face.width(), portrait.face.centre());
    match species {
        // Upright, 9:16, the face as wide as two thirds of it.
        Species::Phone => {
            let (half, tall) = (0.75 * face, 1.33 * face);
            [middle.x - half, middle.y - tall, middle.x + half, middle.y + tall]
        }
        Species::ClosePrint | Species::LargeScreen => [f32::MIN, f32::MIN, f32::MAX, f32::MAX],
        // Not more than a head with shoulders: a sheet that is held before a face.
        _ => [
            (middle.x - 1.1 * face).max(0.0),
            (middle.y - 1.1 * face).max(0.0),
            (middle.x + 1.1 * face).min(width),
            (middle.y + 1.4 * face).min(height),
        ],
    }
}

/// Which place of the photo is seen where a flat one that faces the camera would show `u`, `v`, and by how much the sheet faces away there, in
/// radians. A `bend` is a radius in the photo's pixels, and the column in which the sheet is nearest. `None` beside a bent sheet.
fn onto_sheet(
    bend: Option<(f32, f32)>,
    portrait: &Portrait<'_>,
    take: &Take,
    (u, v): (f32, f32),
) -> Option<(f32, f32, f32)> {
    let focal = FOCAL * portrait.face.width() / take.face_width;
    let centre = portrait.face.centre();
    let axis = bend.map_or(centre.x, |(_, axis)| axis);
    let (mut depth, mut along, mut angle) = (0.0, 0.0, take.turn);
    // How far away a place is says where it is seen, and the other way round: that settles quickly.
    for _ in 0..4 {
        let across = (u - axis) * (1.0 + depth / focal);
        match bend {
            Some((radius, _)) => {
                let sine = across / radius + take.turn.sin();
                if sine.abs() >= 1.0 {
                    return None;
                }
                angle = sine.asin();
                along = radius * (angle - take.turn);
                depth = radius * (take.turn.cos() - angle.cos());
            }
            None => {
                along = across / take.turn.cos();
                depth = along * take.turn.sin();
            }
        }
    }
    Some((axis + along, centre.y + (v - centre.y) * (1.0 + depth / focal), angle))
}

/// What is seen of the thing itself at a place of the camera's picture; `None` beside it.
fn show(species: Species, portrait: &Portrait<'_>, take: &Take, x: f32, y: f32) -> Option<[f32; 3]> {
    let [left, top, right, bottom] = shown(species, portrait);
    let bend = (species == Species::BentPrint).then(|| ((right - left) / 2.0 / take.bend, (left + right) / 2.0));
    let (u, v, angle) = onto_sheet(bend, portrait, take, onto_photo(portrait, take, x, y))?;
    // Lit from the left.
    let shade = (angle + 0.35).cos().max(0.0) / 0.35f32.cos();
    let beyond = (left - u).max(top - v).max(u - right).max(v - bottom);
    let face = portrait.face.width();
    let border = match species {
        Species::FlatPrint | Species::BentPrint => 0.12 * face,
        Species::Phone => 0.09 * face,
        _ => 0.0,
    };
    if beyond > border {
        return None;
    }
    if species == Species::CutOutPrint && !is_head(portrait, u, v) {
        return None;
    }
    Some(if species.is_screen() {
        on_screen(portrait, take, (u, v), beyond > 0.0, (x, y))
    } else {
        let printed = if beyond > 0.0 { [1.0; 3] } else { on_paper(pixel(portrait.photo, u, v), u, v, face) };
        // Paper in the same light as the wall behind it, a little brighter.
        let light = room(x, y);
        [0, 1, 2].map(|c| light[c] * 1.35 * shade * printed[c])
    })
}

/// An oval about the head with its hair and neck.
fn is_head(portrait: &Portrait<'_>, u: f32, v: f32) -> bool {
    let (face, middle) = (portrait.face.width(), portrait.face.centre());
    let (dx, dy) = ((u - middle.x) / (0.62 * face), (v - middle.y + 0.05 * face) / (0.85 * face));
    dx * dx + dy * dy < 1.0
}

/// Ink on ordinary paper: black reflects 9 %, colours are duller by a fifth, and dots of a laser printer (a 106 lpi screen turned by 45° when a
/// face is as wide as on a sheet of A4) carry the tone.
fn on_paper(seen: [f32; 3], u: f32, v: f32, face: f32) -> [f32; 3] {
    let grey = 0.299 * seen[0] + 0.587 * seen[1] + 0.114 * seen[2];
    let cell = face / 450.0;
    let (a, b) = ((u + v) / cell * PI, (u - v) / cell * PI);
    let dot = 0.25 * (a.cos() + b.cos());
    seen.map(|value| {
        let tone = linear((0.8 * value + 0.2 * grey) / 255.0);
        let inked = tone + 0.6 * dot * tone * (1.0 - tone);
        (0.09 + 0.91 * inked).clamp(0.0, 1.0).powf(1.0 / 2.2)
    })
}

/// A screen: stripes of red, green and blue with dark gaps, as many as a telephone of 1080 columns has; backlight that shines through black; bluish white; bands of
/// its refresh; and a window that is mirrored in its glass.
fn on_screen(portrait: &Portrait<'_>, take: &Take, at: (f32, f32), is_bezel: bool, camera: (f32, f32)) -> [f32; 3] {
    let ((u, v), (x, y)) = (at, camera);
    let moment = take.moment as f32;
    let across = (x - take.centre.0) - 0.45 * (y - take.centre.1) - 0.4 * take.face_width + 9.0 * (moment * 0.37).sin();
    let mirrored = 38.0 * (-(across / (0.28 * take.face_width)).powi(2)).exp();
    if is_bezel {
        return [18.0 + mirrored * 0.5, 18.0 + mirrored * 0.5, 20.0 + mirrored * 0.5];
    }
    let pitch = portrait.face.width() * 1.5 / 1080.0;
    let (stripe, row) = ((u / pitch).rem_euclid(1.0), (v / pitch).rem_euclid(1.0));
    let gap = if row < 0.86 { 1.0 } else { 0.15 };
    let band = 1.0 + 0.05 * (2.0 * PI * (y / 170.0 + moment * 0.31)).sin();
    let seen = pixel(portrait.photo, u, v);
    let white = [0.94, 1.0, 1.08];
    [0, 1, 2].map(|c| {
        let middle = (c as f32 + 0.5) / 3.0;
        // A stripe is as bright as three, since it is a third as wide.
        let lit = if (stripe - middle).abs() < 1.0 / 6.0 { 3.0 / 0.88 * gap } else { 0.0 };
        let light = (0.015 + 0.985 * linear(seen[c] / 255.0)) * lit * band * white[c];
        // Averaged over the samples of a pixel as light; what is above white is cut there.
        255.0 * light.powf(1.0 / 2.2).min(1.6) * 0.72 + mirrored
    })
}

fn linear(value: f32) -> f32 {
    value.clamp(0.0, 1.0).powf(2.2)
}

/// Bilinear; beyond its edges a photo goes on as it ends.
fn pixel(photo: &RgbImage, u: f32, v: f32) -> [f32; 3] {
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let (u, v) = (u.clamp(0.0, width as f32 - 1.0), v.clamp(0.0, height as f32 - 1.0));
    let (left, top) = (u as usize, v as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (du, dv) = (u - left as f32, v - top as f32);
    let at = |x: usize, y: usize, c: usize| f32::from(photo.pixels()[(y * width + x) * 3 + c]);
    [0, 1, 2].map(|c| {
        let upper = at(left, top, c) * (1.0 - du) + at(right, top, c) * du;
        let lower = at(left, bottom, c) * (1.0 - du) + at(right, bottom, c) * du;
        upper * (1.0 - dv) + lower * dv
    })
}

/// Numbers that are the same every time (PCG's output function over a linear congruential generator).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let word = ((self.0 >> ((self.0 >> 28) + 4)) ^ self.0).wrapping_mul(277_803_737);
        ((word >> 22) ^ word) as f32 / u32::MAX as f32
    }

    /// About normal, of deviation 1: the sum of four.
    fn normal(&mut self) -> f32 {
        (self.next() + self.next() + self.next() + self.next() - 2.0) * 1.732
    }
}
