//! Faces too small for the whole frame.

use reqwest::Method;
use serde_json::json;

use super::{LIST, add, change, get, no_camera_of_its_own, passes, path, send};
use crate::support::far_away;

#[tokio::test]
async fn a_face_too_small_for_the_whole_frame_is_recognised_by_tiles_all_at_once_and_in_turn() {
    let vultus = no_camera_of_its_own().with("VIDEO_SOURCE", "none").start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    add(&vultus, &json!({"id": "yard", "source": path(&far_away()), "loop_file": true, "cooldown": 0.5})).await;
    for _ in 0..12 {
        let event = viewer.event_where("a frame of the yard", |event| event["camera"] == "yard").await;
        assert_eq!(event["status"], "NO_FACE", "{event}");
    }
    for tiles in ["4x3 turn", "4x3"] {
        change(&vultus, "yard", &json!({ "tiles": tiles })).await.ok();
        passes(&mut viewer, "yard", "obama").await;
        assert_eq!(get(&vultus, "yard").await["tiles"], tiles);
        change(&vultus, "yard", &json!({"tiles": "off"})).await.ok();
        let nobody = |event: &serde_json::Value| event["camera"] == "yard" && event["status"] == "NO_FACE";
        viewer.event_where("nobody without tiles", nobody).await;
    }
}

#[tokio::test]
async fn a_grid_that_is_none_is_refused_with_what_is_allowed() {
    let vultus = no_camera_of_its_own().with("VIDEO_SOURCE", "none").start(&["serve"]).await;
    for tiles in ["9x1", "0x2", "4", "4x3 sometimes", "yes"] {
        let refused = send(&vultus, Method::POST, LIST, &json!({"id": "yard", "source": "0", "tiles": tiles})).await;
        assert_eq!(refused.error(), "422 bad_camera", "{tiles}");
        assert!(refused.text.contains("tiles") && refused.text.contains("4x3 turn"), "{refused:?}");
    }
}
