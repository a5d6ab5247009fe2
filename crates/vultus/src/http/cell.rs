use std::borrow::Cow;

/// A text that no spreadsheet takes for a formula and runs: a name may have been chosen for that.
pub fn cell(text: Option<&str>) -> Cow<'_, str> {
    let text = text.unwrap_or_default();
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_spreadsheet_would_run_is_text() {
        for name in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(cell(Some(name)), format!("'{name}"));
        }
        assert_eq!(cell(Some("a=b")), "a=b");
    }
}
