use std::fmt;

use camera::Direction;
use jiff::civil::DateTime;

/// Longest row that is read, in bytes.
const LONGEST: usize = 512;

/// Longest id of a person, in characters.
const LONGEST_ID: usize = 64;

/// A row of a terminal's log, as attendance software reads it: id, time, in or out, how the person was known, and what for,
/// with tabs between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttlogRow {
    /// Whose: the number by which other systems know the person.
    pub id: String,
    /// When, on a clock on the wall, to the second.
    pub at: DateTime,
    /// Which way; `None` when nobody knows.
    pub direction: Option<Direction>,
    /// How the person was known: 15 by the face, 1 by a finger, 2 by a card, 0 by a password or by hand.
    pub verify: Option<u8>,
}

/// A line is no row of such a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARow {
    /// Far too long.
    #[error("longer than {LONGEST} bytes")]
    TooLong,
    /// Not a text.
    #[error("not valid UTF-8")]
    NotText,
    /// No id.
    #[error("the id must have 1 to {LONGEST_ID} printable characters")]
    Id,
    /// No time.
    #[error("the time must look like 2026-11-26 08:59:00, after a tab")]
    Time,
    /// Another state than in and out.
    #[error("the third field must be 0 (in), 1 (out), 2 (out for a break), 3 (back), 4 and 5 (overtime), or 255")]
    State,
    /// How the person was known is no number.
    #[error("the fourth field must be a number, 0 to 255")]
    Verify,
}

impl AttlogRow {
    /// By the face.
    pub const FACE: u8 = 15;

    /// By hand, as software takes it that knows no better.
    pub const HAND: u8 = 0;

    /// Reads a line without its end. Fields after the fourth, the work code and what devices add, do not matter here.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, NotARow> {
        if line.len() > LONGEST {
            return Err(NotARow::TooLong);
        }
        let line = str::from_utf8(line).map_err(|_| NotARow::NotText)?;
        let mut fields = line.split('\t').map(str::trim);
        let id = fields.next().unwrap_or_default();
        if !(1..=LONGEST_ID).contains(&id.chars().count()) || id.chars().any(char::is_control) {
            return Err(NotARow::Id);
        }
        let at = fields.next().and_then(time).ok_or(NotARow::Time)?;
        let direction = match fields.next().unwrap_or_default() {
            "0" | "3" | "4" => Some(Direction::In),
            "1" | "2" | "5" => Some(Direction::Out),
            "" | "255" => None,
            _ => return Err(NotARow::State),
        };
        let verify = match fields.next().unwrap_or_default() {
            "" => None,
            number => Some(number.parse().map_err(|_| NotARow::Verify)?),
        };
        Ok(Self { id: id.to_owned(), at, direction, verify })
    }
}

impl fmt::Display for AttlogRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What would end a field or a row is none of it.
        for character in self.id.chars() {
            fmt::Write::write_char(f, if character.is_control() { ' ' } else { character })?;
        }
        let state = match self.direction {
            Some(Direction::In) => 0,
            Some(Direction::Out) => 1,
            None => 255,
        };
        let at = self.at.strftime("%Y-%m-%d %H:%M:%S");
        write!(f, "\t{at}\t{state}\t{}\t0", self.verify.unwrap_or(Self::HAND))
    }
}

/// `2026-11-26 08:59:00`, and nothing else that means a time.
fn time(text: &str) -> Option<DateTime> {
    let is_placed = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    (text.len() == 19 && text.bytes().enumerate().all(is_placed)).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_again(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            id in "[ \\PC\t]{0,12}",
            rest in "(\t[0-9]{0,4}-?[0-9]{1,2}-[0-9]{1,2} [0-9]{1,2}:[0-9]{2}:[0-9]{2}|\t2026-11-26 08:59:07)(\t[0-9]{0,3}){0,3}",
        ) {
            let _ = AttlogRow::parse(&bytes);
            if let Ok(row) = AttlogRow::parse(format!("{id}{rest}").as_bytes()) {
                let written = row.to_string();
                prop_assert!(written.matches('\t').count() == 4 && !written.contains('\n'));
                let again = AttlogRow::parse(written.as_bytes()).unwrap();
                let verify = Some(row.verify.unwrap_or(AttlogRow::HAND));
                prop_assert_eq!(again, AttlogRow { verify, ..row });
            }
        }
    }

    #[test]
    fn rows_of_terminals_are_read() {
        let row = |line: &str| AttlogRow::parse(line.as_bytes());
        let at = "2026-11-26T08:59:07".parse().unwrap();
        let expected = AttlogRow { id: "1007".to_owned(), at, direction: Some(Direction::In), verify: Some(15) };
        for line in [
            "1007\t2026-11-26 08:59:07\t0\t15\t0",
            "     1007\t2026-11-26 08:59:07\t0\t15\t0\t0\t0\r",
            "1007\t2026-11-26 08:59:07\t3\t15",
        ] {
            assert_eq!(row(line), Ok(expected.clone()), "{line:?}");
        }
        let bare = AttlogRow { direction: None, verify: None, ..expected.clone() };
        assert_eq!(row("1007\t2026-11-26 08:59:07"), Ok(bare.clone()));
        assert_eq!(row("1007\t2026-11-26 08:59:07\t255\t"), Ok(bare));
        assert_eq!(expected.to_string(), "1007\t2026-11-26 08:59:07\t0\t15\t0");
    }

    #[test]
    fn what_is_no_row_is_refused_with_the_field_that_is_wrong() {
        for (line, error) in [
            ("", NotARow::Id),
            ("\t2026-11-26 08:59:07\t0\t15\t0", NotARow::Id),
            ("1007", NotARow::Time),
            ("1007 2026-11-26 08:59:07 0 15 0", NotARow::Time),
            ("1007\t2026-11-26T08:59:07\t0", NotARow::Time),
            ("1007\t2026-02-30 08:59:07\t0", NotARow::Time),
            ("1007\t2026-11-26 24:00:00\t0", NotARow::Time),
            ("1007\t2026-11-26\t0", NotARow::Time),
            ("1007\t2026-11-26 08:59:07\tin", NotARow::State),
            ("1007\t2026-11-26 08:59:07\t0\t256", NotARow::Verify),
        ] {
            assert_eq!(AttlogRow::parse(line.as_bytes()), Err(error), "{line:?}");
        }
        assert_eq!(AttlogRow::parse(b"\xff\t2026-11-26 08:59:07"), Err(NotARow::NotText));
        assert_eq!(AttlogRow::parse(&[b'1'; 600]), Err(NotARow::TooLong));
    }

    #[test]
    fn no_id_ends_a_field_or_a_row() {
        let at = "2026-11-26T08:59:07".parse().unwrap();
        let row = AttlogRow { id: "a\tb\nc".to_owned(), at, direction: Some(Direction::Out), verify: None };
        assert_eq!(row.to_string(), "a b c\t2026-11-26 08:59:07\t1\t0\t0");
    }
}
