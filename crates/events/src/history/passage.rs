use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use camera::{BestShot, Direction, Evidence, Frame, FrameMark, Reason, TrackId, Verdict};
use gallery::{Distance, Match, RawDistance, Scale};
use serde::Serialize;
use store::{Event, Micros, PersonId, StoredFace};
use uuid::{NoContext, Timestamp, Uuid};

use super::decision::Decision;
use super::view::Phase;
use crate::{Status, Visitors};

/// Somebody who is not seen for so long is gone; who comes back sooner is still on the same passage.
pub(super) const GAP: Duration = Duration::from_secs(10);

/// A face that is not accepted by then becomes an event while it is still there.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often the time of the last sight is written.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// A face that is not accepted is an event only if it was seen in so many frames and for so long, or has a shot good enough
/// to enrol from: the detector flickers.
const FLICKER: (u32, Duration) = (5, Duration::from_millis(500));

/// What was never fit to be recognised must be there for longer. On the demo video the detector takes something beside a
/// person for a face during half a second.
const UNKNOWABLE_FLICKER: Duration = Duration::from_secs(1);

/// Who is not seen for so long is out of view, and may be seen on another track meanwhile.
const ABSENCE: Duration = Duration::from_millis(300);

/// When a frame was read, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// On the clock that never jumps.
    pub read_at: Instant,
    /// On the wall clock.
    pub captured_at: SystemTime,
}

impl From<&Frame> for Moment {
    fn from(frame: &Frame) -> Self {
        Self { read_at: frame.read_at, captured_at: frame.captured_at }
    }
}

/// Where people pass.
#[derive(Debug)]
pub(super) struct Place {
    /// The camera's id.
    pub camera: Arc<str>,
    /// Which way they go.
    pub direction: Option<Direction>,
    /// Within which nobody may enter twice.
    pub door_group: Option<String>,
    /// The node that watches the camera.
    pub node: Arc<str>,
    /// From a shot with this norm on a single sight of somebody unknown is worth an event, and a face is kept.
    pub enrol_norm: f32,
    /// Who tells unknown people from one another, where faces are kept.
    pub visitors: Option<Visitors>,
}

/// One person before one camera, from the first sight until nothing was seen for [`GAP`]; perhaps on several tracks, one
/// after the other.
#[derive(Debug)]
pub(super) struct Passage {
    id: Uuid,
    /// Whether it is an event: told of, and kept.
    is_told: bool,
    /// The tracks that it is seen on now.
    tracks: Vec<TrackId>,
    /// What its decision rests on: of several tracks, that which says most.
    evidence: Arc<Evidence>,
    /// Whether the face is followed from frame to frame.
    followed: bool,
    started_at: SystemTime,
    /// When somebody was accepted.
    passed_at: Option<SystemTime>,
    /// The last sight.
    seen_at: SystemTime,
    seen: Instant,
    /// The last frame in which it was seen on a track that could be recognised, by the wall clock.
    in_view_at: SystemTime,
    /// The last time between two such frames during which it was out of view.
    absence: Option<(SystemTime, SystemTime)>,
    frames: u32,
    /// When it was last told of.
    told: Option<Instant>,
    /// What is to be told, and how soon.
    news: News,
    /// The frame whose pictures are kept.
    pictured: Option<FrameMark>,
    /// Which unknown person it is.
    visitor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    None,
    /// It was seen again.
    Seen,
    /// Somebody was recognised.
    Recognised,
}

/// A state of a passage that is to be kept and told.
#[derive(Debug)]
pub(super) struct Change {
    /// The state.
    pub event: Event,
    /// What has become of the passage.
    pub phase: Phase,
    /// The picture that shows the face best, when it is better than that which is kept.
    pub picture: Option<BestShot>,
}

impl Passage {
    /// Somebody who is on this track since `started_at`. Not an event yet.
    pub fn on_track(evidence: &Arc<Evidence>, started_at: SystemTime, now: Moment) -> Self {
        Self { tracks: vec![evidence.track], ..Self::new(evidence, started_at, true, now) }
    }

    /// Somebody who is not followed from frame to frame.
    pub fn unfollowed(evidence: &Arc<Evidence>, now: Moment) -> Self {
        Self::new(evidence, evidence.started_at, false, now)
    }

