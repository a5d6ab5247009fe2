use std::sync::Arc;
use std::time::{Duration, Instant};

use face::{AttributeChoice, Engine, EnginePool, FaceError, Part, Picture, StageTimes, Tiles, yaw};
use gallery::Gallery;

use crate::attention::Attention;
use crate::decision::{Acceptance, Rule};
use crate::evidence::Evidence;
use crate::motion::{Change, MotionGate};
use crate::pairing::Few;
use crate::sighting::{SeenFace, Sighting, SightingTimes, Work};
use crate::tracker::{Found, Tracker};
use crate::turns::Turns;
use crate::{Frame, LivenessRule, Region, SharedFrame};

/// Even where nothing moves a frame is looked at so often: against what the motion gate cannot see.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// How one camera's frames are looked at.
#[derive(Clone, Debug)]
pub struct LookSettings {
    /// The camera's id.
    pub camera: Arc<str>,
    /// The setting `SCALE`, above 0 up to 1.
    pub scale: f32,
    /// Where faces count; `None` for the whole picture.
    pub region: Option<Region>,
    /// Faces narrower than this many pixels are not recognised; the pack's own gate holds as well.
    pub min_face_px: u32,
    /// What makes the rule by which faces are accepted out of how many people are enrolled.
    pub acceptance: Acceptance,
    /// Whether faces are followed from frame to frame and decided by all their shots. If not, each frame is judged by
    /// itself.
    pub tracking: bool,
    /// Whether frames in which nothing moves are passed over.
    pub motion_gate: bool,
    /// How the frame is divided where faces are small.
    pub tiles: Tiles,
    /// What is done with faces that do not look alive, and whether they have to turn.
    pub liveness: LivenessRule,
    /// Which attributes of followed faces are estimated.
    pub attributes: AttributeChoice,
}

/// Frame → Sighting: finds the faces, follows them, and finds the nearest enrolled person for each.
#[derive(Debug)]
pub struct Look {
    settings: LookSettings,
    engines: EnginePool,
    gallery: Gallery,
    motion: MotionGate,
    tracker: Tracker,
    /// By which the newest frame is judged.
    rule: Rule,
    turns: Turns,
    attention: Attention,
    /// When a frame was last looked at.
    looked_at: Option<Instant>,
}

impl Look {
    /// `engines` may be shared by many cameras: each look takes one for as long as it lasts, in turn.
    pub fn new(settings: LookSettings, engines: EnginePool, gallery: Gallery) -> Self {
        let rule = settings.acceptance.rule_for(&gallery);
        let tracker = Tracker::new(rule, settings.liveness);
        let turns = Turns::new(settings.tiles, settings.tracking);
        let (motion, attention) = (MotionGate::default(), Attention::default());
        Self { settings, engines, gallery, motion, tracker, turns, attention, rule, looked_at: None }
    }

    /// The camera's id.
    pub fn camera(&self) -> &Arc<str> {
        &self.settings.camera
    }

    /// How closely the camera is attended to, by what it shows.
    pub(crate) fn attention(&self) -> &Attention {
        &self.attention
    }

    /// Sees to it that there is an engine, which takes about as long as a camera needs to send its first frame. What is wrong with the
    /// models is told of the first look.
    pub fn get_ready(&self) {
        drop(self.engines.get_ready());
    }

    /// Looks at one frame.
    ///
    /// # Errors
    /// When a model fails.
    pub fn at(&mut self, frame: Frame) -> Result<Sighting, FaceError> {
        self.rule = self.settings.acceptance.rule_for(&self.gallery);
        self.tracker.judge_by(self.rule);
        if self.settings.tracking { self.follow(frame) } else { self.judge_alone(frame) }
    }

    fn follow(&mut self, mut frame: Frame) -> Result<Sighting, FaceError> {
        let mut sight = Sight::new(&frame);
        let change = self.motion.change(frame.as_sent(), frame.luma_gain());
        if change != Change::Nothing {
            // Before the wait for an engine: the next frames count.
            self.attention.found(false, frame.read_at);
        }
        let is_worth_a_look = self.is_worth_a_look(change, frame.read_at);
        if is_worth_a_look {
            frame.show();
        }
        let frame = frame.shared();
        if is_worth_a_look {
            let Self { settings, engines, gallery, tracker, turns, .. } = self;
            let brightened = frame.image().brightened_if_dark();
            let picture = brightened.as_deref().unwrap_or(frame.image());
            let size = (picture.width(), picture.height());
            let parts = turns.next(picture, tracker.small_face(size));
            if turns.is_in_turn() {
                tracker.looks_only_at(&parts, size);
            }
            let scale = turns.scale(settings.scale, size);
            engines.with(|engine| {
                sight.got_engine(&frame);
                let found = sight.find(engine, settings, picture, scale, &parts)?;
                let mut embed = |found: &_, five: &_| sight.embed(engine, picture, found, five);
                tracker.follow(&frame, found, change == Change::Scene, gallery, &mut embed)?;
                if settings.liveness.mode.is_on() {
                    sight.work.spoofs = tracker.look_alive(&mut |area| sight.liveness(engine, &frame, area))?;
                }
                if settings.attributes == AttributeChoice::OFF {
                    return Ok(());
                }
                let started = Instant::now();
                let image = frame.image();
                let looked = tracker.look_closer(gallery, &mut |found, five| {
                    engine.attributes(image, found, five, settings.attributes)
                });
                sight.stages.attributes += started.elapsed();
                // Nothing is decided by them, and no door stays shut for want of them.
                if let Err(error) = looked {
                    tracing::error!(camera = &*settings.camera, %error, "ATTRIBUTES: left out from now on");
                    settings.attributes = AttributeChoice::OFF;
                }
                Ok(())
            })?;
            self.motion.looked_at();
            self.looked_at = Some(frame.read_at);
        } else {
            sight.work.still = true;
            self.tracker.stay(&frame, &self.gallery);
        }
        let is_empty = self.turns.is_complete() && self.tracker.sees_nobody();
        let is_calm = self.settings.motion_gate && change == Change::Nothing && is_empty;
        self.attention.found(is_calm, frame.read_at);
        let (faces, ended) = (self.tracker.faces(frame.read_at, &self.gallery), self.tracker.take_ended());
        Ok(sight.sighting(&self.settings.camera, frame, faces, ended, self.rule))
    }

