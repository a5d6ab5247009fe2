use std::fmt;

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
