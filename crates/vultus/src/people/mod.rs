//! People beside their faces: what they are called elsewhere, which groups they belong to, until when they may pass.
//!
//! Lives here: what may be said of a person (`patch`), and what is shown (`view`). The API and the command line use both.
//! Does not live here: SQL (crate `store`), who may pass (crate `events`).

mod patch;
mod view;

use events::Calendar;
use store::{Profile, ProfileChange, Store, StoreError};

pub use patch::{NotAProfile, ProfilePatch};
pub use view::PersonView;

/// What stands against a wish of a caller.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Nobody has this name.
    #[error("nobody named {0} is registered")]
    Unknown(String),
    /// The code is another person's.
    #[error("the code belongs to {0} already: two people with one code could not be told apart by other systems")]
    CodeTaken(String),
    /// The person would pass at no time.
    #[error("`valid_from` must lie before `valid_until`: with this change the person would never be valid")]
    NeverValid,
    /// The change is none.
    #[error(transparent)]
    Bad(#[from] NotAProfile),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everybody, in order of registration. Photos are counted that `model` knows.
///
/// # Errors
/// When the database cannot answer.
pub async fn all(store: &Store, calendar: &Calendar, model: &str) -> Result<Vec<PersonView>, PeopleError> {
    Ok(store.roster(model).await?.iter().map(|held| PersonView::of(held, calendar)).collect())
}

/// The person with this name.
///
/// # Errors
/// Nobody has it, or the database cannot answer.
pub async fn one(store: &Store, calendar: &Calendar, model: &str, name: &str) -> Result<PersonView, PeopleError> {
    let held = store.enrolment(model, name).await?;
    held.map(|held| PersonView::of(&held, calendar)).ok_or_else(|| PeopleError::Unknown(name.to_owned()))
}

/// Changes what is known of the person with this name.
///
/// # Errors
/// Nobody has it, another person has the code, the person would never be valid, or the database failed.
pub async fn change(store: &Store, name: &str, change: impl FnOnce(&mut Profile)) -> Result<(), PeopleError> {
    match store.change_profile(name, change).await? {
        ProfileChange::Made(_) => Ok(()),
        ProfileChange::NoSuchPerson => Err(PeopleError::Unknown(name.to_owned())),
        ProfileChange::CodeTaken(holder) => Err(PeopleError::CodeTaken(holder)),
        ProfileChange::NeverValid => Err(PeopleError::NeverValid),
    }
}
