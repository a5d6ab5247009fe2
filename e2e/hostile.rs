//! Clients that mean harm, or might as well: pages of strangers, callers that never come to an end, and those that are
//! silent. None of them gets in, and none keeps the others out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use reqwest::multipart::{Form, Part};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{
    Answer, Home, Receiver, Service, Viewer, archive, blank, client, edited, photo, processes_with, status_of_refused,
    until, within_patience,
};

fn of_page(url: &str, origin: &str) -> Request {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    request
}

async fn faces_for(vultus: &Service, header: &str, value: &str) -> Answer {
    Answer::to(client().get(vultus.url("/faces")).header(header, value)).await
}

#[tokio::test]
async fn a_page_of_a_stranger_can_neither_enrol_nor_watch() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc");
    let vultus = home.start(&["serve"]).await;
    let streams = [vultus.ws_url(), format!("ws://{}/ws/face-stream", vultus.http())];
    for origin in ["https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "null"] {
        let form = Form::new().text("name", "intruder").part("image", Part::bytes(photo("obama.jpg")));
        let enrolment = vultus.post("/register").header("origin", origin).multipart(form);
        assert_eq!(Answer::to(enrolment).await.error(), "403 forbidden_origin", "{origin}");
        assert_eq!(faces_for(&vultus, "origin", origin).await.error(), "403 forbidden_origin", "{origin}");
        for url in &streams {
            assert_eq!(status_of_refused(of_page(url, origin)).await, 403, "{origin} at {url}");
        }
    }
    assert!(faces_for(&vultus, "origin", "https://evil.example").await.text.contains("ALLOWED_ORIGINS"));
    assert_eq!(vultus.faces().await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_this_machine_work_on_any_port() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc");
    let vultus = home.start(&["serve"]).await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:8080", "https://127.9.9.9", "http://[::1]:5173"] {
        faces_for(&vultus, "origin", origin).await.ok();
        Viewer::connect(of_page(&vultus.ws_url(), origin)).await.event().await;
    }
}

#[tokio::test]
async fn listed_pages_work_and_those_of_files_only_see_the_stream() {
    let home = Home::new().with("VIDEO_SOURCE", "testsrc").with("ALLOWED_ORIGINS", "https://dash.example, null");
    let vultus = home.start(&["serve"]).await;
    for origin in ["https://dash.example", "null"] {
        Viewer::connect(of_page(&vultus.ws_url(), origin)).await.event().await;
    }
    faces_for(&vultus, "origin", "https://dash.example").await.ok();
    for origin in ["null", "http://dash.example", "https://dash.example:8443"] {
        assert_eq!(faces_for(&vultus, "origin", origin).await.error(), "403 forbidden_origin", "{origin}");
    }
    // The name under which a proxy on this machine passes its pages on.
    faces_for(&vultus, "host", "dash.example").await.ok();
    drop(vultus);
    let home = home.with("ALLOWED_ORIGINS", "*");
    let vultus = home.start(&["api"]).await;
    faces_for(&vultus, "origin", "https://anything.example").await.ok();
    faces_for(&vultus, "host", "anything.example").await.ok();
}

#[tokio::test]
async fn a_strangers_name_for_this_machine_is_refused_where_only_its_address_guards_it() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for host in ["evil.example", "evil.example:5000", "localhost.evil.example", "10.0.0.1", "[::2]:5000"] {
        assert_eq!(faces_for(&vultus, "host", host).await.error(), "403 forbidden_host", "{host}");
    }
    for host in ["localhost", "LOCALHOST:5000", "127.0.0.1:1", "127.1.2.3", "[::1]:5000"] {
        faces_for(&vultus, "host", host).await.ok();
    }
    drop(vultus);
    let home = home.with("API_KEY", "secret");
    let vultus = home.start(&["api"]).await;
    let with_key = client().get(vultus.url("/faces")).header("host", "evil.example").header("x-api-key", "secret");
    Answer::to(with_key).await.ok();
    assert_eq!(faces_for(&vultus, "host", "evil.example").await.error(), "401 unauthorized");
}

