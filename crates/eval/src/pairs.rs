//! Lists of labelled pairs: a CSV of file names, or LFW's own format.

use std::fmt;
use std::path::{Path, PathBuf};

/// Pairs of a file beyond this many are refused.
const MOST_PAIRS: usize = 10_000_000;

/// Names and paths longer than this many bytes are refused.
const LONGEST_NAME: usize = 4_096;

/// A list of pairs as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairList {
    /// In the file's order.
    pub pairs: Vec<NamedPair>,
    /// What is odd about it, in sentences.
    pub notes: Vec<String>,
}

/// One pair of photos, and whether they show the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPair {
    /// Its line in the file, from 1.
    pub line: usize,
    /// One photo.
    pub a: PhotoRef,
    /// The other.
    pub b: PhotoRef,
    /// The same person.
    pub same: bool,
}

/// How a list names a photo.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhotoRef {
    /// LFW: `NAME/NAME_0001.jpg`. The name is one part of a path.
    Numbered {
        /// The person.
        name: String,
        /// Which photo of that person.
        number: u32,
    },
    /// A relative path with `/` between its parts, which leads nowhere out.
    Path(String),
}

/// What is wrong with a list of pairs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct PairsError {
    /// Where, from 1.
    pub line: usize,
    /// What, and what is expected.
    pub problem: String,
}

