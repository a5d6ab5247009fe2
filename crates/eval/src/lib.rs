//! How good recognition is, measured on labelled photos or on the people who are enrolled.
//!
//! Lives here: which photos and pairs there are (`folder`, `dataset`, `pairs`), what the engine sees in them (`shots`,
//! `population`), all pairs compared (`compare`, `distances`, `folds`), the statistics of it (`verification`, `identify`, `interval`,
//! `measures`), thresholds and curves made from it (`propose`, `curve`), the enrolled people looked through (`people`), and the
//! reports (`report`, `table`, `html`); and how long packs take (`pace`). The definitions are in docs/reference/eval.md.
//! Does not live here: the database, the network, what happens at a door.
#![forbid(unsafe_code)]

mod compare;
mod curve;
mod dataset;
mod distances;
mod error;
mod folder;
mod folds;
mod html;
mod identify;
mod interval;
mod measures;
mod pace;
mod pairs;
mod people;
mod population;
mod propose;
mod report;
mod shots;
mod table;
mod verification;

pub use curve::{LEAST_FMR, curve};
pub use dataset::{Dataset, Listed, Photo};
pub use distances::{Distances, Edge};
pub use error::EvalError;

pub use html::{gallery_page, page};
pub use identify::{DetPoint, Identification};
pub use interval::Interval;
pub use measures::{AtThreshold, ByRate, Measures, PairCounts, Question, Threshold, Worst, WorstPair};
pub use pace::{FRAME, Pace, ROUNDS, Spread, frame_of, pace};
pub use pairs::{NamedPair, PairList, PairsError, PhotoRef};
pub use people::{Confused, Disagreeing, EnrolledPerson, GalleryReport};
pub use propose::{Proposal, SUPPORT, Wanted};
pub use report::{Failures, Report, StageTimes, Time};
pub use shots::{Looking, MainFace, Shot, Times, look_at_all, read};
