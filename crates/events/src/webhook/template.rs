//! Texts with places for what has happened: `{{name}}`. What is put in cannot break out of the place where it stands.
use std::fmt::{self, Write};

/// Longest template, in bytes.
const LONGEST: usize = 16 * 1024;

/// What kind of text a template makes, and so how values are written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A JSON document: within a string as part of it, elsewhere as a value of its own.
    Json,
    /// An XML or HTML document.
    Xml,
    /// An address or a form: percent-encoded, all but letters, digits and `-_.~`.
    Percent,
    /// The value of a header: percent-encoded where it is not visible ASCII.
    Header,
    /// Text for people: as it is, without control characters.
    Plain,
}

/// What stands in a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is known: empty, `null` as a JSON value.
    Missing,
    /// A text.
    Text(String),
    /// A number, as JSON writes it.
    Number(String),
    /// Several texts; with commas between them where there are no lists.
    List(Vec<String>),
}

/// A text with places in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place { name: String, form: Form },
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    JsonPart,
    JsonValue,
    Xml,
    Percent,
    Header,
    Plain,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATemplate {
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// A place is not closed.
    #[error("`{{{{` is not closed by `}}}}`: a place is written as in {{{{name}}}}")]
    Unclosed,
    /// There is no such value.
    #[error("there is no {{{{{name}}}}}: use one of {known}")]
    Unknown {
        /// The name in the place, its start at least.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A place where JSON has no room for one.
    #[error("{{{{{name}}}}} stands right after a \\ in JSON: write it elsewhere in the text")]
    AfterEscape {
        /// The name in the place.
        name: String,
    },
}

impl Template {
    /// Reads a template in which the values of `known` may stand.
    ///
    /// # Errors
    /// A place that is not closed, or stands where none can, or for which there is no value.
    pub fn parse(text: &str, syntax: Syntax, known: &[&str]) -> Result<Self, NotATemplate> {
        if text.len() > LONGEST {
            return Err(NotATemplate::TooLong);
        }
        let mut pieces = Vec::new();
        let mut json = JsonString::Outside;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            json = json.after(before);
            push_text(&mut pieces, before);
            let (name, after) = after.split_once("}}").ok_or(NotATemplate::Unclosed)?;
            let name = name.trim();
            if !known.contains(&name) {
                let name = name.chars().filter(|letter| !letter.is_control()).take(40).collect();
                return Err(NotATemplate::Unknown { name, known: known.join(", ") });
            }
            let form = match (syntax, json) {
                (Syntax::Json, JsonString::Outside) => Form::JsonValue,
                (Syntax::Json, JsonString::Inside) => Form::JsonPart,
                (Syntax::Json, JsonString::Escape(_)) => {
                    return Err(NotATemplate::AfterEscape { name: name.to_owned() });
                }
                (Syntax::Xml, _) => Form::Xml,
                (Syntax::Percent, _) => Form::Percent,
                (Syntax::Header, _) => Form::Header,
                (Syntax::Plain, _) => Form::Plain,
            };
            pieces.push(Piece::Place { name: name.to_owned(), form });
            rest = after;
        }
        push_text(&mut pieces, rest);
        Ok(Self { pieces })
    }

    /// A text without places, whatever is in it.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Text(text.into())] }
    }

    /// The text with values in its places.
    pub fn render(&self, value: impl Fn(&str) -> Value) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Place { name, form } => form.write(&value(name), &mut text),
            }
        }
        text
    }

    /// What stands before the first place.
    pub fn start(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            Some(Piece::Place { .. }) | None => "",
        }
    }

    /// Whether it has places.
    pub fn has_places(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Place { .. }))
    }
}

/// Addresses and headers hold passwords: a template is not shown by accident.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Where in a JSON document a text ends.
#[derive(Clone, Copy)]
enum JsonString {
    Outside,
    Inside,
    /// Within an escape; so many letters of it are missing.
    Escape(u8),
}

impl JsonString {
    fn after(self, text: &str) -> Self {
        text.chars().fold(self, |state, letter| match (state, letter) {
            (Self::Inside, '"') => Self::Outside,
            (Self::Inside, '\\') => Self::Escape(1),
            // Four more letters; 1 is kept for the letter after the backslash.
            (Self::Escape(1), 'u') => Self::Escape(5),
            (Self::Outside, '"') | (Self::Escape(1 | 2), _) => Self::Inside,
            (Self::Escape(missing), _) => Self::Escape(missing - 1),
            (state, _) => state,
        })
    }
}

impl Form {
    fn write(self, value: &Value, to: &mut String) {
        let text = match value {
            Value::Missing => "",
            Value::Text(text) | Value::Number(text) => text,
            Value::List(texts) => &texts.join(", "),
        };
        match self {
            Self::JsonPart => write_json_part(text, to),
            Self::JsonValue => write_json_value(value, to),
            Self::Xml => write_xml(text, to),
            Self::Percent => write_percent(text, to),
            Self::Header => write_header(text, to),
            Self::Plain => to.extend(text.chars().filter(|letter| !letter.is_control())),
        }
    }
}

fn write_json_part(text: &str, to: &mut String) {
    for letter in text.chars() {
        match letter {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            // Also those that some readers take for the end of a line.
            _ if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                // Writing to a text cannot fail.
                let _ = write!(to, "\\u{:04x}", u32::from(letter));
            }
            _ => to.push(letter),
        }
    }
}

