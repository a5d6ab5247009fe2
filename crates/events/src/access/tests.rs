//! Each rule at its boundary, and what becomes of faces and tracks.
use std::time::SystemTime;

use camera::{Buffers, Frame, Rule, SightingTimes, Work};
use face::{Detection, Embedding, Point, Rect, YuvImage};
use gallery::{Distance, RawDistance};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{NewTemplate, Store};
use tempfile::TempDir;

use super::*;
use crate::Holiday;

fn calendar() -> Calendar {
    Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), vec![Holiday::parse("12-25").unwrap()])
}

fn rules(json: &str) -> Vec<AccessRule> {
    serde_json::from_str(json).unwrap()
}

fn time(text: &str) -> Micros {
    Micros(text.parse::<Timestamp>().unwrap().as_microsecond())
}

fn member_of(groups: &[&str]) -> Profile {
    Profile { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Profile::default() }
}

fn reason(json: &str, profile: &Profile, at: &str) -> Option<Reason> {
    Rules::new(rules(json), calendar()).refuse(profile, time(at)).map(Denial::reason)
}

#[track_caller]
fn open_at(json: &str, times: &[(&str, bool)]) {
    for (at, open) in times {
        let expected = if *open { None } else { Some(Reason::NotAllowedNow) };
        assert_eq!(reason(json, &member_of(&["staff"]), at), expected, "{at}");
    }
}

const OFFICE: &str = r#"[{"groups": ["staff"], "hours": "mon-fri 07:00-19:00, holiday 10:00-12:00"}]"#;

#[test]
fn without_a_rule_everybody_passes_at_all_times() {
    assert_eq!(reason("[]", &Profile::default(), "2026-12-25T03:00:00+01:00"), None);
    assert_eq!(reason("[{}]", &Profile::default(), "2026-12-25T03:00:00+01:00"), None);
}

#[test]
fn a_window_opens_with_its_first_moment_and_is_closed_with_its_last_minute() {
    open_at(
        OFFICE,
        &[
            ("2026-11-26T06:59:59.999999+01:00", false),
            ("2026-11-26T07:00:00+01:00", true),
            ("2026-11-26T18:59:59.999999+01:00", true),
            ("2026-11-26T19:00:00+01:00", false),
            ("2026-11-28T12:00:00+01:00", false),
        ],
    );
}

#[test]
fn on_a_holiday_only_its_own_hours_count() {
    open_at(
        OFFICE,
        &[
            ("2026-12-25T09:59:59+01:00", false),
            ("2026-12-25T10:00:00+01:00", true),
            ("2026-12-25T12:00:00+01:00", false),
        ],
    );
    open_at(r#"[{"hours": "mon-fri 07:00-19:00"}]"#, &[("2026-12-25T11:00:00+01:00", false)]);
}

#[test]
fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
    open_at(
        r#"[{"hours": "fri 22:00-06:00"}]"#,
        &[
            ("2026-11-27T21:59:59+01:00", false),
            ("2026-11-27T22:00:00+01:00", true),
            ("2026-11-28T05:59:59+01:00", true),
            ("2026-11-28T06:00:00+01:00", false),
            ("2026-11-27T03:00:00+01:00", false),
        ],
    );
}

/// At 02:00 of the wall clock it is 03:00 at once.
#[test]
fn in_the_night_in_which_clocks_are_set_forward_the_clock_on_the_wall_counts() {
    let night = r#"[{"hours": "sun 01:30-03:30"}]"#;
    open_at(
        night,
        &[
            ("2026-03-29T00:29:59Z", false),
            ("2026-03-29T00:30:00Z", true),
            ("2026-03-29T00:59:59Z", true),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T01:29:59Z", true),
            ("2026-03-29T01:30:00Z", false),
        ],
    );
    let hour_that_is_left_out = r#"[{"hours": "daily 02:00-03:00"}]"#;
    open_at(hour_that_is_left_out, &[("2026-03-29T00:59:59Z", false), ("2026-03-29T01:00:00Z", false)]);
}

