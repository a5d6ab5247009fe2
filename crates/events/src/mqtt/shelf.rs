use std::collections::{BTreeMap, BTreeSet};

/// What stands on the broker for whoever comes later (retained messages), as it should be; and what of it is still to be
/// put there.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By topic; `None` for one that is to be emptied.
    wanted: BTreeMap<String, Option<String>>,
    unsaid: BTreeSet<String>,
}

impl Shelf {
    /// `payload` is to stand under `topic`. One that does already is not said again.
    pub fn put(&mut self, topic: String, payload: impl Into<String>) {
        self.set(topic, Some(payload.into()));
    }

    /// Nothing is to stand under `topic`, whoever put it there.
    pub fn empty(&mut self, topic: String) {
        self.set(topic, None);
    }

    /// What stands under `topic` is somebody else's from now on.
    pub fn forget(&mut self, topic: &str) {
        self.wanted.remove(topic);
        self.unsaid.remove(topic);
    }

    fn set(&mut self, topic: String, payload: Option<String>) {
        if self.wanted.get(&topic) != Some(&payload) {
            self.unsaid.insert(topic.clone());
            self.wanted.insert(topic, payload);
        }
    }

    /// The next thing to be said: its topic, and its text, which is empty to empty the topic.
    pub fn next(&mut self) -> Option<(String, String)> {
        let topic = self.unsaid.pop_first()?;
        let payload = self.wanted.get(&topic)?.clone().unwrap_or_default();
        Some((topic, payload))
    }

    /// The broker has what was said last under `topic`.
    pub fn delivered(&mut self, topic: &str) {
        if !self.unsaid.contains(topic) && self.wanted.get(topic) == Some(&None) {
            self.wanted.remove(topic);
        }
    }

    /// A broker that may know nothing of it: all is to be said again.
    pub fn say_all_again(&mut self) {
        self.unsaid = self.wanted.keys().cloned().collect();
    }

    /// The same for the topics of which `is_meant` says so.
    pub fn say_again(&mut self, is_meant: impl Fn(&str) -> bool) {
        self.unsaid.extend(self.wanted.keys().filter(|topic| is_meant(topic)).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(shelf: &mut Shelf) -> Vec<(String, String)> {
        std::iter::from_fn(|| shelf.next()).collect()
    }

    fn pair(topic: &str, payload: &str) -> (String, String) {
        (topic.to_owned(), payload.to_owned())
    }

    #[test]
    fn what_has_not_changed_is_said_once_and_all_of_it_again_to_another_broker() {
        let mut shelf = Shelf::default();
        shelf.put("b".to_owned(), "1");
        shelf.put("a".to_owned(), "1");
        shelf.put("a".to_owned(), "2");
        assert_eq!(said(&mut shelf), [pair("a", "2"), pair("b", "1")]);
        shelf.put("a".to_owned(), "2");
        assert!(said(&mut shelf).is_empty());
        shelf.say_all_again();
        assert_eq!(said(&mut shelf).len(), 2);
        shelf.say_again(|topic| topic == "b");
        assert_eq!(said(&mut shelf), [pair("b", "1")]);
    }

    #[test]
    fn a_topic_is_emptied_until_the_broker_has_heard_of_it() {
        let mut shelf = Shelf::default();
        shelf.put("a".to_owned(), "1");
        assert_eq!(said(&mut shelf).len(), 1);
        shelf.empty("a".to_owned());
        assert_eq!(said(&mut shelf), [pair("a", "")]);
        // The connection was lost before the broker said that it has it.
        shelf.say_all_again();
        assert_eq!(said(&mut shelf), [pair("a", "")]);
        shelf.delivered("a");
        shelf.say_all_again();
        assert!(said(&mut shelf).is_empty());
    }

    #[test]
    fn what_is_somebody_elses_is_neither_said_nor_emptied() {
        let mut shelf = Shelf::default();
        shelf.put("a".to_owned(), "1");
        shelf.forget("a");
        shelf.say_all_again();
        assert!(said(&mut shelf).is_empty());
    }
}
