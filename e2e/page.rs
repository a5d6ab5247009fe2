//! The live page in Debian's Chromium. What the browser does is written in `e2e/browser`; here are the services that it
//! looks at.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::{Home, clip};

#[tokio::test]
async fn a_name_stands_over_the_moving_face_and_again_after_the_service_was_restarted() {
    let home = watching(clip(1, 6).to_str().unwrap());
    home.enrol("Barack Obama", "obama.jpg");
    let service = home.start(&["serve"]).await;
    let address = service.http();
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-page.png");

    let mut browser = Browser::start("live.mjs", &[&service.url("/"), screenshot.to_str().unwrap(), "Barack Obama"]);
    let seen = browser.tells("seen");
    assert_ne!(seen["boxes"][0], seen["boxes"][1]);
    assert!(screenshot.is_file(), "no screenshot in {}", screenshot.display());

    service.kill().await;
    browser.obeys("down");
    browser.tells("lost");
    let _service = home.with("HTTP_ADDR", address).start(&["serve"]).await;
    browser.obeys("up");
    browser.tells("recovered");
    browser.ends_well();
}

#[tokio::test]
async fn the_page_of_a_guarded_service_asks_for_the_key_and_is_not_harmed_by_what_others_send() {
    let service = watching("testsrc").with("API_KEY", "open sesame & more").start(&["serve"]).await;
    let mut browser = Browser::start("guarded.mjs", &[&service.url("/"), "open sesame & more"]);
    for reached in ["asked", "taken", "unharmed"] {
        browser.tells(reached);
    }
    browser.ends_well();
}

#[tokio::test]
async fn several_cameras_share_the_page_and_one_that_is_away_takes_nothing_from_the_others() {
    let home = watching(clip(1, 6).to_str().unwrap());
    home.enrol("Barack Obama", "obama.jpg");
    let service = home.start(&["serve"]).await;
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-page-several.png");
    let mut browser = Browser::start("several.mjs", &[&service.url("/"), screenshot.to_str().unwrap()]);
    assert_eq!(browser.tells("seen")["seen"], serde_json::json!(["camera", "gate", "lobby", "yard"]));
    let listed = browser.tells("listed")["listed"].to_string();
    assert!(listed.contains("PASS") && listed.contains("0.31"), "{listed}");
    browser.tells("away");
    browser.ends_well();
}

fn watching(source: &str) -> Home {
    Home::new().with("VIDEO_SOURCE", source).with("LOOP_FILE", "true")
}

/// A script of `e2e/browser` with its browser. The script gives up by itself on what it waits for in vain.
struct Browser {
    script: Child,
    says: BufReader<ChildStdout>,
    obeys: Option<ChildStdin>,
}

impl Browser {
    fn start(script: &str, arguments: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/browser");
        assert!(folder.join("node_modules").is_dir(), "the browser test's packages are not installed: run ./test");
        let mut command = Command::new("node");
        command.arg(folder.join(script)).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = command.spawn().unwrap_or_else(|error| panic!("node cannot be started ({error}): run ./test"));
        let says = BufReader::new(script.stdout.take().expect("a pipe"));
        let obeys = script.stdin.take();
        Self { script, says, obeys }
    }

    /// The value of `reached`, which must be what the script says next.
    #[track_caller]
    fn tells(&mut self, reached: &str) -> Value {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("UTF-8");
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("the browser has not {reached}: {line:?}"));
        assert!(told.get(reached).is_some(), "the browser has not {reached}: {told}");
        told
    }

    fn obeys(&mut self, order: &str) {
        writeln!(self.obeys.as_mut().expect("a pipe"), "{order}").expect("the script listens");
    }

    #[track_caller]
    fn ends_well(mut self) {
        self.obeys = None;
        let status = self.script.wait().expect("a child");
        assert!(status.success(), "the browser's script ended with {status}: see above");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Fails only when it has ended already. The browser ends with its script.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