    fn new(evidence: &Arc<Evidence>, started_at: SystemTime, followed: bool, now: Moment) -> Self {
        let is_pass = evidence.verdict == Verdict::Pass;
        Self {
            id: id_of(started_at),
            is_told: false,
            tracks: Vec::new(),
            evidence: Arc::clone(evidence),
            followed,
            started_at,
            passed_at: is_pass.then(|| now.captured_at.max(started_at)),
            seen_at: evidence.last_seen_at.max(started_at),
            seen: now.read_at,
            in_view_at: evidence.last_seen_at.max(started_at),
            absence: None,
            frames: 0,
            told: None,
            news: News::Seen,
            pictured: None,
            visitor: None,
        }
    }

    pub fn is_on(&self, track: TrackId) -> bool {
        self.tracks.contains(&track)
    }

    /// Whether a track of it may still be seen again.
    fn has_tracks(&self) -> bool {
        !self.tracks.is_empty()
    }

    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// When it was last seen, for finding the one that was seen longest ago.
    pub fn seen(&self) -> Instant {
        self.seen
    }

    /// Who it is, where that is known.
    pub fn person(&self) -> Option<PersonId> {
        self.evidence.person().map(|person| person.person)
    }

    /// Whether what `evidence` says can be said of the one who passes here: not when it names another person than was
    /// known before, nor when a picture is shown where somebody was known. What was a picture stays one.
    pub fn agrees_with(&self, evidence: &Evidence) -> bool {
        match (is_spoof(&self.evidence), is_spoof(evidence), self.person(), evidence.person()) {
            (true, false, ..) => false,
            (false, true, known, _) => known.is_none(),
            (.., Some(here), Some(there)) => here == there.person,
            _ => true,
        }
    }

    /// It was seen in the frame of `now`.
    pub fn see(&mut self, evidence: &Arc<Evidence>, now: Moment) {
        self.frames += 1;
        self.come_into_view(now.captured_at);
        self.touch(now.read_at, now.captured_at);
        self.learn(evidence, now.captured_at);
    }

    /// A track of it is over.
    pub fn end_track(&mut self, evidence: &Arc<Evidence>, now: Moment) {
        self.leave(evidence.track);
        self.frames = self.frames.max(evidence.frames);
        self.touch(now.read_at, evidence.last_seen_at);
        self.learn(evidence, evidence.last_seen_at);
    }

    /// `track` belongs to somebody else.
    pub fn leave(&mut self, track: TrackId) {
        self.tracks.retain(|held| *held != track);
    }

    fn come_into_view(&mut self, at: SystemTime) {
        let before = self.in_view_at;
        if at.duration_since(before).is_ok_and(|away| away > ABSENCE) {
            self.absence = Some((before, at));
        }
        self.in_view_at = before.max(at);
    }

    fn touch(&mut self, seen: Instant, seen_at: SystemTime) {
        self.seen = self.seen.max(seen);
        self.seen_at = self.seen_at.max(seen_at);
        self.news = self.news.max(News::Seen);
    }

    /// Once somebody was accepted only what accepts as well replaces it: the door is open by then. Who is known stays so. Nor does a track that
    /// cannot be recognised replace one that can.
    fn learn(&mut self, evidence: &Arc<Evidence>, at: SystemTime) {
        let is_pass = |evidence: &Evidence| evidence.verdict == Verdict::Pass;
        let replaces = match (self.person(), evidence.person()) {
            (Some(_), None) => false,
            (Some(_), Some(_)) if is_pass(&self.evidence) && !is_pass(evidence) => false,
            (None, None) if self.evidence.fused.is_some() && evidence.fused.is_none() => false,
            (person, Some(_)) if person.is_none() || is_pass(evidence) && !is_pass(&self.evidence) => {
                self.news = News::Recognised;
                true
            }
            _ => evidence.track == self.evidence.track && self.followed || quality(evidence) > quality(&self.evidence),
        };
        if replaces {
            if is_pass(evidence) && self.passed_at.is_none() {
                self.passed_at = Some(at.max(self.started_at));
            }
            self.evidence = Arc::clone(evidence);
        }
    }

    /// Whether it is time to make an event of it: when somebody is accepted, or will not be.
    pub fn is_due(&self, now: Moment, enrol_norm: f32) -> bool {
        let waited = now.captured_at.duration_since(self.started_at).unwrap_or_default();
        let decided = self.person().is_some() || !self.has_tracks() || waited >= LONGEST_WAIT;
        !self.is_told && decided && !self.is_flicker(enrol_norm)
    }

