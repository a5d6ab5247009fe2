//! Texts in the forms of the oldest protocols.

/// Raw unicode escapes: Latin-1, with `\uXXXX` and `\UXXXXXXXX` for what is beyond it.
pub(super) fn raw_unicode(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        let escaped = match line.get(at..at + 2) {
            Some(br"\u") => escape(line, at + 2, 4),
            Some(br"\U") => escape(line, at + 2, 8),
            _ => None,
        };
        let (character, length) = escaped.unwrap_or((char::from(*byte), 1));
        text.push(character);
        at += length;
    }
    text
}

/// The character of `digits` digits from `at` on, with the length of the whole escape.
fn escape(line: &[u8], at: usize, digits: usize) -> Option<(char, usize)> {
    Some((hexadecimal(line.get(at..at + digits)?).and_then(char::from_u32)?, digits + 2))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// A quoted text of Python 2, as `repr` writes it. `None` when it is not quoted.
pub(super) fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let quote = *line.first().filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let inner = line.get(1..)?.strip_suffix(&[quote])?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = if *first == b'\\' { unescaped(after)? } else { (*first, 0) };
        bytes.push(byte);
        rest = after.get(length..)?;
    }
    Some(bytes)
}

/// What stands behind a backslash, and how long it is.
fn unescaped(after: &[u8]) -> Option<(u8, usize)> {
    Some(match after.first()? {
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'x' => (u8::try_from(hexadecimal(after.get(1..3)?)?).ok()?, 3),
        other => (*other, 1),
    })
}

/// A text as the bytes that its characters stand for; `None` where one stands for none.
pub(super) fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_texts_are_unescaped() {
        assert_eq!(raw_unicode(b"K\\u00e1tya \\U0001f600 \xe9 \\u12 \\x"), "Kátya 😀 é \\u12 \\x");
        assert_eq!(quoted(b"'a\\n\\x00\\'\\\\'").unwrap(), b"a\n\0'\\");
        assert_eq!(quoted(b"'open"), None);
        assert_eq!(quoted(b"'"), None);
        assert_eq!(quoted(b"'\\x0'"), None);
    }

    #[test]
    fn bytes_that_are_written_as_a_text_come_back() {
        assert_eq!(latin1("\u{0}é"), Some(vec![0, 0xE9]));
        assert_eq!(latin1("€"), None);
    }
}
