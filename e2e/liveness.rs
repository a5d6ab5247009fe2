//! LIVENESS: pictures of a known person are told from the person. What stands for the person is a photo that fills the view, and what
//! stands for the attacks the same photo as a camera would see it on paper and on a telephone: see docs/reference/liveness.md.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::attack::Species;
use crate::support::{
    Door, Home, Receiver, Scene, Service, Viewer, parse, photo, photo_path, picture_of, until, video_of,
};

const PRINT: Scene = Scene::Attack(Species::FlatPrint);
/// Five shots decide, and at 8 frames a second there is one a frame: however slow the machine is, so many frames are enough.
const FRAMES_TO_DECIDE: u32 = 200;

const PHONE: Scene = Scene::Attack(Species::Phone);

/// Obama is enrolled from another photo; the camera sees `scene` again and again.
fn home(scene: Scene, name: &str, liveness: &str) -> Home {
    let video = video_of(scene, name);
    let home =
        Home::new().with("VIDEO_SOURCE", video.to_str().unwrap()).with("LOOP_FILE", "true").with("LIVENESS", liveness);
    home.enrol("obama", "obama2.jpg");
    home
}

fn main_face(event: &Value) -> &Value {
    &event["faces"][0]
}

/// The first frame in which it is decided; nobody passes before.
async fn refused_as_spoof(viewer: &mut Viewer) -> Value {
    for _ in 0..FRAMES_TO_DECIDE {
        let event = viewer.event().await;
        assert_ne!(event["status"], "PASS", "{}", event["faces"]);
        let face = main_face(&event);
        if face["reason"] == "spoof" {
            return face.clone();
        }
        // What comes before the decision names its reason, too.
        assert!(face.is_null() || face["status"] == "REJECT", "{face}");
    }
    panic!("not decided within {FRAMES_TO_DECIDE} frames");
}

async fn events(vultus: &Service) -> Vec<Value> {
    vultus.get("/api/v1/events").await.ok()["events"].as_array().unwrap().clone()
}

