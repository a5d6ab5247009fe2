use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gallery::Distance;

use crate::report::{CameraReport, LastError, StageTimings};
use crate::sighting::{Sighting, Work};
use crate::timing::{Pace, Times};

/// A live camera that has sent no frame for this long counts as stalled, unless it is one that usually takes its time.
/// Shorter than the time after which its stream is given up.
const QUIET: Duration = Duration::from_secs(5);

/// How a camera is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// Being opened for the first time; no frame yet.
    Connecting,
    /// Frames come and are looked at.
    Live,
    /// Connected, but no frame comes: why that is known. Given up after a few seconds more and opened again.
    Stalled(String),
    /// A recording has been played to its end.
    Finished,
    /// It failed, and is tried again: why.
    Failed(String),
}

impl CameraState {
    /// The names of all states, as programs see them.
    pub const NAMES: [&'static str; 5] = ["connecting", "live", "stalled", "finished", "failed"];

    /// Its name, as programs see it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stalled(_) => "stalled",
            Self::Finished => "finished",
            Self::Failed(_) => "failed",
        }
    }

    /// What is wrong, where something is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Stalled(reason) | Self::Failed(reason) => Some(reason),
            Self::Connecting | Self::Live | Self::Finished => None,
        }
    }
}

/// The state and the numbers of a camera, as others may read them at any time. Cheap to clone; all clones are the same
/// camera's. Recording a frame takes one short lock and allocates nothing.
#[derive(Clone, Debug)]
pub struct CameraStatus(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    reading: CameraState,
    since: Instant,
    /// Whether silence is a fault: a recording's frames may be as far apart as they like.
    is_live: bool,
    /// Between two frames at the least, where that is known to be long.
    interval: Duration,
    last_frame: Option<Instant>,
    /// Between the last two frames.
    last_gap: Duration,
    /// Why frames cannot be looked at though they come, and since when.
    blind: Option<(String, Instant)>,
    last_error: Option<(String, Instant)>,
    picture: Option<(u32, u32)>,
    source_fps: Option<f64>,
    opened: u64,
    read: u64,
    looked_at: u64,
    still: u64,
    dropped: u64,
    faces: u64,
    embeddings: u64,
    saved: u64,
    threshold: Option<Distance>,
    spoofs: u64,
    pace: Pace,
    times: Times,
}

impl CameraStatus {
    /// `interval`: the time between two frames, where it is known to be long.
    pub(crate) fn new(is_live: bool, interval: Duration) -> Self {
        Self(Arc::new(Mutex::new(Record::new(is_live, interval))))
    }

    /// That of a camera which cannot even be started: why.
    pub fn failed(why: impl Into<String>) -> Self {
        let status = Self::new(true, Duration::ZERO);
        status.set(CameraState::Failed(why.into()));
        status
    }

    /// The state now, and for how long it has been so.
    pub fn now(&self) -> (CameraState, Duration) {
        let (state, since) = self.lock().state(Instant::now());
        (state, since.elapsed())
    }

    /// The state and all numbers as they are now.
    pub fn report(&self) -> CameraReport {
        self.lock().report(Instant::now())
    }

    /// Below which distance the newest frame's faces were accepted; `None` before the first.
    pub fn threshold(&self) -> Option<Distance> {
        self.lock().threshold
    }

    /// Counts a frame that was looked at, or found still, and how long that took since it was read.
    pub fn looked(&self, sighting: &Sighting) {
        let Work { faces, embeddings, spoofs, still, .. } = sighting.work;
        let mut record = self.lock();
        record.blind = None;
        record.threshold = Some(sighting.rule.threshold);
        record.pace.tick(Instant::now());
        if still {
            record.still += 1;
            return;
        }
        record.looked_at += 1;
        record.faces += u64::from(faces);
        record.embeddings += u64::from(embeddings);
        record.spoofs += u64::from(spoofs);
        record.saved += u64::from(faces.saturating_sub(embeddings));
        record.times.add(sighting.frame.read_at.elapsed(), &sighting.times);
    }

