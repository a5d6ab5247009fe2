use std::time::{Duration, Instant};

/// How often a lasting failure is said again.
const SAY_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// What is said of a camera that fails again and again: the first failure at once, then one a minute; that it is live
/// again once after each failure that was said. So one that comes and goes writes two lines a minute, however often.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    began: Option<Instant>,
    last_said: Option<Instant>,
    owes_good_news: bool,
}

impl Complaint {
    /// Notes a failure. Whether it should be said, and then for how long it has been going on.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Duration> {
        let began = *self.began.get_or_insert(now);
        let is_due = self.last_said.is_none_or(|last| now.saturating_duration_since(last) >= SAY_AGAIN_AFTER);
        if is_due {
            self.last_said = Some(now);
            self.owes_good_news = true;
        }
        is_due.then(|| now.saturating_duration_since(began))
    }

    /// Notes that frames come. Whether that should be said, and then how long the trouble took.
    pub(crate) fn is_live(&mut self, now: Instant) -> Option<Duration> {
        let began = self.began.filter(|_| self.owes_good_news)?;
        self.owes_good_news = false;
        Some(now.saturating_duration_since(began))
    }

    /// Whether it has failed, and not worked for a while since.
    pub(crate) fn is_on(&self) -> bool {
        self.began.is_some()
    }

    /// Notes that it has worked for a while: the next failure is a new one.
    pub(crate) fn over(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_camera_that_is_away_for_three_minutes_is_said_at_once_then_once_a_minute_then_that_it_is_back() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        assert_eq!(complaint.is_live(start), None, "nothing was wrong");
        let said: Vec<_> = (0..180).filter_map(|n| complaint.failed(start + n * SECOND)).collect();
        assert_eq!(said, [Duration::ZERO, 60 * SECOND, 120 * SECOND]);
        assert_eq!(complaint.is_live(start + 180 * SECOND), Some(180 * SECOND));
        assert_eq!(complaint.is_live(start + 181 * SECOND), None);
    }

    #[test]
    fn a_camera_that_comes_and_goes_is_two_lines_a_minute() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        let lines = (0..60).map(|n| {
            let now = start + n * SECOND;
            u32::from(complaint.failed(now).is_some()) + u32::from(complaint.is_live(now).is_some())
        });
        assert_eq!(lines.sum::<u32>(), 2);
    }

    #[test]
    fn a_failure_after_it_has_worked_is_a_new_one() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        complaint.failed(start);
        complaint.over();
        assert_eq!(complaint.failed(start + SECOND), Some(Duration::ZERO));
    }
}
