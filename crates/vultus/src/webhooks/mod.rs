//! The webhooks of a deployment, as they are defined and as they may be shown.
//!
//! Lives here: what a `[[webhook]]` may be (`definition`), which webhooks there are and how each is doing (`overview`), and
//! how a delivery is shown (`delivery`).
//! Does not live here: how they are delivered (crate `events`), which of them run in a process (`cameras`), routes (`http`).

mod definition;
mod delivery;
mod overview;

pub use definition::{NamedWebhook, named_webhooks, waiting_for_none};
pub use delivery::{DeliveryView, FullDelivery, STATES, state_of};
pub use overview::{Overview, WebhookView};
