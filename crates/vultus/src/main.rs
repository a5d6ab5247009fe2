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
