use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

proptest! {
    /// However tracks come, go, break and are mistaken for each other.
    #[test]
    fn each_event_starts_once_ends_once_and_never_changes_its_person(
        steps in prop::collection::vec((0u64..4_000, prop::collection::vec((0u64..4, 0usize..4, any::<bool>()), 0..3), any::<bool>()), 1..60),
    ) {
        let (mut day, mut ms, mut changes) = (Day::new(), 0, Vec::new());
        for (pause, faces, over) in steps {
            ms += pause;
            let mut seen = HashMap::new();
            for (track, face, known) in faces {
                let face = if known { pass(track, face) } else { stranger(track, face) };
                seen.insert(track, Seen { since: ms, ..face });
            }
            let seen: Vec<Seen> = seen.into_values().collect();
            changes.extend(if over { day.at(ms, &[], &seen) } else { day.at(ms, &seen, &[]) });
        }
        changes.extend(day.passages.end());
        let mut states: HashMap<String, Vec<Change>> = HashMap::new();
        changes.into_iter().for_each(|change| states.entry(change.event.id.clone()).or_default().push(change));
        for states in states.values() {
            let ends = states.iter().filter(|change| change.phase == Phase::End && change.event.ended).count();
            prop_assert!(ends == 1 && states.last().unwrap().phase == Phase::End);
            prop_assert!(states.iter().skip(1).all(|change| change.phase != Phase::Start));
            let mut people: Vec<_> = states.iter().filter_map(|change| change.event.person.clone()).collect();
            people.dedup();
            prop_assert!(people.len() <= 1, "{people:?}");
            for change in states {
                prop_assert!(change.event.started_at <= change.event.last_seen_at);
                prop_assert_eq!(change.event.status == "PASS", change.event.person.is_some());
            }
        }
    }
}
