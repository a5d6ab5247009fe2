use std::time::Duration;

use camera::{Direction, LivenessMode, NotARegion, Region, mask_credentials};
use events::{AccessRule, MOST_RULES, group_name};
use face::Tiles;
use gallery::Strictness;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::settings::{self, Cooldown, HttpUrl, Settings, Share, Source, Value as _};

/// A camera as somebody defined it. What is left out is as the settings say.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Definition {
    /// Unique; what events call the camera. Small letters, digits, `-` and `_`.
    #[schema(example = "front-door")]
    pub id: String,
    /// What people call it; by default its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Front door")]
    pub name: Option<String>,
    /// What to watch, as VIDEO_SOURCE.
    #[schema(example = "rtsp://***@10.0.0.5/stream2")]
    pub source: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// As SCALE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Most frames a second that are taken from it, 0.1 to 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps_limit: Option<f64>,
    /// Where faces count: corners of a polygon, `[x, y]` as shares of the picture's width and height.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<[f32; 2]>>, example = json!([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]))]
    pub region: Option<Region>,
    /// As TH_ACCEPT: a distance, or `fpir:` and a share of strangers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>, example = "fpir:0.001")]
    pub th_accept: Option<Strictness>,
    /// As COOLDOWN: seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<f64>,
    /// Narrower faces are not recognised, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_face_px: Option<u32>,
    /// As TILES.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "4x3 turn")]
    pub tiles: Option<String>,
    /// As LIVENESS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "enforce")]
    pub liveness: Option<String>,
    /// As LIVENESS_TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_turn: Option<bool>,
    /// Which way people go whom it sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Who may pass, and when; empty: everybody who is enrolled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessRule>,
    /// Within cameras of the same door group nobody may enter twice without having left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "headquarters")]
    pub door_group: Option<String>,
    /// As WEBHOOK_URL; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// As LOOP_FILE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_file: Option<bool>,
}

/// Every field's name.
const FIELDS: [&str; 18] = [
    "id",
    "name",
    "source",
    "enabled",
    "scale",
    "fps_limit",
    "region",
    "th_accept",
    "cooldown",
    "min_face_px",
    "tiles",
    "liveness",
    "liveness_turn",
    "direction",
    "access",
    "door_group",
    "webhook_url",
    "loop_file",
];

/// Longest name and longest address, in characters.
const LONGEST_NAME: usize = 200;
const LONGEST_ADDRESS: usize = 2000;

/// What is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADefinition {
    /// Something else than a list of fields.
    #[error("a camera is an object with at least `id` and `source`")]
    NotAnObject,
    /// A field that must be there is not.
    #[error("a camera needs `{0}`")]
    Missing(&'static str),
    /// A field that there is not.
    #[error("a camera has no `{field}`{hint}")]
    Unknown {
        /// Its name.
        field: String,
        /// ` (did you mean …?)`, or nothing.
        hint: String,
    },
    /// A value that is not allowed.
    #[error("`{field}` = {given} is not allowed: use {allowed}")]
    NotAllowed {
        /// Of which field.
        field: &'static str,
        /// As given; secrets masked.
        given: String,
        /// What is.
        allowed: String,
    },
}

