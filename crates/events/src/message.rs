use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use camera::{Pool, Pooled};
use serde::Serialize;

use crate::Msg;
use crate::choice::Form;
use crate::event::{FaceEvent, Picture};
use crate::live::LiveFrame;
use crate::relayed::{self, Said};

/// Something that the viewers of a hub are told; clones are the same message. Each form in which it goes over the wire is
/// made when it is first asked for, and once however many ask.
#[derive(Clone)]
pub struct Message(Pooled<Inner>);

/// Makes messages of what one camera sees, in memory that it uses again and again.
#[derive(Default)]
pub struct MessagePool(Pool<Inner>);

struct Inner {
    about: About,
    source: Source,
    /// In the order of [`Form`]; `None` for a form that could not be made.
    forms: [OnceLock<Option<Wire>>; Form::ALL.len()],
}

enum Source {
    /// A frame of a camera of this process.
    Seen { frame: Pooled<LiveFrame>, annotated: bool },
    /// What another process said, or what is text by nature.
    Text(Msg),
}

/// What a message is about: enough to know who wants it.
#[derive(Debug)]
pub(crate) struct About {
    /// The camera's id; empty when it is about none, or one without a name.
    pub camera: Arc<str>,
    pub subject: Subject,
}

#[derive(Debug)]
pub(crate) enum Subject {
    /// A processed frame. A `late` one tells a hub that knows nothing of its camera how things stand, and no news.
    Frame { late: bool },
    /// A passage with this id begins or changes, or is over.
    Passage { id: String, is_over: bool },
    /// Anything.
    Other,
}

/// A message as it goes over the wire; clones share the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wire {
    /// A text message.
    Text(Msg),
    /// A binary message.
    Binary(Bytes),
}

impl Wire {
    /// How many bytes there are.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// A passage as viewers are told of it.
#[derive(Serialize)]
struct PassageEvent<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    passage: &'a T,
}

impl MessagePool {
    /// A frame of a camera of this process; `annotated` for one with boxes and names drawn into it.
    pub fn seen(&self, frame: Pooled<LiveFrame>, annotated: bool) -> Message {
        Message(self.0.put(Inner::of_frame(frame, annotated, false)))
    }
}

impl Message {
    /// Where a passage stands: `{"type":"event"}` with the fields of `news` beside it, among which are its `phase`, its `id` and
    /// its `camera`.
    ///
    /// # Errors
    /// When `news` cannot be written as a JSON object.
    pub fn passage(news: &impl Serialize) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(&PassageEvent { r#type: "event", passage: news })?;
        Ok(Self::relayed(text))
    }

    /// What somebody else said; it may be anything.
    pub fn relayed(text: impl Into<Msg>) -> Self {
        let text = text.into();
        let about = match relayed::look(&text) {
            Said::Frame { camera, late } => About { camera: camera.into(), subject: Subject::Frame { late } },
            Said::Passage { camera, id, is_over } => {
                About { camera: camera.into(), subject: Subject::Passage { id: id.to_owned(), is_over } }
            }
            Said::Other => About { camera: "".into(), subject: Subject::Other },
        };
        Self(Pooled::alone(Inner { about, source: Source::Text(text), forms: Default::default() }))
    }

    /// The same frame for a hub that has missed it: no news. `None` for what is not a frame of this process.
    pub(crate) fn late(&self) -> Option<Self> {
        match &self.0.source {
            Source::Seen { frame, annotated } => {
                Some(Self(Pooled::alone(Inner::of_frame(frame.clone(), *annotated, true))))
            }
            Source::Text(_) => None,
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.0.about
    }

    pub(crate) fn is_frame(&self) -> bool {
        matches!(self.0.about.subject, Subject::Frame { .. })
    }

    /// Whether a camera of this process saw it.
    pub(crate) fn is_seen_here(&self) -> bool {
        matches!(self.0.source, Source::Seen { .. })
    }

    /// The message in a form, `None` if it cannot be brought into it. Takes milliseconds the first time.
    pub(crate) fn wire(&self, form: Form) -> Option<Wire> {
        self.as_it_is(form).or_else(|| self.0.forms[form as usize].get_or_init(|| self.made(form)).clone())
    }

    /// The message in a form, if that has been made already.
    pub(crate) fn ready(&self, form: Form) -> Option<Wire> {
        self.as_it_is(form).or_else(|| self.0.forms[form as usize].get()?.clone())
    }

    /// What needs nothing done to it.
    fn as_it_is(&self, form: Form) -> Option<Wire> {
        match &self.0.source {
            Source::Text(text) if form == Form::Json || !self.is_frame() => Some(Wire::Text(text.clone())),
            _ => None,
        }
    }

    fn made(&self, form: Form) -> Option<Wire> {
        match &self.0.source {
            Source::Seen { frame, annotated } => self.drawn(frame, *annotated, form),
            Source::Text(text) => Some(converted(text, form)),
        }
    }

    fn drawn(&self, frame: &LiveFrame, annotated: bool, form: Form) -> Option<Wire> {
        let late = matches!(self.0.about.subject, Subject::Frame { late: true });
        frame.shown();
        let json = |picture| FaceEvent::of(frame.sighting(), picture, annotated, late).to_json();
        if form == Form::Bare {
            return Some(Wire::Text(json(Picture::Elsewhere).into()));
        }
        match frame.jpeg(annotated) {
            Ok(jpeg) if form == Form::Binary => Some(binary(&json(Picture::Elsewhere), &jpeg)),
            Ok(jpeg) => Some(Wire::Text(json(Picture::Jpeg(&jpeg)).into())),
            Err(error) => {
                tracing::error!(camera = &*self.0.about.camera, %error, "a frame could not be shown");
                None
            }
        }
    }
}

impl Inner {
    fn of_frame(frame: Pooled<LiveFrame>, annotated: bool, late: bool) -> Self {
        let about = About { camera: frame.sighting().camera.clone(), subject: Subject::Frame { late } };
        Self { about, source: Source::Seen { frame, annotated }, forms: Default::default() }
    }
}

/// Another's frame in a form that it was not sent in. One whose picture is missing or damaged still has its names.
fn converted(text: &str, form: Form) -> Wire {
    let header = relayed::without_picture(text);
    match relayed::picture(text).filter(|_| form == Form::Binary) {
        Some(jpeg) => binary(&header, &jpeg),
        None => Wire::Text(header.as_ref().into()),
    }
}

fn binary(header: &str, jpeg: &[u8]) -> Wire {
    // A header is shorter than the longest message, which is far from 4 GB.
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    Wire::Binary([&length[..], header.as_bytes(), jpeg].concat().into())
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.about.fmt(f)
    }
}
