//! What comes out of real ffmpeg processes: pictures, ends, and sentences about what went wrong.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use camera::{Buffers, FfmpegOptions, FfmpegSource, Source, VideoError};
use support::{failure, fast, ffmpeg, impatient, in_folder, make_video, open, play, text};
use tempfile::tempdir;

#[test]
fn a_recording_gives_every_frame_and_ends() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mp4");
    make_video(&file, "testsrc2=size=320x240:rate=10:duration=3", &[]);
    let frames = play(text(&file)).unwrap();
    assert_eq!(frames.len(), 30);
    assert!(frames.iter().all(|frame| (frame.width(), frame.height()) == (320, 240)));
    assert!(frames.windows(2).all(|pair| pair[0] != pair[1]), "the test picture moves");
}

#[test]
fn the_rate_of_a_recording_is_known_after_its_first_frame() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mkv");
    make_video(&file, "testsrc2=size=320x240:rate=12:duration=1", &[]);
    let mut stream = open(text(&file), fast());
    assert_eq!(stream.fps(), None);
    stream.next(&Buffers::new()).unwrap();
    assert_eq!(stream.fps(), Some(12.0));
}

#[test]
fn white_is_255_and_black_is_0_whatever_range_the_video_has() {
    let folder = tempdir().unwrap();
    for (picture, luma) in [("white", 255), ("black", 0)] {
        for (name, format) in [("limited.mp4", "yuv420p"), ("full.mp4", "yuvj420p"), ("photo.jpg", "yuvj444p")] {
            let file = in_folder(&folder, name);
            make_video(&file, &format!("color={picture}:size=64x48"), &["-frames:v", "1", "-pix_fmt", format]);
            let frames = play(text(&file)).unwrap();
            assert!(frames[0].luma().iter().all(|&y| y == luma), "{picture} {name}: {}", frames[0].luma()[0]);
            assert!(frames[0].chroma_u().iter().all(|&u| u == 128));
        }
    }
}

#[test]
fn the_colours_of_hd_video_are_those_of_the_same_picture_in_sd() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "hd.mp4");
    let hd = ["-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709", "-pix_fmt", "yuv420p", "-frames:v", "1"];
    make_video(&file, "color=red:size=64x48", &hd);
    let red = &play(text(&file)).unwrap()[0];
    let colour = [red.luma()[0], red.chroma_u()[0], red.chroma_v()[0]];
    assert!(colour.iter().zip([76, 85, 255]).all(|(&got, want)| got.abs_diff(want) <= 3), "{colour:?}");
}

#[test]
fn a_photo_plays_as_one_frame() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "photo.jpg");
    make_video(&file, "testsrc2=size=320x240", &["-frames:v", "1"]);
    assert_eq!(play(text(&file)).unwrap().len(), 1);
}

#[test]
fn odd_sides_are_cut_to_even_ones() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "odd.mkv");
    make_video(
        &file,
        "testsrc2=size=640x480",
        &["-vf", "crop=321:241:exact=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p", "-t", "0.2"],
    );
    let frame = &play(text(&file)).unwrap()[0];
    assert_eq!((frame.width(), frame.height()), (320, 240));
}

#[test]
fn a_phone_video_on_its_side_is_turned_upright() {
    let folder = tempdir().unwrap();
    let (flat, turned) = (in_folder(&folder, "flat.mp4"), in_folder(&folder, "turned.mp4"));
    make_video(&flat, "testsrc2=size=320x240:rate=10:duration=0.3", &[]);
    ffmpeg(&["-i", text(&flat)], &["-metadata:s:v", "rotate=90", "-c", "copy"], &turned);
    let frame = &play(text(&turned)).unwrap()[0];
    assert_eq!((frame.width(), frame.height()), (240, 320));
}

#[test]
fn a_recording_that_repeats_goes_on_after_its_end() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mp4");
    make_video(&file, "testsrc2=size=320x240:rate=10:duration=0.5", &[]);
    let mut stream = open(text(&file), FfmpegOptions { repeat: true, ..fast() });
    let buffers = Buffers::new();
    let frames: Vec<_> = (0..18).map(|_| stream.next(&buffers).unwrap().unwrap()).collect();
    assert_eq!(frames[0], frames[5]);
    assert_ne!(frames[0], frames[6]);
}

#[test]
fn a_recording_at_live_pace_takes_its_time() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mp4");
    make_video(&file, "testsrc2=size=320x240:rate=10:duration=1.5", &[]);
    let (mut stream, buffers, start) = (open(text(&file), FfmpegOptions::default()), Buffers::new(), Instant::now());
    while stream.next(&buffers).unwrap().is_some() {}
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
}

fn limited(fps: f64) -> FfmpegOptions {
    FfmpegOptions { fps_limit: Some(fps), ..fast() }
}

