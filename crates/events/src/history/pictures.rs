//! The thread that makes pictures of events. Recognition never waits for it.
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use camera::BestShot;
use face::{Area, FaceError, JpegEncoder, Rect, YuvImage};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::media::{Media, Picture};
use super::memory::Memory;
use crate::EventsError;
use crate::trouble::Trouble;

/// Pictures that may wait: each holds a frame of its camera in memory.
const WAITING: usize = 16;

/// Good enough to look at, and to enrol from.
const QUALITY: u8 = 90;

/// How much of the surroundings is shown at each side of a face, as a share of its size.
const MARGIN: f32 = 0.4;

/// Pictures of which there is a file now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    pub face: bool,
    pub frame: bool,
}

/// Takes best shots, and makes and keeps their pictures on a thread of its own, until [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct Pictures {
    queue: Mutex<Option<SyncSender<Job>>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Debug)]
struct Job {
    id: String,
    shot: BestShot,
}

impl Pictures {
    /// `memory` hears of each picture, made or not.
    pub fn start(media: Media, memory: Arc<Memory>) -> Result<Self, EventsError> {
        let failed = |reason: String| EventsError::Pictures { reason };
        let encoder = JpegEncoder::new(QUALITY).map_err(|error| failed(error.to_string()))?;
        let (queue, jobs) = sync_channel(WAITING);
        let (done, finished) = oneshot::channel();
        let mut studio = Studio { encoder, media, memory, trouble: Trouble::default() };
        let work = move || {
            studio.run(&jobs);
            // The error says that nobody waits for the end.
            let _ = done.send(());
        };
        thread::Builder::new().name("pictures".to_owned()).spawn(work).map_err(|error| failed(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), finished: Mutex::new(Some(finished)) })
    }

    /// Has pictures of `shot` made. `false` when too many wait already, or the service is ending.
    pub fn take(&self, id: &str, shot: BestShot) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| queue.try_send(Job { id: id.to_owned(), shot }).is_ok())
    }

    /// Takes no more, and waits until those are made that were taken.
    pub async fn finish(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(finished) = finished {
            // The error says that the thread panicked: it has ended as well.
            let _ = finished.await;
        }
    }
}

struct Studio {
    encoder: JpegEncoder,
    media: Media,
    memory: Arc<Memory>,
    trouble: Trouble,
}

/// Why a picture could not be kept.
#[derive(Debug, thiserror::Error)]
enum PictureError {
    #[error(transparent)]
    Jpeg(#[from] FaceError),
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Studio {
    fn run(&mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            let kept = self.keep(&job);
            self.memory.pictured(&job.id, kept);
        }
    }

    fn keep(&mut self, job: &Job) -> Kept {
        let Ok(id) = Uuid::try_parse(&job.id) else { return Kept::default() };
        let picture = job.shot.frame.image();
        let face = area_of(&job.shot.area, picture).and_then(|area| picture.crop(area));
        let made = self.save(id, Picture::Frame, picture).and_then(|()| match &face {
            Some(face) => self.save(id, Picture::Face, face),
            None => Ok(()),
        });
        match made {
            Ok(()) => {
                if self.trouble.over() {
                    tracing::info!("events have pictures again");
                }
                Kept { face: face.is_some(), frame: true }
            }
            Err(error) => {
                if self.trouble.failed() {
                    tracing::error!(%error, "events are kept without pictures: see to MEDIA_DIR and its disk");
                }
                Kept::default()
            }
        }
    }

    fn save(&mut self, id: Uuid, kind: Picture, picture: &YuvImage) -> Result<(), PictureError> {
        let jpeg = self.encoder.encode(picture)?;
        Ok(self.media.save(id, kind, &jpeg)?)
    }
}

/// A face with its surroundings, as far as they are in the picture; `None` for a face outside it.
fn area_of(face: &Rect, picture: &YuvImage) -> Option<Area> {
    let (across, down) = (face.width() * MARGIN, face.height() * MARGIN);
    // A cast of a negative number gives 0.
    let (left, top) = ((face.left - across) as u32, (face.top - down) as u32);
    let right = ((face.right + across) as u32).min(picture.width());
    let bottom = ((face.bottom + down) as u32).min(picture.height());
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    (width > 0 && height > 0).then_some(Area { left, top, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(left: f32, top: f32, right: f32, bottom: f32) -> Option<[u32; 4]> {
        let picture = YuvImage::new(64, 48, vec![0; YuvImage::len_for(64, 48)]).unwrap();
        let area = area_of(&Rect { left, top, right, bottom }, &picture)?;
        assert!(picture.crop(area).is_some());
        Some([area.left, area.top, area.width, area.height])
    }

    #[test]
    fn a_face_is_shown_with_its_surroundings_as_far_as_there_are_any() {
        assert_eq!(area(20.0, 20.0, 30.0, 30.0), Some([16, 16, 18, 18]));
        assert_eq!(area(-5.0, 0.0, 200.0, 200.0), Some([0, 0, 64, 48]));
        assert_eq!(area(62.0, 40.0, 66.0, 44.0), Some([60, 38, 4, 7]));
        assert_eq!(area(90.0, 0.0, 100.0, 10.0), None);
        assert_eq!(area(f32::NAN, f32::NAN, f32::NAN, f32::NAN), None);
    }
}
