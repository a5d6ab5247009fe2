//! Python's pickles, read as data.
//!
//! Lives here: bytes one after the other (`reader`), what they come to (`heap`), the machine that they drive (`machine`), the few
//! things that they may call (`callable`), numpy's arrays (`array`), texts in their old forms (`text`).

mod array;
mod callable;
mod error;
mod heap;
mod machine;
mod reader;
mod text;

pub use array::{Array, Cell};
pub use error::PickleError;
pub use heap::{Heap, Object, ObjectId, Value};

/// A pickle's value, with everything that it refers to.
#[derive(Debug)]
pub struct Pickle<'a> {
    /// What the pickle holds.
    pub root: Value,
    /// Where all objects lie.
    pub heap: Heap<'a>,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of any protocol.
    ///
    /// # Errors
    /// It is none, is cut off, wants something run, or unfolds to too much.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        machine::Machine::new(bytes).run()
    }
}

/// Whether a file of this beginning and end is a pickle: newer protocols say so; the oldest are told by what a container begins with and
/// every pickle ends with.
pub fn looks_like_pickle(start: &[u8], last: u8) -> bool {
    match start {
        [0x80, 2..=5, ..] => true,
        [first, ..] => b"(]})c".contains(first) && last == b'.',
        [] => false,
    }
}
