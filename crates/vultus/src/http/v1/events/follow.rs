//! Events as they come about, for whoever wants to follow them: Server-Sent Events.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event as Message, KeepAlive};
use events::{EventView, Phase};
use futures_util::{Stream, StreamExt, stream};
use store::{Event, EventFilter, NumberedEvent, Store};
use tokio::sync::watch;
use tokio::time::sleep;

use super::query::{self, LAST_EVENT_ID, Parameters};
use crate::http::error::ErrorBody;
use crate::http::follower::{self, Place};
use crate::http::listen::Stopping;
use crate::http::{ApiError, Server};

/// Events read at once.
const PAGE: u32 = 100;

/// A pause after the database could not answer.
const RETRY: Duration = Duration::from_secs(1);

/// A line without meaning is sent so often, so that both sides notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Passages as they begin (`start`), change (`update`) and are over (`end`), as Server-Sent Events with the same object as
/// in the list. From now on, or from after `Last-Event-ID`. A passage of which a follower missed the beginning may begin
/// with its end.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events",
    params(query::FilterParameters, query::StreamParameters),
    responses(
        (status = 200, body = EventView, content_type = "text/event-stream"),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 503, description = "busy, database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn follow(
    State(server): State<Server>,
    Extension(stopping): Extension<Stopping>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let filter = parameters.filter()?;
    let asked = parameters.last_event_id()?;
    parameters.end()?;
    // A browser that comes again sends the header, and the address as it was.
    let seen = from_header(&headers)?.or(asked);
    let place = follower::place()?;
    let written = server.history.written();
    let store = server.app.store().clone();
    let newest = store.newest_event_seq().await?;
    // An id from the future is one of another database, of which nothing was seen here.
    let seen = seen.map_or(newest, |seen| seen.min(newest));
    let follower = Follower {
        store,
        filter,
        written,
        seen,
        known: seen,
        resumed_at: seen,
        open: HashSet::new(),
        waiting: VecDeque::new(),
        has_caught_up: false,
        _place: place,
    };
    let messages = stream::unfold(follower, async |mut follower| Some((Ok(follower.next().await?), follower)));
    let messages = messages.take_until(Box::pin(stopping.come()));
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn from_header(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.trim() {
        "" => Ok(None),
        text => {
            query::last_event_id(text).ok_or_else(|| query::refusal("Last-Event-ID", text, LAST_EVENT_ID)).map(Some)
        }
    }
}

/// Reads what was written since it last looked, and waits while there is nothing.
struct Follower {
    store: Store,
    filter: EventFilter,
    written: watch::Receiver<i64>,
    /// The number of the last change that was read.
    seen: i64,
    /// The same when it last had caught up: events opened later are new to the client.
    known: i64,
    /// The number from which it was asked to go on.
    resumed_at: i64,
    /// Ids of the passages that the client was told of, and not of their end.
    open: HashSet<String>,
    waiting: VecDeque<NumberedEvent>,
    has_caught_up: bool,
    _place: Place,
}

impl Follower {
    /// `None` when nothing will be written any more.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(change) = self.waiting.pop_front() {
                if self.is_wanted(&change) {
                    return Some(self.message(&change));
                }
            }
            if self.has_caught_up {
                self.known = self.seen;
            }
            self.written.mark_unchanged();
            match self.store.events_since(self.seen, PAGE).await {
                Ok(changes) if changes.is_empty() => {
                    self.has_caught_up = true;
                    self.written.changed().await.ok()?;
                }
                Ok(changes) => {
                    self.has_caught_up = changes.len() < PAGE as usize;
                    self.seen = changes.last().map_or(self.seen, |last| last.seq);
                    self.waiting = changes.into();
                }
                // It is complained of by who writes.
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    /// What fits; and what fitted when the client was told of it, whatever it has become: else it would be open for ever
    /// there. What fitted before the client came again is not known, but what may have.
    fn is_wanted(&mut self, NumberedEvent { event, opened_seq, .. }: &NumberedEvent) -> bool {
        let was_told = match event.ended {
            true => self.open.remove(&event.id),
            false => self.open.contains(&event.id),
        };
        let fits = self.filter.wants(event);
        let is_wanted = fits || was_told || (*opened_seq <= self.resumed_at && self.may_have_wanted(event));
        if is_wanted && !event.ended {
            self.open.insert(event.id.clone());
        }
        is_wanted
    }

    /// Before somebody is accepted a passage is a REJECT of nobody known; nothing else of it changes.
    fn may_have_wanted(&self, event: &Event) -> bool {
        let before = Event { person: None, person_id: None, status: "REJECT".to_owned(), ..event.clone() };
        self.filter.wants(&before)
    }

    fn message(&self, change: &NumberedEvent) -> Message {
        let phase = match change.event.ended {
            true => Phase::End,
            false if change.opened_seq > self.known => Phase::Start,
            false => Phase::Update,
        };
        // Strings and numbers, which always have a form in JSON without line breaks.
        let data = serde_json::to_string(&EventView::of(&change.event)).unwrap_or_default();
        Message::default().id(change.seq.to_string()).event(phase.as_str()).data(data)
    }
}
