//! Events for a spreadsheet.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use store::{Event, EventFilter, Micros, Store};

use super::query::{self, Parameters};
use crate::http::error::ErrorBody;
use crate::http::{ApiError, Server};
use crate::table::{self, cell};

/// Events read at once: no connection of the database is held while a slow client takes them.
const PAGE: u32 = 500;

const COLUMNS: [&str; 14] = [
    "id",
    "person",
    "status",
    "reason",
    "camera",
    "direction",
    "node",
    "track",
    "distance",
    "raw_distance",
    "quality",
    "start",
    "last_seen",
    "end",
];

/// All events that are wanted as a table, the newest first. Times are RFC 3339, in UTC.
#[utoipa::path(
    get, path = "/api/v1/events.csv", tag = "events",
    params(query::FilterParameters),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, description = "bad_parameter", body = ErrorBody),
        (status = 503, description = "database_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http) async fn export(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut parameters = Parameters::of(query.as_deref());
    let filter = parameters.filter()?;
    parameters.end()?;
    let export = Export { store: server.app.store().clone(), filter, before: None, is_begun: false, is_over: false };
    // Before the answer begins, so that a database which is away is an error and not a torn table.
    let Some((first, rest)) = export.page().await? else { return Ok(().into_response()) };
    let table = stream::iter([Ok(first)]).chain(stream::try_unfold(rest, Export::page));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"events.csv\""),
    ];
    Ok((headers, Body::from_stream(table)).into_response())
}

/// A table on its way to a client, page by page.
struct Export {
    store: Store,
    filter: EventFilter,
    /// The last event that was written.
    before: Option<String>,
    is_begun: bool,
    is_over: bool,
}

impl Export {
    /// The next part of the table; the first has the heading. `None` after the last.
    async fn page(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        if self.is_over {
            return Ok(None);
        }
        let events = self.store.events(&self.filter, self.before.as_deref(), PAGE).await?;
        let page = table(&events, !self.is_begun);
        self.is_begun = true;
        self.is_over = events.len() < PAGE as usize;
        self.before = events.into_iter().next_back().map(|event| event.id);
        Ok(Some((page, self)))
    }
}

fn table(events: &[Event], heading: bool) -> Bytes {
    let heading = heading.then(|| COLUMNS.map(Cow::from));
    table::rows(heading.into_iter().chain(events.iter().map(row))).into()
}

fn row(event: &Event) -> [Cow<'_, str>; COLUMNS.len()] {
    let number = |number: Option<f64>| number.map_or(Cow::default(), |number| number.to_string().into());
    [
        event.id.as_str().into(),
        cell(event.person.as_deref()),
        cell(Some(&event.status)),
        cell(event.reason.as_deref()),
        cell(Some(&event.camera)),
        cell(event.direction.as_deref()),
        cell(Some(&event.node)),
        event.track.map_or(Cow::default(), |track| track.to_string().into()),
        number(event.distance),
        number(event.raw_distance),
        number(event.quality),
        time(event.started_at),
        time(event.last_seen_at),
        if event.ended { time(event.last_seen_at) } else { Cow::default() },
    ]
}

fn time(time: Micros) -> Cow<'static, str> {
    let time = jiff::Timestamp::from_millisecond(time.0 / 1000);
    time.map_or(Cow::default(), |time| format!("{time:.3}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(person: &str) -> Event {
        Event {
            id: "01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0".to_owned(),
            person_id: Some(1),
            person: Some(person.to_owned()),
            status: "PASS".to_owned(),
            reason: None,
            camera: "front, door".to_owned(),
            direction: None,
            node: "gate".to_owned(),
            track: Some(7),
            distance: Some(0.3121),
            raw_distance: Some(0.4),
            quality: None,
            started_at: Micros(1_736_400_000_125_999),
            passed_at: None,
            last_seen_at: Micros(1_736_400_003_000_000),
            ended: true,
            has_face: true,
            has_frame: true,
            decision: String::new(),
            door_group: None,
            visitor: None,
            face: None,
            correction: None,
        }
    }

    #[test]
    fn a_row_is_quoted_where_it_must_be() {
        let table = table(&[event("Jörg \"J\"")], true);
        let expected = "id,person,status,reason,camera,direction,node,track,distance,raw_distance,quality,start,last_seen,end\r\n\
            01943c3e-8f10-7cc1-b1d6-3a1c0de4a5f0,\"Jörg \"\"J\"\"\",PASS,,\"front, door\",,gate,7,0.3121,0.4,,\
            2025-01-09T05:20:00.125Z,2025-01-09T05:20:03.000Z,2025-01-09T05:20:03.000Z\r\n";
        assert_eq!(str::from_utf8(&table).unwrap(), expected);
    }
}
