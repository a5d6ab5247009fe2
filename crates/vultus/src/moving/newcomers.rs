use anyhow::Context;
use events::Calendar;
use gallery::Scale;
use models::Catalog;
use serde_json::json;
use store::{Profile, Store, WholePerson};

use crate::people::ProfilePatch;

/// Farther than this from each other, on the contract's scale, two means are hardly of one person: one in a thousand pairs of strangers is nearer.
const ONE_PERSON: f32 = gallery::ONE_IN_A_THOUSAND;

/// What people of an archive are held against before they come in.
pub struct Newcomers {
    /// How embeddings of each space are compared.
    pub catalog: Catalog,
    /// Where days begin.
    pub calendar: Calendar,
}

impl Newcomers {
    /// Why a person cannot come in; `None` when nothing is in the way. `force` lets come in who is unlike the person who is enrolled by that
    /// name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn problem_with(
        &self,
        store: &Store,
        person: &WholePerson,
        force: bool,
    ) -> anyhow::Result<Option<String>> {
        if let Err(problem) = self.check(&person.profile) {
            return Ok(Some(format!("{problem:#}")));
        }
        let held = store.whole_person(&person.name).await?;
        Ok(held.filter(|held| !force && self.are_two(held, person)).map(|_| {
            "somebody who looks different is enrolled by this name: either would pass as the other; --force adds the templates".to_owned()
        }))
    }

    /// A profile by the rules by which profiles are changed.
    fn check(&self, profile: &Profile) -> anyhow::Result<()> {
        let said = json!({ "code": profile.code, "groups": profile.groups });
        ProfilePatch::parse(&said, &self.calendar).context("the profile is not allowed")?;
        let is_never = matches!((profile.valid_from, profile.valid_until), (Some(from), Some(until)) if from >= until);
        anyhow::ensure!(!is_never, "valid_until must be later than valid_from");
        Ok(())
    }

    /// Whether the first space of which both have templates says that they are not one person.
    fn are_two(&self, held: &WholePerson, person: &WholePerson) -> bool {
        self.catalog.packs.values().find_map(|pack| {
            let (space, scale) = (pack.space(), Scale::of(&pack.embedder));
            let (held, new) = (mean(held, space, &scale)?, mean(person, space, &scale)?);
            Some(scale.between(&held, &new).value() > ONE_PERSON)
        }) == Some(true)
    }
}

fn mean(person: &WholePerson, space: &str, scale: &Scale) -> Option<Vec<f32>> {
    let of_space = person.templates.iter().filter(|template| template.model == space);
    scale.mean(of_space.map(|template| (template.embedding.as_slice(), 1.0)))
}
