use super::lexer::{LogicalLine, Word};
use crate::{Assigned, Assignment, Literal, shown};

/// Words with which a line begins that says when, or for what, the rest of it counts.
const COMPOUND: &[&str] = &[
    "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class", "async", "match", "case",
];

/// Names that one statement may give a value: each gets a copy of it.
const MOST_TARGETS: usize = 16;

/// Brackets around a value.
const MOST_BRACKETS: usize = 20;

/// What a line gives to names in capitals.
pub(super) fn assignments(line: &LogicalLine<'_>) -> Vec<Assignment> {
    let body = body_of_compound(&line.words);
    let is_in_block = line.is_in_block || body.is_some();
    let statements = statements(body.unwrap_or(&line.words)).into_iter();
    statements.flat_map(|words| of_statement(line, words, is_in_block)).collect()
}

/// What stands behind the colon of `if …: …` and its like.
fn body_of_compound<'l, 'a>(words: &'l [Word<'a>]) -> Option<&'l [Word<'a>]> {
    let [Word::Name(first), second, ..] = words else { return None };
    // `match` and `case` may be names as well.
    if !COMPOUND.contains(first) || *second == Word::Sign("=") {
        return None;
    }
    let (mut open, mut lambdas) = (0_i64, 0_usize);
    let colon = words.iter().position(|word| {
        open += depth_change(word);
        match word {
            Word::Name("lambda") if open == 0 => lambdas += 1,
            Word::Sign(":") if open == 0 && lambdas > 0 => lambdas -= 1,
            Word::Sign(":") => return open == 0,
            _ => {}
        }
        false
    });
    Some(colon.map_or(&[], |at| &words[at + 1..]))
}

/// The statements of a line, which semicolons divide.
fn statements<'l, 'a>(words: &'l [Word<'a>]) -> Vec<&'l [Word<'a>]> {
    let mut open = 0_i64;
    words
        .split(|word| {
            open += depth_change(word);
            open == 0 && *word == Word::Sign(";")
        })
        .collect()
}

fn depth_change(word: &Word<'_>) -> i64 {
    match word {
        Word::Sign("(" | "[" | "{") => 1,
        Word::Sign(")" | "]" | "}") => -1,
        _ => 0,
    }
}

fn of_statement(line: &LogicalLine<'_>, words: &[Word<'_>], is_in_block: bool) -> Vec<Assignment> {
    let (targets, value) = targets(words);
    let Some(value) = value else { return Vec::new() };
    let value = if let Some(problem) = line.problem {
        Err(format!("it has {problem}"))
    } else if is_in_block {
        Err("it stands in a block (a class, a function or a condition): write it to the left edge of the file"
            .to_owned())
    } else {
        value.and_then(|value| value_of(value))
    };
    let assignment = |name: &str| Assignment { line: line.number, name: name.to_owned(), value: value.clone() };
    targets.into_iter().filter(|name| is_setting_like(name)).map(assignment).collect()
}

/// What is meant as a setting is written in capitals.
fn is_setting_like(name: &str) -> bool {
    name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase)
}

type Value<'l, 'a> = Result<&'l [Word<'a>], String>;

/// The names that are given a value (`A = B = 5` gives it to two), and the value; without one the statement is none that gives.
fn targets<'l, 'a>(words: &'l [Word<'a>]) -> (Vec<&'a str>, Option<Value<'l, 'a>>) {
    let mut names = Vec::new();
    let mut rest = words;
    loop {
        match rest {
            [Word::Name(_), Word::Sign("="), ..] if names.len() == MOST_TARGETS => {
                let why = format!("more than {MOST_TARGETS} names are given one value: write a line for each");
                return (names, Some(Err(why)));
            }
            [Word::Name(name), Word::Sign("="), after @ ..] => {
                names.push(*name);
                rest = after;
            }
            [Word::Name(name), Word::Sign(":"), after @ ..] if names.is_empty() => {
                let value = after.iter().position(|word| *word == Word::Sign("=")).map(|at| Ok(&after[at + 1..]));
                return (vec![*name], value);
            }
            [Word::Name(name), Word::Sign("+=" | "-=" | "*=" | "/="), ..] if names.is_empty() => {
                return (vec![*name], Some(Err("it changes what was there before: write the value itself".to_owned())));
            }
            [Word::Name(_), Word::Sign(","), ..] if names.is_empty() => return several(words),
            _ if names.is_empty() => return (names, None),
            _ => return (names, Some(Ok(rest))),
        }
    }
}

/// `A, B = 1, 2`
fn several<'l, 'a>(words: &'l [Word<'a>]) -> (Vec<&'a str>, Option<Value<'l, 'a>>) {
    let Some(at) = words.iter().position(|word| *word == Word::Sign("=")) else { return (Vec::new(), None) };
    let name = |word: &Word<'a>| if let Word::Name(name) = word { Some(*name) } else { None };
    let names = words[..at].iter().filter_map(name).collect();
    (names, Some(Err("several names are given values at once: write a line for each".to_owned())))
}