#[tokio::test]
async fn whoever_shows_the_right_key_may_come_from_any_page() {
    let home = Home::new().with("API_KEY", "secret").with("VIDEO_SOURCE", "testsrc");
    let vultus = home.start(&["serve"]).await;
    let faces = |path: &str| client().get(vultus.url(path)).header("origin", "https://app.example");
    Answer::to(faces("/faces?key=secret")).await.ok();
    Answer::to(faces("/faces").header("authorization", "bearer secret")).await.ok();
    assert_eq!(Answer::to(faces("/faces?key=wrong")).await.error(), "403 forbidden_origin");
    assert_eq!(Answer::to(faces("/faces")).await.error(), "403 forbidden_origin");
    let url = format!("{}?key=secret", vultus.ws_url());
    Viewer::connect(of_page(&url, "https://app.example")).await.event().await;
    // A page of our own host is as good as none: the key decides.
    let own =
        client().get(vultus.url("/faces")).header("host", "cams.example").header("origin", "https://cams.example");
    assert_eq!(Answer::to(own).await.error(), "401 unauthorized");
}

/// Sends `text` and waits for the answer, which must come although nothing else is sent.
async fn answer_to_raw(vultus: &Service, text: &str) -> String {
    let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    let (mut answer, mut piece) = (String::new(), [0; 4096]);
    within_patience("an answer", async {
        while !answer.contains('}') {
            match socket.read(&mut piece).await.unwrap() {
                0 => panic!("no answer: {answer}"),
                n => answer.push_str(&String::from_utf8_lossy(&piece[..n])),
            }
        }
    })
    .await;
    answer
}

#[tokio::test]
async fn a_body_that_is_announced_to_be_too_large_is_refused_before_it_is_sent() {
    let home = Home::new().with("MAX_ZIP_MB", "2").with("MAX_IMAGE_MB", "1");
    let vultus = home.start(&["api"]).await;
    let form = "multipart/form-data; boundary=b";
    for (path, kind, length) in [
        ("/unregister", "application/x-www-form-urlencoded", 65_537),
        ("/unregister", form, 65_537),
        ("/register", form, 1_065_537),
        ("/recognize", form, 1_065_537),
        ("/recognize", "image/jpeg", 1_000_001),
        ("/register-faces", form, 2_065_537),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let answer = answer_to_raw(&vultus, &head).await;
        assert!(answer.contains("413") && answer.contains("too_large"), "{path} {kind}: {answer}");
    }
}

#[tokio::test]
async fn a_body_without_an_announced_length_has_the_same_limit() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for (kind, begin) in [
        ("application/x-www-form-urlencoded", "name="),
        ("multipart/form-data; boundary=b", "--b\r\ncontent-disposition: form-data; name=\"junk\"\r\n\r\n"),
    ] {
        let content = format!("{begin}{}", "x".repeat(70_000));
        let request = format!(
            "POST /unregister HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{content}\r\n",
            content.len()
        );
        let answer = answer_to_raw(&vultus, &request).await;
        assert!(answer.contains("413") && answer.contains("too_large"), "{kind}: {answer}");
    }
}

#[tokio::test]
async fn the_head_of_a_part_cannot_go_on_for_ever() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let content = format!("--b\r\ncontent-disposition: form-data; name=\"zip\"\r\nx-long: {}", "x".repeat(2_000_000));
    let request = format!(
        "POST /register-faces HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{content}\r\n",
        content.len()
    );
    let answer = answer_to_raw(&vultus, &request).await;
    assert!(answer.contains("400") && answer.contains("bad_form"), "{answer}");
}

/// Clients that begin an upload and then say nothing.
async fn silent_uploads(vultus: &Service, path: &str, count: usize) -> Vec<TcpStream> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: 900000\r\n\r\n--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"x.jpg\"\r\n\r\nx"
    );
    join_all((0..count).map(async |_| {
        let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    }))
    .await
}

