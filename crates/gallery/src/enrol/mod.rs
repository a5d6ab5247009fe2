//! What makes a photo fit to enrol.
//!
//! Lives here: a name (`name`), a photo's face with its measures (`candidate`), what there is to say of it (`finding`), by which
//! limits (`rules`), and whether it is the right person's (`likeness`).
mod candidate;
mod finding;
mod likeness;
mod name;
mod rules;

pub use candidate::{Candidate, Company};
pub use finding::{EnrolPolicy, Finding, Weight};
pub use likeness::{Likeness, Other};
pub use name::PersonName;
