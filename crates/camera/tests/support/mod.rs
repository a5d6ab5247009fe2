//! Videos made on the spot, and short ways to play them.

#![allow(dead_code)] // Each test program uses its part of this.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use camera::{Buffers, FfmpegOptions, FfmpegSource, Frame, Pace, Source, Stream, VideoError};
use face::YuvImage;

/// Makes `path` with ffmpeg from a lavfi description.
pub(crate) fn make_video(path: &Path, picture: &str, more: &[&str]) {
    ffmpeg(&["-f", "lavfi", "-i", picture], more, path);
}

/// Runs ffmpeg and fails the test, with its words, if it fails.
pub(crate) fn ffmpeg(input: &[&str], more: &[&str], path: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error"])
        .args(input)
        .args(more)
        .args(["-y", &format!("file:{}", path.display())])
        .output()
        .expect("these tests need ffmpeg: ./test installs it, or: apt install ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Options for a recording of which every frame is wanted.
pub(crate) fn fast() -> FfmpegOptions {
    FfmpegOptions { pace: Pace::Fast, ..FfmpegOptions::default() }
}

/// Options for something that must not keep a test waiting.
pub(crate) fn impatient() -> FfmpegOptions {
    FfmpegOptions { stall_timeout: Duration::from_secs(2), ..FfmpegOptions::default() }
}

/// Opens what is expected to open.
pub(crate) fn open(given: &str, options: FfmpegOptions) -> Box<dyn Stream> {
    FfmpegSource::new(given, options).and_then(|mut source| source.open()).expect("the source opens")
}

/// Plays a recording to its end.
pub(crate) fn play(given: &str) -> Result<Vec<YuvImage>, VideoError> {
    let mut stream = FfmpegSource::new(given, fast())?.open()?;
    let buffers = Buffers::new();
    let mut frames = Vec::new();
    while let Some(image) = stream.next(&buffers)? {
        frames.push(Frame::read(stream.as_ref(), image, 1, Duration::ZERO, &buffers).image().clone());
    }
    Ok(frames)
}

/// The message of a source from which no frame comes.
pub(crate) fn failure(given: &str, options: FfmpegOptions) -> String {
    let read = || FfmpegSource::new(given, options)?.open()?.next(&Buffers::new());
    match read() {
        Ok(frame) => panic!("{given} gave {}", if frame.is_some() { "a frame" } else { "a clean end" }),
        Err(error) => error.to_string(),
    }
}

/// A path as `VIDEO_SOURCE` takes it.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("test files have UTF-8 names")
}

/// A file name in a folder that is removed at the end of the test.
pub(crate) fn in_folder(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}