    fn is_flicker(&self, enrol_norm: f32) -> bool {
        let lasted = self.seen_at.duration_since(self.started_at).unwrap_or_default();
        let is_shorter = |least| self.frames < FLICKER.0 || lasted < least;
        match &self.evidence.fused {
            _ if self.person().is_some() => false,
            Some(fused) => fused.norm < enrol_norm && is_shorter(FLICKER.1),
            None => is_shorter(UNKNOWABLE_FLICKER),
        }
    }

    /// Whether it never became an event and never will.
    pub fn is_nothing(&self, enrol_norm: f32) -> bool {
        !self.is_told && !self.has_tracks() && self.is_flicker(enrol_norm)
    }

    fn is_unknowable(&self) -> bool {
        self.person().is_none() && self.evidence.fused.is_none()
    }

    /// Whether this passage, of which nobody was told yet, goes on from `earlier`, and if so, how near the faces are: 0 for
    /// the same person by name. For one whose face was never fit to be recognised, how near in time.
    pub fn goes_on_from(&self, earlier: &Passage, scale: &Scale) -> Option<f32> {
        // A picture of somebody is as near to that person as the person is. An attempt with it stays an event of its own.
        if !self.is_unknowable() && is_spoof(&self.evidence) != is_spoof(&earlier.evidence) {
            return None;
        }
        if self.person().is_some() && self.person() == earlier.person() {
            return Some(0.0);
        }
        // A face without a name is that of somebody who was out of view; two at once are two.
        let since = self.out_of_view(earlier)?;
        if self.is_unknowable() {
            return (since <= GAP).then_some(since.as_secs_f32());
        }
        let could_be = self.agrees_with(&earlier.evidence);
        let distance = could_be.then(|| self.distance_to(earlier, scale)).flatten()?;
        (distance < self.evidence.rule.threshold).then_some(distance.value())
    }

    /// How long `earlier` had been out of view when this one began; `None` if the two were seen at once.
    fn out_of_view(&self, earlier: &Passage) -> Option<Duration> {
        let ends_in = |(_, back): &(SystemTime, SystemTime)| self.seen_at < *back;
        let last_in_view = earlier.absence.filter(ends_in).map_or(earlier.in_view_at, |(left, _)| left);
        self.started_at.duration_since(last_in_view).ok().filter(|away| !away.is_zero())
    }

    fn distance_to(&self, other: &Passage, scale: &Scale) -> Option<Distance> {
        let (one, two) = (self.evidence.fused.as_ref()?, other.evidence.fused.as_ref()?);
        Some(scale.between(&one.vector, &two.vector))
    }

    /// `later` is the same person, come back.
    pub fn join(&mut self, later: Passage) {
        if !later.is_unknowable() {
            // Only who can be recognised keeps the passage open for others that cannot.
            self.come_into_view(later.started_at);
            self.in_view_at = self.in_view_at.max(later.in_view_at);
        }
        self.tracks.extend(later.tracks);
        self.frames = self.frames.saturating_add(later.frames);
        self.touch(later.seen, later.seen_at);
        self.learn(&later.evidence, later.passed_at.unwrap_or(later.seen_at));
    }

    /// Makes an event of it.
    pub fn tell(&mut self) {
        self.is_told = true;
    }

    /// Whether nothing of it was seen for so long that it is over.
    pub fn is_over(&self, now: Moment) -> bool {
        now.read_at.saturating_duration_since(self.seen) > GAP
    }

    /// Forgets tracks that ended without a word.
    pub fn lose_tracks(&mut self) {
        self.tracks.clear();
    }

    /// What is to be told of it now.
    pub fn change(&mut self, now: Instant, place: &Place) -> Option<Change> {
        let is_time = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
        let wanted = match self.news {
            News::None => false,
            News::Seen => is_time,
            News::Recognised => true,
        };
        if !self.is_told || !wanted {
            return None;
        }
        let phase = if self.told.is_none() { Phase::Start } else { Phase::Update };
        self.meet(place, phase == Phase::Start);
        let is_time_for_one = self.told.is_none() || self.news == News::Recognised || !self.has_tracks();
        let picture = if is_time_for_one { self.better_picture() } else { None };
        self.news = News::None;
        self.told = Some(now);
        Some(Change { event: self.event(place, false), phase, picture })
    }

