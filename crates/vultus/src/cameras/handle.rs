use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use camera::CameraStatus;
use events::Live;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Claim, Store, StoreError};
use tokio::sync::Notify;
use url::Url;
use utoipa::ToSchema;

use super::defined::stored_definition;
use super::{Defined, Definition, Fixed, NotADefinition, Origin};
use crate::http::camera_report;
use crate::settings::Settings;

/// Most cameras that the database keeps.
const MOST: usize = 500;

/// How often a change is tried whose camera is being changed by others at the same time.
const TRIES: usize = 20;

/// All cameras, as the HTTP side sees and changes them. Cheap to clone; a process that watches none has one as well.
#[derive(Clone)]
pub struct Cameras {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    node: String,
    fixed: Fixed,
    here: Mutex<Vec<Here>>,
    changed: Notify,
}

/// A camera that this process watches.
#[derive(Clone)]
pub struct Here {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is doing.
    pub status: CameraStatus,
    /// What it sees; `None` while it cannot be started.
    pub live: Option<Live>,
}

/// A camera with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct Camera {
    /// As it is defined; secrets are masked.
    #[serde(flatten)]
    definition: Definition,
    origin: Origin,
    /// The node that watches it; null while none does.
    node: Option<String>,
    /// `state` is `connecting`, `live`, `stalled` or `failed` (`reason` says why), `finished`, `off` (not enabled) or `waiting` (no node
    /// has taken it yet); and since when, and numbers, where a node watches it.
    #[schema(value_type = Object, example = json!({"state": "live", "since_seconds": 12}))]
    state: Value,
}

/// What stands against a wish of a caller.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// There is none of this id.
    #[error("there is no camera `{0}`: /api/v1/cameras lists those that there are")]
    Unknown(String),
    /// The definition stands where only somebody at the machine can change it.
    #[error("the camera `{id}` is defined {}", place_of(*.origin))]
    Fixed {
        /// Its id.
        id: String,
        /// Where.
        origin: Origin,
    },
    /// The id is taken.
    #[error("there is a camera `{0}` already: change that one, or choose another id")]
    Exists(String),
    /// Too many cameras.
    #[error("there are {MOST} cameras already, and no more are kept: remove one that is not needed")]
    TooMany,
    /// Others changed it again and again meanwhile.
    #[error("the camera `{0}` is being changed by others at the same time: try again")]
    Contended(String),
    /// The definition is none.
    #[error(transparent)]
    Bad(#[from] NotADefinition),
    /// What is kept cannot be understood.
    #[error(
        "the definition of camera `{id}` cannot be read ({reason}): remove it, or install the version that wrote it"
    )]
    Unreadable {
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no picture of it in this process.
    #[error("no picture of camera `{id}`: {why}")]
    NoPicture {
        /// Its id.
        id: String,
        /// Why not.
        why: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Camera {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.definition.id
    }
}

fn place_of(origin: Origin) -> &'static str {
    match origin {
        Origin::Setting => "by VIDEO_SOURCE and CAMERA_NAME: change it there",
        Origin::File => "in vultus.toml: change it there",
        Origin::Database => "in the database",
    }
}

impl Cameras {
    /// The cameras of `fixed` and of the database, as `node` sees them. Nothing is watched yet.
    pub fn new(store: Store, node: String, fixed: Fixed) -> Self {
        let shared = Shared { store, node, fixed, here: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// The addresses to which anything defined sends its PASSes.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn webhook_addresses(&self, settings: &Settings) -> Result<BTreeSet<Url>, CameraError> {
        let defined = self.defined().await?;
        let addresses = defined.iter().filter_map(|camera| camera.definition.webhook(settings));
        Ok(addresses.chain(settings.webhook_url.0.clone()).collect())
    }

    /// Every camera, in a fixed order.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn all(&self) -> Result<Vec<Camera>, CameraError> {
        let defined = self.defined().await?;
        let claims = self.shared.store.claims().await?;
        Ok(defined.iter().map(|camera| self.describe(camera, &claims)).collect())
    }

    /// One camera.
    ///
    /// # Errors
    /// When there is none of this id, or the database cannot answer.
    pub async fn get(&self, id: &str) -> Result<Camera, CameraError> {
        let defined = self.find(id).await?;
        let claims = self.shared.store.claims().await?;
        Ok(self.describe(&defined, &claims))
    }

    /// Keeps a new camera in the database.
    ///
    /// # Errors
    /// A definition that is none, an id that is taken, the database.
    pub async fn add(&self, definition: &Value) -> Result<Camera, CameraError> {
        let definition = Definition::parse(definition)?;
        let kept = self.shared.store.cameras().await?.len();
        let together = self.shared.fixed.with(vec![definition.clone()]);
        if together.iter().any(|other| other.definition.id == definition.id && other.origin != Origin::Database) {
            return Err(CameraError::Exists(definition.id));
        }
        if kept >= MOST {
            return Err(CameraError::TooMany);
        }
        match self.shared.store.add_camera(&definition.id, &definition.to_json().to_string()).await {
            Err(StoreError::CameraExists { camera }) => return Err(CameraError::Exists(camera)),
            added => added?,
        }
        tracing::info!(camera = definition.id, "added");
        self.shared.changed.notify_one();
        self.get(&definition.id).await
    }

