use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// Longer than anything takes on a loaded machine with two cores.
pub const PATIENCE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something; `what` says in words what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look().await {
            return found;
        }
        sleep(PAUSE).await;
    }
    panic!("waited in vain: {what}");
}

/// What `wait` comes to, or a panic that says what was waited for.
pub async fn within_patience<T>(what: &str, wait: impl Future<Output = T>) -> T {
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
