//! Clients that take an answer without an end: streams of pictures and of events.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::ApiError;

/// Most of them at a time. One that is silent but there holds its connection, and must not keep everybody else out.
const MOST: usize = 256;

static PLACES: Semaphore = Semaphore::const_new(MOST);

/// A place for one such client; given back when dropped.
pub struct Place(#[allow(dead_code, reason = "held for as long as the answer lasts")] SemaphorePermit<'static>);

/// Takes a place.
///
/// # Errors
/// 503 when all of them are taken.
pub fn place() -> Result<Place, ApiError> {
    PLACES.try_acquire().map(Place).map_err(|_| ApiError::busy())
}
