use camera::{Direction, Reason};
use serde::{Deserialize, Serialize};
use store::Micros;
use utoipa::ToSchema;

/// What has happened that other systems are told of at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Somebody is accepted, and the cooldown has run out.
    Pass,
    /// Somebody is known, and may not pass here or now.
    Denied,
    /// Somebody is seen clearly, and unknown.
    Unknown,
    /// Somebody of the watch list is seen, accepted or not. Of a picture of that person `Spoof` tells.
    Watched,
    /// A face that would be accepted does not look alive: somebody shows a picture of that person.
    Spoof,
}

impl NoticeKind {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Denied, Self::Unknown, Self::Watched, Self::Spoof];

    /// The word for it in settings and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Watched => "watched",
            Self::Spoof => "spoof",
        }
    }
}

/// Something that has happened, with all that a receiver may want to know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What has happened.
    pub kind: NoticeKind,
    /// Who it is, of a spoof whose picture it seems to be; `None` for somebody unknown.
    pub name: Option<String>,
    /// The number by which other systems know the person.
    pub code: Option<String>,
    /// The person's groups.
    pub groups: Vec<String>,
    /// Which unknown person it is.
    pub visitor: Option<String>,
    /// Distance to the nearest person on the contract's scale; sent with four decimals.
    pub distance: Option<f32>,
    /// The same in the model's own terms.
    pub raw_distance: Option<f32>,
    /// Why it is no PASS.
    pub reason: Option<Reason>,
    /// When it was seen; sent as whole Unix seconds, however late the delivery.
    pub timestamp: Micros,
    /// The camera's id.
    pub camera: String,
    /// Which way people go there.
    pub direction: Option<Direction>,
    /// The id of the passage's event; `None` for a PASS, which is told of before there is one.
    pub event: Option<String>,
    /// The camera's number for the face that is followed.
    pub track: Option<u64>,
}

impl Notice {
    /// Something of which nothing more is known.
    pub fn new(kind: NoticeKind, camera: impl Into<String>, timestamp: Micros) -> Self {
        Self {
            kind,
            name: None,
            code: None,
            groups: Vec::new(),
            visitor: None,
            distance: None,
            raw_distance: None,
            reason: None,
            timestamp,
            camera: camera.into(),
            direction: None,
            event: None,
            track: None,
        }
    }

    /// `PASS` or `REJECT`.
    pub fn status(&self) -> &'static str {
        if matches!(self.kind, NoticeKind::Denied | NoticeKind::Unknown | NoticeKind::Spoof) || self.reason.is_some() {
            "REJECT"
        } else {
            "PASS"
        }
    }
}
