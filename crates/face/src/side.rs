use models::{InstalledPack, SideRole};

use crate::FaceError;
use crate::attribute_model::AttributeModel;
use crate::liveness::LivenessModel;
use crate::session::Runtime;

/// The models beside the main path, each loaded when it is first asked for: most installations use none of them.
#[derive(Debug)]
pub(crate) struct SideModels {
    runtime: Runtime,
    installed: InstalledPack,
    liveness: Option<LivenessModel>,
    /// By their roles.
    attributes: Vec<(SideRole, AttributeModel)>,
}

impl SideModels {
    pub(crate) fn new(runtime: &Runtime, installed: &InstalledPack) -> Self {
        Self { runtime: runtime.clone(), installed: installed.clone(), liveness: None, attributes: Vec::new() }
    }

    pub(crate) fn liveness(&mut self) -> Result<&mut LivenessModel, FaceError> {
        match &mut self.liveness {
            Some(model) => Ok(model),
            none => Ok(none.insert(LivenessModel::open(&self.runtime, &self.installed)?)),
        }
    }

    pub(crate) fn attribute(&mut self, role: SideRole) -> Result<&mut AttributeModel, FaceError> {
        let at = match self.attributes.iter().position(|(open, _)| *open == role) {
            Some(at) => at,
            None => {
                self.attributes.push((role, AttributeModel::open(&self.runtime, &self.installed, role)?));
                self.attributes.len() - 1
            }
        };
        Ok(&mut self.attributes[at].1)
    }
}
