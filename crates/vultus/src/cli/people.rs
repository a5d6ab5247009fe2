use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gallery::{Candidate, EnrolError, EnrolPolicy, Finding, PersonName};
use serde_json::{Map, Value};
use store::Store;

use super::export::{self, Export};
use super::import::{self, Import};
use super::output::say;
use super::reembed::{self, Reembed};
use crate::app::{App, catalog_of};
use crate::http::{in_words, what_overrides};
use crate::people::{self, ProfilePatch};
use crate::settings::Settings;

/// What is taken although there is something to say against it.
#[derive(Clone, Copy, Debug, Args)]
pub struct Leniency {
    /// Enrol poor photos too: too small, too unclear, turned away, masked, with several faces.
    #[arg(long)]
    no_strict: bool,
    /// Enrol a face although it looks like somebody else's, or unlike the person's other photos.
    #[arg(long)]
    force: bool,
}

impl Leniency {
    pub fn policy(self) -> EnrolPolicy {
        EnrolPolicy { strict: !self.no_strict, force: self.force }
    }

    pub fn is_forced(self) -> bool {
        self.force
    }
}

/// What can be done about refusals, to be added to a sentence.
pub fn hint(reasons: &[Finding]) -> Option<String> {
    what_overrides(reasons, "--no-strict", "--force")
}

/// Who is enrolled.
#[derive(Debug, Subcommand)]
pub enum People {
    /// Enrol a person from one or more photos: all of them, or none when one is refused.
    #[command(after_help = "Example:
  vultus people add John john1.jpg john2.jpg john3.jpg")]
    Add {
        /// The person's name.
        name: String,
        /// Photos; the largest face of each is taken. Three different ones recognise best.
        #[arg(required = true)]
        photos: Vec<PathBuf>,
        #[command(flatten)]
        leniency: Leniency,
    },
    /// Remove a person and all photos of that person.
    #[command(after_help = "Example:
  vultus people remove John")]
    Remove {
        /// The person's name.
        name: String,
    },
    /// List names in order of registration.
    #[command(after_help = "Examples:
  vultus people list
  vultus people list --json | jq length")]
    List {
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// What is known of a person beside the face: groups, validity and the like.
    #[command(after_help = "Examples:
  vultus people show John
  vultus people show John --json | jq .groups")]
    Show {
        /// The person's name.
        name: String,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Change code, groups, valid_from, valid_until, suspended or watched; running services follow within a moment.
    #[command(after_help = "Examples:
  vultus people set John groups=staff,it valid_until=2026-12-31
  vultus people set John suspended=true
  vultus people set John code=4711 valid_until=           an empty value takes away")]
    Set {
        /// The person's name.
        name: String,
        /// What is to be changed, as docs/reference/access.md lists it.
        #[arg(required = true, value_name = "FIELD=VALUE", value_parser = field)]
        fields: Vec<(String, Value)>,
    },
    /// Enrol everybody in a folder or ZIP (katya.jpg, or katya/1.jpg, katya/2.jpg) or in the original's face_db.pkl.
    #[command(after_help = "Examples:
  vultus people import faces/
  vultus people import faces.zip
  vultus people import faces/ --no-strict       poor photos too
  vultus people import face_db.pkl --dry-run    the people of face_recognition, without their photos")]
    Import(Import),
    /// Write everybody into one ZIP file: profiles, templates of every pack, kept photos. `vultus people import` reads it.
    #[command(after_help = "Examples:
  vultus people export people.zip
  vultus people export people.zip --no-photos

Whoever has the file can recognise these people elsewhere: keep it as you keep the database.")]
    Export(Export),
    /// Embed everybody by another model pack, from what is kept of their photos.
    Reembed(Reembed),
}

/// `vultus people …`
pub fn run(command: People, settings: Settings) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        match command {
            People::Add { name, photos, leniency } => {
                add(&App::open(settings, 1).await?, &name, &photos, leniency.policy()).await
            }
            People::Remove { name } => remove(settings, &name).await,
            People::List { json } => list(settings, json).await,
            People::Show { name, json } => show(&settings, &name, json).await,
            People::Set { name, fields } => set(&settings, &name, fields).await,
            People::Import(import) => import::run(&import, settings).await,
            People::Export(export) => export::run(&export, &settings).await,
            People::Reembed(command) => reembed::run(&command, &settings).await,
        }
    })
}

