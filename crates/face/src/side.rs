use models::InstalledPack;

use crate::FaceError;
use crate::liveness::LivenessModel;
use crate::session::Runtime;

/// The models beside the main path, each loaded when it is first asked for: most installations use none of them.
#[derive(Debug)]
pub(crate) struct SideModels {
    runtime: Runtime,
    installed: InstalledPack,
    liveness: Option<LivenessModel>,
}

impl SideModels {
    pub(crate) fn new(runtime: &Runtime, installed: &InstalledPack) -> Self {
        Self { runtime: runtime.clone(), installed: installed.clone(), liveness: None }
    }

    pub(crate) fn liveness(&mut self) -> Result<&mut LivenessModel, FaceError> {
        match &mut self.liveness {
            Some(model) => Ok(model),
            none => Ok(none.insert(LivenessModel::open(&self.runtime, &self.installed)?)),
        }
    }
}
