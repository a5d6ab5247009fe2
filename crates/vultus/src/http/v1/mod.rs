//! The API of this product's own: `/api/v1/…`.

pub(super) mod attendance;
pub(super) mod cameras;
pub(super) mod events;
mod json;
pub(super) mod nodes;
pub(super) mod people;
pub(super) mod photos;
pub(super) mod pictures;
pub(super) mod presence;
pub(super) mod visitors;
pub(super) mod webhooks;
