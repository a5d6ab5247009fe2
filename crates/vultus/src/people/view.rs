use events::Calendar;
use serde::Serialize;
use store::Enrolment;
use utoipa::ToSchema;

use crate::times;

/// A person as callers see one. Times are RFC 3339, in the time zone of the service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// The person's name.
    #[schema(example = "katya")]
    pub name: String,
    /// Who, for good: a name may be given to somebody else one day.
    pub id: i64,
    /// The number or word by which other systems know the person.
    #[schema(example = "4711")]
    pub code: Option<String>,
    /// The groups that the person belongs to, sorted.
    #[schema(example = json!(["it", "staff"]))]
    pub groups: Vec<String>,
    /// The person passes nowhere before.
    pub valid_from: Option<String>,
    /// The person passes nowhere from then on.
    #[schema(example = "2027-01-01T00:00:00+01:00")]
    pub valid_until: Option<String>,
    /// Passes nowhere until this is taken back.
    pub suspended: bool,
    /// Whoever sees the person raises an alert.
    pub watched: bool,
    /// Photos of which the model pack in use has made templates.
    pub photos: u32,
    /// Photos of which other packs have. Somebody without `photos` is recognised by these, with such a pack beside the one in use
    /// where it is installed.
    pub photos_by_other_packs: u32,
    /// When the person was first registered.
    pub created: String,
}

impl PersonView {
    /// As `calendar` shows times.
    pub fn of(held: &Enrolment, calendar: &Calendar) -> Self {
        let Enrolment { person, templates, of_other_models } = held;
        let profile = &person.profile;
        Self {
            name: person.name.clone(),
            id: person.id.0,
            code: profile.code.clone(),
            groups: profile.groups.clone(),
            valid_from: profile.valid_from.map(|time| times::shown(time, calendar)),
            valid_until: profile.valid_until.map(|time| times::shown(time, calendar)),
            suspended: profile.suspended,
            watched: profile.watched,
            photos: *templates,
            photos_by_other_packs: *of_other_models,
            created: times::shown(person.created_at, calendar),
        }
    }
}
