use std::collections::BTreeMap;

use events::{DefinedCamera, Roster, WatchedCamera};

use super::seat::Seat;
use super::{Defined, Here};

/// What a broker is told of: the cameras that are watched here, and all that are `defined`, once that is known. `certain`: the
/// database answers.
pub fn roster(seats: &BTreeMap<String, Seat>, defined: Option<&Vec<Defined>>, certain: bool) -> Roster {
    let watched = seats.values().map(|seat| {
        let Here { id, name, status, .. } = seat.here();
        WatchedCamera { id, name, status }
    });
    let of = |camera: &Defined| (camera.definition.id.clone(), DefinedCamera { enabled: camera.definition.enabled });
    Roster { watched: watched.collect(), defined: defined.map(|all| all.iter().map(of).collect()), certain }
}
