use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};
use store::Micros;

/// Where days begin, and which of them are holidays.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    holidays: Vec<Holiday>,
}

/// A day on which other hours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holiday {
    /// One day.
    Once(Date),
    /// The same day of each year: month and day.
    Yearly(i8, i8),
}

impl Holiday {
    /// `2026-12-25`, or `12-25` for every year. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(date) = parse_day(text) {
            return Some(Self::Once(date));
        }
        let number = |text: &str| {
            let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok())?
        };
        let (month, day) = text.split_once('-')?;
        let (month, day) = (number(month)?, number(day)?);
        // A leap year has every day that there is.
        Date::new(2024, month, day).ok().map(|_| Self::Yearly(month, day))
    }

    fn is(self, date: Date) -> bool {
        match self {
            Self::Once(day) => day == date,
            Self::Yearly(month, day) => (month, day) == (date.month(), date.day()),
        }
    }
}

/// `2026-11-01`, and nothing else that means a day: a time would lose its hour.
pub fn parse_day(text: &str) -> Option<Date> {
    let is_placed = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    (text.len() == 10 && text.bytes().enumerate().all(is_placed)).then(|| text.parse().ok())?
}

impl Calendar {
    /// Days begin at midnight in `zone`.
    pub fn new(zone: TimeZone, holidays: Vec<Holiday>) -> Self {
        Self { zone, holidays }
    }

    /// The same holidays, with days of another time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// What a clock on the wall shows at `time`.
    pub fn wall_clock(&self, time: Micros) -> DateTime {
        self.zoned(time).datetime()
    }

    /// `time` with its offset from UTC.
    pub fn zoned(&self, time: Micros) -> ZonedDateTime {
        // Times beyond the year 9999 come of clocks that are wrong.
        let time = Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::MAX);
        time.to_zoned_datetime(self.zone.clone())
    }

    /// When a clock on the wall shows `time`: of two such moments, as in the night in which clocks are set back, the first; of none,
    /// the moment at which they are set forward.
    pub fn moment(&self, time: DateTime) -> Option<Micros> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let moment = if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            // By the clock as it is after the gap the time would lie before it.
            let before = ambiguous.earlier().ok()?;
            self.zone.following(before).next()?.timestamp()
        } else {
            ambiguous.compatible().ok()?
        };
        Some(Micros(moment.as_microsecond()))
    }

    /// When `day` begins.
    pub fn start_of(&self, day: Date) -> Option<Micros> {
        self.moment(day.to_datetime(Time::midnight()))
    }

    /// Whether other hours count on `date`.
    pub fn is_holiday(&self, date: Date) -> bool {
        self.holidays.iter().any(|holiday| holiday.is(date))
    }

    /// The time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_shows_is_the_moment_at_which_clocks_are_set_forward() {
        let berlin = Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), Vec::new());
        let shown = |time: &str| berlin.zoned(berlin.moment(time.parse().unwrap()).unwrap()).to_string();
        for time in ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T02:59:59", "2026-03-29T03:00"] {
            assert_eq!(shown(time), "2026-03-29T03:00:00+02:00[Europe/Berlin]", "{time}");
        }
        assert_eq!(shown("2026-03-29T01:59:59"), "2026-03-29T01:59:59+01:00[Europe/Berlin]");
        assert_eq!(shown("2026-10-25T02:30"), "2026-10-25T02:30:00+02:00[Europe/Berlin]", "the first of two");
        // A day that has no midnight.
        let cairo = Calendar::new(TimeZone::get("Africa/Cairo").unwrap(), Vec::new());
        let begins = cairo.start_of(Date::constant(2026, 4, 24)).unwrap();
        assert_eq!(cairo.wall_clock(begins), DateTime::constant(2026, 4, 24, 1, 0, 0, 0));
    }

    #[test]
    fn only_a_day_is_a_day() {
        assert_eq!(parse_day("2026-12-25"), Some(Date::constant(2026, 12, 25)));
        for text in ["", "2026-12-25T10:00", "20261225", "2026-13-01", "12-25", "+026-12-25", "2026-12-25 "] {
            assert_eq!(parse_day(text), None, "{text}");
        }
        assert_eq!(Holiday::parse(" 12-25"), Some(Holiday::Yearly(12, 25)));
        for text in ["2026-12-25T10:00", "+1-+2", "12-32", "12-025"] {
            assert_eq!(Holiday::parse(text), None, "{text}");
        }
    }
}
