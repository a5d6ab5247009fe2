use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camera::{Buffers, Frame, Look, Painter, Recorder, Sighting, SightingTimes, Source, Stream, annotate};
use events::{FaceView, Status};
use serde_json::json;

use super::progress;
use super::recognize::{Recognize, faces_json};
use crate::app::App;
use crate::cameras;

/// Frames a second of a recording that does not say.
const USUAL_FPS: f64 = 25.0;

/// Every frame of a recording, in order, as fast as it goes.
pub fn run(app: &App, file: &Path, command: &Recognize) -> anyhow::Result<ExitCode> {
    let settings = app.settings();
    let path = file.to_string_lossy();
    let mut source = cameras::ffmpeg_source(settings, &path)?;
    let look = Look::new(cameras::look_settings(settings), app.camera_engines(), app.gallery().clone());
    let mut stream = source.open()?;
    // While ffmpeg starts, and before the clock of the summary does.
    look.get_ready();
    let mut run = Run::new(look, command, &settings.ffmpeg);
    run.read(stream.as_mut(), file)?;
    run.finish()
}

/// One run over a recording.
struct Run<'a> {
    look: Look,
    command: &'a Recognize,
    ffmpeg: &'a Path,
    out: BufWriter<std::io::Stdout>,
    recorder: Option<Recorder>,
    painter: Painter,
    totals: Totals,
}

/// What the summary tells.
struct Totals {
    started: Instant,
    frames: u64,
    faces: u64,
    accepted: u64,
    decode: Duration,
    times: SightingTimes,
    embeddings: u64,
    write: Duration,
}

impl<'a> Run<'a> {
    fn new(look: Look, command: &'a Recognize, ffmpeg: &'a Path) -> Self {
        let totals = Totals {
            started: Instant::now(),
            frames: 0,
            faces: 0,
            accepted: 0,
            decode: Duration::ZERO,
            times: SightingTimes::default(),
            embeddings: 0,
            write: Duration::ZERO,
        };
        let out = BufWriter::new(std::io::stdout());
        Self { look, command, ffmpeg, out, recorder: None, painter: Painter::new(), totals }
    }

    fn read(&mut self, stream: &mut dyn Stream, file: &Path) -> anyhow::Result<()> {
        let buffers = Buffers::new();
        let bar = progress::counter("frames");
        loop {
            let waiting = Instant::now();
            let Some(image) = stream.next(&buffers)? else { break };
            self.totals.decode += waiting.elapsed();
            self.totals.frames += 1;
            let fps = stream.fps().unwrap_or(USUAL_FPS);
            let position = Duration::from_secs_f64((self.totals.frames - 1) as f64 / fps);
            let mut frame = Frame::read(stream, image, self.totals.frames, position, &buffers);
            // Faces are followed by the recording's own clock, however fast it is read.
            frame.read_at = self.totals.started + position;
            let sighting = self.look.at(frame)?;
            let writing = Instant::now();
            self.tell(&sighting)?;
            self.record(&sighting, fps, file)?;
            self.totals.write += writing.elapsed();
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn tell(&mut self, sighting: &Sighting) -> anyhow::Result<()> {
        let views: Vec<_> = sighting.faces.iter().map(FaceView::of).collect();
        let accepted: Vec<_> = views.iter().filter(|view| view.status == Status::Pass).collect();
        self.totals.faces += views.len() as u64;
        self.totals.accepted += accepted.len() as u64;
        self.totals.times += sighting.times;
        self.totals.embeddings += u64::from(sighting.work.embeddings);
        let time = (sighting.frame.position.as_secs_f64() * 1000.0).round() / 1000.0;
        if self.command.json() {
            let faces = faces_json(&sighting.faces, &views, self.command.embedding())?;
            let line = json!({ "frame": sighting.frame.id, "time": time, "faces": faces });
            writeln!(self.out, "{line}")?;
        } else if self.command.out().is_none() && !views.is_empty() {
            let names: Vec<_> =
                views
                    .iter()
                    .map(|view| {
                        if view.status == Status::Pass { view.name.as_deref().unwrap_or("unknown") } else { "unknown" }
                    })
                    .collect();
            writeln!(self.out, "{time:8.3} {}", names.join(", "))?;
        }
        Ok(())
    }

    fn record(&mut self, sighting: &Sighting, fps: f64, input: &Path) -> anyhow::Result<()> {
        let Some(path) = self.command.out() else { return Ok(()) };
        let mut picture = sighting.frame.image().clone();
        annotate(&mut self.painter, &mut picture, &sighting.faces);
        let recorder = match &mut self.recorder {
            Some(recorder) => recorder,
            None => {
                let size = (picture.width(), picture.height());
                self.recorder.insert(Recorder::create(path, size, fps, Some(input), self.ffmpeg)?)
            }
        };
        recorder.write(&picture)?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<ExitCode> {
        self.out.flush()?;
        if let Some(recorder) = self.recorder.take() {
            recorder.finish()?;
        }
        self.totals.print();
        Ok(ExitCode::SUCCESS)
    }
}

impl Totals {
    fn print(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let a_frame = |total: Duration| total.as_secs_f64() * 1e3 / self.frames.max(1) as f64;
        let stages = self.times.stages;
        eprintln!(
            "{} frames in {seconds:.2} s: {:.1} frames a second; {} faces, {} recognised, {} embeddings; ms a frame: wait for video \
             {:.2}, detect {:.2}, landmarks {:.2}, embed {:.2}, liveness {:.2}, search {:.3}, write {:.2}",
            self.frames,
            self.frames as f64 / seconds,
            self.faces,
            self.accepted,
            self.embeddings,
            a_frame(self.decode),
            a_frame(stages.detect),
            a_frame(stages.landmark),
            a_frame(stages.embed),
            a_frame(stages.liveness),
            a_frame(self.times.search),
            a_frame(self.write),
        );
    }
}
