use proptest::prelude::*;

use super::*;

const SPOOF: Verdict = Verdict::Reject(Reason::Spoof);
const UNSEEN: Verdict = Verdict::Reject(Reason::NotSeenAlive);
const UNTURNED: Verdict = Verdict::Reject(Reason::HeadNotTurned);

fn votes(mode: LivenessMode, scores: &[f32]) -> LivenessVotes {
    let mut votes = LivenessVotes::new(LivenessRule { mode, turn: false });
    scores.iter().for_each(|score| votes.add(*score));
    votes
}

fn enforced(scores: &[f32]) -> Verdict {
    votes(LivenessMode::Enforce, scores).judge(Verdict::Pass)
}

#[test]
fn nobody_passes_before_enough_shots_look_alive() {
    assert_eq!([&[][..], &[1.0], &[1.0, 1.0]].map(enforced), [UNSEEN; 3]);
    assert_eq!(enforced(&[1.0, 1.0, 1.0]), Verdict::Pass);
    assert_eq!(enforced(&[0.0, 0.0, 0.0, 0.0]), UNSEEN);
    assert_eq!(enforced(&[0.0, 0.0, 0.0, 0.0, 0.0]), SPOOF);
    assert_eq!(enforced(&[f32::NAN, 1.0, 1.0]), UNSEEN, "a shot without a number looks like a picture");
}

#[test]
fn other_modes_change_no_verdict_and_a_stranger_is_refused_for_what_it_is() {
    let stranger = Verdict::Reject(Reason::BelowThreshold);
    for mode in [LivenessMode::Off, LivenessMode::Observe] {
        assert_eq!(votes(mode, &[0.0; 9]).judge(Verdict::Pass), Verdict::Pass);
    }
    assert_eq!(votes(LivenessMode::Enforce, &[1.0]).judge(stranger), stranger);
    assert_eq!(votes(LivenessMode::Enforce, &[0.0; 5]).judge(stranger), SPOOF);
    assert_eq!(votes(LivenessMode::Off, &[]).pause(), None);
}

#[test]
fn a_spoof_is_one_until_a_full_set_of_new_shots_looks_alive_also_when_somebody_else_may_be_there() {
    let mut track = votes(LivenessMode::Enforce, &[0.0; 5]);
    assert!(track.take_news() && !track.take_news());
    (0..3).for_each(|_| track.add(1.0));
    assert_eq!(track.judge(Verdict::Pass), SPOOF);
    track.doubt();
    (0..KEPT - 1).for_each(|_| track.add(1.0));
    assert_eq!(track.judge(Verdict::Pass), SPOOF);
    track.add(1.0);
    assert_eq!(track.judge(Verdict::Pass), Verdict::Pass);
}

#[test]
fn after_a_doubt_it_has_to_be_seen_alive_again() {
    let mut track = votes(LivenessMode::Enforce, &[1.0; 10]);
    track.doubt();
    assert_eq!(track.judge(Verdict::Pass), UNSEEN);
    (0..LEAST - 1).for_each(|_| track.add(1.0));
    assert_eq!(track.judge(Verdict::Pass), UNSEEN);
    track.add(1.0);
    assert_eq!(track.judge(Verdict::Pass), Verdict::Pass);
    // What was seen before lends nothing to what is there now.
    track.doubt();
    (0..LEAST).for_each(|_| track.add(LIVE_FROM - 0.1));
    assert_eq!(track.judge(Verdict::Pass), UNSEEN);
}

#[test]
fn a_picture_that_is_in_doubt_again_and_again_is_a_spoof_all_the_same() {
    let mut track = votes(LivenessMode::Enforce, &[]);
    for _ in 0..LEAST_FOR_SPOOF {
        track.doubt();
        track.add(0.1);
    }
    assert_eq!(track.judge(Verdict::Pass), SPOOF);
}

/// Seen alive, and asked to turn.
fn asked(mode: LivenessMode) -> LivenessVotes {
    let mut track = LivenessVotes::new(LivenessRule { mode, turn: true });
    (0..LEAST).for_each(|_| track.add(1.0));
    track
}

/// The head turns by so many degrees within two seconds.
fn turns(track: &mut LivenessVotes, by: f32) {
    let start = Instant::now();
    (0..20u8).for_each(|i| {
        track.saw(by * f32::from(i) / 16.0, 0.99, start + Duration::from_millis(100) * u32::from(i));
    });
}

#[test]
fn who_has_to_turn_passes_once_turned_and_until_the_next_doubt() {
    let mut track = asked(LivenessMode::Enforce);
    assert_eq!(track.judge(Verdict::Pass), UNTURNED);
    assert_eq!((track.pause(), track.is_settled()), (Some(UNTURNED_PAUSE), true));
    turns(&mut track, 8.0);
    assert_eq!(track.judge(Verdict::Pass), UNTURNED);
    turns(&mut track, 30.0);
    assert_eq!((track.judge(Verdict::Pass), track.pause()), (Verdict::Pass, None));
    assert!(track.liveness().unwrap().turn >= Some(Liveness::TURNED_FROM));
    track.doubt_turn();
    assert_eq!(track.judge(Verdict::Pass), Verdict::Pass, "it was over by then");
    track.doubt();
    (0..LEAST).for_each(|_| track.add(1.0));
    assert_eq!(track.judge(Verdict::Pass), UNTURNED);
    assert_eq!(track.liveness().unwrap().turn, Some(0));
}