/// What is decided of a picture in `enforce`: never a PASS, not for anybody who is told.
async fn a_picture_is_refused(scene: Scene, name: &str) {
    let (receiver, alarm) = (Receiver::start().await, Door::start().await);
    let home = home(scene, name, "enforce").with("WEBHOOK_URL", receiver.url());
    let alarms = format!(
        "[[webhook]]\nname = \"alarm\"\nurl = \"{}\"\non = [\"spoof\"]\nextra = [\"kind\", \"status\"]\n",
        alarm.url("/alarm")
    );
    fs::write(home.file("vultus.toml"), alarms).unwrap();
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let face = refused_as_spoof(&mut viewer).await;
    assert!(face["liveness"].as_f64().unwrap() < 0.7 && face["name"] == "obama", "{face}");
    for _ in 0..20 {
        let event = viewer.event().await;
        assert_ne!(event["status"], "PASS", "{}", event["faces"]);
    }
    // On a slow machine it is told before it is decided, and again some seconds later.
    let event = until("an event of a spoof", async || {
        let event = events(&vultus).await.pop()?;
        assert_eq!(event["status"], "REJECT", "{event}");
        (event["reason"] == "spoof").then_some(event)
    })
    .await;
    assert!(event["person"].is_null() && event["visitor"].is_null(), "{event}");
    let id = event["id"].as_str().unwrap();
    let decision = vultus.get(&format!("/api/v1/events/{id}")).await.ok()["decision"].clone();
    assert_eq!(decision["liveness"]["state"], "spoof", "{decision}");
    assert!(decision["why"].as_str().unwrap().contains("like obama"), "{decision}");

    // An attempt with a known person's picture is worth an alarm, and opens nothing.
    let told: Value = serde_json::from_str(&alarm.is_asked(1).await[0].body).unwrap();
    assert_eq!(
        (&told["kind"], &told["name"], &told["status"]),
        (&"spoof".into(), &"obama".into(), &"REJECT".into()),
        "{told}"
    );
    assert!(receiver.bodies().is_empty(), "{:?}", receiver.bodies());
    let page = parse(&vultus.get("/metrics").await.text);
    assert!(page.value(r#"vultus_camera_spoofs_total{camera="camera"}"#) >= 1.0);
}

#[tokio::test]
async fn a_print_of_a_known_person_is_refused_as_a_spoof_and_raises_an_alarm() {
    a_picture_is_refused(PRINT, "liveness-print").await;
}

#[tokio::test]
async fn a_telephone_that_shows_a_known_person_is_refused_as_a_spoof_and_raises_an_alarm() {
    a_picture_is_refused(PHONE, "liveness-phone").await;
}

#[tokio::test]
async fn the_living_person_passes_where_pictures_are_refused_once_seen_alive() {
    let home = home(Scene::Person, "liveness-person", "enforce");
    // Frame by frame, as a recording is read.
    let video = video_of(Scene::Person, "liveness-person");
    let lines = home.run(&["recognize", video.to_str().unwrap(), "--json"]).succeeded();
    let frames: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |frame: &Value| (main_face(frame)["status"].clone(), main_face(frame)["reason"].clone());
    assert_eq!(told(&frames[0]), ("REJECT".into(), "not_seen_alive".into()), "one shot is not enough");
    assert_eq!(told(frames.last().unwrap()), ("PASS".into(), Value::Null));

    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let passed = viewer.sees("PASS", Some("obama")).await;
    assert!(main_face(&passed)["liveness"].as_f64().unwrap() >= 0.7, "{}", passed["faces"]);
    let event = until("the event", async || events(&vultus).await.pop()).await;
    assert_eq!((&event["status"], &event["person"]), (&"PASS".into(), &"obama".into()));
}

#[tokio::test]
async fn who_is_asked_to_turn_is_refused_until_the_head_was_seen_turning() {
    let home = home(Scene::Person, "liveness-person", "enforce").with("LIVENESS_TURN", "true");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let mut unturned = 0;
    for _ in 0..FRAMES_TO_DECIDE / 4 {
        let event = viewer.event().await;
        assert_ne!(event["status"], "PASS", "{}", event["faces"]);
        let face = main_face(&event);
        unturned += u32::from(face["reason"] == "head_not_turned" && face["turn"].as_u64().unwrap() < 20);
    }
    assert!(unturned > FRAMES_TO_DECIDE / 8, "{unturned} frames say what is asked");
    let event = until("an event that is told", async || events(&vultus).await.pop()).await;
    let id = event["id"].as_str().unwrap();
    let decision = vultus.get(&format!("/api/v1/events/{id}")).await.ok()["decision"].clone();
    assert_eq!((&decision["reason"], &decision["liveness"]["state"]), (&"head_not_turned".into(), &"alive".into()));
    assert!(decision["why"].as_str().unwrap().contains("turn your head to one side and back"), "{decision}");

    let home = home.with("VIDEO_SOURCE", video_of(Scene::Turning, "liveness-turning").to_str().unwrap());
    let vultus = home.start(&["serve"]).await;
    let passed = vultus.viewer().await.sees("PASS", Some("obama")).await;
    assert!(main_face(&passed)["turn"].as_u64().unwrap() >= 20, "{}", passed["faces"]);
}

#[tokio::test]
async fn a_turn_is_asked_only_where_somebody_looks_and_faces_are_followed() {
    let home = Home::new().with("VIDEO_SOURCE", "none").with("LIVENESS_TURN", "true");
    let said = home.run(&["serve"]).failed_with(1);
    assert!(said.contains("LIVENESS_TURN needs LIVENESS") && said.contains("Set LIVENESS to enforce"), "{said}");
    let home = home.with("LIVENESS", "observe").with("TRACKING", "false");
    let said = home.run(&["serve"]).failed_with(1);
    assert!(said.contains("LIVENESS_TURN needs TRACKING"), "{said}");
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("LIVENESS_TURN needs TRACKING"), "{doctor}");

    // A camera is asked for itself, and one that nobody looks at is not asked by the setting.
    let home = home.with("TRACKING", "true");
    let cameras = "[[camera]]\nid = \"off\"\nsource = \"testsrc\"\nliveness = \"off\"\n\
                   [[camera]]\nid = \"asked\"\nsource = \"testsrc\"\nliveness = \"off\"\nliveness_turn = true\n";
    fs::write(home.file("vultus.toml"), cameras).unwrap();
    let vultus = home.start(&["serve"]).await;
    let says = async |camera: &str, what: &str| {
        let camera = vultus.get(&format!("/api/v1/cameras/{camera}")).await.ok().to_string();
        camera.contains(what).then_some(())
    };
    until("a camera that has failed", async || says("asked", "LIVENESS_TURN needs LIVENESS").await).await;
    until("a camera that is live", async || says("off", "\"live\"").await).await;
}

#[tokio::test]
async fn observe_tells_and_refuses_nobody_and_off_does_not_even_tell() {
    let vultus = home(PRINT, "liveness-print", "observe").start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let told = |event: &Value| main_face(event)["liveness"].as_f64().is_some_and(|score| score < 0.7);
    viewer
        .event_where("a PASS that is told to look like a picture", |event| event["status"] == "PASS" && told(event))
        .await;
    let vultus = home(PRINT, "liveness-print", "off").start(&["serve"]).await;
    let passed = vultus.viewer().await.sees("PASS", Some("obama")).await;
    assert!(main_face(&passed).get("liveness").is_none(), "{}", passed["faces"]);
}

#[tokio::test]
async fn where_faces_are_not_followed_pictures_can_be_told_but_not_refused() {
    let home = home(PRINT, "liveness-print", "enforce").with("TRACKING", "false");
    let said = home.run(&["serve"]).failed_with(1);
    assert!(said.contains("LIVENESS = enforce needs TRACKING"), "{said}");
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("needs TRACKING"), "{doctor}");

    let home = home.with("LIVENESS", "observe");
    fs::write(home.file("vultus.toml"), "[[camera]]\nid = \"gate\"\nsource = \"testsrc\"\nliveness = \"enforce\"\n")
        .unwrap();
    let vultus = home.start(&["serve"]).await;
    let told = |event: &Value| main_face(event)["liveness"].as_f64().is_some_and(|score| score < 0.7);
    let mut viewer = vultus.viewer().await;
    viewer
        .event_where("a PASS that is told to look like a picture", |event| event["status"] == "PASS" && told(event))
        .await;
    until("a camera that has failed", async || {
        let camera = vultus.get("/api/v1/cameras/gate").await.ok().to_string();
        camera.contains("needs TRACKING").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_living_person_passes_where_few_frames_are_looked_at_and_the_picture_does_not() {
    for (scene, name, passes) in [(Scene::Person, "liveness-person", true), (PRINT, "liveness-print", false)] {
        let home = home(scene, name, "enforce").with("VIDEO_SOURCE", "none");
        let camera = format!(
            "[[camera]]\nid = \"gate\"\nsource = \"{}\"\nloop_file = true\nfps_limit = 2.5\n",
            video_of(scene, name).display()
        );
        fs::write(home.file("vultus.toml"), camera).unwrap();
        let vultus = home.start(&["serve"]).await;
        let mut viewer = vultus.viewer().await;
        if passes {
            viewer.sees("PASS", Some("obama")).await;
        } else {
            refused_as_spoof(&mut viewer).await;
        }
    }
}

#[tokio::test]
async fn a_photo_that_shows_a_picture_is_refused_where_it_is_enforced() {
    let mut home = Home::new().with("VIDEO_SOURCE", "none");
    home.enrol("obama", "obama2.jpg");
    for (liveness, status) in [("off", "PASS"), ("observe", "PASS"), ("enforce", "REJECT")] {
        home = home.with("LIVENESS", liveness);
        let vultus = home.start(&["serve"]).await;
        let print = vultus.recognize(picture_of(PRINT)).await.ok();
        let face = main_face(&print);
        assert_eq!((&face["status"], &face["name"]), (&status.into(), &"obama".into()), "{liveness}: {face}");
        assert_eq!(face["reason"] == "spoof", liveness == "enforce", "{face}");
        assert_eq!(face.get("liveness").is_some(), liveness != "off", "{face}");
        let person = vultus.recognize(photo("obama.jpg")).await.ok();
        assert_eq!(main_face(&person)["status"], "PASS", "{liveness}: {person}");
    }
    let print = home.file("print.jpg");
    fs::write(&print, picture_of(PRINT)).unwrap();
    let said = home.run(&["recognize", print.to_str().unwrap(), "--json"]).json();
    assert_eq!(said[0]["faces"][0]["reason"], "spoof", "{said}");
    let said = home.run(&["recognize", print.to_str().unwrap()]).succeeded();
    assert!(said.contains("nearest obama") && said.contains("refused: spoof"), "{said}");
}

/// All that is installed, but for the liveness model: linked, not copied.
fn models_without_liveness(folder: &Path) {
    let installed = photo_path("obama.jpg").ancestors().nth(2).unwrap().to_owned();
    for package in fs::read_dir(installed).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let copy = folder.join(package.file_name());
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(package.path()).unwrap().flatten() {
            if !file.file_name().to_string_lossy().contains("liveness") {
                std::os::unix::fs::symlink(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_cannot_tell_whether_a_face_is_alive_says_so_instead_of_letting_pass() {
    let models = tempfile::tempdir().unwrap();
    models_without_liveness(models.path());
    let home = Home::new().with("VIDEO_SOURCE", "none").with("MODELS_DIR", models.path().to_str().unwrap());
    home.run(&["people", "list"]).succeeded();
    let home = home.with("LIVENESS", "enforce");
    let said = home.run(&["serve"]).failed_with(1);
    assert!(said.contains("LIVENESS") && said.contains("vultus models pull"), "{said}");
    let doctor = home.run(&["doctor"]);
    let inference = doctor.stdout.lines().find(|line| line.contains("inference")).unwrap();
    assert!(inference.contains("MISSING") && inference.contains("liveness model"), "{inference}");

    // A camera with a liveness of its own fails, and says why.
    let home = home.with("LIVENESS", "off").with("VIDEO_SOURCE", "testsrc");
    fs::write(home.file("vultus.toml"), "[[camera]]\nid = \"gate\"\nsource = \"testsrc\"\nliveness = \"enforce\"\n")
        .unwrap();
    let vultus = home.start(&["serve"]).await;
    let camera = until("a camera that has failed", async || {
        let camera = vultus.get("/api/v1/cameras/gate").await.ok();
        camera.to_string().contains("liveness model").then_some(camera)
    })
    .await;
    assert!(!camera.to_string().contains("\"live\""), "{camera}");
}