impl Definition {
    /// Reads a definition from JSON, with a sentence for whatever is wrong with it.
    ///
    /// # Errors
    /// A field that is unknown, missing, or not allowed.
    pub fn parse(value: &Value) -> Result<Self, NotADefinition> {
        let fields = Fields(value.as_object().ok_or(NotADefinition::NotAnObject)?);
        fields.check_names()?;
        let direction = fields.text("direction", "in or out", Direction::parse)?;
        let checked = |field, allowed: &str, is_allowed: &dyn Fn(&str) -> bool| {
            fields.text(field, allowed, |text| is_allowed(text).then(|| text.to_owned()))
        };
        Ok(Self {
            id: checked("id", ID, &is_id)?.ok_or(NotADefinition::Missing("id"))?,
            name: checked("name", &format!("up to {LONGEST_NAME} printable characters"), &is_name)?,
            source: checked("source", Source::ALLOWED, &is_source)?.ok_or(NotADefinition::Missing("source"))?,
            enabled: fields.setting::<bool>("enabled")?.unwrap_or(true),
            scale: fields.number::<Share>("scale")?,
            fps_limit: fields.text("fps_limit", "a number from 0.1 to 60", |text| {
                text.parse().ok().filter(|fps| (0.1..=60.0).contains(fps))
            })?,
            region: fields.region()?,
            th_accept: fields.setting::<Strictness>("th_accept")?,
            cooldown: fields.number::<Cooldown>("cooldown")?,
            min_face_px: fields.text("min_face_px", "a whole number of pixels, 0 to 10000", |text| {
                text.parse().ok().filter(|px| *px <= 10_000)
            })?,
            tiles: checked("tiles", Tiles::ALLOWED, &|text| Tiles::parse(text).is_some())?,
            liveness: checked("liveness", LivenessMode::ALLOWED, &|text| LivenessMode::parse(text).is_some())?,
            liveness_turn: fields.setting::<bool>("liveness_turn")?,
            direction,
            access: fields.access()?,
            door_group: fields
                .text("door_group", DOOR_GROUP, |text| group_name(text).filter(|_| direction.is_some()))?,
            webhook_url: checked("webhook_url", HttpUrl::ALLOWED, &is_webhook)?,
            loop_file: fields.setting::<bool>("loop_file")?,
        })
    }

    /// The camera of VIDEO_SOURCE. Its id is CAMERA_NAME as it stands, since that is what its callers know.
    pub fn of_settings(settings: &Settings) -> Self {
        Self {
            id: settings.camera_name.clone(),
            name: None,
            source: settings.video_source.0.clone(),
            enabled: true,
            scale: None,
            fps_limit: None,
            region: None,
            th_accept: None,
            cooldown: None,
            min_face_px: None,
            tiles: None,
            liveness: None,
            liveness_turn: None,
            direction: None,
            access: Vec::new(),
            door_group: None,
            webhook_url: None,
            loop_file: None,
        }
    }

