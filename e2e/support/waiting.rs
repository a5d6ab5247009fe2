use std::env;
use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// Longer than anything takes on a loaded machine with two cores. `VULTUS_TEST_PATIENCE` names other seconds, for a processor
/// that is emulated.
pub static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
    let named = env::var("VULTUS_TEST_PATIENCE").ok();
    Duration::from_secs(
        named.map_or(30, |seconds| seconds.parse().expect("VULTUS_TEST_PATIENCE is a number of seconds")),
    )
});

const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something; `what` says in words what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < *PATIENCE {
        if let Some(found) = look().await {
            return found;
        }
        sleep(PAUSE).await;
    }
    panic!("waited in vain: {what}");
}

/// What `wait` comes to, or a panic that says what was waited for.
pub async fn within_patience<T>(what: &str, wait: impl Future<Output = T>) -> T {
    timeout(*PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
