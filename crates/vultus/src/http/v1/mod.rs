//! Version 1 of the API beyond the original's calls.

pub mod cameras;
pub mod pictures;
