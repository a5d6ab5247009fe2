//! One camera being watched: its watch and its flow, each on a thread of its own.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use anyhow::Context;
use camera::{
    CameraState, CameraStatus, FfmpegOptions, FfmpegSource, LivenessMode, LivenessRule, Look, LookSettings, Pace, Stop,
    VideoError, Watch,
};
use events::{
    Access, Calendar, CameraPlace, Flow, History, LastPasses, Live, Mqtt, Outlet, Policy, Presence, Visitors, Webhook,
    WindowSlot,
};
use face::{EnginePool, Tiles};
use gallery::Gallery;
use tokio::sync::Notify;

use super::Definition;
use crate::app::must_follow;
use crate::settings::Settings;
use crate::strictness;

/// Sightings that may wait for the flow: one is being sent while the next is being made.
const AHEAD: usize = 1;

/// What all cameras of a process share.
pub struct Shared {
    /// What a camera's definition leaves open.
    pub settings: Settings,
    /// Where days begin, and which are holidays.
    pub calendar: Calendar,
    /// Who is inside each door group.
    pub presence: Presence,
    /// Engines, taken in turn.
    pub engines: EnginePool,
    /// Who is recognised.
    pub gallery: Gallery,
    /// Where passages are kept.
    pub history: History,
    /// Who tells unknown people from one another, where faces are kept.
    pub visitors: Option<Visitors>,
    /// Where processed frames go.
    pub outlets: Vec<Outlet>,
    /// The broker, where there is one.
    pub mqtt: Option<Mqtt>,
    /// The local window.
    pub window: Option<WindowSlot>,
    /// Notified when a camera's thread ends.
    pub ended: Arc<Notify>,
}

/// What a camera is given that stays when it ends.
pub struct Lent {
    /// Who has been announced there.
    pub last_passes: LastPasses,
    /// Who is told of it.
    pub webhooks: Vec<Arc<Webhook>>,
}

/// A camera being watched. Ends after [`Watching::stop`], by itself when a recording is over, or when one of its threads
/// panics; the others know nothing of it.
pub struct Watching {
    status: CameraStatus,
    live: Live,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

/// A thread of a camera panicked.
#[derive(Debug, thiserror::Error)]
#[error("a thread of this camera panicked, which is a defect: please report the lines above")]
pub struct Panicked;

impl Watching {
    /// Starts to watch. What is wrong with the camera itself becomes its state, not an error. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// A source that cannot be one, pictures that cannot be made, a thread that cannot be started.
    pub fn start(camera: &Definition, shared: &Shared, lent: Lent) -> anyhow::Result<Self> {
        let settings = &shared.settings;
        strictness::must_be_known(settings.acceptance(camera.th_accept).strictness, shared.gallery.scale())?;
        if let Some(own) = camera.th_accept {
            strictness::must_be_in_reach(own, shared.gallery.people())?;
        }
        let options = FfmpegOptions {
            repeat: camera.loop_file.unwrap_or(settings.loop_file),
            fps_limit: camera.fps_limit,
            ..ffmpeg_options(settings)
        };
        let source = FfmpegSource::new(&camera.source, options)?;
        let look = look_of(camera, settings);
        must_follow(look.liveness, look.tracking)?;
        if look.liveness.mode.is_on() {
            let opened = tokio::task::block_in_place(|| shared.engines.with(face::Engine::open_liveness));
            opened.context("liveness is on, and nothing can tell whether a face is alive")?;
        }
        let look = Look::new(look, shared.engines.clone(), shared.gallery.clone());
        let history = shared.history.camera(CameraPlace {
            camera: camera.id.clone(),
            direction: camera.direction,
            door_group: camera.door_group.clone(),
            scale: shared.gallery.scale().clone(),
            enrol_norm: shared.gallery.gates().enrol_norm,
            visitors: shared.visitors.clone(),
        });
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        let watch = Watch::new(Box::new(source), look, sender);
        let (status, stop) = (watch.status(), Stop::new());
        let live = Live::new(settings.ws_jpeg_quality.0, watch.attention())?;
        let flow = flow(camera, shared, live.clone(), lent).with_history(history);
        let runtime = tokio::runtime::Handle::current();
        let stopped = stop.clone();
        // The flow first: a watch whose flow is not there ends by itself.
        let flow = named("flow", &shared.ended, move || flow.run(&receiver, &runtime))?;
        let watch = named("watch", &shared.ended, move || watch.run(&stopped))?;
        Ok(Self { status, live, stop, threads: vec![watch, flow] })
    }

    /// How the camera is doing.
    pub fn status(&self) -> &CameraStatus {
        &self.status
    }

    /// What it sees.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Whether it is a recording that has been played to its end.
    pub fn is_over(&self) -> bool {
        self.has_ended() && self.status.now().0 == CameraState::Finished
    }

