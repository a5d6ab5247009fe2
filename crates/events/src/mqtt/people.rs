use std::collections::BTreeMap;
use std::time::Instant;

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
    /// Whom the broker has from an earlier run or another node, and since when that is known here.
    found: BTreeMap<i64, Instant>,
}

/// People who are found that are looked after at once.
const MOST_FOUND: usize = 10_000;

impl People {
    /// Those of `gallery`.
    pub fn new(topics: &Topics, discovery: Discovery, gallery: Gallery) -> Self {
        Self {
            topics: topics.clone(),
            discovery,
            gallery,
            version: None,
            names: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    /// How many can be recognised.
    pub fn enrolled(&self) -> usize {
        self.gallery.people()
    }

    /// Says who has come, has gone, or is called otherwise.
    pub fn keep_in_step(&mut self, shelf: &mut Shelf) {
        if self.version != Some(self.gallery.version()) {
            self.describe(shelf);
        }
        // One whom another node has just enrolled is not known here before the gallery has looked: while the database is away,
        // nobody is strange.
        let gallery = &self.gallery;
        let settled = self.found.extract_if(.., |_, found_at| gallery.is_as_new_as(*found_at));
        let gone: Vec<i64> = settled.map(|(id, _)| id).filter(|id| !self.names.contains_key(id)).collect();
        gone.into_iter().for_each(|id| self.forget(id, shelf));
    }

    fn describe(&mut self, shelf: &mut Shelf) {
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

    /// The broker has something of a person, from an earlier run or from another node.
    pub fn find(&mut self, id: i64) {
        if !self.names.contains_key(&id) && self.found.len() < MOST_FOUND {
            self.found.insert(id, Instant::now());
        }
    }

    fn forget(&self, id: i64, shelf: &mut Shelf) {
        let topics = ["camera", "attributes"].map(|what| self.topics.person(id, what));
        topics.into_iter().chain(self.discovery.person_topic(id)).for_each(|topic| shelf.empty(topic));
    }
}

#[cfg(test)]
mod tests {
    use face::Embedding;
    use gallery::PersonName;
    use models::Catalog;
    use store::Store;

    use super::super::settings::MqttSettings;
    use super::*;

    fn said(shelf: &mut Shelf) -> BTreeMap<String, String> {
        std::iter::from_fn(|| shelf.next()).collect()
    }

    #[tokio::test]
    async fn somebody_whom_another_node_has_just_enrolled_is_not_taken_for_somebody_who_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
        let pack = Catalog::builtin().pack("default").unwrap().clone();
        let gallery = Gallery::load(store, &pack, &Catalog::builtin()).await.unwrap();
        let settings = MqttSettings::made();
        let topics = Topics::new(&settings);
        let mut people = People::new(&topics, Discovery::new(&settings, &topics), gallery.clone());
        let mut shelf = Shelf::default();
        people.keep_in_step(&mut shelf);
        people.find(1);
        people.find(7);
        people.keep_in_step(&mut shelf);
        assert!(said(&mut shelf).is_empty(), "the gallery has not looked since");
        let vector = (0..pack.embedder.dim).map(|axis| if axis == 0 { 1.0 } else { 0.0 }).collect();
        gallery.enrol(&PersonName::parse("ann").unwrap(), &[Embedding::new(vector, 4.0)]).await.unwrap();
        people.keep_in_step(&mut shelf);
        let told = said(&mut shelf);
        assert!(told["homeassistant/sensor/vultus/person_1_last_camera/config"].contains("ann"), "{told:?}");
        assert_eq!(told["homeassistant/sensor/vultus/person_7_last_camera/config"], "");
    }
}
