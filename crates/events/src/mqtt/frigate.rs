//! Messages as Frigate sends them, as far as a passage has what they tell. Never `frigate/available`: there may be a Frigate.
use gallery::Distance;
use serde_json::{Value, json};

use super::confidence::similarity;
use super::passages::{Change, Passing};
use super::topics::part;

/// Where the number of people before a camera is told.
pub fn person_topic(camera: &str) -> String {
    format!("frigate/{}/person", part(camera))
}

/// What is to be said of `change`: topics and payloads. `threshold` is where the score is one half. Somebody who may not pass
/// has no name there: automations open doors for names.
pub fn messages(change: &Change, threshold: Distance) -> Vec<(String, String)> {
    let now = &change.now;
    let kind = match (&change.before, change.is_over) {
        (_, true) => "end",
        (None, false) => "new",
        (Some(_), false) => "update",
    };
    let after = object(now, threshold);
    let before = change.before.as_ref().map_or_else(|| after.clone(), |before| object(before, threshold));
    let event = json!({ "type": kind, "before": before, "after": after });
    let mut told = vec![("frigate/events".to_owned(), event.to_string())];
    if !change.is_over && now.distance.is_some() {
        let face = json!({
            "type": "face",
            "id": now.id,
            "name": now.accepted(),
            "score": score(now, threshold),
            "camera": part(&now.camera),
            "timestamp": now.last_seen,
        });
        told.push(("frigate/tracked_object_update".to_owned(), face.to_string()));
    }
    told
}

fn object(now: &Passing, threshold: Distance) -> Value {
    let mut object = json!({
        "id": now.id,
        "camera": part(&now.camera),
        "frame_time": now.last_seen,
        "label": "person",
        "sub_label": now.accepted().map(|name| json!([name, score(now, threshold)])),
        "false_positive": false,
        "start_time": now.start,
        "end_time": now.end,
        "active": now.end.is_none(),
        "current_zones": [],
        "entered_zones": [],
        "has_clip": false,
        "has_snapshot": false,
    });
    if let Some([left, top, right, bottom]) = now.area {
        object["box"] = json!([left, top, right, bottom]);
        object["area"] = ((right - left) * (bottom - top)).into();
    }
    object
}

fn score(now: &Passing, threshold: Distance) -> f64 {
    now.distance.map_or(0.0, |distance| similarity(distance, threshold))
}

#[cfg(test)]
mod tests {
    use super::super::passages::tests::{passing, suspended};
    use super::*;

    #[test]
    fn a_passage_is_an_event_that_is_new_changes_and_ends() {
        let threshold = Distance::new(0.45);
        let new = Change { before: None, now: passing(None), is_over: false };
        let told = messages(&new, threshold);
        let event: Value = serde_json::from_str(&told[0].1).unwrap();
        assert_eq!((told[0].0.as_str(), &event["type"]), ("frigate/events", &"new".into()));
        assert_eq!((&event["after"]["sub_label"], &event["after"]["end_time"]), (&Value::Null, &Value::Null));
        assert_eq!(event["after"]["box"], json!([10, 20, 110, 140]));
        let face: Value = serde_json::from_str(&told[1].1).unwrap();
        assert_eq!((&face["type"], &face["name"]), (&"face".into(), &Value::Null));

        let named = Change { before: Some(passing(None)), now: passing(Some("ann")), is_over: false };
        let told = messages(&named, threshold);
        let event: Value = serde_json::from_str(&told[0].1).unwrap();
        assert_eq!(event["type"], "update");
        assert_eq!(
            (&event["before"]["sub_label"], &event["after"]["sub_label"]),
            (&Value::Null, &json!(["ann", 0.8581]))
        );

        let ended = Passing { end: Some(1_736_400_003.0), ..passing(Some("ann")) };
        let told = messages(&Change { before: Some(passing(Some("ann"))), now: ended, is_over: true }, threshold);
        let event: Value = serde_json::from_str(&told[0].1).unwrap();
        assert_eq!((told.len(), &event["type"]), (1, &"end".into()));
        assert_eq!(event["after"]["end_time"], 1_736_400_003.0);
    }

    #[test]
    fn somebody_suspended_has_no_name_until_that_is_over() {
        let threshold = Distance::new(0.45);
        let told = messages(&Change { before: None, now: suspended("ann"), is_over: false }, threshold);
        assert!(told.len() == 2 && told.iter().all(|(_, payload)| !payload.contains("ann")), "{told:?}");
        let forgiven = Change { before: Some(suspended("ann")), now: passing(Some("ann")), is_over: false };
        let told = messages(&forgiven, threshold);
        let face: Value = serde_json::from_str(&told[1].1).unwrap();
        assert_eq!(face["name"], "ann");
    }
}
