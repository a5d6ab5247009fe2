//! A webhook's template and the name of a person: understood or refused, and what is put in does not break out.
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

// The crate's own file: what is in it is of no use to others.
#[path = "../../crates/events/src/webhook/template.rs"]
mod template;

use template::{Syntax, Template, Value};

fuzz_target!(|given: (&str, &str)| {
    let (text, name) = given;
    let filled = |template: &Template, name: &str| template.render(|_| Value::Text(name.to_owned()));
    for syntax in [Syntax::Json, Syntax::Xml, Syntax::Percent, Syntax::Header, Syntax::Plain] {
        let Ok(template) = Template::parse(text, syntax, &["name"]) else { continue };
        let (with, without) = (filled(&template, name), filled(&template, ""));
        if !template.has_places() {
            assert_eq!(with, text);
        }
        // What is JSON with an empty name is JSON with any, of the same form.
        if syntax == Syntax::Json && serde_json::from_str::<Json>(&without).is_ok() {
            assert!(serde_json::from_str::<Json>(&with).is_ok());
            assert_eq!(marks_between_strings(&with), marks_between_strings(&without));
        }
        if syntax == Syntax::Percent {
            let marks = |text: &str| text.matches(['/', '?', '&', '#', '@', ':', '\r', '\n', '"']).count();
            assert_eq!(marks(&with), marks(&without));
        }
    }
});

/// Brackets, commas and colons of a JSON document outside its strings.
fn marks_between_strings(json: &str) -> String {
    let (mut is_inside, mut is_escaped) = (false, false);
    json.chars()
        .filter(|letter| {
            let was_inside = is_inside;
            match (is_inside, is_escaped, letter) {
                (true, false, '\\') => is_escaped = true,
                (true, false, '"') => is_inside = false,
                (false, _, '"') => is_inside = true,
                _ => is_escaped = false,
            }
            !was_inside && "{}[],:".contains(*letter)
        })
        .collect()
}
