use gallery::printable;
use serde::{Deserialize, Deserializer, Serialize, de};
use store::{Micros, Profile};
use utoipa::ToSchema;

use super::Denial;
use crate::{Calendar, WeeklyHours};

/// What the name of a group of people, and that of a door group, must be.
pub const GROUP: &str = "1 to 64 printable characters";

/// Most rules of one camera, and most groups of one rule.
pub const MOST_RULES: usize = 50;

const LONGEST_GROUP: usize = 64;
const LONGEST_HOURS: usize = 1000;

/// Some people may pass at some hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// Whoever belongs to one of these groups; left out: everybody who is enrolled.
    #[serde(default, deserialize_with = "groups", skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["staff"]))]
    pub groups: Vec<String>,
    /// When; left out: always.
    #[serde(default, deserialize_with = "hours", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "mon-fri 07:00-19:00, sat 09:00-13:00, holiday 10:00-12:00")]
    pub hours: Option<WeeklyHours>,
}

/// The name of a group, or of a door group: `None` for a text that cannot be one.
pub fn group_name(text: &str) -> Option<String> {
    printable(text, LONGEST_GROUP)
}

fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let given = Vec::<String>::deserialize(deserializer)?;
    if given.is_empty() || given.len() > MOST_RULES {
        return Err(de::Error::custom(format!(
            "`groups` lists 1 to {MOST_RULES} groups; left out it means everybody who is enrolled"
        )));
    }
    let named: Option<Vec<String>> = given.iter().map(|group| group_name(group)).collect();
    named.ok_or_else(|| de::Error::custom(format!("the name of a group has {GROUP}")))
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WeeklyHours>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if text.chars().count() > LONGEST_HOURS {
        return Err(de::Error::custom(format!("`hours` have at most {LONGEST_HOURS} characters")));
    }
    let hours = WeeklyHours::parse(&text);
    hours.map(Some).ok_or_else(|| de::Error::custom(format!("`hours` are {}", crate::HOURS)))
}

impl AccessRule {
    fn is_for(&self, profile: &Profile) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| profile.groups.contains(group))
    }
}

/// The rules of one camera. Without any, whoever is enrolled may pass, as long as they are valid and not suspended.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    rules: Vec<AccessRule>,
    calendar: Calendar,
}

impl Rules {
    pub fn new(rules: Vec<AccessRule>, calendar: Calendar) -> Self {
        Self { rules, calendar }
    }

    /// Why somebody with this profile may not pass at `at`. The first reason in this order counts: that which needs a person
    /// to change it before that which time changes.
    pub fn refuse(&self, profile: &Profile, at: Micros) -> Option<Denial> {
        if profile.suspended {
            return Some(Denial::Suspended);
        }
        if let Some(from) = profile.valid_from.filter(|from| at < *from) {
            return Some(Denial::NotYetValid { from });
        }
        if let Some(until) = profile.valid_until.filter(|until| at >= *until) {
            return Some(Denial::Expired { until });
        }
        self.refuse_here(profile, at)
    }

    fn refuse_here(&self, profile: &Profile, at: Micros) -> Option<Denial> {
        let mut theirs = self.of(profile).peekable();
        if self.rules.is_empty() {
            return None;
        }
        if theirs.peek().is_none() {
            return Some(Denial::NotAllowedHere);
        }
        let now = self.calendar.wall_clock(at);
        let is_open = theirs.any(|rule| rule.hours.as_ref().is_none_or(|hours| hours.contain(now, &self.calendar)));
        (!is_open).then_some(Denial::NotAllowedNow { at })
    }

    /// The rules that are for somebody with this profile.
    pub fn of<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = &'a AccessRule> {
        self.rules.iter().filter(|rule| rule.is_for(profile))
    }

    /// Every group that may pass, each once.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.rules.iter().flat_map(|rule| &rule.groups).map(String::as_str).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}
