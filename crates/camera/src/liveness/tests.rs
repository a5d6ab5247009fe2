//! How far a head has turned.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::turn::{TURNED_FROM, Turn};

/// The turn after these yaws, so many milliseconds apart.
fn after(yaws: &[f32], ms: u64) -> Turn {
    let (mut turn, start) = (Turn::default(), Instant::now());
    yaws.iter().zip(0u32..).for_each(|(yaw, at)| turn.saw(*yaw, 0.99, start + Duration::from_millis(ms) * at));
    turn
}

/// After a second of standing still there and back by so many degrees in two seconds, at this frame rate.
fn there_and_back(by: f32, fps: u32) -> Turn {
    let yaws: Vec<f32> = (0..=3 * fps).map(|i| by * (1.0 - (i as f32 / fps as f32 - 2.0).abs()).max(0.0)).collect();
    after(&yaws, 1000 / u64::from(fps))
}

#[test]
fn a_head_that_turns_to_a_side_and_back_has_turned_at_any_ordinary_frame_rate() {
    for fps in [4, 5, 8, 15, 25] {
        assert!(there_and_back(30.0, fps).is_seen(), "{fps} frames a second");
        assert!(there_and_back(-30.0, fps).is_seen(), "{fps} frames a second");
        assert!(!there_and_back(TURNED_FROM - 2.0, fps).is_seen(), "{fps} frames a second");
    }
}

#[test]
fn one_wrong_yaw_is_no_turn_and_two_frames_are_none() {
    assert!(after(&[0.0, 0.0, 9.0, 0.0, -9.0, 0.0, 0.0], 100).widest() < 1.0);
    assert!(after(&[0.0, 20.0], 100).widest() < 1.0);
}

#[test]
fn another_photo_in_the_same_place_is_no_turn() {
    let photos = [[-15.0; 8], [15.0; 8], [-15.0; 8]].concat();
    assert!(!after(&photos, 100).is_seen());
    // Nor are two that sway a little.
    let sways: Vec<f32> = photos.iter().zip(0i16..).map(|(yaw, at)| yaw + 4.0 * (f32::from(at)).sin()).collect();
    assert!(!after(&sways, 100).is_seen());
}

#[test]
fn what_is_longer_ago_than_the_window_does_not_count_and_what_was_seen_stays_seen() {
    let slow: Vec<f32> = (0..200).map(|i| i as f32 * 0.2).collect();
    assert!(!after(&slow, 100).is_seen(), "40° in 20 s: by 10° within 5 s");
    let mut turned: Vec<f32> = (0..25).map(|i| i as f32).collect();
    turned.extend([0.0; 200]);
    assert!(after(&turned, 100).is_seen());
}

#[test]
fn faces_of_which_the_points_are_guesses_do_not_count() {
    let (mut turn, start) = (Turn::default(), Instant::now());
    for i in 0..60u16 {
        let at = start + Duration::from_millis(50) * u32::from(i);
        turn.saw(f32::from(i), 0.89, at);
        turn.saw(60.1 + f32::from(i) / 2.0, 0.99, at);
        turn.saw(f32::NAN, 0.99, at);
    }
    assert_eq!(turn.widest(), 0.0);
}

proptest! {
    #[test]
    fn a_picture_that_seems_to_turn_by_less_than_the_limit_never_has(yaws in prop::collection::vec(-9.9f32..9.9, 0..200)) {
        prop_assert!(!after(&yaws, 50).is_seen());
    }

    #[test]
    fn the_span_is_never_wider_than_what_was_measured_and_never_shrinks(yaws in prop::collection::vec(-60f32..60.0, 3..60)) {
        let ends = |of: fn(f32, f32) -> f32| yaws.iter().copied().reduce(of).unwrap();
        prop_assert!(after(&yaws, 100).widest() <= ends(f32::max) - ends(f32::min));
        prop_assert!(after(&yaws[..yaws.len() - 1], 100).widest() <= after(&yaws, 100).widest());
    }
}