async fn add(app: &App, name: &str, photos: &[PathBuf], policy: EnrolPolicy) -> anyhow::Result<ExitCode> {
    let name = PersonName::parse(name)?;
    let mut candidates = Vec::new();
    for photo in photos {
        let in_photo = || photo.display().to_string();
        let bytes = std::fs::read(photo).with_context(in_photo)?;
        candidates.push(app.examine(bytes).await.with_context(in_photo)?);
    }
    app.compare(&name, &mut candidates.iter_mut().collect::<Vec<&mut Candidate>>(), policy).await;
    let (mut refused, mut reasons) = (0, Vec::new());
    for (photo, candidate) in photos.iter().zip(&candidates) {
        if candidate.is_refused(policy) {
            eprintln!("{}: {}", photo.display(), in_words(&candidate.reasons(policy)));
            refused += 1;
            reasons.extend(candidate.reasons(policy));
        }
        for warning in candidate.warnings(policy) {
            eprintln!("warning: {}: {}", photo.display(), warning.message);
        }
    }
    if refused > 0 {
        let hint = hint(&reasons).map(|hint| format!("; {hint}")).unwrap_or_default();
        bail!("no photo of {name} is enrolled: {} of {} refused{hint}", photos_text(refused), candidates.len());
    }
    let enrolled = app.gallery().enrol(&name, &candidates).await?;
    say(format!("{name}: {} in all", photos_text(enrolled.templates as usize)))?;
    Ok(ExitCode::SUCCESS)
}

pub fn photos_text(count: usize) -> String {
    if count == 1 { "1 photo".to_owned() } else { format!("{count} photos") }
}

async fn remove(settings: Settings, name: &str) -> anyhow::Result<ExitCode> {
    let name = PersonName::parse(name)?;
    let store = Store::open(&settings.database()).await?;
    if store.remove(name.as_str()).await?.is_none() {
        bail!("nobody named {name} is registered; `vultus people list` shows who is");
    }
    say(format!("{name} is removed"))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(settings: Settings, json: bool) -> anyhow::Result<ExitCode> {
    let names = Store::open(&settings.database()).await?.names().await.map_err(EnrolError::from)?;
    if json {
        say(serde_json::to_string(&names)?)?;
    } else {
        names.iter().try_for_each(say)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `suspended=true`; an empty value takes the field away.
fn field(given: &str) -> Result<(String, Value), String> {
    let (field, value) = given.split_once('=').ok_or("a field is written FIELD=VALUE, as in suspended=true")?;
    let value = if value.trim().is_empty() { Value::Null } else { value.into() };
    Ok((field.to_owned(), value))
}

async fn show(settings: &Settings, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let name = PersonName::parse(name)?;
    let store = Store::open(&settings.database()).await?;
    let shown = profile_of(&store, settings, &name).await?;
    if json {
        say(shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    say_fields(&shown)
}

async fn profile_of(store: &Store, settings: &Settings, name: &PersonName) -> anyhow::Result<Value> {
    let model = catalog_of(settings)?.pack(&settings.model_pack)?.space().to_owned();
    Ok(serde_json::to_value(people::one(store, &settings.calendar(), &model, name.as_str()).await?)?)
}

fn say_fields(shown: &Value) -> anyhow::Result<ExitCode> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    for (field, value) in shown.as_object().into_iter().flatten() {
        say(format!("{field}: {}", text(value)).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(settings: &Settings, name: &str, fields: Vec<(String, Value)>) -> anyhow::Result<ExitCode> {
    let name = PersonName::parse(name)?;
    let patch = ProfilePatch::parse(&Map::from_iter(fields).into(), &settings.calendar())?;
    let store = Store::open(&settings.database()).await?;
    people::change(&store, name.as_str(), |profile| patch.apply(profile)).await?;
    say(format!("{name} is changed"))?;
    say_fields(&profile_of(&store, settings, &name).await?)
}
