use gallery::Strictness;
use reqwest::Url;

/// Where and how a broker is told.
#[derive(Clone, Debug)]
pub struct MqttSettings {
    /// The broker: `mqtt://user:password@host:1883`, or `mqtts://` for TLS.
    pub url: Url,
    /// What all topics begin with.
    pub prefix: String,
    /// What Home Assistant's discovery topics begin with; `None` for no discovery.
    pub discovery: Option<String>,
    /// Which other programs' messages are sent as well.
    pub dialects: Dialects,
    /// What this machine is called.
    pub node: String,
    /// What kind of process this is: `serve` or `detect`. Two of a kind on one node would push each other off the broker.
    pub process: &'static str,
    /// The version of this program.
    pub version: &'static str,
    /// Where people find the web page of this node, if there is one.
    pub page: Option<String>,
    /// Where a similarity is one half: at the distance below which faces are accepted.
    pub strictness: Strictness,
}

#[cfg(test)]
impl MqttSettings {
    /// Those of a node that is called gate.
    pub(crate) fn made() -> Self {
        Self {
            url: "mqtt://localhost".parse().expect("an address"),
            prefix: "vultus".to_owned(),
            discovery: Some("homeassistant".to_owned()),
            dialects: Dialects::default(),
            node: "gate".to_owned(),
            process: "serve",
            version: "1.0.0",
            page: None,
            strictness: Strictness::Below(gallery::Distance::new(0.45)),
        }
    }
}

/// Programs whose messages are sent as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    /// Double Take's.
    pub double_take: bool,
    /// Frigate's.
    pub frigate: bool,
}
