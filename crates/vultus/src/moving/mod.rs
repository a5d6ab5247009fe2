//! Moving in from the original: its face database and its settings. What is in such files is read by the crate `moving`.
//!
//! Lives here: who of a face database is stored, and how (`faces`), whose faces are nearly the same (`alike`), which settings a
//! `settings.py` makes (`settings`), and files, of a kind and size that is known before they are read (`file`).

mod alike;
mod faces;
mod file;
mod settings;

pub use faces::{Plan, Space};
pub use file::{is_dotenv, is_pickle, read_bounded};
pub use settings::Draft;