impl PairsError {
    fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

impl fmt::Display for PhotoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered { name, number } => write!(f, "{name}/{name}_{number:04}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

impl PairList {
    /// Reads either format, told apart by the first line that is not empty: one with a comma or semicolon is CSV, and one with tabs
    /// if its columns are named. Absolute paths are understood below the `folders`.
    ///
    /// # Errors
    /// The first line that cannot be understood.
    pub fn parse(bytes: &[u8], folders: &[PathBuf]) -> Result<Self, PairsError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            PairsError::new(line, "not UTF-8 text: save the list as UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().find(|line| !line.trim().is_empty());
        let list = match first {
            None => return Err(PairsError::new(1, "the list is empty")),
            Some(line) if line.to_lowercase().contains(KAGGLE) => Self::from_lfw(text)?,
            Some(line) => match separator(line) {
                Some(separator) => Self::from_csv(text, separator, folders)?,
                None => Self::from_lfw(text)?,
            },
        };
        if list.pairs.is_empty() {
            return Err(PairsError::new(1, "the list has a header and no pairs"));
        }
        Ok(list)
    }

    /// `file_x,file_y,same`, with or without a header.
    fn from_csv(text: &str, separator: u8, folders: &[PathBuf]) -> Result<Self, PairsError> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut pairs = Vec::new();
        let mut columns = Columns::default();
        let mut record = csv::StringRecord::new();
        let mut is_first = true;
        loop {
            let line = reader.position().line() as usize;
            let more = reader.read_record(&mut record).map_err(|error| PairsError::new(line, error.to_string()))?;
            if !more {
                return Ok(Self { pairs, notes: Vec::new() });
            }
            let line = record.position().map_or(line, |position| position.line() as usize);
            if std::mem::take(&mut is_first)
                && let Some(named) = Columns::of_header(record.iter())
            {
                columns = named;
                continue;
            }
            let cell = |at: usize| {
                record.get(at).filter(|text| !text.is_empty()).ok_or_else(|| {
                    PairsError::new(line, "a pair is written file_x,file_y,same, for example a.jpg,b.jpg,Yes")
                })
            };
            let (a, b, same) = (cell(columns.a)?, cell(columns.b)?, cell(columns.same)?);
            let same = label(same).ok_or_else(|| {
                PairsError::new(line, format!("`{}` says neither Yes nor No (also 1, 0, true, false)", shortened(same)))
            })?;
            let path = |text: &str| path(text, folders).map_err(|problem| PairsError::new(line, problem));
            push(&mut pairs, NamedPair { line, a: path(a)?, b: path(b)?, same })?;
        }
    }

    /// `name i j` is a pair of one person, `name i name j` one of two; a header `500` or `10 300` says how many there are. With commas
    /// where the first line names the columns.
    fn from_lfw(text: &str) -> Result<Self, PairsError> {
        let mut pairs = Vec::new();
        let mut header = None;
        for (at, text) in text.lines().enumerate() {
            let line = at + 1;
            let split = |by: char| text.split(by).map(str::trim).filter(|word| !word.is_empty()).collect();
            let words: Vec<&str> = match (text.contains(','), text.contains('\t')) {
                (true, _) => split(','),
                (_, true) => split('\t'),
                _ => text.split_whitespace().collect(),
            };
            if words.is_empty() || (pairs.is_empty() && text.to_lowercase().contains(KAGGLE)) {
                continue;
            }
            if pairs.is_empty() && header.is_none() && words.len() <= 2 {
                header = Some(Header::parse(&words).ok_or_else(|| {
                    PairsError::new(line, "a list in LFW's format begins with its number of pairs: `500`, or `10 300`")
                })?);
                continue;
            }
            let photo =
                |name: &str, number: &str| numbered(name, number).map_err(|problem| PairsError::new(line, problem));
            let pair = match words.as_slice() {
                [name, i, j] => NamedPair { line, a: photo(name, i)?, b: photo(name, j)?, same: true },
                [name, i, other, j] => NamedPair { line, a: photo(name, i)?, b: photo(other, j)?, same: false },
                _ => {
                    let problem =
                        format!("`{}` is no pair: it is written `name i j` or `name i name j`", shortened(text));
                    return Err(PairsError::new(line, problem));
                }
            };
            push(&mut pairs, pair)?;
        }
        let promised = header.map(|Header { folds, of_each }| folds.saturating_mul(of_each).saturating_mul(2));
        let note = promised.filter(|promised| *promised != pairs.len()).map(|promised| {
            format!(
                "the list has {} pairs, its header promises {promised}: folds are tenths of what it has",
                pairs.len()
            )
        });
        Ok(Self { pairs, notes: note.into_iter().collect() })
    }
}

/// A column of LFW's lists in the form that Kaggle has them in: commas, and the columns named.
const KAGGLE: &str = "imagenum1";

/// What a CSV's first line separates its columns by; `None` if it is none. LFW's own lists have tabs.
fn separator(line: &str) -> Option<u8> {
    let has = |separator: char| line.contains(separator);
    match (has(','), has(';'), has('\t')) {
        (true, ..) => Some(b','),
        (_, true, _) => Some(b';'),
        (.., true) => Columns::of_header(line.split('\t').map(str::trim)).map(|_| b'\t'),
        _ => None,
    }
}

fn push(pairs: &mut Vec<NamedPair>, pair: NamedPair) -> Result<(), PairsError> {
    if pairs.len() == MOST_PAIRS {
        return Err(PairsError::new(pair.line, format!("more than {MOST_PAIRS} pairs: split the list")));
    }
    pairs.push(pair);
    Ok(())
}

/// Which column is what.
struct Columns {
    a: usize,
    b: usize,
    same: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self { a: 0, b: 1, same: 2 }
    }
}

impl Columns {
    /// `None` when the row names no columns: it is a pair already. Files are the columns named so, or else the first two beside the label.
    fn of_header<'a>(row: impl Iterator<Item = &'a str>) -> Option<Self> {
        let names: Vec<String> = row.map(|name| name.to_lowercase().replace(['_', ' ', '-'], "")).collect();
        let files: Vec<usize> = (0..names.len()).filter(|at| is_file(&names[*at])).collect();
        let label = names.iter().position(|name| ["same", "label", "issame", "match"].contains(&name.as_str()));
        match (files.as_slice(), label) {
            ([a, b], Some(same)) => Some(Self { a: *a, b: *b, same }),
            (_, Some(same)) => {
                let mut files = (0..names.len()).filter(|at| *at != same);
                Some(Self { a: files.next()?, b: files.next()?, same })
            }
            // `a` and `b` alone may be files.
            ([a, b], None) if names[*a].len() > 1 => {
                let same = (0..names.len()).find(|at| !files.contains(at))?;
                Some(Self { a: *a, b: *b, same })
            }
            _ => None,
        }
    }
}

