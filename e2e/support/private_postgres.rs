use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A PostgreSQL server of a test's own, on a free loopback port, which the test may stop and start. Gone with this value.
pub struct PrivatePostgres {
    pub url: String,
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl PrivatePostgres {
    /// A running server with an empty database; `None`, with a note, when its programs are not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: no programs of a PostgreSQL server");
            return None;
        };
        // Not in TMPDIR, which the user postgres may not be able to enter.
        let folder = tempfile::Builder::new().prefix("vultus-outage.").tempdir_in("/tmp").expect("a temporary folder");
        if is_root() {
            let owned =
                Command::new("chown").arg("postgres").arg(folder.path()).status().expect("chown can be started");
            assert!(owned.success(), "there is no user postgres");
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Self { url, programs, folder, port };
        let init = ["-D", "data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"];
        server.run("initdb", &init);
        server.go_on();
        Some(server)
    }

    /// Stops the server, as for maintenance: everybody is thrown out.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", "data", "-w", "-m", "fast", "stop"]);
    }

    /// Starts it again.
    pub fn go_on(&self) {
        let folder = self.folder.path().display();
        // Durability is not what is tested, and costs much.
        let options = format!(
            "-c listen_addresses=127.0.0.1 -p {} -k {folder} -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            self.port
        );
        self.run("pg_ctl", &["-D", "data", "-w", "-l", "log", "-o", &options, "start"]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program, arguments).status().expect("PostgreSQL's programs can be started");
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {log}");
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(&program) };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Fails only when it is stopped already.
        let stop = ["-D", "data", "-m", "immediate", "stop"];
        let _ = self.command("pg_ctl", &stop).stderr(Stdio::null()).status();
    }
}

/// The newest server's programs; Debian keeps them out of PATH.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
