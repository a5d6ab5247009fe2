use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use camera::{Direction, Pooled, SeenFace, Sighting, SightingTimes};
use gallery::Gallery;
use tokio::runtime::Handle;

use crate::history::{CameraHistory, PassageNews};
use crate::live::{Live, LiveFrame};
use crate::policy::Policy;
use crate::{
    Access, Hub, Message, MessagePool, Mqtt, Notice, NoticeKind, Notices, Publisher, Visitors, Webhook, WindowSlot,
};

/// How often the speed of a camera is logged.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How often passages are looked after while a camera has no frames.
const REST: Duration = Duration::from_secs(1);

/// Where processed frames go. Clones lead to the same place, for the flows of several cameras.
#[derive(Clone, Debug)]
pub enum Outlet {
    /// The hub of this process.
    Hub(Hub),
    /// A hub in another process.
    Publisher(Arc<Publisher>),
}

impl Outlet {
    /// Tells whoever listens; makes only what is wanted there.
    pub fn send(&self, message: &Message) {
        match self {
            Self::Hub(hub) => hub.send(message),
            Self::Publisher(publisher) => publisher.send(message),
        }
    }

    /// Forgets what a camera has shown that is not watched here any more.
    pub fn forget_camera(&self, camera: &str) {
        match self {
            Self::Hub(hub) => hub.forget_camera(camera),
            Self::Publisher(publisher) => publisher.forget_camera(camera),
        }
    }

    /// Delivers what is under way, if this is the last clone.
    pub async fn end(self) {
        if let Self::Publisher(publisher) = self
            && let Some(publisher) = Arc::into_inner(publisher)
        {
            publisher.shutdown().await;
        }
    }
}

/// Sighting → events → sinks, for one camera. Runs on a thread of its own until the camera's watch ends; a sink that
/// is slow or away never stops it. Its sinks may be shared with other flows, and are ended by who made them.
pub struct Flow {
    access: Access,
    policy: Policy,
    live: Live,
    messages: MessagePool,
    annotate: bool,
    gallery: Gallery,
    direction: Option<Direction>,
    outlets: Vec<Outlet>,
    webhooks: Vec<Arc<Webhook>>,
    mqtt: Option<Mqtt>,
    notices: Notices,
    history: Option<CameraHistory>,
    window: Option<WindowSlot>,
    pace: Pace,
}

impl Flow {
    /// Who passes is decided by `access` and `policy`, and who they are is looked up in `gallery`. What is seen is shown on
    /// `live`; `annotate` sends frames with boxes and names drawn into them.
    pub fn new(access: Access, policy: Policy, gallery: Gallery, live: Live, annotate: bool) -> Self {
        Self {
            access,
            policy,
            live,
            messages: MessagePool::default(),
            annotate,
            notices: Notices::new(gallery.clone(), None),
            gallery,
            direction: None,
            outlets: Vec::new(),
            webhooks: Vec::new(),
            mqtt: None,
            history: None,
            window: None,
            pace: Pace::default(),
        }
    }

    /// Sends every processed frame to `outlet`.
    #[must_use]
    pub fn with_outlet(mut self, outlet: Outlet) -> Self {
        self.outlets.push(outlet);
        self
    }

    /// Tells `webhook` of what it wants to know.
    #[must_use]
    pub fn with_webhook(mut self, webhook: Arc<Webhook>) -> Self {
        self.webhooks.push(webhook);
        self
    }

    /// Tells the broker.
    #[must_use]
    pub fn with_mqtt(mut self, mqtt: Mqtt) -> Self {
        self.mqtt = Some(mqtt);
        self
    }

    /// Who of the unknown is muted is known to `visitors`.
    #[must_use]
    pub fn with_visitors(mut self, visitors: Option<Visitors>) -> Self {
        self.notices = Notices::new(self.gallery.clone(), visitors);
        self
    }

    /// People go this way before the camera.
    #[must_use]
    pub fn with_direction(mut self, direction: Option<Direction>) -> Self {
        self.direction = direction;
        self
    }

    /// Keeps each passage as an event.
    #[must_use]
    pub fn with_history(mut self, history: CameraHistory) -> Self {
        self.history = Some(history);
        self
    }

    /// Shows annotated frames in the window, while it shows this camera.
    #[must_use]
    pub fn with_window(mut self, window: WindowSlot) -> Self {
        self.window = Some(window);
        self
    }

