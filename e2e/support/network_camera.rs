use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A camera on the network, played by ffmpeg: shows `video` for ever, and starts again when its connection ends. Gone with
/// this value.
pub struct NetworkCamera(#[allow(dead_code, reason = "held, so that the camera runs")] JoinSet<()>);

impl NetworkCamera {
    /// `output` is what ffmpeg is told of the way out.
    pub fn start(video: &Path, output: &[&str]) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i"]).arg(video).args(output);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut running = JoinSet::new();
        running.spawn(async move {
            loop {
                command.status().await.expect("ffmpeg can be started");
                sleep(Duration::from_millis(200)).await;
            }
        });
        Self(running)
    }
}
