//! What a photo shows of a face, in numbers that somebody can do something about.

use std::cmp::Ordering;

use models::{Channels, Input, PerChannel};

use crate::engine::Face;
use crate::geometry::{Point, Similarity};
use crate::image::Picture;
use crate::landmark::{FivePoints, yaw};

/// How good a face is in one photo. The norm says whether it will be recognised; everything else explains to a person why not, and
/// adds nothing to the norm where recognition is concerned (measured: docs/reference/enrolment.md).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Length of the raw embedding; the pack's gates say what it means.
    pub norm: f32,
    /// The box's longer side in whole pixels.
    pub side: u32,
    /// The box's shorter side as a share of the longer one, 0–1: boxes are squares (to a pixel) that end at the photo's edge, so well
    /// below 1 something of the face or of its surroundings is missing at a side.
    pub whole: f32,
    /// Whether the box reaches an edge of the photo, beyond which some of the face may lie.
    pub at_edge: bool,
    /// Whether it reaches two opposite edges: a close crop, in which the box is narrow although the face may be all there.
    pub between_edges: bool,
    /// Where the head is turned.
    pub pose: Pose,
    /// What is seen of it. `None` when its five points make no face.
    pub surface: Option<Surface>,
}

/// Where a head is turned, in degrees, from its five points: without a model of its own, so large angles read too small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// To a side: + is to the picture's left; within ±90. See [`yaw`].
    pub yaw: f32,
    /// Up (+) or down: −59·v + 26 with v = how far the nose is below the eyes as a share of the mouth's way. Fitted to a pose model on
    /// LFW; it halves large angles. Within ±90.
    pub pitch: f32,
    /// In the picture's plane: + is clockwise as seen, from the line through the eyes; within ±180.
    pub roll: f32,
}

/// How a face is lit, and what hides it: of the pixels of its own (an ellipse from the eyebrows to the chin), not of the photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Mean luma, 0–255.
    pub brightness: f32,
    /// Share of pixels in which nothing is to be seen any more because they are black (luma below 16), 0–1.
    pub black: f32,
    /// The same for white (luma 250 or more), 0–1.
    pub white: f32,
    /// How red it is around mouth and chin: 100 · Cr / luma, where Cr is BT.601's without its offset. 98 of 100 faces
    /// of LFW have 6 to 39; a mask has less.
    pub mouth_redness: f32,
    /// The same at the bridge of the nose, which a mask leaves free.
    pub nose_redness: f32,
}

/// Which of two shots of a face shows it better, by the norms of their embeddings: `Greater` when the first one does. The one rule for
/// photos and camera frames. Of seven degraded views of a person the one with the highest norm recognises best (a true accept rate of
/// .950 against .810 for any one); sharpness, brightness, pose and size, all together, add nothing to it.
pub fn by_clearness(norm: f32, other: f32) -> Ordering {
    norm.total_cmp(&other)
}

/// A box that comes so near to an edge of the photo reaches it (pixels).
const EDGE: f32 = 2.0;

impl Quality {
    /// Measures a face of `picture`.
    pub fn of(picture: &dyn Picture, face: &Face) -> Self {
        let area = &face.area;
        let (right, bottom) = (picture.width() as f32 - 1.0 - EDGE, picture.height() as f32 - 1.0 - EDGE);
        let (at_left, at_top) = (area.left <= EDGE, area.top <= EDGE);
        let (at_right, at_bottom) = (area.right >= right, area.bottom >= bottom);
        Self {
            norm: face.embedding.norm,
            side: face.side(),
            whole: area.width().min(area.height()) / area.width().max(area.height()).max(1.0),
            at_edge: at_left || at_top || at_right || at_bottom,
            between_edges: (at_left && at_right) || (at_top && at_bottom),
            pose: Pose::of(&face.landmarks),
            surface: Surface::of(picture, &face.landmarks),
        }
    }
}

impl Pose {
    /// The pose of a face with these five points.
    pub fn of(five: &FivePoints) -> Self {
        let [left, right, nose, mouth_left, mouth_right] = five;
        let (dx, dy) = (right.x - left.x, right.y - left.y);
        let middle = |a: &Point, b: &Point| Point { x: (a.x + b.x) / 2.0, y: (a.y + b.y) / 2.0 };
        let (eyes, mouth) = (middle(left, right), middle(mouth_left, mouth_right));
        // Across the line of the eyes; its length cancels out.
        let below = |point: &Point| (point.y - eyes.y) * dx - (point.x - eyes.x) * dy;
        let v = below(nose) / below(&mouth);
        // A mouth on the line of the eyes is that of no face.
        let pitch = if v.is_finite() { (-59.0 * v + 26.0).clamp(-90.0, 90.0) } else { 90.0 };
        Self { yaw: yaw(five), pitch, roll: dy.atan2(dx).to_degrees() }
    }
}

