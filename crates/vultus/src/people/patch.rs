use std::collections::BTreeSet;

use events::{Calendar, GROUP, group_name, is_stand_in, parse_day};
use gallery::printable;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use store::{Micros, Profile};

use crate::settings::{self, Value as _};
use crate::times;

/// Every field that may be changed.
const FIELDS: [&str; 6] = ["code", "groups", "valid_from", "valid_until", "suspended", "watched"];

/// Most groups of one person.
const MOST_GROUPS: usize = 50;

const LONGEST_CODE: usize = 64;

const CODE: &str = "1 to 64 printable characters (not # and digits, which stands for having none), or null for none";

/// What is to become of a profile, as a JSON merge patch says it: what is left out stays, null takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    code: Option<Option<String>>,
    groups: Option<Vec<String>>,
    valid_from: Option<Option<Micros>>,
    valid_until: Option<Option<Micros>>,
    suspended: Option<bool>,
    watched: Option<bool>,
}

/// What is wrong with a change of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProfile {
    /// Something else than a list of fields.
    #[error("a change is an object with what is to be changed, such as {{\"suspended\": true}}")]
    NotAnObject,
    /// A field that there is not, or that cannot be changed.
    #[error("a person has no `{field}` that could be changed{hint}")]
    Unknown {
        /// Its name.
        field: String,
        /// ` (did you mean …?)`, or nothing.
        hint: String,
    },
    /// A value that is not allowed.
    #[error("`{field}` = {given} is not allowed: use {allowed}")]
    NotAllowed {
        /// Of which field.
        field: &'static str,
        /// The start of what was given.
        given: String,
        /// What is.
        allowed: String,
    },
}

impl ProfilePatch {
    /// Reads a change from JSON, with a sentence for whatever is wrong with it. Values may be texts as well, as the command
    /// line has them. A bare day begins and ends by `calendar`: `valid_from` is its beginning, `valid_until` its end.
    ///
    /// # Errors
    /// A field that is unknown or not allowed.
    pub fn parse(value: &Value, calendar: &Calendar) -> Result<Self, NotAProfile> {
        let mut patch = Self::default();
        for (field, given) in value.as_object().ok_or(NotAProfile::NotAnObject)? {
            let name = *FIELDS.iter().find(|known| *known == field).ok_or_else(|| unknown(field))?;
            let refused = |allowed: &str| refused(name, given, allowed);
            match name {
                "code" => patch.code = Some(optional(given, code).ok_or_else(|| refused(CODE))?),
                "groups" => patch.groups = Some(groups(given).ok_or_else(|| refused(&groups_allowed()))?),
                "valid_from" => {
                    let begin = |given: &Value| time(given, calendar, Some);
                    patch.valid_from = Some(optional(given, begin).ok_or_else(|| refused(&time_allowed()))?);
                }
                "valid_until" => {
                    let end = |given: &Value| time(given, calendar, |day| day.checked_add(1.day()).ok());
                    patch.valid_until = Some(optional(given, end).ok_or_else(|| refused(&time_allowed()))?);
                }
                "suspended" => patch.suspended = Some(flag(given).ok_or_else(|| refused(bool::ALLOWED))?),
                _ => patch.watched = Some(flag(given).ok_or_else(|| refused(bool::ALLOWED))?),
            }
        }
        Ok(patch)
    }

    /// Makes the change.
    pub fn apply(&self, profile: &mut Profile) {
        let Self { code, groups, valid_from, valid_until, suspended, watched } = self.clone();
        profile.code = code.unwrap_or_else(|| profile.code.take());
        profile.groups = groups.unwrap_or_else(|| std::mem::take(&mut profile.groups));
        profile.valid_from = valid_from.unwrap_or(profile.valid_from);
        profile.valid_until = valid_until.unwrap_or(profile.valid_until);
        profile.suspended = suspended.unwrap_or(profile.suspended);
        profile.watched = watched.unwrap_or(profile.watched);
    }
}

/// `Some(None)` for null.
fn optional<T>(given: &Value, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    if given.is_null() { Some(None) } else { read(given).map(Some) }
}

fn code(given: &Value) -> Option<String> {
    let code = match given {
        Value::String(text) => printable(text, LONGEST_CODE),
        Value::Number(number) => printable(&number.to_string(), LONGEST_CODE),
        _ => None,
    };
    code.filter(|code| !is_stand_in(code))
}

/// Each once, sorted.
fn groups(given: &Value) -> Option<Vec<String>> {
    let named: Option<BTreeSet<String>> = match given {
        Value::Null => Some(BTreeSet::new()),
        Value::Array(groups) => groups.iter().map(|group| group.as_str().and_then(group_name)).collect(),
        Value::String(text) => text.split(',').map(group_name).collect(),
        _ => None,
    };
    named.filter(|groups| groups.len() <= MOST_GROUPS).map(|groups| groups.into_iter().collect())
}

fn groups_allowed() -> String {
    format!("a list of up to {MOST_GROUPS} groups, each with {GROUP}")
}

/// Null is off.
fn flag(given: &Value) -> Option<bool> {
    match given {
        Value::Null => Some(false),
        Value::Bool(on) => Some(*on),
        Value::String(text) => bool::parse(text),
        _ => None,
    }
}

