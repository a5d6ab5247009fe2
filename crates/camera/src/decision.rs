use gallery::{Distance, Gallery, Match, Strictness};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A shot this much nearer than the threshold counts for all that are asked for.
const STRONGER: f32 = 0.03;

/// Two people who are nearer than the threshold and to each other by this cannot be told apart.
const MARGIN: f32 = 0.02;

/// What makes the [`Rule`] out of how many people are enrolled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptance {
    /// The setting `TH_ACCEPT`.
    pub strictness: Strictness,
    /// The setting `PASS_SHOTS`.
    pub shots: u32,
}

impl Acceptance {
    /// The rule where so many people are searched.
    pub fn rule(&self, people: usize) -> Rule {
        let threshold = self.strictness.threshold(people);
        let strong = Distance::new(threshold.value() - STRONGER);
        Rule { threshold, strong, shots: self.shots, margin: MARGIN }
    }

    /// The rule where those are searched who are in `gallery` now.
    pub fn rule_for(&self, gallery: &Gallery) -> Rule {
        self.rule(gallery.people())
    }
}

/// When a face is accepted as the nearest enrolled person: of one moment, since it may change with who is enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Accepted are distances below this.
    pub threshold: Distance,
    /// A shot nearer than this counts for all that are asked for.
    pub strong: Distance,
    /// How many shots must agree on a person, each with a distance below the threshold.
    pub shots: u32,
    /// The second-best person must be farther than the best by more than this, or be above the threshold.
    pub margin: f32,
}

impl Rule {
    /// What a single picture says of a face: the threshold alone decides.
    pub fn judge_one(&self, nearest: Option<&Match>) -> Verdict {
        match nearest {
            Some(nearest) if nearest.distance < self.threshold && nearest.refuted => Verdict::Reject(Reason::Refuted),
            Some(nearest) if nearest.distance < self.threshold => Verdict::Pass,
            Some(_) => Verdict::Reject(Reason::BelowThreshold),
            None => Verdict::Reject(Reason::NobodyEnrolled),
        }
    }
}

/// Whether a face is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Recognised, and accepted as the nearest person.
    Pass,
    /// Not accepted: why.
    Reject(Reason),
}

impl Verdict {
    /// Whether it is known who it is: accepted, or refused for another reason than the face.
    pub fn is_known(self) -> bool {
        self.reason().is_none_or(Reason::is_of_access)
    }

    /// Why not, where it is not accepted.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Pass => None,
            Self::Reject(reason) => Some(reason),
        }
    }
}

/// Why a face is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too few pixels to recognise anybody by.
    TooSmall,
    /// Seen too unclearly: blurred, dark, or no face at all.
    Blurred,
    /// Seen from the side.
    TurnedAway,
    /// Nobody is enrolled.
    NobodyEnrolled,
    /// The nearest person is not near enough.
    BelowThreshold,
    /// Two people are about equally near.
    TooNearToTwo,
    /// Near enough, but in fewer shots than are asked for.
    TooFewShots,
    /// Too much like a face that somebody said is not this person.
    Refuted,
    /// It looks like a picture of a face: a print, a screen.
    Spoof,
    /// It has not been seen to be alive, yet.
    NotSeenAlive,
    /// It looks alive, and its head has not been seen turning, yet.
    HeadNotTurned,
    /// Known, and may not pass anywhere before a later day.
    NotYetValid,
    /// Known, and may not pass anywhere any more.
    Expired,
    /// Known, and suspended.
    Suspended,
    /// Known, and in none of the groups that may pass here.
    NotAllowedHere,
    /// Known, and may pass here at other times.
    NotAllowedNow,
    /// Known, and has entered already without leaving.
    AlreadyInside,
}

impl Reason {
    /// Whether it is known who it is, and that person may not pass. Such reasons are found by the access rules (crate
    /// `events`), all others by the face.
    pub fn is_of_access(self) -> bool {
        use Reason::{AlreadyInside, Expired, NotAllowedHere, NotAllowedNow, NotYetValid, Suspended};
        matches!(self, NotYetValid | Expired | Suspended | NotAllowedHere | NotAllowedNow | AlreadyInside)
    }
}
