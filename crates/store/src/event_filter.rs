use std::ops::Range;

use crate::{Event, Micros};

/// Which events are wanted; `None` everywhere wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of a person, or of nobody known.
    pub person: Option<PersonFilter>,
    /// Those of one camera.
    pub camera: Option<String>,
    /// `PASS` or `REJECT`.
    pub status: Option<String>,
    /// `in` or `out`.
    pub direction: Option<String>,
    /// Those of one visitor.
    pub visitor: Option<String>,
    /// Those that started at this time or later.
    pub from: Option<Micros>,
    /// Those that started before this time.
    pub to: Option<Micros>,
}

/// Whose events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonFilter {
    /// Those of the person with this name.
    Named(String),
    /// Those of people who were not recognised.
    Unknown,
}

impl EventFilter {
    /// Whether `event` is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let person = match &self.person {
            None => true,
            Some(PersonFilter::Named(name)) => event.person.as_ref() == Some(name),
            Some(PersonFilter::Unknown) => event.person.is_none(),
        };
        person
            && self.camera.as_ref().is_none_or(|camera| *camera == event.camera)
            && self.status.as_ref().is_none_or(|status| *status == event.status)
            && self.direction.as_ref().is_none_or(|direction| event.direction.as_ref() == Some(direction))
            && self.visitor.as_ref().is_none_or(|visitor| event.visitor.as_ref() == Some(visitor))
            && self.from.is_none_or(|from| event.started_at >= from)
            && self.to.is_none_or(|to| event.started_at < to)
    }
}

/// A value for a place in a query.
pub(crate) enum Bound {
    Text(String),
    Number(i64),
}

pub(crate) fn conditions(filter: &EventFilter, before: Option<&str>) -> (String, Vec<Bound>) {
    let mut conditions = Vec::new();
    let mut bounds = Vec::new();
    let mut add = |condition: &str, bound: Bound| {
        bounds.push(bound);
        conditions.push(format!("{condition} ${}", bounds.len()));
    };
    let texts = [
        ("camera =", &filter.camera),
        ("status =", &filter.status),
        ("direction =", &filter.direction),
        ("visitor =", &filter.visitor),
    ];
    for (condition, wanted) in texts {
        if let Some(wanted) = wanted {
            add(condition, Bound::Text(wanted.clone()));
        }
    }
    if let Some(from) = filter.from {
        add("started_at >=", Bound::Number(from.0));
        // Ids sort by the same time: with this the search ends there, however many older ones there are.
        add("id >=", Bound::Text(first_id_of(from)));
    }
    if let Some(to) = filter.to {
        add("started_at <", Bound::Number(to.0));
    }
    if let Some(before) = before {
        add("id <", Bound::Text(before.to_owned()));
    }
    match &filter.person {
        Some(PersonFilter::Named(name)) => add("person =", Bound::Text(name.clone())),
        Some(PersonFilter::Unknown) => conditions.push("person IS NULL".to_owned()),
        None => {}
    }
    let sql = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    (sql, bounds)
}

/// The lowest id that an event may have which started at this millisecond: a UUIDv7 begins with the milliseconds since 1970.
pub(crate) fn first_id_of(time: Micros) -> String {
    let hex = format!("{:012x}", time.0.max(0) / 1000);
    format!("{}-{}", &hex[..8], &hex[8..])
}

/// The longest that a passage is reckoned to last before it becomes a PASS, in microseconds.
const LONGEST_REFUSAL: i64 = 24 * 3_600_000_000;

/// The ids of passages that may have become a PASS between the two times.
pub(crate) fn ids_of(from: Micros, to: Micros) -> Range<String> {
    // Ids know milliseconds, and those of the last one count.
    first_id_of(Micros(from.0.saturating_sub(LONGEST_REFUSAL)))..first_id_of(Micros(to.0.saturating_add(1_000)))
}
