use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long something may wait that is told at once or not at all.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How much of it may wait.
const MOST: usize = 1000;

/// What is told at once, or not at all: a door must not open for a PASS of a minute ago because the broker was away.
#[derive(Debug, Default)]
pub struct Commands {
    waiting: VecDeque<Command>,
}

/// A message that is soon worth nothing.
#[derive(Debug)]
pub struct Command {
    /// Where to.
    pub topic: String,
    /// What it says.
    pub payload: String,
    /// When it happened.
    pub at: Instant,
}

impl Commands {
    /// One more.
    pub fn add(&mut self, topic: String, payload: String, at: Instant) {
        if self.waiting.len() >= MOST {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Command { topic, payload, at });
    }

    /// The next that is still worth telling at `now`.
    pub fn next(&mut self, now: Instant) -> Option<Command> {
        self.drop_old(now);
        self.waiting.pop_front()
    }

    /// Forgets what has become worthless by `now`.
    pub fn drop_old(&mut self, now: Instant) {
        let before = self.waiting.len();
        self.waiting.retain(|command| now.saturating_duration_since(command.at) < LONGEST_WAIT);
        let dropped = before - self.waiting.len();
        if dropped > 0 {
            tracing::debug!(dropped, "MQTT: messages for automations were too old to be sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_five_seconds_old_is_never_told() {
        let start = Instant::now();
        let mut commands = Commands::default();
        commands.add("old".to_owned(), String::new(), start);
        commands.add("new".to_owned(), String::new(), start + Duration::from_secs(3));
        let next = commands.next(start + Duration::from_secs(6)).map(|command| command.topic);
        assert_eq!(next.as_deref(), Some("new"));
        assert!(commands.next(start + Duration::from_secs(6)).is_none());
    }

    #[test]
    fn of_too_many_the_newest_are_kept() {
        let start = Instant::now();
        let mut commands = Commands::default();
        (0..MOST + 5).for_each(|number| commands.add(number.to_string(), String::new(), start));
        assert_eq!(commands.next(start).map(|command| command.topic).as_deref(), Some("5"));
    }
}