    /// Changes a camera of the database by a JSON merge patch. Of two changes at once none is lost.
    ///
    /// # Errors
    /// No such camera, one that is defined elsewhere, a definition that is none, the database.
    pub async fn change(&self, id: &str, patch: &Value) -> Result<Camera, CameraError> {
        for _ in 0..TRIES {
            let stored = self.stored(id).await?;
            let unreadable = |reason| CameraError::Unreadable { id: id.to_owned(), reason };
            let patched = stored_definition(&stored).map_err(unreadable)?.patched(patch)?;
            if self.shared.store.change_camera(id, &stored.definition, &patched.to_json().to_string()).await? {
                tracing::info!(camera = id, "changed");
                self.shared.changed.notify_one();
                return self.get(id).await;
            }
        }
        Err(CameraError::Contended(id.to_owned()))
    }

    /// Removes a camera of the database.
    ///
    /// # Errors
    /// No such camera, one that is defined elsewhere, the database.
    pub async fn remove(&self, id: &str) -> Result<(), CameraError> {
        self.stored(id).await?;
        if !self.shared.store.remove_camera(id).await? {
            return Err(CameraError::Unknown(id.to_owned()));
        }
        tracing::info!(camera = id, "removed");
        self.shared.changed.notify_one();
        Ok(())
    }

    /// What a camera sees.
    ///
    /// # Errors
    /// No such camera, or one that is not watched here: by whom, if anybody.
    pub async fn live(&self, id: &str) -> Result<Live, CameraError> {
        let here = self.here().into_iter().find(|here| here.id == id);
        if let Some(live) = here.and_then(|here| here.live) {
            return Ok(live);
        }
        let camera = self.get(id).await?;
        let why = match (&camera.node, camera.definition.enabled) {
            (Some(node), _) if *node != self.shared.node => format!("the node {node} watches it, ask there"),
            (Some(_), _) => {
                "it is watched by another process of this node, or cannot be started: see its state".to_owned()
            }
            (None, false) => "it is not enabled".to_owned(),
            (None, true) => "no node watches it yet".to_owned(),
        };
        Err(CameraError::NoPicture { id: id.to_owned(), why })
    }

    /// The cameras that this process watches, the first one first.
    pub fn here(&self) -> Vec<Here> {
        self.shared.here.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those are watched now.
    pub(super) fn set_here(&self, here: Vec<Here>) {
        *self.shared.here.lock().unwrap_or_else(PoisonError::into_inner) = here;
    }

    /// What does not change.
    pub(super) fn fixed(&self) -> &Fixed {
        &self.shared.fixed
    }

    /// Waits until somebody has changed the definitions through this handle.
    pub(super) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    async fn defined(&self) -> Result<Vec<Defined>, CameraError> {
        let stored = self.shared.store.cameras().await?;
        let readable = stored.iter().filter_map(|camera| stored_definition(camera).ok()).collect();
        Ok(self.shared.fixed.with(readable))
    }

    async fn find(&self, id: &str) -> Result<Defined, CameraError> {
        let found = self.defined().await?.into_iter().find(|camera| camera.definition.id == id);
        found.ok_or_else(|| CameraError::Unknown(id.to_owned()))
    }

    /// A camera that is kept in the database, and counts.
    async fn stored(&self, id: &str) -> Result<store::StoredCamera, CameraError> {
        let stored = self.shared.store.camera(id).await?;
        match (stored, self.find(id).await) {
            (_, Ok(Defined { origin, .. })) if origin != Origin::Database => {
                Err(CameraError::Fixed { id: id.to_owned(), origin })
            }
            (Some(stored), _) => Ok(stored),
            (None, _) => Err(CameraError::Unknown(id.to_owned())),
        }
    }

    fn describe(&self, camera: &Defined, claims: &[Claim]) -> Camera {
        let id = &camera.definition.id;
        let here = self.here().into_iter().find(|here| here.id == *id);
        let claim = claims.iter().find(|claim| claim.camera == *id).filter(|_| camera.is_shared());
        let (node, state) = match (here, claim) {
            (Some(here), _) => (Some(self.shared.node.clone()), state_of(&here)),
            (None, Some(claim)) => (Some(claim.node.clone()), claimed_state(claim)),
            (None, None) => (None, json!({ "state": if camera.definition.enabled { "waiting" } else { "off" } })),
        };
        Camera { definition: camera.definition.shown(), origin: camera.origin, node, state }
    }
}

/// How a camera is doing, as callers and other nodes are told.
pub fn state_of(here: &Here) -> Value {
    serde_json::to_value(camera_report(&here.status)).unwrap_or_default()
}

/// What its node has last said; a claim is there before its first report.
fn claimed_state(claim: &Claim) -> Value {
    serde_json::from_str(&claim.report).unwrap_or_else(|_| json!({ "state": "connecting" }))
}
