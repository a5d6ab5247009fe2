use std::collections::BTreeMap;

use super::definition::{Flags, example_file};
use super::*;

fn resolve(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    file: &str,
) -> anyhow::Result<(Settings, Resolved)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vultus.toml");
    std::fs::write(&path, file)?;
    let flags: Flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let resolved = Resolved::resolve(&flags, |name| environment.get(name).cloned(), Some(&path))?;
    Ok((Settings::of(&resolved)?, resolved))
}

#[test]
fn every_default_is_allowed() {
    for definition in DEFINITIONS {
        assert!((definition.check)(definition.default), "{} = {:?}", definition.name(), definition.default);
    }
}

#[test]
fn the_contracts_defaults_are_the_originals() {
    let (settings, _) = resolve(&[], &[], "").unwrap();
    assert_eq!(settings.video_source.0, "0");
    assert_eq!(settings.scale.0, 0.5);
    assert_eq!(settings.cooldown.0.as_secs(), 5);
    assert_eq!(settings.th_accept.to_string(), "0.45");
    assert!(settings.show_window && settings.ws_enable);
    assert_eq!(settings.webhook_url.0.unwrap().as_str(), "http://localhost:3000/face-event");
    assert_eq!(settings.ws_url.0.unwrap().as_str(), "ws://localhost:3001/ws/face-stream");
    assert_eq!(settings.ws_jpeg_quality.0, 70);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let file = "COOLDOWN = 1\nscale = 0.25\nTH_ACCEPT = \"0.4\"\nWS_JPEG_QUALITY = 50";
    let environment = [("COOLDOWN", "2"), ("SCALE", "0.75")];
    let (settings, resolved) = resolve(&[("cooldown", "3")], &environment, file).unwrap();
    assert_eq!(settings.cooldown.0.as_secs(), 3);
    assert_eq!(settings.scale.0, 0.75);
    assert_eq!(settings.th_accept.to_string(), "0.4");
    assert_eq!(*resolved.origin("cooldown"), Origin::Flag);
    assert_eq!(*resolved.origin("scale"), Origin::Environment);
    assert!(matches!(resolved.origin("ws_jpeg_quality"), Origin::File(_)));
    assert_eq!(*resolved.origin("log"), Origin::Default);
}

#[test]
fn booleans_are_read_as_people_write_them() {
    for yes in ["True", "true", "1", "yes", "on", "YES"] {
        assert!(resolve(&[], &[("SHOW_WINDOW", yes)], "").unwrap().0.show_window, "{yes}");
    }
    for no in ["False", "0", "no", "off"] {
        assert!(!resolve(&[], &[("SHOW_WINDOW", no)], "").unwrap().0.show_window, "{no}");
    }
}

#[test]
fn a_bad_value_names_the_setting_the_value_and_what_is_allowed() {
    let error = resolve(&[], &[("WS_JPEG_QUALITY", "101")], "").unwrap_err().to_string();
    assert!(error.contains("WS_JPEG_QUALITY") && error.contains("101") && error.contains("1 to 100"), "{error}");
    for (name, bad) in [
        ("SCALE", "0"),
        ("SCALE", "nan"),
        ("COOLDOWN", "-1"),
        ("TH_ACCEPT", "high"),
        ("TH_ACCEPT", "fpir:"),
        ("TH_ACCEPT", "fpir:0"),
        ("TH_ACCEPT", "fpir:2"),
        ("TH_ACCEPT", "fpir:nan"),
        ("HTTP_ADDR", "5000"),
        ("WEBHOOK_URL", "localhost:3000"),
        ("WEBHOOK_URL", "ws://localhost:3000/x"),
        ("WS_URL", "http://localhost:3001/x"),
        ("MQTT_URL", "broker:1883"),
        ("MQTT_URL", "http://broker:1883"),
        ("MQTT_URL", "mqtt://broker/topic"),
        ("MQTT_PREFIX", "home/+/vultus"),
        ("MQTT_PREFIX", "/vultus"),
        ("MQTT_DISCOVERY", "home assistant"),
        ("MQTT_ALSO", "frigate, zoneminder"),
        ("VIDEO_SOURCE", "ftp://camera/x"),
        ("VIDEO_SOURCE", "testsrc=huge"),
        ("LOG", "inof"),
        ("SHOW_WINDOW", "maybe"),
        ("API_KEY", "schlüssel"),
    ] {
        assert!(resolve(&[], &[(name, bad)], "").is_err(), "{name}={bad}");
    }
}

#[test]
fn a_misspelt_key_in_the_file_is_named_with_the_one_that_was_meant() {
    let error = resolve(&[], &[], "webhook_ur = \"http://x/\"").unwrap_err().to_string();
    assert!(error.contains("webhook_ur") && error.contains("WEBHOOK_URL"), "{error}");
}

#[test]
fn an_empty_variable_does_not_count_except_where_empty_means_something() {
    let empty = [("COOLDOWN", ""), ("WEBHOOK_URL", ""), ("API_KEY", "")];
    let (settings, _) = resolve(&[], &empty, "API_KEY = \"secret\"").unwrap();
    assert_eq!(settings.cooldown.0.as_secs(), 5);
    assert_eq!(settings.webhook_url.0, None);
    assert_eq!(settings.admission().key(), Some("secret"));
}

#[test]
fn the_example_file_is_valid_once_its_comments_are_taken_away() {
    let lines = example_file();
    let bare: String = lines
        .lines()
        .filter_map(|l| l.strip_prefix("# "))
        .filter(|l| l.contains(" = ") && !l.contains(". "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(bare.lines().count(), DEFINITIONS.len(), "{bare}");
    resolve(&[], &[], &bare).unwrap();
}

#[test]
fn secrets_are_not_shown() {
    let environment = [("API_KEY", "s3cret"), ("DATABASE_URL", "postgres://ann:pa55@db/vultus")];
    let (_, resolved) = resolve(&[], &environment, "").unwrap();
    let shown: String = resolved.rows().map(|(_, text, _)| text).collect();
    assert!(!shown.contains("s3cret") && !shown.contains("pa55"), "{shown}");
}

#[test]
fn a_broker_is_told_only_where_there_is_one_and_its_password_is_never_shown() {
    assert!(resolve(&[], &[], "").unwrap().0.mqtt("serve", None).is_none());
    let broker = [("MQTT_URL", "mqtts://u:se%40cret@broker"), ("MQTT_DISCOVERY", ""), ("MQTT_ALSO", "frigate")];
    let (settings, resolved) = resolve(&[], &broker, "MQTT_PREFIX = \"home/vultus\"").unwrap();
    let mqtt = settings.mqtt("serve", None).unwrap();
    assert_eq!((mqtt.prefix.as_str(), mqtt.discovery), ("home/vultus", None));
    assert!(mqtt.dialects.frigate && !mqtt.dialects.double_take);
    let shown: Vec<String> = resolved.rows().map(|(_, shown, _)| shown).collect();
    assert!(shown.iter().any(|shown| shown == "mqtts://***@broker") && !shown.concat().contains("se%40cret"));
}

#[test]
fn a_table_that_is_nearly_one_is_named() {
    for (given, meant) in [("shedule", "[[schedule]]"), ("schedules", "[[schedule]]"), ("webhok", "[[webhook]]")] {
        let refused = resolve(&[], &[], &format!("[[{given}]]\nname = 'x'\n")).unwrap_err().to_string();
        assert!(refused.contains(&format!("did you mean {meant}?")), "{refused}");
    }
    assert!(example_file().contains("[[schedule]]"));
}
