use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::EvalError;
use crate::folder::{self, ENDINGS};
use crate::folds::tenth;
use crate::pairs::{NamedPair, PairList, PhotoRef};

/// Labelled photos.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Every photo once.
    pub photos: Vec<Photo>,
    /// Names of the identities; where they are only known from the list of pairs, made up.
    pub identities: Vec<String>,
    /// The pairs of a list, in its order; `None` where all photos are compared with all.
    pub listed: Option<Vec<Listed>>,
    /// Whether two photos of different identities are of different people. Not where identities are known from the pairs alone.
    pub strangers_known: bool,
    /// What a list names and the folder lacks.
    pub absent: Vec<String>,
    /// Pairs of the list that were left out for that.
    pub skipped: usize,
    /// What is odd about the labels, in sentences.
    pub notes: Vec<String>,
}

/// A photo of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Its file.
    pub path: PathBuf,
    /// Its file as it is shown: relative to the folder.
    pub shown: String,
    /// Who it is of: an index into the identities.
    pub identity: Option<u32>,
}

/// A pair of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Index of a photo.
    pub a: usize,
    /// Index of another.
    pub b: usize,
    /// The same person.
    pub same: bool,
    /// 0–9.
    pub fold: usize,
}

impl Dataset {
    /// All pictures below a folder; the folder that a photo lies in names who it is of. Photos in `root` itself are of nobody known.
    ///
    /// # Errors
    /// A folder that cannot be read, holds no photos, or photos of fewer than two people.
    pub fn of_folder(root: &Path) -> Result<Self, EvalError> {
        let mut names = Names::default();
        let photos: Vec<Photo> = folder::pictures(root)?
            .into_iter()
            .map(|found| {
                let identity = parent_name(&found.shown).map(|name| names.index(name));
                Photo { path: found.path, shown: found.shown, identity }
            })
            .collect();
        let path = || root.to_owned();
        match (photos.is_empty(), names.all.len()) {
            (true, _) => return Err(EvalError::NoPhotos { path: path() }),
            (_, 0) => return Err(EvalError::TooFewPeople { path: path(), people: "nobody known" }),
            (_, 1) => return Err(EvalError::TooFewPeople { path: path(), people: "one person" }),
            _ => {}
        }
        let loose = photos.iter().filter(|photo| photo.identity.is_none()).count();
        let notes = (loose > 0).then(|| {
            format!(
                "{loose} photos lie in no person's folder: it is not known who they are of, and they are not compared"
            )
        });
        Ok(Self {
            photos,
            identities: names.all,
            strangers_known: true,
            notes: notes.into_iter().collect(),
            ..Self::default()
        })
    }

    /// The photos of a list that was read from `file`. LFW's names are looked for in `root` and up to two folders deeper; paths of a
    /// CSV in `root`, then in the list's own folder.
    ///
    /// # Errors
    /// When a folder cannot be read, or none of the photos is there.
    pub fn of_pairs(root: &Path, list: &PairList, file: &Path) -> Result<Self, EvalError> {
        let finder = Finder::new(root, list, file)?;
        let mut found: HashMap<&PhotoRef, Option<usize>> = HashMap::new();
        let mut set = Self { notes: list.notes.clone(), ..Self::default() };
        let mut listed = Vec::new();
        let all = list.pairs.len() as u64;
        for (at, pair) in list.pairs.iter().enumerate() {
            let mut index = |photo| {
                *found.entry(photo).or_insert_with(|| {
                    let path = finder.find(photo);
                    match path {
                        Some(path) => {
                            let shown = finder.shown(&path);
                            set.photos.push(Photo { path, shown, identity: None });
                            Some(set.photos.len() - 1)
                        }
                        None => {
                            set.absent.push(photo.to_string());
                            None
                        }
                    }
                })
            };
            match (index(&pair.a), index(&pair.b)) {
                // A photo beside itself says nothing.
                (Some(a), Some(b)) if a != b => {
                    listed.push(Listed { a, b, same: pair.same, fold: tenth(at as u64, all) });
                }
                _ => set.skipped += 1,
            }
        }
        if let (true, Some(first)) = (set.photos.is_empty(), list.pairs.first()) {
            let (file, folder) = (file.to_owned(), root.to_owned());
            return Err(EvalError::OtherPhotos { file, folder, first: first.a.to_string() });
        }
        set.identify(list, &listed);
        set.listed = Some(listed);
        Ok(set)
    }

