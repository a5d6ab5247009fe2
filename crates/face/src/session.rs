//! The one place that talks to ONNX Runtime.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use models::onnx;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use smallvec::SmallVec;

use crate::FaceError;
use crate::operators;

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
    /// What a run gives, in the model's order.
    outputs: Vec<Output>,
}

/// One output of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    pub(crate) name: String,
    /// Its size along each axis when it is run on the pack's input.
    pub(crate) shape: Vec<i64>,
}

impl Output {
    /// How many numbers it has.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).product()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, written(&self.shape))
    }
}

/// `1×3×?×?`: what is not fixed is a question mark.
fn written(shape: &[i64]) -> String {
    let side = |side: &i64| if *side < 0 { "?".to_owned() } else { side.to_string() };
    shape.iter().map(side).collect::<Vec<_>>().join("×")
}

/// Inputs as people are told of them.
fn listed(inputs: &[Outlet]) -> String {
    let one = |input: &Outlet| match input.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
            format!("`{}` {}", input.name(), written(shape))
        }
        ValueType::Tensor { ty, shape, .. } => format!("`{}` {} of {ty}", input.name(), written(shape)),
        _ => format!("`{}`, which is no picture", input.name()),
    };
    inputs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether a model with these inputs takes a picture of `shape`.
fn takes(inputs: &[Outlet], shape: [i64; 4]) -> bool {
    let [input] = inputs else { return false };
    match input.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape: sides, .. } => {
            // A model that says nothing of its sizes is asked by running it.
            let fits = |(has, wants): (&i64, &i64)| *has < 0 || has == wants;
            sides.is_empty() || sides.len() == shape.len() && sides.iter().zip(&shape).all(fits)
        }
        _ => false,
    }
}

impl Model {
    /// Loads the file, checks that it takes one float input of `shape` (batch, channels, height, width), and runs it once to see what
    /// it gives.
    pub(crate) fn open(runtime: &Runtime, path: &Path, shape: [i64; 4]) -> Result<Self, FaceError> {
        let session = Self::load(runtime, path)?;
        if !takes(session.inputs(), shape) {
            let problem = format!(
                "the pack's `input` comes to {}, and the model takes {}",
                written(&shape),
                listed(session.inputs())
            );
            return Err(FaceError::NotAsDescribed { path: path.to_owned(), problem });
        }
        let mut model = Self { session, shape, path: path.to_owned(), outputs: Vec::new() };
        let first_run = model.run_once(&vec![0.0; shape.iter().product::<i64>() as usize]);
        model.outputs = first_run.map_err(|error| FaceError::NotAsDescribed {
            path: path.to_owned(),
            problem: format!("it cannot be run on the pack's `input` of {} ({error})", written(&shape)),
        })?;
        Ok(model)
    }

    /// The shapes of the outputs for this input.
    fn run_once(&mut self, input: &[f32]) -> ort::Result<Vec<Output>> {
        let names: Vec<String> = self.session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let tensor = TensorRef::from_array_view((self.shape, input))?;
        let outputs = self.session.run(ort::inputs![tensor])?;
        let shape = |(at, name): (usize, String)| {
            let (shape, _) = outputs[at].try_extract_tensor::<f32>()?;
            Ok(Output { name, shape: shape.to_vec() })
        };
        names.into_iter().enumerate().map(shape).collect()
    }

    /// What a run gives, in the model's order.
    pub(crate) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// That the model's outputs are `wanted`, which `fits` tells.
    pub(crate) fn expect(&self, fits: bool, wanted: &str) -> Result<(), FaceError> {
        if fits { Ok(()) } else { Err(self.not_fitting(wanted)) }
    }

    /// The error for a model whose outputs are not `wanted`.
    pub(crate) fn not_fitting(&self, wanted: &str) -> FaceError {
        let outputs = self.outputs.iter().map(Output::to_string).collect::<Vec<_>>().join(", ");
        FaceError::NotAsDescribed {
            path: self.path.clone(),
            problem: format!("{wanted}, and the model gives {outputs}"),
        }
    }

    fn load(runtime: &Runtime, path: &Path) -> Result<Session, FaceError> {
        let load = || -> ort::Result<Session> { builder(runtime)?.commit_from_file(path) };
        load().map_err(|error| FaceError::Model { path: path.to_owned(), reason: unreadable(path, &error) })
    }

    /// Runs the model on `input` and hands its outputs, in the model's order, to `read`.
    pub(crate) fn run<R>(&mut self, input: &[f32], read: impl FnOnce(&[&[f32]]) -> R) -> Result<R, FaceError> {
        let tensor = TensorRef::from_array_view((self.shape, input))?;
        let outputs = self.session.run(ort::inputs![tensor])?;
        // YuNet has the most, twelve.
        let slices: SmallVec<[&[f32]; 12]> = (0..outputs.len())
            .map(|i| outputs[i].try_extract_tensor::<f32>().map(|(_, numbers)| numbers))
            .collect::<Result<_, _>>()?;
        Ok(read(&slices))
    }

