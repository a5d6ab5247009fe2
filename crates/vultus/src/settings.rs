//! Every setting, once: its name, type, default and explanation. Flags, environment names, keys of `vultus.toml`, the
//! output of `vultus config` and `--help` all come from this list.

use std::net::SocketAddr;
use std::path::PathBuf;

use camera::{Acceptance, LivenessMode, LivenessRule};
use events::{Calendar, HistorySettings, MqttSettings};
use face::{AttributeChoice, Tiles};
use gallery::Strictness;

pub use definition::{
    Definition, FileTables, Flags, Given, Origin, Resolved, Section, TableKind, example_file, file_with, load, nearest,
};
pub use value::{
    AllowedOrigins, ApiKey, Auth, Cooldown, Days, Holidays, Hours, HttpUrl, JpegQuality, LogFilter, LogFormat,
    Megabytes, Megapixels, MqttAlso, MqttUrl, OptionalTopicPrefix, Share, SharedSecret, Shots, Source, TimeZone,
    TopicPrefix, Value, Workers, WsUrl,
};

mod definition;
mod value;

/// Makes the struct, the table of definitions and the way from one to the other out of one list.
macro_rules! settings {
    ($($section:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:literal),+ $(,)? })+) => {
        /// The effective settings.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
        }

        /// All settings, in the order in which they are shown.
        pub const DEFINITIONS: &[Definition] = &[
            $($(Definition {
                key: stringify!($field),
                section: Section::$section,
                default: $default,
                doc: &[$($doc),+],
                allowed: <$type as value::Value>::ALLOWED,
                is_switch: <$type as value::Value>::IS_SWITCH,
                empty_is_a_value: <$type as value::Value>::EMPTY_IS_A_VALUE,
                check: |text| <$type as value::Value>::parse(text).is_some(),
            },)+)+
        ];

        impl Settings {
            /// The typed form of what was resolved.
            pub fn of(resolved: &Resolved) -> anyhow::Result<Self> {
                Ok(Self { $($($field: resolved.value(stringify!($field))?,)+)+ })
            }
        }
    };
}

