//! Videos written through a real ffmpeg and read back.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::fs;
use std::path::Path;

use camera::{Recorder, VideoError};
use face::YuvImage;
use support::{in_folder, make_video, play, text};
use tempfile::tempdir;

const SIZE: (u32, u32) = (160, 120);

fn grey(luma: u8) -> YuvImage {
    let (width, height) = SIZE;
    let mut planes = vec![128; YuvImage::len_for(width, height)];
    planes[..(width * height) as usize].fill(luma);
    YuvImage::new(width, height, planes).expect("the planes fit")
}

fn create(path: &Path, source: Option<&Path>) -> Result<Recorder, VideoError> {
    Recorder::create(path, SIZE, 10.0, source, Path::new("ffmpeg"))
}

/// What a recording says that cannot be made.
fn failure(path: &Path) -> String {
    let record = || {
        let mut recorder = create(path, None)?;
        (0..200).try_for_each(|_| recorder.write(&grey(0)))?;
        recorder.finish()
    };
    record().expect_err("it cannot be written").to_string()
}

#[test]
fn what_was_written_is_read_back_frame_by_frame() {
    let folder = tempdir().unwrap();
    for name in ["out.mp4", "-o: it's.MP4", "out.mkv", "out.avi"] {
        let file = in_folder(&folder, name);
        let mut recorder = create(&file, None).unwrap();
        let lumas = [0, 60, 120, 180, 240, 255];
        lumas.iter().try_for_each(|&luma| recorder.write(&grey(luma))).unwrap();
        recorder.finish().unwrap();
        let read = play(text(&file)).unwrap();
        assert_eq!(read.len(), lumas.len(), "{name}");
        for (frame, luma) in read.iter().zip(lumas) {
            assert_eq!((frame.width(), frame.height()), SIZE);
            assert!(frame.luma()[5000].abs_diff(luma) <= 4, "{name}: {} instead of {luma}", frame.luma()[5000]);
        }
    }
}

#[test]
fn the_video_that_is_being_read_is_not_overwritten_even_under_another_name() {
    let folder = tempdir().unwrap();
    let (file, link) = (in_folder(&folder, "in.mp4"), in_folder(&folder, "link.mp4"));
    make_video(&file, "testsrc2=size=160x120:rate=10:duration=0.5", &[]);
    fs::hard_link(&file, &link).unwrap();
    let before = fs::read(&file).unwrap();
    for out in [&file, &link, &folder.path().join("./in.mp4")] {
        let error = create(out, Some(&file)).unwrap_err();
        assert!(matches!(error, VideoError::OverItself { .. }), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_the_reason() {
    let folder = tempdir().unwrap();
    let message = failure(&in_folder(&folder, "no/such/folder/out.mp4"));
    assert!(message.contains("no/such/folder/out.mp4: ") && message.contains("No such file"), "{message}");
    let message = failure(&in_folder(&folder, "out.nonsense"));
    assert!(message.contains("out.nonsense"), "{message}");
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let folder = tempdir().unwrap();
    let mut recorder = create(&in_folder(&folder, "out.mp4"), None).unwrap();
    let other = YuvImage::new(32, 16, vec![0; YuvImage::len_for(32, 16)]).unwrap();
    let message = recorder.write(&other).unwrap_err().to_string();
    assert!(message.contains("a frame of 32×16 came after frames of 160×120"), "{message}");
}
