//! What a notice says, by name: what may stand in a template, and beside the contract's three fields.
use serde_json::{Map, Value as Json};

use super::template::Value;
use crate::Notice;

/// Every name, in the order in which they are listed.
pub const PLACES: [&str; 16] = [
    "name",
    "distance",
    "timestamp",
    "time",
    "camera",
    "direction",
    "kind",
    "status",
    "reason",
    "groups",
    "code",
    "visitor",
    "event",
    "track",
    "raw_distance",
    "delivery",
];

/// Those that the contract's JSON may have beside its own.
pub const EXTRAS: [&str; 12] = [
    "camera",
    "direction",
    "kind",
    "status",
    "reason",
    "groups",
    "code",
    "visitor",
    "event",
    "track",
    "raw_distance",
    "time",
];

/// What a notice says, by name. Kept with a delivery as a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts(Map<String, Json>);

impl Facts {
    pub fn of(notice: &Notice) -> Self {
        let text = |text: &str| Json::from(text);
        let all = [
            ("name", notice.name.as_deref().map(text)),
            ("distance", notice.distance.map(four_decimals).map(Json::from)),
            ("timestamp", Some(Json::from(notice.timestamp.0.div_euclid(1_000_000)))),
            ("time", Some(Json::from(rfc_3339(notice.timestamp.0)))),
            ("camera", Some(text(&notice.camera))),
            ("direction", notice.direction.map(|direction| text(direction.as_str()))),
            ("kind", Some(text(notice.kind.as_str()))),
            ("status", Some(text(notice.status()))),
            // A word, which always has a form in JSON.
            ("reason", notice.reason.map(|reason| serde_json::to_value(reason).unwrap_or_default())),
            ("groups", (!notice.groups.is_empty()).then(|| Json::from(notice.groups.clone()))),
            ("code", notice.code.as_deref().map(text)),
            ("visitor", notice.visitor.as_deref().map(text)),
            ("event", notice.event.as_deref().map(text)),
            ("track", notice.track.map(Json::from)),
            ("raw_distance", notice.raw_distance.map(four_decimals).map(Json::from)),
        ];
        Self(all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    /// What was kept with a delivery; nothing if it is none of ours.
    pub fn read(kept: &str) -> Self {
        Self(serde_json::from_str(kept).unwrap_or_default())
    }

    pub fn to_json(&self) -> String {
        Json::from(self.0.clone()).to_string()
    }

    /// With the id of the delivery.
    pub fn with_delivery(mut self, id: &str) -> Self {
        self.0.insert("delivery".to_owned(), id.into());
        self
    }

    /// As JSON has it; null for what is not known.
    pub fn json(&self, name: &str) -> Json {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// As it stands in a template.
    pub fn value(&self, name: &str) -> Value {
        match self.0.get(name) {
            None | Some(Json::Null) => Value::Missing,
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(Json::Array(texts)) => Value::List(texts.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
            Some(other) => Value::Number(other.to_string()),
        }
    }
}

/// As the contract shows distances.
pub(super) fn four_decimals(distance: f32) -> f64 {
    (f64::from(distance) * 10_000.0).round() / 10_000.0
}

/// In UTC, with milliseconds; empty for a time that no calendar has.
fn rfc_3339(micros: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(micros.div_euclid(1000));
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use camera::{Direction, Reason};
    use store::Micros;

    use super::*;
    use crate::NoticeKind;

    #[test]
    fn every_place_can_be_filled_and_is_kept_as_it_was() {
        let facts = Facts::of(&Notice {
            name: Some("katya".into()),
            code: Some("17".into()),
            groups: vec!["staff".into(), "night".into()],
            visitor: Some("v1".into()),
            distance: Some(0.412_34),
            raw_distance: Some(1.1),
            reason: Some(Reason::NotAllowedNow),
            direction: Some(Direction::In),
            event: Some("e1".into()),
            track: Some(7),
            ..Notice::new(NoticeKind::Denied, "door", Micros(1_736_400_000_999_999))
        });
        let facts = facts.with_delivery("d1");
        let text = |name| match facts.value(name) {
            Value::Missing => panic!("{name} is missing"),
            Value::Text(text) | Value::Number(text) => text,
            Value::List(texts) => texts.join("+"),
        };
        assert_eq!(
            PLACES.map(text).join(" "),
            "katya 0.4123 1736400000 2025-01-09T05:20:00.999Z door in denied REJECT not_allowed_now staff+night 17 v1 e1 7 \
             1.1 d1"
        );
        assert_eq!(Facts::read(&facts.to_json()), facts);
        assert_eq!(Facts::read("").value("name"), Value::Missing);
    }
}
