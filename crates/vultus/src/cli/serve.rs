use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use events::{History, Hub, Mqtt, Outlet, Publisher, WindowSlot};
use tokio::net::TcpListener;
use tokio::signal;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::attendance::attendance_of;
use crate::cameras::{Cameras, Fixed, Sinks, Supervisor};
use crate::http::{self, Health, Requests, Server, Stream, WEBSOCKET_PATH};
use crate::nodes::Nodes;
use crate::settings::{Origin, Resolved, Settings};
use crate::strictness;
use crate::webhooks::{NamedWebhook, named_webhooks, waiting_for_none};

/// `vultus serve`: everything in one process.
pub fn serve(settings: Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    // An original's WS_URL names its own hub, which is ours now. Another address, set on purpose, gets the frames too.
    let is_elsewhere = settings.ws_enable && *resolved.origin("ws_url") != Origin::Default && !names_own_hub(&settings);
    let fixed = Fixed::of(&settings, resolved)?;
    let webhooks = named_webhooks(resolved)?;
    run(async move {
        let http = http::bind(&settings, "HTTP_ADDR", settings.http_addr).await?;
        let hub = settings.ws_enable.then(Hub::new);
        let ws = match &hub {
            Some(_) => Some(http::bind(&settings, "WS_ADDR", settings.ws_addr).await?),
            None => None,
        };
        let app = App::open_for_cameras(settings.clone(), settings.engines()).await?;
        let attendance = attendance_of(app.store().clone(), &settings, resolved)?;

        let history = History::start(app.store().clone(), settings.history())?;
        let mut outlets: Vec<Outlet> = hub.iter().cloned().map(Outlet::Hub).collect();
        if is_elsewhere {
            outlets.extend(publisher(&settings)?.map(Outlet::Publisher));
        }
        let page = page_of(&settings, &http);
        let mqtt = mqtt(&app, &history, "serve", page).await?;
        let sinks = Sinks { outlets, webhooks: webhooks.clone(), mqtt, window: window(&settings) };
        let mut service = Service::new()?;
        let mut supervisor = Supervisor::start(&app, fixed, &history, sinks)?;
        let cameras = supervisor.cameras();
        warn_of_unknown_cameras(&webhooks, &cameras).await;
        let nodes = node(&app, "serve", &cameras);
        let health = Arc::new(Health {
            node: settings.node(),
            store: Some(app.store().clone()),
            gallery: Some(app.gallery().clone()),
            strictness: Some(settings.th_accept),
            cameras: Some(cameras.clone()),
            stream: Some(if hub.is_some() { Stream::Here } else { Stream::Off }),
            requests: Requests::default(),
        });

        service.follow_gallery(&app, &cameras);
        service.tell(nodes.clone());
        announce(&settings, &http, ws.as_ref());
        if let (Some(hub), Some(ws)) = (&hub, ws) {
            service.serve(ws, http::hub_router(hub.clone(), settings.admission(), health.clone()));
        }
        service.serve(
            http,
            http::api_router(Server {
                app,
                cameras,
                webhooks: webhooks.into(),
                hub,
                history: history.clone(),
                attendance,
                nodes,
                health,
            }),
        );
        // Recordings that are over leave the API running; a supervisor that is gone does not.
        let broken = async {
            match supervisor.finished().await {
                Ok(()) => std::future::pending().await,
                Err(error) => Err(error),
            }
        };
        let ended = service.until_stopped(broken).await;
        // While viewers still listen, so that they hear how passages end.
        supervisor.end().await;
        service.stop_serving();
        history.shutdown().await;
        service.end().await;
        ended
    })
}

/// A camera that a webhook waits for may still be added; its name may be mistyped as well.
async fn warn_of_unknown_cameras(webhooks: &[NamedWebhook], cameras: &Cameras) {
    let Ok(all) = cameras.all().await else { return };
    let known = all.iter().map(|camera| camera.id().to_owned()).collect();
    for (webhook, camera) in waiting_for_none(webhooks, &known) {
        tracing::warn!(webhook, camera, "a webhook waits for a camera that is not defined");
    }
}

