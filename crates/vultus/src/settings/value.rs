//! What a setting's text may be.

mod network;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use camera::{FfmpegOptions, FfmpegSource, LivenessMode};
use events::Holiday;
use face::{AttributeChoice, Tiles};
use gallery::Strictness;
use tracing_subscriber::EnvFilter;

pub use network::{
    AllowedOrigins, ApiKey, HttpUrl, MqttAlso, MqttUrl, OptionalTopicPrefix, SharedSecret, TopicPrefix, WsUrl,
};

/// A type that a setting can have.
pub trait Value: Sized {
    /// What is allowed, for people.
    const ALLOWED: &'static str;

    /// Whether it is on or off.
    const IS_SWITCH: bool = false;

    /// Whether an empty text means something else than the default.
    const EMPTY_IS_A_VALUE: bool = false;

    /// `None` when `text` is not allowed.
    fn parse(text: &str) -> Option<Self>;
}

impl Value for String {
    const ALLOWED: &'static str = "any text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for PathBuf {
    const ALLOWED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        Some(PathBuf::from(text))
    }
}

impl Value for bool {
    const ALLOWED: &'static str = "true, yes, on, 1 or false, no, off, 0";
    const IS_SWITCH: bool = true;

    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Value for SocketAddr {
    const ALLOWED: &'static str = "an address and a port, such as 127.0.0.1:5000 or [::1]:5000";

    fn parse(text: &str) -> Option<Self> {
        text.trim().replace("localhost", "127.0.0.1").parse().ok()
    }
}

/// A camera's number, an address, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(pub String);

impl Value for Source {
    const ALLOWED: &'static str =
        "a camera number (0), an address (rtsp://…, http://…), a file, testsrc, testsrc=640x480@25, or none";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_source = FfmpegSource::new(text, FfmpegOptions::default()).is_ok();
        (!text.is_empty() && is_source).then(|| Self(text.to_owned()))
    }
}

impl Source {
    /// Whether there is to be no camera. A file of this name is `./none`.
    pub fn is_none(&self) -> bool {
        self.0 == "none"
    }
}

/// A share of one: above 0, up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f32);

impl Value for Share {
    const ALLOWED: &'static str = "a number above 0, up to 1";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| *v > 0.0 && *v <= 1.0).map(Self)
    }
}

impl Value for Strictness {
    const ALLOWED: &'static str = Self::ALLOWED;

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Value for Tiles {
    const ALLOWED: &'static str = Self::ALLOWED;

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Value for AttributeChoice {
    const ALLOWED: &'static str = Self::ALLOWED;

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Value for LivenessMode {
    const ALLOWED: &'static str = Self::ALLOWED;

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A number of shots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shots(pub u32);

impl Value for Shots {
    const ALLOWED: &'static str = "a whole number, 1 to 10";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| (1..=10).contains(v)).map(Self)
    }
}

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cooldown(pub Duration);

impl Value for Cooldown {
    const ALLOWED: &'static str = "seconds, 0 to 86400";

    fn parse(text: &str) -> Option<Self> {
        let seconds = text.trim().parse().ok().filter(|v| (0.0..=86_400.0).contains(v))?;
        Some(Self(Duration::from_secs_f64(seconds)))
    }
}

/// JPEG quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegQuality(pub u8);

impl Value for JpegQuality {
    const ALLOWED: &'static str = "a whole number, 1 to 100";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| (1..=100).contains(v)).map(Self)
    }
}

/// How long something is kept; 0 for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(pub u32);

impl Days {
    /// `None` for ever.
    pub fn duration(self) -> Option<Duration> {
        (self.0 > 0).then(|| Duration::from_hours(24 * u64::from(self.0)))
    }
}

impl Value for Days {
    const ALLOWED: &'static str = "days, 0 to 36500 (0: for ever)";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| *v <= 36_500).map(Self)
    }
}

/// A number of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours(pub u32);

impl Hours {
    /// So many hours.
    pub fn duration(self) -> Duration {
        Duration::from_hours(u64::from(self.0))
    }
}

impl Value for Hours {
    const ALLOWED: &'static str = "whole hours, 1 to 720";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| (1..=720).contains(v)).map(Self)
    }
}

/// A time zone of the IANA database, or that of this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeZone(pub jiff::tz::TimeZone);

impl Value for TimeZone {
    const ALLOWED: &'static str = "the name of a time zone, such as Europe/Berlin or UTC; empty: that of this machine";

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" => Some(Self(jiff::tz::TimeZone::system())),
            name => jiff::tz::TimeZone::get(name).ok().map(Self),
        }
    }
}

/// Days on which other hours count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holidays(pub Vec<Holiday>);

impl Value for Holidays {
    const ALLOWED: &'static str = "days such as 2026-12-25, or 12-25 for every year, with commas between them";

    fn parse(text: &str) -> Option<Self> {
        let days = text.split(',').map(str::trim).filter(|day| !day.is_empty());
        days.map(Holiday::parse).collect::<Option<_>>().map(Self)
    }
}

/// Millions of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Megabytes(pub u32);

impl Megabytes {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) * 1_000_000
    }
}

impl Value for Megabytes {
    const ALLOWED: &'static str = "megabytes, 1 to 100000";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| (1..=100_000).contains(v)).map(Self)
    }
}

/// Millions of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Megapixels(pub u32);

impl Value for Megapixels {
    const ALLOWED: &'static str = "millions of pixels, 1 to 1000";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| (1..=1000).contains(v)).map(Self)
    }
}

/// A number of workers; 0 lets the program choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers(pub usize);

impl Value for Workers {
    const ALLOWED: &'static str = "a whole number, 0 to 256";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|v| *v <= 256).map(Self)
    }
}

/// Whether callers must show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A key is asked for as soon as there is one, and must be there on any address but loopback.
    On,
    /// Anybody may come in.
    Off,
}

impl Value for Auth {
    const ALLOWED: &'static str = "on or off";

    fn parse(text: &str) -> Option<Self> {
        <bool as Value>::parse(text).map(|on| if on { Self::On } else { Self::Off })
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for log collectors.
    Json,
}

impl Value for LogFormat {
    const ALLOWED: &'static str = "text or json";

    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl Value for LogFilter {
    const ALLOWED: &'static str = "error, warn, info, debug, trace, off, or a filter such as info,camera=debug";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let known = |level: &str| {
            matches!(level.to_ascii_lowercase().as_str(), "error" | "warn" | "info" | "debug" | "trace" | "off")
        };
        // EnvFilter takes a misspelt level for the name of a module, and would log nothing.
        let levels = text.split(',').map(|part| part.rsplit('=').next().unwrap_or(part));
        let valid = !text.is_empty() && levels.into_iter().all(known) && EnvFilter::try_new(text).is_ok();
        valid.then(|| Self(text.to_owned()))
    }
}
