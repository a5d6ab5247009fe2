//! What a client of the WebSocket says to a hub: understood or passed on, and a picture comes out without harm to the rest.
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The crate's own file: what is in it is of no use to others.
#[path = "../../crates/events/src/relayed.rs"]
mod relayed;

fuzz_target!(|text: &str| {
    let said = relayed::look(text);
    let bare = relayed::without_picture(text);
    let _ = relayed::picture(text);
    assert!(relayed::picture(&bare).is_none());
    if said != relayed::Said::Other && text.len() < 60_000 {
        assert_eq!(relayed::look(&bare), said);
        let (before, after) = (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(&bare));
        // Numbers beyond a double and texts nested too deeply are no `Value`.
        if let (Ok(Value::Object(mut before)), Ok(Value::Object(mut after))) = (before, after) {
            assert!(before.remove("frame").is_some() == after.remove("frame").is_some());
            assert_eq!(before, after);
        }
    }
});
