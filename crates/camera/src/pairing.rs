use std::time::Duration;

use face::Rect;
use smallvec::SmallVec;

/// As many as a door sees at once, without memory of their own.
pub type Few<T> = SmallVec<[T; 8]>;

/// Boxes that overlap less belong to different faces, or to one that has moved too far to tell.
const LEAST_IOU: f32 = 0.15;

/// An overlap below this is one of chance as well.
const SURE_IOU: f32 = 0.3;

/// Two tracks whose overlaps with a detection differ by less than this may both be the one.
const RIVAL_IOU: f32 = 0.2;

/// A track that was unseen for longer may have been replaced by another face meanwhile.
const SURE_UNSEEN: Duration = Duration::from_millis(300);

/// After so long unseen nobody knows where the face would be: only its looks tell that it is back.
const LONGEST_COAST: Duration = Duration::from_secs(1);

/// Which track a detection belongs to, by place alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// To no track that is known.
    Nobody,
    /// To this one.
    Sure(usize),
    /// Most likely to this one, but another face may stand there.
    Doubtful(usize),
}

/// Pairs detections with tracks by the overlap of their boxes, the largest overlap first (with the few faces of a door as
/// good as an optimal assignment). `tracks` are the expected boxes, and for how long each face was not seen.
pub(crate) fn pair(tracks: &[(Rect, Duration)], detections: &[Rect]) -> Few<Pairing> {
    let mut overlaps: Few<_> = overlaps(tracks, detections).collect();
    overlaps.sort_by(|a, b| b.iou.total_cmp(&a.iou));
    let mut pairings = Few::from_elem(Pairing::Nobody, detections.len());
    let mut is_taken = Few::from_elem(false, tracks.len());
    for best in &overlaps {
        if is_taken[best.track] || pairings[best.detection] != Pairing::Nobody {
            continue;
        }
        is_taken[best.track] = true;
        let is_rival = |other: &Overlap| {
            (other.detection == best.detection) != (other.track == best.track) && best.iou - other.iou < RIVAL_IOU
        };
        let is_sure = best.iou >= SURE_IOU && tracks[best.track].1 <= SURE_UNSEEN && !overlaps.iter().any(is_rival);
        pairings[best.detection] = if is_sure { Pairing::Sure(best.track) } else { Pairing::Doubtful(best.track) };
    }
    pairings
}

/// How much a detection and a track overlap.
struct Overlap {
    detection: usize,
    track: usize,
    iou: f32,
}

fn overlaps(tracks: &[(Rect, Duration)], detections: &[Rect]) -> impl Iterator<Item = Overlap> {
    let of_detection = move |(detection, area): (usize, &Rect)| {
        let area = *area;
        let with_track = move |(track, (expected, unseen)): (usize, &(Rect, Duration))| {
            let iou = area.iou(expected);
            (*unseen <= LONGEST_COAST && iou >= LEAST_IOU).then_some(Overlap { detection, track, iou })
        };
        tracks.iter().enumerate().filter_map(with_track)
    };
    detections.iter().enumerate().flat_map(of_detection)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn square(x: f32, size: f32) -> Rect {
        Rect { left: x, top: 100.0, right: x + size, bottom: 100.0 + size }
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn two_faces_apart_stay_who_they_are_in_whatever_order_they_are_found() {
        let tracks = [(square(0.0, 100.0), NOW), (square(300.0, 100.0), NOW)];
        let pairings = pair(&tracks, &[square(310.0, 100.0), square(5.0, 100.0)]);
        assert_eq!(pairings[..], [Pairing::Sure(1), Pairing::Sure(0)]);
    }

    #[test]
    fn a_face_far_from_all_others_is_new() {
        assert_eq!(pair(&[(square(0.0, 100.0), NOW)], &[square(400.0, 100.0)])[..], [Pairing::Nobody]);
    }

    #[test]
    fn faces_that_cross_are_doubtful() {
        let tracks = [(square(0.0, 100.0), NOW), (square(30.0, 100.0), NOW)];
        let pairings = pair(&tracks, &[square(10.0, 100.0), square(20.0, 100.0)]);
        assert!(pairings.iter().all(|pairing| matches!(pairing, Pairing::Doubtful(_))), "{pairings:?}");
    }

    #[test]
    fn a_face_that_was_away_for_a_moment_is_doubtful_and_after_a_second_unknown() {
        let seen = [square(3.0, 100.0)];
        let away = |ms| pair(&[(square(0.0, 100.0), Duration::from_millis(ms))], &seen)[0];
        assert_eq!(away(100), Pairing::Sure(0));
        assert_eq!(away(500), Pairing::Doubtful(0));
        assert_eq!(away(1500), Pairing::Nobody);
    }

    proptest! {
        #[test]
        fn no_track_gets_two_faces(
            tracks in prop::collection::vec((0.0f32..500.0, 20.0f32..200.0, 0u64..1500), 0..8),
            seen in prop::collection::vec((0.0f32..500.0, 20.0f32..200.0), 0..8),
        ) {
            let tracks: Vec<_> = tracks.iter().map(|&(x, size, ms)| (square(x, size), Duration::from_millis(ms))).collect();
            let seen: Vec<_> = seen.iter().map(|&(x, size)| square(x, size)).collect();
            let pairings = pair(&tracks, &seen);
            prop_assert_eq!(pairings.len(), seen.len());
            let mut taken: Vec<_> = pairings.iter().filter_map(|pairing| match pairing {
                Pairing::Nobody => None,
                Pairing::Sure(track) | Pairing::Doubtful(track) => Some(*track),
            }).collect();
            let count = taken.len();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), count);
        }
    }
}
