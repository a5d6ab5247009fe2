use std::sync::Arc;
use std::time::{Duration, Instant};

use face::{Attributes, Detection, Embedded, Embedding, FaceError, FivePoints, Part, Point, Rect};
use gallery::{Distance, Gallery};

use crate::decision::{Rule, Verdict};
use crate::evidence::{Evidence, TrackId};
use crate::pairing::{Few, Pairing, pair};
use crate::sighting::SeenFace;
use crate::track::{Seen, Track};
use crate::turns::shows;
use crate::votes::View;
use crate::{Frame, LivenessRule, SharedFrame};

/// A face that is not seen for so long has gone. Until then it is the same track when it is back.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// The same for one that was never seen well enough to be known again.
const UNKNOWN_GONE_AFTER: Duration = Duration::from_secs(1);

/// A face whose part of the picture was not looked at since it was seen is told of for so long, where it is expected to be.
const TOLD_UNSEEN: Duration = Duration::from_secs(1);

/// Embeddings nearer than this are of the same face: one pair in a thousand of strangers is (the contract's scale).
const SAME: f32 = gallery::ONE_IN_A_THOUSAND;

/// A clear shot farther than this from all shots of a track together is of somebody else: of a person's own pairs on LFW one
/// in a hundred is, mostly unclear ones.
const OTHER: f32 = 0.6190;

/// Tracks at a time; a crowd beyond that is not told apart anyway, and hostile pictures must not fill the memory.
const MOST_TRACKS: usize = 64;

/// Follows faces from frame to frame, and asks the embedder about each only when that is worth its price.
#[derive(Debug)]
pub(crate) struct Tracker {
    rule: Rule,
    liveness: LivenessRule,
    tracks: Vec<Track>,
    next_id: TrackId,
    /// Faces of the frame that was looked at last.
    present: Vec<Present>,
    /// Those of the one before it.
    before: Vec<Present>,
    /// Tracks that have a face in this frame by its place alone, so that no other face may have them.
    sure: Vec<TrackId>,
    ended: Vec<Arc<Evidence>>,
    /// The parts that are looked at of the next frame, and its size; `None` is all of it.
    looked_at: Option<(Vec<Part>, (u32, u32))>,
}

/// A detection with what is needed to follow it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub detection: Detection,
    /// `None` for a face that is too small to be recognised.
    pub landmarks: Option<FivePoints>,
    /// Turned to the side by so many degrees.
    pub yaw: f32,
}

/// A face that is there, and its track.
#[derive(Clone, Debug)]
struct Present {
    track: TrackId,
    found: Found,
    embedding: Option<Embedding>,
}

/// A detection whose track is not sure by its place, and what the embedder made of it.
struct Doubt {
    found: Found,
    likely: Option<TrackId>,
    /// The track of a face that was here at each look, and that no other face is near to: only the time since the last look is against it.
    in_place: Option<TrackId>,
    shot: Option<Embedded>,
}

/// Turns five points into an embedding; asked only where it is worth its price.
pub(crate) type Embed<'a> = dyn FnMut(&Detection, &FivePoints) -> Result<Embedded, FaceError> + 'a;

/// How much the face in a box of the frame looks alive, 0–1.
pub(crate) type Score<'a> = dyn FnMut(&Rect) -> Result<f32, FaceError> + 'a;

impl Found {
    fn area(&self) -> Rect {
        self.detection.area
    }

    fn seen(&self) -> Seen {
        Seen { area: self.area(), score: self.detection.score, yaw: self.yaw, is_small: self.landmarks.is_none() }
    }

    fn view(&self, frame: &Frame) -> View {
        View { at: frame.captured_at, area: self.area(), score: self.detection.score, yaw: self.yaw }
    }
}

impl Present {
    /// The same face at the place where it is expected, in a picture of this size.
    fn moved_to(&self, area: &Rect, (width, height): (u32, u32)) -> Self {
        let Self { track, mut found, .. } = self.clone();
        let from = found.detection.area;
        let scale = area.width() / from.width().max(1.0);
        let (old, new) = (from.centre(), area.centre());
        for point in found.landmarks.iter_mut().flatten() {
            *point = Point { x: new.x + (point.x - old.x) * scale, y: new.y + (point.y - old.y) * scale };
        }
        found.detection.area = Rect {
            left: area.left.round().max(0.0),
            top: area.top.round().max(0.0),
            right: area.right.round().min(width as f32 - 1.0),
            bottom: area.bottom.round().min(height as f32 - 1.0),
        };
        Self { track, found, embedding: None }
    }
}

