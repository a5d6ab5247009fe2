//! `NAME = literal` of a Python file, never run.
//!
//! Lives here: words of a line (`lexer`), and what they say (`statement`).

mod lexer;
mod statement;

#[cfg(test)]
mod tests;

use crate::Assignment;

/// The assignments of a `settings.py` whose names are written in capitals, in the order of the file. What is given by a literal is read; of
/// everything else it is said why not. Other statements are passed over.
pub fn read_settings_py(text: &str) -> Vec<Assignment> {
    let lines = lexer::logical_lines(text.trim_start_matches('\u{feff}'));
    lines.iter().flat_map(statement::assignments).collect()
}
