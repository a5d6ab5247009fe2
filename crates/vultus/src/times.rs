//! Moments as callers write them, and as they are shown: each form is read and written here and nowhere else. Unix seconds are
//! written by [`Micros::as_seconds`].

use events::{Calendar, parse_day};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;
use store::Micros;

/// The end of the year 9999, in Unix seconds.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// A text of fewer digits is no Unix time but a year, or a day without its dashes: `20270101` would be in August of 1970.
const LEAST_DIGITS: usize = 9;

/// What [`of_json`] takes.
pub const FORMS: &str = "a time such as 2026-12-31T18:00:00+01:00, 2026-12-31 18:00 (in TIME_ZONE), or Unix seconds";

/// Unix seconds, or RFC 3339.
pub fn of_text(text: &str) -> Option<Micros> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_fraction = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    if digits >= LEAST_DIGITS && (digits == text.len() || text[digits..].strip_prefix('.').is_some_and(is_fraction)) {
        return text.parse().ok().and_then(of_seconds);
    }
    let time: Timestamp = text.parse().ok()?;
    Some(Micros(time.as_microsecond())).filter(|time| time.0 >= 0)
}

/// Unix seconds as a number; or as a text, RFC 3339, or what a clock on the wall shows.
pub fn of_json(value: &Value, calendar: &Calendar) -> Option<Micros> {
    match value {
        Value::Number(seconds) => seconds.as_f64().and_then(of_seconds),
        Value::String(text) => {
            let on_the_wall = || calendar.moment(wall_clock(text.trim())?).filter(|time| time.0 >= 0);
            of_text(text).or_else(on_the_wall)
        }
        _ => None,
    }
}

fn of_seconds(seconds: f64) -> Option<Micros> {
    (0.0..=LAST_SECOND).contains(&seconds).then_some(Micros((seconds * 1e6) as i64))
}

/// `2026-11-02 17:30`, also with seconds and a `T`.
fn wall_clock(text: &str) -> Option<DateTime> {
    let (day, rest) = text.split_at_checked("2026-11-02".len())?;
    parse_day(day)?;
    // Without a zone of its own, which would not be heeded.
    let is_clock = rest.contains(':') && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, 'T' | ' ' | ':' | '.'));
    is_clock.then(|| text.parse().ok())?
}

/// RFC 3339, with the offset of `calendar` from UTC.
pub fn shown(time: Micros, calendar: &Calendar) -> String {
    calendar.zoned(time).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

/// The same to the second.
pub fn shown_in_seconds(time: Micros, calendar: &Calendar) -> String {
    shown(Micros(time.0 - time.0.rem_euclid(1_000_000)), calendar)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn berlin() -> Calendar {
        Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), Vec::new())
    }

    #[test]
    fn each_form_of_a_moment_is_read() {
        for text in ["1736400000.5", "2025-01-09T05:20:00.5Z", "2025-01-09T06:20:00.5+01:00"] {
            assert_eq!(of_text(text), Some(Micros(1_736_400_000_500_000)), "{text}");
        }
        for given in [json!("2025-01-09 06:20"), json!("2025-01-09T06:20:00"), json!(1_736_400_000)] {
            assert_eq!(of_json(&given, &berlin()), Some(Micros(1_736_400_000_000_000)), "{given}");
        }
    }

    #[test]
    fn what_is_rather_a_day_or_nothing_is_no_moment() {
        for text in [
            "",
            "2026",
            "20270101",
            "2027-01-01",
            "20261102 17:30",
            "2026-11-02 17",
            "2026-11-02T17:30[America/New_York]",
            "-1736400000",
            "+1736400000",
            "1736400000e0",
            "nan",
            "1000000000000",
        ] {
            assert_eq!(of_json(&json!(text), &berlin()), None, "{text}");
        }
        for number in [json!(-1), json!(1e300), json!(true), json!(null)] {
            assert_eq!(of_json(&number, &berlin()), None, "{number}");
        }
    }

    #[test]
    fn a_moment_is_shown_with_its_offset() {
        let time = Micros(1_736_400_000_250_000);
        assert_eq!(shown(time, &berlin()), "2025-01-09T06:20:00.25+01:00");
        assert_eq!(shown_in_seconds(time, &berlin()), "2025-01-09T06:20:00+01:00");
    }
}
