use std::path::Path;
use std::time::Duration;

use crate::error::VideoError;
use crate::mask::mask_credentials;

/// The operating systems that name USB cameras differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Linux,
    MacOs,
    Windows,
}

impl Platform {
    pub(crate) const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Linux
    };
}

/// What a `VIDEO_SOURCE` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A USB camera: ffmpeg's input format and the device's name in it.
    Device { format: &'static str, name: String },
    /// An RTSP camera.
    Rtsp(String),
    /// A camera that sends over HTTP.
    Http(String),
    /// A moving test picture: `WIDTHxHEIGHT` and frames a second.
    TestPattern { size: String, fps: u32 },
    /// A recording, or a photo: its only frame.
    File(String),
}

/// The formats that a recording may have. What is not here is refused: ffmpeg would else show a text file as a picture
/// of text, or follow a playlist to other files.
const RECORDINGS: &str = "mov,mp4,matroska,webm,avi,flv,live_flv,asf,mpegts,mpeg,mpegvideo,m4v,h264,hevc,ivf,obu,\
     mjpeg,mpjpeg,ogg,gif,yuv4mpegpipe,mxf,nut,dhav,dv,h263,vc1,image2,jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe";

impl Input {
    /// Reads the value of `VIDEO_SOURCE` as it is understood on `platform`.
    pub(crate) fn parse(given: &str, platform: Platform) -> Result<Self, VideoError> {
        let not_a_source = |why: &str| VideoError::NotASource { given: mask_credentials(given), why: why.to_owned() };
        if given.trim().is_empty() || given.contains('\0') {
            return Err(not_a_source("give a camera's number, an rtsp:// or http:// address, or a file"));
        }
        if given.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::usb_camera(given, platform).map_err(not_a_source);
        }
        if let Some(pattern) = given.strip_prefix("testsrc").and_then(test_pattern) {
            return pattern.map_err(not_a_source);
        }
        if platform == Platform::Windows && given.starts_with("video=") {
            return Ok(Self::Device { format: "dshow", name: given.to_owned() });
        }
        if platform == Platform::Linux && given.starts_with("/dev/") {
            return Ok(Self::Device { format: "v4l2", name: given.to_owned() });
        }
        match scheme(given).as_deref() {
            Some(_) if given.contains(char::is_whitespace) => Err(not_a_source("write a space in an address as %20")),
            Some("rtsp" | "rtsps") => Ok(Self::Rtsp(given.to_owned())),
            Some("http" | "https") => Ok(Self::Http(given.to_owned())),
            Some(_) => Err(not_a_source("addresses start with rtsp://, rtsps://, http:// or https://")),
            None => Ok(Self::File(given.to_owned())),
        }
    }

    fn usb_camera(number: &str, platform: Platform) -> Result<Self, &'static str> {
        match platform {
            Platform::Linux => Ok(Self::Device { format: "v4l2", name: format!("/dev/video{number}") }),
            // Without ":none" it would open a microphone too.
            Platform::MacOs => Ok(Self::Device { format: "avfoundation", name: format!("{number}:none") }),
            Platform::Windows => Err("cameras have names on Windows: give video=NAME; to see the names, run \
                 ffmpeg -list_devices true -f dshow -i dummy"),
        }
    }

    /// Whether there is an end that is no failure.
    pub(crate) fn is_recording(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Whether frames come as fast as they are asked for unless ffmpeg is told to keep a camera's pace.
    pub(crate) fn needs_pacing(&self) -> bool {
        matches!(self, Self::File(_) | Self::TestPattern { .. })
    }

    /// Says what is missing before ffmpeg is started for it.
    pub(crate) fn check(&self) -> Result<(), VideoError> {
        match self {
            Self::File(path) if !Path::new(path).exists() => Err(VideoError::Missing { camera: path.clone() }),
            Self::File(path) if Path::new(path).is_dir() => {
                Err(VideoError::NotVideo { camera: path.clone(), said: "it is a folder".to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// ffmpeg's options for this input without the `-i` that ends them. ffmpeg itself gives up on a connection that is
    /// silent for `patience`.
    pub(crate) fn options(&self, patience: Duration) -> Vec<String> {
        let microseconds = patience.as_micros().to_string();
        let options: &[&str] = match self {
            // The rate that its cameras offer; ffmpeg's own default, 29.97, is refused by most of them.
            Self::Device { format: "avfoundation", .. } => &["-f", "avfoundation", "-framerate", "30"],
            Self::Device { format, .. } => &["-f", format],
            Self::Rtsp(_) => &["-rtsp_transport", "tcp", "-timeout", &microseconds],
            // Five seconds of looking at the stream before the first frame, ffmpeg's default, is long at a door.
            Self::Http(_) => &["-rw_timeout", &microseconds, "-analyzeduration", "1500000"],
            Self::TestPattern { .. } => &["-f", "lavfi"],
            Self::File(_) => &["-protocol_whitelist", "file", "-format_whitelist", RECORDINGS],
        };
        options.iter().map(|&option| option.to_owned()).collect()
    }

    /// What comes after `-i`. A file's name is never taken for an option or a protocol.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Device { name, .. } => name.clone(),
            Self::Rtsp(url) | Self::Http(url) => url.clone(),
            Self::TestPattern { size, fps } => format!("testsrc2=size={size}:rate={fps}"),
            Self::File(path) => format!("file:{path}"),
        }
    }
}

/// What follows `testsrc`: nothing, or `=WxH@FPS`. `None` if it is no test pattern but, say, a file `testsrc.mp4`.
fn test_pattern(rest: &str) -> Option<Result<Input, &'static str>> {
    let wish = match rest.strip_prefix('=') {
        Some(wish) => wish,
        None if rest.is_empty() => "640x480@25",
        None => return None,
    };
    let parsed = || {
        let (size, fps) = wish.split_once('@')?;
        let (width, height) = size.split_once('x')?;
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| (16..=8192).contains(side));
        let fps = fps.parse().ok().filter(|fps| (1..=1000).contains(fps))?;
        Some(Input::TestPattern { size: format!("{}x{}", side(width)?, side(height)?), fps })
    };
    Some(parsed().ok_or("a test pattern is testsrc or testsrc=WIDTHxHEIGHT@FPS, as in testsrc=640x480@25"))
}

/// The scheme of an address `scheme://…`, in lower case.
fn scheme(given: &str) -> Option<String> {
    let (scheme, _) = given.split_once("://")?;
    let valid = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (valid && !scheme.is_empty()).then(|| scheme.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &str, platform: Platform) -> String {
        let input = Input::parse(given, platform).unwrap();
        let mut arguments = input.options(Duration::from_secs(10));
        arguments.extend(["-i".to_owned(), input.address()]);
        arguments.join(" ")
    }

    fn refusal(given: &str, platform: Platform) -> String {
        Input::parse(given, platform).unwrap_err().to_string()
    }

    #[test]
    fn a_number_is_the_usb_camera_of_the_platform() {
        assert_eq!(arguments("0", Platform::Linux), "-f v4l2 -i /dev/video0");
        assert_eq!(arguments("1", Platform::MacOs), "-f avfoundation -framerate 30 -i 1:none");
        assert!(refusal("0", Platform::Windows).contains("give video=NAME"));
        assert_eq!(arguments("video=HD Webcam", Platform::Windows), "-f dshow -i video=HD Webcam");
    }

    #[test]
    fn a_device_path_is_a_usb_camera() {
        let path = "/dev/v4l/by-id/usb-cam-index0";
        assert_eq!(arguments(path, Platform::Linux), format!("-f v4l2 -i {path}"));
    }

    #[test]
    fn network_cameras_are_given_up_when_they_fall_silent() {
        assert_eq!(
            arguments("rtsp://cam/live", Platform::Linux),
            "-rtsp_transport tcp -timeout 10000000 -i rtsp://cam/live"
        );
        assert_eq!(
            arguments("HTTPS://cam/video", Platform::Linux),
            "-rw_timeout 10000000 -analyzeduration 1500000 -i HTTPS://cam/video"
        );
    }

    #[test]
    fn other_schemes_are_refused_with_those_that_work() {
        let message = refusal("udp://u:secret@239.0.0.1:1234", Platform::Linux);
        assert!(message.contains("rtsp://, rtsps://, http://") && !message.contains("secret"), "{message}");
    }

    #[test]
    fn a_test_pattern_may_state_its_size_and_rate() {
        assert_eq!(arguments("testsrc", Platform::Linux), "-f lavfi -i testsrc2=size=640x480:rate=25");
        assert_eq!(arguments("testsrc=320x240@5", Platform::MacOs), "-f lavfi -i testsrc2=size=320x240:rate=5");
        for wrong in ["testsrc=", "testsrc=320", "testsrc=320x240", "testsrc=320x240@0", "testsrc=1x1@5:x=y"] {
            assert!(refusal(wrong, Platform::Linux).contains("testsrc=640x480@25"), "{wrong}");
        }
        assert_eq!(Input::parse("testsrc.mp4", Platform::Linux).unwrap(), Input::File("testsrc.mp4".to_owned()));
    }

    #[test]
    fn a_file_name_is_never_an_option_or_a_protocol() {
        for name in ["-y", "concat:a|b", "data:x", "a.mp4", "video=x", "C:\\gate.mp4", "ünïcode 'q'.mp4"] {
            let input = Input::parse(name, Platform::Linux).unwrap();
            assert_eq!(input.address(), format!("file:{name}"));
        }
    }

    #[test]
    fn an_address_with_a_space_says_how_to_write_it() {
        let message = refusal("rtsp://admin:my pass@cam/live", Platform::Linux);
        assert!(message.contains("%20") && !message.contains("my pass"), "{message}");
    }

    #[test]
    fn an_empty_source_says_what_is_allowed() {
        assert!(refusal(" ", Platform::Linux).contains("a camera's number"));
    }
}