impl Tracker {
    pub(crate) fn new(rule: Rule, liveness: LivenessRule) -> Self {
        Self {
            rule,
            liveness,
            tracks: Vec::new(),
            next_id: 1,
            present: Vec::new(),
            before: Vec::new(),
            sure: Vec::new(),
            ended: Vec::new(),
            looked_at: None,
        }
    }

    /// Asks of each face whose shot was counted in this frame whether it looks alive, by its box. Says how many were decided to be
    /// spoofs by it.
    pub(crate) fn look_alive(&mut self, score: &mut Score<'_>) -> Result<u32, FaceError> {
        let mut spoofs = 0;
        for present in self.present.iter().filter(|present| present.embedding.is_some()) {
            let Some(track) = self.tracks.iter_mut().find(|track| track.id == present.track) else { continue };
            track.looked_alive(score(&present.found.area())?);
            spoofs += u32::from(track.liveness.take_news());
        }
        Ok(spoofs)
    }

    /// Judges by another rule from now on: what was decided of those who are there is decided anew.
    pub(crate) fn judge_by(&mut self, rule: Rule) {
        if self.rule != rule {
            self.rule = rule;
            self.tracks.iter_mut().for_each(Track::changed);
        }
    }

    /// Of the frame that follows, which is of this size, only these parts are looked at: who is elsewhere is neither seen nor missed.
    pub(crate) fn looks_only_at(&mut self, parts: &[Part], size: (u32, u32)) {
        self.looked_at = Some((parts.to_vec(), size));
    }

    /// The middle of the followed face that the whole picture does not show, because it is small, and that was looked for least lately.
    pub(crate) fn small_face(&self, size: (u32, u32)) -> Option<Point> {
        let small = self.tracks.iter().filter(|track| !shows(&[Part::Whole], &track.area(), size));
        Some(small.min_by_key(|track| track.looked_for())?.area().centre())
    }

    /// Takes in what was found in `frame`; in another scene than before, no face's place says whose it is.
    pub(crate) fn follow(
        &mut self,
        frame: &SharedFrame,
        found: Few<Found>,
        is_other_scene: bool,
        gallery: &Gallery,
        embed: &mut Embed<'_>,
    ) -> Result<(), FaceError> {
        let now = frame.read_at;
        self.tracks.iter_mut().for_each(|track| track.predict(now));
        if is_other_scene {
            self.tracks.iter_mut().for_each(Track::goes_adrift);
        }
        let found = self.whole_faces(found, now);
        let expected: Few<_> = self.tracks.iter().map(|track| (track.area(), track.uncertain(now))).collect();
        let areas: Few<_> = found.iter().map(Found::area).collect();
        let ids: Few<_> = self.tracks.iter().map(|track| track.id).collect();
        let pairings = pair(&expected, &areas);
        let in_place: Few<_> =
            self.tracks.iter().map(|track| (track.area(), track.out_of_place(now, GONE_AFTER))).collect();
        let in_place = pair(&in_place, &areas).into_iter().map(|pairing| match pairing {
            Pairing::Sure(at) => Some(ids[at]),
            _ => None,
        });
        std::mem::swap(&mut self.before, &mut self.present);
        self.present.clear();
        self.sure.clear();
        self.sure.extend(pairings.iter().filter_map(|pairing| match pairing {
            Pairing::Sure(at) => Some(ids[*at]),
            _ => None,
        }));
        let mut doubts = Vec::new();
        for ((found, pairing), in_place) in found.into_iter().zip(pairings).zip(in_place) {
            let likely = match pairing {
                Pairing::Sure(at) => {
                    self.go_on(ids[at], found, frame, gallery, embed)?;
                    continue;
                }
                Pairing::Doubtful(at) => Some(ids[at]),
                Pairing::Nobody => None,
            };
            let shot = found.landmarks.as_ref().map(|five| embed(&found.detection, five)).transpose()?;
            doubts.push(Doubt { found, likely, in_place, shot });
        }
        self.settle(doubts, frame, gallery);
        self.miss(now);
        self.let_go(now, gallery);
        Ok(())
    }

