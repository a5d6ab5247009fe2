//! A row of another door's log: read or refused, and what is read can be written and read again.
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;

// The crate's own file: the rest of the crate is of no use here, and takes long to build.
#[path = "../../crates/events/src/attendance/attlog.rs"]
mod attlog;

use attlog::AttlogRow;

fuzz_target!(|bytes: &[u8]| {
    let Ok(row) = AttlogRow::parse(bytes) else { return };
    let written = row.to_string();
    assert!(!written.contains(['\n', '\r']) && written.matches('\t').count() == 4);
    let again = AttlogRow::parse(written.as_bytes()).unwrap();
    assert_eq!((&again.id, again.at, again.direction), (&row.id, row.at, row.direction));
    assert_eq!(again.verify, Some(row.verify.unwrap_or(AttlogRow::HAND)));
});
