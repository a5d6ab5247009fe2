//! Who is in a pickle of the original's: names with encodings, in any of the forms in which such projects keep them.

mod view;

use crate::pickle::{Pickle, PickleError};
use view::{Item, Sequence, View};

/// Names of the entry with all encodings, where there is one with all names beside it.
const ALL_ENCODINGS: &[&str] =
    &["encodings", "known_encodings", "known_face_encodings", "face_encodings", "embeddings", "vectors", "features"];
/// Names of the entry with all names.
const ALL_NAMES: &[&str] = &["names", "known_names", "known_face_names", "face_names", "labels", "ids"];
/// Names of a record's encoding, or encodings.
const ITS_ENCODING: &[&str] =
    &["encoding", "face_encoding", "embedding", "vector", "descriptor", "encodings", "embeddings"];
/// Names of a record's name.
const ITS_NAME: &[&str] = &["name", "label", "person", "username", "id"];

/// Everybody in a face database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceDb {
    /// As they stand in the file; a name may come more than once.
    pub sheets: Vec<Sheet>,
    /// The first [`FaceDb::MOST_SKIPPED`] of what could not be taken.
    pub skipped: Vec<Skipped>,
    /// How much more could not be taken.
    pub more_skipped: usize,
}

/// A name with encodings of that person.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// As it stands in the file.
    pub name: String,
    /// Each with as many numbers as were asked for, all of them finite and not all zero; not brought to unit length.
    pub encodings: Vec<Vec<f32>>,
}

/// Something that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Whose it is, or where it stands.
    pub who: String,
    /// Why.
    pub why: String,
}

/// Why nobody can be taken from a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaceDbError {
    /// It is no pickle that can be read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// It is a pickle of something else.
    #[error("the pickle holds {what}, not names with encodings")]
    SomethingElse {
        /// What it holds.
        what: &'static str,
    },
    /// It says the same over and over, or holds more than any installation has.
    #[error("the file unfolds to more than {most} encodings or names: split it")]
    TooMany {
        /// How many may be.
        most: usize,
    },
}

impl FaceDb {
    /// Of so many things that were skipped is told why.
    pub const MOST_SKIPPED: usize = 1000;

    /// Most encodings of a file.
    pub const MOST_ENCODINGS: usize = 200_000;

    /// Reads who is in the pickle; `dim` is how many numbers an encoding has.
    ///
    /// # Errors
    /// It is no pickle that can be read, or holds something else.
    pub fn read(bytes: &[u8], dim: usize) -> Result<Self, FaceDbError> {
        let pickle = Pickle::read(bytes)?;
        let mut reading = Reading { view: View::new(&pickle.heap, dim), found: Self::default(), encodings: 0, met: 0 };
        reading.database(Item::Value(pickle.root))?;
        if reading.met == 0 && !reading.found.is_empty() {
            return Err(FaceDbError::SomethingElse { what: reading.view.kind(Item::Value(pickle.root)) });
        }
        Ok(reading.found)
    }

    /// Whether nobody is in it, not even somebody who could not be taken.
    pub fn is_empty(&self) -> bool {
        self.sheets.is_empty() && self.skipped.is_empty()
    }

    /// Notes what could not be taken.
    pub fn skip(&mut self, who: impl Into<String>, why: impl Into<String>) {
        if self.skipped.len() < Self::MOST_SKIPPED {
            self.skipped.push(Skipped { who: who.into(), why: why.into() });
        } else {
            self.more_skipped += 1;
        }
    }
}

/// On the way through a pickle.
struct Reading<'p> {
    view: View<'p>,
    found: FaceDb,
    /// How many encodings were taken.
    encodings: usize,
    /// How many things were met that are meant as encodings, whether they can be taken or not.
    met: usize,
}

type Step = Result<(), FaceDbError>;

