//! Reports as one file for a browser: no scripts, nothing fetched, light or dark as the reader's system is.

mod chart;
mod escape;
mod pages;
mod pictures;

pub use pages::{gallery_page, page};
