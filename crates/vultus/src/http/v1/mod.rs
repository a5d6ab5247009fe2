//! The API of this product's own: `/api/v1/…`.

pub(super) mod events;
