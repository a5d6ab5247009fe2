use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::photo::{ffmpeg, photo_path};

/// The demo camera's recording, 20 s at 25 frames a second. Seconds 0–2 empty, 2–6 Obama, 6–8 empty, 8–12 Biden, 12–14
/// empty, 14–18 a stranger, 18–20 empty.
pub fn demo_video() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/make-video");
    let video = kept("demo.mp4");
    if changed(&video) < changed(&script) {
        // It puts the whole file in place at once, so that several tests may do this at the same time.
        let status = Command::new(&script).arg(&video).status().expect("demo/make-video can be started");
        assert!(status.success(), "demo/make-video failed: run ./test");
    }
    video
}

/// A part of the demo video, from second `start`.
pub fn clip(start: u32, seconds: u32) -> PathBuf {
    let demo = demo_video();
    let clip = kept(&format!("demo-{start}-{seconds}.mp4"));
    if changed(&clip) < changed(&demo) {
        let unfinished = kept(&format!("demo-{start}-{seconds}.{}.mp4", std::process::id()));
        let (start, seconds) = (start.to_string(), seconds.to_string());
        let input = demo.to_str().expect("UTF-8");
        ffmpeg(&["-ss", &start, "-i", input, "-t", &seconds, "-c:v", "libx264", "-preset", "veryfast"], &unfinished);
        fs::rename(unfinished, &clip).expect("a rename in one folder");
    }
    clip
}

/// The same video this many times.
pub fn looped(video: &Path, times: u32) -> PathBuf {
    let name = video.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8");
    let looped = kept(&format!("{name}-{times}-times.mp4"));
    if changed(&looped) < changed(video) {
        let unfinished = kept(&format!("{name}-{times}-times.{}.mp4", std::process::id()));
        let more = (times - 1).to_string();
        ffmpeg(&["-stream_loop", &more, "-i", video.to_str().expect("UTF-8"), "-c", "copy"], &unfinished);
        fs::rename(unfinished, &looped).expect("a rename in one folder");
    }
    looped
}

/// Somebody far away, 2 s: a frame of 1920×1080 in which Obama's face is 33 pixels wide and 44 high. Nothing moves.
pub fn far_away() -> PathBuf {
    let video = kept("far-away.mp4");
    let photo = photo_path("obama.jpg");
    if changed(&video) < changed(&photo) {
        let unfinished = kept(&format!("far-away.{}.mp4", std::process::id()));
        let input = photo.to_str().expect("UTF-8");
        let filter = "scale=116:145:flags=area,pad=1920:1080:700:300:0x607080,format=yuv420p";
        ffmpeg(
            &["-loop", "1", "-framerate", "10", "-i", input, "-t", "2", "-vf", filter, "-c:v", "libx264", "-crf", "18"],
            &unfinished,
        );
        fs::rename(unfinished, &video).expect("a rename in one folder");
    }
    video
}

/// A file that stays for the next test.
pub(super) fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn changed(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
