//! The API of this product's own: `/api/v1/…`.

pub(super) mod cameras;
pub(super) mod events;
pub(super) mod pictures;
pub(super) mod webhooks;
