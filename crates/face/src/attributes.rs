use serde::Serialize;

/// What a face looks like to the attribute models. Estimates with large errors: docs/reference/attributes.md says how large.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attributes {
    /// Years.
    pub age: f32,
    /// 0 female … 1 male.
    pub gender: f32,
    /// How much it smiles, 0–1.
    pub smile: f32,
}
