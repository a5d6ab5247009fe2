//! What the ways of enrolling somebody have in common: by which rules, and what was measured.

use axum::http::StatusCode;
use gallery::{Candidate, Distance, EnrolPolicy, Finding, Weight};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiError;
use super::v1::events::query::Parameters;
use crate::settings::Value as _;

/// By which rules photos are enrolled.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query in the OpenAPI document; values are read one by one")]
pub(super) struct EnrolParameters {
    /// Whether poor photos are refused.
    strict: Option<bool>,
    /// Whether a face is enrolled although it looks like somebody else's.
    force: Option<bool>,
}

/// The rules that a request asks for; `usual` where it does not say. What is usually forced is not with `strict`.
pub(super) fn policy(parameters: &mut Parameters, usual: EnrolPolicy) -> Result<EnrolPolicy, ApiError> {
    let strict = switch(parameters, "strict")?.unwrap_or(usual.strict);
    let force = switch(parameters, "force")?.unwrap_or(usual.force && !strict);
    Ok(EnrolPolicy { strict, force })
}

/// A parameter that is on or off.
pub(super) fn switch(parameters: &mut Parameters, name: &str) -> Result<Option<bool>, ApiError> {
    parameters.parsed(name, bool::ALLOWED, bool::parse)
}

/// What was measured of a photo's face. Angles are in degrees, shares 0–1, distances on the scale of `TH_ACCEPT`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Measures {
    /// The quality that counts: below 3 hardly anybody is recognised by it, 3.4 or more is good (default pack).
    norm: f64,
    /// Longer side of the face's box in pixels.
    side: u32,
    /// Shorter side of the box as a share of the longer: below 1 it ends at the photo's edge.
    whole: f64,
    /// Whether the box reaches an edge of the photo.
    at_edge: bool,
    /// How far the head is turned to a side; + is the picture's left.
    yaw: f64,
    /// How far it is raised (+) or lowered; large angles read too small.
    pitch: f64,
    /// How far it is tilted; + is clockwise as seen.
    roll: f64,
    /// Mean luma of the face, 0–255; null, as all that follows, when its points make no face.
    brightness: Option<f64>,
    /// Share of the face that is plain black.
    black: Option<f64>,
    /// Share of the face that is plain white.
    white: Option<f64>,
    /// How red mouth and chin are; far below `nose_redness` they are covered.
    mouth_redness: Option<f64>,
    /// How red the bridge of the nose is.
    nose_redness: Option<f64>,
    /// Faces in the photo that can be recognised.
    faces: usize,
    /// How large the second one is beside the one that is taken; 0 when there is none.
    second_face: f64,
    /// Distance to the person's other photos; null when there are none.
    own_distance: Option<f64>,
    /// The nearest other person; null when nobody else is enrolled.
    nearest: Option<Nearest>,
}

/// The nearest other person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Nearest {
    /// The person's name.
    name: String,
    /// How near.
    #[schema(value_type = f64)]
    distance: Distance,
}

impl From<&Candidate> for Measures {
    fn from(candidate: &Candidate) -> Self {
        let Candidate { quality, company, likeness, .. } = candidate;
        let surface = quality.surface;
        Self {
            norm: rounded(quality.norm, 100.0),
            side: quality.side,
            whole: rounded(quality.whole, 100.0),
            at_edge: quality.at_edge,
            yaw: rounded(quality.pose.yaw, 10.0),
            pitch: rounded(quality.pose.pitch, 10.0),
            roll: rounded(quality.pose.roll, 10.0),
            brightness: surface.map(|surface| rounded(surface.brightness, 10.0)),
            black: surface.map(|surface| rounded(surface.black, 1000.0)),
            white: surface.map(|surface| rounded(surface.white, 1000.0)),
            mouth_redness: surface.map(|surface| rounded(surface.mouth_redness, 10.0)),
            nose_redness: surface.map(|surface| rounded(surface.nose_redness, 10.0)),
            faces: company.faces,
            second_face: rounded(company.second, 100.0),
            own_distance: likeness.own.map(|own| rounded(own.value(), 10_000.0)),
            nearest: likeness
                .other
                .as_ref()
                .map(|other| Nearest { name: other.name.to_string(), distance: other.distance }),
        }
    }
}

/// Without float noise.
pub(super) fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

/// The error for a photo that is refused for these reasons, the gravest first.
pub(super) fn refused(reasons: &[Finding]) -> ApiError {
    let code = reasons.first().map_or("not_enrolled", |reason| reason.code);
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, in_words(reasons))
}

/// What would enrol photos that are refused for these reasons: the switch against poor photos, or the one for faces of somebody else,
/// or both. `None` when there is nothing to override.
pub fn what_overrides(reasons: &[Finding], strict: &str, force: &str) -> Option<String> {
    let is_for = |weight: Weight| reasons.iter().any(|reason| reason.weight == weight);
    match (is_for(Weight::Poor), is_for(Weight::WrongPerson)) {
        (false, false) => None,
        (true, false) => Some(format!("{strict} enrols poor photos too")),
        (false, true) => Some(format!("{force} enrols a face too that looks like somebody else's")),
        (true, true) => {
            Some(format!("{strict} enrols poor photos too, {force} a face that looks like somebody else's"))
        }
    }
}

/// All reasons in one line.
pub fn in_words(reasons: &[Finding]) -> String {
    reasons.iter().map(|reason| reason.message.as_str()).collect::<Vec<_>>().join("; ")
}
