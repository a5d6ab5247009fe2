//! Messages as Double Take sends them, for automations that were made for it.
use gallery::Distance;
use serde_json::{Value, json};

use super::confidence::confidence;
use super::passages::{Change, Passing};
use super::payload::date_of;
use super::topics::{foreign_part, part};

/// Where Double Take says that it is there.
pub const AVAILABLE: &str = "double-take/available";

/// Where the number of people before a camera stands, which Double Take sets back to 0 after half a minute.
pub fn person_topic(camera: &str) -> String {
    format!("double-take/cameras/{}/person", part(camera))
}

/// What is to be said of `change`: topics and payloads. `threshold` is where the confidence is 50.
pub fn messages(change: &Change, people: usize, threshold: Distance) -> Vec<(String, String)> {
    let now = &change.now;
    let is_match = change.names_somebody();
    let is_unknown = change.before.is_none() && now.is_stranger();
    if !is_match && !is_unknown {
        return Vec::new();
    }
    let name = now.person.as_deref().unwrap_or("unknown");
    let camera = part(&now.camera);
    let face = face(now, name, threshold);
    let (kind, topic) = match is_match {
        true => ("match", format!("double-take/matches/{}", foreign_part(name))),
        false => ("unknown", "double-take/matches/unknown".to_owned()),
    };
    let mut one = about(now, &camera);
    one[kind] = face.clone();
    let (matches, unknowns) = if is_match { (vec![face], vec![]) } else { (vec![], vec![face]) };
    let mut all = about(now, &camera);
    all["counts"] = json!({ "person": people, "match": matches.len(), "miss": 0, "unknown": unknowns.len() });
    all["personCount"] = people.into();
    all["matches"] = matches.into();
    all["misses"] = json!([]);
    all["unknowns"] = unknowns.into();
    vec![(topic, one.to_string()), (format!("double-take/cameras/{camera}"), all.to_string())]
}

fn about(now: &Passing, camera: &str) -> Value {
    json!({
        "id": now.id,
        "duration": hundredths(now.last_seen - now.start),
        "timestamp": date_of(now.last_seen),
        "attempts": 1,
        "camera": camera,
        "zones": [],
    })
}

fn face(now: &Passing, name: &str, threshold: Distance) -> Value {
    let [left, top, right, bottom] = now.area.unwrap_or_default();
    json!({
        "name": name,
        "confidence": now.distance.map_or(0.0, |distance| confidence(distance, threshold)),
        "match": now.person.is_some(),
        "box": { "top": top, "left": left, "width": right - left, "height": bottom - top },
        "type": "vultus",
        "duration": hundredths(now.last_seen - now.start),
        "detector": "vultus",
        "filename": Value::Null,
        "base64": Value::Null,
    })
}

fn hundredths(seconds: f64) -> f64 {
    (seconds.max(0.0) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::passages::tests::passing;
    use super::*;

    #[test]
    fn a_match_is_told_under_the_persons_name_and_under_the_camera() {
        let change = Change { before: None, now: passing(Some("Ann/Lee#1")), is_over: false };
        let told = messages(&change, 2, Distance::new(0.45));
        let topics: Vec<&str> = told.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(topics, ["double-take/matches/Ann_Lee_1", "double-take/cameras/front"]);
        let one: Value = serde_json::from_str(&told[0].1).unwrap();
        assert_eq!(one["match"]["name"], "Ann/Lee#1");
        assert_eq!(one["match"]["confidence"], 85.81);
        assert_eq!(one["match"]["box"], json!({"top": 20, "left": 10, "width": 100, "height": 120}));
        assert_eq!((&one["duration"], &one["timestamp"]), (&1.5.into(), &"2025-01-09T05:20:01.500Z".into()));
        let all: Value = serde_json::from_str(&told[1].1).unwrap();
        assert_eq!(all["counts"], json!({"person": 2, "match": 1, "miss": 0, "unknown": 0}));
        let again = Change { before: Some(passing(Some("Ann/Lee#1"))), ..change };
        assert!(messages(&again, 2, Distance::new(0.45)).is_empty());
    }

    #[test]
    fn a_stranger_is_told_of_once_and_a_blurred_face_never() {
        let change = Change { before: None, now: passing(None), is_over: false };
        let told = messages(&change, 1, Distance::new(0.45));
        assert_eq!(told[0].0, "double-take/matches/unknown");
        assert!(told[0].1.contains(r#""unknown":{"#), "{}", told[0].1);
        let again = Change { before: Some(passing(None)), ..change };
        assert!(messages(&again, 1, Distance::new(0.45)).is_empty());
        let blurred = Passing { reason: Some("blurred".to_owned()), ..passing(None) };
        let change = Change { before: None, now: blurred, is_over: false };
        assert!(messages(&change, 1, Distance::new(0.45)).is_empty());
    }
}
