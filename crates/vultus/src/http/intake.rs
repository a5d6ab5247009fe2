//! How much may be under way at the same time, so that memory and disk stay bounded and nobody can keep the others out
//! by being silent.
//!
//! A body that is still coming costs what has come of it, byte by byte, and nothing else: a client that sends
//! nothing holds nothing. A body that is there takes one of a few places until its work is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ApiError;

/// Bodies of one kind: photos, which are held in memory, or archives, which are held on disk.
pub struct Intake {
    places: Arc<Semaphore>,
    room: Arc<AtomicU64>,
}

impl Intake {
    /// `places` for bodies that are there, and room for `bytes` of those still coming.
    pub fn new(places: usize, bytes: u64) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), room: Arc::new(AtomicU64::new(bytes)) }
    }

    /// Begins to receive a body. It need not come when there would be no place for it.
    ///
    /// # Errors
    /// 503 when all places are taken.
    pub fn receive(&self) -> Result<Held, ApiError> {
        match self.places.available_permits() {
            0 => Err(ApiError::busy()),
            _ => Ok(Held { room: self.room.clone(), bytes: 0 }),
        }
    }

    /// A place for a body that is there.
    ///
    /// # Errors
    /// 503 when all places are taken.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.places.clone().try_acquire_owned().map_err(|_| ApiError::busy())
    }
}

/// What has come of a body; given back when dropped.
pub struct Held {
    room: Arc<AtomicU64>,
    bytes: u64,
}

impl Held {
    /// Takes room for `more` bytes.
    ///
    /// # Errors
    /// 503 when the bodies that are coming fill all the room there is.
    pub fn grow(&mut self, more: u64) -> Result<(), ApiError> {
        let taken = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(more));
        taken.map_err(|_| ApiError::busy())?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_costs_what_has_come_of_it_until_it_is_dropped() {
        let intake = Intake::new(1, 100);
        let mut silent: Vec<_> = (0..1000).map(|_| intake.receive().unwrap()).collect();
        silent[0].grow(60).unwrap();
        assert!(silent[1].grow(41).is_err());
        silent[1].grow(40).unwrap();
        silent.remove(0);
        silent[1].grow(60).unwrap();
        assert!(silent[2].grow(1).is_err());
    }

    #[test]
    fn a_body_that_would_find_no_place_is_not_received() {
        let intake = Intake::new(1, 100);
        let place = intake.place().unwrap();
        assert!(intake.place().is_err() && intake.receive().is_err());
        drop(place);
        assert!(intake.place().is_ok() && intake.receive().is_ok());
    }
}
