use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use face::{Area, Attributes, Detection, Embedded, Estimate, FivePoints, Part, Point, Rect};
use gallery::Distance;
use proptest::prelude::*;

use super::{Found, Tracker};
use crate::decision::{Reason, Rule, Verdict};
use crate::evidence::TrackId;
use crate::made::{Enrolled, frame, person, rule, shot};
use crate::{LivenessMode, LivenessRule};

mod liveness;

/// What the embedder would say of a face.
#[derive(Clone, Copy, Debug)]
enum Looks {
    /// A clear shot of the person with this number.
    Like(usize),
    /// Turned away: no use.
    Useless,
    /// An unclear shot, usable all the same, of the person with this number.
    Unclear(usize),
    /// A clear shot of a person who is as far from the first one as this many hundredths of raw distance.
    Near(u8),
}

/// A face in a frame: the middle of its box, its size, and who it is.
#[derive(Clone, Copy, Debug)]
struct Put {
    x: f32,
    size: f32,
    looks: Looks,
}

fn put(x: f32, looks: Looks) -> Put {
    Put { x, size: 100.0, looks }
}

/// A camera that sees made-up people.
struct Scene {
    enrolled: Enrolled,
    tracker: Tracker,
    start: Instant,
    now: Duration,
    /// Time from one frame to the next.
    pace: Duration,
    embeddings: usize,
    is_other_scene: bool,
    /// How much every face looks alive, where that is asked.
    liveness: Option<f32>,
    /// How far every face is turned to a side, in degrees.
    yaw: f32,
}

/// What is told of a face: its track, verdict and nearest person.
type Told = (TrackId, Verdict, String);

impl Scene {
    fn new(names: &[&str]) -> Self {
        let (tracker, start) = (Tracker::new(rule(), LivenessRule::default()), Instant::now());
        let enrolled = Enrolled::of(names);
        let pace = Duration::from_millis(100);
        let now = Duration::ZERO;
        Self { enrolled, tracker, start, now, pace, embeddings: 0, is_other_scene: false, liveness: None, yaw: 0.0 }
    }

    /// A frame later.
    fn sees(&mut self, faces: &[Put]) -> Vec<Told> {
        self.now += self.pace;
        let frame = frame(self.start, self.now);
        let found = faces.iter().map(|face| Found { yaw: self.yaw, ..found(face) }).collect();
        let mut count = self.embeddings;
        let mut embed = |_: &Detection, five: &FivePoints| {
            count += 1;
            let looks = faces.iter().find(|face| face.x == five[2].x).unwrap().looks;
            Ok(match looks {
                Looks::Like(person) => Embedded::Usable(shot(person, 0.3, count, 3.6)),
                Looks::Useless => Embedded::Useless { norm: 2.0 },
                Looks::Unclear(person) => Embedded::Usable(shot(person, 0.3, count, 2.8)),
                Looks::Near(raw) => Embedded::Usable(shot(0, f32::from(raw) / 100.0, 3, 3.6)),
            })
        };
        self.tracker.follow(&frame, found, self.is_other_scene, &self.enrolled.gallery, &mut embed).unwrap();
        self.embeddings = count;
        if let Some(score) = self.liveness {
            self.tracker.look_alive(&mut |_| Ok(score)).unwrap();
        }
        let told = self.tracker.faces(frame.read_at, &self.enrolled.gallery);
        told.into_iter()
            .map(|seen| {
                let name = seen.nearest.map_or(String::new(), |nearest| nearest.name.to_string());
                (seen.evidence.unwrap().track, seen.verdict, name)
            })
            .collect()
    }

    /// The last of some frames that all show the same.
    fn keeps_seeing(&mut self, frames: usize, faces: &[Put]) -> Vec<Told> {
        (0..frames).map(|_| self.sees(faces)).last().unwrap_or_default()
    }
}

fn found(put: &Put) -> Found {
    let half = put.size / 2.0;
    let area = Rect { left: put.x - half, top: 200.0 - half, right: put.x + half, bottom: 200.0 + half };
    // The nose, in the middle, tells who it is.
    let landmarks = Some([Point { x: put.x, y: 200.0 }; 5]);
    Found { detection: Detection { area, score: 0.99, five: None }, landmarks, yaw: 0.0 }
}

const KATYA: Looks = Looks::Like(0);
const ZERO: Looks = Looks::Like(1);
const STRANGER: Looks = Looks::Like(60);

#[test]
fn a_face_keeps_its_number_and_costs_few_embeddings() {
    let mut scene = Scene::new(&["katya"]);
    let first = scene.sees(&[put(300.0, KATYA)]);
    assert_eq!(first, [(1, Verdict::Pass, "katya".to_owned())]);
    for step in 0..100u8 {
        assert_eq!(scene.sees(&[put(300.0 + 5.0 * f32::from(step), KATYA)]), first);
    }
    // One to know her, and one each two seconds.
    assert!((5..=8).contains(&scene.embeddings), "{} embeddings for 101 frames", scene.embeddings);
}

