use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use crate::PersonId;

/// Which people a statement is about: by their ids, bound from $1 on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whom<'a> {
    /// These, of whom there is at least one.
    Each(&'a [PersonId]),
    /// All from the first to the last.
    Between(PersonId, PersonId),
}

impl Whom<'_> {
    /// The condition that `column` has an id of theirs.
    pub fn have(self, column: &str) -> String {
        match self {
            Whom::Each(ids) => {
                let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
                format!("{column} IN ({})", places.join(", "))
            }
            Whom::Between(..) => format!("{column} BETWEEN $1 AND $2"),
        }
    }

    /// Puts the ids into their places, which must be the first ones that are bound.
    pub fn bind<'q>(self, query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        match self {
            Whom::Each(ids) => ids.iter().fold(query, |query, id| query.bind(id.0)),
            Whom::Between(first, last) => query.bind(first.0).bind(last.0),
        }
    }
}
