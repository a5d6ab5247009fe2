//! What strangers and broken programs send. Every kind is answered with its own error, and the service lives on.

use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{Answer, Home, Service, blank, edited, photo, png_that_claims, until};

/// The service after bad input: it works, nobody was enrolled by mistake, and memory is as for any other day.
async fn is_well(vultus: &Service) {
    assert_eq!(vultus.faces().await, Vec::<String>::new());
    vultus.register("obama", photo("obama.jpg")).await.ok();
    assert_eq!(vultus.faces().await, ["obama"]);
    assert!(vultus.peak_memory_mb() < 800, "{} MB", vultus.peak_memory_mb());
}

#[tokio::test]
async fn a_form_with_something_missing_is_refused() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let image = || Part::bytes(photo("obama.jpg")).file_name("obama.jpg");
    for (form, error) in [
        (Form::new(), "400 bad_form"),
        (Form::new().text("name", "obama"), "400 missing_field"),
        (Form::new().part("image", image()), "400 missing_field"),
        (Form::new().text("name", "obama").part("image", Part::bytes(Vec::new())), "400 missing_field"),
        (Form::new().text("name", "obama").part("photo", image()), "400 missing_field"),
        (Form::new().text("name", "").part("image", image()), "400 bad_name"),
        (Form::new().text("name", " \t ").part("image", image()), "400 bad_name"),
        (Form::new().text("name", "x".repeat(101)).part("image", image()), "400 bad_name"),
        (Form::new().text("name", "a\u{7}b").part("image", image()), "400 bad_name"),
        (Form::new().text("name", "x".repeat(5000)).part("image", image()), "413 too_large"),
        (Form::new().part("name", Part::bytes(vec![0xFF, 0xFE])).part("image", image()), "400 bad_form"),
    ] {
        let described = format!("{form:?}");
        assert_eq!(vultus.post_form("/register", form).await.error(), error, "{described}");
    }
    assert_eq!(vultus.post_form("/unregister", Form::new().text("x", "y")).await.error(), "400 missing_field");
    assert_eq!(vultus.post_form("/recognize", Form::new().text("x", "y")).await.error(), "400 missing_field");
    assert_eq!(vultus.post_form("/register-faces", Form::new().text("x", "y")).await.error(), "400 missing_field");
    is_well(&vultus).await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for path in ["/register", "/unregister", "/register-faces", "/recognize"] {
        let json = vultus.post(path).header("content-type", "application/json").body(r#"{"name":"obama"}"#);
        assert_eq!(Answer::to(json).await.error(), "415 unsupported_media_type", "{path}");
        assert_eq!(Answer::to(vultus.post(path)).await.error(), "415 unsupported_media_type", "{path}");
        let unbounded = vultus.post(path).header("content-type", "multipart/form-data").body("--x--");
        assert_eq!(Answer::to(unbounded).await.error(), "400 bad_form", "{path}");
        let broken =
            vultus.post(path).header("content-type", "multipart/form-data; boundary=x").body("no boundary here");
        assert_eq!(Answer::to(broken).await.error(), "400 bad_form", "{path}");
    }
    is_well(&vultus).await;
}

#[tokio::test]
async fn a_file_that_is_no_usable_image_is_refused() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let whole = photo("obama.jpg");
    let png = edited("obama.jpg", "scale=320:-1", "png");
    for (what, image, error) in [
        ("text", b"this is no image".to_vec(), "400 not_an_image"),
        ("a JPEG cut off in the middle", whole[..whole.len() / 2].to_vec(), "400 damaged_image"),
        ("a JPEG cut off in its header", whole[..20].to_vec(), "400 damaged_image"),
        ("a PNG cut off", png[..png.len() / 2].to_vec(), "400 damaged_image"),
        ("a GIF", edited("obama.jpg", "scale=320:-1", "gif"), "415 unsupported_format"),
        ("a TIFF", b"II*\0\x08\0\0\0".to_vec(), "415 unsupported_format"),
        ("a small PNG that claims 900 megapixels", png_that_claims(30_000, 30_000), "413 image_too_large"),
        ("a small PNG that claims 40,000 megapixels", png_that_claims(200_000, 200_000), "413 image_too_large"),
        ("a small PNG that claims 60 megapixels", png_that_claims(10_000, 6_000), "400 damaged_image"),
    ] {
        assert_eq!(vultus.register("x", image.clone()).await.error(), error, "{what}");
        assert_eq!(vultus.recognize(image).await.error(), error, "{what}");
    }
    is_well(&vultus).await;
}

