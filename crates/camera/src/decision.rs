use gallery::{Distance, Match};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a face is accepted as the nearest enrolled person.
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
