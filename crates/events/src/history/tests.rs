//! Passages from hand-made evidence: time comes from the frames, so that minutes pass in a moment.
mod any_order;
mod broken_tracks;
mod pictures;
mod replayed;
mod visitors;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use camera::{
    BestShot, Buffers, Direction, Evidence, Frame, Reason, Rule, SeenFace, SharedFrame, Shot, Sighting, SightingTimes,
    TrackId, Verdict, Work,
};
use face::{Detection, Embedding, Point, Rect, YuvImage};
use gallery::{Distance, Match, RawDistance, RunnerUp, Scale};
use serde_json::Value;
use store::{Event, Micros, PersonId};

use super::passage::{Change, Moment, Place};
use super::passages::Passages;
use super::view::Phase;
use crate::Visitors;

const RULE: fn() -> Rule =
    || Rule { threshold: Distance::new(0.45), strong: Distance::new(0.42), shots: 2, margin: 0.02 };

const ENROL_NORM: f32 = 3.0;

/// People by the direction of their embeddings; all are far from each other.
const ANN: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 3] = ["Ann", "Bob", "Cem"];

/// A day on which somebody stands before the camera.
struct Day {
    passages: Passages,
    start: (Instant, SystemTime),
    frames: Vec<SharedFrame>,
}

/// What a track is known to be at some moment.
#[derive(Clone)]
struct Seen {
    track: TrackId,
    /// Whose face it is, in truth.
    face: usize,
    verdict: Verdict,
    since: u64,
    frames: u32,
    usable: bool,
    quality: f32,
}

fn seen(track: TrackId, face: usize, verdict: Verdict) -> Seen {
    Seen { track, face, verdict, since: 0, frames: 10, usable: true, quality: 3.5 }
}

fn pass(track: TrackId, face: usize) -> Seen {
    seen(track, face, Verdict::Pass)
}

fn stranger(track: TrackId, face: usize) -> Seen {
    seen(track, face, Verdict::Reject(Reason::BelowThreshold))
}

fn match_of(face: usize, distance: f32) -> Match {
    Match {
        person: PersonId(face as i64 + 1),
        name: NAMES[face % 3].into(),
        distance: Distance::new(distance),
        raw: RawDistance(distance + 0.1),
        space: "default".into(),
        runner_up: Some(RunnerUp { name: NAMES[(face + 1) % 3].into(), distance: Distance::new(0.7) }),
        refuted: false,
    }
}

impl Day {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(visitors: Option<Visitors>) -> Self {
        let place = Place {
            camera: "door".into(),
            direction: Some(Direction::In),
            door_group: None,
            node: "gate".into(),
            enrol_norm: ENROL_NORM,
            visitors,
        };
        let scale = Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder);
        let start = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_736_400_000));
        Self { passages: Passages::new(place, scale), start, frames: Vec::new() }
    }

    fn frame(&mut self, ms: u64) -> SharedFrame {
        let image = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).unwrap();
        let mut frame = Frame::new(image, ms + 1, Duration::ZERO, &Buffers::new());
        frame.read_at = self.start.0 + Duration::from_millis(ms);
        frame.captured_at = self.start.1 + Duration::from_millis(ms);
        let frame = frame.shared();
        self.frames.push(frame.clone());
        frame
    }

    fn evidence(&self, seen: &Seen, ms: u64, frame: &SharedFrame) -> Arc<Evidence> {
        let at = self.start.1 + Duration::from_millis(ms);
        let area = Rect { left: 10.0, top: 10.0, right: 30.0, bottom: 30.0 };
        let mut vector = vec![0.0; 64];
        vector[seen.face] = 1.0;
        let is_like = match seen.verdict {
            Verdict::Pass | Verdict::Reject(Reason::Spoof | Reason::NotSeenAlive | Reason::HeadNotTurned) => true,
            Verdict::Reject(_) => false,
        };
        let distance = if is_like { 0.31 } else { 0.6 };
        let nearest = seen.usable.then(|| match_of(seen.face, distance));
        let shot = Shot {
            at,
            area,
            score: 0.9,
            quality: seen.quality,
            yaw: -4.0,
            weight: if seen.usable { 1.0 } else { 0.0 },
            nearest: nearest.clone(),
        };
        Arc::new(Evidence {
            track: seen.track,
            started_at: self.start.1 + Duration::from_millis(seen.since),
            last_seen_at: at,
            frames: seen.frames,
            shots: vec![shot],
            fused: seen.usable.then_some(Embedding::new(vector, seen.quality)),
            nearest,
            agreeing: 2,
            strong: seen.verdict == Verdict::Pass,
            liveness: None,
            verdict: seen.verdict,
            denied: None,
            rule: RULE(),
            best: Some(BestShot { frame: frame.clone(), area }),
            attributes: None,
        })
    }

    /// What is told of a frame in which these are seen, and these tracks have ended.
    fn at(&mut self, ms: u64, seen: &[Seen], ended: &[Seen]) -> Vec<Change> {
        let frame = self.frame(ms);
        let face = |seen: &Seen| {
            let evidence = self.evidence(seen, ms, &frame);
            SeenFace {
                detection: Detection { area: evidence.shots[0].area, score: 0.9, five: None },
                landmarks: [Point::default(); 5],
                quality: seen.quality,
                embedding: None,
                nearest: evidence.nearest.clone(),
                verdict: seen.verdict,
                liveness: None,
                turn: None,
                attributes: None,
                evidence: Some(evidence),
            }
        };
        let faces = seen.iter().map(face).collect();
        let ended = ended.iter().map(|seen| self.evidence(seen, ms, &frame)).collect();
        let times = SightingTimes::default();
        self.passages.follow(&Sighting {
            camera: "door".into(),
            frame,
            faces,
            ended,
            rule: RULE(),
            times,
            work: Work::default(),
        })
    }

    fn time(&self, ms: u64) -> Micros {
        (self.start.1 + Duration::from_millis(ms)).into()
    }
}

