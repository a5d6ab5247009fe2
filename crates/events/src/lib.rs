//! Sightings in, events out.
//!
//! Lives here: what is decided about a face (`policy`), who may pass where and when (`access`, by `hours` and a `calendar`) and is
//! inside (`presence`), how a decision is told (`event`, `notice`), the way from a sighting to the sinks (`flow`), the newest picture of a camera (`live`), passages that are kept as events (`history`), the stream that
//! many clients listen to (`hub`) with what each of them wants (`choice`), what it is told (`message`, `relayed`) and what is
//! kept for it (`queue`, `memory`), the way to a hub in another process (`publish`), what is told besides a PASS (`notices`), the
//! webhooks with their deliveries from the outbox (`webhook`), a broker that is told (`mqtt`), who of those unknown is the same
//! (`visitors`), who was there and who was not (`attendance`), and the way to the local window (`window`).
//! Does not live here: SQL (crate `store`), sockets of a server and HTTP (the binary).
#![forbid(unsafe_code)]

mod access;
mod address;
mod attendance;
mod attributes;
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
mod presence;
mod publish;
mod queue;
mod relayed;
mod trouble;
mod viewer_count;
mod visitors;
mod webhook;
mod window;

pub use access::{Access, AccessRule, GROUP, MOST_RULES, group_name};
pub use attendance::{
    Attendance, Attendee, AttlogRow, CountedStamp, NotARow, NotASchedule, Period, Schedule, Shift, Stamp, StampSource,
    Workday, is_stand_in, stand_in,
};
pub use attributes::{AgeView, AttributesView, Gender, GenderView, SmileView};
pub use calendar::{Calendar, Holiday, parse_day};
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
pub use message::{Message, MessagePool, Wire};
pub use mqtt::{DefinedCamera, Dialects, Mqtt, MqttSettings, Roster, WatchedCamera};
pub use notice::{Notice, NoticeKind};
pub use notices::Notices;
pub use policy::{LastPasses, Policy, Status};
pub use presence::{Door, Presence};
pub use publish::Publisher;
pub use visitors::Visitors;
pub use webhook::{
    EXTRAS, NotARequest, PLACES, RequestForm, RequestText, Secret, Trial, Wanted, Webhook, WebhookSettings, sweep,
    try_webhook,
};
pub use window::WindowSlot;

/// A text message on its way to or from a hub; clones share the text.
pub type Msg = tokio_tungstenite::tungstenite::Utf8Bytes;
