use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use face::YuvImage;

use crate::child::{Child, Killer, Output};
use crate::colour_space::ToJpeg;
use crate::error::VideoError;
use crate::frame::Buffers;
use crate::input::{Input, Platform};
use crate::mask::mask_credentials;
use crate::source::{Next, Source, Stopper, Stream};
use crate::y4m::{Y4mError, Y4mReader};

/// What we ask ffmpeg for: 4:2:0 with 8 bits and even sides, in the colours that the camera has. Bringing them to those of a JPEG is quicker
/// done here, see [`ToJpeg`].
const CONVERSION: &str = "crop=floor(iw/2)*2:floor(ih/2)*2:0:0,format=yuv420p|yuvj420p";
/// By way of a buffer of so many bytes, which stays near the processor, frames go by that nobody wants. Others do not go
/// through it, but for their ends.
const BUFFER: usize = 32 << 10;
/// How long ffmpeg may take to exit after its last frame. One that waits for a frozen camera's goodbye would stay.
const PARTING: Duration = Duration::from_secs(1);

/// A frozen camera is to be noticed within ten seconds, which leaves some for an ffmpeg that is slow to go.
const STALL_TIMEOUT: Duration = Duration::from_secs(8);
/// ffmpeg gives up by itself after this many times as long as we do: it matters only where ffmpeg outlives us.
const LATER: u32 = 2;

/// At which pace a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As a camera would deliver it, by the recording's own clock.
    Live,
    /// Every frame, as fast as they are asked for.
    Fast,
}

/// How an [`FfmpegSource`] plays what it is given.
#[derive(Clone, Debug)]
pub struct FfmpegOptions {
    /// The program; looked up in `PATH` if it is a mere name.
    pub program: PathBuf,
    /// Concerns recordings and the test pattern; a camera has its own pace.
    pub pace: Pace,
    /// Whether a recording starts again at its end.
    pub repeat: bool,
    /// More options before ffmpeg's `-i`: hardware decoding (`-hwaccel auto`), a USB camera's size (`-video_size 1280x720`).
    pub extra_input_args: Vec<String>,
    /// How long to wait for a frame, the first one included, before the stream counts as stalled and is given up.
    pub stall_timeout: Duration,
    /// Most frames a second, above 0; ffmpeg drops the others before they are converted. `None` for all of them.
    pub fps_limit: Option<f64>,
}

impl Default for FfmpegOptions {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ffmpeg"),
            pace: Pace::Live,
            repeat: false,
            extra_input_args: Vec::new(),
            stall_timeout: STALL_TIMEOUT,
            fps_limit: None,
        }
    }
}

impl FfmpegOptions {
    /// Filters for ffmpeg. The limit cuts time into slots and passes the first frame of each: none is held back to see
    /// what comes after it, a camera whose frames come unevenly still gives as many as it may, and after a jump of the
    /// camera's clock, in whichever direction, it goes on with the slot that it jumped to. Frames without a time all pass.
    fn filters(&self) -> String {
        match self.fps_limit {
            Some(fps) => format!("select='not(eq(floor(t*{fps}),floor(prev_selected_t*{fps})))',{CONVERSION}"),
            None => CONVERSION.to_owned(),
        }
    }

    /// How long to wait for a frame, those that are dropped included.
    fn patience(&self) -> Duration {
        self.stall_timeout + self.interval()
    }

    /// Time between two frames of a limited camera, at the least.
    fn interval(&self) -> Duration {
        self.fps_limit.map_or(Duration::ZERO, |fps| Duration::from_secs_f64(1.0 / fps))
    }
}

/// Frames from whatever ffmpeg can read: USB and network cameras, recordings, photos, a test pattern. Each opening is an
/// ffmpeg process of its own, so that what kills a decoder does not kill us. The process ends with the stream, and on
/// Linux with the thread that opened it.
#[derive(Clone, Debug)]
pub struct FfmpegSource {
    input: Input,
    camera: String,
    options: FfmpegOptions,
}

