use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Tells threads to end, and lets them sleep in the meantime. A clone is the same switch.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Not stopped yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everybody to end. There is no way back.
    pub fn stop(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether it is time to end.
    pub fn is_stopped(&self) -> bool {
        self.sleep(Duration::ZERO)
    }

    /// Sleeps for `pause`, or until it is time to end. Says whether it is.
    pub fn sleep(&self, pause: Duration) -> bool {
        let (stopped, changed) = &*self.0;
        let held = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, _) =
            changed.wait_timeout_while(held, pause, |stopped| !*stopped).unwrap_or_else(PoisonError::into_inner);
        *held
    }
}
