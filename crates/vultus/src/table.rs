//! Tables for spreadsheets.

use std::borrow::Cow;

/// Rows as RFC 4180 has them.
pub fn rows<'a, const COLUMNS: usize>(rows: impl IntoIterator<Item = [Cow<'a, str>; COLUMNS]>) -> String {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Into memory, and with rows of one length, nothing fails to be written.
    let written = rows.into_iter().try_for_each(|row| table.write_record(row.iter().map(|cell| cell.as_bytes())));
    let bytes = written.ok().and_then(|()| table.into_inner().ok()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

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
