use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use face::{DecodeLimits, Detection, Embedding, Engine, FaceError, FivePoints, Picture, Rect, RgbImage, Runtime};
use models::InstalledPack;

use crate::EvalError;
use crate::dataset::Photo;

/// What photos may cost, and how many are looked at at a time.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    /// Pixels.
    pub decode: DecodeLimits,
    /// Largest file in bytes.
    pub photo_bytes: u64,
    /// Engines, each on a thread of its own; at least 1.
    pub engines: usize,
}

/// What was seen in one photo.
#[derive(Clone, Debug)]
pub enum Shot {
    /// Its main face.
    Face(Box<MainFace>),
    /// No face was found.
    Missed(Times),
    /// The file is no picture that can be read.
    Unreadable(String),
}

/// A photo's main face, whatever the pack's gates say of it.
#[derive(Clone, Debug)]
pub struct MainFace {
    /// Its box in pixels.
    pub area: Rect,
    /// Its five points in pixels.
    pub landmarks: FivePoints,
    /// Its embedding.
    pub embedding: Embedding,
    /// Faces that the detector found.
    pub faces: usize,
    /// Where the time went.
    pub times: Times,
}

/// Milliseconds of each stage on one photo; what did not happen is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// From the file's bytes to pixels.
    pub decode: f64,
    /// Finding the boxes of all faces.
    pub detect: f64,
    /// The points of the main face.
    pub landmark: Option<f64>,
    /// Its alignment and embedding.
    pub embed: Option<f64>,
}

/// The face that a labelled photo is about: the most prominent one.
pub fn main_face<'a>(found: &'a [Detection], picture: &dyn Picture) -> Option<&'a Detection> {
    let rank = |face: &Detection| face.area.prominence((picture.width(), picture.height()));
    // Of equals the first, as the reference has it.
    found.iter().rev().max_by(|a, b| rank(a).total_cmp(&rank(b)))
}

/// Looks at every photo, several at a time. `progress` is called after each.
///
/// # Errors
/// Models that cannot be loaded or fail. What is wrong with a photo is its [`Shot`].
pub fn look_at_all(
    runtime: &Runtime,
    installed: &InstalledPack,
    photos: &[Photo],
    looking: &Looking,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Shot>, EvalError> {
    let next = AtomicUsize::new(0);
    let seen: Vec<Mutex<Option<Shot>>> = photos.iter().map(|_| Mutex::new(None)).collect();
    let work = || -> Result<(), EvalError> {
        let mut engine = Engine::open(runtime, installed)?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(photo) = photos.get(at) else { return Ok(()) };
            let shot = look_at(&mut engine, &photo.path, looking);
            if shot.is_err() {
                // The others need not go on.
                next.store(photos.len(), Ordering::Relaxed);
            }
            *seen[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(shot?);
            progress();
        }
    };
    std::thread::scope(|scope| {
        let threads = looking.engines.clamp(1, photos.len().max(1));
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let shot = |cell: Mutex<Option<Shot>>| cell.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.into_iter().filter_map(shot).collect())
}

/// Reads a photo's file in full.
///
/// # Errors
/// A sentence on the file.
pub fn read(path: &Path, looking: &Looking) -> Result<RgbImage, String> {
    face::decode(&bytes_of(path, looking)?, &looking.decode).map_err(|error| error.to_string())
}

fn bytes_of(path: &Path, looking: &Looking) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > looking.photo_bytes {
        return Err(format!("the file is larger than the {} MB allowed", looking.photo_bytes / 1_000_000));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn look_at(engine: &mut Engine, path: &Path, looking: &Looking) -> Result<Shot, FaceError> {
    let started = Instant::now();
    let read = |bytes: Vec<u8>| engine.read(&bytes, &looking.decode).map_err(|error| error.to_string());
    let image = match bytes_of(path, looking).and_then(read) {
        Ok(image) => image,
        Err(problem) => return Ok(Shot::Unreadable(problem)),
    };
    let mut times = Times { decode: lap(started), ..Times::default() };
    let started = Instant::now();
    let found = engine.detect(&image, 1.0)?;
    times.detect = lap(started);
    let Some(main) = main_face(&found, &image) else { return Ok(Shot::Missed(times)) };
    let started = Instant::now();
    let landmarks = engine.landmarks(&image, main)?;
    times.landmark = Some(lap(started));
    let started = Instant::now();
    let embedding = engine.embed_ungated(&image, main, &landmarks)?;
    times.embed = Some(lap(started));
    Ok(match embedding {
        Some(embedding) => {
            Shot::Face(Box::new(MainFace { area: main.area, landmarks, embedding, faces: found.len(), times }))
        }
        None => Shot::Missed(times),
    })
}

fn lap(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_face_is_large_and_near_the_middle() {
        let picture = face::RgbImage::new(200, 200, vec![0; 200 * 200 * 3]).unwrap();
        let face = |left: f32, side: f32| Detection {
            area: Rect { left, top: 100.0 - side / 2.0, right: left + side, bottom: 100.0 + side / 2.0 },
            score: 0.9,
            five: None,
        };
        let (middle, larger_at_the_edge, much_larger) = (face(70.0, 60.0), face(0.0, 70.0), face(20.0, 120.0));
        assert_eq!(main_face(&[larger_at_the_edge, middle], &picture), Some(&middle));
        assert_eq!(main_face(&[middle, much_larger], &picture), Some(&much_larger));
        assert_eq!(main_face(&[], &picture), None);
    }
}
