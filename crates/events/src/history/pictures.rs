//! The thread that makes pictures of events. Recognition never waits for it.
use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use camera::BestShot;
use face::{Area, FaceError, JpegEncoder, Rect, YuvImage};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::media::{Media, MediaLimits, Picture};
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
    /// `memory` hears of each picture, made or not; `limits` say what goes when the disk is full.
    pub fn start(media: Media, limits: MediaLimits, memory: Arc<Memory>) -> Result<Self, EventsError> {
        let failed = |reason: String| EventsError::Pictures { reason };
        let encoder = JpegEncoder::new(QUALITY).map_err(|error| failed(error.to_string()))?;
        let (queue, jobs) = sync_channel(WAITING);
        let (done, finished) = oneshot::channel();
        let mut studio = Studio { encoder, media, limits, memory, trouble: Trouble::default() };
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
    limits: MediaLimits,
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

    /// One picture may fail where the other does not.
    fn keep(&mut self, job: &Job) -> Kept {
        let Ok(id) = Uuid::try_parse(&job.id) else { return Kept::default() };
        let picture = job.shot.frame.image();
        let face = area_of(&job.shot.area, picture).and_then(|area| picture.crop(area));
        let frame = self.save(id, Picture::Frame, picture);
        let face = face.map(|face| self.save(id, Picture::Face, &face));
        let kept = Kept { face: matches!(face, Some(Ok(()))), frame: frame.is_ok() };
        self.report(frame.and(face.unwrap_or(Ok(()))));
        kept
    }

    fn report(&mut self, made: Result<(), PictureError>) {
        match made {
            Ok(()) if self.trouble.over() => tracing::info!("events have pictures again"),
            Err(error) if self.trouble.failed() => {
                tracing::error!(%error, "events are kept without pictures: see to MEDIA_DIR and its disk");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn save(&mut self, id: Uuid, kind: Picture, picture: &YuvImage) -> Result<(), PictureError> {
        let jpeg = self.encoder.encode(picture)?;
        let (media, limits) = (&self.media, self.limits);
        if self.trouble.is_on() {
            // Room was made already, and was not enough.
            return Ok(media.save(id, kind, &jpeg)?);
        }
        Ok(with_room(|| media.save(id, kind, &jpeg), || media.sweep(limits))?)
    }
}

/// Saves; when the disk is full, makes room and tries again, once.
fn with_room(save: impl Fn() -> io::Result<()>, make_room: impl FnOnce() -> io::Result<u64>) -> io::Result<()> {
    match save() {
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            let removed = make_room()?;
            tracing::warn!(removed, "the disk of MEDIA_DIR is full: pictures removed by MEDIA_DAYS and MEDIA_MAX_MB");
            save()
        }
        saved => saved,
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
    use std::cell::Cell;
    use std::fs;
    use std::time::Duration;

    use camera::{Buffers, Frame};

    use super::*;

    const LIMITS: MediaLimits = MediaLimits { age: None, bytes: u64::MAX };

    #[tokio::test]
    async fn a_picture_that_could_be_kept_is_told_of_though_the_other_could_not() {
        let folder = tempfile::tempdir().unwrap();
        let (media, memory) = (Media::new(folder.path()), Arc::new(Memory::new()));
        let encoder = JpegEncoder::new(QUALITY).unwrap();
        let mut studio = Studio { encoder, media: media.clone(), limits: LIMITS, memory, trouble: Trouble::default() };
        let image = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).unwrap();
        let frame = Frame::new(image, 1, Duration::ZERO, &Buffers::new()).shared();
        let area = Rect { left: 20.0, top: 10.0, right: 40.0, bottom: 30.0 };
        let id = Uuid::parse_str("01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0").unwrap();
        let job = Job { id: id.to_string(), shot: BestShot { frame, area } };

        let kept = studio.keep(&job);
        assert!(kept.face && kept.frame);
        let day = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        for (name, face, frame) in [("face", false, true), ("frame", true, false)] {
            // A folder of that name is in the way.
            let file = day.join(format!("{id}-{name}.jpg"));
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
            let kept = studio.keep(&job);
            assert_eq!((kept.face, kept.frame), (face, frame), "{name}");
            fs::remove_dir(&file).unwrap();
            studio.keep(&job);
        }
        assert!(media.read(id, Picture::Face).await.unwrap().is_some() && !studio.trouble.is_on());
    }

    #[test]
    fn a_full_disk_is_made_room_on_once() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        let (tries, sweeps) = (Cell::new(0), Cell::new(0));
        let sweep = || {
            sweeps.set(sweeps.get() + 1);
            Ok(3)
        };
        let save = |fails: u32| {
            tries.set(tries.get() + 1);
            if tries.get() > fails { Ok(()) } else { Err(full()) }
        };
        assert!(with_room(|| save(1), sweep).is_ok());
        assert_eq!((tries.replace(0), sweeps.replace(0)), (2, 1));
        assert_eq!(with_room(|| save(9), sweep).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!((tries.get(), sweeps.replace(0)), (2, 1));
        assert!(with_room(|| Err(ErrorKind::PermissionDenied.into()), sweep).is_err());
        assert_eq!(sweeps.get(), 0);
    }

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
