//! What an existing installation brings along, read as data.
//!
//! Lives here: Python's pickles (`pickle`) and who is in them (`face_db`), assignments of a `settings.py` (`python`) or a `.env`
//! (`dotenv`), and how names out of them are shown (`shown`). Nothing of them is ever run.
//! Does not live here: files, what a setting may be, the database.
mod assignment;
mod dotenv;
mod face_db;
mod pickle;
mod python;
mod shown;

pub use assignment::{Assigned, Assignment, Literal};
pub use dotenv::read_dotenv;
pub use face_db::{FaceDb, FaceDbError, Sheet, Skipped};
pub use pickle::{PickleError, looks_like_pickle};
pub use python::read_settings_py;
pub use shown::shown;
