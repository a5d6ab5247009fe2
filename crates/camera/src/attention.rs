use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A scene is at rest when nobody was there and nothing has moved for this long.
const CALM: Duration = Duration::from_secs(2);

/// Who was shown a picture is taken to watch for this long.
const WATCHES: Duration = Duration::from_secs(2);

/// Of a scene at rest a frame is read when the one before is this old: of 25 or 30 frames a second each third, of 10 all. What
/// begins to move is seen about a tenth of a second later than otherwise, at most.
const GLANCE: Duration = Duration::from_millis(90);

/// The time between two frames of a camera that does not say how many it sends.
const USUAL_INTERVAL: Duration = Duration::from_millis(40);

/// How closely one camera is attended to. To read a frame is most of what an idle camera costs: while its scene is at rest
/// and nobody watches, some go by unread. Clones are the same camera's.
#[derive(Clone, Debug, Default)]
pub struct Attention(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Since when nothing has moved; `None` while something does, or somebody is there.
    calm_since: Option<Instant>,
    /// When somebody was shown a picture last.
    shown_at: Option<Instant>,
    /// When the frame that was read last began to come.
    read_at: Option<Instant>,
    /// How many have gone by since.
    unread: u32,
}

impl Attention {
    /// Somebody is shown a picture of the camera, and should see all of them.
    pub fn shown(&self) {
        self.lock().shown_at = Some(Instant::now());
    }

    /// What the frame that was read at `now` shows: whether nothing moves and nobody is there.
    pub(crate) fn found(&self, is_calm: bool, now: Instant) {
        let mut state = self.lock();
        state.calm_since = is_calm.then(|| state.calm_since.unwrap_or(now));
    }

    /// Whether the frame that begins to come at `now` should be read, of a camera that sends one each `interval` by its own account. Frames may
    /// come in bursts, as those of HLS do: then the time that lies between them is not that between their comings.
    pub(crate) fn wants(&self, now: Instant, interval: Option<Duration>) -> bool {
        let mut state = self.lock();
        let is_old = state.read_at.is_none_or(|read| now.duration_since(read) >= GLANCE);
        let is_far = (state.unread + 1) * interval.unwrap_or(USUAL_INTERVAL) >= GLANCE;
        let is_wanted = is_old || is_far || !state.is_at_rest(now);
        if is_wanted {
            (state.read_at, state.unread) = (Some(now), 0);
        } else {
            state.unread += 1;
        }
        is_wanted
    }

    /// Whole after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_at_rest(&self, now: Instant) -> bool {
        let is_calm = self.calm_since.is_some_and(|since| now.duration_since(since) >= CALM);
        is_calm && self.shown_at.is_none_or(|shown| now.duration_since(shown) >= WATCHES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(40);

    /// Which of the frames from `start` on are read while each that is finds the scene calm.
    fn read(attention: &Attention, start: Instant, frames: u32) -> Vec<u32> {
        let mut read = Vec::new();
        for frame in 0..frames {
            let now = start + frame * FRAME;
            if attention.wants(now, Some(FRAME)) {
                attention.found(true, now);
                read.push(frame);
            }
        }
        read
    }

    #[test]
    fn of_a_scene_at_rest_each_third_frame_is_read_until_something_moves() {
        let (attention, start) = (Attention::default(), Instant::now());
        let first = read(&attention, start, 60);
        assert_eq!(first[..50], (0..50).collect::<Vec<_>>(), "all for two seconds");
        assert_eq!(first[50..], [52, 55, 58]);
        let later = start + 63 * FRAME;
        attention.found(false, later);
        assert_eq!(read(&attention, later, 40), (0..40).collect::<Vec<_>>(), "all again");
    }

    #[test]
    fn of_a_slow_camera_every_frame_is_read() {
        let (attention, start) = (Attention::default(), Instant::now());
        attention.found(true, start);
        let tenth = Duration::from_millis(100);
        assert!((1..200).all(|frame| attention.wants(start + frame * tenth, Some(tenth))));
        assert!((1..200).all(|frame| attention.wants(start + CALM + frame * FRAME, Some(tenth))), "in a burst, too");
    }

    #[test]
    fn of_a_burst_as_many_are_read_as_of_frames_that_come_in_time() {
        let (attention, start) = (Attention::default(), Instant::now());
        attention.found(true, start);
        let burst = start + CALM;
        let read =
            |interval| (0..150).filter(|n| attention.wants(burst + *n * Duration::from_millis(2), interval)).count();
        assert_eq!((read(Some(FRAME)), read(None)), (50, 50));
    }

    #[test]
    fn who_watches_is_shown_every_frame() {
        let attention = Attention::default();
        let start = Instant::now() - CALM;
        attention.found(true, start);
        attention.shown();
        let now = Instant::now();
        assert!((0..40).all(|frame| attention.wants(now + frame * FRAME, None)));
        assert_eq!(read(&attention, now + WATCHES, 6).len(), 2);
    }
}