impl FfmpegSource {
    /// A source for `given`: a USB camera's number or device, an `rtsp://`, `rtsps://`, `http://` or `https://` address,
    /// `testsrc` or `testsrc=WxH@FPS`, or else a file. Opens nothing yet; the error is one of spelling.
    pub fn new(given: &str, options: FfmpegOptions) -> Result<Self, VideoError> {
        let input = Input::parse(given, Platform::HERE)?;
        Ok(Self { input, camera: describe(given), options })
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |more: &[&str]| arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        if self.options.pace == Pace::Live && self.input.needs_pacing() {
            add(&["-re"]);
        }
        if self.options.repeat && self.input.is_recording() {
            add(&["-stream_loop", "-1"]);
        }
        arguments.extend(self.input.options(self.options.stall_timeout * LATER));
        arguments.extend(self.options.extra_input_args.iter().cloned());
        arguments.extend(["-i".to_owned(), self.input.address()]);
        // Timestamps pass as they are, or ffmpeg would double and drop frames to keep a constant rate.
        let filters = self.options.filters();
        let output = ["-an", "-sn", "-dn", "-vf", &filters, "-fps_mode", "passthrough", "-f", "yuv4mpegpipe", "pipe:1"];
        arguments.extend(output.map(str::to_owned));
        arguments
    }
}

impl Source for FfmpegSource {
    fn open(&mut self) -> Result<Box<dyn Stream>, VideoError> {
        self.input.check()?;
        let (child, output) = Child::writing(&self.options.program, &self.arguments())?;
        let watchdog = Watchdog::start(child.killer(), self.options.patience())
            .map_err(|cause| VideoError::ProgramFailed { program: self.options.program.clone(), cause })?;
        Ok(Box::new(FfmpegStream {
            camera: self.camera.clone(),
            ends: self.input.is_recording(),
            y4m: Y4mReader::new(BufReader::with_capacity(BUFFER, output)),
            seen_frame: false,
            to_jpeg: None,
            watchdog,
            child,
        }))
    }

    fn describe(&self) -> String {
        self.camera.clone()
    }

    fn is_live(&self) -> bool {
        !self.input.is_recording()
    }

    fn interval(&self) -> Duration {
        self.options.interval()
    }
}

/// What a camera is called in messages.
fn describe(given: &str) -> String {
    if given.bytes().all(|byte| byte.is_ascii_digit()) { format!("camera {given}") } else { mask_credentials(given) }
}

/// One ffmpeg process and what comes from it.
struct FfmpegStream {
    camera: String,
    /// Whether the end of the stream is the end of a recording.
    ends: bool,
    y4m: Y4mReader<BufReader<Output>>,
    seen_frame: bool,
    /// How its colours become those of a JPEG, if they are not; known with the first frame.
    to_jpeg: Option<Option<ToJpeg>>,
    watchdog: Arc<Watchdog>,
    child: Child,
}

impl Stream for FfmpegStream {
    fn next_if(&mut self, buffers: &Buffers, is_wanted: &mut dyn FnMut() -> bool) -> Result<Option<Next>, VideoError> {
        self.watchdog.waiting_since(Some(Instant::now()));
        let read = self.read(buffers, is_wanted);
        self.watchdog.waiting_since(None);
        match read {
            Ok(Some(next)) => {
                self.seen_frame = true;
                Ok(Some(next))
            }
            Ok(None) | Err(Y4mError::Empty | Y4mError::Truncated(_) | Y4mError::Io(_)) => self.end(),
            Err(cause) => Err(VideoError::Garbled { camera: self.camera.clone(), cause }),
        }
    }

    fn fps(&self) -> Option<f64> {
        self.y4m.known_header()?.fps
    }

    fn to_jpeg(&self) -> Option<ToJpeg> {
        self.to_jpeg.flatten()
    }

