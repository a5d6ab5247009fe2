use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Command, ExitCode};
use std::time::Duration;

use ::models::{Cache, Pack};
use anyhow::Context;
use events::WebhookSettings;
use face::{AttributeChoice, Engine};
use gallery::Scale;
use store::Store;

use super::output::say;
use crate::app::{catalog_of, models_of, must_follow};
use crate::cameras::ffmpeg_version;
use crate::settings::{Resolved, Settings};
use crate::strictness::{BEYOND_MEASURE, must_be_in_reach, must_be_known};
use crate::webhooks::named_webhooks;

/// Who is not reached by then is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// One thing that was looked at.
enum Finding {
    Good(String),
    /// Not needed by everybody.
    Note(String),
    /// What is wrong and how to mend it.
    Bad(String),
}

use Finding::{Bad, Good, Note};

/// `vultus doctor`
pub fn run(settings: &Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let findings = [
        ("ffmpeg", ffmpeg(settings)),
        ("models", models(settings)),
        ("inference", inference(settings)),
        ("database", runtime.block_on(database(settings))),
        ("TH_ACCEPT", runtime.block_on(strictness(settings))),
        ("camera", camera(settings)),
        ("display", display(settings)),
        ("npm", client("npm", "--version", "models are pulled with it: install Node.js (Debian: apt install npm)")),
        ("pip", client("python3", "-m pip --version", "models are pulled with it: Debian: apt install python3-pip")),
        ("HTTP", port("HTTP_ADDR", settings.http_addr)),
        ("WebSocket", port("WS_ADDR", settings.ws_addr)),
    ]
    .into_iter()
    .chain(partners(settings, resolved)?);
    let mut sick = false;
    for (what, finding) in findings {
        let (mark, text) = match &finding {
            Good(text) => ("ok     ", text),
            Note(text) => ("note   ", text),
            Bad(text) => ("MISSING", text),
        };
        sick |= matches!(finding, Bad(_));
        say(format!("{mark}  {what:10} {text}"))?;
    }
    Ok(if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn ffmpeg(settings: &Settings) -> Finding {
    match ffmpeg_version(&settings.ffmpeg) {
        Some(version) => Good(version),
        None => Bad(format!(
            "{} cannot be started: install it (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg), or set FFMPEG",
            settings.ffmpeg.display()
        )),
    }
}

fn models(settings: &Settings) -> Finding {
    let look = || -> anyhow::Result<String> {
        let catalog = catalog_of(settings)?;
        let cache = Cache::new(settings.models_folder());
        let pack = cache.installed(&catalog, &settings.model_pack)?.pack;
        cache.runtime(&catalog)?;
        let form = match pack.may_be_int8() {
            true => format!(", embedder in {}", super::int8::form_of(&cache, &pack, settings.int8)),
            false => String::new(),
        };
        Ok(format!("pack {} in {}{form}", settings.model_pack, cache.root().display()))
    };
    look().map_or_else(|error| Bad(format!("{error:#}")), Good)
}

fn inference(settings: &Settings) -> Finding {
    let look = || -> anyhow::Result<String> {
        let (runtime, installed) = models_of(settings)?;
        must_follow(settings.liveness_rule(), settings.tracking)?;
        let mut engine = Engine::open(&runtime, &installed)?;
        let mut beside = Vec::new();
        if settings.liveness.is_on() {
            engine.open_liveness().context("LIVENESS is on")?;
            beside.push(", that of LIVENESS too");
        }
        if settings.attributes != AttributeChoice::OFF {
            engine.open_attributes(settings.attributes).context("ATTRIBUTES cannot be estimated")?;
            beside.push(", those of ATTRIBUTES too");
        }
        Ok(format!("the models load and run{}", beside.concat()))
    };
    look().map_or_else(|error| Bad(format!("{error:#}")), Good)
}

async fn database(settings: &Settings) -> Finding {
    let look = async {
        let store = Store::open(&settings.database()).await?;
        anyhow::Ok(format!("{:?}, {} people enrolled", store.engine(), store.names().await?.len()))
    };
    look.await.map_or_else(|error| Bad(format!("{error:#}")), Good)
}

/// What TH_ACCEPT comes to.
async fn strictness(settings: &Settings) -> Finding {
    let asked = settings.th_accept;
    let look = async {
        let catalog = catalog_of(settings)?;
        let scale = Scale::of(&catalog.pack(&settings.model_pack)?.embedder);
        let spaces: BTreeSet<&str> = catalog.packs.values().map(Pack::space).collect();
        must_be_known(asked, &scale)?;
        let store = Store::open(&settings.database()).await?;
        let people = store.people(&Vec::from_iter(spaces)).await?.people;
        let people = people.iter().filter(|person| !person.templates.is_empty()).count();
        must_be_in_reach(asked, people)?;
        anyhow::Ok((people, scale))
    };
    match look.await {
        Ok((people, scale)) => {
            let text =
                format!("{asked} with {people} people: accepted is a distance below {}", asked.threshold(people));
            if asked.is_measured(people, &scale) { Good(text) } else { Note(format!("{text}; {BEYOND_MEASURE}")) }
        }
        Err(error) => Bad(format!("{error:#}")),
    }
}

fn camera(settings: &Settings) -> Finding {
    let source = &settings.video_source.0;
    if settings.video_source.is_none() {
        return Note("VIDEO_SOURCE is none".to_owned());
    }
    let devices: Vec<String> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.starts_with("/dev/video"))
        .collect();
    let is_usb = source.chars().all(|c| c.is_ascii_digit());
    if !is_usb {
        let shown = ::camera::mask_credentials(source);
        let is_file = !source.contains("://") && !source.starts_with("testsrc");
        return if is_file && !std::path::Path::new(source).exists() {
            Bad(format!("VIDEO_SOURCE is {shown}, and there is no such file"))
        } else {
            Note(format!("VIDEO_SOURCE is {shown}"))
        };
    }
    let wanted = format!("/dev/video{source}");
    if !cfg!(target_os = "linux") || devices.contains(&wanted) {
        Good(format!("USB camera {source}"))
    } else if devices.is_empty() {
        Note(format!(
            "there is no USB camera {wanted}: plug one in, or set VIDEO_SOURCE to rtsp://…, a file, or testsrc"
        ))
    } else {
        Note(format!("there is no {wanted}, but {}: set VIDEO_SOURCE to its number", devices.join(", ")))
    }
}

fn display(settings: &Settings) -> Finding {
    let has_one = !cfg!(target_os = "linux") || std::env::var_os("DISPLAY").is_some();
    match (settings.show_window, has_one) {
        (true, false) => Note("none: SHOW_WINDOW has no effect here".to_owned()),
        (true, true) => Good("the local window can be shown".to_owned()),
        (false, _) => Note("SHOW_WINDOW is off".to_owned()),
    }
}

fn client(program: &str, arguments: &str, hint: &str) -> Finding {
    match Command::new(program).args(arguments.split(' ')).output() {
        Ok(output) if output.status.success() => Good(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        _ => Note(format!("not found; {hint}. Not needed once the models are there")),
    }
}

/// Those who are told of what happens: whether they can be reached. Nothing is sent to them.
fn partners(settings: &Settings, resolved: &Resolved) -> anyhow::Result<Vec<(&'static str, Finding)>> {
    let mut partners = Vec::new();
    if let Some(url) = &settings.mqtt_url.0 {
        let usual = if url.scheme() == "mqtts" { 8883 } else { 1883 };
        let place = url.host_str().map(|host| (host.to_owned(), url.port().unwrap_or(usual)));
        partners.push(("broker", reach("MQTT_URL", place)));
    }
    if let Some(url) = &settings.webhook_url.0 {
        partners.push(("webhook", reach("WEBHOOK_URL", WebhookSettings::new(url.as_str()).request.place())));
    }
    for webhook in named_webhooks(resolved)? {
        partners.push(("webhook", reach(&webhook.name, webhook.settings.request.place())));
    }
    Ok(partners)
}

fn reach(name: &str, place: Option<(String, u16)>) -> Finding {
    let Some((host, port)) = place else { return Note(format!("{name}: its address names no host")) };
    let look = || -> std::io::Result<()> {
        let mut last = std::io::Error::other("no address has this name");
        for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    match look() {
        Ok(()) => Good(format!("{name}: {host}:{port} can be reached; nothing was sent")),
        Err(error) => Note(format!("{name}: {host}:{port} cannot be reached ({error})")),
    }
}

fn port(name: &str, address: std::net::SocketAddr) -> Finding {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Good(format!("{address} is free")),
        Err(error) => Note(format!("{address} cannot be used ({error}): a vultus may be running; {name} sets another")),
    }
}