/// Phase, person and id of each.
fn told(changes: &[Change]) -> Vec<(Phase, Option<&str>, &str)> {
    changes.iter().map(|change| (change.phase, change.event.person.as_deref(), change.event.id.as_str())).collect()
}

/// The one change there is.
#[track_caller]
fn only(changes: Vec<Change>) -> Change {
    let [change] = <[Change; 1]>::try_from(changes).expect("one change");
    change
}

#[test]
fn a_pass_is_an_event_at_once_and_ends_at_the_last_sight() {
    let mut day = Day::new();
    let start = only(day.at(0, &[pass(1, ANN)], &[]));
    assert_eq!(
        (start.phase, start.event.status.as_str(), start.event.person.as_deref()),
        (Phase::Start, "PASS", Some("Ann"))
    );
    assert_eq!((start.event.camera.as_str(), start.event.direction.as_deref()), ("door", Some("in")));
    assert_eq!(
        (start.event.distance, start.event.raw_distance, start.event.quality),
        (Some(0.31), Some(0.41), Some(3.5))
    );
    assert!(start.picture.is_some() && !start.event.ended);
    assert!(day.at(100, &[pass(1, ANN)], &[]).is_empty(), "one event, not one a frame");
    assert!(day.at(3_000, &[], &[pass(1, ANN)]).is_empty());
    assert_eq!(only(day.at(5_000, &[], &[])).event.last_seen_at, day.time(3_000));
    assert!(day.at(12_900, &[], &[]).is_empty(), "may come back");
    let end = only(day.at(13_100, &[], &[]));
    assert_eq!((end.phase, end.event.ended, &end.event.id), (Phase::End, true, &start.event.id));
    assert_eq!((end.event.started_at, end.event.last_seen_at), (day.time(0), day.time(3_000)));
    assert!(day.passages.end().is_empty());
}

#[test]
fn while_somebody_stays_the_last_sight_is_told_every_five_seconds() {
    let mut day = Day::new();
    let changes: usize = (0..200).map(|n| day.at(n * 100, &[pass(1, ANN)], &[]).len()).sum();
    assert_eq!(changes, 4, "at 0, 5, 10 and 15 s");
}

