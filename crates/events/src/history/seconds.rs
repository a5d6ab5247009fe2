use std::time::SystemTime;

use serde::{Serialize, Serializer};
use store::Micros;

/// A moment as the API tells it: Unix seconds with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnixSeconds(Micros);

impl UnixSeconds {
    /// In full.
    pub fn time(self) -> Micros {
        self.0
    }
}

impl From<SystemTime> for UnixSeconds {
    fn from(time: SystemTime) -> Self {
        Self(time.into())
    }
}

impl From<Micros> for UnixSeconds {
    fn from(time: Micros) -> Self {
        Self(time)
    }
}

impl Serialize for UnixSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_seconds().serialize(serializer)
    }
}