    /// Has the attributes looked at of faces that have a shot in this frame, one fit to enrol from, and too few looks so far.
    pub(crate) fn look_closer(
        &mut self,
        gallery: &Gallery,
        look: &mut dyn FnMut(&Detection, &FivePoints) -> Result<Attributes, FaceError>,
    ) -> Result<(), FaceError> {
        for present in &self.present {
            let is_clear = |shot: &Embedding| shot.norm >= gallery.gates().enrol_norm;
            let (Some(five), true) = (&present.found.landmarks, present.embedding.as_ref().is_some_and(is_clear))
            else {
                continue;
            };
            let track = self.tracks.iter_mut().find(|track| track.id == present.track);
            if let Some(track) = track.filter(|track| track.wants_look()) {
                track.looked(look(&present.found.detection, five)?);
            }
        }
        Ok(())
    }

    /// What was found without the eyes and mouths that a tile shows of a large face.
    fn whole_faces(&self, mut found: Few<Found>, now: Instant) -> Few<Found> {
        if self.looked_at.is_some() {
            let large: Vec<_> =
                self.tracks.iter().filter(|track| track.uncertain(now) <= TOLD_UNSEEN).map(Track::area).collect();
            found.retain(|found| !large.iter().any(|face| found.detection.is_part_of(face)));
        }
        found
    }

    /// Whoever was looked for and not found is missed. Who was there before and was not looked for is still told of, for a while.
    fn miss(&mut self, now: Instant) {
        let looked_at = self.looked_at.take();
        let is_looked_for = |area: &Rect| looked_at.as_ref().is_none_or(|(parts, size)| shows(parts, area, *size));
        let Self { tracks, present, before, .. } = self;
        for track in tracks.iter_mut().filter(|track| track.unseen(now) > Duration::ZERO) {
            let area = track.area();
            if is_looked_for(&area) {
                track.is_missed(now);
            } else if track.uncertain(now) <= TOLD_UNSEEN
                && let Some(before) = before.iter().find(|before| before.track == track.id)
                && let Some((_, size)) = looked_at.as_ref()
            {
                present.push(before.moved_to(&area, *size));
            }
        }
    }

    /// Nothing has moved since the last frame: whoever was there still is.
    pub(crate) fn stay(&mut self, frame: &Frame, gallery: &Gallery) {
        for present in &mut self.present {
            present.embedding = None;
            if let Some(track) = self.tracks.iter_mut().find(|track| track.id == present.track) {
                track.stays(frame);
            }
        }
        self.let_go(frame.read_at, gallery);
    }

    /// Whether there was no face in the newest frame, however small.
    pub(crate) fn sees_nobody(&self) -> bool {
        self.present.is_empty()
    }

    /// Whether more would be learned by looking at a picture in which nothing moves.
    pub(crate) fn is_curious(&self, gallery: &Gallery) -> bool {
        let is_open = |present: &Present| {
            self.track(present.track).is_some_and(|track| !track.is_settled(&self.rule, gallery.gates()))
        };
        self.present.iter().any(is_open)
    }

    /// The faces of the newest frame that can be recognised, the largest first.
    pub(crate) fn faces(&mut self, now: Instant, gallery: &Gallery) -> Few<SeenFace> {
        let (tracks, rule, gates) = (&mut self.tracks, &self.rule, gallery.gates());
        let mut faces: Few<_> = self
            .present
            .iter()
            .filter_map(|present| {
                let landmarks = present.found.landmarks?;
                let track = tracks.iter_mut().find(|track| track.id == present.track)?;
                if track.votes.follow(gallery) {
                    track.changed();
                }
                let quality = track.votes.best()?.quality;
                let evidence = track.evidence(rule, gates);
                let verdict = match (evidence.verdict, track.unconfirmed(now)) {
                    (Verdict::Pass, Some(reason)) => Verdict::Reject(reason),
                    (verdict, _) => verdict,
                };
                Some(SeenFace {
                    detection: present.found.detection,
                    landmarks,
                    quality,
                    embedding: present.embedding.clone(),
                    nearest: evidence.nearest.clone(),
                    verdict,
                    liveness: evidence.liveness.map(|liveness| liveness.score),
                    turn: evidence.liveness.and_then(|liveness| liveness.turn),
                    attributes: evidence.attributes,
                    evidence: Some(evidence),
                })
            })
            .collect();
        faces.sort_by(|a, b| b.detection.area.area().total_cmp(&a.detection.area.area()));
        faces
    }

