use crate::{Assigned, Assignment, Literal};

/// Stands for what is no name: it may be a part of a secret.
const NO_NAME: &str = "(what is no name)";

/// The assignments of a `.env`: `NAME=value`, with `export` or without, where a value in quotes may go over lines. Nothing is put in for
/// `$NAME`.
pub fn read_dotenv(text: &str) -> Vec<Assignment> {
    let (mut rest, mut number) = (text.trim_start_matches('\u{feff}'), 1);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (assignment, after) = assignment(number, rest);
        found.extend(assignment);
        number += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    found
}

/// The assignment with which a text begins, and what comes after its last line.
fn assignment(number: usize, text: &str) -> (Option<Assignment>, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    if line.trim_start().starts_with('#') {
        return (None, after);
    }
    let Some((name, value)) = line.split_once('=') else { return (None, after) };
    let name = name.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let (value, after) = if value.trim_start().starts_with(['\'', '"']) {
        value_in_quotes(text[line.len() - value.len()..].trim_start())
    } else {
        (in_itself(value.trim().split(" #").next().unwrap_or_default().trim_end().to_owned()), after)
    };
    let value = value.map(|text| Assigned { literal: Literal::Text(text), unless: None });
    let name = if is_name(name) { name } else { NO_NAME };
    (Some(Assignment { line: number, name: name.to_owned(), value: value.map_err(str::to_owned) }), after)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A value without those of other variables in it.
fn in_itself(text: String) -> Result<String, &'static str> {
    if text.contains("${") {
        return Err("it is made of another variable: write the value itself");
    }
    Ok(text)
}

/// The value in quotes with which a text begins, and what comes after the line on which they are closed. Where they never are, all that
/// is left may be a part of it.
fn value_in_quotes(text: &str) -> (Result<String, &'static str>, &str) {
    let read = if let Some(inner) = text.strip_prefix('\'') {
        inner.split_once('\'').map(|(value, after)| (Ok(value.to_owned()), after))
    } else {
        quoted(&text[1..]).map(|(value, after)| (in_itself(value), after))
    };
    let unclosed = "its quotes are not closed: neither it nor what comes after it is read";
    let (value, after) = read.unwrap_or((Err(unclosed), ""));
    (value, after.split_once('\n').map_or("", |(_, after)| after))
}

/// Up to the closing quotation mark, and what comes after it.
fn quoted(rest: &str) -> Option<(String, &str)> {
    let (mut text, mut characters) = (String::new(), rest.chars());
    loop {
        match characters.next()? {
            '"' => return Some((text, characters.as_str())),
            '\\' => match characters.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_and_without_quotes() {
        let text = "# original\n\nexport VIDEO_SOURCE=rtsp://u:p#1@cam/1 # door\nWEBHOOK_URL=\"http://a/\\\"b\\\"\"\nX='${HOME}'\nY=${HOME}/x\nnothing\nE=\nZ=\"\nno=1";
        let read: Vec<String> = read_dotenv(text)
            .into_iter()
            .map(|found| match found.value {
                Ok(value) => format!("{} {}={}", found.line, found.name, value.literal),
                Err(why) => format!("{} {}: {why}", found.line, found.name),
            })
            .collect();
        assert_eq!(
            read,
            [
                "3 VIDEO_SOURCE=rtsp://u:p#1@cam/1",
                "4 WEBHOOK_URL=http://a/\"b\"",
                "5 X=${HOME}",
                "6 Y: it is made of another variable: write the value itself",
                "8 E=",
                "9 Z: its quotes are not closed: neither it nor what comes after it is read",
            ]
        );
    }

    #[test]
    fn what_goes_over_lines_is_one_value_and_no_name_is_made_of_it() {
        let text =
            "KEY=\"-----BEGIN\r\nMIIsecret=\n\"  # pem\nTOKEN = 'a\nsecret==\n'\nA=1\n+/secret=\n1a=2\n\u{1b}[2J=3\n";
        let read: Vec<_> =
            read_dotenv(text).into_iter().map(|found| (found.line, found.name, found.value.unwrap().literal)).collect();
        let text = |text: &str| Literal::Text(text.to_owned());
        assert_eq!(
            read,
            [
                (1, "KEY".to_owned(), text("-----BEGIN\r\nMIIsecret=\n")),
                (4, "TOKEN".to_owned(), text("a\nsecret==\n")),
                (7, "A".to_owned(), text("1")),
                (8, NO_NAME.to_owned(), text("")),
                (9, NO_NAME.to_owned(), text("2")),
                (10, NO_NAME.to_owned(), text("3")),
            ]
        );
    }
}
