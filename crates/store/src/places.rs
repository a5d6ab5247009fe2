use std::fmt;

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use crate::PersonId;

/// Some people's ids as places of a statement, from $1 on.
pub(crate) struct Places<'a>(pub &'a [PersonId]);

impl Places<'_> {
    /// The place after them.
    pub fn next(&self) -> String {
        format!("${}", self.0.len() + 1)
    }

    /// Puts the ids into their places, which must be the first ones that are bound.
    pub fn bind<'q>(&self, query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        self.0.iter().fold(query, |query, id| query.bind(id.0))
    }
}

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = (1..=self.0.len()).map(|place| format!("${place}")).collect();
        f.write_str(&places.join(", "))
    }
}