    /// Tracks that are over since this was last asked.
    pub(crate) fn take_ended(&mut self) -> Vec<Arc<Evidence>> {
        std::mem::take(&mut self.ended)
    }

    /// A face whose place says whose it is.
    fn go_on(
        &mut self,
        id: TrackId,
        found: Found,
        frame: &SharedFrame,
        gallery: &Gallery,
        embed: &mut Embed<'_>,
    ) -> Result<(), FaceError> {
        let Some(at) = self.tracks.iter().position(|track| track.id == id) else { return Ok(()) };
        let seen = found.seen();
        let wanted = self.tracks[at].wants_shot(&seen, frame.read_at, &self.rule, gallery.gates());
        let shot = match found.landmarks.as_ref().filter(|_| wanted) {
            Some(landmarks) => Some(embed(&found.detection, landmarks)?),
            None => None,
        };
        match shot {
            Some(Embedded::Usable(embedding)) if self.is_stranger(at, &embedding, gallery) => {
                self.meet_stranger(at, found, embedding, frame, gallery);
            }
            Some(Embedded::Usable(embedding)) if self.tracks[at].votes.is_empty() => {
                self.is_known_now(id, found, embedding, frame, gallery);
            }
            shot => self.belongs(at, found, shot, frame, gallery),
        }
        Ok(())
    }

    /// The first usable shot of a face: it may be one that was lost when it turned away.
    fn is_known_now(&mut self, id: TrackId, found: Found, shot: Embedding, frame: &SharedFrame, gallery: &Gallery) {
        let mut doubts = [Doubt { found, likely: Some(id), in_place: None, shot: Some(Embedded::Usable(shot)) }];
        let lost = self.nearest_pair(&doubts, gallery).map(|(_, track)| self.tracks[track].id);
        if lost.is_some() {
            self.tracks.retain(|track| track.id != id);
        }
        doubts[0].likely = lost.or(Some(id));
        self.settle(doubts.into(), frame, gallery);
    }

    /// A shot that is far from all others of the track.
    fn is_stranger(&self, at: usize, embedding: &Embedding, gallery: &Gallery) -> bool {
        let distance = self.tracks[at].votes.distance(&embedding.vector, gallery.scale());
        distance.is_some_and(|distance| distance > Distance::new(OTHER))
    }

    /// Somebody else seems to stand where the track's face was. One such shot is put aside, an unclear one is only not counted; with
    /// a second clear one that is like it, the track is over and a new one begins, so that nobody inherits what another was decided.
    fn meet_stranger(&mut self, at: usize, found: Found, shot: Embedding, frame: &SharedFrame, gallery: &Gallery) {
        let (view, same) = (found.view(frame), Distance::new(SAME));
        let is_same = |other: &Embedding| gallery.scale().between(&other.vector, &shot.vector) <= same;
        let is_clear = shot.norm >= gallery.gates().enrol_norm;
        let first = if is_clear { self.tracks[at].stranger.take() } else { None };
        match first {
            Some((first_view, first)) if is_same(&first) => {
                let left = self.tracks.remove(at);
                self.ended.push(left.end(&self.rule, gallery));
                let new = self.begin(&found, frame);
                self.tracks[new].votes.add(first_view, first, gallery.gates(), gallery);
                self.belongs(new, found, Some(Embedded::Usable(shot)), frame, gallery);
            }
            _ => {
                let track = &mut self.tracks[at];
                if is_clear {
                    track.stranger = Some((view, shot));
                }
                track.shot_taken(frame.read_at);
                // Whose face it is stays open: the track keeps its place, and says nothing for this frame.
                track.saw(&found.seen(), frame);
                track.met_stranger();
            }
        }
    }

