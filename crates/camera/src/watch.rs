use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::look::Look;
use crate::{Buffers, Frame, Newest, Sighting, Source, Stop, Stopper, Stream, Taken, VideoError};

/// How long the working thread waits for a frame before it looks whether it should end.
const TICK: Duration = Duration::from_millis(200);

/// First and longest pause before a source that failed is opened again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// A stream that ran at least this long was a working one: the pauses start anew.
const WORKED: Duration = Duration::from_secs(10);

/// How a camera is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// Being opened; no frame yet.
    Connecting,
    /// Frames come.
    Live,
    /// A recording has been played to its end.
    Finished,
    /// It failed, and is tried again: why.
    Failed(String),
}

/// The state of a camera as others may read it at any time.
#[derive(Clone, Debug)]
pub struct CameraStatus(Arc<Mutex<(CameraState, Instant)>>);

impl CameraStatus {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((CameraState::Connecting, Instant::now()))))
    }

    /// That of a camera which cannot even be started: why.
    pub fn failed(why: impl Into<String>) -> Self {
        let status = Self::new();
        status.set(CameraState::Failed(why.into()));
        status
    }

    /// The state now, and for how long it has been so.
    pub fn now(&self) -> (CameraState, Duration) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (held.0.clone(), held.1.elapsed())
    }

    fn set(&self, state: CameraState) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != state {
            *held = (state, Instant::now());
        }
    }
}

/// Watches one camera: a thread reads frames, the calling thread looks at the newest. Restarts its source with backoff
/// after each failure; what goes wrong becomes the camera's state and a line in the log, never an error. Ends when it
/// is told to stop, when a recording is over, or when nobody takes its sightings any more.
pub struct Watch {
    source: Box<dyn Source>,
    look: Look,
    sightings: SyncSender<Sighting>,
    status: CameraStatus,
}

impl Watch {
    /// Nothing is opened before [`run`](Self::run).
    pub fn new(source: Box<dyn Source>, look: Look, sightings: SyncSender<Sighting>) -> Self {
        Self { source, look, sightings, status: CameraStatus::new() }
    }

    /// How the camera is doing.
    pub fn status(&self) -> CameraStatus {
        self.status.clone()
    }

    /// Runs until the end.
    pub fn run(self, stop: &Stop) {
        let Self { source, mut look, sightings, status } = self;
        let newest = Newest::new();
        let stopper = CurrentStopper::default();
        thread::scope(|scope| {
            let mut reader = Reader { source, newest: &newest, stopper: &stopper, status: &status, stop, read: 0 };
            scope.spawn(move || reader.run());
            work(&newest, &mut look, &sightings, &status, stop);
            // The reader may be waiting for a frame that never comes, or for its next try.
            stop.stop();
            stopper.stop();
        });
    }
}

/// Looks at the newest frame again and again.
fn work(
    newest: &Newest<Arc<Frame>>,
    look: &mut Look,
    sightings: &SyncSender<Sighting>,
    status: &CameraStatus,
    stop: &Stop,
) {
    let mut failing = false;
    while !stop.is_stopped() {
        let frame = match newest.take(TICK) {
            Taken::Item(frame) => frame,
            Taken::TimedOut => continue,
            Taken::Closed => return,
        };
        match look.at(frame) {
            Ok(sighting) => {
                failing = false;
                if sightings.send(sighting).is_err() {
                    return;
                }
            }
            // A model that fails does so on every frame: once is enough to say.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "frames cannot be looked at");
                status.set(CameraState::Failed(error.to_string()));
            }
            Err(_) => {}
        }
    }
}

/// The reading thread of a watch.
struct Reader<'a> {
    source: Box<dyn Source>,
    newest: &'a Newest<Arc<Frame>>,
    stopper: &'a CurrentStopper,
    status: &'a CameraStatus,
    stop: &'a Stop,
    read: u64,
}

impl Reader<'_> {
    fn run(&mut self) {
        let camera = self.source.describe();
        let mut pause = BACKOFF.0;
        while !self.stop.is_stopped() {
            let opened = Instant::now();
            match self.read_to_the_end() {
                Ok(()) => {
                    tracing::info!(camera, frames = self.read, "the recording is over");
                    self.status.set(CameraState::Finished);
                    break;
                }
                Err(VideoError::Stopped { .. }) => break,
                Err(error) => {
                    pause = if opened.elapsed() > WORKED { BACKOFF.0 } else { pause };
                    tracing::warn!(camera, "{error}; trying again in {:.1} s", pause.as_secs_f32());
                    self.status.set(CameraState::Failed(error.to_string()));
                }
            }
            if self.stop.sleep(pause) {
                break;
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// One opening of the source. `Ok` is the end of a recording.
    fn read_to_the_end(&mut self) -> Result<(), VideoError> {
        let buffers = Buffers::new();
        let mut stream = self.source.open()?;
        self.stopper.set(stream.stopper(), self.stop);
        let opened = Instant::now();
        while let Some(image) = stream.next(&buffers)? {
            self.read += 1;
            if self.status.now().0 != CameraState::Live {
                self.report_live(stream.as_ref(), &image, opened);
            }
            let frame = Frame::new(image, self.read, opened.elapsed(), &buffers);
            self.newest.put(Arc::new(frame));
        }
        Ok(())
    }

    fn report_live(&self, stream: &dyn Stream, image: &face::YuvImage, opened: Instant) {
        self.status.set(CameraState::Live);
        tracing::info!(
            camera = self.source.describe(),
            size = format!("{}×{}", image.width(), image.height()),
            fps = stream.fps(),
            after_ms = opened.elapsed().as_millis() as u64,
            "the camera is live"
        );
    }
}

impl Drop for Reader<'_> {
    /// However the reader ends, a panic included, the working thread must not wait for it.
    fn drop(&mut self) {
        self.newest.close();
    }
}

/// Ends whatever stream is open now; a stream that opens after the stop is ended at once.
#[derive(Default)]
struct CurrentStopper(Mutex<Option<Stopper>>);

impl CurrentStopper {
    fn set(&self, stopper: Stopper, stop: &Stop) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopper);
        if stop.is_stopped() {
            self.stop();
        }
    }

    fn stop(&self) {
        if let Some(stopper) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            stopper.stop();
        }
    }
}
