use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::value::Value;
use super::{DEFINITIONS, Settings};

/// One setting.
pub struct Definition {
    /// Its key in `vultus.toml`; in capitals its name in the environment, with dashes its flag.
    pub key: &'static str,
    /// Under which heading it is shown.
    pub section: Section,
    /// The default, as text.
    pub default: &'static str,
    /// What it does, a line each.
    pub doc: &'static [&'static str],
    /// What its value may be.
    pub allowed: &'static str,
    /// Whether it is on or off, so that its flag may stand without a value.
    pub is_switch: bool,
    /// Whether an empty text means something else than the default.
    pub empty_is_a_value: bool,
    /// Whether a text is allowed.
    pub check: fn(&str) -> bool,
}

impl Definition {
    /// The name in the environment and in the contract: `VIDEO_SOURCE`.
    pub fn name(&self) -> String {
        self.key.to_uppercase()
    }

    /// The flag without its dashes: `video-source`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The explanation as one text.
    pub fn help(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// A value as people may see it: secrets masked.
    pub fn shown(&self, text: &str) -> String {
        let is_hidden = self.is_secret() && !text.is_empty();
        if is_hidden { "••••••••".to_owned() } else { camera::mask_credentials(text) }
    }

    /// Values that must not be shown.
    fn is_secret(&self) -> bool {
        matches!(self.key, "api_key" | "webhook_secret")
    }
}

/// Headings of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Where frames come from.
    Camera,
    /// Who is accepted.
    Recognition,
    /// Where events go.
    Events,
    /// The program itself.
    Service,
}

/// Where a value comes from; a later one wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// Every setting's text and where it comes from, and the tables of the file.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    values: BTreeMap<&'static str, (String, Origin)>,
    tables: BTreeMap<TableKind, FileTables>,
}

/// What a settings file may define several of, each in a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableKind {
    /// `[[camera]]`
    Camera,
    /// `[[webhook]]`
    Webhook,
    /// `[[schedule]]`
    Schedule,
}

impl TableKind {
    const ALL: [Self; 3] = [Self::Camera, Self::Webhook, Self::Schedule];

    /// The word in the tables' heads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Webhook => "webhook",
            Self::Schedule => "schedule",
        }
    }
}

/// The tables of one kind in a settings file. What may stand in one is not decided here.
#[derive(Clone, Debug, Default)]
pub struct FileTables {
    /// The file.
    pub file: PathBuf,
    /// The tables, in order.
    pub tables: Vec<toml::Table>,
}

impl FileTables {
    /// Each table's fields as JSON, their names in small letters (as with all keys of the file their case does not
    /// matter), and where it stands, for complaints.
    ///
    /// # Errors
    /// A value that has no form in JSON.
    pub fn fields(&self, kind: TableKind) -> anyhow::Result<Vec<(String, serde_json::Map<String, serde_json::Value>)>> {
        let tables = self.tables.iter().enumerate();
        tables
            .map(|(at, table)| {
                let place = format!("{}: [[{}]] number {}", self.file.display(), kind.as_str(), at + 1);
                let fields = table.iter().map(|(key, value)| Ok((key.to_lowercase(), serde_json::to_value(value)?)));
                let fields = fields.collect::<Result<_, serde_json::Error>>().with_context(|| place.clone())?;
                Ok((place, fields))
            })
            .collect()
    }
}

impl Resolved {
    /// Flag over environment over file over default. `file` is the one named on the command line; without it
    /// `vultus.toml` is looked for in the working folder and then in VULTUS_HOME.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value that is not allowed: each names the setting.
    pub fn resolve(
        flags: &BTreeMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut resolved = Self::default();
        for definition in DEFINITIONS {
            resolved.values.insert(definition.key, (definition.default.to_owned(), Origin::Default));
        }
        let mut layers = Self::default();
        for definition in DEFINITIONS {
            // An empty variable is how people, and compose files, leave one unset.
            let usable = |text: &String| !text.is_empty() || definition.empty_is_a_value;
            if let Some(text) = environment(&definition.name()).filter(usable) {
                layers.put(definition, text, Origin::Environment)?;
            }
            if let Some(text) = flags.get(definition.key) {
                layers.put(definition, text.clone(), Origin::Flag)?;
            }
        }
        let home = layers.values.get("vultus_home").map(|(text, _)| PathBuf::from(text));
        if let Some(file) = file.map(Path::to_owned).or_else(|| find_file(home)) {
            resolved.read_file(&file)?;
        }
        resolved.values.extend(layers.values);
        Ok(resolved)
    }

    /// A setting's typed value.
    pub(super) fn value<T: Value>(&self, key: &'static str) -> anyhow::Result<T> {
        let (text, _) = self.values.get(key).with_context(|| format!("{key} is not a setting"))?;
        T::parse(text).with_context(|| format!("{} = {text:?} is not allowed", key.to_uppercase()))
    }