fn value_of(words: &[Word<'_>]) -> Result<Assigned, String> {
    if let Some(literal) = literal(words)? {
        return Ok(Assigned { literal, unless: None });
    }
    if let Some((name, default)) = from_environment(words) {
        let default =
            default.ok_or_else(|| format!("it is taken from the environment ({}), without a default", shown(&name)))?;
        let literal =
            literal(default)?.ok_or_else(|| format!("the default of {} {}", shown(&name), why_not(default)))?;
        return Ok(Assigned { literal, unless: Some(name) });
    }
    Err(format!("it {}", why_not(words)))
}

/// The value, if these words are one. `Err`: they are one that no setting can have.
fn literal(words: &[Word<'_>]) -> Result<Option<Literal>, String> {
    Ok(Some(match without_brackets(words)? {
        [Word::Name("None")] => Literal::None,
        [Word::Name("True")] => Literal::Bool(true),
        [Word::Name("False")] => Literal::Bool(false),
        [Word::Sign("-"), Word::Number(digits)] => number(digits, "-")?,
        [Word::Number(digits)] | [Word::Sign("+"), Word::Number(digits)] => number(digits, "")?,
        words @ [_, ..] => match words.iter().map(as_text).collect() {
            Some(text) => Literal::Text(text),
            None => return Ok(None),
        },
        [] => return Ok(None),
    }))
}

/// What stands within the brackets around it.
fn without_brackets<'l, 'a>(words: &'l [Word<'a>]) -> Result<&'l [Word<'a>], String> {
    let mut inside = words;
    for _ in 0..=MOST_BRACKETS {
        match inside {
            [Word::Sign("("), inner @ .., Word::Sign(")")] if closes_at_the_end(inside) => inside = inner,
            _ => return Ok(inside),
        }
    }
    Err(format!("it stands in more than {MOST_BRACKETS} brackets"))
}

fn as_text<'w>(word: &'w Word<'_>) -> Option<&'w str> {
    if let Word::Text(text) = word { Some(text) } else { None }
}

/// Whether the bracket that opens first closes last.
fn closes_at_the_end(words: &[Word<'_>]) -> bool {
    let mut open = 0;
    words.iter().enumerate().all(|(at, word)| {
        open += depth_change(word);
        open > 0 || at + 1 == words.len()
    })
}

/// A number in its usual form.
fn number(digits: &str, sign: &str) -> Result<Literal, String> {
    let plain = digits.replace('_', "").to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find(|(prefix, _)| plain.starts_with(prefix));
    let text = match radix {
        Some((_, radix)) => i64::from_str_radix(&plain[2..], radix).ok().map(|number| number.to_string()),
        None if plain.bytes().all(|byte| byte.is_ascii_digit()) => {
            plain.parse::<i64>().ok().map(|number| number.to_string())
        }
        None => plain.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number.to_string()),
    };
    let text = text.ok_or_else(|| format!("it is a number ({}) that no setting has", shown(digits)))?;
    Ok(Literal::Number(format!("{sign}{text}")))
}

/// `os.getenv("X", default)` and its like, also within `int(…)`, `float(…)`, `str(…)`: the variable, and the words of its default.
fn from_environment<'l, 'a>(words: &'l [Word<'a>]) -> Option<(String, Option<&'l [Word<'a>]>)> {
    let words = match words {
        [Word::Name("int" | "float" | "str"), rest @ ..] if closes_at_the_end(rest) => {
            rest.strip_prefix(&[Word::Sign("(")])?
        }
        _ => return call_of_environment(words),
    };
    call_of_environment(words.strip_suffix(&[Word::Sign(")")])?)
}

fn call_of_environment<'l, 'a>(words: &'l [Word<'a>]) -> Option<(String, Option<&'l [Word<'a>]>)> {
    let open = words.iter().position(|word| *word == Word::Sign("("))?;
    let (called, call) = words.split_at(open);
    let dot = Word::Sign(".");
    let called: Vec<&str> = called
        .iter()
        .filter(|word| **word != dot)
        .map(|word| if let Word::Name(name) = word { *name } else { "" })
        .collect();
    let is_environment =
        matches!(called.as_slice(), ["os", "getenv"] | ["getenv"] | ["os", "environ", "get"] | ["environ", "get"]);
    if !is_environment || !closes_at_the_end(call) {
        return None;
    }
    match call {
        [Word::Sign("("), Word::Text(name), Word::Sign(")")] => Some((name.clone(), None)),
        [Word::Sign("("), Word::Text(name), Word::Sign(","), default @ .., Word::Sign(")")] => {
            let default = default.strip_suffix(&[Word::Sign(",")]).unwrap_or(default);
            let default = match default {
                [Word::Name("default"), Word::Sign("="), default @ ..] => default,
                _ => default,
            };
            Some((name.clone(), Some(default)))
        }
        _ => None,
    }
}

/// What stands there instead of a value, for people.
fn why_not(words: &[Word<'_>]) -> String {
    let other = words.iter().find_map(|word| if let Word::OtherText(what) = word { Some(*what) } else { None });
    match words {
        _ if other.is_some() => format!("is {}", other.unwrap_or_default()),
        [] => "is nothing".to_owned(),
        [Word::Sign("[" | "{"), ..] => "is a list or a dict, and a setting has one value".to_owned(),
        [Word::Sign("("), ..] if words.contains(&Word::Sign(",")) => {
            "is a list, and a setting has one value".to_owned()
        }
        [Word::Name(name)] => format!("is what {} is: write the value itself", shown(name)),
        [Word::Name(_), ..] if words.contains(&Word::Sign("(")) => {
            "calls something, which is not run: write the value itself".to_owned()
        }
        _ => "is a calculation, which is not run: write the result".to_owned(),
    }
}
