use std::time::{Duration, Instant};

use models::{Gates, InstalledPack, Pack, SideRole};

use crate::FaceError;
use crate::attributes::{AttributeChoice, Attributes, Estimate};
use crate::detect::{Detection, Detections, Finder};
use crate::embed::{self, Embedder, Embedding};
use crate::geometry::Rect;
use crate::image::{self, DecodeLimits, Photo, Picture};
use crate::landmark::{FivePoints, Landmarker};
use crate::others::{EmbeddersBeside, OtherPacks};
use crate::session::Runtime;
use crate::side::SideModels;
use crate::tiles::Part;

/// A face that can be recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Its box in pixels of the picture.
    pub area: Rect,
    /// The detector's confidence, 0–1.
    pub score: f32,
    /// The five points, in pixels of the picture.
    pub landmarks: FivePoints,
    /// What it is recognised by.
    pub embedding: Embedding,
}

impl Face {
    /// The box's longer side in whole pixels: a box cut by the picture's edge is narrower than the face.
    pub fn side(&self) -> u32 {
        self.area.longer_side()
    }
}

/// All faces of one picture, the largest first, and what was left out.
#[derive(Clone, Debug, Default)]
pub struct Faces {
    /// Faces that pass the pack's gates for recognition.
    pub faces: Vec<Face>,
    /// Width in pixels of the widest face that was left out for being too small to recognise.
    pub too_small: Option<u32>,
    /// The largest detection left out because its embedding's norm says that it is no face, or useless.
    pub unusable: Option<Unusable>,
    /// Where the time went.
    pub times: StageTimes,
}

/// A detection that is no face, or a useless shot of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unusable {
    /// Its longer side in pixels.
    pub side: u32,
    /// Length of its raw embedding; 0 where there is none.
    pub norm: f32,
}

/// What embedding a detection came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Embedded {
    /// A face that can be recognised.
    Usable(Embedding),
    /// No face, or a useless shot of one: its norm is below the pack's gate, or 0 where there is none.
    Useless {
        /// Length of the raw embedding.
        norm: f32,
    },
}

/// Time spent in each stage on one picture.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimes {
    /// Finding the boxes.
    pub detect: Duration,
    /// Five points of every face.
    pub landmark: Duration,
    /// Alignment and embedding of every face.
    pub embed: Duration,
    /// Whether faces are alive.
    pub liveness: Duration,
    /// Age, gender and smile.
    pub attributes: Duration,
}

impl std::ops::AddAssign for StageTimes {
    fn add_assign(&mut self, other: Self) {
        self.detect += other.detect;
        self.landmark += other.landmark;
        self.embed += other.embed;
        self.liveness += other.liveness;
        self.attributes += other.attributes;
    }
}

/// Detector, landmarks and embedder of one pack, run in a row on the calling thread. About 60 MB for the default pack;
/// one for each worker.
#[derive(Debug)]
pub struct Engine {
    finder: Finder,
    /// None where the detector finds the points.
    landmarker: Option<Landmarker>,
    embedder: Box<dyn Embedder>,
    /// None where only the pack's own embeddings are asked for.
    beside: Option<EmbeddersBeside>,
    side: SideModels,
    gates: Gates,
    /// Pixels of a photo that the models can make use of.
    enough: u64,
}

/// From this width on, in pixels of the detector's input, a face is to be found and recognised. Many smaller ones are.
const LEAST_FOUND: f32 = 16.0;

/// The side of a face's box where it is as large as in its chip, as a share of the chip's side. In 61 photos 0.89 to 1.06 (the middle nine tenths):
/// the least, since it halves photos of 4000×3000 pixels, and a face loses nothing down to 0.6 of its chip's size.
const BOX_IN_CHIP: f32 = 0.89;

/// How many pixels of a photo the pack's models can make use of: with so many, the smallest face that counts has about a pixel for each of
/// its chip. 3 million for the default pack.
fn enough_for(pack: &Pack) -> u64 {
    let (input, chip) = (&pack.detector.input, &pack.embedder.input);
    let per_pixel = BOX_IN_CHIP * chip.width.max(chip.height) as f32 / LEAST_FOUND;
    (input.width as f32 * input.height as f32 * per_pixel * per_pixel) as u64
}

