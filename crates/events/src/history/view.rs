use std::sync::Arc;

use camera::{Direction, Reason};
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer};
use store::{Event, EventCorrection, PersonId};
use utoipa::ToSchema;

use super::seconds::UnixSeconds;
use crate::{Notice, NoticeKind, Status};

/// A passage as others are told of it: in lists, in streams, over the WebSocket.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// A UUIDv7: ids sort by the time of start.
    #[schema(example = "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0")]
    id: String,
    /// Who it was; null for somebody unknown.
    #[schema(example = "katya")]
    person: Option<String>,
    /// Who it was, for good.
    #[serde(skip)]
    person_id: Option<i64>,
    /// Whose picture it seems to be, where it is none of a living face.
    #[serde(skip)]
    likeness: Option<String>,
    /// `PASS` or `REJECT`.
    #[schema(value_type = Status)]
    status: String,
    /// Why it is no PASS.
    #[schema(value_type = Option<Reason>)]
    reason: Option<String>,
    /// Which camera.
    camera: String,
    /// Which way people go there.
    #[schema(value_type = Option<Direction>)]
    direction: Option<String>,
    /// Distance to the nearest person, on the contract's scale.
    #[schema(example = 0.3121)]
    distance: Option<f64>,
    /// The same in the model's own terms.
    raw_distance: Option<f64>,
    /// Quality of the best shot: the norm of the raw embedding.
    quality: Option<f64>,
    /// The camera's number for the face that was followed, as in the frames of the WebSocket.
    track: Option<i64>,
    /// When the person was first seen, in Unix seconds.
    #[schema(value_type = f64, example = 1_736_400_000.125)]
    start: UnixSeconds,
    /// When the person was last seen; null while the passage lasts.
    #[schema(value_type = Option<f64>)]
    end: Option<UnixSeconds>,
    /// When the person was last seen, as far as is known.
    #[schema(value_type = f64)]
    last_seen: UnixSeconds,
    /// Which node saw it.
    node: String,
    /// Which unknown person it was.
    visitor: Option<String>,
    /// Since when `person` is who somebody said it was; null where nobody did.
    correction: Option<CorrectionView>,
    /// Where the picture of the face is; null when there is none (yet).
    #[schema(example = "/api/v1/events/01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0/face.jpg")]
    face: Option<String>,
    /// Where the picture of the whole frame is.
    frame: Option<String>,
}

impl EventView {
    /// `event` as others are told of it.
    pub fn of(event: &Event) -> Self {
        let picture = |there: bool, name: &str| there.then(|| format!("/api/v1/events/{}/{name}", event.id));
        Self {
            id: event.id.clone(),
            person: event.person.clone(),
            person_id: event.person_id,
            likeness: likeness(event),
            status: event.status.clone(),
            reason: event.reason.clone(),
            camera: event.camera.clone(),
            direction: event.direction.clone(),
            distance: event.distance,
            raw_distance: event.raw_distance,
            quality: event.quality,
            track: event.track,
            start: event.started_at.into(),
            end: event.ended.then(|| event.last_seen_at.into()),
            last_seen: event.last_seen_at.into(),
            node: event.node.clone(),
            visitor: event.visitor.clone(),
            correction: event.correction.as_ref().map(CorrectionView::of),
            face: picture(event.has_face, "face.jpg"),
            frame: picture(event.has_frame, "frame.jpg"),
        }
    }

    /// As something that others are told of at once; the kind is another's to say.
    pub(crate) fn notice(&self) -> Notice {
        Notice {
            name: self.person.clone(),
            visitor: self.visitor.clone(),
            distance: self.distance.map(|distance| distance as f32),
            raw_distance: self.raw_distance.map(|distance| distance as f32),
            reason: self.reason.as_deref().and_then(word),
            direction: self.direction.as_deref().and_then(word),
            event: Some(self.id.clone()),
            track: self.track.and_then(|track| u64::try_from(track).ok()),
            ..Notice::new(NoticeKind::Pass, self.camera.as_str(), self.last_seen.time())
        }
    }

    /// Who it was, for good; `None` for somebody unknown.
    pub fn person_id(&self) -> Option<PersonId> {
        self.person_id.map(PersonId)
    }

    /// Who would have been accepted had the face looked alive: of a spoof, whose picture was shown.
    pub(crate) fn likeness(&self) -> Option<&str> {
        self.likeness.as_deref()
    }

    /// The camera's id.
    pub fn camera(&self) -> &str {
        &self.camera
    }
}

/// Of a spoof, or of a face that was not seen to be alive or to turn, who is near enough to be accepted, by what its decision rests on.
fn likeness(event: &Event) -> Option<String> {
    if !matches!(event.reason.as_deref(), Some("spoof" | "not_seen_alive" | "head_not_turned")) {
        return None;
    }
    let decision: serde_json::Value = serde_json::from_str(&event.decision).ok()?;
    let nearest = &decision["fused"];
    let is_near = nearest["distance"].as_f64()? < decision["threshold"].as_f64()?;
    is_near.then(|| nearest["name"].as_str().map(str::to_owned)).flatten()
}

/// What somebody said of an event, or what the registration of a visitor did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CorrectionView {
    /// When, in Unix seconds.
    #[schema(value_type = f64)]
    at: UnixSeconds,
    /// Who had been recognised; null for nobody.
    was: Option<String>,
}

impl CorrectionView {
    fn of(correction: &EventCorrection) -> Self {
        Self { at: correction.at.into(), was: correction.was_person.clone() }
    }
}

/// What a word of ours stands for.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(text).ok()
}

/// What has become of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is told of for the first time.
    Start,
    /// More is known of it.
    Update,
    /// It is over.
    End,
}

impl Phase {
    /// `start`, `update` or `end`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Update => "update",
            Self::End => "end",
        }
    }
}

/// The newest state of a passage that this process sees.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PassageNews {
    /// What has become of it.
    pub phase: Phase,
    /// Its newest state.
    #[serde(flatten)]
    #[schema(value_type = EventView)]
    pub event: Arc<EventView>,
}
