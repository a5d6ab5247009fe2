//! Events for addresses that nobody has set any more.
use std::collections::BTreeSet;
use std::time::Duration;

use store::{Micros, Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

use super::deliver::before;

/// Age at which they are dropped.
const ABANDONED_AFTER: Duration = Duration::from_hours(30 * 24);
const LOOK_EVERY: Duration = Duration::from_hours(1);
const DATABASE_RETRY: Duration = Duration::from_mins(1);

/// Drops what has waited for 30 days for an address that is not `in_use`, to which nothing will ever be sent. Says once how
/// much waits there. For one task a process, whatever the number of its webhooks: it goes on for ever, and may be cut off at
/// any time.
pub async fn drop_abandoned(store: Store, in_use: watch::Receiver<BTreeSet<String>>) {
    let mut is_told = false;
    loop {
        let addresses = in_use.borrow().clone();
        let pause = match sweep(&store, &addresses).await {
            Ok(Swept { dropped, kept }) => {
                if kept > 0 && !is_told {
                    tracing::warn!(
                        "webhook: {kept} events wait for addresses that neither WEBHOOK_URL nor any camera has, an earlier \
                         setting or another detector's; they are not sent here, and dropped after 30 days"
                    );
                }
                is_told = true;
                if dropped > 0 {
                    tracing::warn!("webhook: dropped {dropped} events that waited for such addresses for 30 days");
                }
                LOOK_EVERY
            }
            Err(error) => {
                tracing::debug!(%error, "webhook: cannot look for events that nobody sends");
                DATABASE_RETRY
            }
        };
        sleep(pause).await;
    }
}

struct Swept {
    dropped: u64,
    kept: u64,
}

async fn sweep(store: &Store, in_use: &BTreeSet<String>) -> Result<Swept, StoreError> {
    let mut swept = Swept { dropped: 0, kept: 0 };
    for (url, waiting) in store.deliveries_by_address().await? {
        if !in_use.contains(&url) {
            let dropped = store.drop_abandoned_deliveries(&url, before(Micros::now(), ABANDONED_AFTER)).await?;
            swept.dropped += dropped;
            swept.kept += waiting.saturating_sub(dropped);
        }
    }
    Ok(swept)
}