    /// Says why a frame could not be looked at. True if the one before could.
    pub(crate) fn cannot_look(&self, why: &str) -> bool {
        let (mut record, now) = (self.lock(), Instant::now());
        let is_news = record.blind.is_none();
        record.blind.get_or_insert_with(|| (why.to_owned(), now));
        record.last_error = Some((why.to_owned(), now));
        is_news
    }

    /// Counts an opening of the source.
    pub(crate) fn opening(&self) {
        self.lock().opened += 1;
    }

    /// Counts a frame that has come; `dropped` is how many were replaced by a newer one so far. Says whether the
    /// camera was not live before.
    pub(crate) fn frame_came(&self, dropped: u64) -> bool {
        let (mut record, now) = (self.lock(), Instant::now());
        record.dropped = dropped;
        record.frame_came(now)
    }

    /// Counts a frame that has come and gone by unread, since nothing had moved for a while.
    pub(crate) fn went_by(&self) {
        let (mut record, now) = (self.lock(), Instant::now());
        record.frame_came(now);
        record.pace.tick(now);
        record.still += 1;
    }

    /// What the stream says of itself.
    pub(crate) fn describe(&self, picture: (u32, u32), fps: Option<f64>) {
        let mut record = self.lock();
        record.picture = Some(picture);
        record.source_fps = fps;
    }

    /// Changes the state. One that stays the same but for its reason keeps its beginning.
    pub(crate) fn set(&self, state: CameraState) {
        let (mut record, now) = (self.lock(), Instant::now());
        record.last_error = state.reason().map(|reason| (reason.to_owned(), now)).or(record.last_error.take());
        record.set(state, now);
    }