    /// Lets go of the frame of the best shot once its pictures are made and no track is there to bring a better one: a
    /// frame is megabytes, and a passage lasts for [`GAP`] after its last sight.
    pub fn release_frame(&mut self) {
        let is_pictured = |best: &BestShot| Some(best.frame.mark()) == self.pictured;
        if !self.has_tracks() && self.evidence.best.as_ref().is_some_and(is_pictured) {
            Arc::make_mut(&mut self.evidence).best = None;
        }
    }

    /// Its end, if it is an event, or has become worth one.
    pub fn end(&mut self, place: &Place) -> Option<Change> {
        let is_worth_one = self.is_told || !self.is_flicker(place.enrol_norm);
        let picture = is_worth_one.then(|| self.better_picture())?;
        self.meet(place, true);
        Some(Change { event: self.event(place, true), phase: Phase::End, picture })
    }

    /// Finds out which unknown person it is, when it `is_time`, unless that is known already. Who is recognised is no visitor.
    fn meet(&mut self, place: &Place, is_time: bool) {
        let is_unknown = matches!(
            self.evidence.verdict.reason(),
            Some(Reason::BelowThreshold | Reason::NobodyEnrolled | Reason::Refuted)
        );
        if self.person().is_some() || is_spoof(&self.evidence) {
            self.visitor = None;
        } else if is_unknown
            && is_time
            && self.visitor.is_none()
            && let (Some(visitors), Some(face)) = (&place.visitors, self.face(place))
        {
            self.visitor = Some(visitors.visitor_of(&face.embedding, self.seen_at.into()));
        }
    }

    /// The face, if it is good enough to be kept.
    fn face(&self, place: &Place) -> Option<StoredFace> {
        let (visitors, fused) = (place.visitors.as_ref()?, self.evidence.fused.as_ref()?);
        // What looks like a picture is nobody's face: nobody is registered from it, and no visitor made of it.
        let is_good = fused.norm >= place.enrol_norm && !is_spoof(&self.evidence);
        is_good.then(|| StoredFace { model: visitors.model().to_owned(), embedding: fused.vector.clone() })
    }

    fn better_picture(&mut self) -> Option<BestShot> {
        let best = self.evidence.best.as_ref()?;
        let frame = Some(best.frame.mark());
        if frame == self.pictured {
            return None;
        }
        self.pictured = frame;
        Some(best.clone())
    }

    fn event(&self, place: &Place, ended: bool) -> Event {
        let evidence = &*self.evidence;
        let (person, nearest) = (evidence.person(), evidence.nearest.as_ref());
        Event {
            id: self.id.to_string(),
            person_id: person.map(|person| person.person.0),
            person: person.map(|person| person.name.to_string()),
            status: code(&Status::from(evidence.verdict)),
            reason: evidence.verdict.reason().as_ref().map(code::<Reason>),
            camera: place.camera.to_string(),
            direction: place.direction.map(|direction| direction.as_str().to_owned()),
            node: place.node.to_string(),
            track: self.followed.then(|| i64::try_from(evidence.track).unwrap_or(i64::MAX)),
            distance: nearest.map(|Match { distance, .. }| rounded(distance.value())),
            raw_distance: nearest.map(|Match { raw: RawDistance(raw), .. }| rounded(*raw)),
            quality: quality(evidence).map(rounded),
            started_at: self.started_at.into(),
            passed_at: self.passed_at.filter(|_| evidence.verdict == Verdict::Pass).map(Micros::from),
            last_seen_at: self.seen_at.into(),
            ended,
            has_face: false,
            has_frame: false,
            // Numbers and strings, which always have a form in JSON.
            decision: serde_json::to_string(&Decision::of(evidence, self.followed)).unwrap_or_default(),
            door_group: place.door_group.clone(),
            visitor: self.visitor.clone(),
            face: self.face(place),
            correction: None,
        }
    }
}

/// Whether it was decided to be a picture of a face.
fn is_spoof(evidence: &Evidence) -> bool {
    evidence.verdict.reason() == Some(Reason::Spoof)
}

/// Of the best shot; `None` without one.
fn quality(evidence: &Evidence) -> Option<f32> {
    evidence.shots.iter().map(|shot| shot.quality).max_by(f32::total_cmp)
}

/// The text that `value` is in JSON.
fn code<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value).ok();
    json.and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

fn id_of(started_at: SystemTime) -> Uuid {
    let since = started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, since.as_secs(), since.subsec_nanos()))
}
