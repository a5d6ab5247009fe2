use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use camera::CameraState;
use serde_json::{Value, json};
use store::Micros;

use super::discovery::{Discovery, OFF};
use super::double_take;
use super::passages::Passing;
use super::payload::date_of;
use super::roster::{DefinedCamera, Roster, WatchedCamera};
use super::shelf::Shelf;
use super::topics::Topics;

/// A number of people is told when it has been so for this long: a face that is lost for a frame is nobody who left.
const SETTLES: Duration = Duration::from_millis(300);

/// How long somebody stays the last person of a camera.
const LAST_PERSON_STAYS: Duration = Duration::from_mins(1);

/// How long Double Take counts somebody who was seen.
const COUNTED: Duration = Duration::from_secs(30);

/// A node that was cut off lets go of a camera within this time after the database is back, and says no more of it.
const LETS_GO: Duration = Duration::from_secs(3);

/// What stands for nobody. Home Assistant makes `unknown` of it, as with Frigate's sensors.
const NOBODY: &str = "None";

/// Cameras of earlier runs that are looked after at once.
const MOST_FOUND: usize = 1000;

/// What stands on the broker about a camera.
const STANDING: [&str; 5] = ["state", "attributes", "people", "last_person", "last_person/attributes"];

/// The cameras that this node watches, and what is said of them.
#[derive(Debug)]
pub struct Rooms {
    topics: Topics,
    discovery: Discovery,
    node: String,
    double_take: bool,
    rooms: BTreeMap<String, Room>,
    /// Who is in view, by the cameras' ids, as the cameras say; some are not in the roster yet.
    views: HashMap<String, View>,
    /// Cameras of which the broker has something from an earlier run of this node.
    found: Vec<String>,
    /// Cameras that are watched here and of which another node speaks, and when that is contradicted.
    contested: BTreeMap<String, Instant>,
}

#[derive(Debug)]
struct Room {
    name: String,
    state: CameraState,
    people: usize,
}

#[derive(Debug, Default)]
struct View {
    people: usize,
    since: Option<Instant>,
    last_person_until: Option<Instant>,
    counted_until: Option<Instant>,
}

impl Rooms {
    /// None yet.
    pub fn new(topics: &Topics, discovery: Discovery, node: &str, double_take: bool) -> Self {
        Self {
            topics: topics.clone(),
            discovery,
            node: node.to_owned(),
            double_take,
            rooms: BTreeMap::new(),
            views: HashMap::new(),
            found: Vec::new(),
            contested: BTreeMap::new(),
        }
    }

