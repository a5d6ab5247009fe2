use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::time::Duration;

use face::YuvImage;

use crate::child::Child;
use crate::error::VideoError;

/// How long ffmpeg may take to write what it holds back at the end.
const FINISHING: Duration = Duration::from_secs(120);

/// Writes frames into a video file through an ffmpeg process; the file's extension says which kind of video. What was
/// there before is overwritten. A recorder that is dropped without [`finish`](Self::finish) leaves a file that cannot be
/// played, and on Linux one whose thread ends does too.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    size: (u32, u32),
    /// `None` once it was closed: that is how ffmpeg learns of the end.
    pipe: Option<ChildStdin>,
    child: Child,
}

impl Recorder {
    /// Starts a video of frames of `width` × `height` at `fps` frames a second (if that is no usable number, 25).
    /// `source` is the file that is being read, if it is a file: it is not overwritten. `program` is ffmpeg.
    pub fn create(
        path: &Path,
        (width, height): (u32, u32),
        fps: f64,
        source: Option<&Path>,
        program: &Path,
    ) -> Result<Self, VideoError> {
        if source.is_some_and(|source| same_file(source, path)) {
            return Err(VideoError::OverItself { path: path.to_owned() });
        }
        let (child, pipe) = Child::reading(program, &arguments(path, width, height, fps))?;
        Ok(Self { path: path.to_owned(), size: (width, height), pipe: Some(pipe), child })
    }

    /// Adds a frame. It must have the size that was given first.
    pub fn write(&mut self, image: &YuvImage) -> Result<(), VideoError> {
        let size = (image.width(), image.height());
        if size != self.size {
            let ((width, height), (had_width, had_height)) = (size, self.size);
            let said = format!("a frame of {width}×{height} came after frames of {had_width}×{had_height}");
            return Err(VideoError::NotWritten { path: self.path.clone(), said });
        }
        let written = self.pipe.as_mut().map(|pipe| pipe.write_all(image.planes()));
        match written {
            Some(Ok(())) => Ok(()),
            // ffmpeg is gone and knows why.
            _ => self.end().and_then(|()| Err(self.failed("ffmpeg ended too early".to_owned()))),
        }
    }

    /// Writes what is held back and waits until the file is whole.
    pub fn finish(mut self) -> Result<(), VideoError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), VideoError> {
        self.pipe = None;
        let status = self.child.wait(FINISHING).map_err(|error| self.failed(error.to_string()))?;
        if status.success() {
            return Ok(());
        }
        // The last line says only that conversion failed; the reason stands first.
        let said = self.child.last_words().into_iter().next();
        Err(self.failed(said.unwrap_or_else(|| format!("ffmpeg ended with {status}"))))
    }

    fn failed(&self, said: String) -> VideoError {
        VideoError::NotWritten { path: self.path.clone(), said }
    }
}

fn arguments(path: &Path, width: u32, height: u32, fps: f64) -> Vec<String> {
    let fps = if fps.is_finite() && fps > 0.0 { fps } else { 25.0 };
    let (size, fps, file) = (format!("{width}x{height}"), fps.to_string(), format!("file:{}", path.display()));
    let input = ["-f", "rawvideo", "-pix_fmt", "yuvj420p", "-video_size", &size, "-framerate", &fps, "-i", "pipe:0"];
    // Limited range, said so: players that ignore the range show full-range video too dark and too bright.
    let picture = ["-vf", "scale=out_range=tv,format=yuv420p", "-colorspace", "smpte170m", "-color_range", "tv"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let coding: &[&str] = match extension.to_ascii_lowercase().as_str() {
        "mp4" | "mov" | "m4v" => &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-movflags", "+faststart"],
        "mkv" => &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"],
        _ => &[],
    };
    input.iter().chain(&picture).chain(coding).chain(&["-y", &file]).map(|&argument| argument.to_owned()).collect()
}

/// Whether both names lead to one file, through links too.
fn same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}
