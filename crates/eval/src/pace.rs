//! How long packs take on this machine.

use std::time::Instant;

use face::{Engine, Part, Picture, RgbImage, Runtime};
use models::InstalledPack;
use serde::Serialize;

use crate::EvalError;
use crate::interval::short;
use crate::shots::main_face;

/// Pixels of the frames that packs are timed on: those of an ordinary camera.
pub const FRAME: (u32, u32) = (640, 480);

/// How often each frame is looked at with each pack.
pub const ROUNDS: usize = 10;

/// Milliseconds of each stage of one pack, on one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pace {
    /// Finding all faces of a frame.
    pub detect: Spread,
    /// The points of its main face; next to nothing where the detector gives them.
    pub landmark: Spread,
    /// Alignment and embedding of its main face.
    pub embed: Spread,
    /// All of these: a frame with a face that is to be recognised.
    pub frame: Spread,
    /// Frames in which a face was found, each looked at several times.
    pub frames_with_a_face: usize,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the runs took no longer.
    pub median: f64,
    /// One in 20 took no longer.
    pub p5: f64,
    /// 19 in 20 took no longer.
    pub p95: f64,
}

impl Spread {
    /// Of times in seconds; all 0 where there are none.
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * seconds.len().saturating_sub(1) as f64).round() as usize;
            short(seconds.get(place).copied().unwrap_or_default() * 1e3)
        };
        Self { median: at(0.5), p5: at(0.05), p95: at(0.95) }
    }
}

/// Times of one pack, in seconds.
#[derive(Default)]
struct Laps {
    detect: Vec<f64>,
    landmark: Vec<f64>,
    embed: Vec<f64>,
    frame: Vec<f64>,
}

/// Times every pack on every frame, [`ROUNDS`] times, on the calling thread. Packs take turns at each frame, so that a machine that is
/// busy for a while is so for all of them. `progress` is called once for each frame and pack.
///
/// # Errors
/// Models that cannot be loaded or fail.
pub fn pace(
    runtime: &Runtime,
    packs: &[InstalledPack],
    frames: &[RgbImage],
    progress: &dyn Fn(),
) -> Result<Vec<Pace>, EvalError> {
    let mut engines = packs.iter().map(|pack| Engine::open(runtime, pack)).collect::<Result<Vec<_>, _>>()?;
    let mut laps: Vec<Laps> = packs.iter().map(|_| Laps::default()).collect();
    if let Some(frame) = frames.first() {
        // The first run of a model takes longer: memory is claimed.
        engines.iter_mut().try_for_each(|engine| look(engine, frame, &mut Laps::default()))?;
    }
    for frame in (0..ROUNDS).flat_map(|_| frames) {
        for (engine, laps) in engines.iter_mut().zip(&mut laps) {
            look(engine, frame, laps)?;
            progress();
        }
    }
    Ok(laps.into_iter().map(Pace::of).collect())
}

/// A picture as a camera would show it: see [`RgbImage::framed`].
pub fn frame_of(picture: &dyn Picture) -> RgbImage {
    RgbImage::framed(picture, FRAME.0, FRAME.1)
}

fn look(engine: &mut Engine, frame: &RgbImage, laps: &mut Laps) -> Result<(), EvalError> {
    let started = Instant::now();
    let found = engine.detect_in(frame, 1.0, &[Part::Whole])?;
    let detected = Instant::now();
    laps.detect.push((detected - started).as_secs_f64());
    let Some(main) = main_face(&found, frame) else { return Ok(()) };
    let landmarks = engine.landmarks(frame, main)?;
    let aligned = Instant::now();
    engine.embed_ungated(frame, main, &landmarks)?;
    laps.landmark.push((aligned - detected).as_secs_f64());
    laps.embed.push(aligned.elapsed().as_secs_f64());
    laps.frame.push(started.elapsed().as_secs_f64());
    Ok(())
}

impl Pace {
    fn of(laps: Laps) -> Self {
        Self {
            frames_with_a_face: laps.frame.len() / ROUNDS,
            detect: Spread::of(laps.detect),
            landmark: Spread::of(laps.landmark),
            embed: Spread::of(laps.embed),
            frame: Spread::of(laps.frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_in_milliseconds() {
        let seconds = (0..=100).rev().map(|at| f64::from(at) / 1e3).collect();
        assert_eq!(Spread::of(seconds), Spread { median: 50.0, p5: 5.0, p95: 95.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