#[test]
fn somebody_unknown_is_an_event_after_two_seconds_or_when_the_track_is_over() {
    let mut day = Day::new();
    assert!(day.at(0, &[stranger(1, ANN)], &[]).is_empty());
    assert!(day.at(1_900, &[stranger(1, ANN)], &[]).is_empty());
    let event = only(day.at(2_000, &[stranger(1, ANN)], &[])).event;
    assert_eq!((event.status.as_str(), event.reason.as_deref()), ("REJECT", Some("below_threshold")));
    assert_eq!((event.person, event.distance), (None, Some(0.6)), "the nearest is not who it is");

    let mut day = Day::new();
    assert!(day.at(0, &[stranger(1, ANN)], &[]).is_empty());
    assert_eq!(only(day.at(300, &[], &[stranger(1, ANN)])).phase, Phase::Start);
}

#[test]
fn who_is_recognised_after_all_stays_the_same_event() {
    let mut day = Day::new();
    day.at(0, &[stranger(1, ANN)], &[]);
    let refused = only(day.at(2_500, &[stranger(1, ANN)], &[]));
    let accepted = only(day.at(2_600, &[pass(1, ANN)], &[]));
    assert_eq!(told(&[accepted]), [(Phase::Update, Some("Ann"), refused.event.id.as_str())]);
    assert!(day.at(2_700, &[stranger(1, ANN)], &[]).is_empty(), "and the door stays open");
    let end = only(day.passages.end());
    assert_eq!((end.event.status.as_str(), end.event.reason), ("PASS", None));
}

#[test]
fn a_person_whose_track_breaks_is_one_event_if_back_within_ten_seconds() {
    let mut day = Day::new();
    let first = only(day.at(0, &[pass(1, ANN)], &[])).event.id;
    day.at(500, &[], &[pass(1, ANN)]);
    assert!(
        told(&day.at(9_000, &[pass(2, ANN)], &[]))
            .iter()
            .all(|(phase, _, id)| (*phase, *id) == (Phase::Update, &first))
    );
    day.at(9_100, &[], &[pass(2, ANN)]);
    let changes = day.at(20_000, &[pass(3, ANN)], &[]);
    let told = told(&changes);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&(Phase::End, Some("Ann"), &first)), "{told:?}");
    assert!(told.iter().any(|(phase, _, id)| *phase == Phase::Start && *id != first), "{told:?}");
}

#[test]
fn somebody_unknown_who_comes_back_is_one_event_and_somebody_else_another() {
    let mut day = Day::new();
    let back = |track, since| Seen { since, ..stranger(track, 7) };
    day.at(0, &[back(1, 0)], &[]);
    let first = only(day.at(300, &[], &[back(1, 0)])).event.id;
    assert!(day.at(4_000, &[back(2, 4_000)], &[]).is_empty());
    assert!(day.at(4_300, &[], &[back(2, 4_000)]).is_empty(), "goes on");
    day.at(5_000, &[Seen { since: 5_000, ..stranger(3, 8) }], &[]);
    let changes = day.at(5_300, &[], &[Seen { since: 5_000, ..stranger(3, 8) }]);
    assert!(told(&changes).iter().any(|(phase, _, id)| *phase == Phase::Start && *id != first));
    assert_eq!(day.passages.end().len(), 2);
}

#[test]
fn somebody_unknown_who_turns_out_to_be_known_on_the_next_track_is_one_event() {
    let mut day = Day::new();
    let first = only({
        day.at(0, &[stranger(1, ANN)], &[]);
        day.at(300, &[], &[stranger(1, ANN)])
    });
    let second = only(day.at(1_000, &[Seen { since: 1_000, ..pass(2, ANN) }], &[]));
    assert_eq!(told(&[second]), [(Phase::Update, Some("Ann"), first.event.id.as_str())]);
    assert_eq!(day.passages.end().len(), 1);
}

#[test]
fn two_people_at_once_are_two_events_even_if_they_look_alike() {
    let mut day = Day::new();
    let both = day.at(0, &[pass(1, ANN), pass(2, BOB)], &[]);
    assert_eq!(told(&both).iter().map(|(_, person, _)| *person).collect::<Vec<_>>(), [Some("Ann"), Some("Bob")]);

    let mut day = Day::new();
    let twins = [stranger(1, 7), stranger(2, 7)];
    day.at(0, &twins, &[]);
    assert_eq!(day.at(2_000, &twins, &[]).len(), 2);
}

