//! Passages of unknown people, whose faces are kept.
use store::Store;

use super::*;

/// A day on which faces are kept. Visitors are told apart without the database.
async fn day() -> (Day, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
    let scale = Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder);
    (Day::with(Some(Visitors::still(store, "model", scale))), folder)
}

/// The one change of a face that came at this time and went.
fn came(day: &mut Day, ms: u64, seen: &Seen) -> Change {
    let seen = Seen { since: ms, ..seen.clone() };
    day.at(ms, std::slice::from_ref(&seen), &[]);
    let mut changes = day.at(ms + 300, &[], &[seen]);
    changes.retain(|change| change.phase == Phase::Start);
    only(changes)
}

#[tokio::test]
async fn an_unknown_face_is_of_the_same_visitor_whenever_it_comes() {
    let (mut day, _folder) = day().await;
    let first = came(&mut day, 0, &stranger(1, ANN)).event;
    let other = came(&mut day, 60_000, &stranger(2, BOB)).event;
    let again = came(&mut day, 120_000, &stranger(3, ANN)).event;
    assert!(first.visitor.is_some() && first.id != again.id);
    assert_eq!(first.visitor, again.visitor);
    assert_ne!(first.visitor, other.visitor);
    let face = first.face.unwrap();
    assert_eq!((face.model.as_str(), face.embedding[ANN]), ("model", 1.0));
}

#[tokio::test]
async fn who_is_recognised_after_all_is_no_visitor_and_the_face_is_kept() {
    let (mut day, _folder) = day().await;
    day.at(0, &[stranger(1, ANN)], &[]);
    assert!(only(day.at(2_500, &[stranger(1, ANN)], &[])).event.visitor.is_some());
    let accepted = only(day.at(2_600, &[pass(1, ANN)], &[])).event;
    assert_eq!((accepted.visitor, accepted.face.is_some()), (None, true));
}

#[tokio::test]
async fn a_face_that_is_too_unclear_is_not_kept_and_one_that_becomes_clear_has_a_visitor_at_the_end() {
    let (mut day, _folder) = day().await;
    let unclear = Seen { quality: 2.9, ..stranger(1, ANN) };
    // In so many frames that it is no flicker.
    (0..6).for_each(|n| assert!(day.at(n * 100, std::slice::from_ref(&unclear), &[]).is_empty()));
    let start = only(day.at(2_500, &[unclear], &[])).event;
    assert_eq!((start.visitor, start.face), (None, None));
    day.at(2_600, &[stranger(1, ANN)], &[]);
    let end = only(day.passages.end()).event;
    assert!(end.visitor.is_some() && end.face.is_some());
}

#[tokio::test]
async fn who_is_refused_for_another_reason_is_no_visitor() {
    let (mut day, _folder) = day().await;
    let two = seen(1, ANN, Verdict::Reject(Reason::TooNearToTwo));
    assert_eq!(came(&mut day, 0, &two).event.visitor, None);
}

#[tokio::test]
async fn a_stranger_who_was_taken_for_somebody_before_is_a_visitor() {
    let (mut day, _folder) = day().await;
    let refuted = seen(1, BOB, Verdict::Reject(Reason::Refuted));
    assert!(came(&mut day, 0, &refuted).event.visitor.is_some());
}

#[test]
fn where_no_face_is_to_be_kept_none_is() {
    let event = came(&mut Day::new(), 0, &stranger(1, ANN)).event;
    assert_eq!((event.visitor, event.face), (None, None));
}
