//! Something that keeps failing, said no more often than a reader of the log can bear.
use std::time::{Duration, Instant};

const SAY_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Whether there is trouble now, and when it was last spoken of.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    last_said: Option<Instant>,
}

impl Trouble {
    /// Notes a failure. True if it should be said: it is the first of its run, or a minute has passed since the last.
    pub(crate) fn failed(&mut self) -> bool {
        let say = self.last_said.is_none_or(|last| last.elapsed() >= SAY_AGAIN_AFTER);
        if say {
            self.last_said = Some(Instant::now());
        }
        say
    }

    /// Whether the last thing noted was a failure.
    pub(crate) fn is_on(&self) -> bool {
        self.last_said.is_some()
    }

    /// Notes that it works. True if it did not before.
    pub(crate) fn over(&mut self) -> bool {
        self.last_said.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;

    #[test]
    fn a_lasting_failure_is_said_once_and_its_end_once() {
        let mut trouble = Trouble::default();
        assert!(!trouble.over());
        assert!(trouble.failed());
        assert!(!trouble.failed());
        assert!(trouble.over());
        assert!(!trouble.over());
        assert!(trouble.failed());
    }
}
