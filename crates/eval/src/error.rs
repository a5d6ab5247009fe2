use std::io;
use std::path::PathBuf;

use face::FaceError;

use crate::pairs::PairsError;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A folder or file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds far too much.
    #[error("{path} holds more than {most} files: point to the folder of the photos")]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The most that is looked through.
        most: usize,
    },
    /// No pictures at all.
    #[error("no photos in {path}: it takes a folder for each person, NAME/photo.jpg, or --pairs with a list")]
    NoPhotos {
        /// The folder.
        path: PathBuf,
    },
    /// Nobody to tell anybody from.
    #[error("the photos in {path} are of {people}: at least two people are needed, each with a folder NAME/photo.jpg")]
    TooFewPeople {
        /// The folder.
        path: PathBuf,
        /// How many, in words.
        people: &'static str,
    },
    /// No two photos of one person.
    #[error("nobody has two photos with a face in {path}: who is recognised can be measured only on a second photo")]
    NoGenuinePair {
        /// The folder, or what else was measured.
        path: String,
    },
    /// The list of pairs cannot be understood.
    #[error("{file}: {problem}")]
    Pairs {
        /// The list.
        file: PathBuf,
        /// What is wrong with it.
        problem: PairsError,
    },
    /// The list is of other photos.
    #[error(
        "none of the photos of {file} is in {folder}: the first one, {first}, was looked for there and in folders below"
    )]
    OtherPhotos {
        /// The list.
        file: PathBuf,
        /// The folder of photos.
        folder: PathBuf,
        /// The first photo that the list names.
        first: String,
    },
    /// A model failed.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// A rate that makes no sense.
    #[error("{what} must lie {range}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What is allowed.
        range: &'static str,
    },
}
