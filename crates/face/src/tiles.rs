use crate::image::{Area, Picture};

/// How a frame is divided where faces are small: each tile is looked at by the detector as if it were a frame of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tiles {
    /// Not at all.
    #[default]
    Off,
    /// Into a grid; the whole frame and all tiles are looked at, each time.
    All {
        /// Tiles across, 1–8.
        columns: u8,
        /// Tiles down, 1–8.
        rows: u8,
    },
    /// Into a grid; each frame has its turn of one: the whole, a tile, then a small face that is followed (another tile while there is none).
    InTurn {
        /// Tiles across, 1–8.
        columns: u8,
        /// Tiles down, 1–8.
        rows: u8,
    },
}

/// What the detector is shown of a picture at a time, stretched to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: large faces.
    Whole,
    /// A part of it: small ones. A face that an edge inside the picture cuts does not count; another tile has it whole.
    Tile(Area),
}

/// Neighbouring tiles share this part of the picture's longer side: 96 pixels at 1080p. Faces up to there are whole in some tile,
/// and larger ones are found in the whole picture (64 wide, 83 high: .91 at 1080p, bench/small). More costs recall at 24 pixels: on an
/// earlier and easier set of composed frames, with 4×3 tiles .98 at a thirtieth, .975 at a sixteenth, .95 at an eighth.
const SHARED: u32 = 20;

impl Tiles {
    /// What [`Tiles::parse`] reads, for people.
    pub const ALLOWED: &'static str =
        "off, columns x rows such as 4x3 (1 to 8 each), or `4x3 turn` for one tile a frame";

    /// `off`, `4x3` or `4x3 turn`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (grid, turn) = (words.next()?, words.next());
        if words.next().is_some() || turn.is_some_and(|word| word != "turn") {
            return None;
        }
        if grid == "off" {
            return turn.is_none().then_some(Self::Off);
        }
        let (columns, rows) = grid.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (1..=8u8).contains(side));
        let (columns, rows) = (side(columns)?, side(rows)?);
        Some(if turn.is_some() { Self::InTurn { columns, rows } } else { Self::All { columns, rows } })
    }
}

impl Part {
    /// All tiles of a grid of `columns` × `rows` over a picture, row by row. They cover it and overlap.
    pub fn grid(picture: &dyn Picture, columns: u8, rows: u8) -> Vec<Part> {
        let (width, height) = (picture.width(), picture.height());
        let shared = width.max(height) / SHARED;
        let (across, down) = (spans(width, columns, shared), spans(height, rows, shared));
        let tile = |&(top, height): &(u32, u32)| {
            across.iter().map(move |&(left, width)| Part::Tile(Area { left, top, width, height })).collect::<Vec<_>>()
        };
        down.iter().flat_map(tile).collect()
    }

    /// A tile as large as those of a grid, as near as can be with its middle at `x`, `y` in pixels.
    pub fn around(picture: &dyn Picture, columns: u8, rows: u8, x: f32, y: f32) -> Part {
        let (width, height) = (picture.width(), picture.height());
        let shared = width.max(height) / SHARED;
        let (across, down) = (side(width, columns, shared), side(height, rows, shared));
        let start = |middle: f32, side: u32, len: u32| ((middle - side as f32 / 2.0).max(0.0) as u32).min(len - side);
        Part::Tile(Area { left: start(x, across, width), top: start(y, down, height), width: across, height: down })
    }
}

/// Length of each of `count` equal spans that cover `len` pixels and share `shared` with the next.
fn side(len: u32, count: u8, shared: u32) -> u32 {
    let count = u32::from(count.max(1));
    (len + (count - 1) * shared).div_ceil(count).clamp(1, len)
}

/// Start and length of the spans, the first at the beginning, the last at the end.
fn spans(len: u32, count: u8, shared: u32) -> Vec<(u32, u32)> {
    let side = side(len, count, shared);
    let last = u32::from(count.max(1)) - 1;
    (0..=last).map(|at| ((len - side) * at / last.max(1), side)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RgbImage;

    fn tiles(picture: &RgbImage, columns: u8, rows: u8) -> Vec<Area> {
        let area = |part: Part| match part {
            Part::Tile(area) => area,
            Part::Whole => unreachable!("a grid has tiles only"),
        };
        Part::grid(picture, columns, rows).into_iter().map(area).collect()
    }

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::new(width, height, vec![0; (width * height * 3) as usize]).unwrap()
    }

    proptest! {
        #[test]
        fn each_face_up_to_the_shared_part_is_whole_in_some_tile(
            width in 1u32..700, height in 1u32..700, columns in 1u8..=8, rows in 1u8..=8, x in 0.0f32..1.0, y in 0.0f32..1.0,
        ) {
            let picture = picture(width, height);
            let face = (width.max(height) / SHARED).min(width).min(height);
            let (left, top) = (((width - face) as f32 * x) as u32, ((height - face) as f32 * y) as u32);
            let has = |area: &Area| {
                area.left <= left && left + face <= area.left + area.width && area.top <= top && top + face <= area.top + area.height
            };
            let tiles = tiles(&picture, columns, rows);
            prop_assert_eq!(tiles.len(), usize::from(columns) * usize::from(rows));
            prop_assert!(tiles.iter().any(has), "{face} at {left} {top} of {tiles:?}");
            let around = Part::around(&picture, columns, rows, x * 2000.0 - 500.0, y * 2000.0 - 500.0);
            for part in tiles.into_iter().map(Part::Tile).chain([around]) {
                let Part::Tile(area) = part else { unreachable!() };
                prop_assert!(area.width >= 1 && area.left + area.width <= width);
                prop_assert!(area.height >= 1 && area.top + area.height <= height);
            }
        }
    }

    #[test]
    fn a_full_hd_frame_has_tiles_of_about_a_quarter_of_its_width() {
        let tiles = tiles(&picture(1920, 1080), 4, 3);
        assert_eq!((tiles[0].width, tiles[0].height), (552, 424));
        assert_eq!((tiles[11].left, tiles[11].top), (1920 - 552, 1080 - 424));
    }

    #[test]
    fn a_grid_is_read_as_people_write_it() {
        assert_eq!(Tiles::parse("off"), Some(Tiles::Off));
        assert_eq!(Tiles::parse(" 4x3 "), Some(Tiles::All { columns: 4, rows: 3 }));
        assert_eq!(Tiles::parse("3x2 turn"), Some(Tiles::InTurn { columns: 3, rows: 2 }));
        for wrong in ["", "4", "0x2", "9x1", "4x3 turns", "4x3 turn turn", "off turn", "-1x2"] {
            assert_eq!(Tiles::parse(wrong), None, "{wrong}");
        }
    }
}
