//! The only place that speaks SQL.
//!
//! Lives here: who is enrolled (`people`) with which templates (`templates`), the numbered feed of what changed
//! (`changes`), webhook deliveries that wait for their receiver (`outbox`) and what became of others
//! (`delivery_log`), which cameras there are (`cameras`) and which
//! node watches each (`claims`), passages of people (`events`), and how the database is found (`location`),
//! migrated and reached (`db`). SQLite and PostgreSQL run the same queries; only the migrations differ.
//! Does not live here: what a distance means or which photo is good enough (crates `face`, `gallery`), when a webhook
//! is tried again (crate `events`).
#![forbid(unsafe_code)]

mod cameras;
mod changes;
mod claims;
mod db;
mod delivery_log;
mod error;
mod events;
mod location;
mod micros;
mod outbox;
mod people;
mod profile;
mod templates;

pub use cameras::StoredCamera;
pub use changes::{Change, ChangeKind, Feed, Version};
pub use claims::Claim;
pub use db::Store;
pub use delivery_log::{DeliveryFilter, DeliveryState, LoggedDelivery, Resent, Settlement, Target};
pub use error::StoreError;
pub use events::{Event, EventCorrection, EventFilter, NumberedEvent, PersonFilter, StoredFace};
pub use location::Engine;
pub use micros::Micros;
pub use outbox::{Delivery, NewDelivery, Outbox};
pub use people::{Enrolled, Person, PersonId, Snapshot};
pub use profile::Profile;
pub use templates::{NewTemplate, Template};
