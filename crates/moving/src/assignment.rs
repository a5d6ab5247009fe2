use std::fmt;

/// A name that a file gives a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The line on which it begins, from 1 on.
    pub line: usize,
    /// The name, as it stands there.
    pub name: String,
    /// What the name is given, or why that cannot be told without running the file.
    pub value: Result<Assigned, String>,
}

/// What a name is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Assigned {
    /// The value.
    pub literal: Literal,
    /// The variable of the environment that would come before it.
    pub unless: Option<String>,
}

/// A value that stands in a file as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// A number, in its usual decimal form.
    Number(String),
    /// A text.
    Text(String),
}

impl fmt::Display for Literal {
    /// The value as a setting's text; nothing for `None`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Bool(is_on) => is_on.fmt(f),
            Self::Number(text) | Self::Text(text) => f.write_str(text),
        }
    }
}