#[test]
fn where_nobody_has_to_turn_it_is_told_and_changes_nothing() {
    for mut track in [asked(LivenessMode::Observe), votes(LivenessMode::Enforce, &[1.0; 3])] {
        assert_eq!((track.judge(Verdict::Pass), track.pause()), (Verdict::Pass, None));
        turns(&mut track, 30.0);
        assert!(track.liveness().unwrap().turn >= Some(25));
    }
    let stranger = Verdict::Reject(Reason::BelowThreshold);
    assert_eq!(asked(LivenessMode::Enforce).judge(stranger), stranger);
}

#[test]
fn what_a_spoof_turns_does_not_count_when_it_looks_alive_later() {
    let mut track = asked(LivenessMode::Enforce);
    turns(&mut track, 30.0);
    (0..KEPT).for_each(|_| track.add(0.0));
    turns(&mut track, 30.0);
    assert_eq!(track.judge(Verdict::Pass), SPOOF);
    (0..2 * KEPT).for_each(|_| track.add(1.0));
    assert_eq!(track.judge(Verdict::Pass), UNTURNED);
    turns(&mut track, 30.0);
    assert_eq!(track.judge(Verdict::Pass), Verdict::Pass);
}

#[test]
fn a_turn_that_is_not_over_when_somebody_else_is_seen_begins_anew() {
    let mut track = asked(LivenessMode::Enforce);
    turns(&mut track, 12.0);
    track.doubt_turn();
    assert_eq!(track.liveness().unwrap().turn, Some(0));
}

proptest! {
    #[test]
    fn a_shot_that_looks_less_alive_never_makes_it_pass(
        scores in prop::collection::vec(0f32..=1.0, 0..30), at in 0usize..30, lower in 0f32..=1.0,
    ) {
        let mut worse = scores.clone();
        if let Some(score) = worse.get_mut(at) {
            *score = score.min(lower);
        }
        let mut worse = votes(LivenessMode::Enforce, &worse);
        // Who was a spoof in between has had to look alive for longer, counted from another shot on.
        let passes = !worse.take_news() && worse.judge(Verdict::Pass) == Verdict::Pass;
        prop_assert!(enforced(&scores) == Verdict::Pass || !passes);
    }

    /// By the rule as it is written in docs/reference/liveness.md, shot by shot, with doubts in between.
    #[test]
    fn who_passes_has_looked_alive_since_the_last_doubt_and_for_a_full_set_of_shots_since_the_last_spoof(
        steps in prop::collection::vec(prop::option::weighted(0.9, 0f32..=1.0), 0..60),
    ) {
        let mut track = votes(LivenessMode::Enforce, &[]);
        let (mut scores, mut since_doubt, mut since_spoof) = (Vec::new(), 0, None);
        for step in steps {
            match step {
                None => {
                    track.doubt();
                    (since_doubt, since_spoof) = (0, since_spoof.map(|_: usize| 0));
                }
                Some(score) => {
                    track.add(score);
                    scores.push(score);
                    (since_doubt, since_spoof) = (since_doubt + 1, since_spoof.map(|since| since + 1));
                }
            }
            if track.take_news() {
                since_spoof = Some(0);
            }
            if track.judge(Verdict::Pass) != Verdict::Pass {
                continue;
            }
            let newest: Vec<f32> = scores.iter().rev().take(since_doubt.min(KEPT)).copied().collect();
            prop_assert!(since_doubt >= LEAST, "{since_doubt} shots");
            prop_assert!(newest.iter().sum::<f32>() / newest.len() as f32 >= LIVE_FROM - 1e-5, "{newest:?}");
            prop_assert!(since_spoof.is_none_or(|since| since >= KEPT), "{since_spoof:?} shots after a spoof");
            since_spoof = None;
        }
    }

    #[test]
    fn after_a_spoof_fewer_than_a_full_set_of_shots_never_make_it_pass(
        before in prop::collection::vec(0f32..=1.0, 0..20), after in prop::collection::vec(0f32..=1.0, 0..KEPT),
    ) {
        let mut track = votes(LivenessMode::Enforce, &before);
        prop_assume!(track.judge(Verdict::Pass) != SPOOF);
        while track.judge(Verdict::Pass) != SPOOF {
            track.add(0.0);
        }
        after.iter().for_each(|score| track.add(*score));
        prop_assert_eq!(track.judge(Verdict::Pass), SPOOF);
    }

    #[test]
    fn who_is_never_seen_alive_never_passes(scores in prop::collection::vec(0f32..LIVE_FROM, 0..40)) {
        prop_assert_ne!(enforced(&scores), Verdict::Pass);
    }
}
