//! The one place that talks to ONNX Runtime.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;

use crate::FaceError;

/// The inference library, loaded once a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime(Environment);

/// ONNX Runtime allows one environment a process.
static LOADED: Mutex<Option<(PathBuf, Runtime)>> = Mutex::new(None);

impl Runtime {
    /// Loads `library`, a `libonnxruntime` of 1.28 or newer; the second time it is there already.
    ///
    /// # Errors
    /// [`FaceError::Runtime`] when the file is missing, no ONNX Runtime, too old, or not the one that is loaded.
    pub fn load(library: &Path) -> Result<Self, FaceError> {
        let failed = |reason: String| FaceError::Runtime { path: library.to_owned(), reason };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*loaded {
            Some((path, runtime)) if path == library => return Ok(runtime.clone()),
            Some((path, _)) => return Err(failed(format!("this process has loaded {} already", path.display()))),
            None => {}
        }
        let environment = ort::init_from(library)
            .map_err(|error| failed(error.to_string()))?
            .with_name("vultus")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(loaded.insert((library.to_owned(), Self(environment))).1.clone())
    }
}

/// One loaded model, run on the calling thread: one session with one thread for each worker gives the most faces a
/// second (measured: two threads in a session 1.6×, two workers 2×).
#[derive(Debug)]
pub(crate) struct Model {
    session: Session,
    shape: [i64; 4],
    path: PathBuf,
}

impl Model {
    /// Loads the file and checks that it takes one float input of `shape` (batch, channels, height, width).
    pub(crate) fn open(runtime: &Runtime, path: &Path, shape: [i64; 4]) -> Result<Self, FaceError> {
        let mut model = Self { session: Self::load(runtime, path)?, shape, path: path.to_owned() };
        let first_run = model.run(&vec![0.0; shape.iter().product::<i64>() as usize], |_| Ok(()));
        first_run.map_err(|error| FaceError::Model {
            path: path.to_owned(),
            reason: format!("it does not accept the input that its pack describes ({error})"),
        })?;
        Ok(model)
    }

    fn load(runtime: &Runtime, path: &Path) -> Result<Session, FaceError> {
        let load =
            || -> ort::Result<Session> { Session::builder(&runtime.0)?.with_intra_threads(1)?.commit_from_file(path) };
        load().map_err(|error| FaceError::Model { path: path.to_owned(), reason: error.to_string() })
    }

    /// Runs the model on `input` and hands its outputs, in the model's order, to `read`.
    pub(crate) fn run<R>(
        &mut self,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> Result<R, FaceError>,
    ) -> Result<R, FaceError> {
        let tensor = TensorRef::from_array_view((self.shape, input))?;
        let outputs = self.session.run(ort::inputs![tensor])?;
        let slices: Vec<&[f32]> = (0..outputs.len())
            .map(|i| outputs[i].try_extract_tensor::<f32>().map(|(_, numbers)| numbers))
            .collect::<Result<_, _>>()?;
        read(&slices)
    }

    /// The error for an output whose size is not what the pack describes.
    pub(crate) fn unexpected(path: &Path, what: &str) -> FaceError {
        FaceError::Model { path: path.to_owned(), reason: format!("it is not {what}") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Batch of one, channels, height, width.
pub(crate) fn shape_of(input: &models::Input) -> [i64; 4] {
    [1, crate::image::channel_count(input.channels) as i64, i64::from(input.height), i64::from(input.width)]
}

/// Largest difference between the outputs of two models on the same input, relative to the larger output: the check
/// that a rewritten graph computes what the original does.
///
/// # Errors
/// When either model cannot be loaded or run, or has no input of a fixed size.
pub fn relative_difference(runtime: &Runtime, original: &Path, rewritten: &Path) -> Result<f32, FaceError> {
    let outputs = |path: &Path| -> Result<Vec<f32>, FaceError> {
        let session = Model::load(runtime, path)?;
        let input = session.inputs().first().and_then(|input| input.dtype().tensor_shape());
        let shape: Option<[i64; 4]> = input.and_then(|shape| shape.as_ref().try_into().ok());
        let shape = shape.filter(|shape| shape.iter().all(|side| *side > 0));
        let shape = shape.ok_or_else(|| Model::unexpected(path, "fed by a picture of a fixed size"))?;
        let mut model = Model { session, shape, path: path.to_owned() };
        model.run(&noise(shape.iter().product::<i64>() as usize), |outputs| Ok(outputs.concat()))
    };
    let (before, after) = (outputs(original)?, outputs(rewritten)?);
    if before.len() != after.len() {
        return Err(Model::unexpected(rewritten, "a rewrite of the original: its output has another length"));
    }
    let largest = before.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    Ok(before.iter().zip(&after).fold(0.0, |m: f32, (a, b)| m.max((a - b).abs())) / largest)
}

/// Numbers in −1..1 that are the same every time (a linear congruential generator).
fn noise(len: usize) -> Vec<f32> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}