    fn stopper(&self) -> Stopper {
        let watchdog = Arc::clone(&self.watchdog);
        Stopper::new(move || watchdog.end(EndedBy::Stopper))
    }
}

impl FfmpegStream {
    fn read(&mut self, buffers: &Buffers, is_wanted: &mut dyn FnMut() -> bool) -> Result<Option<Next>, Y4mError> {
        let header = self.y4m.header()?;
        if !self.y4m.begin_frame()? {
            return Ok(None);
        }
        if !is_wanted() {
            return self.y4m.skip_planes().map(|()| Some(Next::Unread));
        }
        let mut planes = buffers.take(header.frame_len());
        self.y4m.read_planes(&mut planes)?;
        let (width, height) = (header.width, header.height);
        self.to_jpeg.get_or_insert_with(|| ToJpeg::from(header.range, self.child.matrix()));
        YuvImage::new(width, height, planes)
            .map(|image| Some(Next::Frame(image)))
            .ok_or(Y4mError::BadSize { width, height })
    }

    /// Nothing more comes: finds out why.
    fn end(&mut self) -> Result<Option<Next>, VideoError> {
        let exit = self.child.wait(PARTING);
        let camera = self.camera.clone();
        match self.watchdog.ended_by() {
            Some(EndedBy::Stopper) => return Err(VideoError::Stopped { camera }),
            Some(EndedBy::Stall) => return Err(VideoError::Stalled { camera, after: self.watchdog.patience }),
            Some(EndedBy::Drop) | None => {}
        }
        let said = self.child.last_words();
        let clean = exit.is_ok_and(|status| status.success());
        match (self.ends && clean, self.seen_frame) {
            (true, true) => Ok(None),
            (true, false) => Err(VideoError::NotVideo { camera, said: "it holds no frame".to_owned() }),
            (false, _) => Err(VideoError::from_last_words(&camera, &said)),
        }
    }
}

impl Drop for FfmpegStream {
    fn drop(&mut self) {
        self.watchdog.end(EndedBy::Drop);
    }
}

/// Kills an ffmpeg that sends no frame while one is waited for. Its thread ends when the stream does.
struct Watchdog {
    killer: Killer,
    patience: Duration,
    state: Mutex<WatchState>,
    ended: Condvar,
}

#[derive(Default)]
struct WatchState {
    /// Since when the reader waits for a frame. `None` while it is busy elsewhere: that is not the camera's fault.
    waiting_since: Option<Instant>,
    ended_by: Option<EndedBy>,
}

/// Who ended a stream that did not end by itself.
#[derive(Clone, Copy)]
enum EndedBy {
    Stopper,
    Stall,
    Drop,
}

impl Watchdog {
    fn start(killer: Killer, patience: Duration) -> io::Result<Arc<Self>> {
        let watchdog = Arc::new(Self { killer, patience, state: Mutex::default(), ended: Condvar::new() });
        let on_watch = Arc::clone(&watchdog);
        thread::Builder::new().name("watchdog".into()).spawn(move || on_watch.watch())?;
        Ok(watchdog)
    }

    /// Sleeps until the wait that it knows of would be too long; the reader need not wake it for every frame.
    fn watch(&self) {
        let mut state = self.lock();
        while state.ended_by.is_none() {
            let waited = state.waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
            let Some(left) = self.patience.checked_sub(waited).filter(|left| !left.is_zero()) else {
                drop(state);
                return self.end(EndedBy::Stall);
            };
            (state, _) = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting_since(&self, since: Option<Instant>) {
        self.lock().waiting_since = since;
    }

    fn ended_by(&self) -> Option<EndedBy> {
        self.lock().ended_by
    }

    /// Kills ffmpeg on behalf of `by`; who came first counts.
    fn end(&self, by: EndedBy) {
        self.lock().ended_by.get_or_insert(by);
        self.ended.notify_all();
        self.killer.kill();
    }

    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
