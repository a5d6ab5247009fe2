//! An uploaded ZIP: every entry is read or refused, and never more than the limits is unpacked.
#![no_main]
#![allow(dead_code)]

use std::io::{Seek, Write};

use libfuzzer_sys::fuzz_target;

// The binary's own file: a binary has no library to link.
#[path = "../../crates/vultus/src/bulk.rs"]
mod bulk;

const LIMITS: bulk::BulkLimits = bulk::BulkLimits { photo_bytes: 10_000, total_bytes: 50_000 };

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let Ok(photos) = bulk::ZipPhotos::open(file, LIMITS) else { return };
    let unpacked: usize = photos.filter_map(|entry| Some(entry.photo.ok()?.len())).sum();
    assert!(unpacked as u64 <= LIMITS.total_bytes);
});
