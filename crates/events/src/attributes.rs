use face::{Attributes, Estimate};
use serde::Serialize;
use utoipa::ToSchema;

/// What a face looks like, each estimate with its measured error. Nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AttributesView {
    /// How old it looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeView>,
    /// Whether it looks female or male.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<GenderView>,
    /// Whether it smiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smile: Option<SmileView>,
}

/// An age as a face looks.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AgeView {
    /// Years, 0–101.
    #[schema(example = 34)]
    pub years: u32,
    /// By how many years such estimates are off on average; of some people by far more, and of children always.
    #[schema(example = 11)]
    pub error: u32,
}

/// A gender as a face looks.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct GenderView {
    /// Which.
    pub value: Gender,
    /// The share of such estimates that are right, 0–1.
    #[schema(example = 0.9)]
    pub accuracy: f64,
}

/// What the gender model tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    /// It looks like a woman.
    Female,
    /// It looks like a man.
    Male,
}

/// A smile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SmileView {
    /// How much, 0–1; from 0.5 on it is one.
    #[schema(example = 0.93)]
    pub value: f64,
    /// The share of such estimates that are on the right side of 0.5, 0–1.
    #[schema(example = 0.92)]
    pub accuracy: f64,
}

impl AttributesView {
    /// `attributes` as others are told of them.
    pub fn of(attributes: &Attributes) -> Self {
        let accuracy = |estimate: Estimate| hundredths(1.0 - estimate.error);
        let gender = |estimate: Estimate| GenderView {
            value: if estimate.value < 0.5 { Gender::Female } else { Gender::Male },
            accuracy: accuracy(estimate),
        };
        Self {
            age: attributes.age.map(|age| AgeView { years: age.value.round() as u32, error: age.error.ceil() as u32 }),
            gender: attributes.gender.map(gender),
            smile: attributes
                .smile
                .map(|smile| SmileView { value: hundredths(smile.value), accuracy: accuracy(smile) }),
        }
    }

    /// For people: `about 34 (± 11 years), female (90 % accuracy), smiling (92 % accuracy)`.
    pub fn in_words(&self) -> String {
        let percent = |share: f64| format!("{:.0} % accuracy", share * 100.0);
        let age = self.age.as_ref().map(|age| format!("about {} (± {} years)", age.years, age.error));
        let gender = self.gender.as_ref().map(|gender| {
            let word = if gender.value == Gender::Female { "female" } else { "male" };
            format!("{word} ({})", percent(gender.accuracy))
        });
        let smile = self.smile.as_ref().map(|smile| {
            let word = if smile.value < 0.5 { "not smiling" } else { "smiling" };
            format!("{word} ({})", percent(smile.accuracy))
        });
        [age, gender, smile].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn hundredths(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_estimate_goes_without_its_error() {
        let estimate = |value, error| Some(Estimate { value, error });
        let all = Attributes { age: estimate(33.6, 10.7), gender: estimate(0.4, 0.1), smile: estimate(0.926, 0.08) };
        let view = AttributesView::of(&all);
        let wanted = json!({
            "age": {"years": 34, "error": 11},
            "gender": {"value": "female", "accuracy": 0.9},
            "smile": {"value": 0.93, "accuracy": 0.92},
        });
        assert_eq!(serde_json::to_value(&view).unwrap(), wanted);
        assert_eq!(view.in_words(), "about 34 (± 11 years), female (90 % accuracy), smiling (92 % accuracy)");
        let age = AttributesView::of(&Attributes { gender: None, smile: None, ..all });
        assert_eq!(serde_json::to_value(&age).unwrap(), json!({"age": {"years": 34, "error": 11}}));
    }
}
