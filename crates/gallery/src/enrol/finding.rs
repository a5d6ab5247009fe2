use serde::Serialize;

/// Something about a photo that a person should know. The code is stable, the sentence says what to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// For programs, for instance `turned_away`: docs/reference/enrolment.md has all of them.
    pub code: &'static str,
    /// What it means and what to do.
    pub message: String,
    /// Whether it stops an enrolment.
    #[serde(skip)]
    pub weight: Weight,
}

/// What a finding does to an enrolment, the least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing: a better photo would mend it.
    Hint,
    /// The photo is too poor, or does not say who is meant: refused by the strict rules.
    Poor,
    /// It seems to be somebody else's face: refused unless forced.
    WrongPerson,
}

/// Which findings refuse a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolPolicy {
    /// A poor photo is refused.
    pub strict: bool,
    /// A face that seems to be somebody else's is enrolled all the same.
    pub force: bool,
}

impl EnrolPolicy {
    /// Nothing is refused that can be recognised at all: the contract's ways in.
    pub const LAX: Self = Self { strict: false, force: true };

    /// Every rule holds.
    pub const STRICT: Self = Self { strict: true, force: false };

    /// Whether a finding of this weight stops an enrolment.
    pub fn refuses(self, weight: Weight) -> bool {
        match weight {
            Weight::Hint => false,
            Weight::Poor => self.strict,
            Weight::WrongPerson => !self.force,
        }
    }
}

impl Finding {
    pub(super) fn new(weight: Weight, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), weight }
    }

    /// Puts the gravest first; those of one weight stay in their order.
    pub(super) fn sort(findings: &mut [Self]) {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poor_photos_are_a_matter_of_strictness_and_wrong_people_of_force() {
        let refused =
            |policy: EnrolPolicy| [Weight::Hint, Weight::Poor, Weight::WrongPerson].map(|w| policy.refuses(w));
        assert_eq!(refused(EnrolPolicy::STRICT), [false, true, true]);
        assert_eq!(refused(EnrolPolicy { strict: false, force: false }), [false, false, true]);
        assert_eq!(refused(EnrolPolicy { strict: true, force: true }), [false, true, false]);
        assert_eq!(refused(EnrolPolicy::LAX), [false, false, false]);
    }
}
