//! Who is followed has to be seen alive.

use super::*;

const UNSEEN: Verdict = Verdict::Reject(Reason::NotSeenAlive);
const UNTURNED: Verdict = Verdict::Reject(Reason::HeadNotTurned);
const SPOOF: Verdict = Verdict::Reject(Reason::Spoof);

/// A door at which pictures of people are refused; its model gives every face this score.
fn door(score: f32) -> Scene {
    let mut scene = Scene::new(&["katya"]);
    scene.tracker = Tracker::new(rule(), LivenessRule { mode: LivenessMode::Enforce, turn: false });
    scene.liveness = Some(score);
    scene
}

/// The verdicts of so many frames.
fn verdicts(scene: &mut Scene, frames: usize, faces: &[Put]) -> Vec<Verdict> {
    (0..frames).flat_map(|_| scene.sees(faces)).map(|(_, verdict, _)| verdict).collect()
}

#[test]
fn somebody_living_passes_with_the_third_shot_and_costs_few_more() {
    let mut scene = door(0.95);
    let seen = verdicts(&mut scene, 100, &[put(300.0, KATYA)]);
    assert_eq!(seen[..2], [UNSEEN; 2]);
    assert!(seen[2..].iter().all(|verdict| *verdict == Verdict::Pass), "{seen:?}");
    assert!((7..=10).contains(&scene.embeddings), "{} embeddings for 100 frames", scene.embeddings);
}

#[test]
fn a_picture_never_passes_and_is_a_spoof_to_the_end() {
    let mut scene = door(0.3);
    let seen = verdicts(&mut scene, 60, &[put(300.0, KATYA)]);
    assert!(seen[..4].iter().all(|verdict| *verdict == UNSEEN), "{seen:?}");
    assert!(seen[4..].iter().all(|verdict| *verdict == SPOOF), "{seen:?}");
    scene.keeps_seeing(40, &[]);
    let ended = scene.tracker.take_ended();
    assert_eq!(ended.iter().map(|evidence| evidence.verdict).collect::<Vec<_>>(), [SPOOF]);
    assert!(ended[0].liveness.is_some_and(|liveness| liveness.score < 0.4));
}

#[test]
fn a_picture_that_takes_the_place_of_the_living_person_does_not_pass_for_her() {
    for is_cut in [true, false] {
        let mut scene = door(0.95);
        assert_eq!(verdicts(&mut scene, 20, &[put(300.0, KATYA)])[19], Verdict::Pass);
        // She steps aside, or the picture changes at once; then a print of her is held there.
        if !is_cut {
            scene.keeps_seeing(12, &[]);
        }
        scene.liveness = Some(0.2);
        scene.is_other_scene = is_cut;
        let first = verdicts(&mut scene, 1, &[put(300.0, KATYA)]);
        scene.is_other_scene = false;
        let seen = [first, verdicts(&mut scene, 30, &[put(300.0, KATYA)])].concat();
        assert!(seen.iter().all(|verdict| *verdict != Verdict::Pass), "cut {is_cut}: {seen:?}");
    }
}

#[test]
fn who_was_refused_as_a_picture_has_to_look_alive_for_longer() {
    let mut scene = door(0.2);
    assert_eq!(*verdicts(&mut scene, 10, &[put(300.0, KATYA)]).last().unwrap(), SPOOF);
    scene.liveness = Some(1.0);
    let seen = verdicts(&mut scene, 60, &[put(300.0, KATYA)]);
    let first = seen.iter().position(|verdict| *verdict == Verdict::Pass).expect("in the end she passes");
    assert!(first >= 20, "in frame {first}");
}

#[test]
fn a_face_that_is_nobodys_is_not_asked_for_more_shots_to_see_whether_it_is_alive() {
    let (mut with, mut without) = (door(0.95), Scene::new(&["katya"]));
    with.keeps_seeing(60, &[put(300.0, STRANGER)]);
    without.keeps_seeing(60, &[put(300.0, STRANGER)]);
    assert_eq!(with.embeddings, without.embeddings);
}

/// A door that is looked at so often.
fn slow_door(score: f32, ms: u64) -> Scene {
    Scene { pace: Duration::from_millis(ms), ..door(score) }
}

#[test]
fn somebody_living_passes_with_the_third_shot_however_seldom_a_frame_is_looked_at() {
    for ms in [310, 400, 700, 1_000, 2_500] {
        let seen = verdicts(&mut slow_door(0.95, ms), 12, &[put(300.0, KATYA)]);
        assert_eq!(seen[..2], [UNSEEN; 2], "every {ms} ms");
        assert!(seen[2..].iter().all(|verdict| *verdict == Verdict::Pass), "every {ms} ms: {seen:?}");
        let seen = verdicts(&mut slow_door(0.3, ms), 12, &[put(300.0, KATYA)]);
        assert!(seen[4..].iter().all(|verdict| *verdict == SPOOF), "every {ms} ms: {seen:?}");
    }
}

#[test]
fn who_looks_like_a_picture_at_first_passes_in_the_end_however_seldom_a_frame_is_looked_at() {
    let mut scene = slow_door(0.2, 400);
    assert_eq!(*verdicts(&mut scene, 6, &[put(300.0, KATYA)]).last().unwrap(), SPOOF);
    scene.liveness = Some(1.0);
    assert_eq!(*verdicts(&mut scene, 12, &[put(300.0, KATYA)]).last().unwrap(), Verdict::Pass);
}

