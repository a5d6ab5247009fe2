use std::sync::Arc;
use std::time::UNIX_EPOCH;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use camera::{Reason, SeenFace, Sighting, TrackId};
use gallery::{Distance, RawDistance};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::AttributesView;
use crate::policy::Status;

/// One processed frame as the WebSocket tells of it: the contract's fields describe the main face (an accepted one
/// before a refused one, then the largest); the others are added beside them.
#[derive(Debug, Serialize)]
pub(crate) struct FaceEvent<'a> {
    r#type: &'static str,
    name: Option<Arc<str>>,
    distance: Option<Distance>,
    status: Status,
    r#box: Option<[i32; 4]>,
    timestamp: u64,
    frame: Picture<'a>,
    faces: Vec<FaceView>,
    camera: &'a str,
    width: u32,
    height: u32,
    frame_id: u64,
    annotated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// The picture of a frame as it stands in its message.
#[derive(Debug)]
pub(crate) enum Picture<'a> {
    /// In it, as base64.
    Jpeg(&'a [u8]),
    /// Beside it or nowhere: null.
    Elsewhere,
}

impl Serialize for Picture<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Jpeg(jpeg) => serializer.collect_str(&Base64Display::new(jpeg, &STANDARD)),
            Self::Elsewhere => serializer.serialize_none(),
        }
    }
}

/// One face of a frame or photo.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FaceView {
    /// The nearest enrolled person; null when nobody is enrolled.
    #[schema(value_type = Option<String>, example = "katya")]
    pub name: Option<Arc<str>>,
    /// That person's distance on the contract's scale.
    #[schema(value_type = Option<f64>, example = 0.4123)]
    pub distance: Option<Distance>,
    /// The same in the model's own terms.
    #[schema(value_type = Option<f64>)]
    pub raw_distance: Option<RawDistance>,
    /// Accepted or not.
    pub status: Status,
    /// Why it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// `[x1, y1, x2, y2]` in whole pixels.
    pub r#box: [i32; 4],
    /// The detector's confidence, 0–1.
    pub score: f64,
    /// Quality of the shot (of a track: of its best one): the norm of the raw embedding.
    pub quality: f64,
    /// How much it looks alive, 0–1; absent where LIVENESS is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<f64>,
    /// How far the head was seen turning within a few seconds, in whole degrees; absent where LIVENESS or TRACKING is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// What it looks like (of a track: by a few clear shots); absent where ATTRIBUTES is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesView>,
    /// The same number for the same face from frame to frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackId>,
    /// Left eye, right eye, nose, left and right mouth corner, as seen; `[x, y]` in pixels.
    pub landmarks: [[f64; 2]; 5],
}

impl FaceView {
    /// A face as others are told of it.
    pub fn of(seen: &SeenFace) -> Self {
        let nearest = seen.nearest.as_ref();
        Self {
            name: nearest.map(|m| m.name.clone()),
            distance: nearest.map(|m| m.distance),
            raw_distance: nearest.map(|m| m.raw),
            status: seen.verdict.into(),
            reason: seen.verdict.reason(),
            r#box: seen.detection.area.to_pixels(),
            score: rounded(seen.detection.score),
            quality: rounded(seen.quality),
            liveness: seen.liveness.map(rounded),
            turn: seen.turn,
            attributes: seen.attributes.as_ref().map(AttributesView::of),
            track: seen.evidence.as_ref().map(|evidence| evidence.track),
            landmarks: seen.landmarks.map(|p| [rounded(p.x), rounded(p.y)]),
        }
    }
}

/// Three decimals: more would only be noise on the wire.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}

impl<'a> FaceEvent<'a> {
    /// The event of a sighting; `late` when it is no news.
    pub fn of(sighting: &'a Sighting, frame: Picture<'a>, annotated: bool, late: bool) -> Self {
        let faces: Vec<FaceView> = sighting.faces.iter().map(FaceView::of).collect();
        // Faces come largest first, so the first accepted one is the largest of those accepted.
        let main = faces.iter().find(|face| face.status == Status::Pass).or(faces.first());
        let (width, height) = sighting.frame.size();
        Self {
            r#type: "face_event",
            name: main.and_then(|face| face.name.clone()),
            distance: main.and_then(|face| face.distance),
            status: main.map_or(Status::NoFace, |face| face.status),
            r#box: main.map(|face| face.r#box),
            timestamp: sighting.frame.captured_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            frame,
            camera: &sighting.camera,
            width,
            height,
            frame_id: sighting.frame.id,
            annotated,
            late,
            faces,
        }
    }

    /// The message as it goes over the WebSocket.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
