use std::time::SystemTime;

use face::{Beside, Embedding, Rect};
use models::{Catalog, DistanceKind};
use proptest::prelude::*;

use super::{KEPT, View, Votes};
use crate::decision::{Reason, Rule, Verdict};
use crate::made::{Enrolled, person, rule, shot};

fn view(yaw: f32) -> View {
    let area = Rect { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };
    View { at: SystemTime::UNIX_EPOCH, area, score: 0.99, yaw }
}

fn votes(enrolled: &Enrolled, shots: impl IntoIterator<Item = Embedding>) -> Votes {
    let mut votes = Votes::default();
    for shot in shots {
        votes.add(view(0.0), shot, enrolled.gallery.gates(), &enrolled.gallery);
    }
    votes
}

fn verdict(enrolled: &Enrolled, shots: impl IntoIterator<Item = Embedding>) -> (Verdict, Option<String>) {
    let votes = votes(enrolled, shots);
    let name = votes.nearest().map(|nearest| nearest.name.to_string());
    (votes.verdict(&rule(), enrolled.gallery.gates()), name)
}

/// Raw distances in the middle of what counts as strong, as near enough, and as too far.
const STRONG: f32 = 0.3;
const WEAK: f32 = 0.55;
const FAR: f32 = 0.7;

#[test]
fn one_strong_shot_is_enough_and_of_weaker_ones_two_must_agree() {
    let enrolled = Enrolled::of(&["katya", "zero"]);
    let katya = Some("katya".to_owned());
    assert_eq!(verdict(&enrolled, [shot(0, STRONG, 1, 3.6)]), (Verdict::Pass, katya.clone()));
    assert_eq!(verdict(&enrolled, [shot(0, WEAK, 1, 3.6)]), (Verdict::Reject(Reason::TooFewShots), katya.clone()));
    assert_eq!(verdict(&enrolled, [shot(0, WEAK, 1, 3.6), shot(0, WEAK, 2, 3.6)]), (Verdict::Pass, katya));
}

#[test]
fn a_strong_shot_that_is_unclear_does_not_count_for_two() {
    let enrolled = Enrolled::of(&["katya"]);
    assert_eq!(verdict(&enrolled, [shot(0, STRONG, 1, 2.9)]).0, Verdict::Reject(Reason::TooFewShots));
}

#[test]
fn how_many_shots_must_agree_is_the_rules_choice() {
    let enrolled = Enrolled::of(&["katya"]);
    let shots: Vec<_> = (0..3).map(|salt| shot(0, WEAK, salt, 3.6)).collect();
    let asks = |shots: u32| Rule { shots, ..rule() };
    let votes = votes(&enrolled, shots);
    assert_eq!(votes.verdict(&asks(3), enrolled.gallery.gates()), Verdict::Pass);
    assert_eq!(votes.verdict(&asks(4), enrolled.gallery.gates()), Verdict::Reject(Reason::TooFewShots));
}

#[test]
fn one_bad_frame_neither_opens_the_door_nor_flips_the_name() {
    let enrolled = Enrolled::of(&["katya", "zero"]);
    // A stranger, once blurred into somebody.
    let stranger = [shot(50, 0.3, 1, 3.6), shot(1, WEAK, 2, 2.6), shot(50, 0.3, 3, 3.6)];
    assert!(matches!(verdict(&enrolled, stranger).0, Verdict::Reject(_)));
    // Katya, once blurred into somebody else.
    let katya = [shot(0, 0.4, 1, 3.6), shot(1, WEAK, 2, 2.6), shot(0, 0.4, 3, 3.6)];
    assert_eq!(verdict(&enrolled, katya), (Verdict::Pass, Some("katya".to_owned())));
}

#[test]
fn two_people_who_are_equally_near_let_nobody_pass() {
    let enrolled = Enrolled::of(&["katya"]);
    let mut twin = person(0);
    (twin[0], twin[1]) = (0.999, 0.0447);
    enrolled.enrol("twin", twin);
    assert_eq!(verdict(&enrolled, [shot(0, STRONG, 7, 3.6)]).0, Verdict::Reject(Reason::TooNearToTwo));
}

