/// What is done with a face that does not look alive: the setting `LIVENESS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivenessMode {
    /// Nobody looks.
    #[default]
    Off,
    /// It is told, and changes nothing.
    Observe,
    /// It is refused.
    Enforce,
}

impl LivenessMode {
    /// What [`LivenessMode::parse`] reads, for people.
    pub const ALLOWED: &'static str = "off, observe or enforce";

    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" => Some(Self::Off),
            "observe" => Some(Self::Observe),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }
}