#[tokio::test]
async fn silent_clients_do_not_keep_the_others_out() {
    let home = Home::new().with("WORKERS", "1");
    let vultus = home.start(&["api"]).await;
    let mut silent = Vec::new();
    for path in ["/register", "/recognize", "/register-faces"] {
        silent.extend(silent_uploads(&vultus, path, 100).await);
    }
    let image =
        "POST /recognize HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\ncontent-length: 900000\r\n\r\nx";
    for _ in 0..100 {
        let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
        socket.write_all(image.as_bytes()).await.unwrap();
        silent.push(socket);
    }
    sleep(Duration::from_millis(300)).await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
    vultus.recognize(blank()).await.ok();
    let done = vultus.register_faces(archive(&[("biden.jpg", &photo("biden.jpg"))])).await.ok();
    assert_eq!(done["enrolled"], 1);
}

#[tokio::test]
async fn photos_wait_for_an_engine_without_a_thread_each() {
    let home = Home::new().with("WORKERS", "1");
    let folder = home.folder().display().to_string();
    let vultus = home.start(&["api", "--vultus-home", &folder]).await;
    let process = processes_with(&folder).pop().unwrap();
    let image = photo("obama.jpg");
    vultus.recognize(image.clone()).await.ok();
    let before = threads(&process);
    let waiting: Vec<_> = (0..14).map(|_| tokio::spawn(recognize(vultus.url("/recognize"), image.clone()))).collect();
    let mut most = 0;
    while !waiting.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(threads(&process));
        sleep(Duration::from_millis(2)).await;
    }
    for one in waiting {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert!(most <= before + 4, "{before} threads before, {most} with 14 photos");
}

async fn recognize(url: String, image: Vec<u8>) -> u16 {
    client().post(url).header("content-type", "image/jpeg").body(image).send().await.unwrap().status().as_u16()
}

fn threads(process: &Path) -> usize {
    fs::read_dir(process.join("task")).unwrap().count()
}

