use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use models::{Cache, Catalog};

/// Where the program, started by [`Home`](super::Home), looks for models too.
static MODELS: LazyLock<PathBuf> = LazyLock::new(|| {
    let chosen = std::env::var_os("MODELS_DIR").map(PathBuf::from).filter(|folder| !folder.as_os_str().is_empty());
    chosen.or_else(|| Some(dirs::cache_dir()?.join("vultus"))).expect("a cache folder")
});

/// Where models and sample photos lie.
pub fn models_folder() -> &'static Path {
    &MODELS
}

/// Where a sample photo lies.
pub fn photo_path(name: &str) -> PathBuf {
    let photos = Cache::new(models_folder()).photos(&Catalog::builtin());
    let photos = photos.unwrap_or_else(|error| panic!("the sample photos are not installed, run ./test: {error}"));
    photos.get(name).unwrap_or_else(|| panic!("no sample photo {name} among {photos:?}")).clone()
}

/// The file of the default pack's embedder.
pub fn embedder_path() -> PathBuf {
    let installed = Cache::new(models_folder()).installed(&Catalog::builtin(), "default");
    installed.unwrap_or_else(|error| panic!("the models are not installed, run ./test: {error}")).embedder
}

/// A sample photo's bytes.
pub fn photo(name: &str) -> Vec<u8> {
    fs::read(photo_path(name)).expect("an installed photo can be read")
}

/// A sample photo after a filter of ffmpeg, in the format of `ending`.
pub fn edited(name: &str, filter: &str, ending: &str) -> Vec<u8> {
    let input = photo_path(name);
    picture(&["-i", input.to_str().expect("UTF-8"), "-vf", filter], ending)
}

/// A picture of nothing.
pub fn blank() -> Vec<u8> {
    picture(&["-f", "lavfi", "-i", "color=c=0x607080:s=320x240", "-frames:v", "1"], "jpg")
}

fn picture(arguments: &[&str], ending: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(format!("picture.{ending}"));
    ffmpeg(arguments, &file);
    fs::read(file).expect("ffmpeg has written it")
}

/// Runs ffmpeg with this output.
pub fn ffmpeg(arguments: &[&str], output: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments).args(["-q:v", "2"]).arg(output);
    let status = command.status().expect("ffmpeg can be started");
    assert!(status.success(), "{command:?}");
}

/// A JPEG with an EXIF block that says how it is to be turned.
pub fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
    let mut exif = b"Exif\0\0".to_vec();
    exif.extend(tiff);
    let length = u16::try_from(exif.len() + 2).expect("a short block").to_be_bytes();
    let (start_of_image, rest) = jpeg.split_at(2);
    [start_of_image, &[0xFF, 0xE1], &length, &exif, rest].concat()
}

/// A PNG of a few bytes whose header claims a size.
pub fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", vec![0; 2000]), (b"IEND", Vec::new())] {
        let checked = [&kind[..], &content].concat();
        png.extend(u32::try_from(content.len()).expect("a short chunk").to_be_bytes());
        png.extend(&checked);
        png.extend(crc32(&checked).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let add = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), add))
}
