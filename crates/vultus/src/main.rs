//! Face recognition service: people are enrolled over HTTP, cameras are watched, a recognised person triggers a webhook.

mod app;
mod attendance;
mod bulk;
mod cameras;
mod cli;
mod http;
mod moving;
mod nodes;
mod people;
mod reembedding;
mod settings;
mod strictness;
mod table;
mod times;
mod webhooks;
#[cfg(feature = "window")]
mod window;

use std::process::ExitCode;

fn main() -> ExitCode {
    tell_nobody();
    let invocation = cli::parse();
    match cli::run(invocation) {
        Ok(code) => code,
        Err(error) if cli::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// ONNX Runtime, from 1.29 on, tells its maker at each start of which machine and program it is in, keeps an identifier of the machine on the
/// disk, and does so before its API can be asked not to. With this in its environment by then nothing of it is ever begun.
#[allow(unsafe_code)]
fn tell_nobody() {
    // SAFETY: called first of all, when there is no other thread yet that could look at the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
}
