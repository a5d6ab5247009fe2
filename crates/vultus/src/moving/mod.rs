//! Moving in: the original's face database and settings, and people from another installation. What is in the original's files is read by the crate
//! `moving`.
//!
//! Lives here: who of a face database is stored, and how (`faces`), whose faces are nearly the same (`alike`), which settings a
//! `settings.py` makes (`settings`), everybody in one ZIP file (`archive`) and what they are held against (`newcomers`), and files, of a kind and size that is known before they are read (`file`).

mod alike;
mod archive;
mod faces;
mod file;
mod newcomers;
mod settings;

pub use archive::{ArchiveReader, ArchiveWriter};
pub use faces::{Plan, Space};
pub use file::{begun_for, is_dotenv, is_pickle, read_bounded};
pub use newcomers::Newcomers;
pub use settings::Draft;