#[test]
fn people_who_cross_keep_their_numbers_and_names() {
    let mut scene = Scene::new(&["katya", "zero"]);
    let mut names = HashMap::new();
    for step in 0..40u8 {
        let way = 10.0 * f32::from(step);
        for (track, _, name) in scene.sees(&[put(100.0 + way, KATYA), put(500.5 - way, ZERO)]) {
            assert_eq!(names.entry(track).or_insert_with(|| name.clone()), &name, "in frame {step}");
        }
    }
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_face_that_was_hidden_for_two_seconds_is_the_same_wherever_it_comes_back() {
    let mut scene = Scene::new(&["katya"]);
    let before = scene.keeps_seeing(5, &[put(100.0, KATYA)]);
    assert!(scene.keeps_seeing(20, &[]).is_empty());
    assert_eq!(scene.sees(&[put(600.0, KATYA)]), before);
    scene.keeps_seeing(35, &[]);
    assert_eq!(scene.sees(&[put(600.0, KATYA)])[0].0, before[0].0 + 1, "after more than three it is a new visit");
}

#[test]
fn whoever_takes_a_place_does_not_take_the_decision_along() {
    let mut scene = Scene::new(&["katya"]);
    let katya = scene.keeps_seeing(10, &[put(300.0, KATYA)]);
    assert_eq!(katya[0].1, Verdict::Pass);
    let stranger = scene.keeps_seeing(25, &[put(300.0, STRANGER)]);
    assert_eq!((stranger[0].0, stranger[0].1), (2, Verdict::Reject(Reason::BelowThreshold)));
    // Her own track has come to its end, with what was decided for her.
    let ended = scene.tracker.take_ended();
    assert!(ended.iter().any(|evidence| evidence.track == 1 && evidence.verdict == Verdict::Pass));
}

#[test]
fn a_single_odd_shot_does_not_end_a_track() {
    let mut scene = Scene::new(&["katya"]);
    let before = scene.keeps_seeing(20, &[put(300.0, KATYA)]);
    scene.sees(&[put(300.0, STRANGER)]);
    assert_eq!(scene.keeps_seeing(30, &[put(300.0, KATYA)]), before);
}

#[test]
fn in_another_scene_a_face_turned_away_is_not_who_stood_there_before() {
    let mut scene = Scene::new(&["katya"]);
    scene.keeps_seeing(10, &[put(300.0, KATYA)]);
    scene.is_other_scene = true;
    assert!(scene.sees(&[put(300.0, Looks::Useless)]).is_empty());
    scene.is_other_scene = false;
    assert!(scene.keeps_seeing(10, &[put(300.0, Looks::Useless)]).is_empty());
    // It was her after all.
    assert_eq!(scene.keeps_seeing(4, &[put(300.0, KATYA)]), [(1, Verdict::Pass, "katya".to_owned())]);
}

#[test]
fn a_face_that_stays_turned_away_is_not_accepted_for_ever() {
    let mut scene = Scene::new(&["katya"]);
    scene.keeps_seeing(10, &[put(300.0, KATYA)]);
    assert_eq!(scene.keeps_seeing(20, &[put(300.0, Looks::Useless)])[0].1, Verdict::Pass);
    assert!(matches!(scene.keeps_seeing(40, &[put(300.0, Looks::Useless)])[0].1, Verdict::Reject(_)));
    assert_eq!(scene.keeps_seeing(6, &[put(300.0, KATYA)])[0], (1, Verdict::Pass, "katya".to_owned()));
}

#[test]
fn a_crowd_beyond_all_measure_does_not_fill_the_memory() {
    let mut scene = Scene::new(&[]);
    for step in 0..30u16 {
        let faces: Vec<_> = (0..100u16).map(|n| put(f32::from(n * 200 + step * 97), Looks::Useless)).collect();
        scene.sees(&faces);
    }
    assert!(scene.tracker.tracks.len() <= super::MOST_TRACKS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn each_face_has_one_number_each_number_one_face_and_no_number_comes_again(
        frames in prop::collection::vec(
            prop::collection::vec((0.0f32..900.0, 40.0f32..160.0, 0usize..6), 0..6), 1..40,
        ),
    ) {
        let mut scene = Scene::new(&["katya", "zero", "ema"]);
        let mut over = HashSet::new();
        for faces in frames {
            let faces: Vec<_> = faces
                .iter()
                .map(|&(x, size, who)| Put { x, size, looks: if who == 5 { Looks::Useless } else { Looks::Like(who) } })
                .collect();
            let told = scene.sees(&faces);
            prop_assert!(told.len() <= faces.len());
            let ids: HashSet<_> = told.iter().map(|(track, ..)| *track).collect();
            prop_assert_eq!(ids.len(), told.len());
            over.extend(scene.tracker.take_ended().iter().map(|evidence| evidence.track));
            prop_assert!(ids.is_disjoint(&over));
            for (_, verdict, name) in told {
                prop_assert!(verdict != Verdict::Pass || ["katya", "zero", "ema"].contains(&name.as_str()));
            }
        }
    }
}

/// Frames among the next `count` in which somebody is accepted.
fn passes(scene: &mut Scene, count: usize, faces: &[Put]) -> usize {
    (0..count).filter(|_| scene.sees(faces).iter().any(|(_, verdict, _)| *verdict == Verdict::Pass)).count()
}

#[test]
fn an_unclear_stranger_does_not_live_on_the_shots_of_who_was_there_before() {
    let mut scene = Scene::new(&["katya"]);
    scene.keeps_seeing(300, &[put(300.0, KATYA)]);
    // No longer than it takes to look again, and then to stop believing.
    let accepted = passes(&mut scene, 600, &[put(300.0, Looks::Unclear(60))]);
    assert!(accepted <= 32, "{accepted} frames of 600");
}

#[test]
fn after_a_clear_shot_of_somebody_else_nobody_is_accepted_until_it_is_known_who_it_is() {
    let mut scene = Scene::new(&["katya"]);
    scene.keeps_seeing(30, &[put(300.0, KATYA)]);
    while !scene.sees(&[put(300.0, STRANGER)]).is_empty() {}
    assert_eq!(passes(&mut scene, 60, &[put(300.0, Looks::Useless)]), 0);
    assert!(passes(&mut scene, 10, &[put(300.0, KATYA)]) > 5);
}

#[test]
fn a_lookalike_who_is_refused_alone_is_refused_after_her_too_wherever_it_comes_from() {
    for raw in [63, 66, 72, 75] {
        for (gap, x) in [(4, 300.0), (20, 300.0), (20, 700.0)] {
            let mut scene = Scene::new(&["katya"]);
            scene.keeps_seeing(100, &[put(300.0, KATYA)]);
            scene.keeps_seeing(gap, &[]);
            let accepted = passes(&mut scene, 300, &[put(x, Looks::Near(raw))]);
            assert_eq!(accepted, 0, "at 0.{raw}, after {gap} frames, at {x}");
        }
    }
}

#[test]
fn a_face_that_can_never_be_recognised_does_not_keep_the_camera_busy() {
    let mut scene = Scene::new(&["katya"]);
    scene.keeps_seeing(600, &[put(300.0, Looks::Useless)]);
    assert!(!scene.tracker.is_curious(&scene.enrolled.gallery));
    assert!(scene.embeddings < 80, "{} embeddings in a minute", scene.embeddings);
}

#[test]
fn what_changes_in_the_gallery_after_the_last_sight_takes_a_pass_away_and_gives_none() {
    let mut scene = Scene::new(&["katya"]);
    assert_eq!(scene.keeps_seeing(5, &[put(300.0, KATYA), put(600.0, STRANGER)])[0].1, Verdict::Pass);
    scene.keeps_seeing(5, &[]);
    scene.enrolled.remove("katya");
    let Looks::Like(stranger) = STRANGER else { unreachable!() };
    scene.enrolled.enrol("zero", person(stranger));
    scene.keeps_seeing(35, &[]);
    let ended = scene.tracker.take_ended();
    let verdicts: Vec<Verdict> = ended.iter().map(|evidence| evidence.verdict).collect();
    assert_eq!(verdicts, [Verdict::Reject(Reason::BelowThreshold); 2], "{ended:?}");
}

#[test]
fn a_rule_that_tightens_takes_a_pass_back_at_once_and_one_that_loosens_lets_nobody_pass_who_has_gone() {
    let near = |threshold: f32| Rule { threshold: Distance::new(threshold), strong: Distance::new(0.0), ..rule() };
    let mut scene = Scene::new(&["katya"]);
    let verdicts = |told: Vec<Told>| told.into_iter().map(|(_, verdict, _)| verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(scene.keeps_seeing(5, &[put(300.0, KATYA)])), [Verdict::Pass]);
    scene.tracker.judge_by(near(0.01));
    assert_eq!(verdicts(scene.sees(&[put(300.0, KATYA)])), [Verdict::Reject(Reason::BelowThreshold)]);
    scene.tracker.judge_by(rule());
    assert_eq!(verdicts(scene.sees(&[put(300.0, KATYA)])), [Verdict::Pass]);
    scene.tracker.judge_by(near(0.01));
    scene.sees(&[put(300.0, KATYA)]);
    scene.sees(&[]);
    scene.tracker.judge_by(rule());
    scene.keeps_seeing(40, &[]);
    let ended: Vec<_> = scene.tracker.take_ended().iter().map(|evidence| evidence.verdict).collect();
    assert_eq!(ended, [Verdict::Reject(Reason::BelowThreshold)]);
}

/// A tile of a picture of 1920×1080 around this place.
fn tile(x: u32, width: u32) -> Part {
    Part::Tile(Area { left: x, top: 0, width, height: 500 })
}

impl Scene {
    /// A frame later of which this part only is looked at, and the faces there.
    fn sees_in(&mut self, part: Part, faces: &[Put]) -> Vec<Told> {
        self.tracker.looks_only_at(&[part], (1920, 1080));
        self.sees(faces)
    }
}

fn small(x: f32, looks: Looks) -> Put {
    Put { x, size: 40.0, looks }
}

#[test]
fn a_small_face_is_neither_lost_nor_split_while_other_parts_have_their_turn() {
    let mut scene = Scene::new(&["katya"]);
    let first = scene.sees_in(tile(0, 600), &[small(300.0, KATYA)]);
    assert_eq!(first, [(1, Verdict::Pass, "katya".to_owned())]);
    for step in 0..60u8 {
        // She walks on; each third look is at her, and in between she is where she is expected.
        let at = 300.0 + f32::from(step);
        assert_eq!(scene.sees_in(Part::Whole, &[]), first, "in round {step}");
        assert_eq!(scene.sees_in(tile(1200, 600), &[]), first);
        assert_eq!(scene.sees_in(tile(0, 600), &[small(at, KATYA)]), first);
    }
    assert!(scene.tracker.take_ended().is_empty());
}

#[test]
fn nobody_has_gone_before_being_looked_for_and_is_gone_when_that_was_in_vain() {
    let mut scene = Scene::new(&["katya"]);
    scene.sees_in(tile(0, 600), &[small(300.0, KATYA)]);
    let told = (0..50).filter(|_| !scene.sees_in(tile(1200, 600), &[]).is_empty()).count();
    assert!((8..=11).contains(&told), "told of for a second, not for {told} frames");
    assert!(scene.tracker.take_ended().is_empty(), "five seconds, and nobody has looked");
    scene.sees_in(tile(0, 600), &[]);
    assert_eq!(scene.tracker.take_ended().len(), 1);
}

#[test]
fn a_face_that_left_is_not_told_of_any_more_once_its_place_was_looked_at() {
    let mut scene = Scene::new(&["katya"]);
    scene.sees_in(tile(0, 600), &[small(300.0, KATYA)]);
    assert_eq!(scene.sees_in(tile(1200, 600), &[]).len(), 1);
    assert!(scene.sees_in(tile(0, 600), &[]).is_empty());
    assert!(scene.sees_in(tile(1200, 600), &[]).is_empty());
}

#[test]
fn an_eye_that_a_tile_shows_of_a_large_face_is_no_face() {
    let mut scene = Scene::new(&["katya"]);
    let large = Put { x: 300.0, size: 300.0, looks: KATYA };
    let katya = scene.sees_in(Part::Whole, &[large]);
    assert_eq!(scene.sees_in(tile(200, 600), &[small(310.0, STRANGER)]), katya);
    assert_eq!(scene.tracker.tracks.len(), 1);
}

#[test]
fn after_a_cut_a_tile_shows_nobody_who_was_there_before_it() {
    let mut scene = Scene::new(&["katya"]);
    scene.sees_in(tile(0, 600), &[small(300.0, KATYA)]);
    scene.is_other_scene = true;
    assert!(scene.sees_in(Part::Whole, &[]).is_empty());
    scene.is_other_scene = false;
    assert!(scene.sees_in(tile(0, 600), &[small(300.0, Looks::Useless)]).is_empty());
}

#[test]
fn attributes_are_the_mean_of_three_looks_at_clear_shots_however_long_a_face_stays() {
    let mut scene = Scene::new(&["katya"]);
    let mut looks = 0u8;
    for _ in 0..200 {
        scene.sees(&[put(300.0, KATYA), put(600.0, Looks::Unclear(60))]);
        let mut look = |found: &Detection, _: &FivePoints| {
            assert!(found.area.left < 400.0, "unclear shots are not looked at");
            looks += 1;
            let age = Estimate { value: 10.0 * f32::from(looks), error: 11.0 };
            Ok(Attributes { age: Some(age), ..Attributes::default() })
        };
        scene.tracker.look_closer(&scene.enrolled.gallery, &mut look).unwrap();
    }
    assert_eq!(looks, 3);
    let faces = scene.tracker.faces(scene.start + scene.now, &scene.enrolled.gallery);
    let told: Vec<_> = faces.iter().filter_map(|face| face.attributes).collect();
    let mean = Some(Estimate { value: 20.0, error: 11.0 });
    assert_eq!(told, [Attributes { age: mean, ..Attributes::default() }]);
}
