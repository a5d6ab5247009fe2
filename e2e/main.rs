//! End-to-end tests: each starts the real `vultus` with a home of its own and uses it as the contract's callers do, with
//! real photos and real video.
//!
//! Models and sample photos must be installed, and ffmpeg; `./test` sees to that.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod apart;
mod attendance;
mod attributes;
mod auth;
mod bad_input;
mod cameras;
mod choices;
mod cli;
mod contract;
mod enrolment;
mod eval;
mod events;
mod faults;
mod hostile;
mod liveness;
mod logs;
mod metrics;
mod moving_in;
mod mqtt;
mod network_camera;
mod outage;
mod packs;
mod page;
mod realtime;
mod recording;
mod reembedding;
mod rtsp;
mod settings;
mod several_packs;
mod strictness;
mod support;
mod visitors;
mod webhook;
mod webhooks;
mod websocket;
mod zip;
