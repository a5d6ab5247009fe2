use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The system's own: it has the bindings that Debian packages.
const PYTHON: &str = "/usr/bin/python3";

/// A camera that serves H.264 over RTSP, a program of its own: it can be killed, frozen and restarted. Gone with this value.
pub struct RtspCamera {
    server: Child,
    video: PathBuf,
    port: u16,
}

impl RtspCamera {
    /// Shows `video` from its beginning to everybody who connects. `None`, with a note, where there is no RTSP server.
    pub fn start(video: &Path) -> Option<Self> {
        if !is_installed() {
            println!("skipped: no RTSP server");
            return None;
        }
        let (server, port) = serve(video, 0);
        Some(Self { server, video: video.to_owned(), port })
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/door", self.port)
    }

    /// As when its power is cut.
    pub fn kill(&mut self) {
        self.server.kill().expect("it runs");
        self.server.wait().expect("a child");
    }

    /// Connections stay, and nothing comes any more.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts again at the same address after a kill.
    pub fn start_again(&mut self) {
        (self.server, self.port) = serve(&self.video, self.port);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.server.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("the process is there");
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn is_installed() -> bool {
    let mut python = Command::new(PYTHON);
    python.args(["-c", "import gi; gi.require_version('GstRtspServer', '1.0')"]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// A server that is ready, and its port.
fn serve(video: &Path, port: u16) -> (Child, u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/support/rtsp_server.py");
    let mut python = Command::new(PYTHON);
    python.arg(script).arg(video).arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = python.spawn().expect("python can be started");
    let mut line = String::new();
    let output = server.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("UTF-8");
    let port = line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("the RTSP server does not start: {line:?}"));
    (server, port.parse().expect("a port"))
}
