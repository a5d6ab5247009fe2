use std::collections::BTreeSet;

use crate::{Notice, NoticeKind};

/// What a webhook is told of. An empty list leaves everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What has happened; empty for nothing at all.
    pub kinds: BTreeSet<NoticeKind>,
    /// On one of these cameras, by their ids.
    pub cameras: Vec<String>,
    /// To one of these people, by their names.
    pub people: Vec<String>,
    /// To somebody of one of these groups.
    pub groups: Vec<String>,
    /// `PASS` or `REJECT`.
    pub status: Option<String>,
}

impl Wanted {
    /// What the contract's webhook is told of: every PASS.
    pub fn passes() -> Self {
        Self { kinds: [NoticeKind::Pass].into(), ..Self::default() }
    }

    /// Whether `notice` is wanted.
    pub fn wants(&self, notice: &Notice) -> bool {
        let is_one = |wanted: &[String], given: Option<&String>| {
            wanted.is_empty() || given.is_some_and(|given| wanted.contains(given))
        };
        self.kinds.contains(&notice.kind)
            && is_one(&self.cameras, Some(&notice.camera))
            && is_one(&self.people, notice.name.as_ref())
            && (self.groups.is_empty() || notice.groups.iter().any(|group| self.groups.contains(group)))
            && self.status.as_deref().is_none_or(|status| status == notice.status())
    }
}

#[cfg(test)]
mod tests {
    use camera::Reason;
    use store::Micros;

    use super::*;

    fn notice(kind: NoticeKind) -> Notice {
        let seen = Notice::new(kind, "door", Micros(0));
        Notice { name: Some("katya".into()), groups: vec!["staff".into(), "night".into()], ..seen }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_filter_lets_through_what_it_names_and_nothing_else() {
        let all = Wanted { kinds: [NoticeKind::Pass, NoticeKind::Watched].into(), ..Wanted::default() };
        let cases = [
            (all.clone(), true),
            (Wanted { kinds: [NoticeKind::Denied].into(), ..all.clone() }, false),
            (Wanted { cameras: texts(&["gate", "door"]), ..all.clone() }, true),
            (Wanted { cameras: texts(&["gate"]), ..all.clone() }, false),
            (Wanted { people: texts(&["katya"]), ..all.clone() }, true),
            (Wanted { people: texts(&["Katya"]), ..all.clone() }, false),
            (Wanted { groups: texts(&["night"]), ..all.clone() }, true),
            (Wanted { groups: texts(&["nigh"]), ..all.clone() }, false),
            (Wanted { status: Some("PASS".into()), ..all.clone() }, true),
            (Wanted { status: Some("REJECT".into()), ..all.clone() }, false),
        ];
        for (wanted, expected) in cases {
            assert_eq!(wanted.wants(&notice(NoticeKind::Pass)), expected, "{wanted:?}");
        }
        let refused = Notice { reason: Some(Reason::Suspended), ..notice(NoticeKind::Watched) };
        assert!(Wanted { status: Some("REJECT".into()), ..all.clone() }.wants(&refused));
        let unknown = Notice { name: None, groups: Vec::new(), ..notice(NoticeKind::Pass) };
        assert!(!Wanted { people: texts(&["katya"]), ..all.clone() }.wants(&unknown));
        assert!(!Wanted { groups: texts(&["staff"]), ..all }.wants(&unknown));
    }
}