    /// Who the photos are of: by LFW's names; by folders, where these agree with every label; else by the pairs themselves.
    fn identify(&mut self, list: &PairList, listed: &[Listed]) {
        let is_lfw = list.pairs.iter().all(|pair| matches!(pair.a, PhotoRef::Numbered { .. }));
        let folders: Option<Vec<&str>> = self.photos.iter().map(|photo| parent_name(&photo.shown)).collect();
        let agrees = |folders: &Vec<&str>| listed.iter().all(|pair| (folders[pair.a] == folders[pair.b]) == pair.same);
        match folders.filter(|folders| is_lfw || agrees(folders)) {
            Some(folders) => {
                let mut names = Names::default();
                let identities: Vec<u32> = folders.iter().map(|name| names.index(name)).collect();
                self.photos.iter_mut().zip(identities).for_each(|(photo, identity)| photo.identity = Some(identity));
                self.identities = names.all;
                self.strangers_known = true;
            }
            None => self.identify_by_pairs(listed),
        }
    }

    /// Whoever is the same as the same is the same.
    fn identify_by_pairs(&mut self, listed: &[Listed]) {
        let mut leads: Vec<usize> = (0..self.photos.len()).collect();
        let head = |leads: &mut Vec<usize>, mut at: usize| {
            while leads[at] != at {
                leads[at] = leads[leads[at]];
                at = leads[at];
            }
            at
        };
        for pair in listed.iter().filter(|pair| pair.same) {
            let (a, b) = (head(&mut leads, pair.a), head(&mut leads, pair.b));
            leads[b.max(a)] = a.min(b);
        }
        let mut numbers: HashMap<usize, u32> = HashMap::new();
        for at in 0..self.photos.len() {
            let (head, next) = (head(&mut leads, at), numbers.len() as u32);
            self.photos[at].identity = Some(*numbers.entry(head).or_insert(next));
        }
        self.identities = (1..=numbers.len()).map(|number| format!("#{number}")).collect();
        let contradicted = |pair: &&Listed| !pair.same && self.photos[pair.a].identity == self.photos[pair.b].identity;
        let odd = listed.iter().filter(contradicted).count();
        if odd > 0 {
            self.notes.push(format!(
                "{odd} pairs are called different although other pairs of the list make them the same person"
            ));
        }
    }
}

/// Identities by name, in the order in which they are met.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    known: HashMap<String, u32>,
}

impl Names {
    fn index(&mut self, name: &str) -> u32 {
        *self.known.entry(name.to_owned()).or_insert_with(|| {
            self.all.push(name.to_owned());
            (self.all.len() - 1) as u32
        })
    }
}

fn parent_name(shown: &str) -> Option<&str> {
    shown.rsplit('/').nth(1)
}

/// Where the photos of a list lie.
struct Finder {
    root: PathBuf,
    /// Where paths begin, in the order in which they are tried.
    bases: Vec<PathBuf>,
}

/// Names of a list that are tried in each folder, until one fits.
const TRIED: usize = 50;

impl Finder {
    fn new(root: &Path, list: &PairList, file: &Path) -> Result<Self, EvalError> {
        let first: BTreeSet<&PhotoRef> = list.pairs.iter().take(TRIED).map(|pair: &NamedPair| &pair.a).collect();
        let holds_some = |base: &PathBuf| first.iter().any(|photo| find_in(base, photo).is_some());
        let inner = folder::roots(root)?.into_iter().find(holds_some);
        let bases = inner.into_iter().chain([root.to_owned()]).chain(file.parent().map(Path::to_owned)).collect();
        Ok(Self { root: root.to_owned(), bases })
    }

    fn find(&self, photo: &PhotoRef) -> Option<PathBuf> {
        self.bases.iter().find_map(|base| find_in(base, photo))
    }

    /// Relative to the folder that it lies in, whichever that is.
    fn shown(&self, path: &Path) -> String {
        let base = self.bases.iter().find(|base| path.starts_with(base)).unwrap_or(&self.root);
        folder::shown(base, path)
    }
}

