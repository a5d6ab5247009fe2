use super::*;

/// A morning at a door: people come, break, stay, are refused and turn out to be known, two at once, an hour later again.
fn morning() -> Vec<Change> {
    let mut day = Day::new();
    let mut changes = Vec::new();
    let since = |ms, face: Seen| Seen { since: ms, ..face };
    changes.extend(day.at(0, &[pass(1, ANN)], &[]));
    changes.extend(day.at(800, &[pass(1, ANN), since(800, stranger(2, 7))], &[]));
    changes.extend(day.at(2_900, &[since(800, stranger(2, 7))], &[pass(1, ANN)]));
    changes.extend(day.at(6_000, &[since(6_000, pass(3, ANN))], &[since(800, stranger(2, 7))]));
    changes.extend(day.at(9_500, &[since(9_000, stranger(4, 1))], &[since(6_000, pass(3, ANN))]));
    changes.extend(day.at(12_000, &[since(9_000, stranger(4, 1))], &[]));
    changes.extend(day.at(12_100, &[since(9_000, pass(4, 1))], &[]));
    changes.extend(day.at(30_000, &[], &[since(9_000, pass(4, 1))]));
    changes.extend(day.at(3_600_000, &[since(3_600_000, pass(5, ANN)), since(3_600_000, pass(6, 1))], &[]));
    changes.extend(day.at(3_605_000, &[], &[since(3_600_000, pass(5, ANN)), since(3_600_000, pass(6, 1))]));
    changes.extend(day.passages.end());
    changes
}

#[test]
fn whoever_decides_over_the_same_sightings_decides_the_same_but_for_the_ids() {
    let told = || {
        let mut ids: Vec<String> = Vec::new();
        let mut told = Vec::new();
        for change in morning() {
            let id = change.event.id.clone();
            let place = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            told.push((place, change.phase, Event { id: String::new(), ..change.event }));
        }
        told
    };
    let once = told();
    assert!(once.len() > 8, "{once:?}");
    assert_eq!(once, told());
}
