//! Model packs that a user brings: described in models.toml, used for everything, and every wrong description answered.

use models::Catalog;
use serde_json::json;

use crate::support::onnx::{constant, numbers, pooling};
use crate::support::{Finished, Home, photo_path};

/// A pack of the default pack's detector and landmarks, and an embedder that somebody brings: the means of squares of 16 × 16 pixels of
/// the aligned chip, 147 numbers.
fn brought() -> Home {
    let home = Home::new().with("MODEL_PACK", "mine").with("TH_ACCEPT", "0.1");
    std::fs::write(home.file("embed.onnx"), pooling(112, 16)).unwrap();
    std::fs::write(home.file("models.toml"), models_toml()).unwrap();
    home
}

fn models_toml() -> String {
    let catalog = Catalog::builtin();
    let default = catalog.pack("default").unwrap();
    let file = |model: &models::ModelFile| {
        format!(
            r#"{{ package = "{}", path = "{}", sha256 = "{}", size = {} }}"#,
            model.package, model.path, model.sha256, model.size
        )
    };
    let (detector, landmark) = (file(&default.detector.file), file(&default.landmark.as_ref().unwrap().file));
    format!(
        r#"
[packs.mine]
description = "an embedder of one's own"
licence = "one's own"
origin = "one's own"

[packs.mine.detector]
kind = "ultraface"
file = {detector}
input = {{ width = 320, height = 240, channels = "rgb", mean = 127, scale = 0.0078125 }}
min_score = 0.65
nms_iou = 0.4

[packs.mine.landmark]
kind = "points68"
file = {landmark}
input = {{ width = 64, height = 64, channels = "grey", mean = 0, scale = 0.00390625 }}

[packs.mine.embedder]
file = {{ local = "embed.onnx" }}
input = {{ width = 112, height = 112, channels = "rgb", mean = 127.5, scale = 0.0078125 }}
dim = 147
template = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
distance = "cosine"
"#
    )
}

fn path(name: &str) -> String {
    photo_path(name).to_str().unwrap().to_owned()
}

/// What `vultus verify` says after `old` was replaced by `new` in the description.
#[track_caller]
fn said(home: &Home, old: &str, new: &str) -> String {
    let toml = models_toml();
    assert!(toml.contains(old), "{old} is in the description");
    std::fs::write(home.file("models.toml"), toml.replacen(old, new, 1)).unwrap();
    home.run(&["verify", &path("obama.jpg"), &path("obama.jpg")]).failed_with(2)
}

#[test]
fn an_embedder_that_somebody_brings_enrols_recognises_and_verifies() {
    let home = brought();
    let added = home.run(&["people", "add", "Obama", &path("obama.jpg")]);
    assert!(added.stderr.contains("no distance curve"), "said at the start: {}", added.stderr);
    assert_eq!(added.succeeded(), "Obama: 1 photo in all\n");
    let compare = |a: &str, b: &str| -> (Finished, f64) {
        let done = home.run(&["verify", "--json", &path(a), &path(b)]);
        let distance = done.json()["distance"].as_f64().unwrap();
        (done, distance)
    };
    let (same, near) = compare("obama.jpg", "obama.jpg");
    same.succeeded();
    let (different, far) = compare("obama.jpg", "astronaut.png");
    different.failed_with(1);
    assert!(near < 0.01 && far > 0.1, "{near} {far}");
    let recognised = |photo: &str| {
        let face = home.run(&["recognize", "--json", &path(photo)]).json()[0]["faces"][0].clone();
        (face["name"].clone(), face["status"].clone())
    };
    assert_eq!(recognised("obama.jpg"), ("Obama".into(), "PASS".into()));
    assert_eq!(recognised("astronaut.png"), ("Obama".into(), "REJECT".into()), "the nearest, and not near enough");
    let listed = home.run(&["models", "list"]).succeeded();
    assert!(
        listed.contains("mine (installed, in use)") && listed.contains("space: mine (147 numbers, cosine)"),
        "{listed}"
    );
}

