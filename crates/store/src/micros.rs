use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment: microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The wall clock of this machine. A clock before 1970 reads as 0, one after the year 294,246 as the largest value.
    pub fn now() -> Micros {
        SystemTime::now().into()
    }

    /// Unix seconds with milliseconds, as the API tells moments to programs.
    pub fn as_seconds(self) -> f64 {
        (self.0 / 1000) as f64 / 1000.0
    }
}

impl From<SystemTime> for Micros {
    /// A time before 1970 is 0, one after the year 294,246 the largest value.
    fn from(time: SystemTime) -> Micros {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