#[tokio::test]
async fn photos_of_clients_that_hung_up_do_not_pile_up() {
    let home = Home::new().with("WORKERS", "1");
    let folder = home.folder().display().to_string();
    let vultus = home.start(&["api", "--vultus-home", &folder]).await;
    let process = processes_with(&folder).pop().unwrap();
    // One that takes a while.
    let image = edited("obama.jpg", "scale=4000:-1", "jpg");
    vultus.recognize(image.clone()).await.ok();
    let before = threads(&process);
    let head = format!(
        "POST /recognize HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    // Each time fewer than there are places, all in all far more; they wait for the engine when their clients go.
    for _ in 0..4 {
        let clients = (0..12).map(async |_| {
            let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(&image).await.unwrap();
            socket
        });
        let clients = join_all(clients).await;
        sleep(Duration::from_millis(150)).await;
        drop(clients);
    }
    // A thread that was needed once stays for some seconds.
    assert!(threads(&process) <= before + 4, "{before} threads before, {} now", threads(&process));
    until("a place", async || Some(vultus.recognize(blank()).await).filter(|answer| answer.status == 200)).await;
}

#[tokio::test]
async fn a_third_archive_at_the_same_time_is_told_to_come_again() {
    let home = Home::new().with("WORKERS", "1");
    let vultus = home.start(&["api"]).await;
    let good = edited("obama.jpg", "scale=455:-1", "jpg");
    let names: Vec<String> = (0..400).map(|i| format!("p{i}.jpg")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), good.as_slice())).collect();
    let zip = archive(&entries);
    let upload = || vultus.post("/register-faces").multipart(Form::new().part("zip", Part::bytes(zip.clone())));
    let running = [tokio::spawn(upload().send()), tokio::spawn(upload().send())];
    let small = archive(&[("biden.jpg", &photo("biden.jpg"))]);
    let refused = until("a third archive that is refused", async || {
        Some(vultus.register_faces(small.clone()).await).filter(|answer| answer.status != 200)
    })
    .await;
    assert_eq!(refused.error(), "503 busy");
    // Others are not disturbed, and a place is free again when an archive's client has gone.
    vultus.recognize(blank()).await.ok();
    for one in running {
        one.abort();
    }
    until("a place for an archive", async || {
        Some(vultus.register_faces(small.clone()).await).filter(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let begins = ["", "GET /faces HTTP/1.1\r\nhost: local", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"];
    join_all(begins.map(async |begin| {
        let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
        socket.write_all(begin.as_bytes()).await.unwrap();
        let start = Instant::now();
        let mut rest = Vec::new();
        within_patience("the end of the connection", socket.read_to_end(&mut rest)).await.unwrap();
        assert!(start.elapsed() > Duration::from_secs(5), "{begin:?} was closed after {:?}", start.elapsed());
    }))
    .await;
}

#[tokio::test]
async fn beyond_the_limit_of_connections_new_ones_are_closed_at_once() {
    let home = Home::new();
    let mut vultus = home.start(&["api"]).await;
    let address = vultus.http();
    // One that is a WebSocket, or works, counts as well; those that ask for nothing stay for ten seconds.
    let mut held = Vec::new();
    for _ in 0..1024 {
        held.push(TcpStream::connect(&address).await.unwrap());
    }
    vultus_refuses(&address).await;
    vultus.says("connections are open").await;
    drop(held);
    until("a free connection", async || client().get(vultus.url("/healthz")).send().await.ok()).await;
}

async fn vultus_refuses(address: &str) {
    until("a connection that is closed at once", async || {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(2), socket.read(&mut [0; 16])).await;
        matches!(read, Ok(Ok(0) | Err(_))).then_some(())
    })
    .await;
}

/// A service whose log is a file; ended with this value.
struct Logged(std::process::Child, PathBuf);

impl Drop for Logged {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_key_is_not_in_the_log() {
    let address = Receiver::nobody().await;
    let home = Home::new().with("API_KEY", "s3cr3t").with("LOG", "debug").with("HTTP_ADDR", address.to_string());
    let log = home.file("log");
    let child = home.command(&["api"]).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let logged = Logged(child, log);
    let url = format!("http://{address}/faces?key=s3cr3t");
    until("an answer", async || client().get(&url).send().await.ok().filter(|answer| answer.status() == 200)).await;
    let text = until("a line about the request", async || {
        Some(fs::read_to_string(&logged.1).unwrap()).filter(|text| text.contains("/faces"))
    })
    .await;
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[tokio::test]
async fn a_publisher_that_never_reads_is_not_cut_off() {
    let home = Home::new();
    let hub = home.start(&["hub"]).await;
    let url = hub.ws_url();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
    let stream = socket.connect(address).await.unwrap();
    let (mut publisher, _) = tokio_tungstenite::client_async(url.as_str(), stream).await.unwrap();
    let mut viewer = hub.viewer().await;
    // Much more than the system keeps of its echoes, and for longer than a silent client would be waited for.
    let (frame, start) = ("x".repeat(200_000), Instant::now());
    while start.elapsed() < Duration::from_secs(14) {
        publisher.send(Message::text(frame.as_str())).await.unwrap();
        assert_eq!(viewer.text().await.len(), frame.len());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_service_that_stops_says_goodbye_to_its_viewers() {
    let home = Home::new();
    let mut hub = home.start(&["hub"]).await;
    let (mut viewer, _) = connect_async(hub.ws_url()).await.unwrap();
    hub.signal(Signal::TERM);
    let close = within_patience("a goodbye", async {
        loop {
            match viewer.next().await {
                Some(Ok(Message::Close(close))) => return close.unwrap(),
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => panic!("no goodbye"),
                Some(Err(error)) => panic!("{error}"),
            }
        }
    })
    .await;
    assert_eq!(close.code, CloseCode::Away);
    drop(viewer);
    assert!(hub.ended().await.success());
}
