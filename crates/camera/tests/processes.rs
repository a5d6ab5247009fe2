//! No ffmpeg is left behind, however its reader ends.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![cfg(target_os = "linux")]

mod support;

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use camera::{Buffers, FfmpegOptions, VideoError};
use rustix::process::{Pid, Signal, kill_process};
use support::{impatient, open};

/// Processes, zombies too, that were started with `argument` among their arguments.
fn processes_with(argument: &str) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").expect("Linux has /proc").filter_map(|entry| {
        let path = entry.ok()?.path();
        let line = fs::read(path.join("cmdline")).ok()?;
        let found = line.split(|&byte| byte == 0).any(|one| one == argument.as_bytes());
        found.then(|| path.file_name()?.to_str()?.parse().ok()).flatten()
    });
    numbers.filter_map(Pid::from_raw).collect()
}

/// Whether `condition` comes true within a few seconds.
fn soon(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A test pattern by which its ffmpeg is told from those of other tests, and the argument that ffmpeg gets.
fn pattern(rate: u32) -> (String, String) {
    (format!("testsrc=322x242@{rate}"), format!("testsrc2=size=322x242:rate={rate}"))
}

fn exists(process: Pid) -> bool {
    Path::new(&format!("/proc/{}", process.as_raw_nonzero())).exists()
}

#[test]
fn dropping_a_stream_leaves_neither_process_nor_zombie() {
    let (given, argument) = pattern(41);
    let mut stream = open(&given, FfmpegOptions::default());
    stream.next(&Buffers::new()).unwrap();
    let processes = processes_with(&argument);
    assert_eq!(processes.len(), 1);
    drop(stream);
    assert!(!exists(processes[0]));
}

#[test]
fn a_frozen_ffmpeg_is_ended_by_the_stopper_from_another_thread() {
    let (given, argument) = pattern(42);
    let (mut stream, buffers) = (open(&given, FfmpegOptions::default()), Buffers::new());
    stream.next(&buffers).unwrap();
    let process = processes_with(&argument)[0];
    kill_process(process, Signal::STOP).unwrap();
    let stopper = stream.stopper();
    let stopping = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        stopper.stop();
        Instant::now()
    });
    let end = loop {
        if let Err(error) = stream.next(&buffers) {
            break error;
        }
    };
    let stopped_at = stopping.join().unwrap();
    assert!(matches!(end, VideoError::Stopped { .. }), "{end}");
    assert!(stopped_at.elapsed() < Duration::from_secs(2));
    assert!(!exists(process));
}

#[test]
fn a_frozen_ffmpeg_is_noticed_and_ended() {
    let (given, argument) = pattern(43);
    let (mut stream, buffers) = (open(&given, impatient()), Buffers::new());
    stream.next(&buffers).unwrap();
    let process = processes_with(&argument)[0];
    kill_process(process, Signal::STOP).unwrap();
    let end = loop {
        if let Err(error) = stream.next(&buffers) {
            break error;
        }
    };
    assert!(end.to_string().starts_with(&format!("{given} has sent no frame for 2 s")), "{end}");
    assert!(!exists(process));
}

#[test]
fn an_ffmpeg_killed_by_somebody_else_is_the_end_of_the_stream() {
    let (given, argument) = pattern(44);
    let (mut stream, buffers) = (open(&given, FfmpegOptions::default()), Buffers::new());
    stream.next(&buffers).unwrap();
    kill_process(processes_with(&argument)[0], Signal::KILL).unwrap();
    let end = loop {
        if let Err(error) = stream.next(&buffers) {
            break error;
        }
    };
    assert!(matches!(end, VideoError::Ended { .. }), "{end}");
}

/// Runs itself once more as the parent that is killed, while its ffmpeg waits for a silent server: one that writes to
/// the pipe of a dead parent would end by itself.
#[test]
fn ffmpeg_dies_with_a_parent_that_is_killed() {
    const GIVEN: &str = "CAMERA_TEST_PARENT_OPENS";
    if let Ok(given) = env::var(GIVEN) {
        let patient = FfmpegOptions { stall_timeout: Duration::from_secs(120), ..FfmpegOptions::default() };
        let _ = open(&given, patient).next(&Buffers::new());
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let given = format!("http://{}/live", silent.local_addr().unwrap());
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "ffmpeg_dies_with_a_parent_that_is_killed"])
        .env(GIVEN, &given)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _connection = silent.accept().unwrap();
    let processes = processes_with(&given);
    assert_eq!(processes.len(), 1);
    parent.kill().unwrap();
    parent.wait().unwrap();
    let dead = soon(|| !exists(processes[0]));
    if !dead {
        let _ = kill_process(processes[0], Signal::KILL);
    }
    assert!(dead, "an ffmpeg was left behind");
}

#[test]
fn ffmpeg_dies_with_the_thread_that_opened_it() {
    let (given, argument) = pattern(46);
    let stream = thread::spawn(move || {
        let mut stream = open(&given, FfmpegOptions::default());
        stream.next(&Buffers::new()).unwrap();
        stream
    });
    let mut stream = stream.join().unwrap();
    let buffers = Buffers::new();
    let ended = (0..500).any(|_| stream.next(&buffers).is_err());
    assert!(ended && processes_with(&argument).is_empty());
}
