//! The realtime side of a process: one camera's watch and flow, each on a thread of its own.

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use camera::{CameraStatus, FfmpegOptions, FfmpegSource, Look, LookSettings, Pace, Stop, VideoError, Watch};
use events::{Flow, History, Live, Outlet, Policy, Webhook, WebhookSettings, WindowSlot};
use tokio::sync::oneshot;

use crate::app::App;
use crate::settings::Settings;

/// Sightings that may wait for the flow: one is being sent while the next is being made.
const AHEAD: usize = 1;

/// A camera being watched. Ends with [`Watching::end`], or by itself when a recording is over.
pub struct Watching {
    status: CameraStatus,
    stop: Stop,
    finished: oneshot::Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Watching {
    /// Starts to watch the camera of the settings. What is wrong with the camera itself becomes its state, not an error.
    ///
    /// # Errors
    /// A source that cannot be one, a model that cannot be loaded, a webhook address that is none.
    pub fn start(
        app: &App,
        history: &History,
        outlets: Vec<Outlet>,
        window: Option<WindowSlot>,
    ) -> anyhow::Result<Self> {
        let settings = app.settings();
        let source = ffmpeg_source(settings, &settings.video_source.0, Pace::Live, settings.loop_file)?;
        let look = Look::new(look_settings(settings), app.camera_engines()?, app.gallery().clone());
        let history = history.camera(&settings.camera_name, None, settings.rule(), app.gallery().scale().clone());
        let flow = flow(app, outlets, window)?.with_history(history);

        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        let watch = Watch::new(Box::new(source), look, sender);
        let (status, stop) = (watch.status(), Stop::new());
        let (done, finished) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let stopped = stop.clone();
        let threads = vec![
            named("watch", move || watch.run(&stopped))?,
            named("flow", move || {
                flow.run(&receiver, &runtime);
                // The error says that nobody waits for the end.
                let _ = done.send(());
            })?,
        ];
        Ok(Self { status, stop, finished, threads })
    }

    /// How the camera is doing.
    pub fn status(&self) -> CameraStatus {
        self.status.clone()
    }

    /// Waits until the camera's watch has ended by itself: a recording is over.
    ///
    /// # Errors
    /// When one of its threads panicked. Nothing is recognised any more, so a service should end and be started anew.
    pub async fn finished(&mut self) -> anyhow::Result<()> {
        // An error is a thread that panicked: it has ended as well.
        let _ = (&mut self.finished).await;
        self.join().await
    }

    /// Stops the camera, delivers what is under way, and waits for both threads.
    pub async fn end(mut self) {
        self.stop.stop();
        if let Err(error) = self.join().await {
            tracing::error!("{error}");
        }
    }

    async fn join(&mut self) -> anyhow::Result<()> {
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join));
        match joined.await {
            Ok(Ok(())) => Ok(()),
            _ => bail!("a thread of the camera panicked: this is a defect, please report the lines above"),
        }
    }
}

/// How the camera of the settings is looked at.
pub fn look_settings(settings: &Settings) -> LookSettings {
    LookSettings {
        camera: settings.camera_name.as_str().into(),
        scale: settings.scale.0,
        region: None,
        min_face_px: 0,
        rule: settings.rule(),
        tracking: settings.tracking,
        motion_gate: settings.motion_gate,
    }
}

/// An ffmpeg source by the settings.
///
/// # Errors
/// When `given` cannot be a video source.
pub fn ffmpeg_source(settings: &Settings, given: &str, pace: Pace, repeat: bool) -> Result<FfmpegSource, VideoError> {
    let options = FfmpegOptions {
        program: settings.ffmpeg.clone(),
        pace,
        repeat,
        extra_input_args: settings.ffmpeg_args.split_whitespace().map(str::to_owned).collect(),
        ..FfmpegOptions::default()
    };
    FfmpegSource::new(given, options)
}

fn flow(app: &App, outlets: Vec<Outlet>, window: Option<WindowSlot>) -> anyhow::Result<Flow> {
    let settings = app.settings();
    let mut flow =
        Flow::new(Policy::new(settings.cooldown.0), Live::new(settings.ws_jpeg_quality.0)?, settings.ws_annotate);
    for outlet in outlets {
        flow = flow.with_outlet(outlet);
    }
    if let Some(url) = &settings.webhook_url.0 {
        flow = flow.with_webhook(Webhook::start(app.store().clone(), WebhookSettings::new(url.as_str()))?);
    }
    if let Some(window) = window {
        flow = flow.with_window(window);
    }
    Ok(flow)
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).context("cannot start a thread")
}

/// Whether ffmpeg can be started, and what it says of itself.
pub fn ffmpeg_version(program: &Path) -> Option<String> {
    let output = std::process::Command::new(program).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}
