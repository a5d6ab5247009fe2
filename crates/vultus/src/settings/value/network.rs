//! Who may call, and who is called: keys, addresses, a broker.

use events::Dialects;

use super::Value;

/// A secret that callers show; empty for none.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(pub String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl Value for ApiKey {
    const ALLOWED: &'static str = "printable ASCII characters, since it travels in a header";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.chars().all(|c| (' '..='~').contains(&c)).then(|| Self(text.to_owned()))
    }
}

/// What a receiver shares, so that it knows our requests; empty for nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(String);

impl SharedSecret {
    /// `None` for nothing.
    pub fn secret(&self) -> Option<events::Secret> {
        events::Secret::new(self.0.as_str())
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

impl Value for SharedSecret {
    const ALLOWED: &'static str = "any text of up to 1000 characters";

    fn parse(text: &str) -> Option<Self> {
        (text.chars().count() <= 1000).then(|| Self(text.to_owned()))
    }
}

/// Web pages of other machines that may use the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// Every page of the world may.
    pub any: bool,
    /// Pages without an origin may, as those opened from a file.
    pub null: bool,
    listed: Vec<url::Origin>,
}

impl AllowedOrigins {
    /// Whether the pages of `origin` are listed.
    pub fn lists(&self, origin: &url::Origin) -> bool {
        self.any || self.listed.contains(origin)
    }

    /// Whether a page of `host` is listed, on whatever port.
    pub fn lists_host(&self, host: &url::Host) -> bool {
        let is_of_host = |origin: &url::Origin| matches!(origin, url::Origin::Tuple(_, listed, _) if listed == host);
        self.any || self.listed.iter().any(is_of_host)
    }
}

impl Value for AllowedOrigins {
    const ALLOWED: &'static str =
        "addresses without a path, separated by commas (https://dash.example,http://10.0.0.7:8080), null, or * for any";

    fn parse(text: &str) -> Option<Self> {
        let mut allowed = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry {
                "*" => allowed.any = true,
                "null" => allowed.null = true,
                _ => {
                    let url = url::Url::parse(entry).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
                    let origin = url.origin();
                    let is_bare = url.as_str() == format!("{}/", origin.ascii_serialization());
                    allowed.listed.push(is_bare.then_some(origin)?);
                }
            }
        }
        Some(allowed)
    }
}

/// An address that can be posted to, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(pub Option<url::Url>);

impl Value for HttpUrl {
    const ALLOWED: &'static str = "an address such as http://host:3000/path or https://…, or nothing";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        url_of(text, ["http", "https"]).map(Self)
    }
}

/// A WebSocket's address, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsUrl(pub Option<url::Url>);

impl Value for WsUrl {
    const ALLOWED: &'static str = "an address such as ws://host:3001/ws/face-stream or wss://…, or nothing";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        url_of(text, ["ws", "wss"]).map(Self)
    }
}

/// A broker's address, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttUrl(pub Option<url::Url>);

impl Value for MqttUrl {
    const ALLOWED: &'static str =
        "an address such as mqtt://user:password@host:1883, or mqtts://… for TLS, without a path, or nothing";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let is_bare =
            |url: &url::Url| matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let url = url_of(text, ["mqtt", "mqtts"])?;
        url.as_ref().is_none_or(is_bare).then_some(Self(url))
    }
}

/// What MQTT topics begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPrefix(pub String);

/// Longest beginning of topics, in bytes.
const LONGEST_PREFIX: usize = 100;

impl Value for TopicPrefix {
    const ALLOWED: &'static str = "up to 100 letters, digits, `_`, `-`, `.` and, between them, `/`";

    fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain);
        (text.len() <= LONGEST_PREFIX && text.split('/').all(is_part)).then(|| Self(text.to_owned()))
    }
}

/// What MQTT topics begin with, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalTopicPrefix(pub Option<String>);

impl Value for OptionalTopicPrefix {
    const ALLOWED: &'static str = "as MQTT_PREFIX, or nothing";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            Some(Self(None))
        } else {
            TopicPrefix::parse(text).map(|prefix| Self(Some(prefix.0)))
        }
    }
}

/// Other programs whose messages are sent as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MqttAlso(pub Dialects);

impl Value for MqttAlso {
    const ALLOWED: &'static str = "double-take, frigate, both with a comma, or nothing";

    fn parse(text: &str) -> Option<Self> {
        let mut also = Dialects::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "double-take" => also.double_take = true,
                "frigate" => also.frigate = true,
                _ => return None,
            }
        }
        Some(Self(also))
    }
}

fn url_of(text: &str, schemes: [&str; 2]) -> Option<Option<url::Url>> {
    if text.trim().is_empty() {
        return Some(None);
    }
    let url = url::Url::parse(text.trim()).ok()?;
    (schemes.contains(&url.scheme()) && url.has_host()).then_some(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_origin_is_an_address_without_a_path() {
        let allowed = AllowedOrigins::parse(" https://Dash.example/ ,http://10.0.0.7:8080,null").unwrap();
        let origin = |text: &str| url::Url::parse(text).unwrap().origin();
        assert!(allowed.lists(&origin("https://dash.example:443")) && allowed.lists(&origin("http://10.0.0.7:8080")));
        assert!(!allowed.lists(&origin("http://dash.example")) && !allowed.lists(&origin("http://10.0.0.7")));
        assert!(allowed.null && !allowed.any);
        assert_eq!(AllowedOrigins::parse(""), Some(AllowedOrigins::default()));
        for bad in ["dash.example", "https://dash.example/page", "https://a@dash.example", "ftp://dash.example", "**"] {
            assert_eq!(AllowedOrigins::parse(bad), None, "{bad}");
        }
    }
}