#[test]
fn a_track_that_goes_over_to_somebody_else_is_another_event() {
    let mut day = Day::new();
    let first = only(day.at(0, &[pass(1, ANN)], &[]));
    let second = only(day.at(100, &[pass(1, BOB)], &[]));
    assert_eq!((second.phase, second.event.person.as_deref()), (Phase::Start, Some("Bob")));
    let ends = day.passages.end();
    assert_eq!(ends[0].event.id, first.event.id);
    assert_eq!(ends[0].event.last_seen_at, day.time(0), "Ann was not seen any more");
}

#[test]
fn a_flicker_of_the_detector_is_no_event_and_a_face_that_stays_unclear_is_one() {
    let unclear = |frames| Seen { usable: false, frames, ..seen(1, 7, Verdict::Reject(Reason::Blurred)) };
    for (frames, ms) in [(4, 5_000), (50, 900)] {
        let mut day = Day::new();
        assert!(day.at(ms, &[], &[unclear(frames)]).is_empty());
        assert!(day.at(20_000, &[], &[]).is_empty() && day.passages.end().is_empty());
    }
    let event = only(Day::new().at(1_000, &[], &[unclear(5)])).event;
    assert_eq!((event.reason.as_deref(), event.distance), (Some("blurred"), None));
}

#[test]
fn pictures_are_made_at_the_start_at_the_recognition_and_at_the_end_and_only_of_better_shots() {
    let mut day = Day::new();
    day.at(0, &[stranger(1, ANN)], &[]);
    assert!(only(day.at(2_000, &[stranger(1, ANN)], &[])).picture.is_some());
    let recognised = only(day.at(3_000, &[pass(1, ANN)], &[]));
    assert_eq!(recognised.picture.unwrap().frame.id, day.frames[2].id);
    assert!(only(day.at(8_000, &[pass(1, ANN)], &[])).picture.is_none(), "not in between");
    let end = only(day.passages.end());
    assert_eq!(end.picture.unwrap().frame.id, day.frames[3].id);
}

#[test]
fn with_very_many_faces_those_seen_longest_ago_end() {
    let mut day = Day::new();
    let crowd: Vec<Seen> =
        (0..300).map(|n| pass(n, n as usize + 3)).map(|seen| Seen { face: seen.face % 60, ..seen }).collect();
    day.at(0, &crowd, &[]);
    let strangers: Vec<Seen> = (0..400).map(|n| Seen { usable: false, ..stranger(1000 + n, 0) }).collect();
    for ms in [10, 20, 30, 2_000] {
        day.at(ms, &strangers, &[]);
    }
    assert!(day.passages.end().len() <= 64);
}

#[test]
fn without_tracks_a_person_is_one_event_and_nobody_unknown_is() {
    let mut day = Day::new();
    let mut at = |ms, verdict| {
        let frame = day.frame(ms);
        let face = SeenFace {
            detection: Detection {
                area: Rect { left: 1.0, top: 1.0, right: 20.0, bottom: 20.0 },
                score: 0.9,
                five: None,
            },
            landmarks: [Point::default(); 5],
            quality: 3.5,
            embedding: None,
            nearest: Some(match_of(ANN, 0.3)),
            verdict,
            liveness: None,
            turn: None,
            attributes: None,
            evidence: None,
        };
        let times = SightingTimes::default();
        day.passages.follow(&Sighting {
            camera: "door".into(),
            frame,
            faces: vec![face].into(),
            ended: vec![],
            rule: RULE(),
            times,
            work: Work::default(),
        })
    };
    assert!(at(0, Verdict::Reject(Reason::BelowThreshold)).is_empty());
    let first = only(at(100, Verdict::Pass));
    assert_eq!((first.event.person.as_deref(), first.event.track), (Some("Ann"), None));
    assert!(at(200, Verdict::Pass).is_empty());
    assert!(at(300, Verdict::Reject(Reason::NotAllowedNow)).is_empty());
    let end = only(day.passages.end()).event;
    assert_eq!((end.id, end.status.as_str()), (first.event.id, "PASS"));
}

