use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::complaint::Complaint;
use crate::look::Look;
use crate::status::{CameraState, CameraStatus};
use crate::{Attention, Buffers, Frame, Newest, Next, Sighting, Source, Stop, Stopper, Stream, Taken, VideoError};

/// How long the working thread waits for a frame before it looks whether it should end.
const TICK: Duration = Duration::from_millis(200);

/// First and longest pause before a source that failed is opened again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// A stream that ran at least this long was a working one: the pauses start anew.
const WORKED: Duration = Duration::from_secs(10);

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
        let status = CameraStatus::new(source.is_live(), source.interval());
        Self { source, look, sightings, status }
    }

    /// How the camera is doing.
    pub fn status(&self) -> CameraStatus {
        self.status.clone()
    }

    /// How closely it is attended to: to be told when somebody is shown what it sees.
    pub fn attention(&self) -> Attention {
        self.look.attention().clone()
    }

    /// Runs until the end.
    pub fn run(self, stop: &Stop) {
        let Self { source, mut look, sightings, status } = self;
        let newest = Newest::new();
        let stopper = CurrentStopper::default();
        thread::scope(|scope| {
            let mut reader = Reader {
                camera: look.camera().clone(),
                attention: look.attention().clone(),
                source,
                newest: &newest,
                stopper: &stopper,
                status: &status,
                stop,
                complaint: Complaint::default(),
                came: 0,
            };
            scope.spawn(move || reader.run());
            look.get_ready();
            work(&newest, &mut look, &sightings, &status, stop);
            // The reader may be waiting for a frame that never comes, or for its next try.
            stop.stop();
            stopper.stop();
        });
    }
}

/// Looks at the newest frame again and again.
fn work(newest: &Newest<Frame>, look: &mut Look, sightings: &SyncSender<Sighting>, status: &CameraStatus, stop: &Stop) {
    while !stop.is_stopped() {
        let frame = match newest.take(TICK) {
            Taken::Item(frame) => frame,
            Taken::TimedOut => continue,
            Taken::Closed => return,
        };
        match look.at(frame) {
            Ok(sighting) => {
                status.looked(&sighting);
                if sightings.send(sighting).is_err() {
                    return;
                }
            }
            // A model that fails does so on every frame: once is enough to say.
            Err(error) => {
                if status.cannot_look(&error.to_string()) {
                    tracing::error!(camera = &**look.camera(), %error, "frames cannot be looked at");
                }
            }
        }
    }
}

/// The reading thread of a watch.
struct Reader<'a> {
    camera: Arc<str>,
    attention: Attention,
    source: Box<dyn Source>,
    newest: &'a Newest<Frame>,
    stopper: &'a CurrentStopper,
    status: &'a CameraStatus,
    stop: &'a Stop,
    complaint: Complaint,
    /// Frames, read or not.
    came: u64,
}

impl Reader<'_> {
    fn run(&mut self) {
        // What ffmpeg says, and what else comes from below, does not name the camera by itself.
        let _camera = tracing::debug_span!("watch", camera = &*self.camera).entered();
        let mut pause = BACKOFF.0;
        while !self.stop.is_stopped() {
            let opened = Instant::now();
            match self.read_to_the_end() {
                Ok(()) => {
                    tracing::info!(camera = &*self.camera, frames = self.came, "the recording is over");
                    self.status.set(CameraState::Finished);
                    break;
                }
                Err(VideoError::Stopped { .. }) => break,
                Err(error) => {
                    if opened.elapsed() > WORKED {
                        pause = BACKOFF.0;
                    }
                    self.report_failure(&error, pause);
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
        self.status.opening();
        let mut stream = self.source.open()?;
        self.stopper.set(stream.stopper(), self.stop);
        let opened = Instant::now();
        // It may show something else than it did.
        self.attention.found(false, opened);
        let (mut live_since, mut unread) = (None, 0);
        let mut interval = None;
        while let Some(next) = stream.next_if(&buffers, &mut || self.attention.wants(Instant::now(), interval))? {
            self.came += 1;
            let Next::Frame(image) = next else {
                unread += 1;
                self.status.went_by();
                continue;
            };
            let is_first = self.status.frame_came(self.newest.dropped());
            let since = *live_since.get_or_insert_with(Instant::now);
            if is_first {
                interval = self.interval_of(stream.as_ref());
                self.report_live(stream.as_ref(), &image, opened);
            } else if since.elapsed() > WORKED {
                self.complaint.over();
            }
            let mut frame = Frame::read(stream.as_ref(), image, self.came, opened.elapsed(), &buffers);
            frame.unread = std::mem::take(&mut unread);
            self.newest.put(frame);
        }
        Ok(())
    }

    /// The time between two frames that come, as far as it is known.
    fn interval_of(&self, stream: &dyn Stream) -> Option<Duration> {
        let own = stream.fps().map(|fps| Duration::from_secs_f64(1.0 / fps));
        let least = Some(self.source.interval()).filter(|interval| !interval.is_zero());
        own.max(least)
    }

    fn report_live(&mut self, stream: &dyn Stream, image: &face::YuvImage, opened: Instant) {
        self.status.describe((image.width(), image.height()), stream.fps());
        let after_trouble = self.complaint.is_live(Instant::now());
        // One that comes and goes has been said to be live.
        if self.complaint.is_on() && after_trouble.is_none() {
            return;
        }
        tracing::info!(
            camera = &*self.camera,
            source = self.source.describe(),
            size = format!("{}×{}", image.width(), image.height()),
            fps = stream.fps(),
            opened_in_ms = opened.elapsed().as_millis() as u64,
            "{}",
            after_trouble.map_or("live".to_owned(), |lasted| format!("live again after {}", in_words(lasted)))
        );
    }

    /// The camera's state, and its line in the log when one is due.
    fn report_failure(&mut self, error: &VideoError, pause: Duration) {
        let reason = error.to_string();
        if let Some(lasting) = self.complaint.failed(Instant::now()) {
            let so_far = if lasting.is_zero() { String::new() } else { format!(" for {} now", in_words(lasting)) };
            tracing::warn!(
                camera = &*self.camera,
                reason,
                "failing{so_far}; trying again in {:.1} s",
                pause.as_secs_f32()
            );
        }
        self.status.set(match error {
            VideoError::Stalled { .. } => CameraState::Stalled(reason),
            _ => CameraState::Failed(reason),
        });
    }
}

/// A time span as people say it: `40 s`, `3 min`, `5 h`.
fn in_words(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
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
