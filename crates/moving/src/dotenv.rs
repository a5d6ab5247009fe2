use crate::{Assigned, Assignment, Literal};

/// The assignments of a `.env`: `NAME=value`, a line each, with `export` or without. Nothing is put in for `$NAME`.
pub fn read_dotenv(text: &str) -> Vec<Assignment> {
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    lines.filter_map(|(at, line)| assignment(at + 1, line.trim())).collect()
}

fn assignment(number: usize, line: &str) -> Option<Assignment> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let value = value_of(value.trim()).map(|text| Assigned { literal: Literal::Text(text), unless: None });
    Some(Assignment { line: number, name: name.trim().to_owned(), value: value.map_err(str::to_owned) })
}

fn value_of(value: &str) -> Result<String, &'static str> {
    let unclosed = "its quotes are not closed";
    let (text, is_literal) = if let Some(rest) = value.strip_prefix('\'') {
        (rest.split_once('\'').ok_or(unclosed)?.0.to_owned(), true)
    } else if let Some(rest) = value.strip_prefix('"') {
        (quoted(rest).ok_or(unclosed)?, false)
    } else {
        (value.split(" #").next().unwrap_or(value).trim_end().to_owned(), false)
    };
    if text.contains("${") && !is_literal {
        return Err("it is made of another variable: write the value itself");
    }
    Ok(text)
}

/// Up to the closing quotation mark.
fn quoted(rest: &str) -> Option<String> {
    let (mut text, mut characters) = (String::new(), rest.chars());
    loop {
        match characters.next()? {
            '"' => return Some(text),
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
        let text = "# original\n\nexport VIDEO_SOURCE=rtsp://u:p#1@cam/1 # door\nWEBHOOK_URL=\"http://a/\\\"b\\\"\"\nX='${HOME}'\nY=${HOME}/x\nZ=\"\nnothing\nE=";
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
                "7 Z: its quotes are not closed",
                "9 E=",
            ]
        );
    }
}
