use std::fmt;

use face::{DecodeLimits, Embedding, Engine, FaceError, Rect};
use models::Gates;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::EnrolError;
use crate::printable::is_deceptive;

/// A person's name: any printable text. Kept in Unicode's composed form, so that the same name typed on different
/// systems (macOS decomposes file names) is the same person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonName(String);

impl PersonName {
    /// The most characters that a name may have.
    pub const MAX_LENGTH: usize = 100;

    /// Trims and checks a name.
    ///
    /// # Errors
    /// [`EnrolError::EmptyName`], [`EnrolError::LongName`], [`EnrolError::UnprintableName`].
    pub fn parse(text: &str) -> Result<Self, EnrolError> {
        let name: String = text.trim().nfc().collect();
        let length = name.chars().count();
        match length {
            0 => Err(EnrolError::EmptyName),
            _ if length > Self::MAX_LENGTH => Err(EnrolError::LongName { length, max: Self::MAX_LENGTH }),
            _ if name.chars().any(is_deceptive) => Err(EnrolError::UnprintableName),
            _ => Ok(Self(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A photo's largest face, found fit to be enrolled.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What the person will be recognised by.
    pub embedding: Embedding,
    /// The face's box in pixels of the photo.
    pub area: Rect,
    /// What a better photo would mend.
    pub warnings: Vec<Warning>,
}

/// Something about a photo that does not stop an enrolment. The code is stable, the sentence is for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// `several_faces`, `larger_face_unclear` or `low_quality`.
    pub code: &'static str,
    /// What it means and what to do.
    pub message: String,
}

impl Candidate {
    /// Reads a photo file and takes its largest face.
    ///
    /// # Errors
    /// What is wrong with the file or the face.
    pub fn from_photo(
        engine: &mut Engine,
        gates: &Gates,
        photo: &[u8],
        limits: &DecodeLimits,
    ) -> Result<Self, FaceError> {
        let image = face::decode(photo, limits)?;
        let found = engine.faces(&image, 1.0)?;
        let face = found.to_enrol(gates)?;
        let mut warnings = Vec::new();
        if found.unusable.is_some_and(|useless| useless.side > face.side()) {
            warnings.push(Warning {
                code: "larger_face_unclear",
                message:
                    "a larger face is too unclear to be used, and the largest clear one was taken: check that it is \
                          the right person, or use a better photo"
                        .to_owned(),
            });
        }
        if found.faces.len() > 1 {
            warnings.push(Warning {
                code: "several_faces",
                message: format!("{} faces in the photo: the largest one was taken", found.faces.len()),
            });
        }
        if face.embedding.norm < gates.warn_norm {
            warnings.push(Warning {
                code: "low_quality",
                message: format!(
                    "the face is not very clear (quality {:.2}, {:.2} or more is good): add a sharper photo, facing the camera",
                    face.embedding.norm, gates.warn_norm
                ),
            });
        }
        Ok(Self { embedding: face.embedding.clone(), area: face.area, warnings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything_printable() {
        for name in ["katya", "Катя", "José María", "../../x", "a'b\"c<script>", "小明"] {
            assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(PersonName::parse("  Ann \n").unwrap().as_str(), "Ann");
    }

    #[test]
    fn a_name_decomposed_by_macos_is_the_same_person() {
        assert_eq!(PersonName::parse("Jose\u{301}").unwrap(), PersonName::parse("José").unwrap());
    }

    #[test]
    fn an_empty_an_endless_and_an_unprintable_name_are_refused() {
        assert!(matches!(PersonName::parse(" \t"), Err(EnrolError::EmptyName)));
        assert!(matches!(PersonName::parse(&"x".repeat(101)), Err(EnrolError::LongName { length: 101, .. })));
        for unseen in ["a\u{0}b", "\u{200b}", "\u{202e}abc", "ann\u{feff}"] {
            assert!(matches!(PersonName::parse(unseen), Err(EnrolError::UnprintableName)), "{unseen:?}");
        }
    }
}
