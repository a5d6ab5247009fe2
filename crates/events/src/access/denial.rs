use camera::Reason;
use store::{Micros, Profile};

use super::rule::Rules;

/// Why somebody who is known may not pass, with what there is to say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Suspended,
    NotYetValid {
        from: Micros,
    },
    Expired {
        until: Micros,
    },
    NotAllowedHere,
    NotAllowedNow {
        at: Micros,
    },
    /// Since when, in the eyes of this process.
    AlreadyInside {
        since: Micros,
    },
}

impl Denial {
    pub fn reason(self) -> Reason {
        match self {
            Self::Suspended => Reason::Suspended,
            Self::NotYetValid { .. } => Reason::NotYetValid,
            Self::Expired { .. } => Reason::Expired,
            Self::NotAllowedHere => Reason::NotAllowedHere,
            Self::NotAllowedNow { .. } => Reason::NotAllowedNow,
            Self::AlreadyInside { .. } => Reason::AlreadyInside,
        }
    }

    /// The same for people: what it means, and what to do.
    pub fn sentence(self, name: &str, profile: &Profile, rules: &Rules) -> String {
        let moment = |time: Micros| rules.calendar().zoned(time).strftime("%Y-%m-%d %H:%M:%S").to_string();
        match self {
            Self::Suspended => format!("{name} is suspended, and passes nowhere until `suspended` is taken back."),
            Self::NotYetValid { from } => {
                format!("{name} may pass from {} on (`valid_from`), and not before.", moment(from))
            }
            Self::Expired { until } => format!("{name} could pass until {} (`valid_until`).", moment(until)),
            Self::NotAllowedHere => {
                let theirs = match profile.groups.as_slice() {
                    [] => "to no group".to_owned(),
                    groups => format!("to {}", listed(groups)),
                };
                let allowed = listed(&rules.groups());
                format!("{name} belongs {theirs}, and here pass {allowed}: see `access` of the camera.")
            }
            Self::NotAllowedNow { at } => {
                let hours: Vec<String> =
                    rules.of(profile).filter_map(|rule| Some(rule.hours.as_ref()?.to_string())).collect();
                let at = rules.calendar().zoned(at);
                let holiday = if rules.calendar().is_holiday(at.date()) { ", a holiday" } else { "" };
                format!(
                    "{name} may pass here at other hours ({}); it was {}{holiday}. See `access` of the camera.",
                    hours.join("; "),
                    at.strftime("%A, %Y-%m-%d %H:%M:%S")
                )
            }
            Self::AlreadyInside { since } => format!(
                "{name} has entered at {} and was not seen to leave since; this door group lets nobody enter twice. If {name} \
                 is outside, say so with DELETE /api/v1/presence/{name}.",
                moment(since)
            ),
        }
    }
}

/// `staff, it`; of many the first few.
fn listed(groups: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 10;
    let mut text = groups.iter().take(SHOWN).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if groups.len() > SHOWN {
        text.push_str(&format!(" and {} more", groups.len() - SHOWN));
    }
    text
}
