//! Who may pass at a camera, and when.
mod denial;
mod rule;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camera::{Evidence, Reason, SeenFace, Sighting, TrackId, Verdict};
use gallery::{Gallery, Match};
use store::{Micros, PersonId, Profile};

pub use rule::{AccessRule, GROUP, MOST_RULES, group_name};

use self::denial::Denial;
use self::rule::Rules;
use crate::{Calendar, Door};

/// Somebody who is refused again after being away for so long is said to be refused again: as long as a passage lasts.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A track of which nothing was seen for so long is forgotten; the tracker gives up much sooner, and says so.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// What is said of a face whose person was unregistered after it was recognised.
const NOBODY: Verdict = Verdict::Reject(Reason::NobodyEnrolled);

/// Who may pass at one camera, and when: looks at everybody who is accepted by the face.
#[derive(Debug)]
pub struct Access {
    gallery: Gallery,
    rules: Rules,
    /// Where nobody may enter twice.
    door: Option<Door>,
    tracks: HashMap<TrackId, Followed>,
    /// Who is being refused: why, and when last.
    refused: HashMap<PersonId, (Reason, Instant)>,
}

/// A track whose face is accepted as somebody.
#[derive(Debug)]
struct Followed {
    person: PersonId,
    /// Whether that person was let pass on it: a face of it was a PASS.
    let_pass: bool,
    /// What says that the person is refused.
    denied: Option<Denied>,
    seen: Instant,
}

/// Evidence that was made for a refusal, and from what: made once, however many frames show it.
#[derive(Debug)]
struct Denied {
    of: Arc<Evidence>,
    reason: Reason,
    evidence: Arc<Evidence>,
}

impl Access {
    /// The rules of one camera; without any, everybody in `gallery` passes at all times. Days begin by `calendar`. At `door`
    /// nobody enters twice.
    pub fn new(gallery: Gallery, calendar: Calendar, rules: Vec<AccessRule>, door: Option<Door>) -> Self {
        let rules = Rules::new(rules, calendar);
        Self { gallery, rules, door, tracks: HashMap::new(), refused: HashMap::new() }
    }

    /// Refuses those who are accepted by their faces and may not pass here now.
    pub fn judge(&mut self, sighting: &mut Sighting) {
        let (now, at) = (sighting.frame.read_at, sighting.frame.captured_at.into());
        for face in &mut sighting.faces {
            self.judge_face(face, &sighting.camera, now, at);
        }
        for evidence in &mut sighting.ended {
            self.judge_end(evidence);
        }
        self.tracks.retain(|_, track| now.saturating_duration_since(track.seen) < FORGET_AFTER);
        self.refused.retain(|_, (_, last)| now.saturating_duration_since(*last) < SAY_AGAIN_AFTER);
    }

    fn judge_face(&mut self, face: &mut SeenFace, camera: &str, now: Instant, at: Micros) {
        let is_pass = |evidence: &Arc<Evidence>| evidence.verdict == Verdict::Pass;
        if face.verdict != Verdict::Pass && !face.evidence.as_ref().is_some_and(is_pass) {
            return;
        }
        let Some(person) = face.nearest.clone() else { return };
        let Some(profile) = self.gallery.profile(person.person) else {
            // Unregistered since the search: nobody who passes, and what the face is like is told by the next search.
            (face.verdict, face.nearest) = (NOBODY, None);
            face.evidence = face.evidence.as_ref().map(nobodys);
            return;
        };
        let denial = self.refuse(&person, &profile, at);
        // A face that is not sure to be the accepted one lets nobody pass.
        let let_pass = denial.is_none() && face.verdict == Verdict::Pass;
        if let (true, Some(door)) = (let_pass, &self.door) {
            door.passed(person.person, at);
        }
        match denial {
            None => drop(self.refused.remove(&person.person)),
            Some(denial) => {
                if face.verdict == Verdict::Pass {
                    face.verdict = Verdict::Reject(denial.reason());
                }
                self.say_refused(&person, denial.reason(), camera, now);
            }
        }
        if let Some(evidence) = face.evidence.as_mut().filter(|evidence| is_pass(evidence)) {
            let track = self.tracks.entry(evidence.track).or_insert_with(|| Followed::new(person.person, now));
            track.see(person.person, now);
            track.let_pass |= let_pass;
            if let Some(denial) = denial {
                let sentence = || denial.sentence(&person.name, &profile, &self.rules);
                *evidence = track.denied(evidence, denial.reason(), sentence);
            }
        }
    }

