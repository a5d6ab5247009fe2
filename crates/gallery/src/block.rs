use store::PersonId;

use crate::layer::Entry;
use crate::scale::Scale;
use crate::vectors::Vectors;

/// People in a block, at most. A change copies a block (2 MB of faces with 512 numbers: beside the commit no slower than a quarter of
/// that), and a pointer to each other one. With a quarter of it a search of a million took a tenth longer: at the edges memory is waited for.
pub(crate) const MOST_IN_BLOCK: usize = 1024;

/// Some of a layer's people, whose ids follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// By their ids, which grow.
    pub people: Vec<Entry>,
    /// One for each of `people`: the mean of that person's templates.
    pub means: Vectors,
}

impl Block {
    /// A block of nobody, for means of so many numbers, with room for as many people as it may have: memory is taken as it is filled.
    pub(crate) fn empty(dim: usize) -> Self {
        Self { people: Vec::with_capacity(MOST_IN_BLOCK), means: Vectors::with_room(MOST_IN_BLOCK, dim) }
    }

    /// Where somebody is, or would have to be put.
    pub(crate) fn place(&self, id: PersonId) -> Result<usize, usize> {
        self.people.binary_search_by_key(&id, |entry| entry.id)
    }

    /// Where the person of this name is.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.people.iter().position(|entry| &*entry.name == name)
    }

    pub(crate) fn insert(&mut self, at: usize, entry: Entry, mean: &[f32], scale: &Scale) {
        self.people.insert(at, entry);
        self.means.insert(at, mean, scale);
    }

    pub(crate) fn replace(&mut self, at: usize, entry: Entry, mean: &[f32], scale: &Scale) {
        self.people[at] = entry;
        self.means.replace(at, mean, scale);
    }

    pub(crate) fn remove(&mut self, at: usize) {
        self.people.remove(at);
        self.means.remove(at);
    }

    /// Takes out those from this one on, as a block of their own.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self { people: self.people.split_off(at), means: self.means.split_off(at) }
    }
}
