//! The command line, as scripts use it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Home, archive, blank, models_folder, photo, photo_path};

fn path(name: &str) -> String {
    photo_path(name).to_str().expect("UTF-8").to_owned()
}

fn write(home: &Home, name: &str, content: &[u8]) -> String {
    let file = home.file(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, content).unwrap();
    file.display().to_string()
}

#[test]
fn people_are_added_listed_and_removed() {
    let home = Home::new();
    assert_eq!(home.run(&["people", "list", "--json"]).json(), json!([]));
    let said = home.run(&["people", "add", "obama", &path("obama.jpg"), &path("obama2.jpg")]).succeeded();
    assert_eq!(said, "obama: 2 photos in all\n");
    home.enrol("biden", "biden.jpg");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "obama\nbiden\n");
    assert_eq!(home.run(&["people", "list", "--json"]).json(), json!(["obama", "biden"]));
    assert_eq!(home.run(&["people", "remove", "obama"]).succeeded(), "obama is removed\n");
    let said = home.run(&["people", "remove", "obama"]).failed_with(1);
    assert!(said.contains("nobody named obama"), "{said}");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "biden\n");
}

#[test]
fn one_unusable_photo_adds_nobody() {
    let home = Home::new();
    let empty = write(&home, "empty.jpg", &blank());
    let said = home.run(&["people", "add", "obama", &path("obama.jpg"), &empty]).failed_with(1);
    assert!(said.contains("empty.jpg") && said.contains("no face"), "{said}");
    let said = home.run(&["people", "add", "obama", "missing.jpg"]).failed_with(1);
    assert!(said.contains("missing.jpg"), "{said}");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "");
}

#[test]
fn a_folder_and_a_zip_are_imported_and_what_failed_is_named() {
    let home = Home::new();
    write(&home, "faces/biden.jpg", &photo("biden.jpg"));
    write(&home, "faces/obama/1.jpg", &photo("obama.jpg"));
    write(&home, "faces/obama/2.jpg", &photo("obama2.jpg"));
    write(&home, "faces/nobody.jpg", &blank());
    write(&home, "faces/.DS_Store", b"junk");
    let done = home.run(&["people", "import", "faces"]);
    assert!(done.stderr.contains("nobody.jpg") && done.stderr.contains("no face"), "{done:?}");
    assert_eq!(done.succeeded(), "3 photos enrolled, 1 failed\n");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "biden\nobama\n");

    write(&home, "faces.zip", &archive(&[("Катя.jpg", &photo("obama.jpg"))]));
    assert_eq!(home.run(&["people", "import", "faces.zip", "--force"]).succeeded(), "1 photo enrolled, 0 failed\n");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "biden\nobama\nКатя\n");

    write(&home, "bad.zip", &archive(&[("nobody.jpg", &blank())]));
    home.run(&["people", "import", "bad.zip"]).failed_with(1);
    let said = home.run(&["people", "import", "missing.zip"]).failed_with(1);
    assert!(said.contains("missing.zip"), "{said}");
}

#[test]
fn recognize_gives_an_array_with_an_object_for_each_photo() {
    let home = Home::new();
    home.enrol("obama", "obama.jpg");
    let (obama, group) = (path("obama3.jpg"), path("t1.jpg"));
    let done = home.run(&["recognize", &obama, &group, "--json"]);
    let photos = done.json();
    let photos = photos.as_array().unwrap();
    assert_eq!(photos.len(), 2);
    assert_eq!(photos[0]["file"], obama);
    assert_eq!(photos[0]["faces"][0]["name"], "obama");
    assert_eq!(photos[0]["faces"][0]["status"], "PASS");
    assert!(photos[0]["faces"][0].get("embedding").is_none());
    assert_eq!(photos[1]["faces"].as_array().unwrap().len(), 6);
    done.succeeded();

    let said = home.run(&["recognize", &obama]).succeeded();
    assert!(said.contains("obama3.jpg: obama (0."), "{said}");
}

#[test]
fn an_embedding_has_512_numbers_of_length_1() {
    let home = Home::new();
    let photos = home.run(&["recognize", &path("obama.jpg"), "--json", "--embedding"]).json();
    let embedding: Vec<f64> = serde_json::from_value(photos[0]["faces"][0]["embedding"].clone()).unwrap();
    assert_eq!(embedding.len(), 512);
    let length = embedding.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
}

#[test]
fn a_photo_that_cannot_be_read_fails_the_run_but_not_the_others() {
    let home = Home::new();
    let done = home.run(&["recognize", "missing.jpg", &path("obama.jpg"), "--json"]);
    assert!(done.stderr.contains("missing.jpg"), "{done:?}");
    let photos = done.json();
    assert!(photos[0]["error"].is_string() && photos[0]["faces"] == json!([]), "{photos}");
    assert_eq!(photos[1]["faces"].as_array().unwrap().len(), 1);
    done.failed_with(1);
}

