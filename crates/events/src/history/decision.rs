use std::sync::Arc;

use camera::{Evidence, LIVE_FROM, Liveness, Reason, Rule, Shot};
use gallery::{Distance, Match, RawDistance, RunnerUp};
use serde::Serialize;
use utoipa::ToSchema;

use super::seconds::UnixSeconds;
use super::why;
use crate::AttributesView;

/// What the decision about a passage rests on: enough to see afterwards why somebody was let in or not. Distances are on
/// the contract's scale, `raw_distance` is in the model's own terms.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decision {
    /// Accepted are distances below this (`TH_ACCEPT`).
    #[schema(value_type = f64)]
    threshold: Distance,
    /// A shot nearer than this counts for all that are asked for.
    #[schema(value_type = f64)]
    strong: Distance,
    /// How many shots must agree (`PASS_SHOTS`).
    shots_asked: u32,
    /// The second-best person must be farther than the best by more than this, or be above the threshold.
    margin_asked: f64,
    /// The looks at the face, oldest first; of a long passage the best ones.
    shots: Vec<ShotView>,
    /// How the shots voted.
    votes: Votes,
    /// All shots together, and the person nearest to them; null without a usable shot, and when nobody is enrolled.
    fused: Option<Nearest>,
    /// The second-best person for all shots together.
    second: Option<Second>,
    /// How much farther the second-best person is than the best.
    margin: Option<f64>,
    /// Whether the face is alive; absent where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    liveness: Option<LivenessView>,
    /// Why it is no PASS; null for a PASS.
    reason: Option<Reason>,
    /// The same for people: what it means, and what to do.
    #[schema(example = "Accepted as katya: 2 shots agree, each nearer than 0.45.")]
    why: String,
    /// What the face looked like, by a few clear shots; absent where ATTRIBUTES is off. The decision does not rest on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<AttributesView>,
}

/// One look at the face.
#[derive(Debug, Serialize, ToSchema)]
struct ShotView {
    /// When, in Unix seconds.
    #[schema(value_type = f64)]
    at: UnixSeconds,
    /// The person nearest to this shot alone; null when nobody is enrolled, or for a shot too poor to be used.
    #[schema(value_type = Option<String>)]
    name: Option<Arc<str>>,
    /// How near.
    #[schema(value_type = Option<f64>)]
    distance: Option<Distance>,
    #[schema(value_type = Option<f64>)]
    raw_distance: Option<RawDistance>,
    /// The second-best person for this shot.
    second: Option<Second>,
    /// The norm of the raw embedding.
    quality: f64,
    /// Width of the face in pixels.
    width: f64,
    /// How far the head is turned to a side, in degrees; 0 is frontal. Null where faces are not followed.
    yaw: Option<f64>,
    /// The detector's confidence, 0–1.
    score: f64,
    /// The weight of its vote; 0 for a shot too poor to be used.
    weight: f64,
    /// Whether it is one of those that agree.
    counted: bool,
}

/// How the shots voted.
#[derive(Debug, Serialize, ToSchema)]
struct Votes {
    /// Shots that name the nearest person, each nearer than the threshold.
    agreeing: u32,
    /// How many are asked for.
    needed: u32,
    /// Whether one of them is strong, and so counts for all.
    strong: bool,
}

/// Whether the face is alive.
#[derive(Debug, Serialize, ToSchema)]
struct LivenessView {
    /// Mean of the newest shots, 0–1.
    score: f64,
    /// How many they are.
    shots: u32,
    /// From this score on a face is taken to be alive.
    threshold: f64,
    /// `alive`, `spoof`, or `unsure` while there are too few shots.
    #[schema(example = "alive")]
    state: &'static str,
    /// How far the head was seen turning within a few seconds, in whole degrees; absent where faces are not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<u32>,
}

impl LivenessView {
    fn of(liveness: Liveness) -> Self {
        let Liveness { score, shots, state, turn } = liveness;
        Self { score: rounded(score), shots, threshold: rounded(LIVE_FROM), state: state.as_str(), turn }
    }
}

/// The nearest person.
#[derive(Debug, Serialize, ToSchema)]
struct Nearest {
    #[schema(value_type = String)]
    name: Arc<str>,
    #[schema(value_type = f64)]
    distance: Distance,
    #[schema(value_type = f64)]
    raw_distance: RawDistance,
}

/// The second-best person.
#[derive(Debug, Serialize, ToSchema)]
struct Second {
    #[schema(value_type = String)]
    name: Arc<str>,
    #[schema(value_type = f64)]
    distance: Distance,
}

impl Decision {
    /// The decision that `evidence` led to. `followed`: whether the face was followed from frame to frame.
    pub(super) fn of(evidence: &Evidence, followed: bool) -> Self {
        let (rule, nearest) = (&evidence.rule, evidence.nearest.as_ref());
        let counts = |shot: &Shot| counts(shot, nearest, rule);
        let second = nearest.and_then(|nearest| nearest.runner_up.as_ref());
        Self {
            threshold: rule.threshold,
            strong: rule.strong,
            shots_asked: rule.shots,
            margin_asked: rounded(rule.margin),
            shots: evidence.shots.iter().map(|shot| ShotView::of(shot, counts(shot), followed)).collect(),
            votes: Votes { agreeing: evidence.agreeing, needed: rule.shots, strong: evidence.strong },
            fused: nearest.map(Nearest::of),
            margin: nearest.zip(second).map(|(best, second)| rounded(second.distance.value() - best.distance.value())),
            second: second.map(Second::of),
            liveness: evidence.liveness.map(LivenessView::of),
            reason: evidence.verdict.reason(),
            why: why::sentence(evidence, followed),
            attributes: evidence.attributes.as_ref().map(AttributesView::of),
        }
    }
}

/// Whether a shot is among those that agree on the nearest person.
fn counts(shot: &Shot, nearest: Option<&Match>, rule: &Rule) -> bool {
    let (Some(named), Some(nearest)) = (&shot.nearest, nearest) else { return false };
    shot.weight > 0.0 && named.person == nearest.person && named.distance < rule.threshold && !named.refuted
}

impl ShotView {
    fn of(shot: &Shot, counted: bool, followed: bool) -> Self {
        let nearest = shot.nearest.as_ref();
        Self {
            at: shot.at.into(),
            name: nearest.map(|nearest| nearest.name.clone()),
            distance: nearest.map(|nearest| nearest.distance),
            raw_distance: nearest.map(|nearest| nearest.raw),
            second: nearest.and_then(|nearest| nearest.runner_up.as_ref()).map(Second::of),
            quality: rounded(shot.quality),
            width: rounded(shot.area.width()),
            yaw: followed.then(|| rounded(shot.yaw)),
            score: rounded(shot.score),
            weight: rounded(shot.weight),
            counted,
        }
    }
}

impl Nearest {
    fn of(nearest: &Match) -> Self {
        Self { name: nearest.name.clone(), distance: nearest.distance, raw_distance: nearest.raw }
    }
}

impl Second {
    fn of(second: &RunnerUp) -> Self {
        Self { name: second.name.clone(), distance: second.distance }
    }
}

/// Four decimals, as distances have.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
