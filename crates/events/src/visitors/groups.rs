use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use gallery::{Distance, Scale};
use store::{Micros, VisitorFace};
use uuid::Uuid;

/// A visitor who is not in the database after so long has become somebody known, or was lost with the event.
const WRITTEN_BY: Duration = Duration::from_hours(1);

/// Ids of visitors who turned out to be others. They are asked for while a passage lasts.
const MOST_LEADS: usize = 10_000;

/// The visitors who can be met again, by what they look like.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    most: usize,
    /// The newest change of the database that is known here.
    seq: i64,
    visitors: HashMap<String, Known>,
    leads: HashMap<String, String>,
}

#[derive(Clone, Debug)]
struct Known {
    centroid: Vec<f32>,
    last_seen_at: Micros,
    muted: bool,
    /// When this process met the visitor first, until the database has it.
    unwritten: Option<Instant>,
}

impl Groups {
    /// Nobody yet, and `most` at most.
    pub fn new(most: usize) -> Self {
        Self { most, seq: 0, visitors: HashMap::new(), leads: HashMap::new() }
    }

    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The nearest visitor, if nearer than `limit`, or a new one.
    pub fn visitor_of(&mut self, face: &[f32], seen_at: Micros, limit: Distance, scale: &Scale) -> String {
        let distances = self.visitors.iter().map(|(id, known)| (scale.between(&known.centroid, face), id));
        let nearest = distances.min_by(|(one, _), (two, _)| one.value().total_cmp(&two.value()));
        if let Some((distance, id)) = nearest
            && distance < limit
        {
            let id = id.clone();
            if let Some(known) = self.visitors.get_mut(&id) {
                known.last_seen_at = known.last_seen_at.max(seen_at);
            }
            return id;
        }
        let id = Uuid::now_v7().to_string();
        let unwritten = Some(Instant::now());
        self.put(id.clone(), Known { centroid: face.to_vec(), last_seen_at: seen_at, muted: false, unwritten });
        id
    }

    pub fn is_muted(&self, id: &str) -> bool {
        let id = self.leads.get(id).map_or(id, String::as_str);
        self.visitors.get(id).is_some_and(|known| known.muted)
    }

    /// What has changed in the database, in order.
    pub fn follow(&mut self, changes: Vec<VisitorFace>) {
        for change in changes {
            self.seq = self.seq.max(change.seq);
            self.learn(change);
        }
    }

    /// All that the database has; who is not among it and not quite new is gone.
    pub fn replace(&mut self, seq: i64, faces: Vec<VisitorFace>) {
        self.seq = seq;
        self.visitors.retain(|_, known| known.unwritten.is_some_and(|since| since.elapsed() < WRITTEN_BY));
        faces.into_iter().for_each(|face| self.learn(face));
    }

    fn learn(&mut self, face: VisitorFace) {
        let VisitorFace { id, centroid, last_seen_at, muted, merged_into, .. } = face;
        match centroid {
            Some(centroid) => self.put(id, Known { centroid, last_seen_at, muted, unwritten: None }),
            None => {
                self.visitors.remove(&id);
                if self.leads.len() >= MOST_LEADS {
                    self.leads.clear();
                }
                match merged_into {
                    Some(lead) => self.leads.insert(id, lead),
                    None => self.leads.remove(&id),
                };
            }
        }
    }

    fn put(&mut self, id: String, known: Known) {
        self.visitors.insert(id, known);
        while self.visitors.len() > self.most {
            let oldest = self.visitors.iter().min_by_key(|(id, known)| (known.last_seen_at, id.as_str()));
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { break };
            self.visitors.remove(&oldest);
        }
    }

