use unicode_normalization::UnicodeNormalization;

/// `text` as people mean it: without space around it, and in Unicode's composed form, so that what is typed on different
/// systems is the same. `None` when there is nothing, more than `longest` characters, or one that cannot be seen.
pub fn printable(text: &str, longest: usize) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let is_right = (1..=longest).contains(&text.chars().count()) && !text.chars().any(is_deceptive);
    is_right.then_some(text)
}

/// Characters that are not seen, or that change how others are seen: with them two names could look alike in the log of
/// a door. The joiners of Persian and Indian scripts (U+200C, U+200D) are part of names.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
