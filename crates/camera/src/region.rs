use face::Point;
use serde::{Deserialize, Serialize};

/// The part of a camera's picture in which faces count: a polygon, its corners as shares of the picture's width and
/// height, 0–1 from the upper left. A face counts when the middle of its box lies inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f32; 2]>", into = "Vec<[f32; 2]>")]
pub struct Region(Vec<[f32; 2]>);

/// A polygon that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region has 3 to {} corners, each [x, y] with numbers from 0 to 1", Region::MOST_CORNERS)]
pub struct NotARegion;

impl Region {
    /// More corners than anybody draws by hand.
    pub const MOST_CORNERS: usize = 64;

    /// Whether a point of a picture lies inside. `point` in pixels, `size` the picture's width and height.
    pub fn contains(&self, point: Point, size: (u32, u32)) -> bool {
        let (x, y) = (point.x / size.0 as f32, point.y / size.1 as f32);
        let corners = &self.0;
        // A ray to the right crosses the outline an odd number of times exactly from inside.
        let crossings = corners.iter().enumerate().filter(|(at, [x1, y1])| {
            let [x2, y2] = corners[(at + 1) % corners.len()];
            (*y1 > y) != (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
        });
        crossings.count() % 2 == 1
    }
}

impl TryFrom<Vec<[f32; 2]>> for Region {
    type Error = NotARegion;

    fn try_from(corners: Vec<[f32; 2]>) -> Result<Self, NotARegion> {
        let usable = corners.iter().flatten().all(|v| (0.0..=1.0).contains(v));
        let count = (3..=Self::MOST_CORNERS).contains(&corners.len());
        if usable && count { Ok(Self(corners)) } else { Err(NotARegion) }
    }
}

impl From<Region> for Vec<[f32; 2]> {
    fn from(region: Region) -> Self {
        region.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(region: &Region, x: f32, y: f32) -> bool {
        region.contains(Point { x: x * 640.0, y: y * 480.0 }, (640, 480))
    }

    #[test]
    fn what_is_inside_a_concave_outline_counts_and_what_is_outside_does_not() {
        // An L: the lower left without its upper right quarter.
        let l = vec![[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]];
        let region = Region::try_from(l).unwrap();
        assert!(inside(&region, 0.25, 0.25) && inside(&region, 0.25, 0.75) && inside(&region, 0.75, 0.75));
        assert!(!inside(&region, 0.75, 0.25) && !inside(&region, 1.25, 0.75));
    }

    #[test]
    fn two_corners_and_corners_outside_the_picture_are_no_region() {
        assert_eq!(Region::try_from(vec![[0.0, 0.0], [1.0, 1.0]]), Err(NotARegion));
        assert_eq!(Region::try_from(vec![[0.0, 0.0], [1.1, 1.0], [0.0, 1.0]]), Err(NotARegion));
        assert_eq!(Region::try_from(vec![[0.0, f32::NAN], [1.0, 1.0], [0.0, 1.0]]), Err(NotARegion));
        assert_eq!(Region::try_from(vec![[0.5, 0.5]; 65]), Err(NotARegion));
    }
}
