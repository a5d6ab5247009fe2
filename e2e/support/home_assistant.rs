use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What Home Assistant asks of a discovery message: taken from the schemas of its MQTT integration (homeassistant 2024.3.3:
/// `sensor.py`, `event.py`, `binary_sensor.py`, `mixins.py`, `discovery.py`; `options` of an enum sensor from 2024.11).
/// Home Assistant itself passes over keys of an entity that it does not know; here they are errors of spelling.
const COMPONENTS: [(&str, &[(&str, Kind)]); 3] = [
    (
        "sensor",
        &[
            ("device_class", Kind::OneOf(&["enum"])),
            ("options", Kind::Texts),
            ("state_class", Kind::OneOf(&["measurement", "total", "total_increasing"])),
            ("unit_of_measurement", Kind::Text),
            ("expire_after", Kind::Number),
            ("force_update", Kind::Flag),
            ("suggested_display_precision", Kind::Number),
        ],
    ),
    ("event", &[("device_class", Kind::OneOf(&["button", "doorbell", "motion"])), ("event_types", Kind::Texts)]),
    (
        "binary_sensor",
        &[
            ("device_class", Kind::OneOf(&["connectivity", "door", "lock", "motion", "occupancy", "presence"])),
            ("expire_after", Kind::Number),
            ("force_update", Kind::Flag),
            ("off_delay", Kind::Number),
            ("payload_on", Kind::Text),
            ("payload_off", Kind::Text),
        ],
    ),
];

/// Keys that every entity may have.
const COMMON: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("unique_id", Kind::Text),
    ("object_id", Kind::Text),
    ("icon", Kind::Icon),
    ("entity_category", Kind::OneOf(&["config", "diagnostic"])),
    ("enabled_by_default", Kind::Flag),
    ("qos", Kind::Quality),
    ("encoding", Kind::Text),
    ("state_topic", Kind::Topic),
    ("value_template", Kind::Template),
    ("json_attributes_topic", Kind::Topic),
    ("json_attributes_template", Kind::Template),
    ("availability_topic", Kind::Topic),
    ("availability_template", Kind::Template),
    ("payload_available", Kind::Text),
    ("payload_not_available", Kind::Text),
    ("device", Kind::Object(DEVICE)),
    ("origin", Kind::Object(ORIGIN)),
];

/// Keys of a device; others are refused.
const DEVICE: &[(&str, Kind)] = &[
    ("identifiers", Kind::Texts),
    ("name", Kind::Text),
    ("manufacturer", Kind::Text),
    ("model", Kind::Text),
    ("hw_version", Kind::Text),
    ("serial_number", Kind::Text),
    ("sw_version", Kind::Text),
    ("suggested_area", Kind::Text),
    ("via_device", Kind::Text),
    ("configuration_url", Kind::Page),
];

/// Keys of what describes the sender; others are refused.
const ORIGIN: &[(&str, Kind)] = &[("name", Kind::Text), ("sw_version", Kind::Text), ("support_url", Kind::Page)];

/// What a value may be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Number,
    Flag,
    Quality,
    Icon,
    Topic,
    Template,
    Page,
    OneOf(&'static [&'static str]),
    Object(&'static [(&'static str, Kind)]),
}

/// What Home Assistant would not accept of discovery messages (topics below `prefix`, and payloads), a sentence each.
pub fn what_is_wrong(prefix: &str, messages: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for (topic, payload) in messages {
        let faults = faults_of(prefix, topic, payload, &mut ids);
        wrong.extend(faults.into_iter().map(|fault| format!("{topic}: {fault}: {payload}")));
    }
    wrong
}

fn faults_of(prefix: &str, topic: &str, payload: &str, ids: &mut BTreeSet<String>) -> Vec<String> {
    let parts: Vec<&str> = topic.strip_prefix(prefix).unwrap_or_default().split('/').skip(1).collect();
    let is_id =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let component = match parts[..] {
        [component, node, object, "config"] if is_id(node) && is_id(object) => component,
        _ => return vec!["this is no discovery topic".to_owned()],
    };
    let Some((_, own)) = COMPONENTS.iter().find(|(name, _)| *name == component) else {
        return vec![format!("there are no rules for {component}")];
    };
    let Ok(Value::Object(config)) = serde_json::from_str(payload) else { return vec!["no JSON object".to_owned()] };
    let mut faults = unfit(&config, &[COMMON, own].concat());
    let mut need = |there: bool, what: &str| {
        if !there {
            faults.push(what.to_owned());
        }
    };
    need(config.contains_key("state_topic"), "state_topic is required");
    need(component != "event" || config.contains_key("event_types"), "event_types is required");
    need(!config.contains_key("options") || config["device_class"] == "enum", "options are those of an enum");
    need(config["device"]["identifiers"][0].is_string(), "a device needs an identifier");
    need(config["origin"]["name"].is_string(), "an origin needs a name");
    let is_new = config["unique_id"].as_str().is_some_and(|id| ids.insert(id.to_owned()));
    need(is_new, "unique_id is missing or taken");
    faults
}

fn unfit(object: &Map<String, Value>, allowed: &[(&str, Kind)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, value) in object {
        match allowed.iter().find(|(name, _)| name == key) {
            None => faults.push(format!("there is no {key}")),
            Some((_, Kind::Object(keys))) => match value.as_object() {
                Some(inner) => faults.extend(unfit(inner, keys)),
                None => faults.push(format!("{key} is no object")),
            },
            Some((_, kind)) if !fits(value, *kind) => faults.push(format!("{key} = {value} is not allowed")),
            Some(_) => {}
        }
    }
    faults
}

fn fits(value: &Value, kind: Kind) -> bool {
    let text = value.as_str();
    match kind {
        Kind::Text => text.is_some_and(|text| !text.is_empty()),
        Kind::Texts => value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string)),
        Kind::Number => value.is_u64(),
        Kind::Flag => value.is_boolean(),
        Kind::Quality => value.as_u64().is_some_and(|quality| quality <= 2),
        Kind::Icon => {
            text.is_some_and(|icon| icon.split_once(':').is_some_and(|(set, name)| !set.is_empty() && !name.is_empty()))
        }
        Kind::Topic => {
            text.is_some_and(|topic| !topic.is_empty() && topic.len() <= 65_535 && !topic.contains(['+', '#', '\0']))
        }
        Kind::Template => text.is_some_and(|template| template.matches("{{").count() == template.matches("}}").count()),
        Kind::Page => text.is_some_and(|page| page.starts_with("http://") || page.starts_with("https://")),
        Kind::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
        Kind::Object(_) => value.is_object(),
    }
}
