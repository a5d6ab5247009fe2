//! How long the supervisor waits for the database, and what it says of one that does not answer.

use std::future::Future;
use std::time::Duration;

use store::StoreError;
use tokio::time::{Instant, timeout};

/// A database that takes longer is away.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A database that has failed nobody for so long is back: reads may work while writes do not.
const CALM: Duration = Duration::from_secs(10);

/// The database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Away {
    /// It could not be asked.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// Not in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Silent,
}

/// What the database answers, if it does so in time.
///
/// # Errors
/// When it does not.
pub async fn within_patience<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Away> {
    Ok(timeout(PATIENCE, asked).await.map_err(|_| Away::Silent)??)
}

/// Whether the database answers; said when that changes, once however many cameras there are.
#[derive(Default)]
pub struct Reach {
    failed_at: Option<Instant>,
}

impl Reach {
    /// Whether it has not answered lately.
    pub fn is_lost(&self) -> bool {
        self.failed_at.is_some()
    }

    /// Notes what came of asking it.
    pub fn note(&mut self, asked: Result<(), Away>) {
        if let Err(away) = asked {
            if self.failed_at.is_none() {
                tracing::warn!(%away, "cameras: the database is away; what is watched goes on, changes have to wait");
            }
            self.failed_at = Some(Instant::now());
        } else if self.failed_at.is_some_and(|at| at.elapsed() >= CALM) {
            tracing::info!("cameras: the database works again");
            self.failed_at = None;
        }
    }
}
