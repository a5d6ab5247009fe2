use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
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
        if let Ok(date) = text.parse::<Date>() {
            return Some(Self::Once(date));
        }
        let (month, day) = text.split_once('-')?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
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
        let time = self.zone.to_ambiguous_zoned_datetime(time).compatible().ok()?;
        Some(Micros(time.timestamp().as_microsecond()))
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