    /// The definition that `patch` (a JSON merge patch, RFC 7396) makes of this one: null takes a field away, so that it is
    /// as the settings say.
    ///
    /// # Errors
    /// As [`Definition::parse`]; a changed id, and a masked secret in a place where it does not stand for the one it hides.
    pub fn patched(&self, patch: &Value) -> Result<Self, NotADefinition> {
        let mut patch = patch.as_object().ok_or(NotADefinition::NotAnObject)?.clone();
        self.unmask(&mut patch, "source", &self.source);
        self.unmask(&mut patch, "webhook_url", self.webhook_url.as_deref().unwrap_or_default());
        let mut fields = match self.to_json() {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        for (field, value) in patch {
            if value.is_null() && FIELDS.contains(&field.as_str()) {
                fields.remove(&field);
            } else {
                fields.insert(field, value);
            }
        }
        let patched = Self::parse(&Value::Object(fields))?;
        if patched.id == self.id {
            return Ok(patched);
        }
        let allowed = format!("`{}`: a camera keeps its id", self.id);
        Err(NotADefinition::NotAllowed { field: "id", given: format!("{:?}", patched.id), allowed })
    }

    /// Whoever sends back what it was shown means the secret that was there.
    fn unmask(&self, patch: &mut Map<String, Value>, field: &str, secret: &str) {
        if patch.get(field).and_then(Value::as_str).is_some_and(|given| given == mask_credentials(secret)) {
            patch.insert(field.to_owned(), secret.into());
        }
    }

    /// As it is kept.
    pub fn to_json(&self) -> Value {
        // Texts and finite numbers, which always have a form in JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// As it may be shown: without secrets, and with the name that it goes by.
    pub fn shown(&self) -> Self {
        Self {
            name: Some(self.name().to_owned()),
            source: mask_credentials(&self.source),
            webhook_url: self.webhook_url.as_deref().map(mask_credentials),
            ..self.clone()
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Whether what is watched as `self` can go on as `other`: what people call it is the only difference, if any.
    pub fn is_watched_like(&self, other: &Self) -> bool {
        *self == Self { name: self.name.clone(), ..other.clone() }
    }

    /// For how long a person who has passed is not announced again.
    pub fn cooldown(&self, settings: &Settings) -> Duration {
        self.cooldown.map_or(settings.cooldown.0, Duration::from_secs_f64)
    }

    /// Where its PASSes are sent, if anywhere.
    pub fn webhook(&self, settings: &Settings) -> Option<url::Url> {
        match &self.webhook_url {
            Some(given) => HttpUrl::parse(given)?.0,
            None => settings.webhook_url.0.clone(),
        }
    }
}

const ID: &str = "1 to 64 small letters, digits, - and _, the first a letter or digit";

const DOOR_GROUP: &str =
    "1 to 64 printable characters, and give `direction` as well: who is inside is known by who goes in and out";

fn is_id(text: &str) -> bool {
    let mut letters = text.bytes();
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    letters.next().is_some_and(is_letter)
        && letters.all(|byte| is_letter(byte) || b"-_".contains(&byte))
        && text.len() <= 64
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

fn is_source(text: &str) -> bool {
    let is_one = Source::parse(text).is_some_and(|source| !source.is_none());
    is_one && text.trim() == text && is_address(text)
}

fn is_webhook(text: &str) -> bool {
    HttpUrl::parse(text).is_some() && is_address(text)
}

/// What is shown in the place of a secret is not one.
fn is_address(text: &str) -> bool {
    text.chars().count() <= LONGEST_ADDRESS && !text.chars().any(char::is_control) && !text.contains("***")
}

/// The fields of a definition as they were given.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn check_names(&self) -> Result<(), NotADefinition> {
        let is_unknown = |field: &&String| !FIELDS.contains(&field.as_str());
        match self.0.keys().find(is_unknown) {
            Some(field) => {
                let hint = settings::nearest(field, FIELDS).map(|near| format!(" (did you mean `{near}`?)"));
                let field = field.chars().take(LONGEST_NAME).collect();
                Err(NotADefinition::Unknown { field, hint: hint.unwrap_or_default() })
            }
            None => Ok(()),
        }
    }

    /// A field as text: numbers and switches may be written as they are, or as texts, as in the settings' file.
    fn text<T>(
        &self,
        field: &'static str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, NotADefinition> {
        let Some(given) = self.0.get(field) else { return Ok(None) };
        let text = match given {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(given.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match text.and_then(|text| read(&text)) {
            Some(value) => Ok(Some(value)),
            None => Err(refused(field, given, allowed)),
        }
    }

    fn setting<T: settings::Value>(&self, field: &'static str) -> Result<Option<T>, NotADefinition> {
        self.text(field, T::ALLOWED, T::parse)
    }

    /// A number that is allowed for the setting `T`.
    fn number<T: settings::Value>(&self, field: &'static str) -> Result<Option<f64>, NotADefinition> {
        self.text(field, T::ALLOWED, |text| T::parse(text).and_then(|_| text.trim().parse().ok()))
    }

    fn access(&self) -> Result<Vec<AccessRule>, NotADefinition> {
        let Some(given) = self.0.get("access") else { return Ok(Vec::new()) };
        match Vec::<AccessRule>::deserialize(given) {
            Ok(rules) if rules.len() <= MOST_RULES => Ok(rules),
            Ok(_) => Err(refused("access", given, RULES)),
            Err(error) => {
                let wrong: String = error.to_string().chars().take(LONGEST_NAME).collect();
                Err(refused("access", given, &format!("{RULES} ({wrong})")))
            }
        }
    }

    fn region(&self) -> Result<Option<Region>, NotADefinition> {
        let Some(given) = self.0.get("region") else { return Ok(None) };
        match Region::deserialize(given) {
            Ok(region) => Ok(Some(region)),
            Err(_) => Err(refused("region", given, &NotARegion.to_string())),
        }
    }
}

const RULES: &str = r#"up to 50 rules such as [{"groups": ["staff"], "hours": "mon-fri 07:00-19:00"}]"#;

/// Long texts are cut, and secrets masked: the message may go into a log.
fn refused(field: &'static str, given: &Value, allowed: &str) -> NotADefinition {
    let mut given: String = mask_credentials(&given.to_string()).chars().take(100).collect();
    if given.contains("***") {
        given.push_str(" (*** hides a secret: write the secret itself, or leave the field out to keep it)");
    }
    NotADefinition::NotAllowed { field, given, allowed: allowed.to_owned() }
}
