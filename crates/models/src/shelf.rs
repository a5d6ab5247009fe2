use std::sync::Arc;

use crate::{Cache, Catalog, InstalledPack, ModelsError, Pack};

/// The packs of a catalogue, of which some are on this machine, by the space of their embeddings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shelf {
    catalog: Arc<Catalog>,
    cache: Cache,
}

impl Shelf {
    /// The packs of `catalog` with their files in `cache`.
    pub fn new(catalog: Catalog, cache: Cache) -> Self {
        Self { catalog: Arc::new(catalog), cache }
    }

    /// The first pack by name whose embeddings lie in `space` and whose files are here. Cheap, like [`Cache::installed`].
    ///
    /// # Errors
    /// No pack has this space, or a file of the first one that has it is missing.
    pub fn pack_of(&self, space: &str) -> Result<InstalledPack, ModelsError> {
        let mut tried = self.catalog.packs_of(space).map(|pack| self.cache.installed(&self.catalog, &pack.name));
        match tried.next() {
            Some(Err(missing)) => tried.find_map(Result::ok).ok_or(missing),
            Some(found) => found,
            None => Err(ModelsError::NoSuchSpace(space.to_owned())),
        }
    }
}

impl Catalog {
    /// The packs whose embeddings lie in `space`, by name.
    pub fn packs_of(&self, space: &str) -> impl Iterator<Item = &Pack> {
        self.packs.values().filter(move |pack| pack.space() == space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelFile;

    #[test]
    fn the_first_pack_of_a_space_that_is_here_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::builtin();
        let packs = [("b", "shared", Some("here")), ("a", "shared", None), ("c", "missing", None)];
        for (name, space, file) in packs {
            let mut pack = catalog.pack("default").unwrap().clone();
            pack.name = name.to_owned();
            pack.embedder.space = space.to_owned();
            let path = folder.path().join(file.unwrap_or("not here"));
            pack.files_mut().for_each(|file| *file = ModelFile { local: Some(path.clone()), ..ModelFile::default() });
            catalog.packs.insert(name.to_owned(), pack);
        }
        std::fs::write(folder.path().join("here"), "a model").unwrap();
        let shelf = Shelf::new(catalog, Cache::new(folder.path().join("cache")));
        assert_eq!(shelf.pack_of("shared").unwrap().pack.name, "b");
        let missing = shelf.pack_of("missing").unwrap_err().to_string();
        assert!(missing.contains("of pack `c`"), "{missing}");
        assert!(shelf.pack_of("never heard of").unwrap_err().to_string().contains("never heard of"));
    }
}