#[test]
fn a_face_like_one_that_was_somebody_else_does_not_pass_until_that_is_taken_back() {
    let enrolled = Enrolled::of(&["katya", "zero"]);
    let lookalike = || shot(0, STRONG, 1, 3.6);
    let mut seen = votes(&enrolled, [lookalike()]);
    let event = enrolled.was_somebody_else("katya", lookalike().vector);
    assert!(seen.follow(&enrolled.gallery), "a running camera asks again");
    assert_eq!(seen.verdict(&rule(), enrolled.gallery.gates()), Verdict::Reject(Reason::Refuted));
    assert!(!seen.is_strong(&rule(), enrolled.gallery.gates()) && seen.agreeing(&rule()) == 0);
    seen.add(view(0.0), lookalike(), enrolled.gallery.gates(), &enrolled.gallery);
    assert!(!seen.newest_agrees(&rule()));
    // Katya herself, who is clearly nearer to her own photo, and others are not touched.
    assert_eq!(verdict(&enrolled, [shot(0, 0.1, 7, 3.6)]).0, Verdict::Pass);
    assert_eq!(verdict(&enrolled, [shot(1, STRONG, 1, 3.6)]).0, Verdict::Pass);
    enrolled.take_back(&event);
    assert_eq!(verdict(&enrolled, [lookalike()]).0, Verdict::Pass);
}

#[test]
fn a_face_that_is_not_recognised_has_a_reason() {
    let enrolled = Enrolled::of(&["katya"]);
    let reason = |shot, yaw| {
        let mut votes = Votes::default();
        votes.add(view(yaw), shot, enrolled.gallery.gates(), &enrolled.gallery);
        votes.verdict(&rule(), enrolled.gallery.gates()).reason()
    };
    assert_eq!(reason(shot(0, FAR, 1, 3.6), 0.0), Some(Reason::BelowThreshold));
    assert_eq!(reason(shot(0, FAR, 1, 2.7), 0.0), Some(Reason::Blurred));
    assert_eq!(reason(shot(0, FAR, 1, 2.7), -50.0), Some(Reason::TurnedAway));
    let nobody = Enrolled::of(&[]);
    assert_eq!(verdict(&nobody, [shot(0, STRONG, 1, 3.6)]).0, Verdict::Reject(Reason::NobodyEnrolled));
    let mut useless = Votes::default();
    useless.refuse(view(60.0), 2.0);
    assert_eq!(useless.verdict(&rule(), enrolled.gallery.gates()), Verdict::Reject(Reason::TurnedAway));
}

#[test]
fn somebody_enrolled_while_in_view_is_known_by_the_shots_that_are_there() {
    let enrolled = Enrolled::of(&["zero"]);
    let mut votes = votes(&enrolled, [shot(3, 0.4, 1, 3.6), shot(3, 0.4, 2, 3.6)]);
    assert!(!votes.follow(&enrolled.gallery));
    enrolled.enrol("ema", person(3));
    assert!(votes.follow(&enrolled.gallery));
    assert_eq!(votes.verdict(&rule(), enrolled.gallery.gates()), Verdict::Pass);
    assert_eq!(votes.nearest().unwrap().name.as_ref(), "ema");
}

#[test]
fn somebody_enrolled_in_the_moment_of_a_shot_is_known_by_the_older_ones_too() {
    let enrolled = Enrolled::of(&["katya"]);
    let mut votes = votes(&enrolled, [shot(5, WEAK, 1, 3.6), shot(5, WEAK, 2, 3.6)]);
    enrolled.enrol("newcomer", person(5));
    votes.add(view(0.0), shot(5, WEAK, 3, 3.6), enrolled.gallery.gates(), &enrolled.gallery);
    assert_eq!(votes.verdict(&rule(), enrolled.gallery.gates()), Verdict::Pass);
    assert_eq!(votes.agreeing(&rule()), 3);
}