    /// Tells it to end; it does so soon.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Whether both threads have ended.
    pub fn has_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// How it ended. Blocks until it has.
    ///
    /// # Errors
    /// When one of its threads panicked.
    pub fn join(self) -> Result<(), Panicked> {
        // All of them, so that none is left behind.
        let ended: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        if ended.iter().all(Result::is_ok) { Ok(()) } else { Err(Panicked) }
    }
}

/// How a recording is looked at that is no camera.
pub fn look_settings(settings: &Settings) -> LookSettings {
    look_of(&Definition::of_settings(settings), settings)
}

fn look_of(camera: &Definition, settings: &Settings) -> LookSettings {
    LookSettings {
        camera: camera.id.as_str().into(),
        scale: camera.scale.map_or(settings.scale.0, |scale| scale as f32),
        region: camera.region.clone(),
        min_face_px: camera.min_face_px.unwrap_or_default(),
        acceptance: settings.acceptance(camera.th_accept),
        tracking: settings.tracking,
        motion_gate: settings.motion_gate,
        tiles: camera.tiles.as_deref().and_then(Tiles::parse).unwrap_or(settings.tiles),
        liveness: liveness_of(camera, settings),
        attributes: settings.attributes,
    }
}

/// A camera that switches LIVENESS off is not asked for LIVENESS_TURN by the setting, only by a field of its own.
fn liveness_of(camera: &Definition, settings: &Settings) -> LivenessRule {
    let mode = camera.liveness.as_deref().and_then(LivenessMode::parse).unwrap_or(settings.liveness);
    LivenessRule { mode, turn: camera.liveness_turn.unwrap_or(settings.liveness_turn && mode.is_on()) }
}

/// An ffmpeg source by the settings, for a recording that is read as fast as it goes.
///
/// # Errors
/// When `given` cannot be a video source.
pub fn ffmpeg_source(settings: &Settings, given: &str) -> Result<FfmpegSource, VideoError> {
    FfmpegSource::new(given, FfmpegOptions { pace: Pace::Fast, ..ffmpeg_options(settings) })
}

fn ffmpeg_options(settings: &Settings) -> FfmpegOptions {
    FfmpegOptions {
        program: settings.ffmpeg.clone(),
        extra_input_args: settings.ffmpeg_args.split_whitespace().map(str::to_owned).collect(),
        ..FfmpegOptions::default()
    }
}

fn flow(camera: &Definition, shared: &Shared, live: Live, lent: Lent) -> Flow {
    let settings = &shared.settings;
    let policy = Policy::new(camera.cooldown(settings), lent.last_passes);
    let door = camera.door_group.as_deref().zip(camera.direction);
    let door = door.map(|(group, direction)| shared.presence.door(group, direction));
    let access = Access::new(shared.gallery.clone(), shared.calendar.clone(), camera.access.clone(), door);
    let flow = Flow::new(access, policy, shared.gallery.clone(), live, settings.ws_annotate);
    let mut flow = flow.with_direction(camera.direction).with_visitors(shared.visitors.clone());
    for outlet in &shared.outlets {
        flow = flow.with_outlet(outlet.clone());
    }
    for webhook in lent.webhooks {
        flow = flow.with_webhook(webhook);
    }
    if let Some(mqtt) = &shared.mqtt {
        flow = flow.with_mqtt(mqtt.clone());
    }
    if let Some(window) = &shared.window {
        flow = flow.with_window(window.clone());
    }
    flow
}

/// A thread that notifies `ended` when it does, also if it panics.
fn named(name: &str, ended: &Arc<Notify>, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    struct Last(Arc<Notify>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let last = Last(Arc::clone(ended));
    let work = move || {
        let _last = last;
        work();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work).context("cannot start a thread")
}

/// Whether ffmpeg can be started, and what it says of itself.
pub fn ffmpeg_version(program: &Path) -> Option<String> {
    let output = std::process::Command::new(program).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use camera::Attention;

    use super::*;

    #[test]
    fn a_camera_whose_thread_panicked_has_ended_and_says_so() {
        let stop = Stop::new();
        let ended = Arc::default();
        let (still_there, stopped) = (named("flow", &ended, || {}).unwrap(), stop.clone());
        let watch = named("watch", &ended, move || {
            stopped.sleep(Duration::from_secs(60));
            panic!("as a defect would");
        });
        let (status, live) = (CameraStatus::failed("not yet"), Live::new(70, Attention::default()).unwrap());
        let watching = Watching { status, live, stop, threads: vec![watch.unwrap(), still_there] };
        assert!(!watching.has_ended());
        watching.stop();
        let start = Instant::now();
        while !watching.has_ended() {
            assert!(start.elapsed() < Duration::from_secs(30));
            std::thread::yield_now();
        }
        assert!(!watching.is_over());
        assert!(watching.join().is_err());
    }
}