#[test]
fn verify_tells_same_from_different_by_its_exit_code() {
    let home = Home::new();
    let verify = |a: &str, b: &str| home.run(&["verify", a, b, "--json"]);
    let same = verify(&path("obama.jpg"), &path("obama2.jpg"));
    let told = same.json();
    assert_eq!((&told["same"], &told["decision"], &told["threshold"]), (&json!(true), &json!("same"), &json!(0.45)));
    assert!(told["distance"].as_f64().unwrap() < 0.45, "{told}");
    same.succeeded();
    let different = verify(&path("obama.jpg"), &path("biden.jpg"));
    assert_eq!(different.json()["same"], false);
    different.failed_with(1);

    let empty = write(&home, "empty.jpg", &blank());
    let said = verify(&path("obama.jpg"), &empty).failed_with(2);
    assert!(said.contains("empty.jpg") && said.contains("no face"), "{said}");
    let said = verify("missing.jpg", &path("obama.jpg")).failed_with(2);
    assert!(said.contains("missing.jpg"), "{said}");
}

#[test]
fn completions_know_commands_and_settings() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]).succeeded();
        assert!(script.contains("recognize") && script.contains("video-source"), "{shell}");
    }
}

#[test]
fn doctor_finds_this_machine_well() {
    let home = Home::new().with("WEBHOOK_URL", "http://127.0.0.1:9/face-event");
    let said = home.run(&["doctor"]).succeeded();
    assert!(said.contains("WEBHOOK_URL: 127.0.0.1:9 cannot be reached"), "{said}");
    for (what, mark) in
        [("ffmpeg", "ok"), ("models", "ok"), ("inference", "ok"), ("database", "ok"), ("display", "note")]
    {
        let line = said.lines().find(|line| line.split_whitespace().nth(1) == Some(what));
        assert!(line.is_some_and(|line| line.starts_with(mark)), "{what}: {said}");
    }
}

#[test]
fn doctor_says_what_is_missing_and_how_to_get_it() {
    let home = Home::new().with("FFMPEG", "no-such-ffmpeg");
    let home = {
        let folder = home.file("no-models").display().to_string();
        home.with("MODELS_DIR", folder)
    };
    let done = home.run(&["doctor"]);
    assert_eq!(done.code, Some(1));
    assert!(done.stdout.contains("apt install ffmpeg") && done.stdout.contains("vultus models pull"), "{done:?}");
    let said = home.run(&["api"]).failed_with(1);
    assert!(said.contains("vultus models pull"), "{said}");
}

#[test]
fn models_are_listed_with_their_licence_and_verified() {
    let home = Home::new();
    let listed = home.run(&["models", "list"]).succeeded();
    assert!(listed.contains("default (installed, in use)") && listed.contains("licence: "), "{listed}");
    let verified = home.run(&["models", "verify"]).succeeded();
    assert!(verified.lines().count() >= 5 && verified.lines().all(|line| line.ends_with(": ok")), "{verified}");
}

#[test]
fn every_commands_help_has_an_example() {
    let home = Home::new();
    for command in [
        &["serve"][..],
        &["people", "add"],
        &["people", "import"],
        &["recognize"],
        &["verify"],
        &["eval"],
        &["models", "pull"],
        &["config"],
        &["config", "import"],
    ] {
        let help = home.run(&[command, &["--help"]].concat()).succeeded();
        assert!(help.contains("Example") && help.contains("vultus "), "{command:?}: {help}");
    }
}

#[test]
fn a_recording_that_is_not_there_is_named() {
    let home = Home::new();
    let said = home.run(&["recognize", "missing.mp4", "--json"]).failed_with(1);
    assert!(said.contains("missing.mp4"), "{said}");
    assert!(!Path::new(&home.file("missing.mp4")).exists());
    let text = write(&home, "text.mp4", b"no video");
    let done = home.run(&["recognize", &text, "--json"]);
    assert_eq!(done.stdout, "");
    assert!(done.failed_with(1).contains("text.mp4"));
}

#[test]
fn nothing_of_the_machine_is_kept_for_the_maker_of_the_inference_library() {
    let home = Home::new();
    let user = home.file("user");
    std::fs::create_dir(&user).unwrap();
    let mut recognize = home.command(&["recognize", &path("obama.jpg")]);
    // As at a user's: a library may hold its tongue where it is tested.
    recognize.env("MODELS_DIR", models_folder()).env("HOME", &user).env("XDG_CACHE_HOME", user.join("cache"));
    assert!(recognize.status().unwrap().success());
    let left: Vec<_> = std::fs::read_dir(&user).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn numbers_in_json_have_no_float_noise() {
    let home = Home::new();
    home.enrol("obama", "obama.jpg");
    let photos = home.run(&["recognize", &path("obama3.jpg"), "--json"]).json();
    let face = &photos[0]["faces"][0];
    let numbers =
        [&face["distance"], &face["raw_distance"], &face["score"], &face["quality"], &face["landmarks"][0][0]];
    for number in numbers {
        let text = number.to_string();
        assert!(text.len() <= 9, "{text} in {face}");
    }
    assert!(face["distance"] != Value::Null);
}
