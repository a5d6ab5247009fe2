use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use face::{Attributes, Embedding, Rect};
use gallery::{Gallery, Match};
use models::Gates;

use crate::decision::{Reason, Rule, Verdict};
use crate::evidence::{BestShot, Evidence, TrackId};
use crate::kalman::BoxFilter;
use crate::liveness::{LivenessRule, LivenessVotes};
use crate::votes::{View, Votes};
use crate::{Frame, SharedFrame};

/// A track with so many usable shots has been seen well enough; more only when they are likely to be better.
const ENOUGH: usize = 5;

/// The same for a face that is farther than the threshold by less than this, where the false match rate is about 3e-4.
const ENOUGH_FOR_NEAR: usize = 12;
const NEARLY: f32 = 0.05;

/// Time between two shots of a face that is not decided yet: pictures taken at the same moment say the same.
const UNDECIDED_PAUSE: Duration = Duration::from_millis(60);

/// The same for a face of which no shot has been usable in a few tries.
const USELESS_PAUSE: Duration = Duration::from_millis(250);
const FEW_TRIES: u32 = 4;

/// And for a face that was known and whose last shot was useless.
const TURNED_AWAY_PAUSE: Duration = Duration::from_millis(500);

/// A shot that is likely to be better is taken no sooner after the last one.
const BETTER_PAUSE: Duration = Duration::from_millis(250);

/// A face that was decided is looked at again after so long: somebody else may stand there.
const PASS_REFRESH: Duration = Duration::from_secs(2);
const REJECT_REFRESH: Duration = Duration::from_secs(1);

/// A face of which no shot for so long was, by itself, of the accepted person is not accepted any more: somebody else may stand
/// there. Longer than a refresh, so that one bad shot does not matter.
const UNCONFIRMED_AFTER: Duration = Duration::from_secs(3);

/// After so many useless shots in a row there is no face, or none that will ever be recognised: a poster, a statue.
const HOPELESS: u32 = 8;

/// A face this much larger, or turned this many degrees less to the side, is likely to make a better shot. Beyond the embedder's
/// own input more pixels do not help.
const LARGER: f32 = 1.2;
const LARGE_ENOUGH: f32 = 112.0;
const MORE_FRONTAL: f32 = 10.0;

/// The attributes of a face are the mean of so many looks.
const LOOKS: usize = 3;

/// One face, followed from frame to frame.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub id: TrackId,
    filter: BoxFilter,
    pub votes: Votes,
    pub liveness: LivenessVotes,
    started_at: SystemTime,
    last_seen_at: SystemTime,
    last_seen: Instant,
    /// When the part of the picture was looked at in which the face is expected.
    looked_for: Instant,
    /// Whether the face was looked for since it was seen, and not found.
    is_missed: bool,
    /// The picture has become another one: the face may be anywhere.
    is_adrift: bool,
    predicted_at: Instant,
    last_shot: Option<Instant>,
    last_usable: Option<Instant>,
    /// When a shot was, by itself, of the person that all of them are of.
    confirmed: Option<Instant>,
    frames: u32,
    best: Option<BestShot>,
    /// The newest shot, when it was of somebody else: one more and the track is split.
    pub stranger: Option<(View, Embedding)>,
    /// Whether every detection so far was too small to be recognised.
    only_small: bool,
    /// What its attributes looked like in its first clear shots.
    looks: Vec<Attributes>,
    evidence: Option<Arc<Evidence>>,
    /// By which rule the face was judged when it was last seen.
    judged_by: Option<Rule>,
}

/// A detection as far as a track is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub area: Rect,
    /// The detector's confidence, 0–1.
    pub score: f32,
    pub yaw: f32,
    pub is_small: bool,
}

impl Track {
    pub(crate) fn new(id: TrackId, area: &Rect, frame: &Frame, liveness: LivenessRule) -> Self {
        Self {
            id,
            filter: BoxFilter::new(area),
            votes: Votes::default(),
            liveness: LivenessVotes::new(liveness),
            started_at: frame.captured_at,
            last_seen_at: frame.captured_at,
            last_seen: frame.read_at,
            looked_for: frame.read_at,
            is_missed: false,
            is_adrift: false,
            predicted_at: frame.read_at,
            last_shot: None,
            last_usable: None,
            confirmed: None,
            frames: 0,
            best: None,
            stranger: None,
            only_small: true,
            looks: Vec::new(),
            evidence: None,
            judged_by: None,
        }
    }

    /// Moves the expected box on to `now`.
    pub(crate) fn predict(&mut self, now: Instant) {
        self.filter.predict(now.saturating_duration_since(self.predicted_at).as_secs_f32());
        self.predicted_at = now;
    }

    /// Where the face is expected, or was just seen.
    pub(crate) fn area(&self) -> Rect {
        self.filter.area()
    }

