/// Why a pickle cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It ends before its end.
    #[error("the file is cut off after {at} bytes: copy it again")]
    Truncated {
        /// How many bytes there are.
        at: usize,
    },
    /// It calls something that no face database needs.
    #[error("the file wants to run `{name}`: that is no face database")]
    Refused {
        /// What it calls.
        name: String,
    },
    /// It holds a trained model.
    #[error(
        "the file holds a model of scikit-learn (`{name}`), not people with their encodings: import the encodings that it was trained \
         with, or the photos"
    )]
    Classifier {
        /// The model's class.
        name: String,
    },
    /// It is no pickle, or one of a form that nobody writes.
    #[error("the file is no pickle that can be read: {problem}, at byte {at}")]
    Broken {
        /// Where.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// It unfolds to more than its size explains.
    #[error("the file unfolds to more than {megabytes} MB, which no face database of its size does")]
    TooMuch {
        /// How much is allowed.
        megabytes: usize,
    },
}
