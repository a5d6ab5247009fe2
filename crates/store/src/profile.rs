use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::changes::{next_version, record};
use crate::{ChangeKind, Micros, PersonId, Store, StoreError};

/// Who a person is beside the face: what other systems call them, and where and when they may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The number or word by which other systems know the person: an employee's number.
    pub code: Option<String>,
    /// The groups that the person belongs to, each once, sorted.
    pub groups: Vec<String>,
    /// Nobody passes before this.
    pub valid_from: Option<Micros>,
    /// Nor at this time or later.
    pub valid_until: Option<Micros>,
    /// Passes nowhere until this is taken back.
    pub suspended: bool,
    /// Whoever sees the person raises an alert.
    pub watched: bool,
    /// Until then the person was outside every door group, whatever has been seen: somebody has said so.
    pub let_out_at: Option<Micros>,
}

/// What became of a change of somebody's profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// It is made, and this is the profile now.
    Made(Profile),
    /// Nobody has that name.
    NoSuchPerson,
    /// The code belongs to the person with this name.
    CodeTaken(String),
    /// The person would be valid until before they are valid.
    NeverValid,
}

impl Store {
    /// The profile of the person called `name`; `None` if nobody is.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn profile(&self, name: &str) -> Result<Option<(PersonId, Profile)>, StoreError> {
        self.within(async {
            let mut session = self.reading().await?;
            let found = profile_of(&mut session, name).await?;
            session.give_back();
            Ok(found)
        })
        .await
    }

    /// Makes `change` to the profile of the person called `name`, which counts in every process within a moment: it is a change
    /// of the gallery. Of two changes at once none is lost. A code that another person has is refused, and so is a validity that
    /// ends before it begins.
    ///
    /// # Errors
    /// What the database said; nothing is changed then (after [`StoreError::TimedOut`] that is not known).
    pub async fn change_profile(
        &self,
        name: &str,
        change: impl FnOnce(&mut Profile),
    ) -> Result<ProfileChange, StoreError> {
        self.within(async {
            let mut session = self.writing().await?;
            let mut transaction = session.begin().await?;
            // From here on nobody else changes the gallery.
            let version = next_version(&mut transaction).await?;
            let changed = match profile_of(&mut transaction, name).await? {
                None => ProfileChange::NoSuchPerson,
                Some((person, mut profile)) => {
                    let before = (profile.valid_from, profile.valid_until);
                    change(&mut profile);
                    let validity = (profile.valid_from, profile.valid_until);
                    let is_never = matches!(validity, (Some(from), Some(until)) if from >= until);
                    match holder_of_code(&mut transaction, person, profile.code.as_deref()).await? {
                        Some(holder) => ProfileChange::CodeTaken(holder),
                        None if is_never && validity != before => ProfileChange::NeverValid,
                        None => {
                            write_profile(&mut transaction, person, &profile).await?;
                            record(&mut transaction, version, person, ChangeKind::Updated).await?;
                            ProfileChange::Made(profile)
                        }
                    }
                }
            };
            match changed {
                ProfileChange::Made(_) => transaction.commit().await?,
                // The number goes back with the transaction.
                ProfileChange::NoSuchPerson | ProfileChange::CodeTaken(_) | ProfileChange::NeverValid => {
                    transaction.rollback().await?;
                }
            }
            session.give_back();
            Ok(changed)
        })
        .await
    }
}

async fn profile_of(connection: &mut AnyConnection, name: &str) -> Result<Option<(PersonId, Profile)>, sqlx::Error> {
    let sql = format!("SELECT id, {PROFILE_COLUMNS} FROM people WHERE name = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(name).fetch_optional(connection).await?;
    row.map(|row| Ok((PersonId(row.try_get("id")?), read_profile(&row)?))).transpose()
}

/// Who else has this code.
pub(crate) async fn holder_of_code(
    connection: &mut AnyConnection,
    person: PersonId,
    code: Option<&str>,
) -> Result<Option<String>, sqlx::Error> {
    let Some(code) = code else { return Ok(None) };
    let sql = "SELECT name FROM people WHERE code = $1 AND id <> $2 ORDER BY id LIMIT 1";
    sqlx::query_scalar(sql).bind(code).bind(person.0).fetch_optional(connection).await
}

pub(crate) async fn write_profile(
    connection: &mut AnyConnection,
    person: PersonId,
    profile: &Profile,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE people SET code = $1, member_of = $2, valid_from = $3, valid_until = $4, suspended = $5, watched = $6, \
         let_out_at = $7 WHERE id = $8",
    )
    .bind(profile.code.as_deref())
    .bind(groups_as_text(&profile.groups))
    .bind(profile.valid_from.map(|time| time.0))
    .bind(profile.valid_until.map(|time| time.0))
    .bind(i64::from(profile.suspended))
    .bind(i64::from(profile.watched))
    .bind(profile.let_out_at.map(|time| time.0))
    .bind(person.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// What [`read_profile`] reads.
pub(crate) const PROFILE_COLUMNS: &str = "code, member_of, valid_from, valid_until, suspended, watched, let_out_at";

/// What is in them.
pub(crate) type ProfileValues = (Option<String>, String, Option<i64>, Option<i64>, i64, i64, Option<i64>);

/// The [`PROFILE_COLUMNS`] of a row.
pub(crate) fn read_profile(row: &AnyRow) -> Result<Profile, sqlx::Error> {
    Ok(profile_from((
        row.try_get("code")?,
        row.try_get("member_of")?,
        row.try_get("valid_from")?,
        row.try_get("valid_until")?,
        row.try_get("suspended")?,
        row.try_get("watched")?,
        row.try_get("let_out_at")?,
    )))
}

/// The profile with these values.
pub(crate) fn profile_from(values: ProfileValues) -> Profile {
    let (code, groups, valid_from, valid_until, suspended, watched, let_out_at) = values;
    Profile {
        code,
        groups: groups_of_text(&groups),
        valid_from: valid_from.map(Micros),
        valid_until: valid_until.map(Micros),
        suspended: suspended != 0,
        watched: watched != 0,
        let_out_at: let_out_at.map(Micros),
    }
}

fn groups_as_text(groups: &[String]) -> String {
    // Strings, which always have a form in JSON.
    serde_json::to_string(groups).unwrap_or_else(|_| "[]".to_owned())
}

/// What cannot be read belongs to no group: such a person passes nowhere where groups are asked for.
fn groups_of_text(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}
