use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use face::YuvImage;

/// One picture of a camera with its place in time. Shared as `Arc<Frame>`; when the last holder lets go, its buffer
/// goes back to the [`Buffers`] that it came from.
#[derive(Debug)]
pub struct Frame {
    /// `None` only while the frame is being dropped.
    image: Option<YuvImage>,
    /// Counts from 1 in each opening of the camera's watch.
    pub id: u64,
    /// When the picture was read, on the wall clock.
    pub captured_at: SystemTime,
    /// When the picture was read, on the clock that never jumps: for the age of a frame.
    pub read_at: Instant,
    /// Place in a recording; for a camera, time since it was opened.
    pub position: Duration,
    home: Buffers,
}

impl Frame {
    /// A frame that was read just now into a buffer of `home`.
    pub fn new(image: YuvImage, id: u64, position: Duration, home: &Buffers) -> Self {
        let (captured_at, read_at) = (SystemTime::now(), Instant::now());
        Self { image: Some(image), id, captured_at, read_at, position, home: home.clone() }
    }

    /// The picture.
    pub fn image(&self) -> &YuvImage {
        self.image.as_ref().expect("the image leaves a frame only when the frame is dropped")
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(image) = self.image.take() {
            self.home.give_back(image.into_planes());
        }
    }
}

/// Buffers for frames, used again and again: a camera in steady state allocates nothing. A clone is the same pool.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Enough for a frame in each stage: being read, waiting, being worked on, being drawn, being encoded. More than
    /// that come from a burst and are let go.
    const KEPT: usize = 6;

    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` bytes. What is in it is left over from earlier frames.
    pub fn take(&self, len: usize) -> Vec<u8> {
        let mut buffer = self.kept(Vec::pop).unwrap_or_default();
        buffer.resize(len, 0);
        buffer
    }

    /// Keeps `buffer` for a later [`take`](Self::take).
    pub fn give_back(&self, buffer: Vec<u8>) {
        self.kept(|kept| {
            if kept.len() < Self::KEPT {
                kept.push(buffer);
            }
        });
    }

    fn kept<R>(&self, work: impl FnOnce(&mut Vec<Vec<u8>>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(buffers: &Buffers) -> Frame {
        let planes = buffers.take(YuvImage::len_for(32, 16));
        Frame::new(YuvImage::new(32, 16, planes).unwrap(), 1, Duration::ZERO, buffers)
    }

    #[test]
    fn the_next_frame_uses_the_buffer_of_one_that_everybody_let_go() {
        let buffers = Buffers::new();
        let first = Arc::new(frame(&buffers));
        let (second_holder, address) = (Arc::clone(&first), first.image().planes().as_ptr());
        drop(first);
        assert_ne!(frame(&buffers).image().planes().as_ptr(), address, "still held");
        drop(second_holder);
        assert!([frame(&buffers), frame(&buffers)].iter().any(|next| next.image().planes().as_ptr() == address));
    }

    #[test]
    fn a_burst_of_frames_does_not_keep_its_memory() {
        let buffers = Buffers::new();
        let burst: Vec<_> = (0..100).map(|_| frame(&buffers)).collect();
        drop(burst);
        assert_eq!(buffers.kept(|kept| kept.len()), Buffers::KEPT);
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