#[tokio::test]
async fn a_photo_that_nobody_can_be_known_by_is_refused() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for (what, image, error) in [
        ("no face", blank(), "400 no_face"),
        ("a face of 27 pixels", edited("obama.jpg", "scale=iw/12:-1", "png"), "422 face_too_small"),
        ("a useless shot", edited("t1.jpg", "crop=260:260:825:0,gblur=sigma=6", "png"), "422 face_too_unclear"),
    ] {
        assert_eq!(vultus.register("x", image).await.error(), error, "{what}");
    }
    is_well(&vultus).await;
}

#[tokio::test]
async fn limits_are_settings_and_hold() {
    let home = Home::new().with("MAX_IMAGE_MB", "1").with("MAX_IMAGE_MP", "2").with("MAX_ZIP_MB", "1");
    let vultus = home.start(&["api"]).await;
    let mut padded = photo("obama.jpg");
    padded.resize(1_000_001, 0);
    assert_eq!(vultus.register("x", padded.clone()).await.error(), "413 too_large");
    assert_eq!(vultus.recognize(padded.clone()).await.error(), "413 too_large");
    let without_form = vultus.post("/recognize").header("content-type", "image/jpeg").body(padded.clone());
    assert_eq!(Answer::to(without_form).await.error(), "413 too_large");
    assert_eq!(vultus.register_faces(padded).await.error(), "413 too_large");
    assert_eq!(vultus.register("x", photo("biden.jpg")).await.error(), "413 image_too_large");
    is_well(&vultus).await;
}

#[tokio::test]
async fn an_answer_that_comes_early_reaches_a_client_that_sends_first_and_then_reads() {
    let vultus = Home::new().with("MAX_IMAGE_MB", "1").with("API_KEY", "right").start(&["api"]).await;
    let body = vec![b'x'; 20_000_000];
    for (request, answer) in [
        ("POST /recognize HTTP/1.1\r\nx-api-key: right\r\ncontent-type: image/jpeg", "HTTP/1.1 413 "),
        ("POST /recognize HTTP/1.1\r\nx-api-key: wrong\r\ncontent-type: image/jpeg", "HTTP/1.1 401 "),
        ("POST /register HTTP/1.1\r\nx-api-key: right\r\ncontent-type: image/jpeg", "HTTP/1.1 415 "),
        ("POST /nowhere HTTP/1.1\r\nx-api-key: right", "HTTP/1.1 404 "),
    ] {
        let head = format!("{request}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&body).await.expect("the body is taken");
        assert!(first_line(&mut socket).await.starts_with(answer), "{request}");
    }
    // Who asks whether to send is told no, and not to go on.
    let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
    let head = "POST /recognize HTTP/1.1\r\nx-api-key: right\r\ncontent-type: image/jpeg\r\nhost: localhost\r\n\
                expect: 100-continue\r\ncontent-length: 20000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    assert!(first_line(&mut socket).await.starts_with("HTTP/1.1 413 "));
}

async fn first_line(socket: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).await.unwrap();
    line
}

#[tokio::test]
async fn a_client_that_breaks_off_its_upload_leaves_nothing_behind() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for path in ["/register", "/register-faces"] {
        // More than there are places for uploads: one that was not given back would be missed.
        for _ in 0..100 {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 9000000\r\n\r\n\
                 --b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"x.jpg\"\r\n\r\n"
            );
            let mut socket = TcpStream::connect(vultus.http()).await.unwrap();
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(&[7; 10_000]).await.unwrap();
        }
    }
    until("a place for another upload", async || {
        Some(vultus.recognize(blank()).await).filter(|answer| answer.status == 200)
    })
    .await;
    is_well(&vultus).await;
}