/// `of_day` is the date at whose midnight a bare day stands.
fn time(given: &Value, calendar: &Calendar, of_day: impl FnOnce(Date) -> Option<Date>) -> Option<Micros> {
    match given.as_str().map(str::trim).and_then(parse_day) {
        Some(day) => calendar.start_of(of_day(day)?).filter(|time| time.0 >= 0),
        None => times::of_json(given, calendar),
    }
}

fn time_allowed() -> String {
    format!("{}, a day such as 2026-12-31, or null for none", times::FORMS)
}

fn unknown(field: &str) -> NotAProfile {
    let hint = settings::nearest(field, FIELDS).map(|near| format!(" (did you mean `{near}`?)"));
    NotAProfile::Unknown { field: field.chars().take(100).collect(), hint: hint.unwrap_or_default() }
}

fn refused(field: &'static str, given: &Value, allowed: &str) -> NotAProfile {
    let given = given.to_string().chars().take(100).collect();
    NotAProfile::NotAllowed { field, given, allowed: allowed.to_owned() }
}

#[cfg(test)]
mod tests {
    use events::Calendar;
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn patched(patch: &Value) -> Result<Profile, String> {
        let calendar = Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), Vec::new());
        let mut profile = Profile {
            code: Some("1".to_owned()),
            groups: vec!["staff".to_owned()],
            valid_from: Some(Micros(5)),
            suspended: true,
            let_out_at: Some(Micros(9)),
            ..Profile::default()
        };
        ProfilePatch::parse(patch, &calendar).map_err(|error| error.to_string())?.apply(&mut profile);
        Ok(profile)
    }

    #[test]
    fn what_is_left_out_stays_and_null_takes_away() {
        let same = patched(&json!({})).unwrap();
        assert_eq!((same.code.as_deref(), same.valid_from, same.suspended), (Some("1"), Some(Micros(5)), true));
        let bare = patched(&json!({"code": null, "groups": null, "valid_from": null, "suspended": null})).unwrap();
        assert_eq!(bare, Profile { let_out_at: Some(Micros(9)), ..Profile::default() });
        let changed = patched(&json!({"code": 4711, "watched": true, "suspended": "no"})).unwrap();
        assert_eq!((changed.code.as_deref(), changed.watched, changed.suspended), (Some("4711"), true, false));
    }

    #[test]
    fn groups_are_trimmed_and_each_is_there_once() {
        let expected = ["it", "night shift", "staff"];
        for given in [json!(["staff", " it ", "night shift", "it"]), json!("staff, it,night shift")] {
            assert_eq!(patched(&json!({ "groups": given })).unwrap().groups, expected);
        }
        assert_eq!(patched(&json!({"groups": ["a,b"]})).unwrap().groups, ["a,b"]);
        assert_eq!(patched(&json!({"groups": []})).unwrap().groups, [""; 0]);
    }

    #[test]
    fn a_day_is_valid_from_its_beginning_and_until_its_end() {
        let seconds = |time: Option<Micros>| time.unwrap().0 as f64 / 1e6;
        let until = |given: Value| seconds(patched(&json!({ "valid_until": given })).unwrap().valid_until);
        let from = |given: Value| seconds(patched(&json!({ "valid_from": given })).unwrap().valid_from);
        assert_eq!(from(json!("2026-12-31")), 1_798_671_600.0);
        assert_eq!(until(json!("2026-12-31")), 1_798_758_000.0, "the midnight after it");
        assert_eq!(until(json!("2026-03-29")) - from(json!("2026-03-29")), 23.0 * 3600.0, "clocks are set forward");
        assert_eq!(until(json!("2026-10-25")) - from(json!("2026-10-25")), 25.0 * 3600.0, "and back");
        for given in
            [json!(1_798_671_600), json!("1798671600"), json!("2026-12-31T00:00:00+01:00"), json!("2026-12-31 00:00")]
        {
            assert_eq!(until(given), 1_798_671_600.0);
        }
        assert_eq!(from(json!(1_798_671_600.25)), 1_798_671_600.25);
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_the_field_and_what_is() {
        for (patch, said) in [
            (json!([]), "is an object"),
            (json!({"name": "x"}), "no `name`"),
            (json!({"group": ["x"]}), "did you mean `groups`?"),
            (json!({"code": "a\tb"}), "printable"),
            (json!({"code": "x".repeat(65)}), "1 to 64"),
            (json!({"code": ""}), "null for none"),
            (json!({"groups": [""]}), "up to 50 groups"),
            (json!({"groups": ["x".repeat(65)]}), "1 to 64"),
            (json!({"groups": [1]}), "a list"),
            (json!({"groups": (0..51).map(|n| n.to_string()).collect::<Vec<_>>()}), "up to 50"),
            (json!({"valid_from": "tomorrow"}), "a day such as"),
            (json!({"valid_from": "20270101"}), "a day such as"),
            (json!({"valid_from": "2026-12-31T18"}), "a day such as"),
            (json!({"code": "#7"}), "not # and digits"),
            (json!({"valid_until": -1}), "Unix seconds"),
            (json!({"valid_until": 1e300}), "Unix seconds"),
            (json!({"valid_until": "nan"}), "Unix seconds"),
            (json!({"suspended": 1}), "true, yes"),
            (json!({"watched": "maybe"}), "true, yes"),
        ] {
            let message = patched(&patch).unwrap_err();
            assert!(message.contains(said) && message.len() < 400, "{patch}: {message}");
        }
    }
}
