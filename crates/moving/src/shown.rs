/// Letters of a name that are shown.
const LONGEST: usize = 80;

/// A name out of somebody else's file, for a terminal: what would move the cursor or cannot be seen is escaped, and the end of a long one
/// is cut.
pub fn shown(name: &str) -> String {
    let cut = name.char_indices().nth(LONGEST).map(|(at, _)| &name[..at]);
    let plain = cut.unwrap_or(name).escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    if cut.is_some() { plain + "…" } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        assert_eq!(shown("Zoë \"Z\" O'Neill, encoding 2"), "Zoë \"Z\" O'Neill, encoding 2");
        assert_eq!(shown("a\u{1b}[2J\r\nb\u{202e}"), "a\\u{1b}[2J\\r\\nb\\u{202e}");
        assert_eq!(shown(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(shown(&"é".repeat(1000)), "é".repeat(80) + "…");
    }
}
