use std::collections::{HashMap, VecDeque};

use camera::SeenFace;
use serde::Deserialize;

use crate::{PassageNews, Phase};

/// Passages that are over and of which pictures may still be told.
const REMEMBERED: usize = 256;

/// Where a face that is followed was seen last, in pixels of the frame: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceBox {
    track: u64,
    area: [i64; 4],
}

impl FaceBox {
    /// Of a face that is followed.
    pub fn of(face: &SeenFace) -> Option<Self> {
        let area = face.detection.area;
        let track = face.evidence.as_ref()?.track;
        Some(Self { track, area: [area.left, area.top, area.right, area.bottom].map(|edge| edge.round() as i64) })
    }
}

/// A passage, as far as other programs have words for it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Passing {
    /// The event's id.
    pub id: String,
    /// The camera's id.
    pub camera: String,
    /// Who it is; `None` for somebody unknown.
    pub person: Option<String>,
    /// Who it is, for good.
    #[serde(skip)]
    pub person_id: Option<i64>,
    /// `PASS` or `REJECT`.
    pub status: String,
    /// Why it is no PASS.
    pub reason: Option<String>,
    /// `in` or `out`.
    pub direction: Option<String>,
    /// Distance to the nearest person, on the contract's scale.
    pub distance: Option<f64>,
    /// The camera's number for the face that is followed.
    pub track: Option<u64>,
    /// When it began, in Unix seconds.
    pub start: f64,
    /// When it ended, in Unix seconds.
    pub end: Option<f64>,
    /// When somebody was last seen, in Unix seconds.
    pub last_seen: f64,
    /// Where the face was seen last, in pixels: left, top, right, bottom.
    #[serde(skip)]
    pub area: Option<[i64; 4]>,
}

impl Passing {
    /// What `news` says, with the place of its face among `faces`.
    pub fn of(news: &PassageNews, faces: &[FaceBox]) -> Option<Self> {
        // What others are told of it has all that is needed.
        let told = serde_json::to_value(&*news.event).ok()?;
        let mut passing: Self = serde_json::from_value(told).ok()?;
        passing.person_id = news.event.person_id().map(|id| id.0);
        passing.area = faces.iter().find(|face| Some(face.track) == passing.track).map(|face| face.area);
        Some(passing)
    }

    /// Who is accepted. Automations take a name for leave to enter, and somebody who is suspended has none.
    pub fn accepted(&self) -> Option<&str> {
        self.person.as_deref().filter(|_| self.status == "PASS")
    }

    /// Who is known, and may not pass.
    pub fn denied(&self) -> Option<&str> {
        self.person.as_deref().filter(|_| self.status != "PASS")
    }

    /// Whether it is somebody who was seen clearly enough, and is not known.
    pub fn is_stranger(&self) -> bool {
        let clear = ["below_threshold", "nobody_enrolled", "refuted"];
        self.person.is_none() && self.reason.as_deref().is_some_and(|reason| clear.contains(&reason))
    }
}

/// What has become of a passage.
#[derive(Debug)]
pub struct Change {
    /// As it was told of before; `None` the first time.
    pub before: Option<Passing>,
    /// As it is.
    pub now: Passing,
    /// Whether it is over.
    pub is_over: bool,
}

impl Change {
    /// Whether somebody has just been accepted.
    pub fn accepts_somebody(&self) -> bool {
        let before = self.before.as_ref().and_then(Passing::accepted);
        self.now.accepted().is_some() && before != self.now.accepted()
    }

    /// Whether it has just become known that it is somebody who may not pass.
    pub fn denies_somebody(&self) -> bool {
        let before = self.before.as_ref().and_then(Passing::denied);
        self.now.denied().is_some() && before != self.now.denied()
    }
}

/// The passages that last.
#[derive(Debug, Default)]
pub struct Passages {
    open: HashMap<String, Passing>,
    over: VecDeque<String>,
}

impl Passages {
    /// What is new. `None` when only a picture of a passage that is over has been made.
    pub fn take(&mut self, phase: Phase, mut now: Passing) -> Option<Change> {
        if self.over.contains(&now.id) {
            return None;
        }
        let before = self.open.remove(&now.id);
        now.area = now.area.or(before.as_ref().and_then(|before| before.area));
        let is_over = phase == Phase::End;
        if is_over {
            self.over.push_back(now.id.clone());
            if self.over.len() > REMEMBERED {
                self.over.pop_front();
            }
        } else {
            self.open.insert(now.id.clone(), now.clone());
        }
        Some(Change { before, now, is_over })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A passage of `person` that has just begun.
    pub fn passing(person: Option<&str>) -> Passing {
        Passing {
            id: "01943c3e".to_owned(),
            camera: "front".to_owned(),
            person: person.map(str::to_owned),
            person_id: person.map(|_| 7),
            status: if person.is_some() { "PASS" } else { "REJECT" }.to_owned(),
            reason: person.is_none().then(|| "below_threshold".to_owned()),
            direction: None,
            distance: Some(0.3),
            track: Some(4),
            start: 1_736_400_000.0,
            end: None,
            last_seen: 1_736_400_001.5,
            area: Some([10, 20, 110, 140]),
        }
    }

    /// Somebody who is known and suspended.
    pub fn suspended(person: &str) -> Passing {
        Passing { status: "REJECT".to_owned(), reason: Some("suspended".to_owned()), ..passing(Some(person)) }
    }

    #[test]
    fn who_was_denied_is_accepted_when_that_is_over_and_not_before() {
        let mut passages = Passages::default();
        let first = passages.take(Phase::Start, suspended("ann")).unwrap();
        assert!(first.denies_somebody() && !first.accepts_somebody() && !first.now.is_stranger());
        let same = passages.take(Phase::Update, suspended("ann")).unwrap();
        assert!(!same.denies_somebody() && !same.accepts_somebody());
        let forgiven = passages.take(Phase::Update, passing(Some("ann"))).unwrap();
        assert!(forgiven.accepts_somebody() && !forgiven.denies_somebody());
    }

    #[test]
    fn a_passage_is_named_once_and_over_once() {
        let mut passages = Passages::default();
        let first = passages.take(Phase::Start, passing(None)).unwrap();
        assert!(first.before.is_none() && first.now.is_stranger() && !first.accepts_somebody());
        let named = passages.take(Phase::Update, Passing { area: None, ..passing(Some("ann")) }).unwrap();
        assert!(named.accepts_somebody() && named.now.area.is_some());
        let same = passages.take(Phase::Update, passing(Some("ann"))).unwrap();
        assert!(!same.accepts_somebody() && !same.is_over);
        assert!(passages.take(Phase::End, passing(Some("ann"))).unwrap().is_over);
        assert!(passages.take(Phase::End, passing(Some("ann"))).is_none(), "only its picture came");
    }
}
