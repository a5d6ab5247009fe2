//! `/metrics`: the numbers for operators.

use std::collections::BTreeSet;

use crate::support::{Exposition, Home, Receiver, Service, client, clip, parse, photo, until};

async fn metrics(vultus: &Service) -> Exposition {
    let answer = vultus.get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    parse(&answer.text)
}

fn video() -> String {
    clip(3, 2).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_number_of_a_camera_moves_while_it_runs_and_its_name_may_hold_quotes() {
    let home = Home::new().with("VIDEO_SOURCE", video()).with("LOOP_FILE", "true").with("CAMERA_NAME", "a \"b\" \\c");
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    vultus.viewer().await.sees("PASS", Some("obama")).await;
    let of = |name: &str, more: &str| format!(r#"vultus_camera_{name}{{camera="a \"b\" \\c"{more}}}"#);

    let first = metrics(&vultus).await;
    assert_eq!(first.value(&of("state", r#",state="live""#)), 1.0);
    assert_eq!(first.all("vultus_camera_state").iter().map(|(_, value)| value).sum::<f64>(), 1.0);
    assert_eq!(first.value(&of("restarts_total", "")), 0.0);
    assert_eq!(first.value(&of("source_fps", "")), 25.0);
    assert!(first.value(&of("latency_seconds", r#",quantile="0.5""#)) > 0.0);
    for stage in ["waited", "detect", "landmark", "embed", "search"] {
        assert!(first.value(&of("stage_seconds_count", &format!(r#",stage="{stage}""#))) > 0.0, "{stage}");
    }
    assert!(first.value(&of("embeddings_total", r#",outcome="computed""#)) > 0.0);

    let growing = [
        of("frames_total", r#",outcome="looked_at""#),
        of("faces_total", ""),
        of("latency_seconds_count", ""),
        of("latency_seconds_sum", ""),
        r#"vultus_http_requests_total{method="GET",route="/metrics",status="200"}"#.to_owned(),
    ];
    until("numbers that move", async || {
        let now = metrics(&vultus).await;
        let grew = |sample: &String| now.value(sample) > first.get(sample).unwrap_or_default();
        (growing.iter().all(grew) && now.value(&of("fps", "")) > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn gallery_websocket_and_requests_are_counted_and_strange_requests_make_no_new_series() {
    let vultus = Home::new().with("VIDEO_SOURCE", "missing.mp4").start(&["serve"]).await;
    assert_eq!(metrics(&vultus).await.value("vultus_people"), 0.0);
    vultus.register("obama", photo("obama.jpg")).await.ok();
    let _viewer = vultus.viewer().await;
    for path in ["/a", "/b", "/c?key=secret", "/faces/x"] {
        assert_eq!(vultus.get(path).await.status, 404);
    }
    let strange = reqwest::Method::from_bytes(b"BREW").unwrap();
    client().request(strange, vultus.url("/faces")).send().await.unwrap();

    let page = until("a viewer", async || {
        Some(metrics(&vultus).await).filter(|page| page.value("vultus_websocket_clients") == 1.0)
    })
    .await;
    assert_eq!(page.value("vultus_websocket_messages_lost_total"), 0.0);
    assert_eq!(page.value("vultus_people"), 1.0);
    assert!(page.value("vultus_gallery_version") >= 1.0);
    // 512 numbers, and three by which the nearest is found.
    assert_eq!(page.value("vultus_index_vectors_bytes"), 2060.0);
    assert_eq!(page.value("vultus_database_up"), 1.0);
    assert_eq!(page.value("vultus_outbox_deliveries"), 0.0);
    assert_eq!(page.value(r#"vultus_http_requests_total{method="POST",route="/register",status="200"}"#), 1.0);
    assert_eq!(page.value(r#"vultus_http_requests_total{method="GET",route="none",status="404"}"#), 4.0);
    assert_eq!(page.value(r#"vultus_http_requests_total{method="other",route="/faces",status="405"}"#), 1.0);
    assert_eq!(page.value(&format!(r#"vultus_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"))), 1.0);
    assert_eq!(page.value(r#"vultus_camera_state{camera="camera",state="failed"}"#), 1.0);
}

#[tokio::test]
async fn a_webhook_that_is_away_shows_as_an_outbox_that_grows_older() {
    let away = format!("http://{}/hook", Receiver::nobody().await);
    let home = Home::new().with("VIDEO_SOURCE", video()).with("LOOP_FILE", "true").with("WEBHOOK_URL", away);
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let depth_and_age = async || {
        let page = metrics(&vultus).await;
        (page.value("vultus_outbox_deliveries"), page.value("vultus_outbox_oldest_age_seconds"))
    };
    until("a delivery that waits", async || (depth_and_age().await.0 >= 1.0).then_some(())).await;
    until("a delivery that has waited", async || (depth_and_age().await.1 > 1.0).then_some(())).await;
}

#[tokio::test]
async fn a_hub_alone_has_its_numbers_on_its_own_port() {
    let hub = Home::new().start(&["hub"]).await;
    let _viewer = hub.viewer().await;
    let url = hub.ws_url().replace("ws://", "http://").replace("/ws/face-stream", "/metrics");
    until("a viewer", async || {
        let text = client().get(&url).send().await.unwrap().text().await.unwrap();
        (parse(&text).value("vultus_websocket_clients") == 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_numbers_need_the_key_and_take_it_as_prometheus_sends_it() {
    let vultus = Home::new().with("VIDEO_SOURCE", "missing.mp4").with("API_KEY", "sesame").start(&["serve"]).await;
    assert_eq!(vultus.get("/metrics").await.error(), "401 unauthorized");
    let answer = client().get(vultus.url("/metrics")).bearer_auth("sesame").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    parse(&answer.text().await.unwrap()).value("vultus_database_up");
}

#[tokio::test]
async fn every_number_is_in_the_reference_and_the_reference_names_no_other() {
    let home = Home::new().with("VIDEO_SOURCE", video());
    let vultus = home.start(&["serve"]).await;
    vultus.camera_is("live").await;
    let page = metrics(&vultus).await;
    let reference = include_str!("../docs/reference/metrics.md");
    let documented: BTreeSet<&str> =
        reference.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next()).collect();
    let served: BTreeSet<&str> = page.kinds.keys().map(String::as_str).collect();
    assert_eq!(served, documented);
}
