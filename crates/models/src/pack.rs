use std::collections::BTreeMap;
use std::iter;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use crate::detector::DetectorModel;
use crate::error::ModelsError;

/// A set of models that work together: detector, landmarks and embedder, with everything that must be known to feed and
/// to read them. Numbers of one pack mean nothing to another.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// The pack's name: its key in the catalogue.
    #[serde(skip)]
    pub name: String,
    /// One sentence for people who choose a pack.
    pub description: String,
    /// The licence that the package states.
    pub licence: String,
    /// What is known of where the weights come from and what they were trained on.
    pub origin: String,
    /// Finds faces in a frame.
    pub detector: DetectorModel,
    /// Finds the points of a face; without it they are the detector's, of a kind that gives some.
    #[serde(default)]
    pub landmark: Option<LandmarkModel>,
    /// Turns an aligned chip into an embedding.
    pub embedder: EmbedderModel,
    /// Models beside the main path, by what they tell. A pack may lack any of them.
    #[serde(default)]
    pub side: BTreeMap<SideRole, SideModel>,
}

impl Pack {
    /// The space in which its embeddings lie: the name under which templates are stored.
    pub fn space(&self) -> &str {
        if self.embedder.space.is_empty() { &self.name } else { &self.embedder.space }
    }

    /// The pack's files with the key of each in the catalogue: first those of the main path.
    pub(crate) fn files(&self) -> Vec<(&'static str, &ModelFile)> {
        let landmark = self.landmark.iter().map(|model| ("landmark", &model.file));
        let aligner = self.embedder.aligner.iter().map(|file| ("aligner", file));
        let side = self.side.iter().map(|(role, model)| (role.key(), &model.file));
        let detector = iter::once(("detector", &self.detector.file));
        detector.chain(landmark).chain([("embedder", &self.embedder.file)]).chain(aligner).chain(side).collect()
    }

    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut ModelFile> {
        let landmark = self.landmark.iter_mut().map(|model| &mut model.file);
        let embedder = iter::once(&mut self.embedder.file).chain(&mut self.embedder.aligner);
        let side = self.side.values_mut().map(|model| &mut model.file);
        iter::once(&mut self.detector.file).chain(landmark).chain(embedder).chain(side)
    }
}

/// A file that the engine loads: one inside a package of the catalogue, or one that lies on this machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelFile {
    /// The key of its package in the catalogue; empty for a local file.
    pub package: String,
    /// Its path inside the package's archive; empty for a local file.
    pub path: String,
    /// sha256 in lowercase hexadecimal; may be empty for a local file, which is then taken as it is.
    pub sha256: String,
    /// Its size in bytes; 0 for a local file, whose size is not checked.
    pub size: u64,
    /// Where a local file lies. A relative path in models.toml is relative to that file's folder.
    pub local: Option<PathBuf>,
    /// What is done to the file when it is installed, so that it runs, or runs faster.
    pub rewrite: Option<Rewrite>,
}

/// What is done to a model when it is installed; its outputs stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewrite {
    /// Channels that bring nothing are removed, and PRelu becomes Relu and depthwise convolutions ([`crate::onnx::make_faster`]).
    #[serde(alias = "prelu-f32")]
    Faster,
    /// Inputs and outputs lose their fixed sizes, so that a network without layers of a fixed size takes a picture of any
    /// ([`crate::onnx::free_sizes`]).
    AnySize,
    /// A network of dlib becomes ONNX ([`crate::dlib::to_onnx`]), without which it cannot be used.
    DlibOnnx,
}

impl Rewrite {
    /// Whether the original is of no use by itself.
    pub(crate) fn is_needed(self) -> bool {
        match self {
            Self::Faster | Self::AnySize => false,
            Self::DlibOnnx => true,
        }
    }

    /// Its name in a catalogue and in the name of the rewritten file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::AnySize => "any-size",
            Self::DlibOnnx => "dlib-onnx",
        }
    }
}