/// The chip that is looked at: a face of 112 × 112 pixels.
const CHIP: Input = Input {
    width: SIDE as u32,
    height: SIDE as u32,
    channels: Channels::Rgb,
    mean: PerChannel::All(0.0),
    scale: PerChannel::All(1.0),
};
const SIDE: usize = 112;

/// Where the five points belong in it: where the default pack's embedder wants them.
const POINTS: FivePoints = [
    Point { x: 38.2946, y: 51.6963 },
    Point { x: 73.5318, y: 51.5014 },
    Point { x: 56.0252, y: 71.7366 },
    Point { x: 41.5493, y: 92.3655 },
    Point { x: 70.7299, y: 92.2041 },
];

/// An ellipse in the chip.
struct Ellipse {
    x: f32,
    y: f32,
    across: f32,
    down: f32,
}

/// From the eyebrows to the chin and from cheek to cheek.
const FACE: Ellipse = Ellipse { x: 56.0, y: 70.0, across: 32.0, down: 36.0 };

/// Mouth and chin, and the bridge of the nose.
const MOUTH: Ellipse = Ellipse { x: 56.0, y: 94.0, across: 20.0, down: 14.0 };
const NOSE: Ellipse = Ellipse { x: 56.0, y: 58.0, across: 5.0, down: 8.0 };

const BLACK: f32 = 16.0;
const WHITE: f32 = 250.0;

/// In a patch darker than this colours are noise.
const DIM: f32 = 20.0;

impl Ellipse {
    fn holds(&self, place: Point) -> bool {
        ((place.x - self.x) / self.across).powi(2) + ((place.y - self.y) / self.down).powi(2) <= 1.0
    }
}

/// Colour of a part of the face.
#[derive(Default)]
struct Patch {
    pixels: u32,
    luma: f32,
    red: f32,
}

impl Patch {
    fn add(&mut self, red: f32, luma: f32) {
        self.pixels += 1;
        self.luma += luma;
        self.red += red;
    }

    /// 100 · Cr / luma; 0 when nothing of it is seen.
    fn redness(&self) -> f32 {
        let pixels = self.pixels.max(1) as f32;
        let (luma, red) = (self.luma / pixels, self.red / pixels);
        100.0 * 0.713 * (red - luma) / luma.max(DIM)
    }
}

impl Surface {
    /// Of the face with these five points.
    fn of(picture: &dyn Picture, five: &FivePoints) -> Option<Self> {
        let to_picture = Similarity::between(five, &POINTS)?.inverse();
        let mut planes = Vec::new();
        picture.warp_into(&to_picture, &CHIP, &mut planes);
        let (reds, rest) = planes.split_at(SIDE * SIDE);
        let (greens, blues) = rest.split_at(SIDE * SIDE);
        let (right, bottom) = ((picture.width() - 1) as f32, (picture.height() - 1) as f32);
        let (mut seen, mut sum, mut black, mut white) = (0, 0.0, 0, 0);
        let (mut mouth, mut nose) = (Patch::default(), Patch::default());
        for (at, ((red, green), blue)) in reds.iter().zip(greens).zip(blues).enumerate() {
            let place = Point { x: (at % SIDE) as f32, y: (at / SIDE) as f32 };
            let in_picture = to_picture.apply(place);
            let is_seen = (0.0..=right).contains(&in_picture.x) && (0.0..=bottom).contains(&in_picture.y);
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
            if is_seen && FACE.holds(place) {
                seen += 1;
                sum += luma;
                black += u32::from(luma < BLACK);
                white += u32::from(luma >= WHITE);
            }
            if is_seen && MOUTH.holds(place) {
                mouth.add(*red, luma);
            }
            if is_seen && NOSE.holds(place) {
                nose.add(*red, luma);
            }
        }
        let share = |part: u32| part as f32 / seen.max(1) as f32;
        Some(Self {
            brightness: sum / seen.max(1) as f32,
            black: share(black),
            white: share(white),
            mouth_redness: mouth.redness(),
            nose_redness: nose.redness(),
        })
    }
}
