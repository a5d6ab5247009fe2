//! Points, boxes and the one transform that alignment needs. Pixels, x to the right, y down; (0, 0) is the centre of
//! the first pixel.

use serde::Serialize;

/// A place in a picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// Columns from the left.
    pub x: f32,
    /// Rows from the top.
    pub y: f32,
}

/// A box in a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Upper edge.
    pub top: f32,
    /// Right edge, not less than `left`.
    pub right: f32,
    /// Lower edge, not less than `top`.
    pub bottom: f32,
}

impl Rect {
    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The longer of width and height, in whole pixels.
    pub fn longer_side(&self) -> u32 {
        self.width().max(self.height()) as u32
    }

    /// The same box elsewhere: so many pixels to the right and down.
    pub(crate) fn moved(&self, x: f32, y: f32) -> Self {
        Self { left: self.left + x, top: self.top + y, right: self.right + x, bottom: self.bottom + y }
    }

    /// Its middle.
    pub fn centre(&self) -> Point {
        Point { x: (self.left + self.right) / 2.0, y: (self.top + self.bottom) / 2.0 }
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Area in common with `other`, in square pixels.
    fn overlap(&self, other: &Rect) -> f32 {
        Rect {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
        .area()
    }

    /// How much of it lies inside `other`, 0–1.
    pub fn share_inside(&self, other: &Rect) -> f32 {
        if self.area() > 0.0 { self.overlap(other) / self.area() } else { 0.0 }
    }

    /// Intersection over union with `other`, 0–1.
    pub fn iou(&self, other: &Rect) -> f32 {
        let overlap = self.overlap(other);
        let union = self.area() + other.area() - overlap;
        if union > 0.0 { overlap / union } else { 0.0 }
    }

    /// How likely this face is the one that a photo of `size` (width and height) is about: its area less twice the squared distance of
    /// its centre from the photo's, in square pixels. LFW's photos, centred on the person that they are named after, want it.
    pub fn prominence(&self, size: (u32, u32)) -> f32 {
        let centre = self.centre();
        let (dx, dy) = (centre.x - size.0 as f32 / 2.0, centre.y - size.1 as f32 / 2.0);
        self.area() - 2.0 * (dx * dx + dy * dy)
    }

    /// `[x1, y1, x2, y2]` in whole pixels: the form of the contract.
    pub fn to_pixels(&self) -> [i32; 4] {
        [self.left, self.top, self.right, self.bottom].map(|v| v.round() as i32)
    }
}

/// Rotation, one scale and a shift: `x' = a·x − b·y + tx`, `y' = b·x + a·y + ty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    a: f32,
    b: f32,
    tx: f32,
    ty: f32,
}

impl Similarity {
    /// The transform that brings `from` nearest to `to` in the least squares sense (Umeyama 1991 in two dimensions,
    /// where it has a closed form). `None` when the points of `from` all coincide or a number is not finite.
    pub fn between(from: &[Point; 5], to: &[Point; 5]) -> Option<Self> {
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p.x - from_mean.x, p.y - from_mean.y);
            let (qx, qy) = (q.x - to_mean.x, q.y - to_mean.y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (dot / spread, cross / spread);
        let transform = Self {
            a,
            b,
            tx: to_mean.x - a * from_mean.x + b * from_mean.y,
            ty: to_mean.y - b * from_mean.x - a * from_mean.y,
        };
        transform.is_usable().then_some(transform)
    }

    /// The way back.
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) }
    }

    /// Where `p` goes.
    pub fn apply(&self, p: Point) -> Point {
        Point { x: self.a * p.x - self.b * p.y + self.tx, y: self.b * p.x + self.a * p.y + self.ty }
    }

    fn is_usable(&self) -> bool {
        [self.a, self.b, self.tx, self.ty].iter().all(|v| v.is_finite()) && self.a * self.a + self.b * self.b > 1e-12
    }
}

fn mean(points: &[Point; 5]) -> Point {
    let n = points.len() as f32;
    Point { x: points.iter().map(|p| p.x).sum::<f32>() / n, y: points.iter().map(|p| p.y).sum::<f32>() / n }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn five() -> impl Strategy<Value = [Point; 5]> {
        prop::array::uniform5((-500.0f32..500.0, -500.0f32..500.0).prop_map(|(x, y)| Point { x, y }))
    }

    proptest! {
        #[test]
        fn a_similarity_is_recovered_from_the_points_that_it_moved(
            from in five(), angle in -3.1f32..3.1, scale in 0.1f32..5.0, tx in -300.0f32..300.0, ty in -300.0f32..300.0,
        ) {
            let truth = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let to = from.map(|p| truth.apply(p));
            let centre = mean(&from);
            prop_assume!(from.iter().any(|p| (p.x - centre.x).abs() > 20.0));
            let found = Similarity::between(&from, &to).unwrap();
            for p in from {
                let (want, got, back) = (truth.apply(p), found.apply(p), found.inverse().apply(truth.apply(p)));
                prop_assert!((want.x - got.x).abs() < 0.05 && (want.y - got.y).abs() < 0.05);
                prop_assert!((back.x - p.x).abs() < 0.5 && (back.y - p.y).abs() < 0.5);
            }
        }
    }

    #[test]
    fn points_that_coincide_have_no_transform() {
        let same = [Point { x: 3.0, y: 4.0 }; 5];
        assert_eq!(Similarity::between(&same, &same), None);
    }
}
