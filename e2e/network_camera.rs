//! Cameras on the network: video that comes over RTSP and HTTP.

use crate::support::{Home, NetworkCamera, Receiver, clip};

#[tokio::test]
async fn a_camera_that_sends_mjpeg_over_http_is_watched() {
    let url = format!("http://{}/video.mjpg", Receiver::nobody().await);
    let _camera =
        NetworkCamera::start(&clip(3, 2), &["-c:v", "mjpeg", "-q:v", "3", "-f", "mpjpeg", "-listen", "1", &url]);
    let home = Home::new().with("VIDEO_SOURCE", url);
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    vultus.viewer().await.sees("PASS", Some("obama")).await;
}

#[tokio::test]
async fn a_camera_that_sends_h264_over_rtsp_is_watched_and_found_again_after_it_was_away() {
    let url = format!("rtsp://{}/live", Receiver::nobody().await);
    // ffmpeg cannot serve RTSP, but be sent to: here the camera calls, and what follows is the same.
    let home = Home::new().with("VIDEO_SOURCE", &url).with("FFMPEG_ARGS", "-rtsp_flags listen");
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let sending = ["-c:v", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", &url];
    let camera = NetworkCamera::start(&clip(3, 2), &sending);
    viewer.sees("PASS", Some("obama")).await;
    drop(camera);
    let _camera = NetworkCamera::start(&clip(9, 2), &sending);
    viewer.sees("REJECT", Some("obama")).await;
}
