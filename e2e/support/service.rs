use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, PATIENCE, Viewer, until};

/// What each service says once it can be used.
const READY: &[(&str, &str)] = &[
    ("serve", "HTTP API and live page on"),
    ("api", "HTTP API and live page on"),
    ("hub", "WebSocket hub on"),
    ("detect", "gallery loaded"),
];

/// A running `vultus`. Killed with this value; its log is shown when the test has failed.
pub struct Service {
    child: Child,
    log: Log,
    _folder: Arc<TempDir>,
}

type Log = Arc<Mutex<Vec<String>>>;

/// A client that takes no proxy and needs no certificates: everything is on this machine.
pub fn client() -> Client {
    // Fails when it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).build().expect("an HTTP client")
}

impl Service {
    pub async fn start(mut command: Command, folder: Arc<TempDir>) -> Self {
        let mode = command.get_args().next().and_then(|mode| mode.to_str()).expect("a mode").to_owned();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("vultus can be started");
        let log = Log::default();
        let (stderr, kept) = (child.stderr.take().expect("a pipe"), log.clone());
        thread::spawn(move || keep(stderr, &kept));
        let mut service = Self { child, log, _folder: folder };
        let (_, ready) = READY.iter().find(|(name, _)| *name == mode).expect("a service");
        service.says(ready).await;
        service
    }

    /// Waits for a line of the log.
    pub async fn says(&mut self, text: &str) -> String {
        until(&format!("a line with {text:?} in the log"), async || {
            let found = self.line(text);
            let ended = self.child.try_wait().expect("a child").filter(|_| found.is_none());
            assert!(ended.is_none(), "vultus has ended: {ended:?}");
            found
        })
        .await
    }

    fn line(&self, text: &str) -> Option<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().find(|line| line.contains(text)).cloned()
    }

    /// Every line of the log so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the service says of its camera.
    pub async fn camera(&self) -> Value {
        self.get("/healthz").await.ok()["camera"].clone()
    }

    /// Waits until the camera is in this state.
    pub async fn camera_is(&self, state: &str) -> Value {
        until(&format!("a camera that is {state}"), async || {
            let camera = self.camera().await;
            (camera["state"] == state).then_some(camera)
        })
        .await
    }

    /// The address after `before` in the log; several lines that belong together need not be there at once.
    fn address(&self, before: &str) -> String {
        let start = Instant::now();
        let line = loop {
            match self.line(before) {
                Some(line) => break line,
                None if start.elapsed() < *PATIENCE => thread::sleep(Duration::from_millis(5)),
                None => panic!("no {before:?} in the log"),
            }
        };
        let (_, address) = line.split_once(before).expect("the text that was found");
        address.split('/').next().expect("a first part").to_owned()
    }

    /// `host:port` of the HTTP API.
    pub fn http(&self) -> String {
        self.address("live page on http://")
    }

    /// An address of the HTTP API.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http())
    }

    /// The WebSocket's address on the hub's own port.
    pub fn ws_url(&self) -> String {
        let before =
            if self.line("WebSocket hub on").is_some() { "WebSocket hub on ws://" } else { "WebSocket on ws://" };
        format!("ws://{}/ws/face-stream", self.address(before))
    }

    /// A client of the WebSocket.
    pub async fn viewer(&self) -> Viewer {
        Viewer::connect(&self.ws_url()).await
    }

    /// A client of the WebSocket that chooses what it wants, by the query of the address.
    pub async fn viewer_of(&self, query: &str) -> Viewer {
        Viewer::connect(format!("{}?{query}", self.ws_url())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(client().get(self.url(path))).await
    }

    pub async fn post_form(&self, path: &str, form: Form) -> Answer {
        Answer::to(self.post(path).multipart(form)).await
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        client().post(self.url(path))
    }

    pub async fn register(&self, name: &str, image: Vec<u8>) -> Answer {
        let form = Form::new().text("name", name.to_owned()).part("image", Part::bytes(image).file_name("photo.jpg"));
        self.post_form("/register", form).await
    }

    pub async fn unregister(&self, name: &str) -> Answer {
        self.post_form("/unregister", Form::new().text("name", name.to_owned())).await
    }

    pub async fn register_faces(&self, zip: Vec<u8>) -> Answer {
        self.post_form("/register-faces", Form::new().part("zip", Part::bytes(zip).file_name("faces.zip"))).await
    }

    pub async fn recognize(&self, image: Vec<u8>) -> Answer {
        self.post_form("/recognize", Form::new().part("image", Part::bytes(image).file_name("photo.jpg"))).await
    }

    /// Names of everybody enrolled.
    pub async fn faces(&self) -> Vec<String> {
        serde_json::from_value(self.get("/faces").await.ok()).expect("an array of names")
    }

    /// Sends a signal, without waiting for what comes of it.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        until("the end of vultus", async || self.child.try_wait().expect("a child")).await
    }

    /// Ends it as a crash does.
    pub async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// The most memory that it had in use so far, in MB.
    pub fn peak_memory_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux has /proc");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("--- log of vultus {} ---\n{}", self.child.id(), log.join("\n"));
        }
    }
}

fn keep(stderr: ChildStderr, log: &Log) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