    /// The face was detected in `frame`.
    pub(crate) fn saw(&mut self, seen: &Seen, frame: &Frame) {
        self.filter.correct(&seen.area);
        self.frames += 1;
        self.only_small &= seen.is_small;
        self.stays(frame);
        // A small face has no yaw, and whose head it is that turns stays open after a stranger's shot.
        if !seen.is_small && self.stranger.is_none() && self.liveness.saw(seen.yaw, seen.score, frame.read_at) {
            self.evidence = None;
        }
    }

    /// A shot is far from all others: whose head has turned since the last one is open.
    pub(crate) fn met_stranger(&mut self) {
        self.liveness.doubt_turn();
        self.evidence = None;
    }

    /// The face is taken to be where it was: nothing has moved.
    pub(crate) fn stays(&mut self, frame: &Frame) {
        self.last_seen = frame.read_at;
        self.looked_for = frame.read_at;
        self.is_missed = false;
        self.is_adrift = false;
        self.last_seen_at = frame.captured_at;
        self.predicted_at = frame.read_at;
    }

    /// For how long the face has not been seen.
    pub(crate) fn unseen(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_seen)
    }

    /// For how long its place says nothing of whose face is there: not seen, or the picture has become another one.
    pub(crate) fn uncertain(&self, now: Instant) -> Duration {
        if self.is_adrift { Duration::MAX } else { self.unseen(now) }
    }

    /// The same, but for a face that was there at each look at its place: as long as nobody looked, it counts as seen, unless that is
    /// longer than `patience`.
    pub(crate) fn out_of_place(&self, now: Instant, patience: Duration) -> Duration {
        let is_there = !self.is_missed && !self.is_adrift && self.unseen(now) <= patience;
        if is_there { Duration::ZERO } else { self.uncertain(now) }
    }

    /// The picture has become another one.
    pub(crate) fn goes_adrift(&mut self) {
        self.is_adrift = true;
    }

    /// The part of the picture was looked at in which the face is expected, and it was not there.
    pub(crate) fn is_missed(&mut self, now: Instant) {
        self.looked_for = now;
        self.is_missed = true;
    }

    /// When it was looked for last.
    pub(crate) fn looked_for(&self) -> Instant {
        self.looked_for
    }

    /// Whether the face has not been seen for longer than `patience`, though it was looked for.
    pub(crate) fn has_gone(&self, now: Instant, patience: Duration) -> bool {
        self.unseen(now) > patience && (self.is_missed || self.is_adrift)
    }

    /// Whether another look at the face with the embedder is worth its price.
    pub(crate) fn wants_shot(&self, seen: &Seen, now: Instant, rule: &Rule, gates: &Gates) -> bool {
        let Some(last) = self.last_shot else { return true };
        let since = now.saturating_duration_since(last);
        let Some(best) = self.votes.best() else {
            return since
                >= match self.votes.refusals() {
                    0..FEW_TRIES => UNDECIDED_PAUSE,
                    FEW_TRIES..HOPELESS => USELESS_PAUSE,
                    HOPELESS.. => REJECT_REFRESH,
                };
        };
        let verdict = self.votes.verdict(rule, gates);
        if self.stranger.is_some() || (verdict != Verdict::Pass && self.votes.len() < self.enough(rule)) {
            return since >= UNDECIDED_PAUSE;
        }
        // Whether an accepted face is alive is to be known soon.
        if verdict == Verdict::Pass && self.liveness.pause().is_some_and(|pause| since >= pause) {
            return true;
        }
        let side = best.area.width().max(best.area.height());
        let is_larger = side < LARGE_ENOUGH && seen.area.longer_side() as f32 >= LARGER * side;
        let is_more_frontal = seen.yaw.abs() + MORE_FRONTAL <= best.yaw.abs();
        let refresh = match verdict {
            _ if self.last_usable < self.last_shot => TURNED_AWAY_PAUSE,
            Verdict::Pass if self.confirmed.is_none() => BETTER_PAUSE,
            Verdict::Pass => PASS_REFRESH,
            Verdict::Reject(_) => REJECT_REFRESH,
        };
        since >= refresh || (since >= BETTER_PAUSE && (is_larger || is_more_frontal))
    }

    fn is_hopeless(&self) -> bool {
        self.votes.is_empty() && self.votes.refusals() >= HOPELESS
    }

    /// How many shots decide: more for a face that is nearly accepted.
    fn enough(&self, rule: &Rule) -> usize {
        let is_near = |nearest: &Match| nearest.distance.value() < rule.threshold.value() + NEARLY;
        if self.votes.nearest().is_some_and(is_near) { ENOUGH_FOR_NEAR } else { ENOUGH }
    }

    /// Whether nothing is to be learned about the face while the picture stays the same.
    pub(crate) fn is_settled(&self, rule: &Rule, gates: &Gates) -> bool {
        self.only_small
            || self.is_hopeless()
            || (self.stranger.is_none()
                && self.liveness.is_settled()
                && (self.votes.len() >= self.enough(rule) || self.votes.verdict(rule, gates) == Verdict::Pass))
    }

    /// The embedder was asked about the face now, whatever came of it.
    pub(crate) fn shot_taken(&mut self, now: Instant) {
        self.last_shot = Some(now);
    }

    /// Why the face is not accepted whatever was decided: somebody else seems to stand there, or nobody has been seen there for
    /// too long who is, by a single shot, the accepted person.
    pub(crate) fn unconfirmed(&self, now: Instant) -> Option<Reason> {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) <= UNCONFIRMED_AFTER;
        match self.confirmed {
            Some(at) if is_fresh(at) && self.stranger.is_none() => None,
            _ if self.votes.refusals() > 0 => Some(self.votes.why_refused()),
            _ => Some(Reason::TooFewShots),
        }
    }

    /// Another face may have taken this one's place: it has to be confirmed again before anybody is accepted, and unless it
    /// `is_in_place`, where it was at each look, it has to be seen alive again as well.
    pub(crate) fn doubt(&mut self, is_in_place: bool) {
        self.confirmed = None;
        if !is_in_place {
            self.liveness.doubt();
        }
        self.evidence = None;
    }

    /// A shot was counted.
    pub(crate) fn voted(&mut self, now: Instant, rule: &Rule) {
        self.stranger = None;
        self.last_usable = Some(now);
        if self.votes.newest_agrees(rule) {
            self.confirmed = Some(now);
        }
        self.evidence = None;
    }

    /// A counted shot looks alive as much as `score` says.
    pub(crate) fn looked_alive(&mut self, score: f32) {
        self.liveness.add(score);
        self.evidence = None;
    }

    /// Keeps `frame` if the newest shot is the best so far.
    pub(crate) fn keep_best(&mut self, frame: &SharedFrame, area: Rect, norm: f32) {
        if self.votes.best().is_none_or(|best| face::by_clearness(norm, best.quality).is_ge()) {
            self.best = Some(BestShot { frame: frame.clone(), area });
        }
    }

    /// As long as no shot can be recognised, the frame in which the face is largest shows it best.
    pub(crate) fn keep_largest(&mut self, frame: &SharedFrame, area: Rect) {
        let is_larger = self.best.as_ref().is_none_or(|best| area.area() > best.area.area());
        if self.votes.is_empty() && is_larger {
            self.best = Some(BestShot { frame: frame.clone(), area });
        }
    }

    /// Whether its attributes are worth another look.
    pub(crate) fn wants_look(&self) -> bool {
        self.looks.len() < LOOKS
    }

    /// Its attributes were looked at.
    pub(crate) fn looked(&mut self, look: Attributes) {
        self.looks.push(look);
        self.evidence = None;
    }

    /// What is known by now is to be told anew.
    pub(crate) fn changed(&mut self) {
        self.evidence = None;
    }

    /// What is known of the face: made when it has changed, and shared until it changes again.
    pub(crate) fn evidence(&mut self, rule: &Rule, gates: &Gates) -> Arc<Evidence> {
        self.judged_by = Some(*rule);
        match &self.evidence {
            Some(evidence) => Arc::clone(evidence),
            None => Arc::clone(self.evidence.insert(Arc::new(self.snapshot(rule, gates)))),
        }
    }

    /// The last word about a face that has gone. A gallery or a rule that has changed since the last sight takes a PASS away, and
    /// gives none: nobody is there any more to be let pass.
    pub(crate) fn end(mut self, rule: &Rule, gallery: &Gallery) -> Arc<Evidence> {
        let judged_by = self.judged_by.unwrap_or(*rule);
        let last = self.snapshot(&judged_by, gallery.gates());
        if last.verdict == Verdict::Pass && (self.votes.follow(gallery) || judged_by != *rule) {
            let now = self.snapshot(rule, gallery.gates());
            if now.verdict != Verdict::Pass {
                return Arc::new(now);
            }
        }
        Arc::new(last)
    }

    fn snapshot(&self, rule: &Rule, gates: &Gates) -> Evidence {
        let too_small = self.votes.is_empty() && self.only_small;
        Evidence {
            track: self.id,
            started_at: self.started_at,
            last_seen_at: self.last_seen_at,
            frames: self.frames,
            shots: self.votes.shots(),
            fused: self.votes.fused().cloned(),
            nearest: self.votes.nearest().cloned(),
            agreeing: self.votes.agreeing(rule),
            strong: self.votes.is_strong(rule, gates),
            liveness: self.liveness.liveness(),
            verdict: if too_small {
                Verdict::Reject(Reason::TooSmall)
            } else {
                self.liveness.judge(self.votes.verdict(rule, gates))
            },
            denied: None,
            rule: *rule,
            best: self.best.clone(),
            attributes: Attributes::mean(&self.looks),
        }
    }
}