#[test]
fn without_tracks_somebody_known_who_may_not_pass_is_an_event_too() {
    let mut day = Day::new();
    let frame = day.frame(0);
    let mut evidence = Evidence::clone(&day.evidence(&pass(1, ANN), 0, &frame));
    evidence.verdict = Verdict::Reject(Reason::Suspended);
    let face = SeenFace {
        detection: Detection { area: evidence.shots[0].area, score: 0.9, five: None },
        landmarks: [Point::default(); 5],
        quality: 3.5,
        embedding: None,
        nearest: evidence.nearest,
        verdict: evidence.verdict,
        liveness: None,
        turn: None,
        attributes: None,
        evidence: None,
    };
    let (camera, times, work) = ("door".into(), SightingTimes::default(), Work::default());
    let refused = only(day.passages.follow(&Sighting {
        camera,
        frame,
        faces: vec![face].into(),
        ended: vec![],
        rule: RULE(),
        times,
        work,
    }))
    .event;
    assert_eq!((refused.person.as_deref(), refused.reason.as_deref()), (Some("Ann"), Some("suspended")));
    assert!(refused.decision.contains("Ann is suspended"), "{}", refused.decision);
}

#[test]
fn a_refused_passage_that_is_allowed_becomes_a_pass_and_one_that_passed_stays_so() {
    let mut day = Day::new();
    let refused = seen(1, ANN, Verdict::Reject(Reason::NotAllowedNow));
    let start = only(day.at(0, std::slice::from_ref(&refused), &[])).event;
    assert_eq!((start.status.as_str(), start.reason.as_deref()), ("REJECT", Some("not_allowed_now")));
    assert_eq!(start.person.as_deref(), Some("Ann"), "at once, since it is known who it is");
    let opened = only(day.at(1_000, &[pass(1, ANN)], &[])).event;
    assert_eq!((&opened.id, opened.status.as_str(), &opened.reason), (&start.id, "PASS", &None));
    assert_eq!((start.passed_at, opened.passed_at), (None, Some(Micros(start.started_at.0 + 1_000_000))));
    assert!(day.at(2_000, std::slice::from_ref(&refused), &[]).is_empty());
    let end = only(day.passages.end()).event;
    assert_eq!((end.id, end.status.as_str(), end.reason), (start.id, "PASS", None));
    assert_eq!(end.passed_at, opened.passed_at, "the first counts");
}

#[test]
fn a_decision_holds_all_that_it_rests_on() {
    let event = only(Day::new().at(0, &[pass(1, ANN)], &[])).event;
    let decision: Value = serde_json::from_str(&event.decision).unwrap();
    let expected = serde_json::json!({
        "threshold": 0.45, "strong": 0.42, "shots_asked": 2, "margin_asked": 0.02,
        "shots": [{
            "at": 1_736_400_000.0, "name": "Ann", "distance": 0.31, "raw_distance": 0.41,
            "second": {"name": "Bob", "distance": 0.7}, "quality": 3.5, "width": 20.0, "yaw": -4.0, "score": 0.9,
            "weight": 1.0, "counted": true,
        }],
        "votes": {"agreeing": 2, "needed": 2, "strong": true},
        "fused": {"name": "Ann", "distance": 0.31, "raw_distance": 0.41},
        "second": {"name": "Bob", "distance": 0.7}, "margin": 0.39, "reason": null, "why": decision["why"],
    });
    assert_eq!(decision, expected);
    assert!(
        decision["why"].as_str().unwrap().starts_with("Accepted as Ann: a clear shot nearer than 0.42"),
        "{decision}"
    );
}

#[test]
fn every_reason_is_explained_with_what_to_do() {
    use Reason::{
        BelowThreshold, Blurred, HeadNotTurned, NobodyEnrolled, NotSeenAlive, Spoof, TooFewShots, TooNearToTwo,
        TooSmall, TurnedAway,
    };
    for reason in [
        TooSmall,
        Blurred,
        TurnedAway,
        NobodyEnrolled,
        BelowThreshold,
        TooNearToTwo,
        TooFewShots,
        Spoof,
        NotSeenAlive,
        HeadNotTurned,
    ] {
        let event = only(Day::new().at(1_000, &[], &[seen(1, ANN, Verdict::Reject(reason))])).event;
        let decision: Value = serde_json::from_str(&event.decision).unwrap();
        assert_eq!(decision["reason"].as_str(), event.reason.as_deref());
        let why = decision["why"].as_str().unwrap();
        assert!(why.matches(". ").count() + why.matches(": ").count() >= 1 && why.ends_with('.'), "{reason:?}: {why}");
    }
}
