use crate::dataset::Dataset;
use crate::shots::Shot;

/// Everybody's embeddings in one block, with who each is of.
#[derive(Clone, Debug)]
pub struct Population {
    /// Numbers of an embedding.
    pub dim: usize,
    /// One embedding for each photo; zeros where no face was found.
    pub vectors: Vec<f32>,
    /// Whether a face was found.
    pub found: Vec<bool>,
    /// Who: `None` where that is not known.
    pub owners: Vec<Option<u32>>,
    /// What each photo is called.
    pub labels: Vec<String>,
    /// Names of the owners.
    pub names: Vec<String>,
}

impl Population {
    /// The readable photos of a set. `None` stands in `places` for a photo that is left out.
    pub fn of(set: &Dataset, shots: &[Shot], dim: usize) -> (Self, Vec<Option<usize>>) {
        let mut population = Self::nobody(dim, set.identities.clone());
        let places = set.photos.iter().zip(shots).map(|(photo, shot)| {
            let vector = match shot {
                Shot::Unreadable(_) => return None,
                Shot::Missed(_) => None,
                Shot::Face(face) => Some(face.embedding.vector.as_slice()),
            };
            Some(population.add(photo.shown.clone(), photo.identity, vector))
        });
        let places = places.collect();
        (population, places)
    }

    /// Without anybody yet.
    pub fn nobody(dim: usize, names: Vec<String>) -> Self {
        Self { dim, vectors: Vec::new(), found: Vec::new(), owners: Vec::new(), labels: Vec::new(), names }
    }

    /// Adds a photo and says which it is. A vector of another length is of another model, and counts as no face.
    pub fn add(&mut self, label: String, owner: Option<u32>, vector: Option<&[f32]>) -> usize {
        let vector = vector.filter(|vector| vector.len() == self.dim);
        match vector {
            Some(vector) => self.vectors.extend_from_slice(vector),
            None => self.vectors.resize(self.vectors.len() + self.dim, 0.0),
        }
        self.found.push(vector.is_some());
        self.owners.push(owner);
        self.labels.push(label);
        self.labels.len() - 1
    }

    /// Photos, those without a face among them.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// A photo's embedding.
    pub fn vector(&self, at: usize) -> &[f32] {
        &self.vectors[at * self.dim..(at + 1) * self.dim]
    }

    /// The photos of each owner.
    pub fn by_owner(&self) -> Vec<Vec<usize>> {
        let mut photos = vec![Vec::new(); self.names.len()];
        for (at, owner) in self.owners.iter().enumerate() {
            if let Some(owner) = owner {
                photos[*owner as usize].push(at);
            }
        }
        photos
    }
}