impl Engine {
    /// Loads the pack's models, without those beside the main path, and runs each of them once.
    ///
    /// # Errors
    /// [`FaceError::Model`] when a file cannot be used as the pack describes it.
    pub fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let landmark = installed.pack.landmark.as_ref().zip(installed.landmark.as_ref());
        Ok(Self {
            finder: Finder::open(runtime, installed)?,
            landmarker: landmark.map(|(model, path)| Landmarker::open(runtime, model, path)).transpose()?,
            embedder: embed::open(runtime, installed)?,
            beside: None,
            side: SideModels::new(runtime, installed),
            gates: installed.pack.embedder.gates,
            enough: enough_for(&installed.pack),
        })
    }

    /// Reads a photo's file, as [`crate::decode`] does, with no more pixels than the models can make use of.
    ///
    /// # Errors
    /// Those of [`crate::decode`].
    pub fn read(&self, file: &[u8], limits: &DecodeLimits) -> Result<Photo, FaceError> {
        image::decode_enough(file, limits, self.enough)
    }

    /// Embeds faces in other spaces as well, as soon as [`Engine::follow_spaces`] finds that they are wanted.
    pub(crate) fn beside(self, runtime: &Runtime, packs: &OtherPacks) -> Self {
        Self { beside: Some(EmbeddersBeside::new(runtime, packs)), ..self }
    }

    /// Opens embedders of other spaces that are wanted by now, and drops those that are not any more.
    pub(crate) fn follow_spaces(&mut self) {
        if let Some(beside) = &mut self.beside {
            beside.follow();
        }
    }

    /// Finds, aligns and embeds every face, in a dark picture after it was brightened. `scale` is the setting `SCALE`, above 0 up to 1.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when a model fails; a picture without faces is an empty answer.
    pub fn faces(&mut self, picture: &dyn Picture, scale: f32) -> Result<Faces, FaceError> {
        let started = Instant::now();
        let brightened = picture.brightened_if_dark();
        let picture = brightened.as_deref().unwrap_or(picture);
        let detections = self.detect(picture, scale)?;
        let mut found = Faces::default();
        found.times.detect = started.elapsed();
        for detection in &detections {
            self.look_at(picture, detection, &mut found)?;
        }
        Ok(found)
    }

    /// Where faces are in the whole of a still picture, the largest first. Where there is none it is looked at once more with a border
    /// around it, for portraits that are cut so tightly that the face fills them. `scale` is the setting `SCALE`, above 0 up to 1.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails.
    pub fn detect(&mut self, picture: &dyn Picture, scale: f32) -> Result<Detections, FaceError> {
        let smoothed = picture.smoothed_if_noisy();
        let picture = smoothed.as_deref().unwrap_or(picture);
        let mut detections = self.finder.detect(picture, scale, &[Part::Whole])?;
        if detections.is_empty() {
            detections = self.finder.detect_with_border(picture, scale)?;
        }
        Ok(largest_first(detections))
    }

    /// Where faces are in these parts of a camera's frame, the largest first; one that several parts show is there once. A noisy frame is
    /// smoothed for it. A dark one is taken as it is: landmarks and embedding would want the same brighter picture
    /// ([`Picture::brightened_if_dark`]).
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails.
    pub fn detect_in(&mut self, picture: &dyn Picture, scale: f32, parts: &[Part]) -> Result<Detections, FaceError> {
        let smoothed = picture.smoothed_if_noisy();
        Ok(largest_first(self.finder.detect(smoothed.as_deref().unwrap_or(picture), scale, parts)?))
    }

    /// The five points of a detected face.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails.
    pub fn landmarks(&mut self, picture: &dyn Picture, detection: &Detection) -> Result<FivePoints, FaceError> {
        match (&mut self.landmarker, detection.five) {
            (Some(landmarker), _) => landmarker.find(picture, detection),
            (None, Some(five)) => Ok(five),
            (None, None) => {
                Err(FaceError::Inference("neither the detector nor a landmark model finds points".to_owned()))
            }
        }
    }

    /// The embedding of the face that was `found`, with these points, if the pack's gates let it through; with those of other spaces that
    /// are wanted.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails.
    pub fn embed(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        landmarks: &FivePoints,
    ) -> Result<Embedded, FaceError> {
        Ok(match self.embedder.embed(picture, found, landmarks)? {
            Some(mut embedding) if embedding.norm >= self.gates.drop_norm => {
                if let Some(beside) = &mut self.beside {
                    embedding.beside = beside.embed(picture, found, landmarks);
                }
                Embedded::Usable(embedding)
            }
            useless => Embedded::Useless { norm: useless.map_or(0.0, |embedding| embedding.norm) },
        })
    }

    /// The embedding of the face with these points, whatever the pack's gates say of it: for measuring a pack, never for a door.
    /// `None` where the points make no face.
    ///
    /// # Errors
    /// [`FaceError::Inference`] when the model fails.
    pub fn embed_ungated(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        landmarks: &FivePoints,
    ) -> Result<Option<Embedding>, FaceError> {
        self.embedder.embed(picture, found, landmarks)
    }

    /// How much the face in `area` (its box in pixels of the picture) looks alive, 0–1.
    ///
    /// # Errors
    /// [`FaceError::SideModel`] when the pack has no such model or it is not installed, [`FaceError::Inference`] when it fails.
    pub fn liveness(&mut self, picture: &dyn Picture, area: &Rect) -> Result<f32, FaceError> {
        self.side.liveness()?.score(picture, area)
    }

    /// What the face looks like, as far as it is wanted: `found` in the picture, with these five points.
    ///
    /// # Errors
    /// [`FaceError::SideModel`] when the pack lacks a wanted model or it is not installed, [`FaceError::Inference`] when one fails.
    pub fn attributes(
        &mut self,
        picture: &dyn Picture,
        found: &Detection,
        five: &FivePoints,
        choice: AttributeChoice,
    ) -> Result<Attributes, FaceError> {
        let mut look = |wanted: bool, role: SideRole| -> Result<Option<Estimate>, FaceError> {
            if wanted { self.side.attribute(role)?.look(picture, found, five) } else { Ok(None) }
        };
        Ok(Attributes {
            age: look(choice.age, SideRole::Age)?,
            gender: look(choice.gender, SideRole::Gender)?,
            smile: look(choice.smile, SideRole::Expression)?,
        })
    }

    /// Loads the model behind [`Engine::liveness`], which is loaded by the first call otherwise: so that whoever needs it knows at once when it is missing.
    ///
    /// # Errors
    /// [`FaceError::SideModel`] when the pack has no such model or it is not installed, [`FaceError::Model`] when it cannot be used.
    pub fn open_liveness(&mut self) -> Result<(), FaceError> {
        self.side.liveness().map(drop)
    }

    /// Loads the models behind [`Engine::attributes`] and runs them once, likewise.
    ///
    /// # Errors
    /// [`FaceError::SideModel`] when the pack lacks a wanted model or it is not installed, [`FaceError::Model`] when one cannot be used.
    pub fn open_attributes(&mut self, choice: AttributeChoice) -> Result<(), FaceError> {
        choice.roles().try_for_each(|role| self.side.attribute(role).map(drop))
    }

    /// The pack's quality gates.
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    fn look_at(&mut self, picture: &dyn Picture, detection: &Detection, found: &mut Faces) -> Result<(), FaceError> {
        let side = detection.area.longer_side();
        if side < self.gates.min_recognise_px {
            found.too_small = found.too_small.max(Some(side));
            return Ok(());
        }
        let started = Instant::now();
        let landmarks = self.landmarks(picture, detection)?;
        let aligned = Instant::now();
        let shot = self.embed(picture, detection, &landmarks)?;
        found.times.landmark += aligned - started;
        found.times.embed += aligned.elapsed();
        match shot {
            Embedded::Usable(embedding) => {
                found.faces.push(Face { area: detection.area, score: detection.score, landmarks, embedding });
            }
            // Detections come largest first.
            Embedded::Useless { norm } => {
                found.unusable.get_or_insert(Unusable { side, norm });
            }
        }
        Ok(())
    }
}

