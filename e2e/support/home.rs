use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use super::Service;

/// What a program finds in its environment on any machine; everything else would be a setting of whoever runs the tests.
const KEPT: &[&str] = &["PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "XDG_CACHE_HOME", "MODELS_DIR"];

/// The program that is tested: the one that was built with the tests, or what `VULTUS_TEST_PROGRAM` names by its whole path, such
/// as a script that runs one of another processor (`scripts/emulated`).
fn program() -> OsString {
    env::var_os("VULTUS_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_vultus").into())
}

/// One installation: a `VULTUS_HOME` of its own, free ports, no window, nobody to tell. Gone with this value.
pub struct Home {
    /// Shared with the services that run in it: it lives as long as they do.
    folder: Arc<TempDir>,
    settings: BTreeMap<String, String>,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().display().to_string();
        Self { folder: Arc::new(folder), settings: BTreeMap::new() }
            .with("VULTUS_HOME", home)
            .with("SHOW_WINDOW", "false")
            .with("WEBHOOK_URL", "")
            .with("HTTP_ADDR", "127.0.0.1:0")
            .with("WS_ADDR", "127.0.0.1:0")
    }

    /// The same installation with a setting in its environment.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// A path in this installation's folder, in which the program is started.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command.envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?)))).envs(&self.settings);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let output = self.command(arguments).output().expect("vultus can be started");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Starts `vultus serve`, `api`, `detect` or `hub`, and waits until it is ready.
    pub async fn start(&self, arguments: &[&str]) -> Service {
        Service::start(self.command(arguments), self.folder.clone()).await
    }

    /// Enrols somebody from a sample photo, over the command line.
    pub fn enrol(&self, name: &str, photo: &str) {
        self.run(&["people", "add", name, super::photo_path(photo).to_str().unwrap()]).succeeded();
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Its standard output; panics unless it ended with 0.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Its standard error; panics unless it ended with `code`.
    #[track_caller]
    pub fn failed_with(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