settings! {
    Camera {
        /// What to watch: a camera's number, an address (rtsp://, http://), a file, `testsrc`, or `none`. Left out where other
        /// cameras are defined: none.
        video_source: Source = "0",
        /// The camera's name in events.
        camera_name: String = "camera",
        /// Start a file again when it ends.
        loop_file: bool = "false",
        /// Detection runs on the frame scaled by this; the boxes stay in pixels of the full frame.
        scale: Share = "0.5",
        /// The ffmpeg program.
        ffmpeg: PathBuf = "ffmpeg",
        /// Arguments for ffmpeg before its input, for instance `-hwaccel auto`.
        ffmpeg_args: String = "",
        /// Show a local window with boxes and names. Without a display this is one line in the log.
        show_window: bool = "True",
    }
    Recognition {
        /// Accept when the distance is below this (0.45 lets one pair in 25,000 strangers pass as the same person); or
        /// `fpir:0.001`: whatever distance it takes that of strangers one in 1,000 is taken for somebody enrolled, a shot.
        th_accept: Strictness = "0.45",
        /// Shots of a face that must agree on a person before a PASS; a strong one counts for all.
        pass_shots: Shots = "2",
        /// Follow faces from frame to frame and decide by all their shots. Off: each frame is judged by itself.
        tracking: bool = "true",
        /// Make an int8 form of the embedder when models are pulled, and use it if it proves as good and faster on this processor.
        int8: bool = "false",
        /// Pass over frames in which nothing moves.
        motion_gate: bool = "true",
        /// Divide frames for small faces: `off`, columns x rows such as `4x3`, or `4x3 turn` for one tile a frame.
        tiles: Tiles = "off",
        /// Faces that do not look alive: `off` nobody looks, `observe` tells, `enforce` refuses.
        liveness: LivenessMode = "off",
        /// Ask people to turn their heads: where LIVENESS is `enforce`, nobody passes before doing so. A single photo is not asked.
        liveness_turn: bool = "false",
        /// Estimate what faces look like: `off`, `on`, or some of `age,gender,smile`. Errors are large: docs/reference/attributes.md.
        attributes: AttributeChoice = "off",
        /// Seconds between two PASS events of one person on one camera.
        cooldown: Cooldown = "5",
        /// Keep the faces of enrolled photos, so that people need not be enrolled again for another model pack.
        keep_photos: bool = "true",
        /// The model pack (see `vultus models list`).
        model_pack: String = "default",
        /// A `models.toml` with packs of your own; by default `models.toml` in VULTUS_HOME, where there is one.
        models_file: PathBuf = "",
        /// Where models and the inference library are kept; by default the user's cache folder.
        models_dir: PathBuf = "",
    }
    Events {
        /// Where a PASS is sent (POST). Empty: nowhere.
        webhook_url: HttpUrl = "http://localhost:3000/face-event",
        /// When set, requests of WEBHOOK_URL and of cameras' own webhooks are signed with it: `X-Vultus-Signature`.
        webhook_secret: SharedSecret = "",
        /// Send every processed frame to the WebSocket.
        ws_enable: bool = "true",
        /// Where `vultus detect` publishes.
        ws_url: WsUrl = "ws://localhost:3001/ws/face-stream",
        /// Quality of the frames that are sent.
        ws_jpeg_quality: JpegQuality = "70",
        /// Draw boxes and names into the frames that are sent.
        ws_annotate: bool = "true",
        /// Hours after which somebody who entered a door group, and was not seen to leave, counts as outside again.
        passback_hours: Hours = "24",
        /// Seconds within which two punches of one person in one direction count once for the attendance.
        duplicate_punch: Cooldown = "60",
        /// Group unknown people by their faces, which are kept for that with events.
        visitors: bool = "true",
        /// Days for which events are kept. 0: for ever.
        events_days: Days = "365",
        /// Where the pictures of events are kept; by default `media` in VULTUS_HOME.
        media_dir: PathBuf = "",
        /// Days for which the pictures of events are kept. 0: for ever.
        media_days: Days = "30",
        /// Most that all pictures of events together may take, in MB; the oldest are removed.
        media_max_mb: Megabytes = "2000",
        /// The MQTT broker that is told of everything. Empty: none.
        mqtt_url: MqttUrl = "",
        /// What all MQTT topics begin with.
        mqtt_prefix: TopicPrefix = "vultus",
        /// What Home Assistant's discovery topics begin with. Empty: Home Assistant is told of nothing.
        mqtt_discovery: OptionalTopicPrefix = "homeassistant",
        /// Other programs whose MQTT messages are sent as well: `double-take`, `frigate`.
        mqtt_also: MqttAlso = "",
    }
    Service {
        /// Address of the HTTP API and the live page.
        http_addr: SocketAddr = "127.0.0.1:5000",
        /// Address of the WebSocket hub.
        ws_addr: SocketAddr = "127.0.0.1:3001",
        /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/NAME`; by default `vultus.db` in VULTUS_HOME.
        database_url: String = "",
        /// The time zone in which days begin and people may pass, such as `Europe/Berlin`; by default that of this machine.
        time_zone: TimeZone = "",
        /// Days on which other hours count: `2026-12-25`, or `12-25` for every year; several with commas.
        holidays: Holidays = "",
        /// Where the database and other files of this installation are kept; by default the user's data folder.
        vultus_home: PathBuf = "",
        /// What this machine is called among those that share a database; by default its host name.
        node_name: String = "",
        /// What is logged: error, warn, info, debug, trace, or a filter such as `info,camera=debug`.
        log: LogFilter = "info",
        /// `text` for people, or `json`: an object a line, for log collectors.
        log_format: LogFormat = "text",
        /// When set, HTTP and WebSocket ask for it: `X-API-Key`, `Authorization: Bearer`, or `?key=`.
        api_key: ApiKey = "",
        /// `off` lets anybody in on any address, also without API_KEY.
        auth: Auth = "on",
        /// Web pages that may use HTTP and WebSocket beside those of this machine, such as `https://dash.example`.
        allowed_origins: AllowedOrigins = "",
        /// Largest photo that may be uploaded, in MB.
        max_image_mb: Megabytes = "25",
        /// Largest photo that is decoded, in millions of pixels.
        max_image_mp: Megapixels = "64",
        /// Largest ZIP that may be uploaded, in MB.
        max_zip_mb: Megabytes = "1024",
        /// Photos that are looked at at the same time. 0: as many as there are cores.
        workers: Workers = "0",
    }
}