/// What a model wants to be fed: a picture of `width` × `height` pixels whose values are (pixel − `mean`) × `scale`,
/// pixels being 0–255, in planes of `channels`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// How many planes, in which order.
    pub channels: Channels,
    /// Subtracted from each pixel.
    pub mean: PerChannel,
    /// Multiplied with the difference.
    pub scale: PerChannel,
}

/// One number for all planes of an input, or one for each, in the order in which they are fed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "takes a number, or a list of three: one for each channel in the order of `channels`")]
pub enum PerChannel {
    /// The same for all.
    All(f32),
    /// For the first, second and third plane.
    Each([f32; 3]),
}

impl PerChannel {
    /// That of a plane, which are counted from 0 as they are fed.
    pub fn of(&self, plane: usize) -> f32 {
        match self {
            Self::All(number) => *number,
            Self::Each(numbers) => numbers[plane],
        }
    }

    /// All that there are.
    pub fn numbers(&self) -> &[f32] {
        match self {
            Self::All(number) => std::slice::from_ref(number),
            Self::Each(numbers) => numbers,
        }
    }
}

/// The planes of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One plane of luma.
    Grey,
}

/// The model that finds the points of a face.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandmarkModel {
    /// The model.
    pub file: ModelFile,
    /// How its output is read.
    pub kind: LandmarkKind,
    /// How it is fed.
    pub input: Input,
}

/// How a landmark model's output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LandmarkKind {
    /// 136 numbers: 68 points (x, y) from 0 to 1 of the crop, in the usual order.
    Points68,
}

/// What a model beside the main path tells of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SideRole {
    /// Whether it is alive or a picture.
    Liveness,
    /// How old it looks.
    Age,
    /// Whether it looks female or male.
    Gender,
    /// Whether it smiles.
    Expression,
}

impl SideRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Liveness, Self::Age, Self::Gender, Self::Expression];

    /// Its key in the catalogue.
    pub fn key(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Age => "age",
            Self::Gender => "gender",
            Self::Expression => "expression",
        }
    }
}

/// A model beside the main path; how its output is read belongs to its role.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideModel {
    /// The model.
    pub file: ModelFile,
    /// How it is fed.
    pub input: Input,
    /// Where the five points lie in its input, in pixels; without it, it is fed with the face's box.
    #[serde(default, deserialize_with = "template")]
    pub template: Option<[[f32; 2]; 5]>,
    /// How far its estimates are off, as measured: for an age the mean difference in years, else the share that is wrong. What was not
    /// measured is not told: age, gender and expression need it.
    pub error: Option<f32>,
    /// Of gender and expression: the output at which both answers are equally likely, above 0 and below 1, as measured.
    #[serde(default = "half")]
    pub middle: f32,
}

fn half() -> f32 {
    0.5
}

/// The model that turns an aligned chip into an embedding, and what its numbers mean.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderModel {
    /// The model.
    pub file: ModelFile,
    /// How a face is brought into its input.
    #[serde(default)]
    pub kind: EmbedderKind,
    /// A model of its own that finds the points by which the face is aligned, for kinds that have one.
    #[serde(default)]
    pub aligner: Option<ModelFile>,
    /// Packs whose embeddings lie in the same space can tell each other's people: the name under which templates are stored.
    /// Without it, the pack's own name.
    #[serde(default)]
    pub space: String,
    /// How it is fed.
    pub input: Input,
    /// How many numbers an embedding has.
    pub dim: usize,
    /// Where five points of the face belong in the chip, in pixels: left eye, right eye, nose, left and right corner of
    /// the mouth, as seen; for a kind with an aligner of its own, that aligner's points.
    #[serde(deserialize_with = "five_points")]
    pub template: [[f32; 2]; 5],
    /// How two embeddings are compared.
    pub distance: DistanceKind,
    /// Whether an int8 form of it was measured to be as good, so that it may be used where it is faster.
    #[serde(default)]
    pub int8: bool,
    /// Points (raw distance, distance on the contract's scale), both rising; empty where none was measured yet.
    #[serde(default)]
    pub curve: Vec<[f32; 2]>,
    /// How good a shot must be; without it, nothing is refused for its norm.
    #[serde(default)]
    pub gates: Gates,
}