#[test]
fn a_face_that_has_every_third_frame_is_seen_alive_too() {
    let mut scene = slow_door(0.95, 125);
    let mut seen = Vec::new();
    for _ in 0..6 {
        let whole = scene.sees_in(Part::Whole, &[put(300.0, KATYA)]);
        seen.extend(whole.into_iter().map(|(_, verdict, _)| verdict));
        // Tiles elsewhere.
        (0..2).for_each(|_| assert_eq!(scene.sees_in(tile(1200, 600), &[]).len(), 1));
    }
    assert_eq!(seen, [&[UNSEEN; 2][..], &[Verdict::Pass; 4]].concat());
}

#[test]
fn where_frames_are_looked_at_seldom_a_picture_does_not_pass_for_her_either() {
    // She has gone, and was missed; the picture has become another one; another face has come near.
    for doubt in ["missed", "cut", "rival", "late"] {
        let mut scene = slow_door(0.95, 400);
        assert_eq!(*verdicts(&mut scene, 6, &[put(300.0, KATYA)]).last().unwrap(), Verdict::Pass);
        scene.liveness = Some(0.2);
        match doubt {
            "missed" => scene.keeps_seeing(1, &[]),
            "rival" => scene.sees(&[put(310.0, STRANGER), put(290.0, KATYA)]),
            "late" => {
                scene.now += Duration::from_secs(5);
                Vec::new()
            }
            _ => Vec::new(),
        };
        scene.is_other_scene = doubt == "cut";
        let first = verdicts(&mut scene, 1, &[put(300.0, KATYA)]);
        scene.is_other_scene = false;
        let seen = [first, verdicts(&mut scene, 12, &[put(300.0, KATYA)])].concat();
        assert!(seen.iter().all(|verdict| *verdict != Verdict::Pass), "{doubt}: {seen:?}");
    }
}

/// A door at which people have to turn their heads.
fn turning_door() -> Scene {
    let mut scene = door(0.95);
    scene.tracker = Tracker::new(rule(), LivenessRule { mode: LivenessMode::Enforce, turn: true });
    scene
}

/// The verdicts while the face turns to a side by 30° and back, in three seconds.
fn turning(scene: &mut Scene, face: Put) -> Vec<Verdict> {
    let there = (0..15u8).map(f32::from);
    let seen = there.clone().chain(there.rev()).flat_map(|step| {
        scene.yaw = 2.0 * step;
        verdicts(scene, 1, &[face])
    });
    seen.collect()
}

#[test]
fn who_turns_passes_and_who_stands_still_is_told_to_turn() {
    let mut scene = turning_door();
    let katya = put(300.0, KATYA);
    let still = verdicts(&mut scene, 100, &[katya]);
    assert!(still[2..].iter().all(|verdict| *verdict == UNTURNED), "{still:?}");
    assert!(scene.embeddings <= 45, "{} embeddings in 10 s", scene.embeddings);
    let seen = turning(&mut scene, katya);
    let first = seen.iter().position(|verdict| *verdict == Verdict::Pass).expect("she has turned");
    assert!((7..15).contains(&first), "in frame {first}");
    assert!(seen[first..].iter().all(|verdict| *verdict == Verdict::Pass), "{seen:?}");
    // Long after the window of the turn.
    assert!(verdicts(&mut scene, 300, &[katya]).iter().all(|verdict| *verdict == Verdict::Pass));
}

#[test]
fn a_photo_that_takes_the_place_of_who_has_turned_does_not_pass_for_it() {
    for is_cut in [true, false] {
        let mut scene = turning_door();
        let katya = put(300.0, KATYA);
        assert_eq!(turning(&mut scene, katya).last(), Some(&Verdict::Pass));
        if !is_cut {
            scene.keeps_seeing(12, &[]);
        }
        // The photo looks alive to the model, too.
        scene.is_other_scene = is_cut;
        let first = verdicts(&mut scene, 1, &[katya]);
        scene.is_other_scene = false;
        let seen = [first, verdicts(&mut scene, 60, &[katya])].concat();
        assert!(seen.iter().all(|verdict| *verdict != Verdict::Pass), "cut {is_cut}: {seen:?}");
        assert_eq!(seen.last(), Some(&UNTURNED));
    }
}

#[test]
fn an_accomplice_who_turns_in_the_place_of_the_photo_does_not_make_it_pass() {
    for accomplice in [STRANGER, Looks::Unclear(60)] {
        let mut scene = turning_door();
        assert_eq!(verdicts(&mut scene, 20, &[put(300.0, KATYA)]).last(), Some(&UNTURNED));
        turning(&mut scene, put(300.0, accomplice));
        let seen = verdicts(&mut scene, 60, &[put(300.0, KATYA)]);
        assert!(seen.iter().all(|verdict| *verdict != Verdict::Pass), "{accomplice:?}: {seen:?}");
    }
}

#[test]
fn at_a_turned_face_that_is_lost_and_back_soon_the_turn_goes_on() {
    let mut scene = turning_door();
    let katya = put(300.0, KATYA);
    scene.keeps_seeing(10, &[katya]);
    for yaw in [3.0, 6.0, 9.0, 12.0] {
        scene.yaw = yaw;
        scene.sees(&[katya]);
    }
    scene.sees(&[]);
    for yaw in [15.0, 18.0, 22.0, 24.0, 24.0] {
        scene.yaw = yaw;
        scene.sees(&[katya]);
    }
    assert_eq!(verdicts(&mut scene, 1, &[katya]), [Verdict::Pass]);
}
