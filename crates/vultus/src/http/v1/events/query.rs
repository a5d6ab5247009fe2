//! What may stand after the `?`.

use std::collections::BTreeMap;

use gallery::PersonName;
use store::{EventFilter, Micros, PersonFilter};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::http::ApiError;
use crate::times;

/// The largest page.
const LARGEST_PAGE: u32 = 1000;

/// Which events are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct FilterParameters {
    /// Those of the person with this name.
    person: Option<String>,
    /// `true`: those of people who were not recognised.
    unknown: Option<bool>,
    /// Those of one camera.
    camera: Option<String>,
    /// `PASS` or `REJECT`.
    #[param(inline)]
    status: Option<events::Status>,
    /// `in` or `out`.
    #[param(inline)]
    direction: Option<camera::Direction>,
    /// Those of one visitor.
    visitor: Option<String>,
    /// Those that started at this time or later: Unix seconds or RFC 3339.
    #[param(example = "2026-01-09T04:00:00Z")]
    from: Option<String>,
    /// Those that started before this time.
    to: Option<String>,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(in crate::http) struct PageParameters {
    /// How many events, 1–1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Where a stream goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(super) struct StreamParameters {
    /// The id of the last message that was received, where the header `Last-Event-ID` cannot be sent.
    last_event_id: Option<i64>,
}

/// The query of a request: each handler takes what it knows, and what is left at the end is refused, since a misspelt
/// filter would find everything. An empty value counts as none.
pub(in crate::http) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub fn of(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        // The key was asked for on the way in.
        let given = pairs.filter(|(name, value)| name != "key" && !value.trim().is_empty());
        Self(given.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Which events are wanted.
    pub fn filter(&mut self) -> Result<EventFilter, ApiError> {
        Ok(EventFilter {
            person: self.person()?,
            camera: self.0.remove("camera"),
            status: self.one_of("status", "PASS or REJECT", &["PASS", "REJECT"])?,
            direction: self.one_of("direction", "in or out", &["in", "out"])?,
            visitor: self.parsed("visitor", "a visitor's id", uuid)?,
            from: self.time("from")?,
            to: self.time("to")?,
        })
    }

    /// How many events are wanted.
    pub fn limit(&mut self, usual: u32) -> Result<u32, ApiError> {
        self.limit_of(usual, LARGEST_PAGE)
    }

    /// How many of something are wanted, where there may be `most` on a page.
    pub fn limit_of(&mut self, usual: u32, most: u32) -> Result<u32, ApiError> {
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=most).contains(limit));
        Ok(self.parsed("limit", &format!("a whole number, 1 to {most}"), in_range)?.unwrap_or(usual))
    }

    /// The event after which the page begins.
    pub fn cursor(&mut self) -> Result<Option<String>, ApiError> {
        self.parsed("cursor", "`next` of the page before", uuid)
    }

    /// The last message that a follower has received.
    pub fn last_event_id(&mut self) -> Result<Option<i64>, ApiError> {
        self.parsed("last_event_id", LAST_EVENT_ID, last_event_id)
    }

    /// Refuses what nobody took.
    pub fn end(self) -> Result<(), ApiError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message =
                    format!("there is no parameter `{}` here: /openapi.json lists those there are", shown(name));
                Err(ApiError::bad_request("bad_parameter", message))
            }
        }
    }

    fn person(&mut self) -> Result<Option<PersonFilter>, ApiError> {
        let is_bool = |text: &str| text.parse::<bool>().ok();
        let unknown = self.parsed("unknown", "true or false", is_bool)?.unwrap_or(false);
        match (self.0.get("person"), unknown) {
            (Some(_), true) => {
                Err(ApiError::bad_request("bad_parameter", "`person` and `unknown=true` exclude each other: give one"))
            }
            (Some(_), false) => Ok(self.name().map(PersonFilter::Named)),
            (None, true) => Ok(Some(PersonFilter::Unknown)),
            (None, false) => Ok(None),
        }
    }

    /// The name of a person, in the form in which names are kept.
    pub fn name(&mut self) -> Option<String> {
        let name = self.0.remove("person")?;
        Some(PersonName::parse(&name).map_or(name, |name| name.to_string()))
    }

    fn one_of(&mut self, name: &str, allowed: &str, words: &[&str]) -> Result<Option<String>, ApiError> {
        let word =
            |text: &str| words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned());
        self.parsed(name, allowed, word)
    }

    fn time(&mut self, name: &str) -> Result<Option<Micros>, ApiError> {
        self.parsed(
            name,
            "Unix seconds, or a time as in 2026-01-09T04:00:00Z (a + must be sent as %2B)",
            times::of_text,
        )
    }

    /// A text, as it is.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// A value of one's own; `allowed` says in words what it may be.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let refused = || refusal(name, &text, allowed);
        parse(text.trim()).ok_or_else(refused).map(Some)
    }
}

/// What the id of a message may be.
pub(super) const LAST_EVENT_ID: &str = "the id of a message of this stream, a whole number";

/// The number of a message.
pub(super) fn last_event_id(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id| *id >= 0)
}

/// The answer to a value that is not allowed.
pub(super) fn refusal(name: &str, text: &str, allowed: &str) -> ApiError {
    ApiError::bad_request("bad_parameter", format!("`{name}` cannot be `{}`: it is {allowed}", shown(text)))
}

/// The start of what a caller sent.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn uuid(text: &str) -> Option<String> {
    Uuid::try_parse(text).ok().map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<EventFilter, String> {
        let mut parameters = Parameters::of(Some(query));
        let filter = parameters.filter().map_err(|error| error.to_string())?;
        parameters.end().map_err(|error| error.to_string())?;
        Ok(filter)
    }

    #[test]
    fn times_are_unix_seconds_or_rfc_3339() {
        for text in ["1736400000.5", "2025-01-09T05:20:00.5Z", "2025-01-09T06:20:00.5%2B01:00"] {
            let found = filter(&format!("from={text}")).unwrap().from;
            assert_eq!(found, Some(Micros(1_736_400_000_500_000)), "{text}");
        }
    }

    #[test]
    fn an_empty_value_is_none_and_the_key_is_no_filter() {
        assert_eq!(filter("person=&camera=%20&key=s3cret&status=").unwrap(), EventFilter::default());
    }

    #[test]
    fn a_bad_value_is_refused_with_its_name_and_what_is_allowed() {
        for (query, reason) in [
            ("status=MAYBE", "PASS or REJECT"),
            ("direction=up", "in or out"),
            ("unknown=perhaps", "true or false"),
            ("from=yesterday", "Unix seconds"),
            ("to=nan", "Unix seconds"),
            ("to=-1", "Unix seconds"),
            ("from=20270101", "Unix seconds"),
            ("to=1e300", "Unix seconds"),
            ("person=a&unknown=true", "exclude each other"),
            ("perzon=a", "perzon"),
        ] {
            let message = filter(query).unwrap_err();
            assert!(message.contains(reason) && message.contains(query.split('=').next().unwrap()), "{message}");
        }
    }
}
