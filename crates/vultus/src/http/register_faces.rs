use std::fs::File;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use futures_util::{StreamExt, stream};
use gallery::{Candidate, EnrolPolicy, Finding, PersonName};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::contract::missing;
use super::enrolment::{self, EnrolParameters, Measures};
use super::error::ErrorBody;
use super::upload::{FORM_BYTES, Form};
use super::v1::events::query::Parameters;
use super::{ApiError, Server};
use crate::app::App;
use crate::bulk::{ArchiveError, BulkLimits, Entry, Refusal, ZipPhotos};

/// An archive of photos.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form in the OpenAPI document; fields are read piece by piece")]
pub(super) struct RegisterFacesForm {
    /// A ZIP with `katya.jpg`, `zero.jpg` (file stem = name), or folders `katya/1.jpg`, `katya/2.jpg`.
    #[schema(value_type = String, format = Binary)]
    zip: Vec<u8>,
}

/// What came of an archive.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredFaces {
    /// Always `ok`; each entry has its own result.
    #[schema(example = "ok")]
    status: &'static str,
    /// How many photos were enrolled.
    enrolled: usize,
    /// How many were not.
    failed: usize,
    /// One for each photo, in the archive's order.
    results: Vec<EntryResult>,
}

/// What came of one photo of an archive or folder.
#[derive(Serialize, ToSchema)]
pub struct EntryResult {
    /// The entry's path.
    pub file: String,
    /// The person; null when the name is unusable.
    pub name: Option<String>,
    /// `enrolled` or `failed`.
    pub status: &'static str,
    /// Why not: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// Why not: a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Photos that the person is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<u32>,
    /// All that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measures: Option<Measures>,
    /// What a better photo would mend.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    /// What stopped it and could be overridden.
    #[serde(skip)]
    pub reasons: Vec<Finding>,
}

/// Enrols everybody in a ZIP of photos. One bad entry never spoils the others. Whatever can be recognised is taken, with warnings;
/// `strict=1` refuses what `/api/v1/people/{name}/photos` does.
#[utoipa::path(
    post, path = "/register-faces", tag = "people", params(EnrolParameters),
    request_body(content = RegisterFacesForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = RegisteredFaces),
        (status = 400, description = "missing_field, bad_parameter, not_a_zip", body = ErrorBody),
        (status = 413, description = "too_large, too_many_entries", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 503, description = "busy", body = ErrorBody),
        (status = 507, description = "no_room", body = ErrorBody),
    )
)]
pub(super) async fn register_faces(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<RegisteredFaces>, ApiError> {
    let policy = enrolment::policy(&mut Parameters::of(query.as_deref()), EnrolPolicy::LAX)?;
    let (archives, limit) = (server.app.archives(), server.app.settings().max_zip_mb.bytes());
    let mut form = Form::of(request, limit + FORM_BYTES, Some(archives.receive()?)).await?;
    let mut archive = None;
    while let Some(part) = form.next().await? {
        match part.name() {
            Some("zip" | "file") => archive = Some(part.temporary_file(limit).await?),
            _ => part.skip().await?,
        }
    }
    let archive = archive.ok_or_else(|| missing("zip"))?;
    let place = archives.place()?;
    drop(form);
    let photos = photos_of(archive, server.app.bulk_limits(), place).await?;
    let results = enrol_all(&server.app, photos, policy, |_| {}).await;
    let enrolled = results.iter().filter(|result| result.status == "enrolled").count();
    let failed = results.len() - enrolled;
    tracing::info!(enrolled, failed, "an archive of photos was enrolled");
    Ok(Json(RegisteredFaces { status: "ok", enrolled, failed, results }))
}

/// The photos of an archive, whose table of contents may be large and is read on a thread that may block. Its place is
/// free when the archive is gone, which a client that hangs up may not live to see.
async fn photos_of(
    archive: File,
    limits: BulkLimits,
    place: OwnedSemaphorePermit,
) -> Result<impl Iterator<Item = Entry> + Send + 'static, ApiError> {
    let open = move || {
        let photos = ZipPhotos::open(archive, limits)?;
        Ok::<_, ArchiveError>(photos.inspect(move |_| {
            let _held_as_long_as_the_photos = &place;
        }))
    };
    let opened = spawn_blocking(open).await.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", format!("the archive: {error}"))
    })?;
    Ok(opened?)
}

impl From<ArchiveError> for ApiError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::NotAZip(_) => Self::bad_request("not_a_zip", error.to_string()),
            ArchiveError::TooMany { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_entries", error.to_string())
            }
        }
    }
}

/// Enrols entry after entry: photos are looked at on all engines at once, people are registered in the order of the
/// entries. `done` hears of each result as it comes.
pub async fn enrol_all(
    app: &App,
    entries: impl Iterator<Item = Entry> + Send + 'static,
    policy: EnrolPolicy,
    mut done: impl FnMut(&EntryResult),
) -> Vec<EntryResult> {
    let ahead = app.settings().engines() * 2;
    let (sender, receiver) = mpsc::channel(ahead);
    let reading = spawn_blocking(move || {
        for entry in entries {
            // The error says that nobody waits for the results any more.
            if sender.blocking_send(entry).is_err() {
                return;
            }
        }
    });
    let entries = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let mut looked_at = std::pin::pin!(entries.map(|entry| look_at(app, entry)).buffered(ahead));
    let mut results = Vec::new();
    while let Some(candidate) = looked_at.next().await {
        let result = enrol(app, candidate, policy).await;
        done(&result);
        results.push(result);
    }
    if let Err(error) = reading.await {
        tracing::error!(%error, "the photos could not be read to the end");
    }
    results
}

/// An entry whose photo has been looked at.
struct Examined {
    file: String,
    name: Option<PersonName>,
    candidate: Result<Candidate, Refusal>,
}

async fn look_at(app: &App, entry: Entry) -> Examined {
    let Entry { file, name, photo } = entry;
    let candidate = match photo {
        Ok(photo) => app.examine(photo).await.map_err(|error| ApiError::from(error).into()),
        Err(refusal) => Err(refusal),
    };
    Examined { file, name, candidate }
}

async fn enrol(app: &App, examined: Examined, policy: EnrolPolicy) -> EntryResult {
    let (file, name, mut candidate) = match examined {
        Examined { file, name: Some(name), candidate: Ok(candidate) } => (file, name, candidate),
        Examined { file, name, candidate: Err(refusal) } => return failed(file, name, refusal),
        Examined { file, name: None, .. } => return failed(file, None, Refusal::nameless()),
    };
    let enrolled = app.enrol(&name, &mut [&mut candidate], policy).await;
    let measures = Some(Measures::from(&candidate));
    match enrolled {
        Ok(None) => {
            let reasons = candidate.reasons(policy);
            let refusal = enrolment::refused(&reasons).into();
            EntryResult { measures, reasons, ..failed(file, Some(name), refusal) }
        }
        Ok(Some(enrolled)) => EntryResult {
            file,
            name: Some(name.to_string()),
            status: "enrolled",
            error: None,
            message: None,
            templates: Some(enrolled.templates),
            measures,
            warnings: candidate.warnings(policy),
            reasons: Vec::new(),
        },
        Err(error) => failed(file, Some(name), ApiError::from(error).into()),
    }
}

fn failed(file: String, name: Option<PersonName>, refusal: Refusal) -> EntryResult {
    EntryResult {
        file,
        name: name.map(|name| name.to_string()),
        status: "failed",
        error: Some(refusal.code),
        message: Some(refusal.message),
        templates: None,
        measures: None,
        warnings: Vec::new(),
        reasons: Vec::new(),
    }
}
