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
    /// Into a grid; each frame has its turn of one: the whole, the first tile, the second, and so on.
    InTurn {
        /// Tiles across, 1–8.
        columns: u8,
        /// Tiles down, 1–8.
        rows: u8,
    },
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
