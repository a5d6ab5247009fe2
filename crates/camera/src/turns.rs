use face::{Part, Picture, Point, Rect, Tiles};
use smallvec::smallvec;

use crate::pairing::Few;

/// In a whole frame faces whose longer side is at least this share of the frame's are found; smaller ones need a tile. 96 pixels at 1080p:
/// of faces 64 wide, 83 high, 91 % are found without tiles (bench/small).
const SEEN_IN_WHOLE: f32 = 1.0 / 20.0;

/// What the detector stretches a picture to. A whole that `SCALE` makes smaller loses faces of that size.
const SEEN_SIZE: (f32, f32) = (320.0, 240.0);

/// Of three frames in turn one is looked at as a whole, one is a tile's, and one belongs to the small faces that are followed: a tile
/// around the one that was looked for least lately. While there is none, it is a tile's too.
const STEPS: usize = 3;

/// Which parts of a camera's frames are looked at, and when.
#[derive(Debug)]
pub(crate) struct Turns {
    tiles: Tiles,
    step: usize,
    next_tile: usize,
    /// What has not been looked at since something moved.
    left: Left,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Left {
    whole: bool,
    tiles: usize,
}

impl Turns {
    /// Where faces are not followed, nothing remembers what another frame's turn has shown: then the whole grid is looked at each time.
    pub(crate) fn new(tiles: Tiles, tracking: bool) -> Self {
        let tiles = match tiles {
            Tiles::InTurn { columns, rows } if !tracking => Tiles::All { columns, rows },
            tiles => tiles,
        };
        Self { tiles, step: 0, next_tile: 0, left: Left::default() }
    }

    /// Whether each frame shows its own part only.
    pub(crate) fn is_in_turn(&self) -> bool {
        matches!(self.tiles, Tiles::InTurn { .. })
    }

    /// By how much the whole of a picture of this width and height is made smaller where `asked` is wanted: where there are tiles, by no more
    /// than leaves the faces in it that no tile shows.
    pub(crate) fn scale(&self, asked: f32, (width, height): (u32, u32)) -> f32 {
        let least = (SEEN_SIZE.0 / width.max(1) as f32).max(SEEN_SIZE.1 / height.max(1) as f32).min(1.0);
        if self.tiles == Tiles::Off { asked } else { asked.max(least) }
    }

    /// Something has moved: everything is to be looked at again.
    pub(crate) fn begin(&mut self) {
        if let Tiles::InTurn { columns, rows } = self.tiles {
            self.left = Left { whole: true, tiles: usize::from(columns) * usize::from(rows) };
        }
    }

    /// Whether everything has been looked at since something moved.
    pub(crate) fn is_complete(&self) -> bool {
        self.left == Left::default()
    }

    /// What is to be looked at in this frame. `small` is the middle of the small face that was looked for least lately, in pixels.
    pub(crate) fn next(&mut self, picture: &dyn Picture, small: Option<Point>) -> Few<Part> {
        let (columns, rows) = match self.tiles {
            Tiles::Off => return smallvec![Part::Whole],
            Tiles::All { columns, rows } => {
                let tiles = Part::grid(picture, columns, rows);
                return std::iter::once(Part::Whole).chain(tiles).collect();
            }
            Tiles::InTurn { columns, rows } => (columns, rows),
        };
        let step = self.step;
        self.step = (step + 1) % STEPS;
        let part = match (step, small) {
            (0, _) => {
                self.left.whole = false;
                Part::Whole
            }
            (2, Some(face)) => Part::around(picture, columns, rows, face.x, face.y),
            _ => {
                let grid = Part::grid(picture, columns, rows);
                let tile = self.next_tile % grid.len();
                self.next_tile = tile + 1;
                self.left.tiles = self.left.tiles.saturating_sub(1);
                grid[tile]
            }
        };
        smallvec![part]
    }
}

/// Whether a face in `area` can be found by looking at these parts of a picture of this width and height. A face that has left the picture
/// would have been.
pub(crate) fn shows(parts: &[Part], area: &Rect, (width, height): (u32, u32)) -> bool {
    let (width, height) = (width as f32, height as f32);
    let inside = Rect {
        left: area.left.max(0.0),
        top: area.top.max(0.0),
        right: area.right.min(width),
        bottom: area.bottom.min(height),
    };
    if inside.width() <= 0.0 || inside.height() <= 0.0 {
        return true;
    }
    parts.iter().any(|part| match part {
        Part::Whole => area.width().max(area.height()) >= SEEN_IN_WHOLE * width.max(height),
        Part::Tile(tile) => {
            let (left, top) = (tile.left as f32, tile.top as f32);
            inside.left >= left
                && inside.top >= top
                && inside.right <= left + tile.width as f32
                && inside.bottom <= top + tile.height as f32
        }
    })
}

#[cfg(test)]
mod tests {
    use face::YuvImage;