/// Whether a column of this name (`filex`, `path1`, `a`) holds one of the two files.
fn is_file(name: &str) -> bool {
    let Some(what) = name.strip_suffix(['a', 'b', 'x', 'y', '1', '2']) else { return false };
    ["", "file", "filename", "path", "image", "img", "photo", "picture"].contains(&what)
}

fn label(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "1" | "1.0" | "true" | "same" => Some(true),
        "no" | "n" | "0" | "0.0" | "false" | "different" => Some(false),
        _ => None,
    }
}

/// LFW's header: how many folds, and how many pairs of each kind one has.
#[derive(Clone, Copy)]
struct Header {
    folds: usize,
    of_each: usize,
}

impl Header {
    fn parse(words: &[&str]) -> Option<Self> {
        let number = |word: &str| word.parse::<usize>().ok().filter(|n| (1..=MOST_PAIRS).contains(n));
        match words {
            [of_each] => Some(Self { folds: 1, of_each: number(of_each)? }),
            [folds, of_each] => Some(Self { folds: number(folds)?, of_each: number(of_each)? }),
            _ => None,
        }
    }
}

fn numbered(name: &str, number: &str) -> Result<PhotoRef, String> {
    let leads_out = name.contains(['/', '\\']) || name.contains(FORBIDDEN) || name == "." || name == "..";
    if name.len() > LONGEST_NAME || leads_out {
        return Err(format!("`{}` is no name of a folder", shortened(name)));
    }
    let digits = number.len() <= 9 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(number) if digits => Ok(PhotoRef::Numbered { name: name.to_owned(), number }),
        _ => Err(format!("`{}` is no number of a photo", shortened(number))),
    }
}

/// What no name may hold: on Windows a colon leads to another drive, or behind a file.
const FORBIDDEN: &[char] = if cfg!(windows) { &['\0', ':'] } else { &['\0'] };

