use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Calendar;

/// Hours of a week, such as `mon-fri 08:00-18:00, sat 09:00-13:00, holiday 10:00-12:00`, as a clock on the wall shows them.
/// Hours that end before they begin, such as `fri 22:00-06:00`, last into the next day. On a holiday only the hours of `holiday`
/// begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklyHours {
    text: String,
    spans: Vec<Span>,
}

/// Hours that begin on some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    days: Days,
    from: Time,
    /// `None`: midnight at the end of the day.
    to: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    /// From one day of the week to another, both included.
    Week(Weekday, Weekday),
    Holiday,
}

/// What hours must look like.
pub const HOURS: &str =
    "hours such as `mon-fri 08:00-18:00, sat 09:00-13:00, holiday 10:00-12:00` (`00:00-24:00` is a whole day)";

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl WeeklyHours {
    /// `None` for a text that names no hours.
    pub fn parse(text: &str) -> Option<Self> {
        let spans: Option<Vec<Span>> = text.split(',').map(Span::parse).collect();
        spans.map(|spans| Self { text: text.trim().to_owned(), spans })
    }

    /// Whether `time` of the wall clock lies in these hours; their end does not.
    pub fn contain(&self, time: DateTime, calendar: &Calendar) -> bool {
        // Hours of the day before may last until now.
        let days = [Some(time.date()), time.date().checked_sub(1.day()).ok()];
        days.into_iter().flatten().any(|day| self.on(day, calendar).any(|(from, to)| from <= time && time < to))
    }

    /// The hours that begin on `day`: from, and to (perhaps on the next day).
    pub fn on<'a>(&'a self, day: Date, calendar: &Calendar) -> impl Iterator<Item = (DateTime, DateTime)> + 'a {
        let is_holiday = calendar.is_holiday(day);
        let spans = self.spans.iter().filter(move |span| span.days.include(day, is_holiday));
        spans.filter_map(move |span| {
            let to = match span.to {
                Some(to) if to > span.from => day.to_datetime(to),
                to => day.checked_add(1.day()).ok()?.to_datetime(to.unwrap_or(Time::midnight())),
            };
            Some((day.to_datetime(span.from), to))
        })
    }
}

impl Span {
    /// `mon-fri 08:00-18:00`
    fn parse(text: &str) -> Option<Self> {
        let (days, hours) = text.trim().split_once(char::is_whitespace)?;
        let (from, to) = hours.trim().split_once('-')?;
        let to = match to.trim() {
            "24:00" => None,
            to => Some(time(to)?),
        };
        let from = time(from.trim())?;
        // Nobody could tell a whole day from none: a whole one is 00:00-24:00.
        (to != Some(from)).then_some(Self { days: Days::parse(days)?, from, to })
    }
}

/// `8:00`, `08:00`
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl Days {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let day = |text: &str| WEEK.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
        match text.as_str() {
            "daily" => Some(Self::Week(Weekday::Monday, Weekday::Sunday)),
            "holiday" => Some(Self::Holiday),
            text => match text.split_once('-') {
                Some((first, last)) => Some(Self::Week(day(first)?, day(last)?)),
                None => day(text).map(|day| Self::Week(day, day)),
            },
        }
    }

    fn include(self, day: Date, is_holiday: bool) -> bool {
        match self {
            Self::Holiday => is_holiday,
            Self::Week(first, last) => {
                let after = |weekday: Weekday| first.until(weekday);
                !is_holiday && after(day.weekday()) <= after(last)
            }
        }
    }
}

impl fmt::Display for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for WeeklyHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for WeeklyHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not allowed: use {HOURS}")))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::Holiday;

    fn open(hours: &str, time: &str) -> bool {
        let calendar = Calendar::new(TimeZone::UTC, vec![Holiday::parse("12-25").unwrap()]);
        WeeklyHours::parse(hours).unwrap().contain(time.parse().unwrap(), &calendar)
    }

    #[test]
    fn the_first_minute_is_in_and_the_minute_of_the_end_is_not() {
        let hours = "mon-fri 08:00-18:00";
        for (time, expected) in [
            ("2026-11-26T07:59:59.999", false),
            ("2026-11-26T08:00:00", true),
            ("2026-11-26T17:59:59.999", true),
            ("2026-11-26T18:00:00", false),
            ("2026-11-28T12:00:00", false),
        ] {
            assert_eq!(open(hours, time), expected, "{time}");
        }
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        for (time, expected) in [
            ("2026-11-27T21:59:00", false),
            ("2026-11-27T22:00:00", true),
            ("2026-11-28T05:59:00", true),
            ("2026-11-28T06:00:00", false),
            ("2026-11-29T01:00:00", false),
        ] {
            assert_eq!(open("fri 22:00-06:00", time), expected, "{time}");
        }
    }

    #[test]
    fn a_holiday_has_its_own_hours_and_no_others() {
        assert!(!open("daily 00:00-24:00", "2026-12-25T11:00:00"));
        assert!(open("daily 00:00-24:00, holiday 10:00-12:00", "2026-12-25T11:00:00"));
        assert!(!open("daily 00:00-24:00, holiday 10:00-12:00", "2026-12-25T12:00:00"));
        assert!(!open("holiday 10:00-12:00", "2026-12-24T11:00:00"));
    }

    #[test]
    fn days_go_round_the_end_of_the_week() {
        for (time, expected) in
            [("2026-11-28T12:00:00", true), ("2026-11-30T12:00:00", true), ("2026-12-01T12:00:00", false)]
        {
            assert_eq!(open("sat-mon 08:00-18:00", time), expected, "{time}");
        }
    }

    #[test]
    fn what_names_no_hours_is_refused() {
        for text in [
            "",
            "mon",
            "mon 8-18",
            "mon 08:00",
            "mon 25:00-26:00",
            "mo 08:00-18:00",
            "mon 08:00-18:00,",
            "mon -1:00-2:00",
            "mon 10:00-10:00",
            "mon 00:00-0:00",
        ] {
            assert!(WeeklyHours::parse(text).is_none(), "{text}");
        }
    }
}