/// `vultus api`: the HTTP API alone.
pub fn api(settings: Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let fixed = Fixed::of_file(resolved)?;
    let webhooks = named_webhooks(resolved)?;
    run(async move {
        let http = http::bind(&settings, "HTTP_ADDR", settings.http_addr).await?;
        let app = App::open(settings.clone(), settings.engines()).await?;
        let attendance = attendance_of(app.store().clone(), &settings, resolved)?;
        let cameras = Cameras::new(app.store().clone(), settings.node(), fixed);
        let nodes = node(&app, "api", &cameras);
        let health = Arc::new(Health {
            node: settings.node(),
            store: Some(app.store().clone()),
            gallery: Some(app.gallery().clone()),
            strictness: Some(settings.th_accept),
            cameras: Some(cameras.clone()),
            stream: Some(match &settings.ws_url.0 {
                Some(url) if settings.ws_enable => Stream::At(url.clone()),
                _ => Stream::Off,
            }),
            requests: Requests::default(),
        });
        let history = History::start(app.store().clone(), settings.history())?;
        let mut service = Service::new()?;
        service.follow_gallery(&app, &cameras);
        service.tell(nodes.clone());
        announce(&settings, &http, None);
        service.serve(
            http,
            http::api_router(Server {
                app,
                cameras,
                webhooks: webhooks.into(),
                hub: None,
                history: history.clone(),
                attendance,
                nodes,
                health,
            }),
        );
        let ended = service.until_stopped(std::future::pending()).await;
        history.shutdown().await;
        service.end().await;
        ended
    })
}

/// `vultus detect`: the cameras alone, publishing to WS_URL. Ends when all that there are are recordings that are over.
pub fn detect(settings: Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    let fixed = Fixed::of(&settings, resolved)?;
    let webhooks = named_webhooks(resolved)?;
    run(async move {
        let app = App::open_for_cameras(settings.clone(), 1).await?;
        let history = History::start(app.store().clone(), settings.history())?;
        let publisher = if settings.ws_enable { publisher(&settings)? } else { None };
        let outlets = publisher.map(Outlet::Publisher).into_iter().collect();
        let mqtt = mqtt(&app, &history, "detect", None).await?;
        let sinks = Sinks { outlets, webhooks, mqtt, window: window(&settings) };
        let mut service = Service::new()?;
        let mut supervisor = Supervisor::start(&app, fixed, &history, sinks)?;
        service.follow_gallery(&app, &supervisor.cameras());
        service.tell(node(&app, "detect", &supervisor.cameras()));
        let ended = service.until_stopped(supervisor.finished()).await;
        supervisor.end().await;
        history.shutdown().await;
        service.end().await;
        ended
    })
}

/// `vultus hub`: the WebSocket alone.
pub fn hub(settings: &Settings) -> anyhow::Result<ExitCode> {
    let settings = settings.clone();
    run(async move {
        let listener = http::bind(&settings, "WS_ADDR", settings.ws_addr).await?;
        tracing::info!("WebSocket hub on ws://{}{WEBSOCKET_PATH}", address_of(&listener, settings.ws_addr));
        let router = http::hub_router(
            Hub::new(),
            settings.admission(),
            Arc::new(Health { node: settings.node(), ..Health::default() }),
        );
        let mut service = Service::new()?;
        service.serve(listener, router);
        let ended = service.until_stopped(std::future::pending()).await;
        service.end().await;
        ended
    })
}

/// This process among those that share its database.
fn node(app: &App, kind: &'static str, cameras: &Cameras) -> Nodes {
    let gallery = Some(app.gallery().clone());
    Nodes::new(app.store().clone(), app.settings().node(), kind, gallery, Some(cameras.clone()))
}

fn run(service: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let ended = runtime.block_on(service);
    // A photo that is being looked at is not waited for.
    runtime.shutdown_background();
    ended
}

/// Whether WS_URL leads to the hub that this process is going to be: its port, at an address of this machine.
fn names_own_hub(settings: &Settings) -> bool {
    let Some(url) = &settings.ws_url.0 else { return true };
    let addresses = url.socket_addrs(|| None).unwrap_or_default();
    // Only an address of one's own can be bound.
    let is_here = |address: &SocketAddr| std::net::UdpSocket::bind((address.ip(), 0)).is_ok();
    addresses.iter().any(|address| address.port() == settings.ws_addr.port() && is_here(address))
}

fn publisher(settings: &Settings) -> anyhow::Result<Option<Arc<Publisher>>> {
    let key = Some(settings.api_key.0.as_str()).filter(|key| !key.is_empty());
    let start = |url: &url::Url| Publisher::start(url.as_str(), key).map(Arc::new).context("WS_URL");
    settings.ws_url.0.as_ref().map(start).transpose()
}

