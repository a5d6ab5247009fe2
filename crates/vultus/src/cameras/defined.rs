use std::collections::BTreeSet;

use anyhow::{Context, bail};
use camera::mask_credentials;
use serde::Serialize;
use store::StoredCamera;
use utoipa::ToSchema;

use super::Definition;
use crate::settings::{self, FileTables, Resolved, Settings, TableKind};

/// Where a definition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// VIDEO_SOURCE: this node's own camera.
    Setting,
    /// A `[[camera]]` of vultus.toml.
    File,
    /// The API.
    Database,
}

/// A camera and where its definition comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Defined {
    /// What is defined.
    pub definition: Definition,
    /// Where.
    pub origin: Origin,
}

impl Defined {
    /// Whether any node may watch it, and so one at a time. A setting's camera is that of its own node.
    pub fn is_shared(&self) -> bool {
        self.origin != Origin::Setting
    }
}

/// The cameras that stay the same as long as the process runs.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    setting: Option<Definition>,
    /// Nobody asked for the setting's camera: it makes way for any other.
    setting_is_default: bool,
    file: Vec<Definition>,
}

impl Fixed {
    /// The cameras of the settings and of their file.
    ///
    /// # Errors
    /// What is wrong with a camera of the file.
    pub fn of(settings: &Settings, resolved: &Resolved) -> anyhow::Result<Self> {
        let setting = (!settings.video_source.is_none()).then(|| Definition::of_settings(settings));
        let setting_is_default = *resolved.origin("video_source") == settings::Origin::Default;
        Ok(Self { setting, setting_is_default, ..Self::of_file(resolved)? })
    }

    /// Only those of the settings' file, for a process that watches none itself.
    ///
    /// # Errors
    /// What is wrong with a camera of the file.
    pub fn of_file(resolved: &Resolved) -> anyhow::Result<Self> {
        Ok(Self { file: file_definitions(&resolved.tables(TableKind::Camera))?, ..Self::default() })
    }

    /// Every camera once, with those of the database: the setting's first, then the file's in order, then the database's. Of
    /// two with the same id the file's counts before the setting's, and the database's last.
    pub fn with(&self, database: Vec<Definition>) -> Vec<Defined> {
        let has_others = !self.file.is_empty() || !database.is_empty();
        let file_has = |id: &str| self.file.iter().any(|camera| camera.id == id);
        let setting =
            self.setting.iter().filter(|camera| !(self.setting_is_default && has_others || file_has(&camera.id)));
        let all = setting
            .map(|camera| (camera.clone(), Origin::Setting))
            .chain(self.file.iter().map(|camera| (camera.clone(), Origin::File)))
            .chain(database.into_iter().map(|camera| (camera, Origin::Database)));
        let mut seen = BTreeSet::new();
        all.filter(|(camera, _)| seen.insert(camera.id.clone()))
            .map(|(definition, origin)| Defined { definition, origin })
            .collect()
    }
}

fn file_definitions(cameras: &FileTables) -> anyhow::Result<Vec<Definition>> {
    let mut definitions: Vec<Definition> = Vec::new();
    for (place, fields) in cameras.fields(TableKind::Camera)? {
        let definition = Definition::parse(&fields.into()).with_context(|| place.clone())?;
        if definitions.iter().any(|other| other.id == definition.id) {
            bail!("{place}: there is a camera `{}` before it: give each an id of its own", definition.id);
        }
        definitions.push(definition);
    }
    Ok(definitions)
}

/// What the database keeps, understood. A definition of a newer version may hold what this one does not know.
pub fn stored_definition(stored: &StoredCamera) -> Result<Definition, String> {
    let value = serde_json::from_str(&stored.definition).map_err(|error| error.to_string())?;
    let definition = Definition::parse(&value).map_err(|error| mask_credentials(&error.to_string()))?;
    if definition.id == stored.id { Ok(definition) } else { Err(format!("it is that of `{}`", definition.id)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn camera(id: &str) -> Definition {
        Definition::parse(&json!({"id": id, "source": "testsrc"})).unwrap()
    }

    fn origins(fixed: &Fixed, database: &[&str]) -> Vec<(String, Origin)> {
        let defined = fixed.with(database.iter().map(|id| camera(id)).collect());
        defined.into_iter().map(|defined| (defined.definition.id, defined.origin)).collect()
    }

    fn fixed(setting_is_default: bool, file: &[&str]) -> Fixed {
        let file = file.iter().map(|id| camera(id)).collect();
        Fixed { setting: Some(camera("camera")), setting_is_default, file }
    }

    fn listed(expected: &[(&str, Origin)]) -> Vec<(String, Origin)> {
        expected.iter().map(|(id, origin)| ((*id).to_owned(), *origin)).collect()
    }

    #[test]
    fn the_camera_that_nobody_asked_for_makes_way_for_any_other() {
        assert_eq!(origins(&fixed(true, &[]), &[]), listed(&[("camera", Origin::Setting)]));
        assert_eq!(origins(&fixed(true, &[]), &["door"]), listed(&[("door", Origin::Database)]));
        assert_eq!(origins(&fixed(true, &["door"]), &[]), listed(&[("door", Origin::File)]));
        let both = listed(&[("camera", Origin::Setting), ("door", Origin::Database)]);
        assert_eq!(origins(&fixed(false, &[]), &["door"]), both);
    }

    #[test]
    fn of_two_cameras_with_one_id_the_files_counts_first_and_the_databases_last() {
        let expected = listed(&[("camera", Origin::File), ("door", Origin::File), ("gate", Origin::Database)]);
        assert_eq!(origins(&fixed(false, &["camera", "door"]), &["camera", "door", "gate"]), expected);
        assert_eq!(origins(&fixed(false, &[]), &["camera"]), listed(&[("camera", Origin::Setting)]));
    }
}
