use models::SideRole;

/// What a face looks like to the attribute models. Nothing is decided by it: the errors are large.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributes {
    /// Years, 0–101.
    pub age: Option<Estimate>,
    /// 0 female … 1 male.
    pub gender: Option<Estimate>,
    /// How much it smiles, 0–1.
    pub smile: Option<Estimate>,
}

/// An estimate of one number, which never goes without its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f32,
    /// The model's measured error: of an age the mean difference in years, of anything else the share of faces for which it is on the
    /// wrong side of the middle.
    pub error: f32,
}

impl Attributes {
    /// The mean of several looks at one face, each of which may lack something; `None` without any.
    pub fn mean(looks: &[Self]) -> Option<Self> {
        let mean = |of: fn(&Self) -> Option<Estimate>| {
            let estimates: Vec<_> = looks.iter().filter_map(of).collect();
            let sum: f32 = estimates.iter().map(|estimate| estimate.value).sum();
            estimates.first().map(|first| Estimate { value: sum / estimates.len() as f32, error: first.error })
        };
        let all = Self { age: mean(|look| look.age), gender: mean(|look| look.gender), smile: mean(|look| look.smile) };
        (!looks.is_empty()).then_some(all)
    }
}

/// Which attributes are estimated: the setting `ATTRIBUTES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeChoice {
    /// How old a face looks.
    pub age: bool,
    /// Whether it looks female or male.
    pub gender: bool,
    /// Whether it smiles.
    pub smile: bool,
}

impl AttributeChoice {
    /// What [`AttributeChoice::parse`] reads, for people.
    pub const ALLOWED: &'static str = "off, on, or some of age, gender, smile with commas between them";

    /// None of them.
    pub const OFF: Self = Self { age: false, gender: false, smile: false };

    /// All of them.
    pub const ALL: Self = Self { age: true, gender: true, smile: true };

    /// `off` and `on` as people write them, or a list; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" | "false" | "no" | "0" => Some(Self::OFF),
            "on" | "true" | "yes" | "1" => Some(Self::ALL),
            list => list.split(',').try_fold(Self::OFF, |chosen, name| match name.trim() {
                "age" => Some(Self { age: true, ..chosen }),
                "gender" => Some(Self { gender: true, ..chosen }),
                "smile" => Some(Self { smile: true, ..chosen }),
                _ => None,
            }),
        }
    }

    /// The models that it takes.
    pub fn roles(self) -> impl Iterator<Item = SideRole> {
        let each = [(self.age, SideRole::Age), (self.gender, SideRole::Gender), (self.smile, SideRole::Expression)];
        each.into_iter().filter_map(|(wanted, role)| wanted.then_some(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_people_write_it() {
        assert_eq!(AttributeChoice::parse("off"), Some(AttributeChoice::OFF));
        assert_eq!(AttributeChoice::parse("True"), Some(AttributeChoice::ALL));
        assert_eq!(AttributeChoice::parse("smile, gender,age"), Some(AttributeChoice::ALL));
        let age = AttributeChoice { age: true, ..AttributeChoice::OFF };
        assert_eq!(AttributeChoice::parse(" Age "), Some(age));
        assert_eq!(age.roles().collect::<Vec<_>>(), [SideRole::Age]);
        for wrong in ["", "age,", "ages", "age gender", "age,off", "none"] {
            assert_eq!(AttributeChoice::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn several_looks_are_averaged_and_what_none_of_them_tells_stays_unknown() {
        let look = |age: f32, smile: Option<f32>| Attributes {
            age: Some(Estimate { value: age, error: 12.0 }),
            gender: None,
            smile: smile.map(|value| Estimate { value, error: 0.1 }),
        };
        let mean = Attributes::mean(&[look(30.0, None), look(40.0, Some(0.5))]).unwrap();
        assert_eq!(mean.age, Some(Estimate { value: 35.0, error: 12.0 }));
        assert_eq!((mean.gender, mean.smile), (None, Some(Estimate { value: 0.5, error: 0.1 })));
        assert_eq!(Attributes::mean(&[]), None);
    }
}