    /// Runs until the sender of `sightings` is gone.
    pub fn run(mut self, sightings: &Receiver<Sighting>, runtime: &Handle) {
        loop {
            match sightings.recv_timeout(REST) {
                Ok(sighting) => self.follow(sighting, runtime),
                Err(RecvTimeoutError::Timeout) => self.rest(runtime),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(history) = &mut self.history {
            let news = history.end();
            self.tell_passages(&news, runtime);
        }
    }

    fn follow(&mut self, mut sighting: Sighting, runtime: &Handle) {
        self.access.judge(&mut sighting);
        self.announce(&sighting, runtime);
        if let Some(mqtt) = &self.mqtt {
            mqtt.sighting(&sighting);
        }
        if let Some(history) = &mut self.history {
            let news = history.follow(&sighting);
            self.tell_passages(&news, runtime);
        }
        self.pace.count(&sighting);
        let frame = self.live.show(sighting);
        self.send(frame);
    }

    fn rest(&mut self, runtime: &Handle) {
        if let Some(history) = &mut self.history {
            let news = history.rest(Instant::now());
            self.tell_passages(&news, runtime);
        }
    }

    fn tell_passages(&mut self, news: &[PassageNews], runtime: &Handle) {
        for news in news {
            if let Some(mqtt) = &self.mqtt {
                mqtt.passage(news);
            }
            for notice in self.notices.of(news) {
                tracing::info!(
                    camera = notice.camera,
                    name = notice.name,
                    visitor = notice.visitor,
                    "{}",
                    notice.kind.as_str()
                );
                self.tell(&notice, runtime);
            }
        }
    }

    /// The webhook's record comes before anything is shown: what the outside saw is never lost by a kill.
    fn announce(&mut self, sighting: &Sighting, runtime: &Handle) {
        for face in self.policy.announce(sighting) {
            let Some(pass) = self.pass_of(sighting, face) else { continue };
            tracing::info!(camera = pass.camera, name = pass.name, distance = pass.distance.map(four_decimals), "PASS");
            self.tell(&pass, runtime);
        }
    }

    fn tell(&self, notice: &Notice, runtime: &Handle) {
        if let Some(mqtt) = &self.mqtt {
            mqtt.tell(notice);
        }
        runtime.block_on(Webhook::record_all(&self.webhooks, notice));
    }

    fn pass_of(&self, sighting: &Sighting, face: &SeenFace) -> Option<Notice> {
        let nearest = face.nearest.as_ref()?;
        let profile = self.gallery.profile(nearest.person).unwrap_or_default();
        Some(Notice {
            name: Some(nearest.name.to_string()),
            code: profile.code.clone(),
            groups: profile.groups.clone(),
            distance: Some(nearest.distance.value()),
            raw_distance: Some(nearest.raw.0),
            direction: self.direction,
            track: face.evidence.as_ref().map(|evidence| evidence.track),
            ..Notice::new(NoticeKind::Pass, &*sighting.camera, sighting.frame.captured_at.into())
        })
    }

    /// A frame is drawn and encoded once, and not at all when nobody looks.
    fn send(&mut self, frame: Pooled<LiveFrame>) {
        if let Some(window) = &self.window {
            window.put(&frame.sighting().camera, || frame.annotated_picture());
        }
        let message = self.messages.seen(frame, self.annotate);
        self.outlets.iter().for_each(|outlet| outlet.send(&message));
    }
}

/// As the contract shows distances.
fn four_decimals(distance: f32) -> f64 {
    (f64::from(distance) * 1e4).round() / 1e4
}

/// Frames a second and where the time goes, for the log.
#[derive(Default)]
struct Pace {
    since: Option<Instant>,
    frames: u32,
    /// Beside `frames`: those that nobody read, since nothing had moved for a while.
    unread: u32,
    times: SightingTimes,
}

impl Pace {
    fn count(&mut self, sighting: &Sighting) {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.frames += 1;
        self.unread += sighting.work.unread;
        self.times += sighting.times;
        if since.elapsed() >= REPORT_EVERY {
            self.report(&sighting.camera, since.elapsed());
            *self = Self { since: Some(Instant::now()), ..Self::default() };
        }
    }

    fn report(&self, camera: &str, elapsed: Duration) {
        let mean_ms = |total: Duration| (total.as_secs_f64() * 1e4 / f64::from(self.frames)).round() / 10.0;
        tracing::info!(
            camera,
            fps = (f64::from(self.frames + self.unread) / elapsed.as_secs_f64() * 10.0).round() / 10.0,
            waited_ms = mean_ms(self.times.waited),
            detect_ms = mean_ms(self.times.stages.detect),
            landmark_ms = mean_ms(self.times.stages.landmark),
            embed_ms = mean_ms(self.times.stages.embed),
            liveness_ms = mean_ms(self.times.stages.liveness),
            search_ms = mean_ms(self.times.search),
            "frames"
        );
    }
}