    /// Whether a frame that differs by `change` may show anything that is not known yet.
    fn is_worth_a_look(&mut self, change: Change, now: Instant) -> bool {
        let has_rested = self.looked_at.is_none_or(|last| now.saturating_duration_since(last) >= LONGEST_REST);
        let is_due = !self.settings.motion_gate || change != Change::Nothing || has_rested;
        if is_due {
            self.turns.begin();
        }
        is_due || !self.turns.is_complete() || self.tracker.is_curious(&self.gallery)
    }

    /// Each face by this one picture, as the original does it.
    fn judge_alone(&mut self, mut frame: Frame) -> Result<Sighting, FaceError> {
        let mut sight = Sight::new(&frame);
        frame.show();
        let frame = frame.shared();
        let Self { settings, engines, gallery, turns, rule, .. } = self;
        let brightened = frame.image().brightened_if_dark();
        let picture = brightened.as_deref().unwrap_or(frame.image());
        let parts = turns.next(picture, None);
        let scale = turns.scale(settings.scale, (picture.width(), picture.height()));
        let mut faces = Few::new();
        engines.with(|engine| {
            sight.got_engine(&frame);
            for found in sight.find(engine, settings, picture, scale, &parts)? {
                let Some(landmarks) = found.landmarks else { continue };
                if let face::Embedded::Usable(embedding) = sight.embed(engine, picture, &found.detection, &landmarks)? {
                    let nearest = gallery.search(&embedding);
                    let face::Detection { area, score, .. } = found.detection;
                    let face = face::Face { area, score, landmarks, embedding };
                    let mut seen = SeenFace::alone(face, nearest, rule);
                    if settings.liveness.mode.is_on() {
                        seen = seen.looked_at(sight.liveness(engine, &frame, &area)?, settings.liveness.mode);
                    }
                    faces.push(seen);
                }
            }
            Ok(())
        })?;
        Ok(sight.sighting(&settings.camera, frame, faces, Vec::new(), *rule))
    }
}

/// One look at one frame, with what it cost.
struct Sight {
    started: Instant,
    waited: Duration,
    stages: StageTimes,
    work: Work,
}

impl Sight {
    fn new(frame: &Frame) -> Self {
        let (waited, work) = (frame.read_at.elapsed(), Work { unread: frame.unread, ..Work::default() });
        Self { started: Instant::now(), waited, stages: StageTimes::default(), work }
    }

    /// The wait for an engine is over.
    fn got_engine(&mut self, frame: &Frame) {
        self.waited = frame.read_at.elapsed();
        self.started = Instant::now();
    }

    /// The faces in these parts of the picture that count on this camera, the largest first.
    fn find(
        &mut self,
        engine: &mut Engine,
        settings: &LookSettings,
        image: &dyn Picture,
        scale: f32,
        parts: &[Part],
    ) -> Result<Few<Found>, FaceError> {
        let started = Instant::now();
        let detections = engine.detect_in(image, scale, parts)?;
        let detected = Instant::now();
        let size = (image.width(), image.height());
        let least = settings.min_face_px.max(engine.gates().min_recognise_px);
        let counts =
            |area: face::Rect| settings.region.as_ref().is_none_or(|region| region.contains(area.centre(), size));
        let mut found = Few::new();
        for detection in detections.into_iter().filter(|detection| counts(detection.area)) {
            let is_small = detection.area.longer_side() < least;
            let landmarks = if is_small { None } else { Some(engine.landmarks(image, &detection)?) };
            let yaw = landmarks.as_ref().map_or(0.0, yaw);
            found.push(Found { detection, landmarks, yaw });
        }
        self.work.faces = found.iter().filter(|found| found.landmarks.is_some()).count() as u32;
        self.stages.detect += detected - started;
        self.stages.landmark += detected.elapsed();
        Ok(found)
    }

    fn embed(
        &mut self,
        engine: &mut Engine,
        picture: &dyn Picture,
        found: &face::Detection,
        five: &face::FivePoints,
    ) -> Result<face::Embedded, FaceError> {
        let started = Instant::now();
        let embedded = engine.embed(picture, found, five);
        self.work.embeddings += 1;
        self.stages.embed += started.elapsed();
        embedded
    }

    fn liveness(&mut self, engine: &mut Engine, frame: &Frame, area: &face::Rect) -> Result<f32, FaceError> {
        let started = Instant::now();
        let score = engine.liveness(frame.image(), area);
        self.stages.liveness += started.elapsed();
        score
    }

    fn sighting(
        self,
        camera: &Arc<str>,
        frame: SharedFrame,
        faces: Few<SeenFace>,
        ended: Vec<Arc<Evidence>>,
        rule: Rule,
    ) -> Sighting {
        let StageTimes { detect, landmark, embed, liveness, attributes } = self.stages;
        // What is left is the gallery's, with the little that following faces takes.
        let search = self.started.elapsed().saturating_sub(detect + landmark + embed + liveness + attributes);
        let times = SightingTimes { waited: self.waited, stages: self.stages, search };
        Sighting { camera: Arc::clone(camera), frame, faces, ended, rule, times, work: self.work }
    }
}
