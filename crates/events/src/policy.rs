use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camera::{SeenFace, Sighting, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// What was decided about a face, or about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// No face in the frame.
    NoFace,
    /// Recognised and accepted.
    Pass,
    /// A face, but nobody enrolled is near enough.
    Reject,
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        if verdict == Verdict::Pass { Self::Pass } else { Self::Reject }
    }
}

/// When each person was last announced at one camera. Clones share it, so that the camera's next policy goes on with it: a
/// camera that is started anew tells of nobody whose cooldown has not run out.
#[derive(Clone, Debug, Default)]
pub struct LastPasses(Arc<Mutex<HashMap<Arc<str>, Instant>>>);

/// Sighting → decision: whose cooldown has run out, so that others are told.
#[derive(Debug)]
pub struct Policy {
    cooldown: Duration,
    last_passes: LastPasses,
}

/// Names remembered before those whose cooldown is over are forgotten.
const REMEMBERED: usize = 1024;

impl Policy {
    /// A person's PASS is announced again `cooldown` after the one in `last_passes`.
    pub fn new(cooldown: Duration, last_passes: LastPasses) -> Self {
        Self { cooldown, last_passes }
    }

    /// The accepted faces of a sighting whose person's cooldown has run out; it starts anew for each of them.
    pub fn announce<'s>(&mut self, sighting: &'s Sighting) -> Vec<&'s SeenFace> {
        let now = sighting.frame.read_at;
        // Whole after every statement, so a panic elsewhere does not spoil it.
        let mut last_passes = self.last_passes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut announced = Vec::new();
        for face in &sighting.faces {
            let (Verdict::Pass, Some(nearest)) = (face.verdict, &face.nearest) else { continue };
            let ready = last_passes.get(&nearest.name).is_none_or(|last| now.duration_since(*last) >= self.cooldown);
            if ready {
                last_passes.insert(nearest.name.clone(), now);
                announced.push(face);
            }
        }
        if last_passes.len() > REMEMBERED {
            last_passes.retain(|_, last| now.duration_since(*last) < self.cooldown);
        }
        announced
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use camera::{Buffers, Frame, Rule, SightingTimes, Work};
    use face::{Embedding, Face, Point, Rect, YuvImage};
    use gallery::{Distance, Match, RawDistance};
    use store::PersonId;

    use super::*;
    use crate::event::{FaceEvent, Picture};

    fn seen(name: Option<&str>, distance: f32, width: f32) -> SeenFace {
        let area = Rect { left: 10.0, top: 20.0, right: 10.0 + width, bottom: 20.0 + width };
        let embedding = Embedding::new(vec![1.0], 4.0);
        let nearest = name.map(|name| Match {
            person: PersonId(1),
            name: name.into(),
            distance: Distance::new(distance),
            raw: RawDistance(distance),
            space: "default".into(),
            runner_up: None,
            refuted: false,
        });
        let face = Face { area, score: 0.9, landmarks: [Point::default(); 5], embedding };
        SeenFace::alone(face, nearest, &rule())
    }

    fn rule() -> Rule {
        let (threshold, strong) = (Distance::new(0.45), Distance::new(0.4));
        Rule { threshold, strong, shots: 2, margin: 0.02 }
    }

    /// A sighting `after` seconds from `start`.
    fn sighting(start: Instant, after: u64, faces: Vec<SeenFace>) -> Sighting {
        let buffers = Buffers::new();
        let image = YuvImage::new(64, 48, vec![128; YuvImage::len_for(64, 48)]).unwrap();
        let mut frame = Frame::new(image, 7, Duration::ZERO, &buffers);
        frame.read_at = start + Duration::from_secs(after);
        frame.captured_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_736_400_000_900);
        Sighting {
            camera: "door".into(),
            frame: frame.shared(),
            faces: faces.into(),
            ended: Vec::new(),
            rule: rule(),
            times: SightingTimes::default(),
            work: Work::default(),
        }
    }

    fn policy() -> Policy {
        Policy::new(Duration::from_secs(5), LastPasses::default())
    }

    fn announced(policy: &mut Policy, sighting: &Sighting) -> Vec<String> {
        let faces = policy.announce(sighting);
        faces.iter().map(|face| face.nearest.as_ref().unwrap().name.to_string()).collect()
    }

    fn event(faces: Vec<SeenFace>) -> serde_json::Value {
        let sighting = sighting(Instant::now(), 0, faces);
        let event = FaceEvent::of(&sighting, Picture::Jpeg(b"jpeg"), false, false);
        serde_json::from_str(&event.to_json()).unwrap()
    }

    #[test]
    fn below_the_threshold_passes_and_the_threshold_itself_does_not() {
        let status = |face: SeenFace| Status::from(face.verdict);
        assert_eq!(status(seen(Some("katya"), 0.4499, 80.0)), Status::Pass);
        assert_eq!(status(seen(Some("katya"), 0.45, 80.0)), Status::Reject);
        assert_eq!(status(seen(None, 0.0, 80.0)), Status::Reject);
    }

    #[test]
    fn a_person_is_announced_once_a_cooldown_and_each_person_has_an_own_one() {
        let (start, mut policy) = (Instant::now(), policy());
        let katya = || vec![seen(Some("katya"), 0.3, 80.0)];
        assert_eq!(announced(&mut policy, &sighting(start, 0, katya())), ["katya"]);
        assert!(announced(&mut policy, &sighting(start, 4, katya())).is_empty());
        let both = vec![seen(Some("katya"), 0.3, 80.0), seen(Some("zero"), 0.2, 60.0)];
        assert_eq!(announced(&mut policy, &sighting(start, 4, both)), ["zero"]);
        assert_eq!(announced(&mut policy, &sighting(start, 5, katya())), ["katya"]);
    }

    #[test]
    fn a_camera_that_is_started_anew_goes_on_with_the_cooldowns_of_before() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let katya = |after| sighting(start, after, vec![seen(Some("katya"), 0.3, 80.0)]);
        let last_passes = LastPasses::default();
        let policy = |cooldown| Policy::new(cooldown, last_passes.clone());
        assert_eq!(announced(&mut policy(seconds(5)), &katya(0)), ["katya"]);
        assert!(announced(&mut policy(seconds(5)), &katya(4)).is_empty());
        assert!(announced(&mut policy(seconds(9)), &katya(6)).is_empty(), "a cooldown that has been made longer");
        assert_eq!(announced(&mut policy(seconds(3)), &katya(6)), ["katya"], "and one that has been made shorter");
    }

    #[test]
    fn a_refused_face_is_never_announced() {
        let faces = vec![seen(Some("katya"), 0.6, 80.0), seen(None, 0.0, 60.0)];
        assert!(announced(&mut policy(), &sighting(Instant::now(), 0, faces)).is_empty());
    }

    #[test]
    fn a_frame_without_a_face_has_null_for_everything_about_one() {
        let event = event(vec![]);
        assert_eq!(event["type"], "face_event");
        assert_eq!(event["status"], "NO_FACE");
        for field in ["name", "distance", "box"] {
            assert!(event[field].is_null(), "{field}");
        }
        assert_eq!(event["faces"], serde_json::json!([]));
    }

    #[test]
    fn the_main_face_is_an_accepted_one_before_a_larger_refused_one() {
        let event = event(vec![seen(Some("zero"), 0.7, 90.0), seen(Some("katya"), 0.412_34, 40.0)]);
        assert_eq!(event["name"], "katya");
        assert_eq!(event["status"], "PASS");
        assert_eq!(event["distance"].to_string(), "0.4123");
        assert_eq!(event["box"], serde_json::json!([10, 20, 50, 60]));
        assert_eq!(event["faces"][0]["name"], "zero");
        assert_eq!(event["timestamp"], 1_736_400_000);
        assert_eq!(event["frame"], "anBlZw==");
        assert_eq!((event["width"].as_u64(), event["height"].as_u64()), (Some(64), Some(48)));
    }

    #[test]
    fn a_refused_face_names_the_nearest_person_and_nobody_when_nobody_is_enrolled() {
        let near = event(vec![seen(Some("zero"), 0.7, 90.0)]);
        assert_eq!((near["status"].as_str(), near["name"].as_str()), (Some("REJECT"), Some("zero")));
        let empty = event(vec![seen(None, 0.0, 90.0)]);
        assert_eq!(empty["status"], "REJECT");
        assert!(empty["name"].is_null() && empty["distance"].is_null());
        assert!(empty["box"].is_array());
    }
}