fn write_json_value(value: &Value, to: &mut String) {
    match value {
        Value::Missing => to.push_str("null"),
        Value::Number(number) => to.push_str(number),
        Value::Text(text) => {
            to.push('"');
            write_json_part(text, to);
            to.push('"');
        }
        Value::List(texts) => {
            to.push('[');
            for (at, text) in texts.iter().enumerate() {
                to.push_str(if at == 0 { "\"" } else { ",\"" });
                write_json_part(text, to);
                to.push('"');
            }
            to.push(']');
        }
    }
}

fn write_xml(text: &str, to: &mut String) {
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        match letter {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            _ => to.push(letter),
        }
    }
}

fn write_percent(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => to.push(char::from(byte)),
            _ => write_byte(byte, to),
        }
    }
}

/// `text` as a header can carry it: all but visible ASCII and inner spaces is percent-encoded, and `%` itself, so that
/// decoding always gives the text back.
pub(super) fn write_header(text: &str, to: &mut String) {
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if at > 0 && at < last => to.push(' '),
            b'!'..=b'~' if byte != b'%' => to.push(char::from(byte)),
            _ => write_byte(byte, to),
        }
    }
}

fn write_byte(byte: u8, to: &mut String) {
    // Writing to a text cannot fail.
    let _ = write!(to, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: [&str; 3] = ["name", "distance", "groups"];

    fn rendered(text: &str, syntax: Syntax, name: &str) -> String {
        let template = Template::parse(text, syntax, &KNOWN).unwrap();
        template.render(|place| match place {
            "name" => Value::Text(name.to_owned()),
            "distance" => Value::Number("0.4123".to_owned()),
            "groups" => Value::List(vec!["staff".to_owned(), "a\"b".to_owned()]),
            _ => Value::Missing,
        })
    }

    #[test]
    fn a_place_is_filled_as_it_has_to_be_where_it_stands() {
        for (text, syntax, expected) in [
            (
                r#"{"a":"Hi {{name}}!","b":{{ name }},"c":{"d":{{distance}}},"e":{{groups}},"f":"{{groups}}"}"#,
                Syntax::Json,
                r#"{"a":"Hi K & \"Ö\"/!","b":"K & \"Ö\"/","c":{"d":0.4123},"e":["staff","a\"b"],"f":"staff, a\"b"}"#,
            ),
            ("<n a='{{name}}'>{{distance}}</n>", Syntax::Xml, "<n a='K &amp; &quot;Ö&quot;/'>0.4123</n>"),
            ("http://h/{{name}}?d={{distance}}", Syntax::Percent, "http://h/K%20%26%20%22%C3%96%22%2F?d=0.4123"),
            ("Bearer {{name}}", Syntax::Header, "Bearer K & \"%C3%96\"/"),
            ("{{name}} {{groups}} }} {x}", Syntax::Plain, "K & \"Ö\"/ staff, a\"b }} {x}"),
        ] {
            assert_eq!(rendered(text, syntax, "K & \"Ö\"/"), expected);
        }
    }

    #[test]
    fn what_is_not_known_is_empty_or_null() {
        let empty = |text, syntax| Template::parse(text, syntax, &KNOWN).unwrap().render(|_| Value::Missing);
        assert_eq!(empty(r#"{"a":"{{name}}","b":{{distance}}}"#, Syntax::Json), r#"{"a":"","b":null}"#);
        assert_eq!(empty("http://h/?n={{name}}", Syntax::Percent), "http://h/?n=");
    }

    #[test]
    fn a_wrong_template_is_refused_with_the_reason() {
        let refused = |text, syntax| Template::parse(text, syntax, &KNOWN).unwrap_err().to_string();
        assert!(refused("{{nmae}}", Syntax::Plain).contains("there is no {{nmae}}: use one of name, distance, groups"));
        assert!(refused("a {{name", Syntax::Plain).contains("not closed"));
        for text in [r#"{"a":"\{{name}}"}"#, r#"{"a":"\u{{name}}"}"#, r#"{"a":"\u004{{name}}"}"#] {
            assert!(refused(text, Syntax::Json).contains("after a \\"), "{text}");
        }
        for text in [r#"{"a":"\\{{name}}"}"#, r#"{"a":"\u0041{{name}}"}"#, r#"{"a":"\"{{name}}"}"#] {
            assert!(Template::parse(text, Syntax::Json, &KNOWN).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_somebody_is_called_a_json_body_stays_what_it_was(name in any::<String>()) {
            let body = rendered(r#"{"text":"{{name}} is here","who":{{name}}}"#, Syntax::Json, &name);
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(value, serde_json::json!({ "text": format!("{name} is here"), "who": name }));
        }

        #[test]
        fn whatever_somebody_is_called_an_address_and_a_header_stay_what_they_were(name in any::<String>()) {
            let address = rendered("http://h/a/{{name}}?x={{name}}&y=1", Syntax::Percent, &name);
            prop_assert!(address.is_ascii() && address.matches(['/', '?', '&', '#']).count() == 6, "{}", address);
            let header = rendered("x {{name}}", Syntax::Header, &name);
            prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