    /// Visitors nearer to each other than `limit`, the one who was here first and the other; the nearest first, each at most
    /// once. At least one of the two was seen at `since` or later.
    pub fn pairs(&self, limit: Distance, scale: &Scale, since: Micros) -> Vec<(String, String)> {
        let mut written: Vec<_> = self.visitors.iter().filter(|(_, known)| known.unwritten.is_none()).collect();
        written.sort_unstable_by_key(|(id, _)| *id);
        let mut near = Vec::new();
        for (at, (older, one)) in written.iter().enumerate() {
            for (younger, two) in &written[at + 1..] {
                if one.last_seen_at.max(two.last_seen_at) < since {
                    continue;
                }
                let distance = scale.between(&one.centroid, &two.centroid);
                if distance < limit {
                    near.push((distance, *older, *younger));
                }
            }
        }
        near.sort_by(|(one, ..), (two, ..)| one.value().total_cmp(&two.value()));
        let mut taken = HashSet::new();
        let mut pairs = Vec::new();
        for (_, older, younger) in near {
            if !taken.contains(older) && !taken.contains(younger) {
                taken.extend([older, younger]);
                pairs.push((older.clone(), younger.clone()));
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    /// Turned from the first axis towards the second by an angle; 60° is a raw distance of 0.5.
    fn face(degrees: f32) -> Vec<f32> {
        vec![degrees.to_radians().cos(), degrees.to_radians().sin()]
    }

    fn stored(id: &str, seq: i64, degrees: Option<f32>) -> VisitorFace {
        VisitorFace {
            id: id.to_owned(),
            seq,
            centroid: degrees.map(face),
            last_seen_at: Micros(seq),
            muted: false,
            merged_into: None,
        }
    }

    fn meet(groups: &mut Groups, degrees: f32) -> String {
        groups.visitor_of(&face(degrees), Micros(1), Distance::new(0.45), &scale())
    }

    #[test]
    fn a_face_is_of_the_nearest_visitor_or_of_somebody_new() {
        let mut groups = Groups::new(10);
        let (ann, bob) = (meet(&mut groups, 0.0), meet(&mut groups, 90.0));
        assert_ne!(ann, bob);
        assert_eq!(meet(&mut groups, 20.0), ann);
        assert_eq!(meet(&mut groups, 60.0), bob, "near to both, nearer to this one");
        assert!(ann < bob, "ids sort by time");
    }

    #[test]
    fn what_the_database_says_of_a_visitor_holds_here() {
        let mut groups = Groups::new(10);
        groups.follow(vec![stored("a", 1, Some(0.0)), VisitorFace { muted: true, ..stored("b", 2, Some(90.0)) }]);
        assert_eq!((meet(&mut groups, 10.0).as_str(), groups.seq()), ("a", 2));
        assert!(groups.is_muted("b") && !groups.is_muted("a"));
        groups.follow(vec![VisitorFace { merged_into: Some("b".to_owned()), ..stored("a", 3, None) }]);
        assert!(groups.is_muted("a"), "the id leads to the other");
        groups.follow(vec![stored("b", 4, None)]);
        assert!(!["a", "b"].contains(&meet(&mut groups, 90.0).as_str()), "whoever was forgotten is somebody new");
    }

    #[test]
    fn a_visitor_who_is_not_written_yet_outlasts_a_new_start_and_one_who_is_gone_does_not() {
        let mut groups = Groups::new(10);
        let new = meet(&mut groups, 0.0);
        groups.follow(vec![stored("gone", 1, Some(90.0))]);
        groups.replace(5, vec![stored("here", 4, Some(180.0))]);
        assert_eq!((meet(&mut groups, 0.0), meet(&mut groups, 180.0).as_str()), (new, "here"));
        assert_ne!(meet(&mut groups, 90.0), "gone");
    }

    #[test]
    fn those_who_were_seen_last_are_kept_when_there_are_too_many() {
        let mut groups = Groups::new(2);
        groups.follow(vec![stored("a", 1, Some(0.0)), stored("b", 2, Some(90.0)), stored("c", 3, Some(180.0))]);
        let mut ids: Vec<_> = groups.visitors.keys().cloned().collect();
        ids.sort();
        assert_eq!(ids, ["b", "c"]);
    }

    #[test]
    fn the_nearest_two_become_one_and_the_older_id_stays() {
        let mut groups = Groups::new(10);
        let faces = [("c", 0.0), ("a", 30.0), ("b", 40.0), ("d", 170.0)];
        groups.follow(faces.iter().zip(1..).map(|((id, degrees), seq)| stored(id, seq, Some(*degrees))).collect());
        let pairs = |since| groups.pairs(Distance::new(0.3), &scale(), Micros(since));
        assert_eq!(pairs(0), [("a".to_owned(), "b".to_owned())], "c is near to both, and waits for the next round");
        assert!(pairs(4).is_empty(), "neither was seen lately");
    }
}
