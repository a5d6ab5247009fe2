//! The only place that speaks SQL.
//!
//! Lives here: who is enrolled (`people`) with which templates (`templates`), all of them at one moment (`snapshot`), the numbered feed of what changed
//! (`changes`), webhook deliveries that wait for their receiver (`outbox`) and what became of others (`delivery_log`), which
//! cameras there are (`cameras`) and which node watches each (`claims`), passages of people (`events`, `event_filter`) with the faces that are kept
//! of them (`faces`), how far they were published (`publishing`), who of those unknown is the same (`visitors`), what was said
//! afterwards (`corrections`), who entered or left last (`movements`) and what was said of their comings and goings (`punches`), who
//! is enrolled without the faces (`roster`), what is kept of their photos (`photos`), people on their way to another database (`moving`), how the processes are doing (`nodes`), who listens for changes (`wakeups`), and how the
//! database is found (`location`),
//! migrated and reached (`db`). SQLite and PostgreSQL run the same queries; only the migrations differ.
//! Does not live here: what a distance means or which photo is good enough (crates `face`, `gallery`), when a webhook
//! is tried again (crate `events`).
#![forbid(unsafe_code)]

mod cameras;
mod changes;
mod claims;
mod corrections;
mod db;
mod delivery_log;
mod error;
mod event_filter;
mod events;
mod faces;
mod location;
mod micros;
mod movements;
mod moving;
mod nodes;
mod outbox;
mod people;
mod photos;
mod profile;
mod publishing;
mod punches;
mod roster;
mod snapshot;
mod templates;
mod visitors;
mod wakeups;
mod whom;

pub use cameras::StoredCamera;
pub use changes::{Change, ChangeKind, Feed, Version};
pub use claims::Claim;
pub use corrections::{Corrected, Correction, TakenBack};
pub use db::Store;
pub use delivery_log::{DeliveryFilter, DeliveryState, LoggedDelivery, Resent, Settlement, Target};
pub use error::StoreError;
pub use event_filter::{EventFilter, PersonFilter};
pub use events::{Event, EventCorrection, NumberedEvent, StoredFace};
pub use faces::EventFace;
pub use location::Engine;
pub use micros::Micros;
pub use movements::Movement;
pub use moving::{Restored, WholePerson, WholeTemplate};
pub use nodes::{NodeReport, StoredNode};
pub use outbox::{Delivery, NewDelivery, Outbox};
pub use people::{Enrolled, MOST_REFUTED, Person, PersonId, Refuted};
pub use photos::{Coverage, Photo, PhotoId};
pub use profile::{Profile, ProfileChange};
pub use publishing::Publishing;
pub use punches::{NewPunch, Pass, Punch, PunchFilter, PunchSource, Withdrawal};
pub use roster::Enrolment;
pub use snapshot::Snapshot;
pub use templates::{NewTemplate, Template};
pub use visitors::{RegisteredVisitor, Registration, Visitor, VisitorCursor, VisitorFace};
pub use wakeups::Wakeups;
