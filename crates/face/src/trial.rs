//! Trying an embedder's int8 form: what its values are for real faces, whether it tells what the f32 form does, and which is faster.

use std::path::Path;
use std::time::{Duration, Instant};

use models::onnx::Seen;
use models::{InstalledPack, Trial};

use crate::FaceError;
use crate::engine::Engine;
use crate::geometry::{Point, Similarity};
use crate::image::Picture;
use crate::session::{Model, Runtime, shape_of};

/// Each face is shown so often, each time a little otherwise.
const VIEWS: u32 = 20;

/// Embeddings of the same chip by both forms are nearer than this, or the int8 form is not used.
const LEAST_COSINE: f32 = 0.95;

/// Lengths of the raw output by both forms differ by less than this share: the gates are for f32.
const NORM_SHARE: f32 = 0.08;

/// Used is what takes no more than this share of the time.
const FASTER: f64 = 0.9;

/// How often both are timed, in turn.
const ROUNDS: usize = 60;

/// Aligned faces as the pack's embedder is fed: those of `photos`, turned, moved, scaled and lit in many ways.
///
/// # Errors
/// [`FaceError::Model`] and [`FaceError::Inference`] when a model cannot be used.
pub fn views_of_faces(
    runtime: &Runtime,
    installed: &InstalledPack,
    photos: &[&dyn Picture],
) -> Result<Vec<Vec<f32>>, FaceError> {
    let mut engine = Engine::open(runtime, installed)?;
    let mut views = Vec::new();
    for photo in photos {
        for face in engine.detect(*photo, 1.0)? {
            let five = engine.landmarks(*photo, &face)?;
            for number in 0..VIEWS {
                views.extend(view(installed, *photo, &five, number));
            }
        }
    }
    Ok(views)
}

fn view(installed: &InstalledPack, photo: &dyn Picture, five: &[Point; 5], number: u32) -> Option<Vec<f32>> {
    let embedder = &installed.pack.embedder;
    let swing = |step: u32| ((number * step % VIEWS) as f32 / (VIEWS - 1) as f32) * 2.0 - 1.0;
    let (sin, cos) = (swing(7) * 0.2).sin_cos();
    let scale = 1.0 + 0.08 * swing(3);
    let middle = (embedder.input.width as f32 / 2.0, embedder.input.height as f32 / 2.0);
    let moved = embedder.template.map(|[x, y]| {
        let (x, y) = ((x - middle.0) * scale, (y - middle.1) * scale);
        Point { x: x * cos - y * sin + middle.0 + 4.0 * swing(11), y: x * sin + y * cos + middle.1 + 4.0 * swing(13) }
    });
    let mut chip = Vec::new();
    photo.warp_into(&Similarity::between(five, &moved)?.inverse(), &embedder.input, &mut chip);
    let (gain, lift) = (1.0 + 0.4 * swing(9), 0.15 * swing(17));
    chip.iter_mut().for_each(|value| *value = ((*value + 1.0) * gain - 1.0 + lift).clamp(-1.0, 1.0));
    Some(chip)
}

/// What the outputs of the model at `observable` were over all `views`, a channel at a time.
///
/// # Errors
/// [`FaceError::Model`] and [`FaceError::Inference`] when it cannot be used.
pub fn seen(
    runtime: &Runtime,
    installed: &InstalledPack,
    observable: &Path,
    views: &[Vec<f32>],
) -> Result<Vec<Seen>, FaceError> {
    let mut model = Model::open(runtime, observable, shape_of(&installed.pack.embedder.input))?;
    let channels = |shape: &[i64]| shape.get(1).and_then(|count| usize::try_from(*count).ok()).unwrap_or(1).max(1);
    let mut seen: Vec<Seen> =
        model.outputs().iter().map(|output| vec![(f32::MAX, f32::MIN); channels(&output.shape)]).collect();
    for view in views {
        model.run(view, |outputs| {
            for (seen, values) in seen.iter_mut().zip(outputs) {
                let each = (values.len() / seen.len()).max(1);
                for ((low, high), values) in seen.iter_mut().zip(values.chunks_exact(each)) {
                    *low = values.iter().fold(*low, |low, value| low.min(*value));
                    *high = values.iter().fold(*high, |high, value| high.max(*value));
                }
            }
        })?;
    }
    Ok(seen)
}

/// Compares the embedder with its form at `int8` on `views`, and times both.
///
/// # Errors
/// [`FaceError::Model`] and [`FaceError::Inference`] when one cannot be used.
pub fn trial(
    runtime: &Runtime,
    installed: &InstalledPack,
    int8: &Path,
    views: &[Vec<f32>],
) -> Result<Trial, FaceError> {
    let shape = shape_of(&installed.pack.embedder.input);
    let mut models = [Model::open(runtime, &installed.embedder, shape)?, Model::open(runtime, int8, shape)?];
    let (mut cosine, mut shares) = (1.0_f32, Vec::new());
    for view in views {
        let [one, other] = &mut models;
        let (one, other) = (raw(one, view)?, raw(other, view)?);
        let (long, short) = (length(&one), length(&other));
        let here = one.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>() / (long * short);
        cosine = cosine.min(if here.is_finite() { here } else { -1.0 });
        shares.push(short / long);
    }
    let [f32_time, int8_time] = times(&mut models, views)?;
    let share = shares.iter().sum::<f32>() / shares.len().max(1) as f32;
    let refused = refused(cosine, share, int8_time.as_secs_f64() / f32_time.as_secs_f64());
    let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    Ok(Trial { cosine, f32_us: micros(f32_time), int8_us: micros(int8_time), refused })
}

fn refused(cosine: f32, norms: f32, time: f64) -> Option<String> {
    // What is no number is none of these.
    let (alike, as_long, faster) = (cosine >= LEAST_COSINE, (norms - 1.0).abs() <= NORM_SHARE, time <= FASTER);
    if !alike {
        Some(format!("its embeddings differ from those of f32: a cosine of {cosine:.3}"))
    } else if !as_long {
        Some(format!("the lengths of its embeddings differ from those of f32: {norms:.3} times as long"))
    } else if !faster {
        Some(format!("it is not clearly faster: it takes {time:.2} of the time"))
    } else {
        None
    }
}

fn raw(model: &mut Model, view: &[f32]) -> Result<Vec<f32>, FaceError> {
    model.run(view, |outputs| outputs.concat())
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// The times of both for a face. The least of many, taken in turn: what else runs on the machine only adds to them.
fn times(models: &mut [Model; 2], views: &[Vec<f32>]) -> Result<[Duration; 2], FaceError> {
    let mut least = [Duration::MAX; 2];
    for view in views.iter().cycle().take(if views.is_empty() { 0 } else { ROUNDS }) {
        for (model, least) in models.iter_mut().zip(&mut least) {
            let started = Instant::now();
            model.run(view, |_| ())?;
            *least = (*least).min(started.elapsed());
        }
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_or_is_not_clearly_faster_is_refused() {
        assert_eq!(refused(0.99, 1.01, 0.7), None);
        assert!(refused(0.9, 1.0, 0.7).unwrap().contains("cosine"));
        assert!(refused(f32::NAN, 1.0, 0.7).is_some());
        assert!(refused(0.99, 1.2, 0.7).unwrap().contains("length"));
        assert!(refused(0.99, 1.0, 0.95).unwrap().contains("faster"));
    }
}
