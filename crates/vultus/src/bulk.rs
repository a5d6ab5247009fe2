//! Many photos at once, from a ZIP or a folder: which file is whose photo. File stem = name (`katya.jpg`), or folder =
//! name (`katya/1.jpg`, `katya/2.jpg`). Nothing is written: an entry is read into memory, one at a time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context;
use gallery::PersonName;
use zip::ZipArchive;

/// What a stranger's archive may cost.
#[derive(Clone, Copy, Debug)]
pub struct BulkLimits {
    /// Largest photo, unpacked, in bytes.
    pub photo_bytes: u64,
    /// All photos together, unpacked, in bytes.
    pub total_bytes: u64,
}

impl BulkLimits {
    /// Most entries of an archive.
    pub const MAX_ENTRIES: usize = 20_000;
}

/// One file of a ZIP or folder that was meant as a photo.
#[derive(Debug)]
pub struct Entry {
    /// Its path as it stands in the archive or folder.
    pub file: String,
    /// Whose photo it is; `None` when its path names nobody.
    pub name: Option<PersonName>,
    /// Its content, or why it cannot be taken.
    pub photo: Result<Vec<u8>, Refusal>,
}

impl Entry {
    fn unreadable(file: String, error: &zip::result::ZipError) -> Self {
        let refusal = Refusal::new("unreadable", format!("the entry cannot be read: {error}"));
        Self { file, name: None, photo: Err(refusal) }
    }

    /// An entry whose content is read only if its path names somebody.
    fn of(file: String, owner: Result<PersonName, Refusal>, read: impl FnOnce() -> Result<Vec<u8>, Refusal>) -> Self {
        match owner {
            Ok(name) => Self { file, name: Some(name), photo: read() },
            Err(refusal) => Self { file, name: None, photo: Err(refusal) },
        }
    }
}

/// Why an entry was not taken: a stable code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// For an entry whose path names nobody.
    pub fn nameless() -> Self {
        Self::new("bad_name", "the entry has no name")
    }

    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why nothing of an archive can be taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a ZIP.
    #[error("this is not a ZIP archive ({0})")]
    NotAZip(String),
    /// More entries than allowed.
    #[error("the archive has {count} entries, more than the {max} allowed: split it")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many may be.
        max: usize,
    },
}

/// The photos of an archive, in its order.
pub struct ZipPhotos {
    archive: ZipArchive<BufReader<File>>,
    next: usize,
    limits: BulkLimits,
    unpacked: u64,
    stems: Stems,
}

impl ZipPhotos {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// When it is no ZIP, or has too many entries.
    pub fn open(mut file: File, limits: BulkLimits) -> Result<Self, ArchiveError> {
        check_entry_count(&mut file)?;
        let archive =
            ZipArchive::new(BufReader::new(file)).map_err(|error| ArchiveError::NotAZip(error.to_string()))?;
        Ok(Self { archive, next: 0, limits, unpacked: 0, stems: Stems::default() })
    }

    /// Entries of the archive, folders and leftovers of systems included.
    pub fn len(&self) -> usize {
        self.archive.len()
    }

    fn read(&mut self, at: usize) -> Option<Entry> {
        let (file, is_folder) = match self.archive.by_index_raw(at) {
            Ok(raw) => (name_of(&raw), raw.is_dir()),
            Err(error) => return Some(Entry::unreadable(format!("#{at}"), &error)),
        };
        if is_folder || is_junk(&file) {
            return None;
        }
        let mut entry = match self.archive.by_index(at) {
            Ok(entry) => entry,
            Err(error) => return Some(Entry::unreadable(file, &error)),
        };
        let room = self.limits.total_bytes.saturating_sub(self.unpacked);
        let owner = self.stems.owner(&file);
        Some(Entry::of(file, owner, || {
            // What is refused counts as well: many entries may point to one bomb.
            let (unpacked, photo) = read_limited(&mut entry, self.limits.photo_bytes, room);
            self.unpacked += unpacked;
            photo
        }))
    }
}

impl Iterator for ZipPhotos {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while self.next < self.archive.len() {
            self.next += 1;
            if let Some(entry) = self.read(self.next - 1) {
                return Some(entry);
            }
        }
        None
    }
}

/// An entry's path. macOS writes UTF-8 without saying so, and the ZIP standard would have it read as a code page of DOS.
fn name_of<R: Read>(entry: &zip::read::ZipFile<'_, R>) -> String {
    let decoded =
        || entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned(), Cow::into_owned);
    std::str::from_utf8(entry.name_raw()).map_or_else(|_| decoded(), str::to_owned)
}