/// The broker, where there is one.
async fn mqtt(
    app: &App,
    history: &History,
    process: &'static str,
    page: Option<String>,
) -> anyhow::Result<Option<Mqtt>> {
    let Some(settings) = app.settings().mqtt(process, page) else { return Ok(None) };
    Ok(Some(Mqtt::start(app.store(), history, app.gallery().clone(), settings).await?))
}

/// Where others find the web page, as far as that can be known: a loopback address leads each to itself.
fn page_of(settings: &Settings, http: &TcpListener) -> Option<String> {
    let address = address_of(http, settings.http_addr);
    match address.ip() {
        ip if ip.is_loopback() => None,
        ip if ip.is_unspecified() => Some(format!("http://{}:{}/", settings.node(), address.port())),
        _ => Some(format!("http://{address}/")),
    }
}

#[cfg(feature = "window")]
fn window(settings: &Settings) -> Option<WindowSlot> {
    settings.show_window.then(|| crate::window::open(format!("vultus: {}", settings.camera_name))).flatten()
}

#[cfg(not(feature = "window"))]
fn window(settings: &Settings) -> Option<WindowSlot> {
    if settings.show_window {
        tracing::info!("this vultus was built without the local window");
    }
    None
}

fn announce(settings: &Settings, http: &TcpListener, ws: Option<&TcpListener>) {
    let http = address_of(http, settings.http_addr);
    tracing::info!("HTTP API and live page on http://{http}/, OpenAPI on http://{http}/openapi.json");
    if let Some(ws) = ws {
        tracing::info!("WebSocket on ws://{}{WEBSOCKET_PATH}", address_of(ws, settings.ws_addr));
    }
}

/// Where `listener` really listens: port 0 is a wish for any free one.
fn address_of(listener: &TcpListener, wanted: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(wanted)
}

/// The tasks of a process that serves until it is told to stop.
struct Service {
    /// Ends with the first signal to stop; the second ends the process.
    signalled: oneshot::Receiver<()>,
    stopping: watch::Sender<bool>,
    servers: JoinSet<anyhow::Result<()>>,
    followers: JoinSet<()>,
}

impl Service {
    /// From now on a signal to stop is one to end in good order: before a camera is watched, so that no webhook is cut off that would be
    /// taken for being delivered after a restart.
    fn new() -> anyhow::Result<Self> {
        let mut signals = Signals::listen().context("signals to stop cannot be waited for")?;
        let (tell, signalled) = oneshot::channel();
        tokio::spawn(async move {
            signals.next().await;
            // Whoever asks twice, or while it is ending anyway, does not want to wait.
            if tell.send(()).is_ok() {
                signals.next().await;
            }
            std::process::exit(130);
        });
        let (stopping, servers, followers) = (watch::Sender::new(false), JoinSet::new(), JoinSet::new());
        Ok(Self { signalled, stopping, servers, followers })
    }

    fn serve(&mut self, listener: TcpListener, router: axum::Router) {
        self.servers.spawn(http::serve(listener, router, self.stopping.subscribe()));
    }

    fn follow_gallery(&mut self, app: &App, cameras: &Cameras) {
        let gallery = app.gallery().clone();
        self.followers.spawn(async move { gallery.follow().await });
        self.followers.spawn(strictness::tell(app.clone(), cameras.clone()));
    }

    /// Tells the other processes how this one is doing, until it stops.
    fn tell(&mut self, nodes: Nodes) {
        let stopping = self.stopping.subscribe();
        self.servers.spawn(async move {
            nodes.tell(stopping).await;
            Ok(())
        });
    }

    /// Waits for Ctrl-C, SIGTERM, `finished`, or a server that fails.
    async fn until_stopped(&mut self, finished: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
        tokio::select! {
            _ = &mut self.signalled => tracing::info!("stopping"),
            ended = finished => ended?,
            Some(ended) = self.servers.join_next() => ended.context("a server panicked")??,
        }
        self.signalled.close();
        Ok(ExitCode::SUCCESS)
    }

    /// Takes no more requests.
    fn stop_serving(&self) {
        self.stopping.send_replace(true);
    }

    /// Lets requests in flight end, for a moment.
    async fn end(mut self) {
        self.stop_serving();
        let ended = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(std::time::Duration::from_secs(3), ended).await.is_err() {
            tracing::warn!("requests in flight were cut off");
        }
    }
}

/// Ctrl-C, or SIGTERM as service managers send it.
#[cfg(unix)]
struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(windows)]
struct Signals(signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