    /// Every change is whole after its statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn new(is_live: bool, interval: Duration) -> Self {
        Self {
            interval,
            reading: CameraState::Connecting,
            since: Instant::now(),
            is_live,
            last_frame: None,
            last_gap: Duration::ZERO,
            blind: None,
            last_error: None,
            picture: None,
            source_fps: None,
            opened: 0,
            read: 0,
            looked_at: 0,
            still: 0,
            dropped: 0,
            faces: 0,
            embeddings: 0,
            saved: 0,
            threshold: None,
            spoofs: 0,
            pace: Pace::default(),
            times: Times::default(),
        }
    }

    /// The state at `now` and since when. That a camera is silent nobody has to notice: it follows from its last frame.
    fn state(&self, now: Instant) -> (CameraState, Instant) {
        if self.reading != CameraState::Live {
            return (self.reading.clone(), self.since);
        }
        let patience = QUIET.max(2 * self.last_gap.max(self.interval));
        if let Some(stalled_since) = self.last_frame.filter(|_| self.is_live).map(|last| last + patience)
            && stalled_since <= now
        {
            let reason = format!("no frame has come for {} s", patience.as_secs());
            return (CameraState::Stalled(reason), stalled_since);
        }
        match &self.blind {
            Some((why, since)) => (CameraState::Failed(why.clone()), *since),
            None => (CameraState::Live, self.since),
        }
    }

    fn frame_came(&mut self, now: Instant) -> bool {
        self.read += 1;
        let is_news = self.reading != CameraState::Live;
        if is_news {
            self.set(CameraState::Live, now);
        } else {
            if matches!(self.state(now).0, CameraState::Stalled(_)) {
                self.since = now;
            }
            self.last_gap = self.last_frame.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        }
        self.last_frame = Some(now);
        is_news
    }

    fn set(&mut self, state: CameraState, now: Instant) {
        let (before, since) = self.state(now);
        self.since = if before.name() == state.name() { since } else { now };
        self.reading = state;
    }

    fn report(&self, now: Instant) -> CameraReport {
        let (state, since) = self.state(now);
        CameraReport {
            state,
            lasted: now.saturating_duration_since(since),
            picture: self.picture,
            fps: self.pace.fps(now),
            source_fps: self.source_fps,
            last_frame: self.last_frame.map(|at| now.saturating_duration_since(at)),
            latency: self.times.latency.summary(),
            stages: StageTimings {
                waited: self.times.waited.summary(),
                detect: self.times.detect.summary(),
                landmark: self.times.landmark.summary(),
                embed: self.times.embed.summary(),
                liveness: self.times.liveness.summary(),
                search: self.times.search.summary(),
            },
            read: self.read,
            looked_at: self.looked_at,
            still: self.still,
            dropped: self.dropped,
            restarts: self.opened.saturating_sub(1),
            faces: self.faces,
            embeddings: self.embeddings,
            saved: self.saved,
            threshold: self.threshold,
            spoofs: self.spoofs,
            last_error: self
                .last_error
                .as_ref()
                .map(|(message, at)| LastError { message: message.clone(), ago: now.saturating_duration_since(*at) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn live_since(start: Instant, is_live: bool) -> Record {
        let mut record = Record::new(is_live, Duration::ZERO);
        record.frame_came(start);
        record
    }

    #[test]
    fn a_camera_that_falls_silent_is_stalled_after_five_seconds_and_stays_so_while_it_is_opened_again() {
        let start = Instant::now();
        let mut record = live_since(start, true);
        assert_eq!(record.state(start + 4 * SECOND).0, CameraState::Live);
        let (state, since) = record.state(start + 6 * SECOND);
        assert_eq!((state.name(), since), ("stalled", start + 5 * SECOND));
        assert!(state.reason().is_some_and(|reason| reason.contains("no frame")));

        record.set(CameraState::Stalled("given up".to_owned()), start + 8 * SECOND);
        record.set(CameraState::Stalled("given up again".to_owned()), start + 16 * SECOND);
        let (state, since) = record.state(start + 20 * SECOND);
        assert_eq!((state, since), (CameraState::Stalled("given up again".to_owned()), start + 5 * SECOND));
    }

    #[test]
    fn a_slow_camera_and_a_recording_with_a_long_pause_are_live() {
        let start = Instant::now();
        for gap in [3, 4, 10] {
            let mut slow = live_since(start, true);
            slow.frame_came(start + gap * SECOND);
            assert_eq!(slow.state(start + (2 * gap + gap / 2) * SECOND).0, CameraState::Live, "every {gap} s");
            assert_eq!(slow.state(start + (4 * gap + 1) * SECOND).0.name(), "stalled", "every {gap} s");
        }
        assert_eq!(live_since(start, false).state(start + 60 * SECOND).0, CameraState::Live);
    }

    #[test]
    fn a_camera_that_is_let_send_few_frames_is_live_between_them() {
        let start = Instant::now();
        let mut record = Record::new(true, 10 * SECOND);
        record.frame_came(start);
        assert_eq!(record.state(start + 15 * SECOND).0, CameraState::Live);
        assert_eq!(record.state(start + 21 * SECOND).0.name(), "stalled");
    }

    #[test]
    fn a_camera_that_sends_again_is_live_since_then() {
        let start = Instant::now();
        let mut record = live_since(start, true);
        record.frame_came(start + 7 * SECOND);
        assert_eq!(record.state(start + 8 * SECOND), (CameraState::Live, start + 7 * SECOND));
    }

    #[test]
    fn a_failed_camera_has_its_newest_reason_and_its_first_failures_time() {
        let start = Instant::now();
        let mut record = live_since(start, true);
        record.set(CameraState::Failed("ended".to_owned()), start + SECOND);
        record.set(CameraState::Failed("refused".to_owned()), start + 60 * SECOND);
        assert_eq!(record.state(start + 61 * SECOND), (CameraState::Failed("refused".to_owned()), start + SECOND));
    }

    #[test]
    fn a_camera_whose_frames_cannot_be_looked_at_has_failed_however_many_come() {
        let status = CameraStatus::new(true, Duration::ZERO);
        status.frame_came(0);
        assert!(status.cannot_look("the model broke"));
        status.frame_came(0);
        assert!(!status.cannot_look("the model broke"));
        assert_eq!(status.now().0, CameraState::Failed("the model broke".to_owned()));
        assert_eq!(status.report().last_error.map(|error| error.message).as_deref(), Some("the model broke"));
    }
}
