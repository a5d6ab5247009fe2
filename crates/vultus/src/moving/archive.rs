//! Everybody in one ZIP file, with templates and photos: what `vultus people export` writes and `vultus people import` reads.
//!
//! `vultus-people.json` says that it is one and of which form; each `people/NUMBER.json` is a person, whose photos are
//! `photos/NUMBER-NUMBER.jpg`. Entries are written and read one at a time, so the size of a gallery does not matter.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gallery::PersonName;
use serde::{Deserialize, Serialize};
use store::{Micros, Photo, PhotoId, Profile, WholePerson, WholeTemplate};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::file::begun_for;
use crate::bulk::BulkLimits;

/// The entry by which an archive of people is known.
const HEAD: &str = "vultus-people.json";

/// The form that is written, and the newest that is read.
const FORM: u32 = 1;

/// What a person's entry may unpack to: thousands of templates.
const MAX_PERSON_BYTES: u64 = 16 << 20;

/// What a photo may have: those that are kept have at most a third of it.
const MAX_PHOTO_BYTES: u64 = 512 << 10;

/// Numbers of an embedding: no model is known that gives more.
const MAX_NUMBERS: usize = 8192;

/// Letters of a model's name.
const MAX_MODEL: usize = 100;

/// No model gives a larger number; sums of such would not be finite.
const LARGEST_NUMBER: f32 = 1e6;

/// Templates of a person: a photo a week for years, by a few packs.
const MOST_TEMPLATES: usize = 1000;

/// Photos of a person.
const MOST_PHOTOS: usize = 200;

/// Entries of an archive: 100,000 people with nine photos each.
const MOST_ENTRIES: usize = 1_000_000;

#[derive(Serialize, Deserialize)]
struct Head {
    form: u32,
    people: usize,
}

#[derive(Serialize, Deserialize)]
struct PersonEntry {
    name: String,
    /// Microseconds since 1970, as all times here.
    created_at: i64,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    valid_from: Option<i64>,
    #[serde(default)]
    valid_until: Option<i64>,
    #[serde(default)]
    suspended: bool,
    #[serde(default)]
    watched: bool,
    templates: Vec<TemplateEntry>,
}

#[derive(Serialize, Deserialize)]
struct TemplateEntry {
    /// The space of the pack that made it.
    model: String,
    norm: f32,
    /// Little-endian 32-bit floats, in base64.
    embedding: String,
    /// The archive's entry that shows the face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photo: Option<String>,
}

/// Writes an archive, person by person. What is unfinished is not left behind under its name.
pub struct ArchiveWriter {
    zip: ZipWriter<BufWriter<tempfile::NamedTempFile>>,
    written: usize,
}

impl ArchiveWriter {
    /// Begins an archive of so many people that will be at `target`, readable by its owner only.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn create(target: &Path, people: usize) -> anyhow::Result<Self> {
        let mut writer = Self { zip: ZipWriter::new(BufWriter::new(begun_for(target)?)), written: 0 };
        writer.entry(HEAD, &serde_json::to_vec(&Head { form: FORM, people })?, CompressionMethod::Deflated)?;
        Ok(writer)
    }

    /// Adds a person.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn add(&mut self, person: &WholePerson) -> anyhow::Result<()> {
        self.written += 1;
        let number = self.written;
        let name_of = |index: usize| format!("photos/{number:06}-{index:02}.jpg");
        for (index, photo) in person.photos.iter().enumerate() {
            self.entry(&name_of(index), &photo.image, CompressionMethod::Stored)?;
        }
        let photo = |id: PhotoId| person.photos.iter().position(|photo| photo.id == id).map(name_of);
        let entry = PersonEntry::of(person, photo);
        self.entry(&format!("people/{number:06}.json"), &serde_json::to_vec(&entry)?, CompressionMethod::Deflated)
    }

    /// Ends the archive and puts it at its place. One that is there already is replaced only when asked for.
    ///
    /// # Errors
    /// When the disk is full, or there is a file of this name.
    pub fn finish(self, target: &Path, replace: bool) -> anyhow::Result<()> {
        let file = self.zip.finish()?.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
        file.as_file().sync_all()?;
        let placed = if replace { file.persist(target) } else { file.persist_noclobber(target) };
        placed.with_context(|| format!("cannot put the archive at {}", target.display()))?;
        Ok(())
    }

    fn entry(&mut self, name: &str, bytes: &[u8], method: CompressionMethod) -> anyhow::Result<()> {
        self.zip.start_file(name, SimpleFileOptions::default().compression_method(method))?;
        self.zip.write_all(bytes)?;
        Ok(())
    }
}

impl PersonEntry {
    fn of(person: &WholePerson, photo: impl Fn(PhotoId) -> Option<String>) -> Self {
        let profile = &person.profile;
        let template = |template: &WholeTemplate| {
            let bytes: Vec<u8> = template.embedding.iter().flat_map(|number| number.to_le_bytes()).collect();
            TemplateEntry {
                model: template.model.clone(),
                norm: template.norm,
                embedding: BASE64.encode(bytes),
                photo: template.photo.and_then(&photo),
            }
        };
        Self {
            name: person.name.clone(),
            created_at: person.created_at.0,
            code: profile.code.clone(),
            groups: profile.groups.clone(),
            valid_from: profile.valid_from.map(|time| time.0),
            valid_until: profile.valid_until.map(|time| time.0),
            suspended: profile.suspended,
            watched: profile.watched,
            templates: person.templates.iter().map(template).collect(),
        }
    }

