//! One person on several tracks, and faces that are hardly one.

use super::*;

fn unclear(track: TrackId, since: u64, reason: Reason) -> Seen {
    Seen { usable: false, since, frames: 12, ..seen(track, ANN, Verdict::Reject(reason)) }
}

/// Seen ten times a second.
fn keeps_seeing(day: &mut Day, ms: std::ops::RangeInclusive<u64>, who: &Seen) -> Vec<Change> {
    ms.step_by(100).flat_map(|ms| day.at(ms, std::slice::from_ref(who), &[])).collect()
}

#[test]
fn somebody_told_of_as_unknown_who_is_accepted_on_a_new_track_before_the_old_one_is_given_up_is_one_event() {
    let mut day = Day::new();
    let first = only(keeps_seeing(&mut day, 0..=2_500, &stranger(1, ANN)));
    let second = only(day.at(3_000, &[Seen { since: 3_000, ..pass(2, ANN) }], &[]));
    assert_eq!(told(&[second]), [(Phase::Update, Some("Ann"), first.event.id.as_str())]);
    assert!(day.at(5_500, &[Seen { since: 3_000, ..pass(2, ANN) }], &[stranger(1, ANN)]).is_empty());
    assert_eq!(day.passages.end().len(), 1);
}

#[test]
fn one_of_two_who_look_alike_is_not_taken_for_the_other_when_hidden_for_a_moment() {
    let mut day = Day::new();
    keeps_seeing(&mut day, 0..=1_000, &stranger(1, 7));
    for ms in [1_100, 1_500, 2_000, 3_000] {
        day.at(ms, &[stranger(1, 7), Seen { since: 1_100, ..stranger(2, 7) }], &[]);
    }
    let second = day.at(3_200, &[Seen { since: 1_100, ..stranger(2, 7) }], &[]);
    assert_eq!(only(second).phase, Phase::Start);
    assert_eq!(day.passages.end().len(), 2);
}

#[test]
fn who_turns_away_after_a_pass_is_no_second_event() {
    let mut day = Day::new();
    let first = only(keeps_seeing(&mut day, 0..=500, &pass(1, ANN)));
    assert!(day.at(3_100, &[], &[unclear(2, 900, Reason::TurnedAway)]).is_empty());
    assert!(day.at(3_500, &[], &[pass(1, ANN)]).is_empty());
    let end = only(day.passages.end());
    assert_eq!((end.event.id, end.event.status.as_str()), (first.event.id, "PASS"));
}

#[test]
fn who_looks_aside_and_back_is_no_second_event() {
    let mut day = Day::new();
    keeps_seeing(&mut day, 0..=500, &pass(1, ANN));
    // The track of the face from the side is given up a second after its last sight, when she is long seen again.
    keeps_seeing(&mut day, 2_400..=3_200, &pass(1, ANN));
    let frame = day.frame(2_300);
    let aside = day.evidence(&unclear(2, 900, Reason::TurnedAway), 2_300, &frame);
    let (times, work) = (SightingTimes::default(), Work::default());
    let frame = day.frame(3_300);
    let sighting =
        Sighting { camera: "door".into(), frame, faces: vec![].into(), ended: vec![aside], rule: RULE(), times, work };
    assert!(day.passages.follow(&sighting).is_empty());
    assert_eq!(day.passages.end().len(), 1);
}

#[test]
fn a_face_from_the_side_beside_somebody_in_view_or_long_after_is_an_event() {
    let mut day = Day::new();
    keeps_seeing(&mut day, 0..=3_000, &pass(1, ANN));
    assert_eq!(only(day.at(3_100, &[], &[unclear(2, 900, Reason::TurnedAway)])).phase, Phase::Start);

    let mut day = Day::new();
    keeps_seeing(&mut day, 0..=500, &pass(1, ANN));
    day.at(3_500, &[], &[pass(1, ANN)]);
    // Others who pass do not keep Ann's passage open for one another.
    day.at(9_000, &[], &[unclear(2, 7_500, Reason::TurnedAway)]);
    let other = only(day.at(13_000, &[], &[unclear(3, 11_500, Reason::TurnedAway)]));
    assert_eq!((other.phase, other.event.person), (Phase::Start, None));
}

#[test]
fn somebody_unknown_in_a_few_frames_is_an_event_only_with_a_shot_good_enough_to_enrol_from() {
    for (frames, ms, quality, events) in
        [(1, 100, 2.9, 0), (4, 1_000, 2.9, 0), (8, 400, 2.9, 0), (8, 500, 2.9, 1), (1, 100, 3.0, 1)]
    {
        let mut day = Day::new();
        let told = day.at(ms, &[], &[Seen { frames, quality, ..stranger(1, 7) }]).len();
        assert_eq!((told, day.passages.end().len()), (events, events), "{frames} frames, {ms} ms, quality {quality}");
    }
    let mut day = Day::new();
    assert_eq!(day.at(0, &[Seen { quality: 2.6, ..pass(1, ANN) }], &[]).len(), 1, "a PASS always");
}

#[test]
fn frames_are_not_kept_for_flickers_nor_once_their_pictures_are_made() {
    let mut day = Day::new();
    for track in 0..20 {
        day.at(track * 100, &[], &[Seen { frames: 2, since: track * 100, ..unclear(track, 0, Reason::Blurred) }]);
    }
    assert_eq!(held(&day), 0, "flickers");

    let mut day = Day::new();
    day.at(0, &[stranger(1, ANN)], &[]);
    assert!(only(day.at(600, &[], &[stranger(1, ANN)])).picture.is_some());
    assert_eq!(held(&day), 0, "the picture was made");

    let mut day = Day::new();
    assert!(only(day.at(0, &[pass(1, ANN)], &[])).picture.is_some());
    day.at(3_000, &[], &[pass(1, ANN)]);
    assert_eq!(held(&day), 1, "a better one is to be made");
    assert!(only(day.at(5_000, &[], &[])).picture.is_some());
    assert_eq!(held(&day), 0);
}

/// Frames that are held by others than the day itself.
fn held(day: &Day) -> usize {
    day.frames.iter().filter(|frame| frame.holders() > 1).count()
}

#[test]
fn a_passage_ends_though_no_frame_comes_any_more() {
    let mut day = Day::new();
    let first = only(day.at(0, &[pass(1, ANN)], &[])).event.id;
    let rest = |day: &mut Day, ms| {
        let time = Duration::from_millis(ms);
        day.passages.rest(Moment { read_at: day.start.0 + time, captured_at: day.start.1 + time })
    };
    assert!(rest(&mut day, 9_900).is_empty());
    let end = only(rest(&mut day, 10_100));
    assert_eq!((end.phase, end.event.id, end.event.last_seen_at), (Phase::End, first, day.time(0)));
    let next = day.at(60_000, &[pass(1, ANN)], &[]);
    assert_eq!(only(next).phase, Phase::Start);
}