impl Settings {
    /// Where this installation keeps its files.
    pub fn home(&self) -> PathBuf {
        if self.vultus_home.as_os_str().is_empty() {
            default_folder(dirs::data_dir(), "data")
        } else {
            self.vultus_home.clone()
        }
    }

    /// The database's address.
    pub fn database(&self) -> String {
        if self.database_url.is_empty() {
            format!("sqlite:{}", self.home().join("vultus.db").display())
        } else {
            self.database_url.clone()
        }
    }

    /// Where days begin, and which are holidays.
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.time_zone.0.clone(), self.holidays.0.clone())
    }

    /// How events are kept.
    pub fn history(&self) -> HistorySettings {
        let media =
            if self.media_dir.as_os_str().is_empty() { self.home().join("media") } else { self.media_dir.clone() };
        HistorySettings {
            node: self.node(),
            media,
            keep_events: self.events_days.duration(),
            keep_media: self.media_days.duration(),
            media_bytes: self.media_max_mb.bytes(),
        }
    }

    /// What this machine is called.
    pub fn node(&self) -> String {
        if self.node_name.is_empty() { host_name() } else { self.node_name.clone() }
    }

    /// Where models are kept.
    pub fn models_folder(&self) -> PathBuf {
        if self.models_dir.as_os_str().is_empty() {
            default_folder(dirs::cache_dir(), "cache")
        } else {
            self.models_dir.clone()
        }
    }

    /// The user's own catalogue of packs, where there is one.
    pub fn own_catalog(&self) -> Option<PathBuf> {
        if self.models_file.as_os_str().is_empty() {
            Some(self.home().join("models.toml")).filter(|file| file.exists())
        } else {
            Some(self.models_file.clone())
        }
    }

    /// How the broker is told by a process of this kind, whose web page is at `page`; `None` where there is no broker.
    pub fn mqtt(&self, process: &'static str, page: Option<String>) -> Option<MqttSettings> {
        Some(MqttSettings {
            url: self.mqtt_url.0.clone()?,
            prefix: self.mqtt_prefix.0.clone(),
            discovery: self.mqtt_discovery.0.clone(),
            dialects: self.mqtt_also.0,
            node: self.node(),
            process,
            version: env!("CARGO_PKG_VERSION"),
            page,
            strictness: self.th_accept,
        })
    }

    /// What makes the rule by which faces are accepted; a camera may have a strictness of its own.
    pub fn acceptance(&self, own: Option<Strictness>) -> Acceptance {
        Acceptance { strictness: own.unwrap_or(self.th_accept), shots: self.pass_shots.0 }
    }

    /// What is asked of faces that are followed, so that no picture of one passes.
    pub fn liveness_rule(&self) -> LivenessRule {
        LivenessRule { mode: self.liveness, turn: self.liveness_turn }
    }

    /// Engines for photos, and as many for cameras.
    pub fn engines(&self) -> usize {
        match self.workers.0 {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// The key that callers must show, when one is asked for, and which web pages may call at all.
    pub fn admission(&self) -> Admission {
        let (is_on, has_key) = (self.auth == Auth::On, !self.api_key.0.is_empty());
        Admission {
            key: (is_on && has_key).then(|| self.api_key.clone()),
            origins: self.allowed_origins.clone(),
            is_for_this_machine: is_on && !has_key,
        }
    }
}

/// Who may come in.
#[derive(Clone, Debug)]
pub struct Admission {
    key: Option<ApiKey>,
    /// Web pages that may call beside those of this machine.
    pub origins: AllowedOrigins,
    /// Nothing but the loopback address guards the service, so that a name which leads here must be one of loopback.
    pub is_for_this_machine: bool,
}

impl Admission {
    /// The key that callers must show, when one is asked for.
    pub fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.0.as_str())
    }
}

/// `vultus` in the system's folder for such things. A service account without a home gets one in the working folder.
fn default_folder(base: Option<PathBuf>, fallback: &str) -> PathBuf {
    base.map_or_else(|| PathBuf::from("vultus").join(fallback), |base| base.join("vultus"))
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "vultus".to_owned())
}

#[cfg(test)]
mod tests;
