use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::y4m::Y4mError;

/// What can go wrong between a camera, ffmpeg and us. `camera` is what [`Source::describe`](crate::Source::describe)
/// says, so no message holds a password; `said` is ffmpeg's own last line, masked the same way.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// The value of `VIDEO_SOURCE` cannot mean anything.
    #[error("{given:?} cannot be a video source: {why}")]
    NotASource {
        /// The value, credentials masked.
        given: String,
        /// What is wrong with it and what is allowed.
        why: String,
    },
    /// ffmpeg is not there.
    #[error(
        "cannot find {}: install ffmpeg 5.1 or newer (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; \
         Windows: winget install ffmpeg), or set FFMPEG to where it is", program.display()
    )]
    ProgramMissing {
        /// The program that was to be started.
        program: PathBuf,
    },
    /// ffmpeg is there and cannot be started.
    #[error("cannot start {}: {cause}", program.display())]
    ProgramFailed {
        /// The program that was to be started.
        program: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// ffmpeg does not know an option that we need.
    #[error("ffmpeg refused an option ({said}): check FFMPEG_ARGS, or install ffmpeg 5.1 or newer")]
    ProgramTooOld {
        /// ffmpeg's last line.
        said: String,
    },
    /// No such file or device.
    #[error(
        "{camera} does not exist: check the path or plug the camera in, or set VIDEO_SOURCE to rtsp://…, a file, or testsrc"
    )]
    Missing {
        /// Which camera.
        camera: String,
    },
    /// Another program has the device.
    #[error("{camera} is busy: another program is using it")]
    Busy {
        /// Which camera.
        camera: String,
    },
    /// The operating system refuses.
    #[error(
        "no permission to read {camera}: for a USB camera on Linux add this user to the group `video`, on macOS allow \
         the terminal to use the camera"
    )]
    Denied {
        /// Which camera.
        camera: String,
    },
    /// Nobody listens at that address.
    #[error("{camera} refused the connection: check host and port, and whether the camera is on")]
    Refused {
        /// Which camera.
        camera: String,
    },
    /// The address leads nowhere.
    #[error("{camera} cannot be reached ({said}): check the host name and the network")]
    Unreachable {
        /// Which camera.
        camera: String,
        /// ffmpeg's last line.
        said: String,
    },
    /// Wrong or missing user name and password.
    #[error("{camera} asks for a valid user name and password: write them into its address, …//USER:PASSWORD@HOST/…")]
    Unauthorised {
        /// Which camera.
        camera: String,
    },
    /// The server has nothing under this path.
    #[error("{camera} is not known to the server (404): check the path of the stream in the camera's manual")]
    UnknownPath {
        /// Which camera.
        camera: String,
    },
    /// Something was read, but there is no picture in it.
    #[error("{camera} is not a video that ffmpeg can read ({said})")]
    NotVideo {
        /// Which camera.
        camera: String,
        /// ffmpeg's last line.
        said: String,
    },
    /// A live stream ended. A server that dies ends it without a word.
    #[error("the stream of {camera} ended{}", aside(said))]
    Ended {
        /// Which camera.
        camera: String,
        /// ffmpeg's last line; may be empty.
        said: String,
    },
    /// No frame for too long.
    #[error("{camera} has sent no frame for {} s: check that it is on and the network to it", after.as_secs_f32())]
    Stalled {
        /// Which camera.
        camera: String,
        /// How long was waited.
        after: Duration,
    },
    /// A [`Stopper`](crate::Stopper) ended the stream.
    #[error("{camera} was closed")]
    Stopped {
        /// Which camera.
        camera: String,
    },
    /// ffmpeg wrote something that is not the stream that it was asked for.
    #[error("cannot read the frames of {camera}: {cause}")]
    Garbled {
        /// Which camera.
        camera: String,
        /// What is wrong with the stream.
        #[source]
        cause: Y4mError,
    },
    /// The video to be written is the one being read.
    #[error("{} is the video that is being read: choose another file to write to", path.display())]
    OverItself {
        /// The file to be written.
        path: PathBuf,
    },
    /// A video cannot be written.
    #[error("cannot write the video {}: {said}", path.display())]
    NotWritten {
        /// The file to be written.
        path: PathBuf,
        /// ffmpeg's last line, or the system's words.
        said: String,
    },
}