/// Frames of `file` when no more than `fps` a second are asked for.
fn frames_at(file: &Path, fps: f64) -> usize {
    let (mut stream, buffers) = (open(text(file), limited(fps)), Buffers::new());
    std::iter::from_fn(|| stream.next(&buffers).unwrap()).count()
}

#[test]
fn no_more_frames_come_than_the_limit_allows_and_none_are_added() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mp4");
    make_video(&file, "testsrc2=size=320x240:rate=25:duration=4", &[]);
    for (limit, frames) in [(10.0, 40), (5.0, 20), (0.5, 2), (60.0, 100)] {
        let got = frames_at(&file, limit);
        assert!(got.abs_diff(frames) <= 1, "{got} frames at {limit} a second");
    }
}

#[test]
fn a_limit_outlives_a_clock_that_jumps_back_and_forth() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "jumps.ts");
    let mut together = Vec::new();
    for clock in ["500", "400", "600"] {
        let part = in_folder(&folder, "part.ts");
        let more = ["-c:v", "mpeg2video", "-output_ts_offset", clock];
        make_video(&part, "testsrc2=size=320x240:rate=25:duration=2", &more);
        together.extend(fs::read(&part).unwrap());
    }
    fs::write(&file, together).unwrap();
    let got = frames_at(&file, 5.0);
    assert!(got.abs_diff(30) <= 4, "{got}");
}

#[test]
fn a_test_pattern_with_a_limit_comes_at_that_pace() {
    let options = FfmpegOptions { fps_limit: Some(4.0), ..FfmpegOptions::default() };
    let (mut stream, buffers) = (open("testsrc=320x240@25", options), Buffers::new());
    stream.next(&buffers).unwrap();
    let start = Instant::now();
    (0..4).for_each(|_| assert!(stream.next(&buffers).unwrap().is_some()));
    assert!(start.elapsed() > Duration::from_millis(800), "{:?}", start.elapsed());
}

#[test]
fn names_that_look_like_something_else_are_files() {
    let folder = tempdir().unwrap();
    let plain = in_folder(&folder, "plain.mp4");
    make_video(&plain, "testsrc2=size=320x240:rate=10:duration=0.2", &[]);
    for name in [
        "with space.mp4",
        "it's \"quoted\".mp4",
        "Анна 漢字.mp4",
        "a:b.mp4",
        "concat:x|y.mp4",
        "100%d.mp4",
        "a,b;c[0].mp4",
    ] {
        let file = in_folder(&folder, name);
        fs::copy(&plain, &file).unwrap();
        assert_eq!(play(text(&file)).unwrap().len(), 2, "{name}");
    }
}

/// Runs itself once more in the folder of the file, as a test must not change the folder of all the others.
#[test]
fn a_relative_name_that_starts_with_a_dash_is_a_file() {
    const INSIDE: &str = "CAMERA_TEST_IN_FOLDER";
    if env::var_os(INSIDE).is_some() {
        assert_eq!(play("-y.mp4").unwrap().len(), 2);
        return;
    }
    let folder = tempdir().unwrap();
    make_video(&in_folder(&folder, "-y.mp4"), "testsrc2=size=320x240:rate=10:duration=0.2", &[]);
    let inside = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_relative_name_that_starts_with_a_dash_is_a_file"])
        .current_dir(folder.path())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(inside.status.success(), "{}", String::from_utf8_lossy(&inside.stdout));
}

#[test]
fn a_missing_file_is_named() {
    let message = failure("/nowhere/gate.mp4", fast());
    assert!(message.starts_with("/nowhere/gate.mp4 does not exist"), "{message}");
}

#[test]
fn a_missing_usb_camera_is_named() {
    if cfg!(target_os = "linux") {
        let message = failure("93", impatient());
        assert!(message.starts_with("camera 93 does not exist"), "{message}");
    }
}

#[test]
fn a_missing_ffmpeg_is_said_with_how_to_install_it() {
    let message = failure("testsrc", FfmpegOptions { program: PathBuf::from("no-such-ffmpeg"), ..fast() });
    assert!(message.starts_with("cannot find no-such-ffmpeg") && message.contains("apt install ffmpeg"), "{message}");
}

#[test]
fn text_noise_sound_and_folders_are_not_videos() {
    let folder = tempdir().unwrap();
    let (note, noise, sound) =
        (in_folder(&folder, "note.txt"), in_folder(&folder, "noise.mp4"), in_folder(&folder, "sound.mkv"));
    fs::write(&note, "This is no video.\n".repeat(50)).unwrap();
    fs::write(&noise, (0..50_000u32).map(|i| ((i * i) >> 7) as u8).collect::<Vec<_>>()).unwrap();
    make_video(&sound, "sine=duration=0.5", &[]);
    for given in [&note, &noise, &sound, &folder.path().to_owned()] {
        let message = failure(text(given), fast());
        assert!(message.starts_with(&format!("{} is not a video", given.display())), "{message}");
    }
}

