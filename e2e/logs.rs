//! The log, for people and for collectors.

use serde_json::Value;

use crate::support::{Home, Service, clip};

/// A service whose camera sees an enrolled person and ends.
async fn that_has_seen_somebody(format: &str) -> Service {
    let home = Home::new()
        .with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap())
        .with("CAMERA_NAME", "door")
        .with("LOG_FORMAT", format);
    home.enrol("obama", "obama.jpg");
    let mut vultus = home.start(&["serve"]).await;
    vultus.says("PASS").await;
    vultus.says("the recording is over").await;
    vultus
}

#[tokio::test]
async fn each_line_of_a_json_log_is_an_object_and_names_the_camera_that_it_is_about() {
    let vultus = that_has_seen_somebody("json").await;
    let lines: Vec<Value> = vultus
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    for message in ["live", "PASS", "the recording is over"] {
        let line = lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message}"));
        assert_eq!(line["camera"], "door", "{line}");
    }
    let pass = lines.iter().find(|line| line["message"] == "PASS").unwrap();
    assert_eq!(pass["name"], "obama");
    assert!(!pass["distance"].is_null(), "{pass}");
}

#[tokio::test]
async fn a_text_log_has_the_same_fields() {
    let vultus = that_has_seen_somebody("text").await;
    let pass = vultus.lines().into_iter().find(|line| line.contains("PASS")).unwrap();
    assert!(
        pass.contains("camera=\"door\"") && pass.contains("name=\"obama\"") && pass.contains("distance="),
        "{pass}"
    );
}
