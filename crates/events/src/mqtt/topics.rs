use super::settings::MqttSettings;

/// Longest part of a topic that is made of a name.
const LONGEST: usize = 64;

/// Where what stands. Ids and names from outside become parts of topics only through [`part`].
#[derive(Clone, Debug)]
pub struct Topics {
    prefix: String,
    node: String,
    discovery: Option<String>,
    /// This installation among others on one Home Assistant.
    space: String,
}

impl Topics {
    /// By the settings.
    pub fn new(settings: &MqttSettings) -> Self {
        Self {
            prefix: settings.prefix.clone(),
            node: part(&settings.node),
            discovery: settings.discovery.clone(),
            space: part(&settings.prefix),
        }
    }

    /// Whether any node is there: `online` or `offline`.
    pub fn status(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// Whether this node is there.
    pub fn node_status(&self) -> String {
        format!("{}/nodes/{}/status", self.prefix, self.node)
    }

    /// Where every state of every passage goes.
    pub fn events(&self) -> String {
        format!("{}/events", self.prefix)
    }

    /// What is said of a camera under the name `what`.
    pub fn camera(&self, id: &str, what: &str) -> String {
        self.camera_part(&part(id), what)
    }

    fn camera_part(&self, camera: &str, what: &str) -> String {
        format!("{}/cameras/{camera}/{what}", self.prefix)
    }

    /// Under all cameras' names.
    pub fn any_camera(&self, what: &str) -> String {
        self.camera_part("+", what)
    }

    /// What is said of a person under the name `what`.
    pub fn person(&self, id: i64, what: &str) -> String {
        format!("{}/people/{id}/{what}", self.prefix)
    }

    /// Under all people's numbers.
    pub fn any_person(&self, what: &str) -> String {
        format!("{}/people/+/{what}", self.prefix)
    }

    /// Whose topic this is, if it is a person's.
    pub fn person_of(&self, topic: &str) -> Option<i64> {
        let rest = topic.strip_prefix(&self.prefix)?.strip_prefix("/people/")?;
        rest.split('/').next()?.parse().ok()
    }

    /// Where Home Assistant says that it has started; `None` without discovery.
    pub fn home_assistant(&self) -> Option<String> {
        self.discovery.as_ref().map(|discovery| format!("{discovery}/status"))
    }

    /// Where an entity is described to Home Assistant; `None` without discovery.
    pub fn discovery(&self, component: &str, object: &str) -> Option<String> {
        let discovery = self.discovery.as_ref()?;
        Some(format!("{discovery}/{component}/{}/{object}/config", self.space))
    }

    /// Every person's entity.
    pub fn any_discovered_sensor(&self) -> Option<String> {
        self.discovery("sensor", "+")
    }

    /// Whether `topic` describes anything.
    pub fn is_discovery(&self, topic: &str) -> bool {
        self.discovery.as_ref().is_some_and(|discovery| {
            topic.strip_prefix(discovery.as_str()).is_some_and(|rest| rest.starts_with('/'))
                && topic.ends_with("/config")
        })
    }

    /// Whose entity this topic describes, if it is a person's.
    pub fn discovered_person(&self, topic: &str) -> Option<i64> {
        let before = self.discovery("sensor", "person_")?;
        let number = topic.strip_prefix(before.strip_suffix("/config")?)?;
        number.strip_suffix("_last_camera/config")?.parse().ok()
    }

    /// A name for something that is unique among all installations on one Home Assistant.
    pub fn unique(&self, object: &str) -> String {
        format!("{}_{object}", self.space)
    }
}

/// `text` as one part of a topic, which is also an id for Home Assistant: letters, digits, `_` and `-`. A text that cannot
/// stand as it is gets a number of its own, so that two never become the same.
pub fn part(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).take(LONGEST - 9).collect();
    format!("{plain}_{:08x}", number_of(text))
}

/// FNV-1a: the same in every version, which a topic must be.
fn number_of(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |number, byte| (number ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `name` as one part of a topic of another program, which takes any text there but what would be structure.
pub fn foreign_part(name: &str) -> String {
    let is_structure = |c: char| matches!(c, '+' | '#' | '/') || c.is_control();
    let part: String = name.chars().map(|c| if is_structure(c) { '_' } else { c }).collect();
    if part.is_empty() { "_".to_owned() } else { part }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_stays_as_it_is_and_other_names_become_one_part_each() {
        assert_eq!(part("front-door_2"), "front-door_2");
        assert_eq!(part("front door"), "front_door_a852bbb8");
        assert_ne!(part("front+door"), part("front#door"));
        assert_ne!(part("Tür"), part("T_r"));
        assert_eq!(part(""), "_811c9dc5");
        assert_eq!(foreign_part("a/b+c#d\0e"), "a_b_c_d_e");
        assert_eq!(foreign_part("Zoë Müller"), "Zoë Müller");
    }

    proptest! {
        #[test]
        fn every_name_is_a_part_of_a_topic_of_bounded_length(name in any::<String>()) {
            let part = part(&name);
            prop_assert!(!part.is_empty() && part.len() <= LONGEST);
            prop_assert!(part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{part}");
            let foreign = foreign_part(&name);
            prop_assert!(!foreign.is_empty() && !foreign.contains(['+', '#', '/', '\0']), "{foreign}");
        }
    }
}