/// At 03:00 of the wall clock it is 02:00 again.
#[test]
fn in_the_night_in_which_clocks_are_set_back_the_doubled_hour_counts_both_times() {
    open_at(
        r#"[{"hours": "daily 02:00-02:30"}]"#,
        &[
            ("2026-10-24T23:59:59Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T00:29:59Z", true),
            ("2026-10-25T00:30:00Z", false),
            ("2026-10-25T01:00:00Z", true),
            ("2026-10-25T01:29:59Z", true),
            ("2026-10-25T01:30:00Z", false),
        ],
    );
    open_at(r#"[{"hours": "sat 22:00-06:00"}]"#, &[("2026-10-25T04:59:59Z", true), ("2026-10-25T05:00:00Z", false)]);
}

#[test]
fn a_person_is_valid_from_the_very_second_and_until_before_it() {
    let (from, until) = (Some(time("2026-12-01T00:00:00+01:00")), Some(time("2027-01-01T00:00:00+01:00")));
    let profile = Profile { valid_from: from, valid_until: until, ..Profile::default() };
    for (at, expected) in [
        ("2026-11-30T23:59:59.999999+01:00", Some(Reason::NotYetValid)),
        ("2026-12-01T00:00:00+01:00", None),
        ("2026-12-31T23:59:59.999999+01:00", None),
        ("2027-01-01T00:00:00+01:00", Some(Reason::Expired)),
    ] {
        assert_eq!(reason("[]", &profile, at), expected, "{at}");
    }
}

#[test]
fn of_several_reasons_the_first_in_order_counts_and_of_several_rules_one_is_enough() {
    let (noon, night) = ("2026-11-26T12:00:00+01:00", "2026-11-26T23:00:00+01:00");
    let two = r#"[{"groups": ["staff"], "hours": "mon-fri 07:00-19:00"}, {"groups": ["guard", "it"]}]"#;
    assert_eq!(reason(two, &member_of(&["staff"]), noon), None);
    assert_eq!(reason(two, &member_of(&["staff"]), night), Some(Reason::NotAllowedNow));
    assert_eq!(reason(two, &member_of(&["it", "staff"]), night), None);
    assert_eq!(reason(two, &member_of(&["Staff", "guests"]), noon), Some(Reason::NotAllowedHere), "compared exactly");
    assert_eq!(reason(two, &Profile::default(), noon), Some(Reason::NotAllowedHere));
    let mut profile = Profile { valid_until: Some(time(noon)), suspended: true, ..Profile::default() };
    assert_eq!(reason(two, &profile, night), Some(Reason::Suspended));
    profile.suspended = false;
    assert_eq!(reason(two, &profile, night), Some(Reason::Expired));
}

#[test]
fn a_refusal_says_what_would_be_allowed() {
    let of = Rules::new(rules(OFFICE), calendar());
    let sentence = |profile: &Profile, at: &str| {
        let denial = of.refuse(profile, time(at)).unwrap();
        denial.sentence("Ann", profile, &of)
    };
    let late = sentence(&member_of(&["staff"]), "2026-12-25T19:00:00+01:00");
    for part in ["mon-fri 07:00-19:00, holiday 10:00-12:00", "Friday, 2026-12-25 19:00:00, a holiday"] {
        assert!(late.contains(part), "{late}");
    }
    assert!(sentence(&member_of(&["guests"]), "2026-12-25T19:00:00Z").contains("to guests, and here pass staff"));
    let expired = Profile { valid_until: Some(time("2026-12-31T23:00:00Z")), ..Profile::default() };
    assert!(sentence(&expired, "2027-06-01T00:00:00Z").contains("until 2027-01-01 00:00:00"));
}

#[test]
fn what_is_no_rule_is_refused_with_what_is_wrong() {
    for (json, said) in [
        (r#"{"groups": []}"#, "left out it means everybody"),
        (r#"{"groups": ["a\u0007"]}"#, GROUP),
        (r#"{"groups": "staff"}"#, "expected a sequence"),
        (r#"{"hours": "always"}"#, "mon-fri"),
        (r#"{"group": ["staff"]}"#, "unknown field `group`"),
    ] {
        let error = serde_json::from_str::<AccessRule>(json).unwrap_err().to_string();
        assert!(error.contains(said), "{json}: {error}");
    }
    let trimmed = rules(r#"[{"groups": [" staff "], "hours": null}]"#);
    assert_eq!(serde_json::to_string(&trimmed).unwrap(), r#"[{"groups":["staff"]}]"#);
}

/// A camera that lets staff pass in the daytime, with Ann who belongs to them.
struct Gate {
    _folder: TempDir,
    store: Store,
    access: Access,
    ann: PersonId,
    start: Instant,
}

impl Gate {
    async fn new(door: Option<Door>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
        let catalog = models::Catalog::builtin();
        let pack = catalog.pack("default").unwrap();
        let mut vector = vec![0.0; pack.embedder.dim];
        vector[0] = 1.0;
        let template =
            NewTemplate { model: &pack.embedder.space, embedding: &vector, norm: 4.0, event: None, photo: None };
        let ann = store.enrol("Ann", &[template]).await.unwrap().person;
        store.change_profile("Ann", |profile| profile.groups = vec!["staff".to_owned()]).await.unwrap();
        let gallery = Gallery::load(store.clone(), pack, &catalog).await.unwrap();
        let access = Access::new(gallery, calendar(), rules(OFFICE), door);
        Self { _folder: folder, store, access, ann, start: Instant::now() }
    }

    /// Changes Ann's profile, and waits until the gallery knows.
    async fn change(&self, change: impl FnOnce(&mut Profile)) {
        self.store.change_profile("Ann", change).await.unwrap();
        let (version, gallery) = (self.store.version().await.unwrap(), self.access.gallery.clone());
        let follower = tokio::spawn(async move { gallery.follow().await });
        let start = Instant::now();
        while self.access.gallery.version() != version {
            assert!(start.elapsed() < Duration::from_secs(30), "the gallery follows the database");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        follower.abort();
    }

    /// A sighting at `at` of the wall clock, `second` seconds after the start.
    fn sighting(&self, second: u64, at: &str, faces: &[&Arc<Evidence>], ended: &[&Arc<Evidence>]) -> Sighting {
        let image = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).unwrap();
        let mut frame = Frame::new(image, second, Duration::ZERO, &Buffers::new());
        frame.read_at = self.start + Duration::from_secs(second);
        frame.captured_at = wall(at);
        let area = Rect { left: 1.0, top: 1.0, right: 30.0, bottom: 30.0 };
        let face = |evidence: &&Arc<Evidence>| SeenFace {
            detection: Detection { area, score: 0.9, five: None },
            landmarks: [Point::default(); 5],
            quality: 4.0,
            embedding: None,
            nearest: evidence.nearest.clone(),
            verdict: evidence.verdict,
            liveness: None,
            turn: None,
            attributes: None,
            evidence: Some(Arc::clone(evidence)),
        };
        Sighting {
            camera: "door".into(),
            frame: frame.shared(),
            faces: faces.iter().map(face).collect(),
            ended: ended.iter().map(|evidence| Arc::clone(evidence)).collect(),
            rule: rule(),
            times: SightingTimes::default(),
            work: Work::default(),
        }
    }

    /// Somebody is accepted as Ann on a track.
    fn ann(&self, track: TrackId, at: &str) -> Arc<Evidence> {
        let nearest = Match {
            person: self.ann,
            name: "Ann".into(),
            distance: Distance::new(0.3),
            raw: RawDistance(0.4),
            space: "default".into(),
            runner_up: None,
            refuted: false,
        };
        Arc::new(Evidence {
            track,
            started_at: wall(at),
            last_seen_at: wall(at),
            frames: 5,
            shots: Vec::new(),
            fused: Some(Embedding::new(vec![1.0], 4.0)),
            nearest: Some(nearest),
            agreeing: 2,
            strong: true,
            liveness: None,
            verdict: Verdict::Pass,
            denied: None,
            rule: rule(),
            best: None,
            attributes: None,
        })
    }
}

fn rule() -> Rule {
    Rule { threshold: Distance::new(0.45), strong: Distance::new(0.42), shots: 2, margin: 0.02 }
}

fn wall(at: &str) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(time(at).0.cast_unsigned())
}

const NOON: &str = "2026-11-26T12:00:00+01:00";
const CLOSING: &str = "2026-11-26T19:00:00+01:00";

#[tokio::test]
async fn a_refused_face_and_its_track_are_no_pass_and_the_refusal_is_made_once() {
    let mut gate = Gate::new(None).await;
    let ann = gate.ann(1, CLOSING);
    let mut first = gate.sighting(0, CLOSING, &[&ann], &[]);
    gate.access.judge(&mut first);
    assert_eq!(first.faces[0].verdict, Verdict::Reject(Reason::NotAllowedNow));
    let refused = first.faces[0].evidence.clone().unwrap();
    assert_eq!(refused.verdict, Verdict::Reject(Reason::NotAllowedNow));
    assert!(refused.denied.as_ref().unwrap().contains("mon-fri 07:00-19:00"), "{refused:?}");
    assert_eq!(refused.person().unwrap().person, gate.ann, "it is known who it is");
    let mut second = gate.sighting(1, CLOSING, &[&ann], &[]);
    gate.access.judge(&mut second);
    assert!(Arc::ptr_eq(second.faces[0].evidence.as_ref().unwrap(), &refused));
    let mut end = gate.sighting(2, CLOSING, &[], &[&ann]);
    gate.access.judge(&mut end);
    assert_eq!(end.ended[0].verdict, Verdict::Reject(Reason::NotAllowedNow));
}

#[tokio::test]
async fn a_track_that_ends_before_anybody_saw_it_is_judged_by_when_it_was_seen() {
    let mut gate = Gate::new(None).await;
    let (in_time, late) = (gate.ann(1, NOON), gate.ann(2, CLOSING));
    let mut end = gate.sighting(0, CLOSING, &[], &[&in_time, &late]);
    gate.access.judge(&mut end);
    assert_eq!(end.ended[0].verdict, Verdict::Pass);
    assert_eq!(end.ended[1].verdict, Verdict::Reject(Reason::NotAllowedNow));
}

#[tokio::test]
async fn whoever_was_let_pass_before_the_window_closed_stays_so_to_the_end_of_the_track() {
    let mut gate = Gate::new(None).await;
    let ann = gate.ann(1, NOON);
    let mut before = gate.sighting(0, "2026-11-26T18:59:59+01:00", &[&ann], &[]);
    gate.access.judge(&mut before);
    assert_eq!(before.faces[0].verdict, Verdict::Pass);
    let mut after = gate.sighting(1, CLOSING, &[&ann], &[]);
    gate.access.judge(&mut after);
    assert_eq!(after.faces[0].verdict, Verdict::Reject(Reason::NotAllowedNow), "nobody is told of a PASS now");
    let mut end = gate.sighting(2, CLOSING, &[], &[&ann]);
    gate.access.judge(&mut end);
    assert!(Arc::ptr_eq(&end.ended[0], &ann));
}

#[tokio::test]
async fn whoever_is_not_accepted_by_the_face_is_left_as_is_and_whoever_is_not_registered_any_more_does_not_pass() {
    let mut gate = Gate::new(None).await;
    let unknown = Verdict::Reject(Reason::BelowThreshold);
    let stranger = Arc::new(Evidence { verdict: unknown, ..Evidence::clone(&gate.ann(1, NOON)) });
    let mut removed = Evidence::clone(&gate.ann(2, NOON));
    removed.nearest.as_mut().unwrap().person = PersonId(99);
    let removed = Arc::new(removed);
    let mut seen = gate.sighting(0, NOON, &[&stranger, &removed], &[&removed]);
    gate.access.judge(&mut seen);
    let verdicts: Vec<Verdict> = seen.faces.iter().map(|face| face.verdict).collect();
    let nobody = Verdict::Reject(Reason::NobodyEnrolled);
    assert_eq!(verdicts, [unknown, nobody]);
    for evidence in [seen.faces[1].evidence.as_ref().unwrap(), &seen.ended[0]] {
        assert_eq!((evidence.verdict, evidence.nearest.is_none()), (nobody, true), "nor is it named");
    }
    assert!(seen.faces[1].nearest.is_none());
}

#[tokio::test]
async fn whoever_was_refused_stays_refused_on_a_track_whatever_changes_after_the_last_sight() {
    let mut gate = Gate::new(Some(Door::alone("hq", camera::Direction::In))).await;
    gate.change(|profile| profile.suspended = true).await;
    let (first, second) = (gate.ann(1, NOON), gate.ann(2, NOON));
    let mut seen = gate.sighting(0, NOON, &[&first, &second], &[]);
    gate.access.judge(&mut seen);
    let refused = Verdict::Reject(Reason::Suspended);
    assert_eq!(seen.faces[0].verdict, refused);

    gate.change(|profile| profile.suspended = false).await;
    let mut end = gate.sighting(2, NOON, &[], &[&first]);
    gate.access.judge(&mut end);
    assert_eq!((end.ended[0].verdict, end.ended[0].denied.is_some()), (refused, true));
    let away = "2026-11-26T12:00:30+01:00";
    let mut back = gate.sighting(30, away, &[&gate.ann(3, away)], &[]);
    gate.access.judge(&mut back);
    assert_eq!(back.faces[0].verdict, Verdict::Pass, "whoever was not let in is not inside");

    assert!(gate.access.gallery.remove(&gallery::PersonName::parse("Ann").unwrap()).await.unwrap());
    let mut end = gate.sighting(31, NOON, &[], &[&second]);
    gate.access.judge(&mut end);
    assert_eq!(end.ended[0].verdict, refused);
}

#[tokio::test]
async fn whoever_was_let_pass_and_is_unregistered_before_the_track_ends_has_passed() {
    let mut gate = Gate::new(None).await;
    let ann = gate.ann(1, NOON);
    let mut seen = gate.sighting(0, NOON, &[&ann], &[]);
    gate.access.judge(&mut seen);
    assert!(gate.access.gallery.remove(&gallery::PersonName::parse("Ann").unwrap()).await.unwrap());
    let mut end = gate.sighting(2, NOON, &[], &[&ann]);
    gate.access.judge(&mut end);
    assert!(Arc::ptr_eq(&end.ended[0], &ann));
}

#[tokio::test]
async fn a_face_that_is_not_confirmed_lets_nobody_into_a_door_group() {
    let mut gate = Gate::new(Some(Door::alone("hq", camera::Direction::In))).await;
    let mut seen = gate.sighting(0, NOON, &[&gate.ann(1, NOON)], &[&gate.ann(2, NOON)]);
    seen.faces[0].verdict = Verdict::Reject(Reason::TooFewShots);
    gate.access.judge(&mut seen);
    assert_eq!(seen.faces[0].verdict, Verdict::Reject(Reason::TooFewShots));
    let later = "2026-11-26T12:00:30+01:00";
    let mut back = gate.sighting(30, later, &[&gate.ann(3, later)], &[]);
    gate.access.judge(&mut back);
    assert_eq!(back.faces[0].verdict, Verdict::Pass);
}

#[tokio::test]
async fn a_face_that_is_judged_by_one_picture_is_refused_too() {
    let mut gate = Gate::new(None).await;
    let mut seen = gate.sighting(0, CLOSING, &[&gate.ann(1, CLOSING)], &[]);
    seen.faces[0].evidence = None;
    gate.access.judge(&mut seen);
    assert_eq!(seen.faces[0].verdict, Verdict::Reject(Reason::NotAllowedNow));
}

#[tokio::test]
async fn nobody_enters_a_door_group_twice_and_whoever_was_refused_otherwise_has_not_entered() {
    let mut gate = Gate::new(Some(Door::alone("hq", camera::Direction::In))).await;
    let judge = |gate: &mut Gate, track: TrackId, at: &str| {
        let mut seen = gate.sighting(track, at, &[&gate.ann(track, at)], &[]);
        gate.access.judge(&mut seen);
        seen.faces[0].verdict
    };
    let night = "2026-11-26T06:00:00+01:00";
    assert_eq!(judge(&mut gate, 1, night), Verdict::Reject(Reason::NotAllowedNow));
    assert_eq!(judge(&mut gate, 2, "2026-11-26T08:00:00+01:00"), Verdict::Pass);
    assert_eq!(judge(&mut gate, 3, "2026-11-26T08:00:09+01:00"), Verdict::Pass, "on another track of the same way in");
    assert_eq!(judge(&mut gate, 4, NOON), Verdict::Reject(Reason::AlreadyInside));
    let let_out_at = Some(time("2026-11-26T13:00:00+01:00"));
    gate.change(|profile| profile.let_out_at = let_out_at).await;
    assert_eq!(judge(&mut gate, 5, "2026-11-26T14:00:00+01:00"), Verdict::Pass);
    assert_eq!(judge(&mut gate, 6, "2026-11-26T15:00:00+01:00"), Verdict::Reject(Reason::AlreadyInside));
}
