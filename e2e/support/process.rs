use std::fs;
use std::path::PathBuf;

use super::until;

/// Processes among whose arguments one contains `text`.
pub fn processes_with(text: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").expect("Linux has /proc").filter_map(|entry| {
        let path = entry.ok()?.path();
        let line = fs::read(path.join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(text).then_some(path)
    });
    processes.collect()
}

/// Waits until these processes have ended. One that is dead but not yet collected by the system's first process has; it is
/// without arguments by then.
pub async fn vanish(processes: &[PathBuf]) {
    let ended = |process: &PathBuf| fs::read(process.join("cmdline")).map_or(true, |line| line.is_empty());
    until(&format!("the end of {processes:?}"), async || processes.iter().all(ended).then_some(())).await;
}
