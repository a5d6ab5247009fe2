//! Sightings in, events out.
//!
//! Lives here: what is decided about a face (`policy`), how a decision is told (`event`), the way from a sighting to the
//! sinks (`flow`), the newest picture of a camera (`live`), passages that are kept as events (`history`), the stream that
//! many clients listen to (`hub`) with what each of them wants (`choice`), what it is told (`message`, `relayed`) and what is
//! kept for it (`queue`, `memory`), the way to a hub in another process (`publish`), what is told besides a PASS (`notices`), the webhooks with
//! their deliveries from the outbox (`webhook`), and the way to the local window (`window`).
//! Does not live here: SQL (crate `store`), sockets of a server and HTTP (the binary).
#![forbid(unsafe_code)]

mod access;
mod address;
mod calendar;
mod choice;
mod error;
mod event;
mod flow;
mod history;
mod hours;
mod hub;
mod live;
mod memory;
mod message;
mod mqtt;
mod notice;
mod notices;
mod policy;
mod publish;
mod queue;
mod relayed;
mod trouble;
mod viewer_count;
mod visitors;
mod webhook;
mod window;

pub use access::Access;
pub use calendar::{Calendar, Holiday};
pub use choice::{Choice, Form, View};
pub use error::EventsError;
pub use event::FaceView;
pub use flow::{Flow, Outlet};
pub use history::{
    CameraHistory, CameraPlace, Decision, EventView, History, HistorySettings, Media, PassageNews, Phase, Picture,
};
pub use hours::{HOURS, WeeklyHours};
pub use hub::{ClientKind, Hub, Seat};
pub use live::{Live, LiveFrame};
pub use message::{Message, Wire};
pub use mqtt::Mqtt;
pub use notice::{Notice, NoticeKind};
pub use notices::Notices;
pub use policy::{LastPasses, Policy, Status};
pub use publish::Publisher;
pub use visitors::Visitors;
pub use webhook::{
    EXTRAS, NotARequest, PLACES, RequestForm, RequestText, Secret, Trial, Wanted, Webhook, WebhookSettings, sweep,
    try_webhook,
};
pub use window::WindowSlot;

/// A text message on its way to or from a hub; clones share the text.
pub type Msg = tokio_tungstenite::tungstenite::Utf8Bytes;
