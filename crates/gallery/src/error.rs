use face::FaceError;
use store::StoreError;

/// Why somebody was not enrolled, removed or loaded.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The name is empty.
    #[error("the name is empty")]
    EmptyName,
    /// The name is too long.
    #[error("the name has {length} characters, at most {max} are allowed")]
    LongName {
        /// Its length in characters.
        length: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// The name has characters that cannot be shown.
    #[error("the name contains a character that cannot be seen")]
    UnprintableName,
    /// The photo cannot be enrolled from.
    #[error(transparent)]
    Photo(#[from] FaceError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
