use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says yes once in a while, so that a flood of clients is no flood of lines in the log.
pub(super) struct Occasionally {
    pause: Duration,
    last: Mutex<Option<Instant>>,
}

impl Occasionally {
    /// At most one yes in each `pause`.
    pub const fn every(pause: Duration) -> Self {
        Self { pause, last: Mutex::new(None) }
    }

    /// Whether the last yes is long enough ago.
    pub fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= self.pause);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}
