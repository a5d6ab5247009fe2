use std::collections::BTreeMap;

use camera::CameraStatus;

/// The cameras, as this process knows them.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Those that are watched here.
    pub watched: Vec<WatchedCamera>,
    /// All that are defined, by their ids; `None` before that is known.
    pub defined: Option<BTreeMap<String, DefinedCamera>>,
    /// Whether the database answers, so that it is certain which are watched here.
    pub certain: bool,
}

/// A camera that is watched here.
#[derive(Clone, Debug)]
pub struct WatchedCamera {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is doing.
    pub status: CameraStatus,
}

/// A camera that is defined, here or for all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefinedCamera {
    /// Whether it is to be watched.
    pub enabled: bool,
}
