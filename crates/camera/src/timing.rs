use std::time::{Duration, Instant};

use crate::sighting::SightingTimes;

/// Over how many of the newest frames percentiles are taken.
const REMEMBERED: usize = 256;

/// Over how long the frame rate is taken.
const WINDOW: Duration = Duration::from_secs(5);

/// How long something took: all of it together, and percentiles of the last few hundred times (0 before the first).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// How often it was timed.
    pub count: u64,
    /// All of these times together.
    pub sum: Duration,
    /// Half of the last few hundred took no longer than this.
    pub p50: Duration,
    /// 95 % took no longer than this.
    pub p95: Duration,
    /// 99 % took no longer than this.
    pub p99: Duration,
}

/// The newest of many, in no order.
#[derive(Debug)]
struct Recent<T> {
    kept: Vec<T>,
    next: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { kept: Vec::with_capacity(REMEMBERED), next: 0 }
    }
}

impl<T> Recent<T> {
    fn push(&mut self, value: T) {
        match self.kept.get_mut(self.next) {
            Some(oldest) => *oldest = value,
            None => self.kept.push(value),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// Collects how long something takes.
#[derive(Debug, Default)]
pub(crate) struct Timed {
    count: u64,
    sum: Duration,
    recent: Recent<Duration>,
}

impl Timed {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.sum += took;
        self.recent.push(took);
    }

    /// A stage that did not run took no time, and says nothing about how long it takes.
    fn add_if_run(&mut self, took: Duration) {
        if !took.is_zero() {
            self.add(took);
        }
    }

    pub(crate) fn summary(&self) -> Timing {
        let mut sorted = self.recent.kept.clone();
        sorted.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Timing { count: self.count, sum: self.sum, p50: percentile(50), p95: percentile(95), p99: percentile(99) }
    }
}

/// Where the time of a camera's frames goes.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) latency: Timed,
    pub(crate) waited: Timed,
    pub(crate) detect: Timed,
    pub(crate) landmark: Timed,
    pub(crate) embed: Timed,
    pub(crate) liveness: Timed,
    pub(crate) search: Timed,
}

impl Times {
    pub(crate) fn add(&mut self, latency: Duration, times: &SightingTimes) {
        self.latency.add(latency);
        self.waited.add(times.waited);
        self.detect.add_if_run(times.stages.detect);
        self.landmark.add_if_run(times.stages.landmark);
        self.embed.add_if_run(times.stages.embed);
        self.liveness.add_if_run(times.stages.liveness);
        self.search.add_if_run(times.search);
    }
}

/// How many frames a second there are now.
#[derive(Debug, Default)]
pub(crate) struct Pace(Recent<Instant>);

impl Pace {
    pub(crate) fn tick(&mut self, at: Instant) {
        self.0.push(at);
    }

    /// Frames a second over the last five seconds, or over as long as is remembered if that is shorter.
    pub(crate) fn fps(&self, now: Instant) -> f64 {
        let ages = || self.0.kept.iter().map(|&at| now.saturating_duration_since(at));
        let window = ages().max().unwrap_or_default().min(WINDOW);
        if window.is_zero() {
            return 0.0;
        }
        ages().filter(|&age| age < window).count() as f64 / window.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn percentiles_are_of_the_newest_and_the_sum_of_all() {
        let mut timed = Timed::default();
        assert_eq!(timed.summary(), Timing::default());
        timed.add(milliseconds(7));
        let one = timed.summary();
        assert_eq!((one.p50, one.p95, one.p99), (milliseconds(7), milliseconds(7), milliseconds(7)));
        for n in (1..=100).rev() {
            timed.add(milliseconds(n));
        }
        let summary = timed.summary();
        assert_eq!((summary.count, summary.sum), (101, milliseconds(5057)));
        assert_eq!((summary.p50, summary.p95, summary.p99), (milliseconds(50), milliseconds(95), milliseconds(99)));
        for _ in 0..REMEMBERED {
            timed.add(milliseconds(1));
        }
        assert_eq!(timed.summary().p99, milliseconds(1));
        assert_eq!(timed.recent.kept.capacity(), REMEMBERED, "memory stays what it was");
    }

    #[test]
    fn the_frame_rate_is_that_of_the_last_seconds_from_the_first_frames_on() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.fps(start), 0.0);
        for n in 0..=10 {
            pace.tick(start + milliseconds(100 * n));
        }
        assert!((pace.fps(start + milliseconds(1000)) - 10.0).abs() < 0.01, "{}", pace.fps(start + milliseconds(1000)));
        for n in 0..1000 {
            pace.tick(start + milliseconds(2000 + 5 * n));
        }
        let now = start + milliseconds(2000 + 4995);
        assert!((pace.fps(now) - 200.0).abs() < 1.0, "{}", pace.fps(now));
        assert_eq!(pace.fps(now + WINDOW + milliseconds(1)), 0.0, "none came lately");
    }
}
