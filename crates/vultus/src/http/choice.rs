//! What a WebSocket client wants, as it says it in the address.

use std::sync::Arc;

use events::{Choice, ClientKind, Form, View};
use url::form_urlencoded;

use super::ApiError;

/// Cameras that one client may name.
const MOST_CAMERAS: usize = 64;

/// Longer ids name no camera.
const LONGEST_ID: usize = 256;

/// Who a client is, by the query of its address. Parameters of other names are not ours.
///
/// # Errors
/// 400 for a value that means nothing, with those that do.
pub fn client_kind(query: &str) -> Result<ClientKind, ApiError> {
    let mut choice = Choice::default();
    let (mut is_publisher, mut is_binary, mut has_pictures) = (false, false, true);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = &*value;
        match &*name {
            "role" => {
                is_publisher = value == "publisher";
                continue;
            }
            "camera" => add_cameras(&mut choice.cameras, value)?,
            "view" => choice.view = view(value)?,
            "format" => is_binary = one_of("format", value, [("json", false), ("binary", true)])?,
            "pictures" => has_pictures = one_of("pictures", value, [("on", true), ("off", false)])?,
            _ => continue,
        }
        choice.catch_up = true;
    }
    choice.form = match (has_pictures, is_binary) {
        (false, _) => Form::Bare,
        (true, true) => Form::Binary,
        (true, false) => Form::Json,
    };
    Ok(if is_publisher { ClientKind::Publisher } else { ClientKind::Viewer(choice) })
}

/// Ids with commas between them, at least one: none must not mean all.
fn add_cameras(cameras: &mut Vec<Arc<str>>, ids: &str) -> Result<(), ApiError> {
    let before = cameras.len();
    for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if cameras.len() >= MOST_CAMERAS || id.len() > LONGEST_ID {
            let most = format!(
                "camera: at most {MOST_CAMERAS} ids of at most {LONGEST_ID} bytes can be chosen; leave it out for all"
            );
            return Err(bad_parameter(most));
        }
        cameras.push(id.into());
    }
    if cameras.len() == before {
        return Err(bad_parameter("camera names no camera: leave it out for all".to_owned()));
    }
    Ok(())
}

fn view(given: &str) -> Result<View, ApiError> {
    one_of("view", given, [("frames", View::Frames), ("events", View::Events), ("all", View::All)])
}

fn one_of<T: Copy, const N: usize>(name: &str, given: &str, known: [(&str, T); N]) -> Result<T, ApiError> {
    let found = known.iter().find(|(word, _)| *word == given);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let shown: String = given.chars().take(40).collect();
        bad_parameter(format!("{name} cannot be {shown:?}: it is one of {}", known.map(|(word, _)| word).join(", ")))
    })
}

fn bad_parameter(message: String) -> ApiError {
    ApiError::bad_request("bad_parameter", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(query: &str) -> Choice {
        match client_kind(query).unwrap() {
            ClientKind::Viewer(choice) => choice,
            ClientKind::Publisher => panic!("{query} is a publisher"),
        }
    }

    #[test]
    fn who_chooses_nothing_gets_what_the_contract_says() {
        for query in ["", "key=secret&site=north", "role=viewer&x", "%00=%FF&&=&"] {
            assert_eq!(choice(query), Choice::default(), "{query}");
        }
        assert_eq!(client_kind("site=north&role=publisher").unwrap(), ClientKind::Publisher);
    }

    #[test]
    fn cameras_are_named_one_by_one_or_with_commas() {
        let ids = choice("camera=door,gate&camera=%D0%B4%D0%B2%D0%B5%D1%80%D1%8C").cameras;
        assert_eq!(ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["door", "gate", "дверь"]);
    }

    #[test]
    fn each_choice_is_understood() {
        let everything = choice("view=all&format=binary");
        assert_eq!((everything.view, everything.form, everything.catch_up), (View::All, Form::Binary, true));
        assert_eq!(choice("pictures=off&format=binary").form, Form::Bare);
        assert_eq!(choice("view=events").view, View::Events);
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_does() {
        for (query, allowed) in [
            ("view=frame", "frames, events, all"),
            ("format=jpeg", "json, binary"),
            ("pictures=", "on, off"),
            (&format!("view={}", "x".repeat(1 << 20)), "frames, events, all"),
            (&format!("camera={}", "x".repeat(1 << 20)), "at most 64 ids"),
            (&"camera=a&".repeat(1000), "at most 64 ids"),
            ("camera=", "leave it out"),
            ("camera=,&camera=door", "leave it out"),
        ] {
            let said = client_kind(query).unwrap_err().to_string();
            assert!(said.contains(allowed) && said.len() < 200, "{said}");
        }
    }
}
