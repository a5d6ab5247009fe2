//! The one message that a hub says to its publishers.
use serde::Deserialize;

use crate::Msg;

/// Longer messages are frames (an older hub sends a publisher its own back) and not worth parsing.
const LONGEST: usize = 256;

/// How many viewers a hub has; on the wire `{"type":"viewers","count":N}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ViewerCount(pub(crate) usize);

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    count: usize,
}

impl ViewerCount {
    pub(crate) fn to_message(self) -> Msg {
        format!(r#"{{"type":"viewers","count":{}}}"#, self.0).into()
    }

    /// The count in `message`; `None` if it is any other message.
    pub(crate) fn from_message(message: &str) -> Option<ViewerCount> {
        if message.len() > LONGEST {
            return None;
        }
        let wire: Wire = serde_json::from_str(message).ok()?;
        (wire.kind == "viewers").then_some(ViewerCount(wire.count))
    }
}

#[cfg(test)]
mod tests {
    use super::ViewerCount;

    #[test]
    fn a_count_is_read_as_it_was_written() {
        assert_eq!(ViewerCount(0).to_message().as_str(), r#"{"type":"viewers","count":0}"#);
        assert_eq!(ViewerCount::from_message(&ViewerCount(12).to_message()), Some(ViewerCount(12)));
    }

    #[test]
    fn other_messages_are_no_count() {
        for message in ["", "hello", "[]", r#"{"type":"face_event","count":1}"#, r#"{"type":"viewers","count":-1}"#] {
            assert_eq!(ViewerCount::from_message(message), None, "{message}");
        }
    }
}
