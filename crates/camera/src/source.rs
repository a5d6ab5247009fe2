use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use face::YuvImage;

use crate::colour_space::ToJpeg;
use crate::error::VideoError;
use crate::frame::Buffers;

/// Where frames come from: a camera, a recording, or in tests a list of pictures. It may be opened again and again;
/// each time the frames start anew.
pub trait Source: Send {
    /// Starts the stream and returns at once: what a camera that cannot be reached has to say comes from the first
    /// [`Stream::next`]. To be called on the thread that will read the stream and outlive it: on Linux the program
    /// behind it is killed when the thread that started it ends.
    fn open(&mut self) -> Result<Box<dyn Stream>, VideoError>;

    /// The camera as messages name it; passwords in addresses are masked.
    fn describe(&self) -> String;

    /// Whether frames come at a camera's pace without an end. If not, it is a recording: `next` gives `None` at the end.
    fn is_live(&self) -> bool;

    /// The time between two frames, where it is known to be long: a camera that is let send few frames is not silent.
    fn interval(&self) -> Duration {
        Duration::ZERO
    }
}

/// Frames of one opening of a [`Source`], in order. Ends for good with the first `None` or error; dropping it frees
/// everything that stands behind it.
pub trait Stream: Send {
    /// Waits for the next frame, and asks `is_wanted` when it begins to come. If it is, reads it into a buffer from `buffers`, in the stream's own
    /// colours. `None` at the end of a recording; the end of a live stream is [`VideoError::Ended`], being stopped is [`VideoError::Stopped`].
    fn next_if(&mut self, buffers: &Buffers, is_wanted: &mut dyn FnMut() -> bool) -> Result<Option<Next>, VideoError>;

    /// The next frame, whatever it is, as [`next_if`](Self::next_if) gives it.
    fn next(&mut self, buffers: &Buffers) -> Result<Option<YuvImage>, VideoError> {
        loop {
            match self.next_if(buffers, &mut || true)? {
                Some(Next::Frame(image)) => return Ok(Some(image)),
                Some(Next::Unread) => {}
                None => return Ok(None),
            }
        }
    }

    /// Frames a second as the stream states them; known after the first frame, if at all.
    fn fps(&self) -> Option<f64>;

    /// How its colours become those of a JPEG, where they are others; known after the first frame.
    fn to_jpeg(&self) -> Option<ToJpeg> {
        None
    }

    /// Ends this stream from another thread, even while that one waits in [`next`](Self::next).
    fn stopper(&self) -> Stopper;
}

/// What has become of a frame that came.
#[derive(Debug)]
pub enum Next {
    /// It was wanted.
    Frame(YuvImage),
    /// It was not, and has gone by.
    Unread,
}

/// Ends a [`Stream`] from any thread. Stopping twice, or after the stream's end, does nothing.
#[derive(Clone)]
pub struct Stopper(Arc<dyn Fn() + Send + Sync>);

impl Stopper {
    /// `stop` makes the stream's `next` return soon; it must not block.
    pub fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(stop))
    }

    /// Ends the stream.
    pub fn stop(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}
