//! Age, gender and smile: nowhere unless a setting asks for them, and never without their errors.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Answer, Home, clip, demo_video, photo, photo_path, until};

/// The files of attribute models in the folder of models.
const MODELS: [&str; 3] = ["fr_age.onnx", "fr_gender.onnx", "fr_expression.onnx"];

/// What the gender model was made into when it was installed, and is loaded.
const FASTER_GENDER: &str = "fr_gender.faster.onnx";

/// A folder of models that has all but those of attributes.
fn models_without_attributes(home: &Home) -> PathBuf {
    let installed = photo_path("obama.jpg").ancestors().nth(2).expect("the folder of models").to_owned();
    let folder = home.file("models");
    for package in fs::read_dir(installed).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let copy = folder.join(package.file_name().unwrap());
        fs::create_dir_all(&copy).unwrap();
        for file in fs::read_dir(package).unwrap().map(|entry| entry.unwrap()) {
            if !MODELS.iter().any(|model| file.file_name() == *model) {
                symlink(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
    }
    folder
}

/// A folder of models of its own, in which the gender model's file can be replaced.
fn models_with_a_gender_of_its_own(home: &Home) -> (PathBuf, PathBuf) {
    let installed = photo_path("obama.jpg").ancestors().nth(2).expect("the folder of models").to_owned();
    let folder = models_without_attributes(home);
    for package in fs::read_dir(installed).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        if package.join(MODELS[1]).is_file() {
            let own = folder.join(package.file_name().unwrap());
            symlink(package.join(MODELS[1]), own.join(MODELS[1])).unwrap();
            let loaded = own.join(FASTER_GENDER);
            fs::remove_file(&loaded).unwrap();
            fs::copy(package.join(FASTER_GENDER), &loaded).unwrap();
            return (folder, loaded);
        }
    }
    panic!("no gender model is installed: run ./test, or `vultus models pull default`");
}

/// As many bytes, and no model.
fn break_file(file: &Path) {
    let size = fs::metadata(file).unwrap().len() as usize;
    fs::remove_file(file).unwrap();
    fs::write(file, vec![0x5a; size]).unwrap();
}

#[tokio::test]
async fn a_broken_model_is_told_at_the_start_and_later_on_stops_no_door() {
    let home = Home::new();
    home.enrol("obama", "obama.jpg");
    let (models, gender) = models_with_a_gender_of_its_own(&home);
    let home =
        home.with("MODELS_DIR", models.to_str().unwrap()).with("ATTRIBUTES", "gender").with("VIDEO_SOURCE", "none");
    assert!(home.run(&["doctor"]).stdout.contains("those of ATTRIBUTES too"));
    let mut vultus = home.start(&["serve"]).await;
    break_file(&gender);
    let mut viewer = vultus.viewer().await;
    let door = json!({"id": "door", "source": path_of(&clip(3, 2)), "loop_file": true});
    Answer::to(vultus.post("/api/v1/cameras").body(door.to_string())).await.json();
    viewer.event_where("obama passing", |event| event["status"] == "PASS" && event["name"] == "obama").await;
    vultus.says("ATTRIBUTES: left out from now on").await;

    let said = home.run(&["doctor"]).stdout;
    assert!(said.contains("MISSING  inference") && said.contains("ATTRIBUTES"), "{said}");
    let said = home.run(&["recognize", &path("obama.jpg")]).failed_with(1);
    assert!(said.contains("ATTRIBUTES cannot be estimated") && said.contains(FASTER_GENDER), "{said}");
}

fn path_of(file: &Path) -> &str {
    file.to_str().expect("UTF-8")
}

fn first_face(stdout: &str) -> Value {
    let photos: Value = serde_json::from_str(stdout).expect("JSON");
    photos[0]["faces"][0].clone()
}

fn path(photo: &str) -> String {
    photo_path(photo).to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn without_the_setting_there_are_none_and_their_models_are_not_needed() {
    let home = Home::new();
    let models = models_without_attributes(&home);
    let home = home.with("MODELS_DIR", models.to_str().unwrap());
    home.enrol("obama", "obama.jpg");
    let face = first_face(&home.run(&["recognize", &path("obama2.jpg"), "--json"]).succeeded());
    assert_eq!((&face["name"], face.get("attributes")), (&json!("obama"), None));
    let vultus = home.start(&["api"]).await;
    let seen = vultus.recognize(photo("obama2.jpg")).await.ok();
    assert_eq!((&seen["faces"][0]["name"], seen["faces"][0].get("attributes")), (&json!("obama"), None));

    let home = home.with("ATTRIBUTES", "gender");
    let said = home.run(&["recognize", &path("obama.jpg")]).failed_with(1);
    assert!(said.contains("the gender model of pack `default` is not installed"), "{said}");
    assert!(said.contains("ATTRIBUTES") && said.contains("vultus models pull"), "{said}");
}

#[tokio::test]
async fn a_photo_is_answered_with_estimates_and_their_errors() {
    let home = Home::new().with("ATTRIBUTES", "on");
    let vultus = home.start(&["api"]).await;
    let seen = vultus.recognize(photo("astronaut.png")).await.ok();
    let astronaut = &seen["faces"][0]["attributes"];
    assert_eq!(astronaut["gender"], json!({"value": "female", "accuracy": 0.9}));
    assert!((18..46).contains(&astronaut["age"]["years"].as_u64().unwrap()), "{astronaut}");
    assert_eq!(astronaut["age"]["error"], 11);
    assert!(astronaut["smile"]["value"].as_f64().unwrap() > 0.5, "{astronaut}");
    assert_eq!(astronaut["smile"]["accuracy"], 0.92);
    let seen = vultus.recognize(photo("obama2.jpg")).await.ok();
    let obama = &seen["faces"][0]["attributes"];
    assert_eq!(obama["gender"]["value"], "male");
    assert!(obama["smile"]["value"].as_f64().unwrap() < 0.5, "{obama}");
    // Six people, each with estimates of their own.
    let seen = vultus.recognize(photo("t1.jpg")).await.ok();
    let genders: Vec<&Value> =
        seen["faces"].as_array().unwrap().iter().map(|face| &face["attributes"]["gender"]["value"]).collect();
    assert_eq!(genders.len(), 6);
    assert!(genders.contains(&&json!("female")) && genders.contains(&&json!("male")), "{genders:?}");
}

#[test]
fn the_command_line_tells_those_that_are_chosen() {
    let home = Home::new().with("ATTRIBUTES", "age,gender");
    let face = first_face(&home.run(&["recognize", &path("obama.jpg"), "--json"]).succeeded());
    let attributes = face["attributes"].as_object().unwrap();
    assert_eq!(attributes.keys().collect::<Vec<_>>(), ["age", "gender"]);
    assert_eq!(attributes["gender"], json!({"accuracy": 0.9, "value": "male"}));
    let said = home.run(&["recognize", &path("obama.jpg")]).succeeded();
    assert!(said.contains("unknown: about ") && said.contains("± 11 years), male (90 % accuracy)"), "{said}");
    assert!(!said.contains("smiling"), "{said}");
    let said = home.with("ATTRIBUTES", "height").run(&["recognize", &path("obama.jpg")]).failed_with(1);
    assert!(said.contains("ATTRIBUTES") && said.contains("age, gender, smile"), "{said}");
}

#[test]
fn a_face_of_a_recording_keeps_its_estimate_from_frame_to_frame() {
    let home = Home::new().with("ATTRIBUTES", "gender");
    let stdout = home.run(&["recognize", clip(3, 2).to_str().unwrap(), "--json"]).succeeded();
    let frames: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = frames.iter().filter(|frame| frame["faces"][0]["attributes"]["gender"]["value"] == "male").count();
    assert!(told * 2 > frames.len(), "{told} of {}", frames.len());
    let alone = home.with("TRACKING", "false").run(&["recognize", clip(3, 2).to_str().unwrap(), "--json"]).succeeded();
    assert!(!alone.contains("attributes"), "they cost too much to be estimated in every frame");
}

#[tokio::test]
async fn viewers_and_events_are_told_of_what_a_camera_sees() {
    let home = Home::new()
        .with("ATTRIBUTES", "age,gender")
        .with("VIDEO_SOURCE", demo_video().to_str().unwrap())
        .with("LOOP_FILE", "true");
    home.enrol("obama", "obama.jpg");
    let vultus = home.start(&["serve"]).await;
    let mut viewer = vultus.viewer().await;
    let is_obama =
        |event: &Value| event["faces"][0]["name"] == "obama" && event["faces"][0].get("attributes").is_some();
    let event = viewer.event_where("a face with attributes", is_obama).await;
    let face = &event["faces"][0];
    assert_eq!(face["attributes"]["gender"], json!({"value": "male", "accuracy": 0.9}));
    assert_eq!(face["attributes"]["age"]["error"], 11);
    let decision = until("an event of Obama with attributes", async || {
        let page = vultus.get("/api/v1/events?person=obama").await.ok();
        let id = page["events"][0]["id"].as_str()?.to_owned();
        let event = vultus.get(&format!("/api/v1/events/{id}")).await.ok();
        event["decision"].get("attributes").cloned()
    })
    .await;
    assert_eq!(decision["gender"]["value"], "male");
}
