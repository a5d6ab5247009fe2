//! Python's lines and words, as far as assignments need them.

/// A statement's line, which may be many lines of the file.
#[derive(Debug, Default)]
pub(super) struct LogicalLine<'a> {
    /// The line of the file on which it begins, from 1 on.
    pub(super) number: usize,
    /// Whether it stands in a block: a class, a function, a condition.
    pub(super) is_in_block: bool,
    pub(super) words: Vec<Word<'a>>,
    /// What cannot be read of it.
    pub(super) problem: Option<&'static str>,
}

/// A word of Python.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word<'a> {
    Name(&'a str),
    Number(&'a str),
    Text(String),
    /// A text with a prefix that makes it something else.
    OtherText(&'static str),
    Sign(&'a str),
}

/// Signs of two characters that must not be taken for one and an `=`.
const LONG_SIGNS: &[&str] =
    &["==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "@=", "->", "**", "//", "<<", ">>"];

/// Cuts a file into statements' lines. One that cannot be read has a problem, and the next one begins on the next line of the file.
pub(super) fn logical_lines(text: &str) -> Vec<LogicalLine<'_>> {
    let mut lexer = Lexer { rest: text, number: 1, in_vain: 0 };
    let mut lines = Vec::new();
    while !lexer.rest.is_empty() {
        let line = lexer.line();
        if !line.words.is_empty() || line.problem.is_some() {
            lines.push(line);
        }
    }
    lines
}

/// Bytes that are looked through for closing quotes in vain: from each line on, they may be looked for in all that follow.
const MOST_IN_VAIN: usize = 16 << 20;

struct Lexer<'a> {
    rest: &'a str,
    number: usize,
    /// How many bytes were looked through for closing quotes that are not there.
    in_vain: usize,
}

impl<'a> Lexer<'a> {
    fn line(&mut self) -> LogicalLine<'a> {
        let is_in_block = self.rest.starts_with([' ', '\t']);
        let mut line = LogicalLine { number: self.number, is_in_block, ..LogicalLine::default() };
        let mut open = 0_usize;
        loop {
            self.blank();
            match self.rest.chars().next() {
                None => break,
                Some('\n') => {
                    self.skip(1);
                    if open == 0 {
                        break;
                    }
                }
                Some(first) => match self.word(first) {
                    Ok(word) => {
                        match word {
                            Word::Sign("(" | "[" | "{") => open += 1,
                            Word::Sign(")" | "]" | "}") => open = open.saturating_sub(1),
                            _ => {}
                        }
                        line.words.push(word);
                    }
                    Err(problem) => {
                        line.problem = Some(problem);
                        self.pass_line();
                        break;
                    }
                },
            }
        }
        line
    }

    /// Passes over blanks, comments, and line breaks that are escaped.
    fn blank(&mut self) {
        loop {
            let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\u{c}']);
            self.rest = trimmed;
            let escaped = trimmed.strip_prefix("\\\n").or_else(|| trimmed.strip_prefix("\\\r\n"));
            if let Some(after) = escaped {
                self.number += 1;
                self.rest = after;
            } else if trimmed.starts_with('#') {
                let end = trimmed.find('\n').unwrap_or(trimmed.len());
                self.rest = &trimmed[end..];
            } else {
                return;
            }
        }
    }

    /// Passes over so many bytes, and counts the lines in them.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.number += skipped.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        skipped
    }

    fn pass_line(&mut self) {
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        self.skip(end);
    }

    fn word(&mut self, first: char) -> Result<Word<'a>, &'static str> {
        let next = self.rest.chars().nth(1).unwrap_or(' ');
        if first.is_ascii_digit() || (first == '.' && next.is_ascii_digit()) {
            let end = end_of_number(self.rest);
            return Ok(Word::Number(self.skip(end)));
        }
        if matches!(first, '\'' | '"') {
            return self.text("");
        }
        if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let name = self.skip(end);
            let is_prefix = self.rest.starts_with(['\'', '"']) && name.len() <= 2;
            return if is_prefix { self.text(name) } else { Ok(Word::Name(name)) };
        }
        let long = LONG_SIGNS.iter().find(|sign| self.rest.starts_with(**sign));
        let length = long.map_or(first.len_utf8(), |sign| sign.len());
        Ok(Word::Sign(self.skip(length)))
    }

    /// A text with everything around it.
    fn text(&mut self, prefix: &str) -> Result<Word<'a>, &'static str> {
        let prefix = prefix.to_ascii_lowercase();
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.rest.starts_with(*quote));
        let quote = quote.unwrap_or("\"");
        self.skip(quote.len());
        if self.in_vain > MOST_IN_VAIN {
            return Err("a text after too many whose quotes are not closed");
        }
        let end = end_of_text(self.rest, quote).map_err(|looked_through| {
            self.in_vain += looked_through;
            "a text whose quotes are not closed"
        })?;
        let inner = self.skip(end);
        self.skip(quote.len());
        match prefix.as_str() {
            "" | "u" => unescaped(inner).map(Word::Text),
            "r" => Ok(Word::Text(inner.to_owned())),
            _ if prefix.contains('f') => Ok(Word::OtherText("a text that is put together (f\"…\")")),
            _ => Ok(Word::OtherText("bytes, not a text")),
        }
    }
}

fn end_of_number(text: &str) -> usize {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // The sign of an exponent belongs to the number, that of a sum does not.
        let is_exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !text.starts_with("0x");
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || is_exponent) {
            return at;
        }
        before = c;
    }
    text.len()
}

/// Where the closing quote is; one line at most, but for triple quotes. `Err`: so far there is none.
fn end_of_text(text: &str, quote: &str) -> Result<usize, usize> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(quote) {
            return Ok(at);
        }
        if c == '\n' && quote.len() == 1 {
            return Err(at);
        }
        at += c.len_utf8();
        if c == '\\' {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    Err(at)
}

fn unescaped(text: &str) -> Result<String, &'static str> {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (character, length) = escaped(escape).ok_or("a text with an escape that is not known")?;
        plain.extend(character);
        rest = &escape[length..];
    }
    plain.push_str(rest);
    Ok(plain)
}

/// What stands behind a backslash, and its length; an escaped line break is nothing.
fn escaped(escape: &str) -> Option<(Option<char>, usize)> {
    let first = escape.chars().next()?;
    let coded = |digits: usize, start: usize, radix: u32| {
        let code = u32::from_str_radix(escape.get(start..start + digits)?, radix).ok().and_then(char::from_u32)?;
        Some((Some(code), start + digits))
    };
    let plain = match first {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => first,
        '\n' => return Some((None, 1)),
        'x' => return coded(2, 1, 16),
        'u' => return coded(4, 1, 16),
        'U' => return coded(8, 1, 16),
        'N' => return None,
        '0'..='7' => {
            let digits = escape.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            return coded(digits, 0, 8);
        }
        // Python keeps the backslash before anything else.
        _ => return Some((Some('\\'), 0)),
    };
    Some((Some(plain), 1))
}
