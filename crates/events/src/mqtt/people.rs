use std::collections::BTreeMap;

use gallery::Gallery;
use serde_json::json;
use store::Version;

use super::discovery::{Discovery, MOST_PEOPLE};
use super::passages::Passing;
use super::payload::date_of;
use super::shelf::Shelf;
use super::topics::Topics;

/// Who is enrolled, and where each was seen last.
#[derive(Debug)]
pub struct People {
    topics: Topics,
    discovery: Discovery,
    gallery: Gallery,
    version: Option<Version>,
    names: BTreeMap<i64, String>,
}

impl People {
    /// Those of `gallery`.
    pub fn new(topics: &Topics, discovery: Discovery, gallery: Gallery) -> Self {
        Self { topics: topics.clone(), discovery, gallery, version: None, names: BTreeMap::new() }
    }

    /// Says who has come, has gone, or is called otherwise.
    pub fn keep_in_step(&mut self, shelf: &mut Shelf) {
        if self.version == Some(self.gallery.version()) {
            return;
        }
        let index = self.gallery.index();
        let names: BTreeMap<i64, String> = index.people().map(|(id, name)| (id.0, name.to_string())).collect();
        for id in self.names.keys().filter(|id| !names.contains_key(id)) {
            self.forget(*id, shelf);
        }
        for (id, name) in names.iter().take(MOST_PEOPLE) {
            if let Some((topic, payload)) = self.discovery.person(*id, name) {
                shelf.put(topic, payload);
            }
        }
        (self.names, self.version) = (names, Some(index.version()));
    }

    /// Somebody known is before a camera with this name.
    pub fn see(&mut self, passing: &Passing, camera: &str, shelf: &mut Shelf) {
        let Some(id) = passing.person_id.filter(|id| self.names.contains_key(id)) else { return };
        let attributes = json!({
            "person": passing.person,
            "camera": passing.camera,
            "event": passing.id,
            "status": passing.status,
            "direction": passing.direction,
            "when": date_of(passing.last_seen),
        });
        shelf.put(self.topics.person(id, "camera"), camera);
        shelf.put(self.topics.person(id, "attributes"), attributes.to_string());
    }

    /// The broker has something of a person from an earlier run.
    pub fn find(&mut self, id: i64, shelf: &mut Shelf) {
        if self.version.is_some() && !self.names.contains_key(&id) {
            self.forget(id, shelf);
        }
    }

    fn forget(&self, id: i64, shelf: &mut Shelf) {
        let topics = ["camera", "attributes"].map(|what| self.topics.person(id, what));
        topics.into_iter().chain(self.discovery.person_topic(id)).for_each(|topic| shelf.empty(topic));
    }
}
