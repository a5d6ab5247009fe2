use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard output. Unlike `println!` it does not panic when nobody reads any more (`vultus … | head`):
/// the error goes up to `main`, which ends quietly.
///
/// # Errors
/// When standard output is closed or full.
pub fn say(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Whether an error only means that the reader of our output has gone.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}
