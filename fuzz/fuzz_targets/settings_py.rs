//! A `settings.py` or a `.env`: whatever is read stands on a line of the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moving::{read_dotenv, read_settings_py};

fuzz_target!(|text: &str| {
    let lines = text.split('\n').count();
    for found in read_settings_py(text).into_iter().chain(read_dotenv(text)) {
        assert!(found.line >= 1 && found.line <= lines);
    }
});