    /// The last word about a track: once the person was let pass it stays so, and whoever was only refused stays refused, since
    /// nobody is there any more to be let pass.
    fn judge_end(&mut self, evidence: &mut Arc<Evidence>) {
        let track = self.tracks.remove(&evidence.track);
        let Some(person) = evidence.nearest.clone().filter(|_| evidence.verdict == Verdict::Pass) else { return };
        match track.filter(|track| track.person == person.person) {
            Some(Followed { let_pass: true, .. }) => return,
            Some(Followed { denied: Some(said), .. }) => {
                *evidence = denied(evidence, said.reason, said.evidence.denied.clone());
                return;
            }
            _ => {}
        }
        let Some(profile) = self.gallery.profile(person.person) else {
            *evidence = nobodys(evidence);
            return;
        };
        if let Some(denial) = self.refuse(&person, &profile, evidence.last_seen_at.into()) {
            let sentence = denial.sentence(&person.name, &profile, &self.rules);
            *evidence = denied(evidence, denial.reason(), Some(sentence.into()));
        }
    }

    /// Why this person may not pass at `at`.
    fn refuse(&self, person: &Match, profile: &Profile, at: Micros) -> Option<Denial> {
        self.rules.refuse(profile, at).or_else(|| {
            let since = self.door.as_ref()?.already_inside(person.person, profile.let_out_at, at)?;
            Some(Denial::AlreadyInside { since })
        })
    }

    fn say_refused(&mut self, person: &Match, reason: Reason, camera: &str, now: Instant) {
        let before = self.refused.insert(person.person, (reason, now));
        let is_new =
            before.is_none_or(|(said, last)| said != reason || now.saturating_duration_since(last) >= SAY_AGAIN_AFTER);
        if is_new {
            tracing::info!(camera, name = %person.name, reason = %code(reason), "REJECT of somebody who is known");
        }
    }
}

impl Followed {
    fn new(person: PersonId, now: Instant) -> Self {
        Self { person, let_pass: false, denied: None, seen: now }
    }

    fn see(&mut self, person: PersonId, now: Instant) {
        if self.person != person {
            *self = Self::new(person, now);
        }
        self.seen = now;
    }

    /// `evidence` with a refusal in the place of the PASS.
    fn denied(&mut self, evidence: &Arc<Evidence>, reason: Reason, sentence: impl FnOnce() -> String) -> Arc<Evidence> {
        let is_made = |made: &&Denied| Arc::ptr_eq(&made.of, evidence) && made.reason == reason;
        if let Some(made) = self.denied.as_ref().filter(is_made) {
            return Arc::clone(&made.evidence);
        }
        let made = denied(evidence, reason, Some(sentence().into()));
        self.denied = Some(Denied { of: Arc::clone(evidence), reason, evidence: Arc::clone(&made) });
        made
    }
}

fn denied(evidence: &Evidence, reason: Reason, sentence: Option<Arc<str>>) -> Arc<Evidence> {
    Arc::new(Evidence { verdict: Verdict::Reject(reason), denied: sentence, ..evidence.clone() })
}

/// `evidence` without the person that it names, who is not registered any more.
fn nobodys(evidence: &Arc<Evidence>) -> Arc<Evidence> {
    let mut nobodys =
        Evidence { verdict: NOBODY, nearest: None, agreeing: 0, strong: false, ..Evidence::clone(evidence) };
    nobodys.shots.iter_mut().for_each(|shot| shot.nearest = None);
    Arc::new(nobodys)
}

/// The word for a reason in events.
fn code(reason: Reason) -> String {
    // A word, which always has a form in JSON.
    let word = serde_json::to_value(reason).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}