impl VideoError {
    /// Finds the reason for the end of `camera`'s stream in `said`, what ffmpeg wrote last.
    pub(crate) fn from_last_words(camera: &str, said: &[String]) -> Self {
        let heard =
            |phrases: &[&str]| said.iter().rev().find(|line| phrases.iter().any(|phrase| line.contains(phrase)));
        let camera = camera.to_owned();
        if let Some(line) = heard(&["Unrecognized option", "Option not found"]) {
            Self::ProgramTooOld { said: line.clone() }
        } else if heard(&["401 Unauthorized", "403 Forbidden"]).is_some() {
            Self::Unauthorised { camera }
        } else if heard(&["404 Not Found", "404 Stream Not Found"]).is_some() {
            Self::UnknownPath { camera }
        } else if heard(&["Connection refused"]).is_some() {
            Self::Refused { camera }
        } else if let Some(line) = heard(&UNREACHABLE) {
            Self::Unreachable { camera, said: line.clone() }
        } else if heard(&["Device or resource busy"]).is_some() {
            Self::Busy { camera }
        } else if heard(&["Permission denied", "Operation not permitted"]).is_some() {
            Self::Denied { camera }
        } else if heard(&["No such file or directory", "No such device"]).is_some() {
            Self::Missing { camera }
        } else if let Some(line) = heard(&NOT_VIDEO) {
            Self::NotVideo { camera, said: line.clone() }
        } else {
            let telling = said.iter().rev().find(|line| !CONSEQUENCES.iter().any(|phrase| line.contains(phrase)));
            Self::Ended { camera, said: telling.cloned().unwrap_or_default() }
        }
    }
}

const UNREACHABLE: [&str; 5] = [
    "Failed to resolve hostname",
    "No route to host",
    "Network is unreachable",
    "Connection timed out",
    "Operation timed out",
];

const NOT_VIDEO: [&str; 6] = [
    "Cannot determine format of input stream",
    "Could not find codec parameters",
    "Invalid data found when processing input",
    "does not contain any stream",
    "not on whitelist",
    "Not a video capture device",
];

/// What ffmpeg says after it has said what is wrong.
const CONSEQUENCES: [&str; 3] =
    ["Error marking filters as finished", "Conversion failed", "Error while processing the decoded data"];

fn aside(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(said: &str) -> String {
        VideoError::from_last_words("the camera", &[said.to_owned()]).to_string()
    }

    #[test]
    fn what_ffmpeg_says_becomes_a_sentence_that_names_the_camera_and_the_way_out() {
        for (said, start) in [
            ("/dev/video0: Device or resource busy", "the camera is busy"),
            ("Cannot open video device /dev/video9: No such file or directory", "the camera does not exist"),
            ("/dev/video0: Permission denied", "no permission to read the camera"),
            ("rtsp://h/x: Connection refused", "the camera refused the connection"),
            (
                "[rtsp @ 0x1] method DESCRIBE failed: 401 Unauthorized",
                "the camera asks for a valid user name and password",
            ),
            ("[rtsp @ 0x1] method DESCRIBE failed: 404 Not Found", "the camera is not known to the server"),
            ("[tcp @ 0x1] Failed to resolve hostname h: Name or service not known", "the camera cannot be reached"),
            ("x: Invalid data found when processing input", "the camera is not a video"),
            ("Unrecognized option 'fps_mode'.", "ffmpeg refused an option"),
            ("something else", "the stream of the camera ended (something else)"),
        ] {
            assert!(message(said).starts_with(start), "{said} → {}", message(said));
        }
    }

    #[test]
    fn a_stream_that_ends_without_a_word_says_just_that() {
        assert_eq!(VideoError::from_last_words("the gate", &[]).to_string(), "the stream of the gate ended");
    }
}
