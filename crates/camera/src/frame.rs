use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use face::YuvImage;

use crate::pool::{Pool, Pooled};
use crate::{Stream, ToJpeg};

/// One picture of a camera with its place in time. When it is dropped its buffer goes back to the [`Buffers`] that it came from.
#[derive(Debug)]
pub struct Frame {
    /// As it was read. `None` only while the frame is being dropped.
    image: Option<YuvImage>,
    /// What is still to be done to its colours. Nothing is while nobody looks at them: most frames show what the one before showed.
    to_jpeg: Option<ToJpeg>,
    /// With the colours of a JPEG, where that is not `image` itself.
    shown: OnceLock<YuvImage>,
    /// Counts from 1 in each opening of the camera's watch.
    pub id: u64,
    /// When the picture was read, on the wall clock.
    pub captured_at: SystemTime,
    /// When the picture was read, on the clock that never jumps: for the age of a frame.
    pub read_at: Instant,
    /// Place in a recording; for a camera, time since it was opened.
    pub position: Duration,
    /// How many frames before this one went by unread, since the scene was at rest.
    pub unread: u32,
    home: Buffers,
}

impl Frame {
    /// A frame with the colours of a JPEG, that was made just now, in a buffer of `home`.
    pub fn new(image: YuvImage, id: u64, position: Duration, home: &Buffers) -> Self {
        let (captured_at, read_at) = (SystemTime::now(), Instant::now());
        let (image, to_jpeg, shown) = (Some(image), None, OnceLock::new());
        Self { image, to_jpeg, shown, id, captured_at, read_at, position, unread: 0, home: home.clone() }
    }

    /// The frame that `stream` has just read into a buffer of `home`.
    pub fn read(stream: &dyn Stream, image: YuvImage, id: u64, position: Duration, home: &Buffers) -> Self {
        let mut frame = Self::new(image, id, position, home);
        frame.to_jpeg = stream.to_jpeg();
        frame
    }

    /// The same for many holders, in memory that a frame before it had, where there is such.
    pub fn shared(self) -> SharedFrame {
        let places = self.home.places.clone();
        places.put(self)
    }

    /// The picture, with the colours of a JPEG; made the first time, where the camera has others.
    pub fn image(&self) -> &YuvImage {
        let image = self.as_sent();
        let Some(to_jpeg) = self.to_jpeg else { return image };
        self.shown.get_or_init(|| {
            let mut shown = image.copied_into(self.home.take(image.planes().len()));
            to_jpeg.apply(&mut shown);
            shown
        })
    }

    /// What tells it from the other frames of its camera.
    pub fn mark(&self) -> FrameMark {
        FrameMark(self.id, self.read_at)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.as_sent().width(), self.as_sent().height())
    }

    /// The picture in the camera's own colours.
    pub(crate) fn as_sent(&self) -> &YuvImage {
        self.image.as_ref().expect("the image leaves a frame only when the frame is dropped")
    }

    /// Levels of a JPEG's brightness for one of the camera's.
    pub(crate) fn luma_gain(&self) -> f32 {
        self.to_jpeg.map_or(1.0, |to_jpeg| to_jpeg.luma_gain())
    }

    /// Changes the colours in place, for somebody who is going to look at them.
    pub(crate) fn show(&mut self) {
        if let (Some(to_jpeg), Some(image)) = (self.to_jpeg.take(), &mut self.image) {
            to_jpeg.apply(image);
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        for image in [self.image.take(), self.shown.take()].into_iter().flatten() {
            self.home.give_back(image.into_planes());
        }
    }
}

/// A frame that many hold. It is megabytes: nobody should for longer than it is looked at.
pub type SharedFrame = Pooled<Frame>;

/// Which frame of a camera it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMark(u64, Instant);

/// Memory for frames, used again and again: a camera in steady state allocates nothing. A clone is the same pool.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    planes: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Where shared frames are.
    places: Pool<Frame>,
}

impl Buffers {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` bytes. What is in it is left over from earlier frames.
    pub fn take(&self, len: usize) -> Vec<u8> {
        let mut buffer = self.with(Vec::pop).unwrap_or_default();
        buffer.resize(len, 0);
        buffer
    }

    /// Keeps `buffer` for a later [`take`](Self::take).
    pub fn give_back(&self, buffer: Vec<u8>) {
        self.with(|planes| {
            if planes.len() < Pool::<Frame>::KEPT {
                planes.push(buffer);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut Vec<Vec<u8>>) -> R) -> R {
        work(&mut self.planes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Range;
    use crate::colour_space::Matrix;

    fn frame(buffers: &Buffers) -> Frame {
        let planes = buffers.take(YuvImage::len_for(32, 16));
        Frame::new(YuvImage::new(32, 16, planes).unwrap(), 1, Duration::ZERO, buffers)
    }

    #[test]
    fn the_next_frame_uses_the_buffer_of_one_that_everybody_let_go() {
        let buffers = Buffers::new();
        let memory = |frame: &SharedFrame| frame.image().planes().as_ptr();
        let first = frame(&buffers).shared();
        let (second_holder, here) = (first.clone(), memory(&first));
        drop(first);
        assert_eq!(second_holder.id, 1);
        let second = frame(&buffers).shared();
        assert_ne!(memory(&second), here, "still held");
        drop(second_holder);
        assert_eq!(memory(&frame(&buffers).shared()), here);
    }

    #[test]
    fn colours_are_the_same_whoever_looks_first_and_both_buffers_come_back() {
        let buffers = Buffers::new();
        let as_sent = || {
            let mut frame = frame(&buffers);
            frame.image.as_mut().unwrap().planes_mut().fill(16);
            frame.to_jpeg = ToJpeg::from(Range::Limited, Matrix::Bt601);
            frame
        };
        let (mut looked_at, still) = (as_sent(), as_sent());
        looked_at.show();
        assert_eq!((still.image().luma()[0], still.as_sent().luma()[0], still.size()), (0, 16, (32, 16)));
        assert_eq!(looked_at.image(), still.image());
        assert!(looked_at.luma_gain() == 1.0 && (still.luma_gain() - 255.0 / 219.0).abs() < 1e-3);
        drop((looked_at, still));
        assert_eq!(buffers.with(|planes| planes.len()), 3);
    }

    #[test]
    fn a_burst_of_frames_does_not_keep_its_memory() {
        let buffers = Buffers::new();
        let burst: Vec<_> = (0..100).map(|_| frame(&buffers).shared()).collect();
        drop(burst);
        assert_eq!(buffers.with(|planes| planes.len()), Pool::<Frame>::KEPT);
    }

    #[test]
    fn a_buffer_has_the_asked_length_whatever_it_held_before() {
        let buffers = Buffers::new();
        buffers.give_back(vec![1; 10]);
        assert_eq!(buffers.take(20).len(), 20);
        buffers.give_back(vec![1; 10]);
        assert_eq!(buffers.take(4).len(), 4);
    }
}