    /// Definition, shown value (secrets masked) and origin of every setting.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Definition, String, &Origin)> {
        DEFINITIONS.iter().filter_map(|definition| {
            let (text, origin) = self.values.get(definition.key)?;
            Some((definition, definition.shown(text), origin))
        })
    }

    /// Where a setting's value comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.values.get(key).map_or(&Origin::Default, |(_, origin)| origin)
    }

    /// The tables of one kind in the settings file.
    pub fn tables(&self, kind: TableKind) -> FileTables {
        self.tables.get(&kind).cloned().unwrap_or_default()
    }

    fn put(&mut self, definition: &Definition, text: String, origin: Origin) -> anyhow::Result<()> {
        if !(definition.check)(&text) {
            let text = if definition.is_secret() { "…".to_owned() } else { camera::mask_credentials(&text) };
            bail!("{} = {text:?} (from {origin}) is not allowed: use {}", definition.name(), definition.allowed);
        }
        self.values.insert(definition.key, (text, origin));
        Ok(())
    }

    fn read_file(&mut self, file: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("{} is not valid TOML", file.display()))?;
        for (key, value) in &table {
            if let Some(kind) = TableKind::ALL.into_iter().find(|kind| key.eq_ignore_ascii_case(kind.as_str())) {
                let tables = FileTables { file: file.to_owned(), tables: tables_of(file, kind, value)? };
                self.tables.insert(kind, tables);
                continue;
            }
            let Some(definition) = DEFINITIONS.iter().find(|d| d.key.eq_ignore_ascii_case(key)) else {
                bail!("{}: there is no setting {key}{}", file.display(), suggestion(key));
            };
            let text = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Table(_) | toml::Value::Array(_) => {
                    bail!("{}: {} must be one value: {}", file.display(), definition.name(), definition.allowed)
                }
                other => other.to_string(),
            };
            self.put(definition, text, Origin::File(file.to_owned()))?;
        }
        Ok(())
    }
}

fn find_file(home: Option<PathBuf>) -> Option<PathBuf> {
    let home = home.filter(|home| !home.as_os_str().is_empty());
    let home = home.or_else(|| dirs::data_dir().map(|data| data.join("vultus")));
    let places = [Some(PathBuf::from("vultus.toml")), home.map(|home| home.join("vultus.toml"))];
    places.into_iter().flatten().find(|file| file.is_file())
}

fn tables_of(file: &Path, kind: TableKind, value: &toml::Value) -> anyhow::Result<Vec<toml::Table>> {
    let tables = value.as_array().and_then(|entries| entries.iter().map(|entry| entry.as_table().cloned()).collect());
    let kind = kind.as_str();
    tables.with_context(|| format!("{}: each {kind} is a table of its own, under a line [[{kind}]]", file.display()))
}

/// ` (did you mean X?)` for a key that is nearly one.
fn suggestion(key: &str) -> String {
    let setting = nearest(key, DEFINITIONS.iter().map(|definition| definition.key));
    let setting = setting.map(|near| format!(" (did you mean {}?)", near.to_uppercase()));
    let table =
        || nearest(key, TableKind::ALL.map(TableKind::as_str)).map(|near| format!(" (did you mean [[{near}]]?)"));
    setting.or_else(table).unwrap_or_default()
}

/// The one of `known` that was probably meant by `key`.
pub fn nearest<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let key = key.to_lowercase().replace('-', "_");
    let known: Vec<&str> = known.into_iter().collect();
    let is_part = |known: &&&str| known.contains(&key) || (known.len() > 2 && key.contains(**known));
    let is_typo = |known: &&&str| known.len() > 3 && is_one_letter_off(&key, known);
    known.iter().find(is_part).or_else(|| known.iter().find(is_typo)).copied()
}

/// Whether the two differ in one letter that is missing, too many, or another.
fn is_one_letter_off(one: &str, other: &str) -> bool {
    let start = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let end = one.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    long - short <= 1 && start + end >= long - 1
}

/// A setting that a file gives a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The value.
    pub text: String,
    /// The line of another program's file where it comes from.
    pub line: usize,
}

/// A commented file with every setting at its default.
pub fn example_file() -> String {
    file_with(&BTreeMap::new())
}

/// The same with some settings set.
pub fn file_with(given: &BTreeMap<&'static str, Given>) -> String {
    let mut text =
        String::from("# Settings of vultus. Flags come before the environment, the environment before this file.\n");
    let mut section = None;
    for definition in DEFINITIONS {
        if section.replace(definition.section) != Some(definition.section) {
            text.push_str(&format!("\n# --- {:?} ---\n", definition.section));
        }
        text.push_str(&format!("\n# {}\n# Allowed: {}.\n", definition.help(), definition.allowed));
        let name = definition.name();
        text.push_str(&match given.get(definition.key) {
            Some(given) => format!("{name} = {}  # line {}\n", toml::Value::from(given.text.as_str()), given.line),
            None => format!("# {name} = {}\n", toml::Value::from(definition.default)),
        });
    }
    text.push_str(EXAMPLE_TABLES);
    text
}

/// Comes last: what follows the head of a table belongs to it.
const EXAMPLE_TABLES: &str = r#"
# --- Cameras beside that of VIDEO_SOURCE ---
#
# [[camera]]
# id="front-door"
# source="rtsp://user:password@10.0.0.5/stream2"
#
# What else may stand here: docs/reference/cameras.md.

# --- Webhooks beside WEBHOOK_URL ---
#
# [[webhook]]
# name="relay"
# url="http://10.0.0.7/relay/0?turn=on&timer=3"
# method="GET"
#
# What else may stand here: docs/reference/webhook.md.

# --- When people should be there, for the attendance ---
#
# [[schedule]]
# name="office"
# hours="mon-fri 09:00-17:30"
# grace_minutes=5
#
# What else may stand here: docs/reference/attendance.md.
"#;

/// Flags as given, by key.
pub type Flags = BTreeMap<&'static str, String>;

/// Resolves everything from this process's command line, environment and files.
///
/// # Errors
/// As [`Resolved::resolve`].
pub fn load(flags: &Flags, file: Option<&Path>) -> anyhow::Result<(Settings, Resolved)> {
    let resolved = Resolved::resolve(flags, |name| std::env::var(name).ok(), file)?;
    Ok((Settings::of(&resolved)?, resolved))
}
