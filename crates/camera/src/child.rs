//! An ffmpeg process that never outlives us.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{self, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::colour_space::Matrix;
use crate::error::VideoError;
use crate::mask::mask_credentials;

/// Lines of stderr that are kept for the error message.
const KEPT_LINES: usize = 8;
/// Longest line that is kept.
const MAX_LINE: u64 = 400;
/// How long to wait for what ffmpeg says of its output, once a frame of it is there.
const MATRIX_PATIENCE: Duration = Duration::from_millis(200);
/// What ffmpeg calls the levels of what matters.
const COMPLAINTS: [&str; 3] = ["error", "fatal", "panic"];
/// How often a process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Our end of what ffmpeg writes to. To read a frame from a socket takes a quarter less than from a pipe, whose pages are
/// accounted for one by one.
#[cfg(target_os = "linux")]
pub(crate) type Output = std::os::unix::net::UnixStream;
/// Our end of what ffmpeg writes to.
#[cfg(not(target_os = "linux"))]
pub(crate) type Output = process::ChildStdout;

/// A running ffmpeg. Its stderr is read by a thread of its own, so that it never blocks on it. Dropping kills and reaps
/// it. On Linux it is also killed when the thread that spawned it ends, however that comes about; elsewhere it ends by
/// itself at the next write to us, or read from us.
#[derive(Debug)]
pub(crate) struct Child {
    killer: Killer,
    matrix: Receiver<Matrix>,
    last_words: Option<JoinHandle<Vec<String>>>,
}

impl Child {
    /// Starts ffmpeg to write what is read from the other value.
    #[cfg(target_os = "linux")]
    pub(crate) fn writing(program: &Path, arguments: &[String]) -> Result<(Self, Output), VideoError> {
        let pair = Output::pair().map_err(|cause| VideoError::ProgramFailed { program: program.to_owned(), cause });
        let (output, end) = pair?;
        let process = spawn(program, arguments, Stdio::null(), std::os::fd::OwnedFd::from(end).into())?;
        Ok((Self::of(process, program)?, output))
    }

    /// Starts ffmpeg to write what is read from the other value.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn writing(program: &Path, arguments: &[String]) -> Result<(Self, Output), VideoError> {
        let mut process = spawn(program, arguments, Stdio::null(), Stdio::piped())?;
        let output = process.stdout.take().expect("stdout was asked to be a pipe");
        Ok((Self::of(process, program)?, output))
    }

    /// Starts ffmpeg to read from the pipe that is returned.
    pub(crate) fn reading(program: &Path, arguments: &[String]) -> Result<(Self, ChildStdin), VideoError> {
        let mut process = spawn(program, arguments, Stdio::piped(), Stdio::null())?;
        let input = process.stdin.take().expect("stdin was asked to be a pipe");
        Ok((Self::of(process, program)?, input))
    }

    fn of(mut process: process::Child, program: &Path) -> Result<Self, VideoError> {
        let stderr = process.stderr.take().expect("stderr was asked to be a pipe");
        let killer = Killer(Arc::new(Mutex::new(process)));
        // Without a thread nobody could wait for it either.
        let (camera, (tell, matrix)) = (tracing::Span::current(), sync_channel(1));
        let listener = thread::Builder::new()
            .name("ffmpeg's words".into())
            .spawn(move || camera.in_scope(|| listen(stderr, &tell)));
        let last_words = listener.map_err(|cause| {
            killer.kill();
            VideoError::ProgramFailed { program: program.to_owned(), cause }
        })?;
        Ok(Self { killer, matrix, last_words: Some(last_words) })
    }

    /// Kills it from other threads.
    pub(crate) fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Of what colours it says that its output is, which it does before the first frame. To be called once; one that says nothing is waited
    /// for a moment.
    pub(crate) fn matrix(&self) -> Matrix {
        self.matrix.recv_timeout(MATRIX_PATIENCE).unwrap_or_default()
    }

    /// Waits until it has ended by itself; kills it when it has not within `patience`.
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < patience {
            // Not `wait`: the lock must be free for a killer in between.
            if let Some(status) = self.killer.lock().try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.killer.kill();
        self.killer.lock().wait()
    }

    /// The last lines that it wrote to stderr, without secrets. To be called once it has ended.
    pub(crate) fn last_words(&mut self) -> Vec<String> {
        self.last_words.take().and_then(|listener| listener.join().ok()).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.killer.kill();
        if let Err(error) = self.killer.lock().wait() {
            tracing::warn!(%error, "cannot wait for an ffmpeg that was killed");
        }
    }
}

