//! Events for receivers that nobody has set any more, and what is kept of those that are done.
use std::collections::BTreeSet;
use std::time::Duration;

use store::{DeliveryState, Micros, Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

use super::WebhookSettings;
use super::deliver::before;

/// Age at which they are dropped.
const ABANDONED_AFTER: Duration = Duration::from_hours(30 * 24);
/// How long, and how many, that were delivered are kept.
const DELIVERED_KEPT: (Duration, u32) = (Duration::from_hours(7 * 24), 10_000);
/// The same for those that were given up.
const DEAD_KEPT: (Duration, u32) = (Duration::from_hours(30 * 24), 10_000);
const LOOK_EVERY: Duration = Duration::from_hours(1);
const DATABASE_RETRY: Duration = Duration::from_mins(1);

/// Drops what has waited for 30 days for a target that is not `in_use`, to which nothing will ever be sent. Says once how
/// much waits there. Removes what was delivered after 7 days, what was given up after 30, and both after `keep`, as the events
/// that they tell of. For one task a process, whatever the number of its webhooks: it goes on for ever, and may be cut off at
/// any time.
pub async fn sweep(store: Store, in_use: watch::Receiver<BTreeSet<String>>, keep: Option<Duration>) {
    let mut is_told = false;
    loop {
        let targets = in_use.borrow().clone();
        let pause = match sweep_once(&store, &targets, keep).await {
            Ok(Swept { dropped, kept }) => {
                if kept > 0 && !is_told {
                    tracing::warn!(
                        "webhook: {kept} events wait for addresses and names that neither WEBHOOK_URL nor any camera nor any \
                         [[webhook]] has, an earlier setting's or another detector's; they are not sent here, and dropped \
                         after 30 days"
                    );
                }
                is_told = true;
                if dropped > 0 {
                    tracing::warn!("webhook: dropped {dropped} events that waited for such targets for 30 days");
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

async fn sweep_once(store: &Store, in_use: &BTreeSet<String>, keep: Option<Duration>) -> Result<Swept, StoreError> {
    let now = Micros::now();
    let mut swept = Swept { dropped: 0, kept: 0 };
    for (target, waiting) in store.deliveries_by_target().await? {
        if !in_use.contains(&target) {
            let dropped = store.drop_abandoned_deliveries(&target, before(now, ABANDONED_AFTER)).await?;
            swept.dropped += dropped;
            // Another node gives up its own commands when it is back.
            let named = WebhookSettings::name_of(&target);
            if !(named.1 && in_use.iter().any(|known| WebhookSettings::name_of(known) == named)) {
                swept.kept += waiting.saturating_sub(dropped);
            }
        }
    }
    for (state, (age, most)) in [(DeliveryState::Delivered, DELIVERED_KEPT), (DeliveryState::Dead, DEAD_KEPT)] {
        let age = keep.map_or(age, |keep| keep.min(age));
        store.prune_deliveries(state, before(now, age), most).await?;
    }
    Ok(swept)
}
