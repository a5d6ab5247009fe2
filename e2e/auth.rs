//! `API_KEY`: who may come in.

use reqwest::RequestBuilder;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::support::{Answer, Home, Receiver, Viewer, client, clip, status_of_refused};

const KEY: &str = "correct horse";

fn with_header(url: &str, name: &'static str, value: &str) -> Request {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn http_asks_for_the_key_and_takes_it_in_three_places() {
    let home = Home::new().with("API_KEY", KEY);
    let vultus = home.start(&["api"]).await;
    let faces = |path: &str| client().get(vultus.url(path));
    let refused: [RequestBuilder; 6] = [
        faces("/faces"),
        faces("/faces").header("x-api-key", "wrong"),
        faces("/faces").header("x-api-key", ""),
        faces("/faces").bearer_auth("correct horse battery"),
        faces("/faces").basic_auth("user", Some(KEY)),
        faces("/faces?key=wrong"),
    ];
    for request in refused {
        assert_eq!(Answer::to(request).await.error(), "401 unauthorized");
    }
    for path in ["/register", "/unregister", "/register-faces", "/recognize"] {
        assert_eq!(Answer::to(vultus.post(path)).await.error(), "401 unauthorized", "{path}");
    }
    assert_eq!(vultus.get("/openapi.json").await.error(), "401 unauthorized");

    for request in [
        faces("/faces").header("x-api-key", KEY),
        faces("/faces").bearer_auth(KEY),
        faces("/faces?key=correct%20horse"),
    ] {
        assert_eq!(Answer::to(request).await.ok(), serde_json::json!([]));
    }
    // For load balancers and browsers: neither tells anything.
    vultus.get("/healthz").await.ok();
    assert_eq!(vultus.get("/").await.status, 200);
}

#[tokio::test]
async fn the_websocket_asks_for_the_key_on_both_ports() {
    let home = Home::new().with("API_KEY", KEY).with("VIDEO_SOURCE", "testsrc");
    let vultus = home.start(&["serve"]).await;
    for url in [vultus.ws_url(), format!("ws://{}/ws/face-stream", vultus.http())] {
        assert_eq!(status_of_refused(url.as_str()).await, 401);
        assert_eq!(status_of_refused(format!("{url}?key=wrong")).await, 401);
        Viewer::connect(format!("{url}?key=correct%20horse")).await.event().await;
        Viewer::connect(with_header(&url, "x-api-key", KEY)).await.event().await;
        Viewer::connect(with_header(&url, "authorization", "Bearer correct horse")).await.event().await;
    }
}

#[tokio::test]
async fn a_detector_shows_the_key_to_the_hub() {
    let port = Receiver::nobody().await;
    let home = Home::new()
        .with("API_KEY", KEY)
        .with("WS_ADDR", port.to_string())
        .with("WS_URL", format!("ws://{port}/ws/face-stream"))
        .with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap())
        .with("LOOP_FILE", "true");
    let _hub = home.start(&["hub"]).await;
    let _detector = home.start(&["detect"]).await;
    Viewer::connect(format!("ws://{port}/ws/face-stream?key=correct%20horse")).await.event().await;
}

#[tokio::test]
async fn an_address_open_to_others_needs_a_key_or_a_clear_word() {
    let home = Home::new().with("HTTP_ADDR", "0.0.0.0:0").with("VIDEO_SOURCE", "testsrc");
    let said = home.run(&["api"]).failed_with(1);
    assert!(said.contains("API_KEY") && said.contains("AUTH=off") && said.contains("HTTP_ADDR"), "{said}");
    let said = home.run(&["hub", "--ws-addr", "0.0.0.0:0"]).failed_with(1);
    assert!(said.contains("API_KEY") && said.contains("AUTH=off") && said.contains("WS_ADDR"), "{said}");

    drop(home.start(&["api", "--auth", "off"]).await);
    drop(home.start(&["api", "--api-key", KEY]).await);
    drop(home.start(&["hub", "--ws-addr", "0.0.0.0:0", "--auth", "off"]).await);
}

#[tokio::test]
async fn auth_off_lets_anybody_in_although_there_is_a_key() {
    let home = Home::new().with("API_KEY", KEY).with("AUTH", "off");
    let vultus = home.start(&["api"]).await;
    vultus.get("/faces").await.ok();
}