fn largest_first(mut detections: Detections) -> Detections {
    detections.sort_by(|a, b| b.area.area().total_cmp(&a.area.area()));
    detections
}

impl Faces {
    /// The largest face.
    ///
    /// # Errors
    /// [`FaceError::NoFace`], or [`FaceError::TooSmall`] when all that was found is too small.
    pub fn largest(&self, gates: &Gates) -> Result<&Face, FaceError> {
        match (self.faces.first(), self.too_small) {
            (Some(face), _) => Ok(face),
            (None, Some(width)) => Err(too_small(width, gates)),
            (None, None) => Err(FaceError::NoFace),
        }
    }

    /// The largest face that can be recognised, to be remembered. The errors say what a photo to enrol from needs.
    ///
    /// # Errors
    /// [`FaceError::NoFace`]; [`FaceError::TooSmall`] and [`FaceError::TooUnclear`] when nobody could be recognised by what was found.
    pub fn to_enrol(&self, gates: &Gates) -> Result<&Face, FaceError> {
        match (self.faces.first(), self.unusable, self.too_small) {
            (Some(face), ..) => Ok(face),
            (None, Some(Unusable { norm, .. }), _) => {
                Err(FaceError::TooUnclear { norm, min: gates.drop_norm, good: gates.warn_norm })
            }
            (None, None, Some(width)) => Err(too_small(width, gates)),
            (None, None, None) => Err(FaceError::NoFace),
        }
    }
}

fn too_small(width: u32, gates: &Gates) -> FaceError {
    FaceError::TooSmall { width, min: gates.min_recognise_px, good: gates.min_enrol_px }
}