#[test]
fn a_playlist_does_not_open_other_files() {
    let folder = tempdir().unwrap();
    let (clip, list) = (in_folder(&folder, "clip.ts"), in_folder(&folder, "list.m3u8"));
    make_video(&clip, "testsrc2=size=320x240:rate=10:duration=0.5", &[]);
    fs::write(&list, "#EXTM3U\n#EXTINF:0.5,\nclip.ts\n#EXT-X-ENDLIST\n").unwrap();
    assert!(failure(text(&list), fast()).contains("is not a video"));
}

#[test]
fn a_closed_port_is_a_refused_connection_and_no_password_is_shown() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["rtsp", "http"] {
        let message = failure(&format!("{scheme}://admin:secret@127.0.0.1:{port}/live"), impatient());
        assert!(
            message.starts_with(&format!("{scheme}://***@127.0.0.1:{port}/live refused the connection")),
            "{message}"
        );
        assert!(!message.contains("secret"));
    }
}

/// Answers one connection with `answer` and then holds it open for `hold`.
fn serve_once(answer: &'static str, hold: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let Ok((mut client, _)) = listener.accept() else { return };
        let _ = client.read(&mut [0; 4096]);
        let _ = client.write_all(answer.as_bytes());
        thread::sleep(hold);
    });
    port
}

#[test]
fn a_wrong_password_and_a_wrong_path_are_told_apart() {
    for (answer, sentence) in [
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "asks for a valid user name and password"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "is not known to the server"),
    ] {
        let message = failure(&format!("http://127.0.0.1:{}/live", serve_once(answer, Duration::ZERO)), impatient());
        assert!(message.contains(sentence), "{message}");
    }
    let answer = "RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n";
    let message = failure(&format!("rtsp://127.0.0.1:{}/live", serve_once(answer, Duration::ZERO)), impatient());
    assert!(message.contains("is not known to the server"), "{message}");
}

#[test]
fn a_camera_that_falls_silent_has_stalled() {
    let port = serve_once("HTTP/1.1 200 OK\r\nContent-Type: video/x-matroska\r\n\r\n", Duration::from_secs(30));
    let start = Instant::now();
    let options = FfmpegOptions { stall_timeout: Duration::from_secs(1), ..FfmpegOptions::default() };
    let message = failure(&format!("http://127.0.0.1:{port}/live"), options);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(message.contains("has sent no frame for 1 s"), "{message}");
}

#[test]
fn a_reader_that_is_busy_elsewhere_is_no_stall() {
    let options = FfmpegOptions { stall_timeout: Duration::from_millis(1500), ..FfmpegOptions::default() };
    let (mut stream, buffers) = (open("testsrc=320x240@10", options), Buffers::new());
    stream.next(&buffers).unwrap();
    thread::sleep(Duration::from_secs(3));
    assert!(stream.next(&buffers).unwrap().is_some());
}

#[test]
fn the_end_of_a_live_stream_is_a_lost_connection() {
    let (mut stream, buffers) = (
        open("testsrc=320x240@10", FfmpegOptions { extra_input_args: vec!["-t".into(), "0.5".into()], ..fast() }),
        Buffers::new(),
    );
    for _ in 0..5 {
        assert!(stream.next(&buffers).unwrap().is_some());
    }
    let end = stream.next(&buffers);
    assert!(matches!(end, Err(VideoError::Ended { .. })), "{end:?}");
}

#[test]
fn a_stream_that_was_stopped_says_so() {
    let (mut stream, buffers) = (open("testsrc=320x240@10", FfmpegOptions::default()), Buffers::new());
    stream.next(&buffers).unwrap();
    let stopper = stream.stopper();
    thread::spawn(move || stopper.stop());
    let end = loop {
        match stream.next(&buffers) {
            Ok(frame) => assert!(frame.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(end.to_string(), "testsrc=320x240@10 was closed");
    stream.stopper().stop();
}

#[test]
fn a_source_can_be_opened_again() {
    let folder = tempdir().unwrap();
    let file = in_folder(&folder, "clip.mp4");
    make_video(&file, "testsrc2=size=320x240:rate=10:duration=0.3", &[]);
    let (mut source, buffers) = (FfmpegSource::new(text(&file), fast()).unwrap(), Buffers::new());
    let first = source.open().unwrap().next(&buffers).unwrap();
    assert_eq!(source.open().unwrap().next(&buffers).unwrap(), first);
    assert!(!source.is_live());
}
