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

/// What is to be said of `change`: topics and payloads. `threshold` is where the confidence is 50. Somebody who may not pass is
/// no match, whoever it is, and is only told of among the misses of the camera.
pub fn messages(change: &Change, people: usize, threshold: Distance) -> Vec<(String, String)> {
    let now = &change.now;
    let is_unknown = change.before.is_none() && now.is_stranger();
    let (kind, topic) = if change.accepts_somebody() {
        ("match", now.accepted().map(|name| format!("double-take/matches/{}", foreign_part(name))))
    } else if change.denies_somebody() {
        ("miss", None)
    } else if is_unknown {
        ("unknown", Some("double-take/matches/unknown".to_owned()))
    } else {
        return Vec::new();
    };
    let camera = part(&now.camera);
    let face = face(now, threshold);
    let faces = |of: &str| if of == kind { vec![face.clone()] } else { vec![] };
    let mut all = about(now, &camera);
    let [matches, misses, unknowns] = ["match", "miss", "unknown"].map(faces);
    all["counts"] =
        json!({ "person": people, "match": matches.len(), "miss": misses.len(), "unknown": unknowns.len() });
    all["personCount"] = people.into();
    all["matches"] = matches.into();
    all["misses"] = misses.into();
    all["unknowns"] = unknowns.into();
    let mut one = about(now, &camera);
    one[kind] = face.clone();
    let one = topic.map(|topic| (topic, one.to_string()));
    one.into_iter().chain([(format!("double-take/cameras/{camera}"), all.to_string())]).collect()
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

fn face(now: &Passing, threshold: Distance) -> Value {
    let [left, top, right, bottom] = now.area.unwrap_or_default();
    json!({
        "name": now.person.as_deref().unwrap_or("unknown"),
        "confidence": now.distance.map_or(0.0, |distance| confidence(distance, threshold)),
        "match": now.accepted().is_some(),
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
    use super::super::passages::tests::{passing, suspended};
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
    fn somebody_suspended_is_a_miss_and_a_match_once_that_is_over() {
        let change = Change { before: None, now: suspended("ann"), is_over: false };
        let told = messages(&change, 1, Distance::new(0.45));
        let [(topic, all)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(topic, "double-take/cameras/front");
        let all: Value = serde_json::from_str(all).unwrap();
        assert_eq!(all["counts"], json!({"person": 1, "match": 0, "miss": 1, "unknown": 0}));
        assert_eq!((&all["misses"][0]["name"], &all["misses"][0]["match"]), (&"ann".into(), &false.into()));
        let forgiven = Change { before: Some(suspended("ann")), now: passing(Some("ann")), is_over: false };
        assert_eq!(messages(&forgiven, 1, Distance::new(0.45))[0].0, "double-take/matches/ann");
        let taken_back = Change { before: Some(passing(Some("ann"))), now: suspended("ann"), is_over: false };
        assert_eq!(messages(&taken_back, 1, Distance::new(0.45)).len(), 1, "no match");
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
