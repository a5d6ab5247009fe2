use serde_json::{Value, json};

use crate::Notice;

/// What has happened, for automations: `event_type` is the word that Home Assistant's event entities ask for.
pub fn of_notice(notice: &Notice) -> Value {
    json!({
        "event_type": notice.kind.as_str(),
        "name": notice.name,
        "code": notice.code,
        "groups": notice.groups,
        "visitor": notice.visitor,
        "distance": notice.distance.map(four_decimals),
        "raw_distance": notice.raw_distance.map(four_decimals),
        "reason": notice.reason,
        "timestamp": notice.timestamp.as_seconds(),
        "camera": notice.camera,
        "direction": notice.direction,
        "event": notice.event,
        "track": notice.track,
    })
}

/// Unix seconds as a date and a time that people and programs can read: RFC 3339, UTC, milliseconds.
pub fn date_of(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as i64;
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// As the contract shows distances.
fn four_decimals(distance: f32) -> f64 {
    (f64::from(distance) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use store::Micros;

    use super::*;
    use crate::NoticeKind;

    #[test]
    fn a_notice_has_a_word_for_what_happened_and_null_for_what_is_not_known() {
        let notice = Notice {
            distance: Some(0.312_345),
            ..Notice::new(NoticeKind::Denied, "front", Micros(1_736_400_000_125_000))
        };
        let told = of_notice(&notice);
        assert_eq!((&told["event_type"], &told["name"]), (&"denied".into(), &Value::Null));
        assert_eq!((&told["distance"], &told["timestamp"]), (&0.3123.into(), &1_736_400_000.125.into()));
        assert_eq!(date_of(1_736_400_000.125), "2025-01-09T05:20:00.125Z");
    }
}
