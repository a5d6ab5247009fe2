use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use uuid::Uuid;

/// Begins and ends the names of files that are still being written.
const UNFINISHED: (&str, &str) = (".vultus-", ".part");

/// Unfinished files older than this were left by a process that was killed.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// So many bytes may be written before the limits are looked at again.
const SWEEP_AFTER: u64 = 64 << 20;

/// A picture of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// The face, with some margin.
    Face,
    /// The whole frame.
    Frame,
}

impl Picture {
    const ALL: [Picture; 2] = [Picture::Face, Picture::Frame];

    fn ending(self) -> &'static str {
        match self {
            Self::Face => "-face.jpg",
            Self::Frame => "-frame.jpg",
        }
    }
}

/// The folder of the events' pictures: `YYYY-MM-DD/ID-face.jpg` and `-frame.jpg`, by the day (UTC) of the start. Where a
/// picture lies follows from the id of its event alone, which is a number and no text from outside.
#[derive(Clone, Debug)]
pub struct Media {
    folder: PathBuf,
    /// Bytes written since the last sweep.
    written: Arc<AtomicU64>,
}

/// What is too much in a folder of pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaLimits {
    /// Pictures of events that started longer ago; `None` for no limit.
    pub age: Option<Duration>,
    /// Bytes of all pictures together.
    pub bytes: u64,
}

/// A picture on the disk.
struct Found {
    id: Uuid,
    path: PathBuf,
    bytes: u64,
}