    /// The same, where outputs that `read` makes nothing of are an error: the model is not `what` it was taken for.
    pub(crate) fn run_as<R>(
        &mut self,
        what: impl fmt::Display,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> Option<R>,
    ) -> Result<R, FaceError> {
        self.run(input, read)?.ok_or_else(|| Self::unexpected(&self.path, &what.to_string()))
    }

    /// The error for an output whose size is not what the pack describes.
    pub(crate) fn unexpected(path: &Path, what: &str) -> FaceError {
        FaceError::NotAsDescribed { path: path.to_owned(), problem: format!("it is not {what}") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Sessions of one thread, which know operators of ours.
fn builder(runtime: &Runtime) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(&runtime.0)?.with_intra_threads(1)?.with_operators(operators::ours()?)?)
}

/// Why a file cannot be loaded: that it is no model at all is said in plain words before the library's own.
fn unreadable(path: &Path, error: &ort::Error) -> String {
    match std::fs::read(path).map(|bytes| models::onnx::is_onnx(&bytes)) {
        Ok(false) => "it is no ONNX file".to_owned(),
        _ => error.to_string(),
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
/// When either model cannot be loaded or run, or the original has no input of a fixed size.
pub fn relative_difference(runtime: &Runtime, original: &Path, rewritten: &Path) -> Result<f32, FaceError> {
    let shape = fixed_shape(&Model::load(runtime, original)?);
    let shape = shape.ok_or_else(|| Model::unexpected(original, "fed by a picture of a fixed size"))?;
    let outputs = |path: &Path| -> Result<Vec<f32>, FaceError> {
        let mut model = Model::open(runtime, path, shape)?;
        model.run(&noise(shape.iter().product::<i64>() as usize), |outputs| outputs.concat())
    };
    let (before, after) = (outputs(original)?, outputs(rewritten)?);
    if before.len() != after.len() {
        return Err(Model::unexpected(rewritten, "a rewrite of the original: its output has another length"));
    }
    if !after.iter().all(|number| number.is_finite()) {
        return Err(Model::unexpected(rewritten, "a rewrite of the original: its output holds what is no number"));
    }
    let largest = before.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    Ok(before.iter().zip(&after).fold(0.0, |m: f32, (a, b)| m.max((a - b).abs())) / largest)
}

/// Of models that compute the same in the same order.
const ROUNDING: f32 = 1e-6;

/// Channels in a block, by the processor: ONNX Runtime does not say how many.
const BLOCKS: [usize; 2] = [16, 8];

/// The model at `path` as ONNX Runtime lays it out for this processor, with operators of ours where they are sooner; found to compute what it did. `folder` is for files on the
/// way. `None` for a model without an input of a fixed size, and where what came out computes something else.
///
/// # Errors
/// When the model cannot be loaded or run, or the folder cannot be written.
pub fn tuned(runtime: &Runtime, path: &Path, folder: &Path) -> Result<Option<Vec<u8>>, FaceError> {
    if fixed_shape(&Model::load(runtime, path)?).is_none() {
        return Ok(None);
    }
    let failed = |reason: String| FaceError::Model { path: path.to_owned(), reason };
    let (laid_out, tried) = (folder.join("laid-out.onnx"), folder.join("tried.onnx"));
    builder(runtime)?.with_optimized_model_path(&laid_out).map_err(ort::Error::from)?.commit_from_file(path)?;
    let laid_out = std::fs::read(laid_out).map_err(|error| failed(error.to_string()))?;
    let mut candidates = Vec::new();
    for block in BLOCKS {
        candidates.extend(onnx::with_own_operators(&laid_out, block).map_err(|error| failed(error.to_string()))?);
    }
    candidates.push(laid_out);
    for model in candidates {
        std::fs::write(&tried, &model).map_err(|error| failed(error.to_string()))?;
        // With another number of channels in a block than the library's, it may be that nothing comes out at all.
        if relative_difference(runtime, path, &tried).is_ok_and(|difference| difference <= ROUNDING) {
            return Ok(Some(model));
        }
    }
    Ok(None)
}

/// The sizes of a model's one input, where all are fixed.
fn fixed_shape(session: &Session) -> Option<[i64; 4]> {
    let shape = session.inputs().first()?.dtype().tensor_shape()?;
    <[i64; 4]>::try_from(shape.as_ref()).ok().filter(|shape| shape.iter().all(|side| *side > 0))
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