/// How a face is brought into an embedder's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbedderKind {
    /// A chip: the picture warped by the similarity that takes the five points to `template`.
    #[default]
    Chip,
    /// As dlib does: the aligner is its shape predictor of five points, which take the place of those of the pack's landmarks,
    /// and the chip is taken from a pyramid of the picture.
    Dlib,
}

impl EmbedderKind {
    /// Whether it finds the points by which it aligns the face with a model of its own.
    pub(crate) fn has_aligner(self) -> bool {
        match self {
            Self::Chip => false,
            Self::Dlib => true,
        }
    }
}

/// How two embeddings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DistanceKind {
    /// The raw distance is 1 − cosine, 0–2.
    Cosine,
    /// The raw distance is the length of the difference.
    L2,
}

impl DistanceKind {
    /// Its name in a catalogue.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::L2 => "l2",
        }
    }
}

/// How good a shot must be. The norm is the length of the embedder's raw output, its own measure of quality; it holds for
/// one model and one alignment only.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// Below this norm there is no face, or a useless one.
    pub drop_norm: f32,
    /// A shot votes with the weight of its norm above this: sum of unit embeddings × max(0, norm − vote_norm).
    pub vote_norm: f32,
    /// Below this norm a photo is not enrolled.
    pub enrol_norm: f32,
    /// Below this norm an enrolled photo earns a warning.
    pub warn_norm: f32,
    /// A box narrower than this many pixels is not recognised.
    pub min_recognise_px: u32,
    /// A box narrower than this many pixels is not enrolled.
    pub min_enrol_px: u32,
}

impl Default for Gates {
    /// For an embedder whose norms were never measured: they refuse nothing.
    fn default() -> Self {
        Self { drop_norm: 0.0, vote_norm: 0.0, enrol_norm: 0.0, warn_norm: 0.0, min_recognise_px: 32, min_enrol_px: 64 }
    }
}

/// A pack whose files are on this machine, with the files to load: the rewritten one where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledPack {
    /// The pack's entry in the catalogue.
    pub pack: Pack,
    /// The detector's file.
    pub detector: PathBuf,
    /// The landmark model's file, of a pack that has one.
    pub landmark: Option<PathBuf>,
    /// The embedder's file.
    pub embedder: PathBuf,
    /// The file of the embedder's own aligner, of a pack that has one.
    pub aligner: Option<PathBuf>,
    /// Files of the models beside the main path that the pack has and that are installed.
    pub side: BTreeMap<SideRole, PathBuf>,
}

impl InstalledPack {
    /// A model beside the main path, with its file.
    ///
    /// # Errors
    /// The pack has none for this role, or its file is not installed.
    pub fn side(&self, role: SideRole) -> Result<(&SideModel, &Path), ModelsError> {
        let pack = || self.pack.name.clone();
        let model =
            self.pack.side.get(&role).ok_or_else(|| ModelsError::NoSideModel { role: role.key(), pack: pack() })?;
        match self.side.get(&role) {
            Some(path) => Ok((model, path)),
            None => Err(ModelsError::SideModelNotInstalled { role: role.key(), pack: pack() }),
        }
    }
}

fn template<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[[f32; 2]; 5]>, D::Error> {
    five_points(deserializer).map(Some)
}

fn five_points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[[f32; 2]; 5], D::Error> {
    let points = Vec::<[f32; 2]>::deserialize(deserializer)?;
    let count = points.len();
    points.try_into().map_err(|_| {
        de::Error::custom(format!(
            "`template` has {count} points: it takes five [x, y], which are left eye, right eye, nose, left and right \
             corner of the mouth as seen"
        ))
    })
}