    use super::*;

    fn frame() -> YuvImage {
        YuvImage::new(1920, 1080, vec![128; YuvImage::len_for(1920, 1080)]).unwrap()
    }

    const IN_TURN: Tiles = Tiles::InTurn { columns: 4, rows: 3 };

    fn square(x: f32, y: f32, side: f32) -> Rect {
        Rect { left: x - side / 2.0, top: y - side / 2.0, right: x + side / 2.0, bottom: y + side / 2.0 }
    }

    #[test]
    fn after_a_movement_each_place_and_size_is_looked_at_before_there_is_rest() {
        for small in [None, Some(Point { x: 960.0, y: 540.0 })] {
            let (frame, mut turns) = (frame(), Turns::new(IN_TURN, true));
            assert!(turns.is_complete());
            turns.begin();
            let mut parts = Vec::new();
            while !turns.is_complete() {
                parts.extend(turns.next(&frame, small));
            }
            assert_eq!(parts.len(), if small.is_some() { 35 } else { 18 });
            for side in [24.0, 60.0, 96.0, 500.0] {
                for (x, y) in [(300.0, 300.0), (960.0, 540.0), (480.0, 360.0), (1600.0, 800.0)] {
                    assert!(shows(&parts, &square(x, y, side), (1920, 1080)), "{side} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn large_faces_have_every_third_frame_and_a_small_one_that_is_followed_too() {
        let (frame, mut turns) = (frame(), Turns::new(IN_TURN, true));
        let near = Point { x: 1700.0, y: 200.0 };
        for _ in 0..10 {
            let [first, _, third] = [0; 3].map(|_| turns.next(&frame, Some(near)));
            assert_eq!(first[..], [Part::Whole]);
            assert!(shows(&third, &square(near.x, near.y, 30.0), (1920, 1080)));
        }
    }

    #[test]
    fn without_tracking_each_frame_shows_everything() {
        let mut turns = Turns::new(IN_TURN, false);
        assert_eq!(turns.next(&frame(), None).len(), 13);
        assert!(!turns.is_in_turn());
        assert_eq!(Turns::new(Tiles::Off, true).next(&frame(), None)[..], [Part::Whole]);
    }

    #[test]
    fn where_there_are_tiles_the_whole_is_not_made_smaller_than_the_detector_sees_it() {
        let size = (1920, 1080);
        for tiles in [IN_TURN, Tiles::All { columns: 4, rows: 3 }] {
            let turns = Turns::new(tiles, true);
            assert_eq!(turns.scale(0.5, size), 0.5);
            assert_eq!(turns.scale(0.05, size), 240.0 / 1080.0);
            assert_eq!(turns.scale(0.05, (160, 120)), 1.0);
        }
        assert_eq!(Turns::new(Tiles::Off, true).scale(0.05, size), 0.05);
    }

    #[test]
    fn a_small_face_is_not_shown_by_the_whole_nor_by_a_tile_that_cuts_it() {
        let size = (1920, 1080);
        assert!(!shows(&[Part::Whole], &square(300.0, 300.0, 40.0), size));
        assert!(shows(&[Part::Whole], &square(300.0, 300.0, 120.0), size));
        let tile = Part::around(&frame(), 4, 3, 300.0, 300.0);
        assert!(shows(&[tile], &square(300.0, 300.0, 40.0), size));
        assert!(!shows(&[tile], &square(570.0, 300.0, 40.0), size));
        assert!(shows(&[tile], &square(-90.0, 300.0, 40.0), size), "it has left the picture");
    }
}
