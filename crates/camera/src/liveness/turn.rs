//! How far a head has turned: a cue that a flat picture hardly gives. Of its own, since bench/liveness measures it as it stands here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A head that has turned by so many degrees within [`WINDOW`] is no flat picture: of 9 photos on five kinds of flat picture, turned in a hand by up
/// to 45° to each side, the widest span is 18.1 (bench/liveness; docs/reference/liveness.md has the numbers). A bent one reaches it.
pub(crate) const TURNED_FROM: f32 = 20.0;

/// The newest yaws count, of so long.
const WINDOW: Duration = Duration::from_secs(5);

/// Yaws that nothing between them joins, in degrees: a head passes through all of them, another photo in the same place does not.
const GAP: f32 = 10.0;

/// Beyond this, in degrees, the five points are guesses: one eye is hidden.
const MOST: f32 = 60.0;

/// A detection less sure than this, 0–1, may be anything with wrong points.
const LEAST_SCORE: f32 = 0.9;

/// The yaws of one face, since it was last in doubt whose it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// The newest, as they were measured: a third of the median that counts.
    raw: VecDeque<f32>,
    /// The medians of three in a row, each with the time of its newest.
    window: VecDeque<(Instant, f32)>,
    /// The widest span so far.
    widest: f32,
}

impl Turn {
    /// A face was detected with a score of 0–1, turned to the side by so many degrees.
    pub(crate) fn saw(&mut self, yaw: f32, score: f32, at: Instant) {
        if yaw.abs().is_nan() || yaw.abs() > MOST || score < LEAST_SCORE {
            return;
        }
        self.raw.push_back(yaw);
        if self.raw.len() > 3 {
            self.raw.pop_front();
        }
        let [a, b, c] = *self.raw.make_contiguous() else { return };
        self.window.push_back((at, a.min(b).max(a.max(b).min(c))));
        self.window.retain(|(then, _)| at.saturating_duration_since(*then) <= WINDOW);
        self.widest = self.widest.max(self.span());
    }

    /// The widest span of any window so far, in degrees.
    pub(crate) fn widest(&self) -> f32 {
        self.widest
    }

    /// Whether the head has turned, and is no flat picture.
    pub(crate) fn is_seen(&self) -> bool {
        self.widest >= TURNED_FROM
    }

    /// From the yaw that is most to one side to that most to the other, as far as no gap is between them.
    fn span(&self) -> f32 {
        let mut yaws: Vec<f32> = self.window.iter().map(|(_, yaw)| *yaw).collect();
        yaws.sort_by(f32::total_cmp);
        yaws.chunk_by(|a, b| b - a <= GAP).map(|joined| joined[joined.len() - 1] - joined[0]).fold(0.0, f32::max)
    }
}
