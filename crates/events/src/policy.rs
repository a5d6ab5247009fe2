use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camera::{SeenFace, Sighting};
use gallery::Distance;
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

/// Sighting → decision: who is accepted, and whose cooldown has run out.
#[derive(Debug)]
pub struct Policy {
    threshold: Distance,
    cooldown: Duration,
    last_pass: HashMap<Arc<str>, Instant>,
}

/// Names remembered before those whose cooldown is over are forgotten.
const REMEMBERED: usize = 1024;

impl Policy {
    /// Accepts distances below `threshold`; a person's PASS is announced again after `cooldown`.
    pub fn new(threshold: Distance, cooldown: Duration) -> Self {
        Self { threshold, cooldown, last_pass: HashMap::new() }
    }

    /// PASS or REJECT for one face.
    pub fn status(&self, face: &SeenFace) -> Status {
        match &face.nearest {
            Some(nearest) if nearest.distance < self.threshold => Status::Pass,
            _ => Status::Reject,
        }
    }

    /// The accepted faces of a sighting whose person's cooldown has run out; it starts anew for each of them.
    pub fn announce<'s>(&mut self, sighting: &'s Sighting) -> Vec<&'s SeenFace> {
        let now = sighting.frame.read_at;
        let mut announced = Vec::new();
        for face in &sighting.faces {
            let (Status::Pass, Some(nearest)) = (self.status(face), &face.nearest) else { continue };
            let ready = self.last_pass.get(&nearest.name).is_none_or(|last| now.duration_since(*last) >= self.cooldown);
            if ready {
                self.last_pass.insert(nearest.name.clone(), now);
                announced.push(face);
            }
        }
        if self.last_pass.len() > REMEMBERED {
            self.last_pass.retain(|_, last| now.duration_since(*last) < self.cooldown);
        }
        announced
    }
}
