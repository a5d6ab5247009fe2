//! What may stand after the `?`.

use events::{Attendance, Period, parse_day};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{Micros, PunchFilter};
use utoipa::IntoParams;

use crate::attendance::Wanted;
use crate::http::ApiError;
use crate::http::v1::events::query::Parameters;

const DAY: &str = "a day as in 2026-11-01";

/// Whose attendance, and when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(super) struct WantedParameters {
    /// The first day; by default the last.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// The last day, which belongs to it, at most a year after the first; by default today.
    #[param(example = "2026-11-30")]
    to: Option<String>,
    /// That of the person with this name.
    person: Option<String>,
    /// That of the people of this group.
    group: Option<String>,
    /// In which days begin, instead of TIME_ZONE.
    #[param(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Which punches.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(super) struct PunchParameters {
    /// Those of the person with this name.
    person: Option<String>,
    /// Those of this day and later.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// Those of this day and before.
    #[param(example = "2026-11-30")]
    to: Option<String>,
    /// How many, 1–1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// Why, and who says so.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(super) struct RemarkParameters {
    /// Why.
    note: Option<String>,
    /// Who says so.
    by: Option<String>,
}

/// What of the book is wanted, and the book in the wanted time zone.
pub(super) fn wanted(attendance: Attendance, query: Option<&str>) -> Result<(Attendance, Wanted), ApiError> {
    let mut parameters = Parameters::of(query);
    let zone =
        parameters.parsed("time_zone", "a time zone such as Europe/Berlin or UTC", |name| TimeZone::get(name).ok())?;
    let attendance = match zone {
        Some(zone) => attendance.in_zone(zone),
        None => attendance,
    };
    let (from, to) = (day(&mut parameters, "from")?, day(&mut parameters, "to")?);
    let today = attendance.calendar().wall_clock(Micros::now()).date();
    let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
    let from = from.unwrap_or(to);
    let period = Period::new(from, to).ok_or_else(|| {
        let longest = Period::LONGEST;
        let message = format!("`to` must not come before `from`, and not {longest} days or more after it");
        ApiError::bad_request("bad_parameter", message)
    })?;
    let wanted = Wanted { period, person: parameters.name(), group: parameters.text("group") };
    parameters.end()?;
    Ok((attendance, wanted))
}

/// Which punches are wanted, how many, and before which.
pub(super) fn punches(
    attendance: &Attendance,
    query: Option<&str>,
    usual: u32,
) -> Result<(PunchFilter, u32, Option<i64>), ApiError> {
    let mut parameters = Parameters::of(query);
    let (from, to) = (day(&mut parameters, "from")?, day(&mut parameters, "to")?);
    let begins = |day: Date| attendance.calendar().start_of(day);
    let filter = PunchFilter {
        person: parameters.name(),
        from: from.and_then(begins),
        to: to.and_then(|to| begins(to.saturating_add(1.day()))),
    };
    let limit = parameters.limit(usual)?;
    let cursor = parameters.parsed("cursor", "`next` of the page before", |text| text.parse().ok())?;
    parameters.end()?;
    Ok((filter, limit, cursor))
}

/// A note, and who says so.
pub(super) fn remark(query: Option<&str>) -> Result<(Option<String>, Option<String>), ApiError> {
    let mut parameters = Parameters::of(query);
    let remark = (parameters.text("note"), parameters.text("by"));
    parameters.end()?;
    Ok(remark)
}

fn day(parameters: &mut Parameters, name: &str) -> Result<Option<Date>, ApiError> {
    parameters.parsed(name, DAY, parse_day)
}
