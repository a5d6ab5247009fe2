//! What there is, described to Home Assistant: an entity a message, which every version with MQTT discovery understands
//! (one message for a whole device needs 2024.11).
use camera::CameraState;
use serde_json::{Value, json};

use super::settings::MqttSettings;
use super::topics::{Topics, part};
use crate::NoticeKind;

/// Most people with an entity of their own.
pub const MOST_PEOPLE: usize = 500;

/// What a camera's state is called that is not to be watched.
pub const OFF: &str = "off";

/// Describes cameras and people.
#[derive(Clone, Debug)]
pub struct Discovery {
    topics: Topics,
    version: &'static str,
    page: Option<String>,
}

/// The entities of a camera: what kind each is, and the end of its name.
const CAMERA_ENTITIES: [(&str, &str); 6] = [
    ("sensor", "last_person"),
    ("sensor", "state"),
    ("sensor", "people"),
    ("event", "door"),
    ("binary_sensor", "occupancy"),
    ("binary_sensor", "connectivity"),
];

/// What may happen at a door.
const EVENT_TYPES: [NoticeKind; 5] = NoticeKind::ALL;

impl Discovery {
    /// By the settings.
    pub fn new(settings: &MqttSettings, topics: &Topics) -> Self {
        Self { topics: topics.clone(), version: settings.version, page: settings.page.clone() }
    }

    /// Every message about a camera: its topic and its payload. None without discovery.
    pub fn camera(&self, id: &str, name: &str) -> Vec<(String, String)> {
        let device = self.device(&format!("camera_{}", part(id)), name, "Camera");
        let messages = CAMERA_ENTITIES.iter().filter_map(|(component, entity)| {
            let topic = self.topics.discovery(component, &object_of(id, entity))?;
            let mut config = self.entity(id, entity);
            config["unique_id"] = self.topics.unique(&object_of(id, entity)).into();
            config["availability_topic"] = self.topics.node_status().into();
            config["qos"] = 1.into();
            config["device"] = device.clone();
            config["origin"] = self.origin();
            Some((topic, config.to_string()))
        });
        messages.collect()
    }

    /// The topics of all messages about a camera.
    pub fn camera_topics(&self, id: &str) -> Vec<String> {
        let topic = |(component, entity): &(&str, &str)| self.topics.discovery(component, &object_of(id, entity));
        CAMERA_ENTITIES.iter().filter_map(topic).collect()
    }

    /// The message about where a person was seen last. None without discovery.
    pub fn person(&self, id: i64, name: &str) -> Option<(String, String)> {
        let config = json!({
            "name": format!("{name} last camera"),
            "icon": "mdi:account-eye",
            "state_topic": self.topics.person(id, "camera"),
            "json_attributes_topic": self.topics.person(id, "attributes"),
            "unique_id": self.topics.unique(&format!("person_{id}_last_camera")),
            "availability_topic": self.topics.status(),
            "qos": 1,
            "device": self.device("people", "Vultus people", "People"),
            "origin": self.origin(),
        });
        Some((self.person_topic(id)?, config.to_string()))
    }

    /// The topic of the message about a person.
    pub fn person_topic(&self, id: i64) -> Option<String> {
        self.topics.discovery("sensor", &format!("person_{id}_last_camera"))
    }

    fn entity(&self, id: &str, entity: &str) -> Value {
        let topic = |what: &str| self.topics.camera(id, what);
        match entity {
            "last_person" => json!({
                "name": "Last person",
                "icon": "mdi:account",
                "state_topic": topic("last_person"),
                "json_attributes_topic": topic("last_person/attributes"),
            }),
            "state" => json!({
                "name": "State",
                "icon": "mdi:cctv",
                "device_class": "enum",
                "options": CameraState::NAMES.into_iter().chain([OFF]).collect::<Vec<_>>(),
                "entity_category": "diagnostic",
                "state_topic": topic("state"),
                "json_attributes_topic": topic("attributes"),
            }),
            "people" => json!({
                "name": "People",
                "icon": "mdi:account-group",
                "state_class": "measurement",
                "unit_of_measurement": "people",
                "state_topic": topic("people"),
            }),
            "door" => json!({
                "name": "Door",
                "icon": "mdi:door",
                "event_types": EVENT_TYPES.map(NoticeKind::as_str),
                "state_topic": topic("event"),
            }),
            "occupancy" => json!({
                "name": "Occupancy",
                "device_class": "occupancy",
                "state_topic": topic("people"),
                "value_template": "{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
            }),
            _ => json!({
                "name": "Connectivity",
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": topic("state"),
                "value_template": "{{ 'ON' if value in ['live', 'finished'] else 'OFF' }}",
            }),
        }
    }

    fn device(&self, object: &str, name: &str, model: &str) -> Value {
        let mut device = json!({
            "identifiers": [self.topics.unique(object)],
            "name": name,
            "manufacturer": "Vultus",
            "model": model,
            "sw_version": self.version,
        });
        if let Some(page) = &self.page {
            device["configuration_url"] = page.as_str().into();
        }
        device
    }

    fn origin(&self) -> Value {
        json!({ "name": "vultus", "sw_version": self.version })
    }
}

fn object_of(camera: &str, entity: &str) -> String {
    format!("camera_{}_{entity}", part(camera))
}