    /// Finds out by their looks whose faces those are that are not sure by their place.
    fn settle(&mut self, mut doubts: Vec<Doubt>, frame: &SharedFrame, gallery: &Gallery) {
        while let Some((doubt, track)) = self.nearest_pair(&doubts, gallery) {
            let Doubt { found, in_place, shot, .. } = doubts.swap_remove(doubt);
            let is_in_place = in_place == Some(self.tracks[track].id);
            self.tracks[track].doubt(is_in_place);
            self.belongs(track, found, shot, frame, gallery);
        }
        for Doubt { found, likely, in_place, shot } in doubts {
            let likely = likely.filter(|id| self.present.iter().all(|present| present.track != *id));
            let at = likely.and_then(|id| self.tracks.iter().position(|track| track.id == id));
            let at = at.filter(|&at| self.may_be(at, shot.as_ref(), gallery));
            match at {
                Some(at) => {
                    let track = &mut self.tracks[at];
                    track.doubt(in_place == Some(track.id));
                    self.belongs(at, found, shot, frame, gallery);
                }
                None if self.tracks.len() < MOST_TRACKS => {
                    let new = self.begin(&found, frame);
                    self.belongs(new, found, shot, frame, gallery);
                }
                None => {}
            }
        }
    }

    /// Whether a doubtful face may be taken for the track that is expected at its place. One that nothing is known of is not: it
    /// would inherit what somebody else was decided.
    fn may_be(&self, at: usize, shot: Option<&Embedded>, gallery: &Gallery) -> bool {
        let votes = &self.tracks[at].votes;
        match shot {
            Some(Embedded::Usable(embedding)) => {
                let distance = votes.distance(&embedding.vector, gallery.scale());
                distance.is_none_or(|distance| distance <= Distance::new(OTHER))
            }
            _ => votes.is_empty(),
        }
    }

    /// The doubtful face and the track without a face that are most alike, and alike enough.
    fn nearest_pair(&self, doubts: &[Doubt], gallery: &Gallery) -> Option<(usize, usize)> {
        let is_free = |track: &Track| {
            !self.sure.contains(&track.id) && self.present.iter().all(|present| present.track != track.id)
        };
        let free: Few<_> = self.tracks.iter().enumerate().filter(|(_, track)| is_free(track)).collect();
        let mut nearest: Option<(Distance, usize, usize)> = None;
        for (at_doubt, doubt) in doubts.iter().enumerate() {
            let Some(Embedded::Usable(embedding)) = &doubt.shot else { continue };
            for (at, track) in &free {
                let distance = track.votes.distance(&embedding.vector, gallery.scale());
                let Some(distance) = distance.filter(|d| *d <= Distance::new(SAME)) else { continue };
                if nearest.is_none_or(|(best, ..)| distance < best) {
                    nearest = Some((distance, at_doubt, *at));
                }
            }
        }
        nearest.map(|(_, doubt, track)| (doubt, track))
    }

    fn begin(&mut self, found: &Found, frame: &Frame) -> usize {
        self.tracks.push(Track::new(self.next_id, &found.area(), frame, self.liveness));
        self.next_id += 1;
        self.tracks.len() - 1
    }

    /// The face belongs to the track, and its shot, where there is one, to the track's votes.
    fn belongs(&mut self, at: usize, found: Found, shot: Option<Embedded>, frame: &SharedFrame, gallery: &Gallery) {
        let (track, rule) = (&mut self.tracks[at], &self.rule);
        let view = found.view(frame);
        track.saw(&found.seen(), frame);
        let mut embedding = None;
        match shot {
            Some(Embedded::Usable(usable)) => {
                track.shot_taken(frame.read_at);
                let norm = usable.norm;
                track.votes.add(view, usable.clone(), gallery.gates(), gallery);
                track.voted(frame.read_at, rule);
                track.keep_best(frame, view.area, norm);
                embedding = Some(usable);
            }
            Some(Embedded::Useless { norm }) => {
                track.shot_taken(frame.read_at);
                track.votes.refuse(view, norm);
                track.keep_largest(frame, view.area);
            }
            None => track.keep_largest(frame, view.area),
        }
        let track = track.id;
        self.present.push(Present { track, found, embedding });
    }

    /// Ends the tracks of faces that have gone.
    fn let_go(&mut self, now: Instant, gallery: &Gallery) {
        let has_gone = |track: &mut Track| {
            track.has_gone(now, if track.votes.is_empty() { UNKNOWN_GONE_AFTER } else { GONE_AFTER })
        };
        let gone = self.tracks.extract_if(.., has_gone);
        self.ended.extend(gone.map(|track| track.end(&self.rule, gallery)));
    }

    fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

#[cfg(test)]
mod tests;
