use std::fs;
use std::path::{Path, PathBuf};

use face::{DecodeLimits, Rect, RgbImage, decode};

use super::attack::{HEIGHT, Portrait, Species, Take, WIDTH, attack, person};
use super::photo::{ffmpeg, photo};
use super::video::kept;

/// Frames a second, and how many.
const FPS: u32 = 8;
const FRAMES: u32 = 24;

/// Width of the face of an attack in the camera's picture.
const FACE: f32 = 150.0;

/// How far who turns does so to each side, in radians: the relief of a photo, which is no head, gives about as many degrees of yaw.
const TURN: f32 = 0.4;

/// Obama before the camera: himself, himself turning his head to both sides once, or a picture of him.
#[derive(Clone, Copy, Debug)]
pub enum Scene {
    Person,
    Turning,
    Attack(Species),
}

/// A video of three seconds.
pub fn video_of(scene: Scene, name: &str) -> PathBuf {
    let video = kept(&format!("{name}.mp4"));
    if video.exists() {
        return video;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, whole) = (folder.path().join("frames.rgb"), kept(&format!("{name}.{}.mp4", std::process::id())));
    let frames: Vec<u8> = takes(scene, FRAMES).iter().flat_map(|take| seen(scene, take).pixels().to_vec()).collect();
    fs::write(&raw, frames).expect("room for a few frames");
    encode(&raw, &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"], &whole);
    fs::rename(whole, &video).expect("a rename in one folder");
    video
}

/// A photo, as JPEG.
pub fn picture_of(scene: Scene) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, jpeg) = (folder.path().join("frame.rgb"), folder.path().join("frame.jpg"));
    fs::write(&raw, seen(scene, &takes(scene, 1)[0]).pixels()).expect("room for a frame");
    encode(&raw, &["-frames:v", "1"], &jpeg);
    fs::read(jpeg).expect("ffmpeg has written it")
}

fn takes(scene: Scene, count: u32) -> Vec<Take> {
    let takes = Take::of_a_hand(FACE, count, 1);
    match scene {
        Scene::Turning => Take::turned(takes, FRAMES, TURN),
        Scene::Person | Scene::Attack(_) => takes,
    }
}

fn seen(scene: Scene, take: &Take) -> RgbImage {
    let image = decode(&photo("obama.jpg"), &DecodeLimits::default()).expect("a sample photo");
    // As the detector finds it: crates/face/tests/reference/photos.json.
    let portrait = Portrait { photo: &image, face: Rect { left: 335.0, top: 90.0, right: 650.0, bottom: 404.0 } };
    match scene {
        Scene::Person | Scene::Turning => person(&portrait, take),
        Scene::Attack(species) => attack(species, &portrait, take),
    }
}

fn encode(raw: &Path, how: &[&str], output: &Path) {
    let (size, rate) = (format!("{WIDTH}x{HEIGHT}"), FPS.to_string());
    let input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &rate, "-i", raw.to_str().expect("UTF-8")];
    ffmpeg(&[&input, how].concat(), output);
}