    /// What people call a camera.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.rooms.get(id).map_or(id, |room| room.name.as_str())
    }

    /// How many people are in view of a camera.
    pub fn people(&self, id: &str) -> usize {
        self.views.get(id).map_or(0, |view| view.people)
    }

    /// So many people are in view now.
    pub fn see(&mut self, id: &str, people: usize, now: Instant) {
        let view = self.views.entry(id.to_owned()).or_default();
        view.people = people;
        view.since = Some(now);
    }

    /// Somebody known is there.
    pub fn recognise(&mut self, passing: &Passing, shelf: &mut Shelf, now: Instant) {
        let Some(person) = &passing.person else { return };
        let attributes = json!({
            "camera": passing.camera,
            "event": passing.id,
            "status": passing.status,
            "reason": passing.reason,
            "direction": passing.direction,
            "distance": passing.distance,
            "when": date_of(passing.last_seen),
        });
        shelf.put(self.topics.camera(&passing.camera, "last_person"), person);
        shelf.put(self.topics.camera(&passing.camera, "last_person/attributes"), attributes.to_string());
        self.views.entry(passing.camera.clone()).or_default().last_person_until = Some(now + LAST_PERSON_STAYS);
    }

    /// Double Take counts somebody.
    pub fn count(&mut self, id: &str, shelf: &mut Shelf, now: Instant) {
        shelf.put(double_take::person_topic(id), self.people(id).max(1).to_string());
        self.views.entry(id.to_owned()).or_default().counted_until = Some(now + COUNTED);
    }

    /// Some node has said these `attributes` of a camera; `retained`: before we listened.
    pub fn hear(&mut self, attributes: &str, retained: bool, now: Instant) {
        let Ok(Value::Object(fields)) = serde_json::from_str(attributes) else { return };
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let (Some(node), Some(camera)) = (text("node"), text("camera")) else { return };
        if node != self.node && self.rooms.contains_key(camera) {
            self.contested.insert(camera.to_owned(), now + LETS_GO);
        } else if node == self.node && retained && self.found.len() < MOST_FOUND {
            self.found.push(camera.to_owned());
        }
    }

    /// Says what has changed, and returns the numbers of people that have.
    pub fn keep_in_step(&mut self, roster: &Roster, shelf: &mut Shelf, now: Instant) -> Vec<(String, usize)> {
        for camera in &roster.watched {
            self.describe(camera, shelf);
        }
        if let Some(defined) = &roster.defined {
            let watched = |id: &str| roster.watched.iter().any(|camera| camera.id == id);
            let mut gone: Vec<String> = self.rooms.keys().filter(|id| !watched(id)).cloned().collect();
            gone.extend(std::mem::take(&mut self.found).into_iter().filter(|id| !watched(id)));
            gone.iter().for_each(|id| self.leave(id, defined.get(id).copied(), shelf));
        }
        self.contradict(roster.certain, shelf, now);
        self.expire(shelf, now);
        self.count_people(shelf, now)
    }

    /// Says again what another node has said otherwise of a camera of ours. Not before it has let go of it, if it was cut off;
    /// and not while we may be the one that is cut off.
    fn contradict(&mut self, certain: bool, shelf: &mut Shelf, now: Instant) {
        if !certain {
            self.contested.values_mut().for_each(|due| *due = now + LETS_GO);
        }
        let due: Vec<String> = self.contested.extract_if(.., |_, due| *due <= now).map(|(id, _)| id).collect();
        for id in due.iter().filter(|id| self.rooms.contains_key(*id)) {
            let standing = STANDING.map(|what| self.topics.camera(id, what));
            let counted = self.double_take.then(|| double_take::person_topic(id));
            let ours: BTreeSet<String> =
                standing.into_iter().chain(self.discovery.camera_topics(id)).chain(counted).collect();
            shelf.say_again(|topic| ours.contains(topic));
        }
    }

    fn describe(&mut self, camera: &WatchedCamera, shelf: &mut Shelf) {
        let WatchedCamera { id, name, status } = camera;
        let (state, lasted) = status.now();
        let room = self.rooms.get(id);
        if room.is_some_and(|room| room.state == state && room.name == *name) {
            return;
        }
        let since = Micros::now().as_seconds() - lasted.as_secs_f64();
        let attributes = json!({
            "camera": id,
            "name": name,
            "node": self.node,
            "state": state.name(),
            "reason": state.reason(),
            "since": date_of(since),
        });
        shelf.put(self.topics.camera(id, "state"), state.name());
        shelf.put(self.topics.camera(id, "attributes"), attributes.to_string());
        for (topic, payload) in self.discovery.camera(id, name) {
            shelf.put(topic, payload);
        }
        let people = room.map(|room| room.people);
        if people.is_none() {
            shelf.put(self.topics.camera(id, "people"), "0");
            self.nobody(id, shelf);
        }
        self.rooms.insert(id.clone(), Room { name: name.clone(), state, people: people.unwrap_or_default() });
    }

    fn nobody(&self, id: &str, shelf: &mut Shelf) {
        shelf.put(self.topics.camera(id, "last_person"), NOBODY);
        shelf.put(self.topics.camera(id, "last_person/attributes"), "{}");
    }

    /// A camera is not watched here any more: it was removed, or is off, or another node watches it, and then what stands
    /// about it is that node's.
    fn leave(&mut self, id: &str, defined: Option<DefinedCamera>, shelf: &mut Shelf) {
        let name = self.rooms.remove(id).map_or_else(|| id.to_owned(), |room| room.name);
        self.views.remove(id);
        let standing = STANDING.map(|what| self.topics.camera(id, what));
        let discovered = self.discovery.camera_topics(id);
        let counted = self.double_take.then(|| double_take::person_topic(id));
        match defined {
            None => standing.into_iter().chain(discovered).chain(counted).for_each(|topic| shelf.empty(topic)),
            Some(DefinedCamera { enabled: false }) => {
                let attributes = json!({
                    "camera": id, "name": name, "node": self.node, "state": OFF, "reason": Value::Null,
                    "since": date_of(Micros::now().as_seconds()),
                });
                shelf.put(self.topics.camera(id, "state"), OFF);
                shelf.put(self.topics.camera(id, "attributes"), attributes.to_string());
                shelf.put(self.topics.camera(id, "people"), "0");
                self.nobody(id, shelf);
                counted.into_iter().for_each(|topic| shelf.put(topic, "0"));
            }
            Some(DefinedCamera { enabled: true }) => {
                standing.iter().chain(&discovered).chain(&counted).for_each(|topic| shelf.forget(topic));
            }
        }
    }

    fn expire(&mut self, shelf: &mut Shelf, now: Instant) {
        let is_over = |until: &mut Option<Instant>| until.take_if(|until| *until <= now).is_some();
        let mut left = Vec::new();
        for (id, view) in &mut self.views {
            if is_over(&mut view.last_person_until) {
                left.push(id.clone());
            }
            if is_over(&mut view.counted_until) {
                shelf.put(double_take::person_topic(id), "0");
            }
        }
        left.iter().for_each(|id| self.nobody(id, shelf));
    }

    fn count_people(&mut self, shelf: &mut Shelf, now: Instant) -> Vec<(String, usize)> {
        let mut changed = Vec::new();
        for (id, room) in &mut self.rooms {
            let people = match (&room.state, self.views.get(id)) {
                (CameraState::Live, Some(view)) if view.people != room.people => {
                    let settled = view.since.is_none_or(|since| now.saturating_duration_since(since) >= SETTLES);
                    if settled { view.people } else { room.people }
                }
                (CameraState::Live, Some(_)) => room.people,
                _ => 0,
            };
            if people != room.people {
                room.people = people;
                shelf.put(self.topics.camera(id, "people"), people.to_string());
                changed.push((id.clone(), people));
            }
        }
        changed
    }

    /// This node ends: nobody is in view of its cameras any more.
    pub fn end(&mut self, shelf: &mut Shelf) {
        for id in self.rooms.keys() {
            shelf.put(self.topics.camera(id, "people"), "0");
            self.nobody(id, shelf);
            if self.double_take {
                shelf.put(double_take::person_topic(id), "0");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use camera::CameraStatus;

    use super::super::passages::tests::passing;
    use super::super::settings::MqttSettings;
    use super::*;

    fn rooms() -> Rooms {
        let page = Some("http://gate:5000/".to_owned());
        let settings = MqttSettings { page, ..MqttSettings::made() };
        let topics = Topics::new(&settings);
        let discovery = Discovery::new(&settings, &topics);
        Rooms::new(&topics, discovery, &settings.node, false)
    }

    /// A camera that is watched here or not, and defined as enabled, as not enabled, or not at all.
    fn roster(watched: bool, enabled: Option<bool>) -> Roster {
        let status = CameraStatus::failed("no route to host");
        let front = WatchedCamera { id: "front".to_owned(), name: "Front".to_owned(), status };
        Roster {
            watched: watched.then_some(front).into_iter().collect(),
            defined: Some(enabled.map(|enabled| ("front".to_owned(), DefinedCamera { enabled })).into_iter().collect()),
            certain: true,
        }
    }

    fn said(shelf: &mut Shelf) -> BTreeMap<String, String> {
        std::iter::from_fn(|| shelf.next()).collect()
    }

    fn watched() -> (Rooms, Shelf, BTreeMap<String, String>) {
        let (mut rooms, mut shelf) = (rooms(), Shelf::default());
        rooms.keep_in_step(&roster(true, Some(true)), &mut shelf, Instant::now());
        let told = said(&mut shelf);
        (rooms, shelf, told)
    }

    #[test]
    fn a_camera_is_described_with_its_state_and_its_reason() {
        let (_, _, told) = watched();
        assert_eq!(told["vultus/cameras/front/state"], "failed");
        assert_eq!(told["vultus/cameras/front/people"], "0");
        assert_eq!(told["vultus/cameras/front/last_person"], "None");
        let attributes: Value = serde_json::from_str(&told["vultus/cameras/front/attributes"]).unwrap();
        assert_eq!((&attributes["node"], &attributes["reason"]), (&"gate".into(), &"no route to host".into()));
        let door: Value = serde_json::from_str(&told["homeassistant/event/vultus/camera_front_door/config"]).unwrap();
        assert_eq!(
            (&door["device"]["name"], &door["unique_id"]),
            (&"Front".into(), &"vultus_camera_front_door".into())
        );
        assert_eq!(door["device"]["configuration_url"], "http://gate:5000/");
        assert_eq!(door["availability_topic"], "vultus/nodes/gate/status");
    }

    #[test]
    fn what_stands_about_a_removed_camera_is_emptied_and_about_one_that_another_node_took_is_left_alone() {
        let (mut rooms, mut shelf, before) = watched();
        rooms.keep_in_step(&roster(false, None), &mut shelf, Instant::now());
        let emptied = said(&mut shelf);
        assert!(emptied.keys().eq(before.keys()) && emptied.values().all(String::is_empty), "{emptied:?}");

        let (mut rooms, mut shelf, _) = watched();
        rooms.keep_in_step(&roster(false, Some(true)), &mut shelf, Instant::now());
        shelf.say_all_again();
        assert!(said(&mut shelf).is_empty(), "the other node says how it is");

        let (mut rooms, mut shelf, _) = watched();
        rooms.keep_in_step(&Roster::default(), &mut shelf, Instant::now());
        assert!(said(&mut shelf).is_empty(), "while the database is away nothing is removed");

        let (mut rooms, mut shelf, _) = watched();
        rooms.keep_in_step(&roster(false, Some(false)), &mut shelf, Instant::now());
        assert_eq!(said(&mut shelf)["vultus/cameras/front/state"], "off");
    }

    #[test]
    fn what_an_earlier_run_of_this_node_left_is_emptied_and_what_another_node_said_is_not() {
        let found = |node: &str| format!(r#"{{"camera": "front", "node": "{node}"}}"#);
        let (mut rooms, mut shelf) = (rooms(), Shelf::default());
        rooms.hear(&found("yard"), true, Instant::now());
        rooms.hear("no JSON", true, Instant::now());
        rooms.keep_in_step(&roster(false, None), &mut shelf, Instant::now());
        assert!(said(&mut shelf).is_empty());
        rooms.hear(&found("gate"), true, Instant::now());
        rooms.keep_in_step(&roster(false, None), &mut shelf, Instant::now());
        assert_eq!(said(&mut shelf)["vultus/cameras/front/state"], "");
    }

    #[test]
    fn what_a_node_that_was_cut_off_says_of_our_camera_is_contradicted_once_it_is_certain_that_it_is_ours() {
        let (mut rooms, mut shelf, before) = watched();
        let (ours, start) = (roster(true, Some(true)), Instant::now());
        rooms.hear(r#"{"camera": "front", "node": "gate"}"#, false, start);
        rooms.hear(r#"{"camera": "front", "node": "yard"}"#, false, start);
        rooms.keep_in_step(&ours, &mut shelf, start);
        assert!(said(&mut shelf).is_empty(), "it may be about to let go");
        let cut_off = Roster { certain: false, ..ours.clone() };
        rooms.keep_in_step(&cut_off, &mut shelf, start + 2 * LETS_GO);
        assert!(said(&mut shelf).is_empty(), "we may be the one that is cut off");
        rooms.keep_in_step(&ours, &mut shelf, start + 4 * LETS_GO);
        assert!(said(&mut shelf) == before && before.len() > 6, "all of it");
        rooms.keep_in_step(&ours, &mut shelf, start + 9 * LETS_GO);
        assert!(said(&mut shelf).is_empty(), "once");
    }

    #[test]
    fn somebody_is_the_last_person_for_a_minute() {
        let (mut rooms, mut shelf, _) = watched();
        let start = Instant::now();
        rooms.recognise(&passing(Some("ann")), &mut shelf, start);
        let told = said(&mut shelf);
        assert_eq!(told["vultus/cameras/front/last_person"], "ann");
        assert!(told["vultus/cameras/front/last_person/attributes"].contains("2025-01-09T05:20:01.500Z"));
        rooms.keep_in_step(&roster(true, Some(true)), &mut shelf, start + Duration::from_secs(59));
        assert!(said(&mut shelf).is_empty());
        rooms.keep_in_step(&roster(true, Some(true)), &mut shelf, start + Duration::from_secs(61));
        assert_eq!(said(&mut shelf)["vultus/cameras/front/last_person"], "None");
    }
}
