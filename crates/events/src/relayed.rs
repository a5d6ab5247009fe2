//! What others say to a hub, looked into no further than needed: what it is about, and where its picture is.
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer texts are no passages, whatever they say of themselves: a passage is kept until it ends.
const LONGEST_PASSAGE: usize = 64 << 10;
/// Longer ids name no camera and no passage.
const LONGEST_ID: usize = 256;

/// What a text is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said<'a> {
    /// A processed frame; detectors of the original name no camera.
    Frame {
        /// The camera's id, empty when none is named.
        camera: Cow<'a, str>,
        /// It tells how things stand, and no news.
        late: bool,
    },
    /// A passage that begins, changes or ends.
    Passage {
        /// The camera's id, empty when none is named.
        camera: Cow<'a, str>,
        /// The passage's id, as it is written in JSON.
        id: &'a str,
        /// Whether it ends with this.
        is_over: bool,
    },
    /// Anything else, valid JSON or not.
    Other,
}

/// Fields are taken as they are: one of an unexpected kind must not hide the others.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    camera: Option<&'a RawValue>,
    #[serde(borrow)]
    late: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    frame: Option<&'a RawValue>,
}

/// What `text` is about.
pub(crate) fn look(text: &str) -> Said<'_> {
    let Some(fields) = fields(text) else { return Said::Other };
    let camera = string(fields.camera).filter(|id| id.len() <= LONGEST_ID).unwrap_or_default();
    match (string(fields.kind).as_deref(), string(fields.phase).as_deref(), fields.id) {
        (Some("face_event"), ..) => Said::Frame { camera, late: fields.late.is_some_and(|late| late.get() == "true") },
        (Some("event"), Some(phase @ ("start" | "update" | "end")), Some(id))
            if text.len() <= LONGEST_PASSAGE && id.get().len() <= LONGEST_ID =>
        {
            Said::Passage { camera, id: id.get(), is_over: phase == "end" }
        }
        _ => Said::Other,
    }
}

/// `text` with null in place of its picture; every other byte stays. As it is when it has none.
pub(crate) fn without_picture(text: &str) -> Cow<'_, str> {
    let Some(frame) = fields(text).and_then(|fields| fields.frame) else { return Cow::Borrowed(text) };
    // Both are parts of the same text.
    let start = frame.get().as_ptr() as usize - text.as_ptr() as usize;
    let (before, after) = (&text[..start], &text[start + frame.get().len()..]);
    Cow::Owned([before, "null", after].concat())
}

/// The picture in `text`; `None` when there is none, or what is there is no base64.
pub(crate) fn picture(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(&*string(fields(text)?.frame)?).ok()
}

fn fields(text: &str) -> Option<Fields<'_>> {
    // An array would be taken for the fields in their order.
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

fn string(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = value?.get();
    // Only what has escapes in it cannot be borrowed.
    let borrowed = serde_json::from_str::<&str>(json).map(Cow::Borrowed);
    borrowed.or_else(|_| serde_json::from_str::<String>(json).map(Cow::Owned)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Said, look, picture, without_picture};

    #[test]
    fn a_frame_is_known_by_its_type_whatever_its_other_fields_are() {
        let frame = |camera: &'static str| Said::Frame { camera: camera.into(), late: false };
        assert_eq!(look(r#"{"type":"face_event","camera":"door","frame":"aGk="}"#), frame("door"));
        assert_eq!(look(r#" {"name":{"a":[1]},"camera":"d\u006f\"or","type":"face_event"}"#), frame("do\"or"));
        assert_eq!(look(r#"{"type":"face_event","camera":7,"id":{},"frame":5}"#), frame(""));
        assert_eq!(look(r#"{"type":"face_event","late":true}"#), Said::Frame { camera: "".into(), late: true });
    }

    #[test]
    fn a_passage_has_a_phase_and_an_id() {
        let passage = |is_over| Said::Passage { camera: "door".into(), id: "7", is_over };
        assert_eq!(look(r#"{"type":"event","phase":"start","id":7,"camera":"door"}"#), passage(false));
        assert_eq!(look(r#"{"type":"event","phase":"end","id":7,"camera":"door"}"#), passage(true));
        for text in
            [r#"{"type":"event"}"#, r#"{"type":"event","phase":"begin","id":7}"#, r#"{"type":"event","phase":"end"}"#]
        {
            assert_eq!(look(text), Said::Other, "{text}");
        }
        let long = format!(r#"{{"type":"event","phase":"start","id":7,"x":"{}"}}"#, "x".repeat(70_000));
        assert_eq!(look(&long), Said::Other);
    }

    #[test]
    fn anything_else_is_something_else() {
        let twice = r#"{"type":"face_event","type":"face_event"}"#;
        let array = r#"["face_event",null,null,null,null,null]"#;
        let deep = format!("{{\"type\":\"face_event\",\"x\":{}", "[".repeat(100_000));
        for text in
            ["", "not JSON", "null", "{", r#"{"type":"face_event""#, r#"{"type":["face_event"]}"#, twice, array, &deep]
        {
            assert_eq!(look(text), Said::Other, "{text}");
        }
    }

    #[test]
    fn a_picture_is_taken_out_and_the_rest_stays_word_for_word() {
        let text = r#"{ "distance": 0.4100, "frame": "aGVsbG8=", "type": "face_event", "name": "катя" }"#;
        let bare = r#"{ "distance": 0.4100, "frame": null, "type": "face_event", "name": "катя" }"#;
        assert_eq!(without_picture(text), bare);
        assert_eq!(without_picture(bare), bare);
        assert_eq!(picture(text).as_deref(), Some(&b"hello"[..]));
        // As PHP writes a slash.
        assert_eq!(picture(r#"{"frame":"\/\/\/\/"}"#).as_deref(), Some(&[0xFF; 3][..]));
        for none in [bare, r#"{"frame":"!"}"#, r#"{"frame":5}"#, "{}", ""] {
            assert_eq!(picture(none), None, "{none}");
        }
    }
}