    fn profile(&self) -> Profile {
        Profile {
            code: self.code.clone(),
            groups: self.groups.clone(),
            valid_from: self.valid_from.map(Micros),
            valid_until: self.valid_until.map(Micros),
            suspended: self.suspended,
            watched: self.watched,
            let_out_at: None,
        }
    }
}

impl TemplateEntry {
    fn read(&self, photo: Option<PhotoId>) -> anyhow::Result<WholeTemplate> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = (1..=MAX_MODEL).contains(&self.model.len()) && self.model.chars().all(is_plain);
        ensure!(is_name, "a template names no model");
        let bytes = BASE64.decode(&self.embedding).context("an embedding is not base64")?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        ensure!(rest.is_empty() && (1..=MAX_NUMBERS).contains(&numbers.len()), "an embedding has no sensible length");
        let embedding: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        let is_sensible =
            embedding.iter().all(|x| x.abs() <= LARGEST_NUMBER) && (0.0..=LARGEST_NUMBER).contains(&self.norm);
        ensure!(is_sensible, "an embedding holds a number that no model gives");
        Ok(WholeTemplate { model: self.model.clone(), embedding, norm: self.norm, photo })
    }
}

/// Reads an archive, person by person.
pub struct ArchiveReader {
    zip: ZipArchive<BufReader<File>>,
    people: Vec<String>,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl ArchiveReader {
    /// The archive of people in this file; `None` where it is a ZIP of something else.
    ///
    /// # Errors
    /// No ZIP, or an archive of a newer form.
    pub fn open(file: File, limits: BulkLimits) -> anyhow::Result<Option<Self>> {
        let mut zip = ZipArchive::new(BufReader::new(file)).context("this is no ZIP file")?;
        if zip.index_for_name(HEAD).is_none() {
            return Ok(None);
        }
        ensure!(zip.len() <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        ensure!(!zip.has_overlapping_files()?, "some of its entries share their bytes");
        let mut left = limits.total_bytes;
        let head: Head = serde_json::from_slice(&unpacked(&mut zip, HEAD, 4096, &mut left)?)
            .with_context(|| format!("{HEAD} cannot be read"))?;
        if head.form > FORM {
            bail!("the archive is of form {}, and this version reads up to {FORM}: use a newer one", head.form);
        }
        let mut people = Vec::new();
        for name in zip.file_names() {
            let name = name.context("an entry has a name that cannot be read")?;
            if name.starts_with("people/") && name.ends_with(".json") {
                people.push(name.into_owned());
            }
        }
        people.sort();
        Ok(Some(Self { zip, people, left }))
    }

    /// How many people are in it.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Every person, or what is wrong with the entry of this name.
    pub fn people(mut self) -> impl Iterator<Item = (String, anyhow::Result<WholePerson>)> {
        std::mem::take(&mut self.people).into_iter().map(move |entry| {
            let person = self.person(&entry);
            (entry, person)
        })
    }

    fn person(&mut self, entry: &str) -> anyhow::Result<WholePerson> {
        let bytes = unpacked(&mut self.zip, entry, MAX_PERSON_BYTES, &mut self.left)?;
        let read: PersonEntry = serde_json::from_slice(&bytes).context("it is no person")?;
        let name = PersonName::parse(&read.name)?;
        ensure!(read.templates.len() <= MOST_TEMPLATES, "it has more than {MOST_TEMPLATES} templates");
        let (mut photos, mut known): (Vec<Photo>, BTreeMap<&str, PhotoId>) = Default::default();
        let mut templates = Vec::with_capacity(read.templates.len());
        for template in &read.templates {
            let photo = match template.photo.as_deref() {
                Some(file) if !known.contains_key(file) => {
                    ensure!(photos.len() < MOST_PHOTOS, "it has more than {MOST_PHOTOS} photos");
                    let id = PhotoId(i64::try_from(photos.len())?);
                    photos.push(Photo { id, image: self.photo(file)? });
                    known.insert(file, id);
                    Some(id)
                }
                Some(file) => known.get(file).copied(),
                None => None,
            };
            templates.push(template.read(photo)?);
        }
        let (created_at, profile) = (Micros(read.created_at), read.profile());
        Ok(WholePerson { name: name.as_str().to_owned(), created_at, profile, templates, photos })
    }

    fn photo(&mut self, file: &str) -> anyhow::Result<Vec<u8>> {
        let image = unpacked(&mut self.zip, file, MAX_PHOTO_BYTES, &mut self.left)?;
        ensure!(face::looks_like_image(&image), "{file} is no image");
        Ok(image)
    }
}

/// An entry's content, which may have `most` bytes, and takes them from what is `left` for all.
fn unpacked(zip: &mut ZipArchive<BufReader<File>>, name: &str, most: u64, left: &mut u64) -> anyhow::Result<Vec<u8>> {
    let entry = zip.by_name(name).with_context(|| format!("{name} is missing or cannot be read"))?;
    let most = most.min(*left);
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("{name} is damaged"))?;
    // What is refused counts as well: many entries may point to one bomb.
    *left = left.saturating_sub(bytes.len() as u64);
    ensure!(bytes.len() as u64 <= most, "{name} is larger than it may be");
    Ok(bytes)
}
