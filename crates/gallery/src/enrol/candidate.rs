use face::{DecodeLimits, Embedding, Engine, Face, FaceError, Faces, JpegEncoder, Photo, Quality, Rect};
use models::Gates;

use super::finding::{EnrolPolicy, Finding};
use super::likeness::Likeness;
use super::rules;

/// Two boxes that overlap by more than this (IoU) hold the same face: as the detector's own suppression has it, which looks at boxes before
/// they are squared and cut at the photo's edge. Close crops of one person had two such boxes.
const SAME_FACE: f32 = 0.4;

/// What is kept of a photo: the face's box this many times as large about its centre, room enough for any detector.
const KEPT_AROUND: f32 = 2.2;

/// Pixels of the longer side of what is kept: a face of 230, more than any embedder's chip.
const KEPT_SIDE: u32 = 512;

/// The quality of the JPEG that is kept of a photo: nothing that an embedder would see is lost.
const KEPT_QUALITY: u8 = 92;

/// A photo's largest face, measured.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What the person will be recognised by.
    pub embedding: Embedding,
    /// What is to be kept of the photo, for other models: a JPEG file of the face with some surroundings.
    pub kept: Option<Vec<u8>>,
    /// The face's box in pixels of the photo.
    pub area: Rect,
    /// How good it is.
    pub quality: Quality,
    /// Who else is in the photo.
    pub company: Company,
    /// How near it is to those who are enrolled; of nobody before [`Gallery::compare`](crate::Gallery::compare).
    pub likeness: Likeness,
    /// What there is to say of it, the gravest first.
    pub findings: Vec<Finding>,
}

/// The faces of a photo beside the one that is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Company {
    /// Faces that can be recognised, the one that is taken included.
    pub faces: usize,
    /// Longer side of the second largest of them, as a share of the one that is taken, 0–1; 0 when there is none.
    pub second: f32,
    /// Whether a larger face was passed over, because it is too unclear to be recognised.
    pub larger_unclear: bool,
}

impl Company {
    fn of(taken: &Face, found: &Faces) -> Self {
        let mut apart = vec![taken];
        for face in &found.faces {
            if apart.iter().all(|other| other.area.iou(&face.area) <= SAME_FACE) {
                apart.push(face);
            }
        }
        let second = apart.get(1).map_or(0.0, |second| second.side() as f32 / taken.side() as f32);
        Self {
            faces: apart.len(),
            second: second.min(1.0),
            larger_unclear: found.unusable.is_some_and(|useless| useless.side > taken.side()),
        }
    }
}

impl Candidate {
    /// Reads a photo file and takes its largest face that can be recognised at all; where it is to be kept, with what is around it.
    ///
    /// # Errors
    /// What is wrong with the file; [`FaceError::NoFace`], [`FaceError::TooSmall`] or [`FaceError::TooUnclear`] where there is nothing
    /// to recognise anybody by.
    pub fn from_photo(
        engine: &mut Engine,
        gates: &Gates,
        photo: &[u8],
        limits: &DecodeLimits,
        keep: bool,
    ) -> Result<Self, FaceError> {
        let image = engine.read(photo, limits)?;
        let found = engine.faces(&image, 1.0)?;
        let face = found.to_enrol(gates)?;
        let quality = Quality::of(&image, face);
        let company = Company::of(face, &found);
        let findings = rules::findings(&quality, &company, gates);
        Ok(Self {
            embedding: face.embedding.clone(),
            kept: keep.then(|| to_keep(photo, limits, &image, &face.area)).transpose()?,
            area: face.area,
            quality,
            company,
            likeness: Likeness::default(),
            findings,
        })
    }

    /// Whether it may be enrolled by `policy`.
    pub fn is_refused(&self, policy: EnrolPolicy) -> bool {
        self.findings.iter().any(|finding| policy.refuses(finding.weight))
    }

    /// Why it may not be enrolled by `policy`; empty when it may.
    pub fn reasons(&self, policy: EnrolPolicy) -> Vec<Finding> {
        self.findings.iter().filter(|finding| policy.refuses(finding.weight)).cloned().collect()
    }

    /// What does not stop it by `policy`, and a better photo would mend.
    pub fn warnings(&self, policy: EnrolPolicy) -> Vec<Finding> {
        self.findings.iter().filter(|finding| !policy.refuses(finding.weight)).cloned().collect()
    }
}

fn to_keep(file: &[u8], limits: &DecodeLimits, photo: &Photo, area: &Rect) -> Result<Vec<u8>, FaceError> {
    let around = match photo.around(area, KEPT_AROUND, KEPT_SIDE) {
        Some(around) => around,
        // A small face of a large photo, of which another embedder may want more.
        None => face::decode(file, limits)?.around(area, KEPT_AROUND, KEPT_SIDE),
    };
    JpegEncoder::new(KEPT_QUALITY)?.encode_rgb(&around)
}
