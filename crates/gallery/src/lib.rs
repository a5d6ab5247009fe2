//! Who is enrolled: from embeddings to names.
//!
//! Lives here: the search index with its layers and what they are made of (`index`, `layer`, `block`, `vectors`, `kernel`), the distance scale of the contract (`scale`) and
//! its false match rates (`fmr`), how strictly people are recognised (`strictness`), the
//! in-memory gallery that follows the database (`gallery`), what makes a photo fit to enrol (`enrol`), what is learned about
//! faces that were seen (`hindsight`), and a text fit to be read (`printable`).
//! Does not live here: SQL (crate `store`), how a face becomes an embedding (crate `face`), what a match means at a
//! door (crate `events`).
#![deny(unsafe_code)]

mod block;
mod enrol;
mod error;
mod fmr;
mod gallery;
mod hindsight;
mod index;
mod kernel;
mod layer;
mod printable;
mod scale;
mod strictness;
mod vectors;

pub use enrol::{Candidate, Company, EnrolPolicy, Finding, Likeness, Other, PersonName, Weight};
pub use error::EnrolError;
pub use fmr::{FMR_POINTS, LEAST_MEASURED_FMR, ONE_IN_A_THOUSAND, distance_at, fmr_at};
pub use gallery::{Enrolled, Gallery, NewFace};
pub use hindsight::Unlike;
pub use index::{Index, Match, RunnerUp};
pub use printable::printable;
pub use scale::{Distance, RawDistance, Scale};
pub use store::Version;
pub use strictness::{Strictness, fmr_of, fpir_if_independent, fpir_of};