/// How many entries the archive states to have, before any of them is read into memory. A count that does not fit into
/// the record's 16 bits stands there as the largest one.
fn check_entry_count(file: &mut File) -> Result<(), ArchiveError> {
    /// The record at the end: 22 bytes and a comment of up to 65,535.
    const LONGEST_END: u64 = 22 + 65_535;
    let unreadable = |error: std::io::Error| ArchiveError::NotAZip(error.to_string());
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_END))).map_err(unreadable)?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let record = end.windows(22).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let Some(at) = record else { return Err(ArchiveError::NotAZip("it has no table of contents".into())) };
    let count = usize::from(u16::from_le_bytes([end[at + 10], end[at + 11]]));
    let max = BulkLimits::MAX_ENTRIES;
    if count > max { Err(ArchiveError::TooMany { count, max }) } else { Ok(()) }
}

/// What is unpacked is counted as it comes out, and returned with it: the sizes that an archive states may be lies.
fn read_limited(entry: &mut impl Read, photo_bytes: u64, room: u64) -> (u64, Result<Vec<u8>, Refusal>) {
    let mut bytes = Vec::new();
    let limit = photo_bytes.min(room);
    let read = entry.take(limit + 1).read_to_end(&mut bytes);
    let outcome = match read {
        Err(error) => Err(Refusal::new("unreadable", format!("the entry cannot be unpacked: {error}"))),
        Ok(length) if length as u64 <= limit => return (length as u64, Ok(bytes)),
        Ok(_) if room < photo_bytes => {
            Err(Refusal::new("archive_too_large", "the archive unpacks to more than is allowed: split it"))
        }
        Ok(_) => {
            let megabytes = photo_bytes / 1_000_000;
            Err(Refusal::new("too_large", format!("the photo is larger than the {megabytes} MB allowed")))
        }
    };
    (bytes.len() as u64, outcome)
}

/// The photos below a folder, in order of their names, with how many there are.
///
/// # Errors
/// When the folder cannot be read.
pub fn folder_photos(root: &Path, limits: BulkLimits) -> anyhow::Result<(usize, impl Iterator<Item = Entry> + use<>)> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let (root, mut stems, count) = (root.to_owned(), Stems::default(), files.len());
    let entries = files.into_iter().map(move |path| {
        let file = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let read = || {
            let mut reader =
                File::open(&path).map_err(|error| Refusal::new("unreadable", format!("cannot be read: {error}")))?;
            read_limited(&mut reader, limits.photo_bytes, u64::MAX - 1).1
        };
        let owner = stems.owner(&file);
        Entry::of(file, owner, read)
    });
    Ok((count, entries))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        // The entry's own type: a link to a folder may lead back to where we are.
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.is_dir() {
            tracing::warn!(link = %path.display(), "a link to a folder is not followed");
        } else if !is_junk(&path.to_string_lossy()) {
            files.push(path);
        }
    }
    Ok(())
}

/// What systems leave in archives and folders beside what people put there.
fn is_junk(path: &str) -> bool {
    let mut parts = path.split(['/', '\\']);
    let in_resource_fork = parts.clone().any(|part| part == "__MACOSX");
    let file = parts.next_back().unwrap_or_default();
    in_resource_fork || file.starts_with('.') || matches!(file, "Thumbs.db" | "desktop.ini" | "Icon\r")
}

/// Whose photo a path is. Remembers file stems, since `katya.jpg` and `katya.png` are more likely a mistake than two
/// photos that belong together.
#[derive(Default)]
struct Stems(HashMap<PersonName, String>);

impl Stems {
    fn owner(&mut self, file: &str) -> Result<PersonName, Refusal> {
        let parts: Vec<&str> = file.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(Refusal::new("unsafe_path", "the path leads out of the archive"));
        }
        let parse = |text: &str| PersonName::parse(text).map_err(|error| Refusal::new("bad_name", error.to_string()));
        match parts.as_slice() {
            [] => Err(Refusal::nameless()),
            [file_name] => {
                let name = parse(stem(file_name))?;
                match self.0.insert(name.clone(), file.to_owned()) {
                    None => Ok(name),
                    Some(first) => {
                        let message = format!(
                            "{first} has the same name; to give one person several photos put them into a folder `{name}/`"
                        );
                        self.0.insert(name, first);
                        Err(Refusal::new("duplicate_name", message))
                    }
                }
            }
            [.., folder, _] => parse(folder),
        }
    }
}

