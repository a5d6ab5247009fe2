//! A list of labelled pairs: read or refused, and no name in it leads out of the folder.
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;

// The crate's own file: the rest of the crate is of no use here, and takes long to build.
#[path = "../../crates/eval/src/pairs.rs"]
mod pairs;

use pairs::{PairList, PhotoRef};

fuzz_target!(|bytes: &[u8]| {
    match PairList::parse(bytes, &[]) {
        Ok(list) => {
            assert!(!list.pairs.is_empty());
            for photo in list.pairs.iter().flat_map(|pair| [&pair.a, &pair.b]) {
                let (text, is_path) = (photo.to_string(), matches!(photo, PhotoRef::Path(_)));
                assert!(!text.starts_with('/') && text.split('/').all(|part| part != ".." && !part.is_empty()));
                assert!(!text.contains(['\\', '\0']) && (is_path || text.matches('/').count() == 1));
            }
        }
        Err(error) => assert!(error.line >= 1 && !error.to_string().contains('\n')),
    }
});