impl Reading<'_> {
    fn database(&mut self, root: Item) -> Step {
        if let Some((names, encodings)) = self.parallel(root)? {
            return self.side_by_side(names, encodings);
        }
        if let Some(entries) = self.view.entries(root) {
            return (0..entries.len()).try_for_each(|at| {
                let (name, value) = self.view.entry(entries, at)?;
                self.named(name, value, at)
            });
        }
        let Some(records) = self.view.sequence(root) else {
            return Err(FaceDbError::SomethingElse { what: self.view.kind(root) });
        };
        (0..records.len()).try_for_each(|at| {
            let record = self.view.item(records, at)?;
            self.record(record, at)
        })
    }

    /// Two lists, one of names and one of encodings, as two entries of a dict or two items.
    fn parallel(&self, root: Item) -> Result<Option<(Sequence, Sequence)>, FaceDbError> {
        if self.view.entries(root).is_some() {
            let names = self.view.entry_named(root, ALL_NAMES)?.and_then(|names| self.view.sequence(names));
            let encodings = self.view.entry_named(root, ALL_ENCODINGS)?.and_then(|all| self.view.sequence(all));
            return Ok(names.zip(encodings));
        }
        let Some(pair) = self.view.sequence(root).filter(|items| items.len() == 2) else { return Ok(None) };
        let (first, second) = (self.view.item(pair, 0)?, self.view.item(pair, 1)?);
        let (Some(a), Some(b)) = (self.view.sequence(first), self.view.sequence(second)) else { return Ok(None) };
        Ok(match (self.view.is_of_names(a)?, self.view.is_of_names(b)?) {
            (true, false) => Some((a, b)),
            (false, true) => Some((b, a)),
            _ => None,
        })
    }

    fn side_by_side(&mut self, names: Sequence, encodings: Sequence) -> Step {
        for at in 0..names.len().min(encodings.len()) {
            let (name, value) = (self.view.item(names, at)?, self.view.item(encodings, at)?);
            self.named(name, value, at)?;
        }
        if names.len() != encodings.len() {
            let why =
                format!("there are {} names and {} encodings: the rest is left out", names.len(), encodings.len());
            self.found.skip("the lists", why);
        }
        Ok(())
    }

    /// An item of a list: a dict with name and encoding, one of names with encodings, or a row with both.
    fn record(&mut self, record: Item, at: usize) -> Step {
        if let Some(entries) = self.view.entries(record) {
            let name = self.view.entry_named(record, ITS_NAME)?;
            let encoding = self.view.entry_named(record, ITS_ENCODING)?;
            if let (Some(name), Some(encoding)) = (name, encoding) {
                return self.named(name, encoding, at);
            }
            return (0..entries.len()).try_for_each(|inner| {
                let (name, value) = self.view.entry(entries, inner)?;
                self.named(name, value, at)
            });
        }
        if let Some((name, encoding)) = self.view.row(record)? {
            return self.named(name, encoding, at);
        }
        self.found.skip(place(at), format!("it is {}, not a name with an encoding", self.view.kind(record)));
        Ok(())
    }

    /// A name, with whatever is meant as the encoding or encodings of that person.
    fn named(&mut self, name: Item, value: Item, at: usize) -> Step {
        let Some(name) = self.view.name(name) else {
            self.found.skip(place(at), format!("its name is {}, not a text", self.view.kind(name)));
            return Ok(());
        };
        let value = self.view.entry_named(value, ITS_ENCODING)?.unwrap_or(value);
        let mut sheet = Sheet { name, encodings: Vec::new() };
        if self.view.is_vector(value) {
            self.encoding(&mut sheet, value, None)?;
        } else if let Some(all) = self.view.sequence(value).filter(|all| all.len() > 0) {
            for number in 0..all.len() {
                let one = self.view.item(all, number)?;
                self.encoding(&mut sheet, one, Some(number))?;
            }
        } else {
            self.found.skip(&sheet.name, format!("there is {} instead of an encoding", self.view.kind(value)));
        }
        if !sheet.encodings.is_empty() {
            self.found.sheets.push(sheet);
        }
        Ok(())
    }

    fn encoding(&mut self, sheet: &mut Sheet, value: Item, number: Option<usize>) -> Step {
        let read = if self.view.is_vector(value) {
            self.met += 1;
            self.view.vector(value)?
        } else {
            Err(format!("it is {}, not an encoding", self.view.kind(value)))
        };
        match read {
            Ok(encoding) => {
                self.encodings += 1;
                if self.encodings > FaceDb::MOST_ENCODINGS {
                    return Err(FaceDbError::TooMany { most: FaceDb::MOST_ENCODINGS });
                }
                sheet.encodings.push(encoding);
            }
            Err(why) => {
                let which = number.map(|number| format!(", encoding {}", number + 1)).unwrap_or_default();
                self.found.skip(format!("{}{which}", sheet.name), why);
            }
        }
        Ok(())
    }
}

fn place(at: usize) -> String {
    format!("entry {}", at + 1)
}