/// The file's name without its ending.
fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const LIMITS: BulkLimits = BulkLimits { photo_bytes: 1000, total_bytes: 5000 };

    fn archive(entries: &[(&str, &[u8])]) -> File {
        let mut writer = ZipWriter::new(tempfile::tempfile().unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        let mut file = writer.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    /// `file → name` or `file ! code`, one for each entry.
    fn read(entries: &[(&str, &[u8])]) -> Vec<String> {
        let photos = ZipPhotos::open(archive(entries), LIMITS).unwrap();
        photos
            .map(|entry| match (entry.photo, entry.name) {
                (Ok(_), Some(name)) => format!("{} → {name}", entry.file),
                (Ok(_), None) => format!("{} → nobody", entry.file),
                (Err(refusal), _) => format!("{} ! {}", entry.file, refusal.code),
            })
            .collect()
    }

    #[test]
    fn a_file_is_named_by_its_stem_or_by_its_folder() {
        let got =
            read(&[("katya.jpg", b"1"), ("Ema Lee.v2.png", b"1"), ("zero/1.jpg", b"1"), ("all/zero/2.jpg", b"1")]);
        assert_eq!(
            got,
            ["katya.jpg → katya", "Ema Lee.v2.png → Ema Lee.v2", "zero/1.jpg → zero", "all/zero/2.jpg → zero"]
        );
    }

    #[test]
    fn leftovers_of_systems_are_passed_over() {
        let junk = ["__MACOSX/._katya.jpg", ".DS_Store", "zero/.DS_Store", "zero/Thumbs.db", "._ema.jpg"];
        let entries: Vec<(&str, &[u8])> = junk.iter().map(|name| (*name, b"1".as_slice())).collect();
        assert!(read(&entries).is_empty());
    }

    #[test]
    fn a_second_file_with_the_same_stem_is_reported_and_the_first_one_stays() {
        assert_eq!(
            read(&[("katya.jpg", b"1"), ("katya.png", b"1"), ("katya.webp", b"1")]),
            ["katya.jpg → katya", "katya.png ! duplicate_name", "katya.webp ! duplicate_name"]
        );
    }

    #[test]
    fn unicode_names_are_kept() {
        assert_eq!(read(&[("Катя.jpg", b"1"), ("小明/1.jpg", b"1")]), ["Катя.jpg → Катя", "小明/1.jpg → 小明"]);
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        assert_eq!(
            read(&[("../../x.jpg", b"1"), ("..\\x.jpg", b"1")]),
            ["../../x.jpg ! unsafe_path", "..\\x.jpg ! unsafe_path"]
        );
    }

    #[test]
    fn an_entry_that_unpacks_to_too_much_is_refused_and_the_next_is_read() {
        let bomb = vec![0; 100_000];
        assert_eq!(read(&[("bomb.jpg", &bomb), ("ok.jpg", b"1")]), ["bomb.jpg ! too_large", "ok.jpg → ok"]);
    }

    #[test]
    fn an_archive_that_unpacks_to_too_much_in_all_is_cut_off() {
        let photo = vec![7; 900];
        let names: Vec<String> = (0..8).map(|i| format!("p{i}.jpg")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), photo.as_slice())).collect();
        let got = read(&entries);
        assert_eq!(got[4], "p4.jpg → p4");
        assert_eq!(got[5], "p5.jpg ! archive_too_large");
    }

    #[test]
    fn many_entries_that_point_to_one_bomb_do_not_unpack_it_many_times() {
        let bomb = vec![0; 100_000];
        let names: Vec<String> = (0..20).map(|i| format!("p{i}.jpg")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), bomb.as_slice())).collect();
        let got = read(&entries);
        assert_eq!(got[0], "p0.jpg ! too_large");
        assert_eq!(got[19], "p19.jpg ! archive_too_large");
    }

    #[test]
    fn an_archive_of_too_many_entries_is_refused_by_what_it_states() {
        let mut file = archive(&[("a.jpg", b"1")]);
        let end = file.seek(SeekFrom::End(0)).unwrap() - 22;
        file.seek(SeekFrom::Start(end + 8)).unwrap();
        file.write_all(&[0xFF, 0xFF, 0xFF, 0xFF]).unwrap();
        assert!(matches!(ZipPhotos::open(file, LIMITS), Err(ArchiveError::TooMany { count: 65_535, .. })));
    }

    #[test]
    fn what_is_no_zip_is_said_to_be_none() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello, this is text").unwrap();
        file.rewind().unwrap();
        assert!(matches!(ZipPhotos::open(file, LIMITS), Err(ArchiveError::NotAZip(_))));
    }
}
