//! Unknown people, told from one another by their faces.
mod groups;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gallery::{Distance, Scale};
use store::{Micros, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::groups::Groups;
use crate::trouble::Trouble;

/// How often the database is asked what has become of visitors elsewhere.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often visitors are looked for that are one.
const UNITE_EVERY: Duration = Duration::from_hours(1);

/// Of those who were not seen for so long it is known already. More than between two rounds, so that a round may fail.
const SEEN_WITHIN: Duration = Duration::from_hours(25);

/// A face nearer than this to a visitor is of that visitor. Stricter than a door: who is registered from a visitor that mixes
/// two people lets both in. Measured by bench/visitors.
const GROUP: f32 = 0.42;

/// Two visitors nearer than this are one. Cannot be undone, so stricter still. Measured by bench/visitors.
const UNITE: f32 = 0.40;

/// Visitors that can be met again: those seen last. Each takes 2 KB.
const MOST: u32 = 20_000;

/// Changes read at a time.
const PAGE: u32 = 500;

/// Rounds of uniting until nothing more comes of it.
const ROUNDS: usize = 10;

/// Unknown people, told from one another by their faces. Cheap to clone; all clones are one.
///
/// Decides in memory and at once, also while the database is away. A task brings what other processes did, and unites
/// visitors who turn out to be one; it retries for ever, and ends with the last clone.
#[derive(Clone, Debug)]
pub struct Visitors {
    shared: Arc<Shared>,
    _task: Arc<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    model: String,
    scale: Scale,
    groups: Mutex<Groups>,
}

impl Visitors {
    /// Begins to follow the visitors in `store` whose faces are by `model`. Must be called within a tokio runtime.
    pub fn start(store: Store, model: &str, scale: Scale) -> Self {
        let visitors = Self::still(store, model, scale);
        let mut task = JoinSet::new();
        task.spawn(follow(Arc::clone(&visitors.shared)));
        Self { _task: Arc::new(task), ..visitors }
    }

    /// The same without the task: what others did is known after [`Visitors::catch_up`].
    pub fn still(store: Store, model: &str, scale: Scale) -> Self {
        let groups = Mutex::new(Groups::new(MOST as usize));
        let shared = Shared { store, model: model.to_owned(), scale, groups };
        Self { shared: Arc::new(shared), _task: Arc::default() }
    }

    /// The model whose faces are compared.
    pub fn model(&self) -> &str {
        &self.shared.model
    }

    /// Which visitor a face is of: one who was here, or somebody new.
    pub fn visitor_of(&self, face: &[f32], seen_at: Micros) -> String {
        self.shared.groups().visitor_of(face, seen_at, Distance::new(GROUP), &self.shared.scale)
    }

    /// Whether nobody is to be told of this visitor.
    pub fn is_muted(&self, id: &str) -> bool {
        self.shared.groups().is_muted(id)
    }

    /// Learns what has become of visitors.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        self.shared.catch_up().await
    }

    /// Unites visitors who turn out to be one; returns how many became part of another. Several processes may do so at once.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn unite(&self) -> Result<usize, StoreError> {
        self.shared.unite().await
    }
}

impl Shared {
    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts over from the database, and forgets who is not there any more.
    async fn reload(&self) -> Result<(), StoreError> {
        let (seq, faces) = self.store.visitor_faces(&self.model, MOST).await?;
        self.groups().replace(seq, faces);
        Ok(())
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        loop {
            let seen = self.groups().seq();
            let changes = self.store.visitor_faces_since(seen, &self.model, PAGE).await?;
            let is_all = changes.len() < PAGE as usize;
            self.groups().follow(changes);
            if is_all {
                return Ok(());
            }
        }
    }

    async fn unite(&self) -> Result<usize, StoreError> {
        let since = Micros::now().0.saturating_sub(i64::try_from(SEEN_WITHIN.as_micros()).unwrap_or(i64::MAX));
        let mut united = 0;
        for _ in 0..ROUNDS {
            let groups = self.groups().clone();
            let scale = self.scale.clone();
            // Among very many this takes seconds.
            let look = move || groups.pairs(Distance::new(UNITE), &scale, Micros(since));
            let Ok(pairs) = tokio::task::spawn_blocking(look).await else { break };
            if pairs.is_empty() {
                break;
            }
            for (kept, other) in pairs {
                united += usize::from(self.store.merge_visitors(&kept, &other).await?);
            }
            self.catch_up().await?;
        }
        Ok(united)
    }
}

async fn follow(shared: Arc<Shared>) {
    let (mut trouble, mut round): (Trouble, Option<Instant>) = (Trouble::default(), None);
    loop {
        let is_due = round.is_none_or(|round| round.elapsed() >= UNITE_EVERY);
        let done = if is_due { start_over(&shared).await } else { shared.catch_up().await };
        match done {
            Ok(()) => {
                trouble.over();
                if is_due {
                    round = Some(Instant::now());
                }
            }
            Err(error) if trouble.failed() => {
                tracing::warn!(%error, "what other processes know of visitors is not known here");
            }
            Err(_) => {}
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn start_over(shared: &Shared) -> Result<(), StoreError> {
    shared.reload().await?;
    let united = shared.unite().await?;
    if united > 0 {
        tracing::info!(united, "visitors turned out to be others who were here before");
    }
    Ok(())
}