#[test]
fn a_wrong_description_is_answered_with_what_the_file_has() {
    let home = brought();
    let wrong = |old: &str, new: &str, parts: &[&str]| {
        let said = said(&home, old, new);
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
    };
    wrong("dim = 147", "dim = 512", &["embed.onnx", "`dim` is 512", "`embedding` 1×147", "models.toml"]);
    wrong("width = 112", "width = 160", &["1×3×112×160", "`picture` 1×3×112×112"]);
    wrong(
        "height = 112, channels = \"rgb\"",
        "height = 112, channels = \"grey\"",
        &["1×1×112×112", "`picture` 1×3×112×112"],
    );
    wrong("\"embed.onnx\"", "\"absent.onnx\"", &["absent.onnx", "not there", "the embedder of pack `mine`"]);
    wrong("\"embed.onnx\"", "\"models.toml\"", &["models.toml", "no ONNX file"]);
    let other = "0".repeat(64);
    wrong("\"embed.onnx\"", &format!("\"embed.onnx\", sha256 = \"{other}\""), &["embed.onnx", "sha256", &other]);
    wrong("kind = \"ultraface\"", "kind = \"yolo\"", &["yolo", "ultraface", "centerface", "yunet", "scrfd"]);
    wrong("width = 320, height = 240", "width = 320, height = 256", &["1×3×256×320", "`input` 1×3×240×320"]);
    wrong(
        "distance = \"cosine\"",
        "distance = \"cosine\"\nspace = \"default\"",
        &["embedder.space", "147 numbers", "512 numbers"],
    );
    let template = models_toml().lines().find(|line| line.starts_with("template")).unwrap().to_owned();
    wrong(&template, "", &["missing field `template`", "packs.mine.embedder"]);
    let landmark =
        models_toml().split("[packs.mine.landmark]").nth(1).unwrap().split("[packs").next().unwrap().to_owned();
    wrong(&format!("[packs.mine.landmark]{landmark}"), "", &["packs.mine.landmark", "`ultraface` finds no points"]);
    let step = "kind = \"scrfd\"";
    wrong("kind = \"ultraface\"", step, &["packs.mine.detector.input", "multiples of 32"]);
}

#[test]
fn a_model_of_another_role_is_answered_with_what_it_gives() {
    let home = brought();
    let few = constant(&[1, 1, 64, 64], &[("points", vec![1, 10], numbers(10))]);
    std::fs::write(home.file("landmark.onnx"), few).unwrap();
    let landmark =
        models_toml().split("[packs.mine.landmark]\nkind = \"points68\"\nfile = ").nth(1).unwrap().to_owned();
    let said = said(&home, landmark.lines().next().unwrap(), "{ local = \"landmark.onnx\" }");
    assert!(said.contains("136 numbers") && said.contains("`points` 1×10"), "{said}");
}

#[test]
fn people_enrolled_with_one_pack_are_known_to_another_of_its_space() {
    let home = Home::new();
    home.enrol("Obama", "obama.jpg");
    let home = home.with("MODEL_PACK", "centerface");
    let shown = home.run(&["people", "show", "Obama", "--json"]).json();
    assert_eq!(shown["photos"], json!(1), "{shown}");
    let seen = home.run(&["recognize", "--json", &path("obama2.jpg")]).json();
    assert!(seen.to_string().contains("\"Obama\""), "{seen}");
    home.enrol("Biden", "biden.jpg");
    let seen = home.with("MODEL_PACK", "default").run(&["recognize", "--json", &path("biden.jpg")]).json();
    assert!(seen.to_string().contains("\"Biden\""), "{seen}");
}

#[test]
fn packs_are_timed_on_this_machine_and_measured_on_a_folder() {
    let home = brought();
    for (name, photo) in [("obama/1.jpg", "obama.jpg"), ("obama/2.jpg", "obama2.jpg"), ("biden/1.jpg", "biden.jpg")] {
        let file = home.file(&format!("faces/{name}"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(photo_path(photo), file).unwrap();
    }
    let benched = home.run(&["models", "bench", "mine", "default", "--faces", "faces", "--json"]).json();
    assert_eq!((&benched["frame"], &benched["packs"][0]["pack"]), (&json!([640, 480]), &json!("mine")), "{benched}");
    for pack in benched["packs"].as_array().unwrap() {
        let median = |stage: &str| pack["times"][stage]["median"].as_f64().unwrap();
        assert!(median("detect") > 0.0 && median("frame") > median("detect"), "{pack}");
        assert_eq!((&pack["accuracy"]["photos"], &pack["accuracy"]["missed"]), (&json!(3), &json!(0)), "{pack}");
    }
    let said = home.run(&["models", "bench", "arcface"]).failed_with(1);
    assert!(said.contains("`arcface`") && said.contains("`centerface`"), "{said}");
}