fn path(text: &str, folders: &[PathBuf]) -> Result<PhotoRef, String> {
    let below = folders.iter().find_map(|folder| Path::new(text).strip_prefix(folder).ok()?.to_str());
    let path = below.unwrap_or(text).replace('\\', "/");
    if path.len() > LONGEST_NAME || path.contains(FORBIDDEN) || path.starts_with('/') {
        return Err(format!("`{}` is no path below the folder of photos", shortened(text)));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // Windows takes dots and spaces from a name's end away.
    let leads_out = |part: &&str| part.trim_end_matches(['.', ' ']).is_empty();
    if parts.is_empty() || parts.iter().any(leads_out) {
        return Err(format!("`{}` leads out of the folder of photos", shortened(text)));
    }
    Ok(PhotoRef::Path(parts.join("/")))
}

/// For an error message: whatever a file holds, the message stays one line of a bearable length.
fn shortened(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(name: &str, number: u32) -> PhotoRef {
        PhotoRef::Numbered { name: name.into(), number }
    }

    fn problem(text: &str) -> String {
        PairList::parse(text.as_bytes(), &[]).unwrap_err().to_string()
    }

    #[test]
    fn lfws_development_list_is_read() {
        let list = PairList::parse(b"1\nAnn_Lee\t13\t14\nAJ_Lamas\t1\tZach_Safrin\t2\n", &[]).unwrap();
        assert_eq!(
            list.pairs,
            [
                NamedPair { line: 2, a: photo("Ann_Lee", 13), b: photo("Ann_Lee", 14), same: true },
                NamedPair { line: 3, a: photo("AJ_Lamas", 1), b: photo("Zach_Safrin", 2), same: false },
            ]
        );
    }

    #[test]
    fn lfws_ten_folds_are_read_with_tabs_or_spaces_and_the_endings_of_windows() {
        let fold = "Ann 1 2\r\nAnn 1 Bob 1\r\n";
        let list = PairList::parse(format!("10\t1\r\n{}", fold.repeat(10)).as_bytes(), &[]).unwrap();
        assert_eq!(list.pairs.iter().filter(|pair| pair.same).count(), 10);
        assert_eq!(list.notes, [""; 0]);
        // Cut to fewer pairs with its header kept.
        let list = PairList::parse(format!("10\t1\r\n{}", fold.repeat(4)).as_bytes(), &[]).unwrap();
        assert_eq!(list.pairs.len(), 8);
        assert!(list.notes[0].contains("promises 20"), "{:?}", list.notes);
    }

    #[test]
    fn kaggles_form_of_lfws_lists_is_read() {
        let text = b"name,imagenum1,imagenum2,\nAnn_Lee,13,14,\nAJ_Lamas,1,Zach_Safrin,2\n";
        let list = PairList::parse(text, &[]).unwrap();
        assert_eq!(
            list.pairs,
            [
                NamedPair { line: 2, a: photo("Ann_Lee", 13), b: photo("Ann_Lee", 14), same: true },
                NamedPair { line: 3, a: photo("AJ_Lamas", 1), b: photo("Zach_Safrin", 2), same: false },
            ]
        );
    }

    #[test]
    fn a_csv_is_read_whatever_its_header_and_labels() {
        for text in [
            "file_x,file_y,same\na.jpg,x/b.jpg,Yes\nc.jpg,d.jpg,No\n",
            "a,b,label\na.jpg,x\\b.jpg,1\nc.jpg,d.jpg,0\n",
            "label,a,b\ntrue,a.jpg,./x/b.jpg\nfalse,c.jpg,d.jpg\n",
            "\u{feff}a.jpg, x/b.jpg, yes\n\"c.jpg\",d.jpg,no",
            "id,image1,image2,label\n1,a.jpg,x/b.jpg,1.0\n2,c.jpg,d.jpg,0.0\n",
            "path_1,path_2,score\na.jpg,x/b.jpg,1\nc.jpg,d.jpg,0\n",
            "file_x;file_y;same\na.jpg;x/b.jpg;1\nc.jpg;d.jpg;0\n",
            "file_x\tfile_y\tsame\na.jpg\tx/b.jpg\t1\nc.jpg\td.jpg\t0\n",
            "/photos/a.jpg,/photos/x/b.jpg,1\n/photos/c.jpg,d.jpg,0\n",
        ] {
            let list = PairList::parse(text.as_bytes(), &[PathBuf::from("/photos")]).unwrap();
            let path = |text: &str| PhotoRef::Path(text.into());
            assert_eq!((&list.pairs[0].a, &list.pairs[0].b), (&path("a.jpg"), &path("x/b.jpg")), "{text}");
            assert_eq!(list.pairs.iter().map(|pair| pair.same).collect::<Vec<_>>(), [true, false], "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, words) in [
            ("", 1, "empty"),
            ("500\n", 1, "no pairs"),
            ("file_x,file_y,same\n", 1, "no pairs"),
            ("1\nAnn 1 2\nAnn 1\n", 3, "no pair"),
            ("1\nAnn 1 two\nAnn 1 Bob 1\n", 2, "`two` is no number"),
            ("1\nAnn 1 2\n../Ann 1 Bob 1\n", 3, "no name"),
            ("a,b,yess\na.jpg,b.jpg,Yes\n", 1, "`yess`"),
            ("ten 300\nAnn 1 2\n", 1, "begins with its number"),
            ("file_x,file_y,same\na.jpg,b.jpg,Yes\na.jpg,b.jpg,Maybe\n", 3, "`Maybe`"),
            ("file_x,file_y,same\na.jpg,b.jpg\n", 2, "file_x,file_y,same"),
            ("a.jpg,../../b.jpg,1\n", 1, "leads out"),
            ("a.jpg,/etc/passwd,1\n", 1, "no path"),
            ("a.jpg,/photos/../b.jpg,1\n", 1, "no path"),
        ] {
            let said = problem(text);
            assert!(said.starts_with(&format!("line {line}: ")) && said.contains(words), "{text:?}: {said}");
        }
        let said = PairList::parse(b"1\nAnn 1 2\nAnn 1 \xff 1\n", &[]).unwrap_err().to_string();
        assert!(said.starts_with("line 3: not UTF-8"), "{said}");
    }
}
