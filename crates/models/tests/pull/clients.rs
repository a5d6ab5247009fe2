//! The real npm and pip, where they must fail.

use std::fs;
use std::process::Command;

use models::ModelsError;

use crate::place::{EMBED, Place};

/// Runs the test `name` of this file again in a process of its own with other environment variables, which no test can
/// change in its own process, and returns whether it passed.
fn passes_with(name: &str, variables: &[(&str, &str)]) -> bool {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", &format!("clients::{name}"), "--ignored", "--test-threads=1"])
        .envs(variables.iter().copied());
    test.status().unwrap().success()
}

#[test]
fn without_npm_or_pip_the_message_says_how_to_go_on() {
    let empty = tempfile::tempdir().unwrap();
    assert!(passes_with("inner_without_clients", &[("PATH", empty.path().to_str().unwrap())]));
}

#[test]
#[ignore = "run by without_npm_or_pip_the_message_says_how_to_go_on"]
fn inner_without_clients() {
    let place = Place::new();
    // Packages go in the order of their names: embed (pip) before tiny (npm).
    let error = place.pull_with(None, &|_, _| Ok(()), &mut |_| ()).unwrap_err();
    assert!(matches!(error, ModelsError::PipMissing { .. }), "{error}");
    assert!(
        error.to_string().contains("embed-2.0-py3-none-any.whl") && error.to_string().contains("--from"),
        "{error}"
    );

    let half = place.from("half");
    fs::create_dir(&half).unwrap();
    fs::rename(place.from("embed-2.0-py3-none-any.whl"), half.join("embed-2.0-py3-none-any.whl")).unwrap();
    let error = place.pull_with(Some(&half), &|_, _| Ok(()), &mut |_| ()).unwrap_err();
    assert!(matches!(error, ModelsError::FromLacks { .. }), "{error}");
    let error = place.pull_with(None, &|_, _| Ok(()), &mut |_| ()).unwrap_err();
    assert!(matches!(error, ModelsError::NpmMissing { .. }), "{error}");
    assert!(error.to_string().contains("npm pack vultus-test-tiny@1.0.0"), "{error}");
}

#[test]
fn without_a_network_the_clients_last_words_are_shown() {
    // Nothing listens on port 9.
    let variables = [
        ("npm_config_registry", "http://127.0.0.1:9"),
        ("npm_config_fetch_retries", "0"),
        ("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),
        ("PIP_RETRIES", "0"),
        ("PIP_NO_CACHE_DIR", "1"),
    ];
    assert!(passes_with("inner_without_a_network", &variables));
}

#[test]
#[ignore = "run by without_a_network_the_clients_last_words_are_shown"]
fn inner_without_a_network() {
    let place = Place::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let error = place.pull_with(None, &|_, _| Ok(()), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("--from"), "{error}");
        let ModelsError::ClientFailed { client, stderr, .. } = error else { panic!("{error}") };
        assert!(!stderr.is_empty());
        clients.push(client);
        // The first to fail is pip; with its file in place it is npm's turn.
        fs::create_dir_all(place.installed("embed.onnx").parent().unwrap()).unwrap();
        fs::write(place.installed("embed.onnx"), EMBED).unwrap();
    }
    assert!(clients[0].contains("pip") && clients[1].contains("npm"), "{clients:?}");
}