impl Media {
    /// Nothing is created before there is something to keep.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), written: Arc::default() }
    }

    /// A picture as JPEG; `None` when it is not (any more) on this machine.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn read(&self, id: Uuid, picture: Picture) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.path(id, picture) else { return Ok(None) };
        match tokio::fs::read(path).await {
            Ok(jpeg) => Ok(Some(jpeg)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a picture, in the place of one that is there. Whoever reads meanwhile gets the one or the other, whole.
    pub(super) fn save(&self, id: Uuid, picture: Picture, jpeg: &[u8]) -> io::Result<()> {
        let path = self.path(id, picture).ok_or(ErrorKind::InvalidInput)?;
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        create(folder)?;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempfile_in(folder)?;
        file.write_all(jpeg)?;
        file.persist(&path)?;
        self.written.fetch_add(jpeg.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether so much was written since the last sweep that the next should not wait.
    pub(super) fn is_to_be_swept(&self, limits: MediaLimits) -> bool {
        self.written.load(Ordering::Relaxed) > SWEEP_AFTER.min(limits.bytes)
    }

    fn path(&self, id: Uuid, picture: Picture) -> Option<PathBuf> {
        Some(self.folder.join(day_of(id)?).join(format!("{id}{}", picture.ending())))
    }

    /// Removes what is beyond the limits, the oldest first, and returns how many pictures that were. Touches only files
    /// with names as [`save`](Self::save) gives them, in folders of the same kind, and follows no links.
    pub(super) fn sweep(&self, limits: MediaLimits) -> io::Result<u64> {
        self.written.store(0, Ordering::Relaxed);
        let mut found = Vec::new();
        let mut folders = Vec::new();
        for (path, name) in entries(&self.folder)?.filter(|entry| entry.is_folder).map(|entry| (entry.path, entry.name))
        {
            if is_day(&name) {
                found.extend(pictures(&path)?);
                folders.push(path);
            }
        }
        let removed = remove_beyond(limits, found);
        for folder in folders {
            // Fails, as it should, while there is anything in it.
            let _ = fs::remove_dir(folder);
        }
        removed
    }
}

fn remove_beyond(limits: MediaLimits, mut found: Vec<Found>) -> io::Result<u64> {
    found.sort_by_key(|picture| picture.id);
    let mut bytes: u64 = found.iter().map(|picture| picture.bytes).sum();
    let oldest = limits.age.and_then(|age| SystemTime::now().checked_sub(age));
    let mut removed = 0;
    for picture in found {
        let is_too_old = oldest.is_some_and(|oldest| started_at(picture.id).is_some_and(|start| start < oldest));
        if !is_too_old && bytes <= limits.bytes {
            continue;
        }
        match fs::remove_file(&picture.path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        bytes -= picture.bytes;
    }
    Ok(removed)
}

/// The pictures of one day. Unfinished ones that were left behind are removed on the way.
fn pictures(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in entries(folder)?.filter(|entry| entry.is_file) {
        if let Some(id) = id_in(&entry.name) {
            found.push(Found { id, bytes: entry.bytes, path: entry.path });
        } else if entry.name.starts_with(UNFINISHED.0) && entry.name.ends_with(UNFINISHED.1) && entry.is_forgotten {
            // Whoever removed it first did the same.
            let _ = fs::remove_file(entry.path);
        }
    }
    Ok(found)
}

struct Entry {
    path: PathBuf,
    name: String,
    is_folder: bool,
    is_file: bool,
    bytes: u64,
    is_forgotten: bool,
}

/// What is in a folder, and nothing of what is behind a link; nothing for a folder that is not there.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = Entry>> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => Some(listed),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        // Of the link itself, where it is one.
        let found = entry.metadata().ok()?;
        let age = found.modified().ok().and_then(|modified| modified.elapsed().ok());
        Some(Entry {
            path: entry.path(),
            name: entry.file_name().into_string().ok()?,
            is_folder: found.is_dir(),
            is_file: found.is_file(),
            bytes: found.len(),
            is_forgotten: age.is_some_and(|age| age > FORGOTTEN),
        })
    };
    Ok(listed.into_iter().flatten().filter_map(entry))
}

/// The event of a file that is named as ours are.
fn id_in(name: &str) -> Option<Uuid> {
    let stem = Picture::ALL.iter().find_map(|picture| name.strip_suffix(picture.ending()))?;
    let id = Uuid::try_parse(stem).ok()?;
    // Other ways to write a UUID are not ours.
    (id.to_string() == stem && started_at(id).is_some()).then_some(id)
}

fn is_day(name: &str) -> bool {
    name.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == name)
}

fn day_of(id: Uuid) -> Option<String> {
    let start = jiff::Timestamp::try_from(started_at(id)?).ok()?;
    Some(TimeZone::UTC.to_datetime(start).date().to_string())
}

fn started_at(id: Uuid) -> Option<SystemTime> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// For this user only: faces are nobody else's business.
#[cfg(unix)]
fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp};

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn id(days_ago: u64) -> Uuid {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Uuid::new_v7(Timestamp::from_unix(NoContext, now - days_ago * DAY, 0))
    }

    fn limits(days: u64, bytes: u64) -> MediaLimits {
        MediaLimits { age: Some(Duration::from_secs(days * DAY)), bytes }
    }

    fn media() -> (tempfile::TempDir, Media) {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::new(folder.path().join("media"));
        (folder, media)
    }

    #[tokio::test]
    async fn a_picture_is_found_by_the_id_of_its_event_and_a_better_one_takes_its_place() {
        let (_folder, media) = media();
        let id = id(0);
        assert_eq!(media.read(id, Picture::Face).await.unwrap(), None);
        media.save(id, Picture::Face, b"first").unwrap();
        media.save(id, Picture::Face, b"second").unwrap();
        assert_eq!(media.read(id, Picture::Face).await.unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(media.read(id, Picture::Frame).await.unwrap(), None);
        assert_eq!(fs::read_dir(media.path(id, Picture::Face).unwrap().parent().unwrap()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn pictures_go_by_age_and_then_by_size_the_oldest_first_and_their_empty_folders_with_them() {
        let (_folder, media) = media();
        let ids = [id(9), id(3), id(2), id(1)];
        for id in ids {
            media.save(id, Picture::Face, &[0; 100]).unwrap();
        }
        assert_eq!(media.sweep(limits(5, 1000)).unwrap(), 1);
        assert_eq!(media.sweep(limits(5, 200)).unwrap(), 1);
        let mut left = Vec::new();
        for id in ids {
            left.push(media.read(id, Picture::Face).await.unwrap().is_some());
        }
        assert_eq!(left, [false, false, true, true]);
        assert_eq!(fs::read_dir(&media.folder).unwrap().count(), 2);
        assert_eq!(media.sweep(MediaLimits { age: None, bytes: u64::MAX }).unwrap(), 0);
    }

    #[test]
    fn much_that_was_written_does_not_wait_for_the_hour() {
        let (_folder, media) = media();
        let (small, large) = (limits(5, 150), limits(5, u64::MAX));
        assert!(!media.is_to_be_swept(small));
        for id in [id(2), id(1)] {
            media.clone().save(id, Picture::Face, &[0; 100]).unwrap();
        }
        assert!(media.is_to_be_swept(small) && !media.is_to_be_swept(large));
        assert_eq!(media.sweep(small).unwrap(), 1);
        assert!(!media.is_to_be_swept(small));
        media.save(id(0), Picture::Frame, &vec![0; (64 << 20) + 1]).unwrap();
        assert!(media.is_to_be_swept(large));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_ours_stays_and_links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let (folder, media) = media();
        let old = id(9);
        media.save(old, Picture::Frame, b"ours").unwrap();
        let day = media.path(old, Picture::Frame).unwrap().parent().unwrap().to_owned();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let precious = elsewhere.join(format!("{}-face.jpg", id(9)));
        fs::write(&precious, b"not ours").unwrap();
        symlink(&elsewhere, media.folder.join("2020-01-01")).unwrap();
        symlink(&precious, day.join(format!("{}-face.jpg", id(8)))).unwrap();
        let kept = [day.join("holiday.jpg"), day.join("x-face.jpg"), media.folder.join(format!("{}-face.jpg", id(9)))];
        for path in &kept {
            fs::write(path, b"mine").unwrap();
        }
        assert_eq!(media.sweep(limits(1, 0)).unwrap(), 1);
        assert!(precious.exists() && kept.iter().all(|path| path.exists()));
        assert!(!media.path(old, Picture::Frame).unwrap().exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_nothing_to_sweep() {
        assert_eq!(Media::new("/nowhere/at/all").sweep(limits(1, 1)).unwrap(), 0);
    }
}