#[test]
fn a_long_visit_keeps_its_best_shots_only() {
    let enrolled = Enrolled::of(&["katya"]);
    let votes = votes(&enrolled, (0..500).map(|n| shot(0, 0.4, n, 2.6 + (n % 10) as f32 / 10.0)));
    assert_eq!(votes.shots().len(), 12);
    assert!(votes.shots().iter().all(|shot| shot.quality > 3.4));
    assert!((votes.fused().unwrap().vector.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whoever_passes_is_the_one_most_of_the_weight_is_for(
        own in prop::collection::vec((0.2f32..0.5, 3.0f32..4.5), 2..8),
        other in (0.2f32..0.5, 2.5f32..2.99),
        at in 0usize..8,
    ) {
        let enrolled = Enrolled::of(&["katya", "zero"]);
        let mut shots: Vec<_> = own.iter().enumerate().map(|(n, &(raw, norm))| shot(0, raw, n, norm)).collect();
        shots.insert(at.min(shots.len()), shot(1, other.0, 99, other.1));
        let (verdict, name) = verdict(&enrolled, shots);
        prop_assert_eq!(name.as_deref(), Some("katya"));
        prop_assert_eq!(verdict, Verdict::Pass);
    }
}

/// The default pack, and one whose people are told apart by the length of the difference of two numbers.
fn two_packs() -> Catalog {
    let mut catalog = Catalog::builtin();
    let mut old = catalog.pack("default").unwrap().clone();
    old.name = "old".to_owned();
    old.embedder.space = "old".to_owned();
    (old.embedder.dim, old.embedder.distance) = (2, DistanceKind::L2);
    old.embedder.curve = vec![[0.0, 0.0], [2.0, 2.0]];
    catalog.packs.insert("old".to_owned(), old);
    catalog
}

#[test]
fn shots_vote_for_somebody_who_is_known_by_another_pack_in_its_own_space() {
    let enrolled = Enrolled::nobody(&two_packs());
    enrolled.enrol("zero", person(9));
    enrolled.enrol_elsewhere("katya", "old", &[1.5, 0.0]);
    let seen = |salt: usize, old: Option<f32>, norm: f32| {
        let beside = old.map(|old| Beside { space: "old".into(), vector: vec![1.5, old] });
        Embedding { beside: beside.into_iter().collect(), ..shot(0, 0.2, salt, norm) }
    };
    // Each by itself is weak, on different sides of her; together they are near, and a shot without that pack does no harm.
    let shots = [seen(1, Some(0.43), 3.6), seen(2, Some(-0.43), 3.6), seen(3, None, 3.6)];
    let votes = votes(&enrolled, shots);
    let nearest = votes.nearest().unwrap();
    assert_eq!((&*nearest.name, &*nearest.space), ("katya", "old"));
    assert!(nearest.distance.value() < 1e-3, "{nearest:?}");
    assert_eq!(votes.agreeing(&rule()), 2);
    assert_eq!(votes.verdict(&rule(), enrolled.gallery.gates()), Verdict::Pass);
    // Sharper shots from before she was known by that pack do not keep those out that show her.
    let sharp = (0..KEPT).map(|salt| seen(salt, None, 4.6));
    let late = self::votes(&enrolled, sharp.chain([seen(20, Some(0.0), 3.6), seen(21, Some(0.0), 3.6)]));
    assert_eq!((&*late.nearest().unwrap().name, late.len()), ("katya", KEPT));
    // The heavier shot counts for more there as well.
    let heavier = self::votes(&enrolled, [seen(1, Some(0.4), 4.2), seen(2, Some(0.0), 2.7)]);
    assert!((heavier.nearest().unwrap().distance.value() - 0.32).abs() < 1e-3, "{:?}", heavier.nearest());
}