/// Kills a [`Child`] from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Killer(Arc<Mutex<process::Child>>);

impl Killer {
    /// Sends SIGKILL, as a frozen ffmpeg ignores anything less. Does nothing once it was reaped.
    pub(crate) fn kill(&self) {
        if let Err(error) = self.lock().kill() {
            tracing::warn!(%error, "cannot kill ffmpeg");
        }
    }

    fn lock(&self) -> MutexGuard<'_, process::Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(program: &Path, arguments: &[String], stdin: Stdio, stdout: Stdio) -> Result<process::Child, VideoError> {
    let mut command = Command::new(program);
    command.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"]).args(arguments);
    command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    // A Ctrl-C in the terminal is for us: we end our children when we are ready for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(target_os = "linux")]
    die_with_the_spawning_thread(&mut command);
    command.spawn().map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => VideoError::ProgramMissing { program: program.to_owned() },
        _ => VideoError::ProgramFailed { program: program.to_owned(), cause },
    })
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_the_spawning_thread(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the signal was asked for.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from(ErrorKind::BrokenPipe)) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `tie` makes two system calls and neither
    // allocates nor locks: an `io::Error` made from a kind or an error number needs no memory.
    unsafe { command.pre_exec(tie) };
}

/// Reads stderr to its end, tells of what colours the output is, and keeps the last complaints.
fn listen(stderr: ChildStderr, tell: &SyncSender<Matrix>) -> Vec<String> {
    let mut reader = BufReader::new(stderr);
    let mut kept = VecDeque::with_capacity(KEPT_LINES);
    let (mut line, mut is_output) = (Vec::new(), false);
    while matches!(reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        let (level, words) = without_origin(text.trim());
        is_output |= words.starts_with("Output #");
        if is_output && let Some(matrix) = matrix_of(words) {
            // Only the first is waited for.
            let _ = tell.try_send(matrix);
        }
        if words.is_empty() || level.is_some_and(|level| !COMPLAINTS.contains(&level)) {
            continue;
        }
        let words = mask_credentials(words);
        tracing::debug!("ffmpeg: {words}");
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(words);
    }
    kept.into()
}

/// `[tcp @ 0x55c1…] [error] Connection refused` → `error`, `Connection refused`: the address means nothing to anybody.
fn without_origin(mut line: &str) -> (Option<&str>, &str) {
    let mut level = None;
    while let Some((origin, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        (level, line) = (Some(origin).filter(|origin| !origin.contains('@')).or(level), rest.trim_start());
    }
    (level, line)
}

/// `Stream #0:0: Video: wrapped_avframe, yuv420p(tv, bt709, progressive), 1280x720 …` → BT.709.
fn matrix_of(words: &str) -> Option<Matrix> {
    let (_, format) = words.strip_prefix("Stream #")?.split_once("Video: ")?;
    let names = format.split(['(', ')', ',', '/', ' ']);
    Some(names.into_iter().find_map(Matrix::named).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_first_name_that_ffmpeg_gives_to_the_colours() {
        let of = |format: &str| {
            matrix_of(&format!("Stream #0:0(und): Video: {format}, 1280x720 [SAR 1:1 DAR 16:9], 25 fps"))
        };
        assert_eq!(of("wrapped_avframe, yuv420p(tv, bt709, progressive)"), Some(Matrix::Bt709));
        assert_eq!(of("h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt470bg/bt709/unknown)"), Some(Matrix::Bt601));
        assert_eq!(of("wrapped_avframe, yuvj420p(pc, unknown/bt709/iec61966-2-1)"), Some(Matrix::Bt601));
        assert_eq!(of("hevc (Main 10), yuv420p(tv, bt2020nc/bt2020/arib-std-b67)"), Some(Matrix::Bt2020));
        assert_eq!(of("wrapped_avframe, yuv420p(progressive)"), Some(Matrix::Bt601));
        assert_eq!(matrix_of("Stream #0:1: Audio: aac, 48000 Hz"), None);
        assert_eq!(matrix_of("cannot open Video: bt709"), None);
    }

    #[test]
    fn the_level_is_told_from_the_origin() {
        assert_eq!(without_origin("[tcp @ 0x55c1] [error] Connection refused"), (Some("error"), "Connection refused"));
        assert_eq!(without_origin("[info]   Stream #0:0: Video"), (Some("info"), "Stream #0:0: Video"));
        assert_eq!(without_origin("sh: 1: not found"), (None, "sh: 1: not found"));
    }
}
