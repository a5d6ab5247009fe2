use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use camera::{Attention, Painter, Pool, Pooled, Sighting, annotate};
use face::{FaceError, JpegEncoder, YuvImage};
use tokio::sync::watch;

/// The newest sighting of one camera for whoever wants to see it: the hub, a snapshot, a stream of pictures. A picture is
/// drawn and encoded when it is first asked for, and once however many ask. Clones show the same.
#[derive(Clone)]
pub struct Live {
    newest: watch::Sender<Option<Pooled<LiveFrame>>>,
    studio: Arc<Mutex<Studio>>,
    frames: Pool<LiveFrame>,
    attention: Attention,
}

/// One sighting with its pictures.
pub struct LiveFrame {
    sighting: Sighting,
    attention: Attention,
    studio: Arc<Mutex<Studio>>,
    plain: Mutex<Option<Bytes>>,
    annotated: Mutex<Option<Bytes>>,
}

/// What pictures are made with.
struct Studio {
    encoder: JpegEncoder,
    painter: Painter,
    /// The memory of the picture that was drawn last.
    canvas: Vec<u8>,
}

impl Live {
    /// Nothing seen yet. `quality` is that of the JPEGs, 1–100; `attention` is told when somebody is shown what the camera sees.
    ///
    /// # Errors
    /// When there is no JPEG encoder for this quality.
    pub fn new(quality: u8, attention: Attention) -> Result<Self, FaceError> {
        let encoder = JpegEncoder::new(quality)?;
        let studio = Studio { encoder, painter: Painter::new(), canvas: Vec::new() };
        let (newest, studio) = (watch::Sender::new(None), Arc::new(Mutex::new(studio)));
        Ok(Self { newest, studio, frames: Pool::default(), attention })
    }

    /// Makes `sighting` the newest, and returns it with its pictures.
    pub fn show(&self, sighting: Sighting) -> Pooled<LiveFrame> {
        let (studio, attention) = (Arc::clone(&self.studio), self.attention.clone());
        let (plain, annotated) = Default::default();
        let frame = self.frames.put(LiveFrame { sighting, attention, studio, plain, annotated });
        self.newest.send_replace(Some(frame.clone()));
        frame
    }

    /// The newest sighting; `None` before the first.
    pub fn newest(&self) -> Option<Pooled<LiveFrame>> {
        self.newest.borrow().clone()
    }

    /// The newest sighting as it changes. Slow followers miss those in between. Ends when the last clone of this is gone.
    pub fn follow(&self) -> watch::Receiver<Option<Pooled<LiveFrame>>> {
        self.newest.subscribe()
    }
}

impl LiveFrame {
    /// What was seen.
    pub fn sighting(&self) -> &Sighting {
        &self.sighting
    }

    /// Tells the camera that somebody watches.
    pub(crate) fn shown(&self) {
        self.attention.shown();
    }

    /// The frame as JPEG, as it came or with boxes and names drawn into it. Takes a few milliseconds the first time.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn jpeg(&self, annotated: bool) -> Result<Bytes, FaceError> {
        self.shown();
        // Where nobody is seen there is nothing to draw.
        let annotated = annotated && !self.sighting.faces.is_empty();
        let mut made = lock(if annotated { &self.annotated } else { &self.plain });
        if let Some(jpeg) = &*made {
            return Ok(jpeg.clone());
        }
        let mut studio = lock(&self.studio);
        let jpeg = match annotated {
            true => studio.encode_drawn(&self.sighting),
            false => studio.encoder.encode(self.sighting.frame.image()),
        };
        Ok(made.insert(jpeg?.into()).clone())
    }

    /// The frame with boxes and names drawn into it.
    pub fn annotated_picture(&self) -> YuvImage {
        self.shown();
        lock(&self.studio).draw(&self.sighting)
    }
}

impl Studio {
    fn encode_drawn(&mut self, sighting: &Sighting) -> Result<Vec<u8>, FaceError> {
        let picture = self.draw(sighting);
        let jpeg = self.encoder.encode(&picture);
        self.canvas = picture.into_planes();
        jpeg
    }

    fn draw(&mut self, sighting: &Sighting) -> YuvImage {
        let mut picture = sighting.frame.image().copied_into(std::mem::take(&mut self.canvas));
        annotate(&mut self.painter, &mut picture, &sighting.faces);
        picture
    }
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
