use std::time::Duration;

use store::{Micros, Store, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::HistorySettings;
use super::media::Media;
use crate::trouble::Trouble;

/// How often events are looked for that nobody will end, and whether many pictures were written.
const ROUND: Duration = Duration::from_secs(5);

/// How often what is too old is removed.
const CLEAN_EVERY: Duration = Duration::from_hours(1);

/// An event of this node that was not seen for so long was left open by a process that is no more: one that lasts is
/// written every few seconds.
const ABANDONED: Duration = Duration::from_secs(20);

/// The same for another node, which may only be cut off from the database.
const ABANDONED_ELSEWHERE: Duration = Duration::from_hours(1);

/// The task that ends what was left open and removes what is too old, at the start and from then on. What goes wrong is
/// logged and tried again.
pub(super) struct Janitor {
    store: Store,
    media: Media,
    settings: HistorySettings,
    cleaned: Option<Instant>,
    trouble: Trouble,
}

impl Janitor {
    pub fn new(store: Store, media: Media, settings: HistorySettings) -> Self {
        Self { store, media, settings, cleaned: None, trouble: Trouble::default() }
    }

    pub async fn run(mut self) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            match self.round().await {
                Ok(()) => {
                    self.trouble.over();
                }
                Err(error) if self.trouble.failed() => tracing::warn!(%error, "old events cannot be seen to"),
                Err(_) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        let (before, long_before) = (ago(ABANDONED), ago(ABANDONED_ELSEWHERE));
        let ended = self.store.end_abandoned_events(&self.settings.node, before, long_before).await?;
        if ended > 0 {
            tracing::info!(ended, "events ended that a process had left open");
        }
        if self.media.is_to_be_swept(self.settings.limits()) {
            self.clean_media().await;
        }
        if self.cleaned.is_none_or(|cleaned| cleaned.elapsed() >= CLEAN_EVERY) {
            self.clean_media().await;
            self.clean_events().await?;
            self.cleaned = Some(Instant::now());
        }
        Ok(())
    }

    async fn clean_events(&self) -> Result<(), StoreError> {
        let Some(age) = self.settings.keep_events else { return Ok(()) };
        let removed = self.store.remove_events(ago(age)).await?;
        if removed > 0 {
            tracing::info!(removed, "events removed that were older than EVENTS_DAYS");
        }
        Ok(())
    }

    async fn clean_media(&self) {
        let (media, limits) = (self.media.clone(), self.settings.limits());
        match tokio::task::spawn_blocking(move || media.sweep(limits)).await {
            Ok(Ok(removed)) if removed > 0 => {
                tracing::info!(removed, "pictures removed by MEDIA_DAYS and MEDIA_MAX_MB");
            }
            Ok(Err(error)) => tracing::warn!(%error, "old pictures cannot be removed: see to MEDIA_DIR"),
            // Nothing to remove, or the process is ending.
            Ok(Ok(_)) | Err(_) => {}
        }
    }
}

fn ago(age: Duration) -> Micros {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    Micros(Micros::now().0.saturating_sub(age))
}