fn find_in(base: &Path, photo: &PhotoRef) -> Option<PathBuf> {
    match photo {
        PhotoRef::Path(path) => Some(base.join(path)).filter(|path| path.is_file()),
        PhotoRef::Numbered { name, number } => {
            let stem = base.join(name).join(format!("{name}_{number:04}"));
            let with = |ending: &str| {
                let mut path = stem.clone().into_os_string();
                path.push(".");
                path.push(ending);
                PathBuf::from(path)
            };
            let endings = ENDINGS.iter().flat_map(|ending| [(*ending).to_owned(), ending.to_uppercase()]);
            endings.map(|ending| with(&ending)).find(|path| path.is_file())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with files of these names; their content is nobody's business here.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\xff\xd8\xff\xe0").unwrap();
        }
        folder
    }

    fn of_pairs(folder: &Path, list: &str) -> Result<Dataset, EvalError> {
        Dataset::of_pairs(folder, &PairList::parse(list.as_bytes(), &[]).unwrap(), &folder.join("pairs"))
    }

    fn identities(set: &Dataset) -> Vec<(&str, Option<&str>)> {
        let name = |photo: &Photo| photo.identity.map(|at| set.identities[at as usize].as_str());
        set.photos.iter().map(|photo| (photo.shown.as_str(), name(photo))).collect()
    }

    #[test]
    fn the_folder_a_photo_lies_in_names_who_it_is_of() {
        let folder = folder(&["ann/1.jpg", "more/ann/2.png", "bob/1.bmp", "loose.jpg", "bob/notes.txt", ".x/c/1.jpg"]);
        fs::write(folder.path().join("bob/notes.txt"), "no picture").unwrap();
        let set = Dataset::of_folder(folder.path()).unwrap();
        assert_eq!(
            identities(&set),
            [
                ("ann/1.jpg", Some("ann")),
                ("bob/1.bmp", Some("bob")),
                ("loose.jpg", None),
                ("more/ann/2.png", Some("ann"))
            ]
        );
        assert!(set.notes[0].starts_with("1 photos lie in no person's folder"));
    }

    #[cfg(unix)]
    #[test]
    fn links_to_folders_are_followed_and_each_folder_is_looked_through_once() {
        let elsewhere = folder(&["1.jpg", "lfw/Ann/Ann_0001.jpg", "lfw/Ann/Ann_0002.jpg"]);
        let folder = folder(&["ann/1.jpg"]);
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        link(&elsewhere.path().join("lfw"), "lfw");
        // Back to where we are.
        link(folder.path(), "round");
        let set = Dataset::of_folder(folder.path()).unwrap();
        let shown: Vec<&str> = set.photos.iter().map(|photo| photo.shown.as_str()).collect();
        assert_eq!(shown, ["ann/1.jpg", "lfw/Ann/Ann_0001.jpg", "lfw/Ann/Ann_0002.jpg"]);
        assert_eq!(of_pairs(folder.path(), "Ann 1 2\n").unwrap().photos.len(), 2);
    }

    #[test]
    fn a_folder_of_nobody_or_of_one_person_is_refused() {
        let none = Dataset::of_folder(folder(&[]).path()).unwrap_err();
        assert!(matches!(none, EvalError::NoPhotos { .. }), "{none}");
        for files in [&["1.jpg"][..], &["ann/1.jpg", "ann/2.jpg"]] {
            let error = Dataset::of_folder(folder(files).path()).unwrap_err();
            assert!(matches!(error, EvalError::TooFewPeople { .. }), "{error}");
        }
    }

    #[test]
    fn lfws_photos_are_found_in_the_folder_of_an_archive_with_any_ending() {
        let folder =
            folder(&["lfw/images/Ann/Ann_0001.png", "lfw/images/Ann/Ann_0002.JPG", "lfw/images/Bob/Bob_0010.jpg"]);
        let set = of_pairs(folder.path(), "2\nAnn 1 2\nAnn 1 3\nAnn 1 Bob 10\nAnn 2 Bob 10\n").unwrap();
        assert_eq!(
            identities(&set),
            [("Ann/Ann_0001.png", Some("Ann")), ("Ann/Ann_0002.JPG", Some("Ann")), ("Bob/Bob_0010.jpg", Some("Bob"))]
        );
        assert_eq!((set.absent.as_slice(), set.skipped), (&["Ann/Ann_0003".to_owned()][..], 1));
        assert!(set.strangers_known);
    }

    #[test]
    fn a_csv_without_folders_knows_only_its_own_pairs() {
        let folder = folder(&["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
        let set = of_pairs(folder.path(), "a.jpg,b.jpg,1\nb.jpg,c.jpg,1\na.jpg,c.jpg,0\na.jpg,d.jpg,0\n").unwrap();
        let numbers: Vec<Option<u32>> = set.photos.iter().map(|photo| photo.identity).collect();
        assert_eq!(numbers, [Some(0), Some(0), Some(0), Some(1)]);
        assert!(!set.strangers_known);
        assert!(set.notes[0].starts_with("1 pairs are called different"), "{:?}", set.notes);
    }

    #[test]
    fn a_csv_whose_folders_agree_with_its_labels_knows_everybody() {
        let folder = folder(&["x/a.jpg", "x/b.jpg", "y/c.jpg"]);
        let csv = "x/a.jpg,x/b.jpg,1\nx/a.jpg,y/c.jpg,0\n";
        assert!(of_pairs(folder.path(), csv).unwrap().strangers_known);
        assert!(!of_pairs(folder.path(), &format!("{csv}x/b.jpg,y/c.jpg,1\n")).unwrap().strangers_known);
    }

    #[test]
    fn a_list_of_other_photos_is_refused() {
        let error = of_pairs(folder(&["a.jpg"]).path(), "x.jpg,y.jpg,1\n").unwrap_err().to_string();
        assert!(error.contains("x.jpg"), "{error}");
    }
}
