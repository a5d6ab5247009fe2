use std::collections::BTreeSet;
use std::time::Duration;

use store::{Store, StoreError};
use tokio::time::{Instant, timeout};

use super::patience::{Away, PATIENCE, within_patience};

/// A node that has not been heard of for so long is dead: others may take its cameras.
const LEASE: Duration = Duration::from_secs(6);

/// How often leases are renewed: two tries may fail.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// The cameras that this process has taken for itself. What it has it goes on with while the database is away; it gives a
/// camera up when it turns out that another has taken it meanwhile.
pub struct Claims {
    store: Store,
    node: String,
    owner: String,
    held: BTreeSet<String>,
    renewed: Instant,
}

impl Claims {
    /// None yet.
    pub fn new(store: Store, node: String) -> Self {
        let owner = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        Self { store, node, owner, held: BTreeSet::new(), renewed: Instant::now() }
    }

    /// Whether this camera is ours.
    pub fn holds(&self, id: &str) -> bool {
        self.held.contains(id)
    }

    /// Takes those of `wanted` that nobody has. Those that there was no time for are taken the next time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take(&mut self, wanted: impl IntoIterator<Item = &str>) -> Result<(), Away> {
        let wanted: Vec<&str> = wanted.into_iter().filter(|id| !self.held.contains(*id)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        within_patience(self.take_free(&wanted)).await
    }

    async fn take_free(&mut self, wanted: &[&str]) -> Result<(), StoreError> {
        let taken = self.store.claims().await?;
        for id in wanted {
            // Only to ask less often: whether it is free is decided by the claim itself.
            let is_free = !taken.iter().any(|claim| claim.camera == *id && claim.owner != self.owner);
            if is_free && self.claim(id).await? {
                tracing::info!(camera = id, "this node watches it");
                self.held.insert((*id).to_owned());
            }
        }
        Ok(())
    }

    /// When the leases are to be renewed next; `None` while there are none.
    pub fn renewal(&self) -> Option<Instant> {
        (!self.held.is_empty()).then(|| self.renewed + RENEW_EVERY)
    }

    /// Renews the leases when it is time, with what `report` says of each camera.
    ///
    /// # Errors
    /// When the database does not answer; what is held is held until it does.
    pub async fn renew(&mut self, report: impl Fn(&str) -> String) -> Result<(), Away> {
        if self.renewal().is_none_or(|due| Instant::now() < due) {
            return Ok(());
        }
        self.renewed = Instant::now();
        let reports: Vec<_> = self.held.iter().map(|id| (id.clone(), report(id))).collect();
        within_patience(self.renew_held(&reports)).await
    }

    async fn renew_held(&mut self, reports: &[(String, String)]) -> Result<(), StoreError> {
        let kept = self.store.renew_claims(&self.owner, LEASE, reports).await?;
        let lost: Vec<String> = self.held.iter().filter(|id| !kept.contains(id)).cloned().collect();
        for id in lost {
            // It may have been thrown away and not been taken.
            if !self.claim(&id).await? {
                tracing::warn!(camera = id, "another node has taken it while the database was out of reach");
                self.held.remove(&id);
            }
        }
        Ok(())
    }

    /// Gives back those for which `is_needed` is false.
    ///
    /// # Errors
    /// When the database does not answer; their leases run out by themselves.
    pub async fn let_go(&mut self, is_needed: impl Fn(&str) -> bool) -> Result<(), Away> {
        let needless: Vec<String> = self.held.extract_if(.., |id| !is_needed(id)).collect();
        let released = async {
            for id in &needless {
                self.store.release_claim(id, &self.owner).await?;
            }
            Ok(())
        };
        within_patience(released).await
    }

    /// Gives back all of them, so that another node need not wait for the leases to run out.
    pub async fn end(self) {
        match timeout(PATIENCE, self.store.release_claims(&self.owner)).await {
            Ok(Ok(())) => {}
            _ => tracing::warn!("cameras cannot be given back; other nodes take them in {} s", LEASE.as_secs()),
        }
    }

    async fn claim(&self, id: &str) -> Result<bool, StoreError> {
        self.store.claim_camera(id, &self.node, &self.owner, LEASE).await
    }
}
