//! The built-in catalogue, and what a user's models.toml may and may not say.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::path::Path;

use models::{Cache, Catalog, Channels, DistanceKind, Fit, ModelsError, Rewrite, SideRole};

const PACK: &str = r#"
[packs.mine]
description = "mine"
licence = "mine"
origin = "mine"
[packs.mine.detector]
kind = "ultraface"
file = { local = "detect.onnx" }
input = { width = 320, height = 240, channels = "rgb", mean = 127, scale = 0.0078125 }
min_score = 0.65
nms_iou = 0.4
[packs.mine.landmark]
kind = "points68"
file = { local = "/models/landmark.onnx" }
input = { width = 64, height = 64, channels = "grey", mean = 0, scale = 0.00390625 }
[packs.mine.embedder]
file = { local = "sub/embed.onnx", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
input = { width = 112, height = 112, channels = "bgr", mean = 127.5, scale = 0.0078125 }
dim = 128
template = [[38, 51], [73, 51], [56, 71], [41, 92], [70, 92]]
distance = "l2"
curve = [[0, 0], [1, 0.9]]
gates = { drop_norm = 1, vote_norm = 1, enrol_norm = 2, warn_norm = 3, min_recognise_px = 32, min_enrol_px = 64 }
"#;

fn with(text: &str) -> Result<Catalog, ModelsError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.toml");
    std::fs::write(&file, text).unwrap();
    Catalog::with_file(&file)
}

/// The message for [`PACK`] with `old` replaced by `new`.
#[track_caller]
fn refused(old: &str, new: &str) -> String {
    assert!(PACK.contains(old), "{old} is in the pack");
    with(&PACK.replacen(old, new, 1)).unwrap_err().to_string()
}

#[test]
fn the_built_in_pack_has_the_measured_numbers() {
    let catalog = Catalog::builtin();
    let pack = catalog.pack("default").unwrap();
    assert_eq!(pack.name, "default");
    assert!(pack.origin.contains("unknown"), "what is not known is said");
    assert_eq!((pack.detector.input.channels, pack.embedder.input.channels), (Channels::Rgb, Channels::Bgr));
    assert_eq!((pack.embedder.dim, pack.embedder.distance), (512, DistanceKind::Cosine));
    assert_eq!(pack.embedder.file.rewrite, Some(Rewrite::Faster));
    assert_eq!(pack.embedder.template[2], [56.0252, 71.7366]);
    assert_eq!(pack.embedder.curve.len(), 10);
    assert_eq!((pack.embedder.gates.enrol_norm, pack.embedder.gates.min_enrol_px), (3.0, 64));
}

#[test]
fn every_usual_platform_has_an_inference_library() {
    let catalog = Catalog::builtin();
    for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64"] {
        let package = &catalog.packages[&catalog.runtimes[platform].package];
        assert_eq!((package.name.as_str(), package.notices.len()), ("onnxruntime", 2), "{platform}");
    }
}

#[test]
fn a_users_file_adds_a_pack_whose_paths_are_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.toml");
    std::fs::write(&file, PACK).unwrap();
    let catalog = Catalog::with_file(&file).unwrap();
    let pack = catalog.pack("mine").unwrap();
    assert_eq!(pack.detector.file.local, Some(folder.path().join("detect.onnx")));
    assert_eq!(pack.landmark.as_ref().unwrap().file.local.as_deref(), Some(Path::new("/models/landmark.onnx")));
    assert!(catalog.pack("default").is_ok());
}

#[test]
fn an_unknown_pack_is_answered_with_the_known_ones() {
    let error = with(PACK).unwrap().pack("arcface").unwrap_err().to_string();
    assert!(error.contains("`arcface`") && error.contains("`default`, `dlib`, `dlib-mmod`, `mine`"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Catalog::with_file(Path::new("no/models.toml")).unwrap_err().to_string();
    assert!(error.contains("no/models.toml"), "{error}");
}

#[test]
fn a_missing_key_and_an_unknown_one_are_named_with_their_line() {
    let error = refused("input = { width = 64, height = 64, channels = \"grey\", mean = 0, scale = 0.00390625 }\n", "");
    assert!(error.contains("missing field `input`") && error.contains("[packs.mine.landmark]"), "{error}");
    let error = refused("min_score", "min_scor");
    assert!(error.contains("unknown field `min_scor`") && error.contains("line"), "{error}");
    let error = refused("\"grey\"", "\"gray\"");
    assert!(error.contains("gray") && error.contains("grey"), "{error}");
}

#[test]
fn a_template_of_four_points_is_refused() {
    let error = refused(", [70, 92]]", "]");
    assert!(error.contains("`template` has 4 points") && error.contains("five"), "{error}");
}

#[test]
fn a_value_that_makes_no_sense_is_named_by_its_key() {
    let cases = [
        ("[1, 0.9]]", "[1, 0.9], [2, 0.9]]", "packs.mine.embedder.curve"),
        ("[[0, 0], [1, 0.9]]", "[[0, 0]]", "packs.mine.embedder.curve"),
        ("dim = 128", "dim = 0", "packs.mine.embedder.dim"),
        ("sha256 = \"0123", "sha256 = \"xyz", "packs.mine.embedder.file.sha256"),
        ("width = 320", "width = 0", "packs.mine.detector.input"),
        ("scale = 0.0078125", "scale = 0", "packs.mine.detector.input.scale"),
        ("min_score = 0.65", "min_score = 65", "packs.mine.detector.min_score"),
        ("enrol_norm = 2", "enrol_norm = 4", "packs.mine.embedder.gates"),
        ("{ local = \"detect.onnx\" }", "{}", "packs.mine.detector.file"),
        ("{ local = \"detect.onnx\" }", "{ local = \"a\", package = \"b\" }", "packs.mine.detector.file"),
        ("{ local = \"detect.onnx\" }", "{ local = \"a\", rewrite = \"faster\" }", "packs.mine.detector.file"),
        ("{ local = \"detect.onnx\" }", "{ package = \"b\", path = \"c\" }", "packs.mine.detector.file.package"),
    ];
    for (old, new, key) in cases {
        let error = refused(old, new);
        assert!(error.contains(&format!("`{key}`")), "{key}: {error}");
    }
}

const SIDE: &str = r#"
[packs.mine.side.age]
file = { local = "age.onnx" }
input = { width = 64, height = 64, channels = "bgr", mean = [103.5, 116, 123], scale = 0.017 }
template = [[24, 30], [39, 30], [32, 38], [26, 46], [38, 46]]
error = 9.5
[packs.mine.side.gender]
file = { local = "gender.onnx" }
input = { width = 64, height = 64, channels = "bgr", mean = 127, scale = 0.017 }
error = 0.1
middle = 0.75
"#;

#[test]
fn a_mean_and_a_scale_are_one_number_or_one_for_each_channel() {
    let catalog = with(&format!("{PACK}{SIDE}")).unwrap();
    let age = &catalog.pack("mine").unwrap().side[&SideRole::Age];
    assert_eq!([0, 1, 2].map(|plane| age.input.mean.of(plane)), [103.5, 116.0, 123.0]);
    assert_eq!([0, 1, 2].map(|plane| age.input.scale.of(plane)), [0.017; 3]);
    assert_eq!((age.error, age.middle, age.template.unwrap()[2]), (Some(9.5), 0.5, [32.0, 38.0]));
    for wrong in ["[1, 2]", "[1, 2, 3, 4]", "[]", "\"127\""] {
        let error = refused("mean = 127.5", &format!("mean = {wrong}"));
        assert!(error.contains("a list of three") && error.contains("line"), "{wrong}: {error}");
    }
    let error = refused("mean = 0, ", "mean = [1, 2, 3], ");
    assert!(error.contains("`packs.mine.landmark.input.mean`") && error.contains("single number"), "{error}");
    for wrong in ["[1, inf, 3]", "[nan, 1, 1]"] {
        let error = refused("mean = 127.5", &format!("mean = {wrong}"));
        assert!(error.contains("`packs.mine.embedder.input.mean`"), "{wrong}: {error}");
    }
    let error = refused("\"bgr\", mean = 127.5, scale = 0.0078125", "\"bgr\", mean = 127.5, scale = [1, 0, 1]");
    assert!(error.contains("`packs.mine.embedder.input.scale`"), "{error}");
}

#[test]
fn an_attribute_model_says_how_far_it_is_off() {
    for (old, new, key) in [
        ("error = 9.5\n", "", "age.error"),
        ("error = 9.5", "error = 0", "age.error"),
        ("error = 0.1", "error = 10", "gender.error"),
        ("middle = 0.75", "middle = 1", "gender.middle"),
        ("side.age", "side.liveness", "liveness.error"),
        ("[24, 30]", "[nan, 30]", "age.template"),
    ] {
        let error = with(&format!("{PACK}{}", SIDE.replacen(old, new, 1))).unwrap_err().to_string();
        assert!(error.contains(&format!("`packs.mine.side.{key}`")), "{key}: {error}");
    }
    let error = with(&format!("{PACK}{}", SIDE.replacen(", [38, 46]]", "]", 1))).unwrap_err().to_string();
    assert!(error.contains("`template` has 4 points"), "{error}");
}

#[test]
fn packs_of_one_space_agree_in_what_they_compare() {
    let error = refused("distance = \"l2\"", "distance = \"l2\"\nspace = \"default\"");
    assert!(error.contains("`packs.mine.embedder.space`") && error.contains("pack `centerface`"), "{error}");
    assert!(error.contains("128 numbers and `l2`") && error.contains("512 numbers and `cosine`"), "{error}");
    let catalog = Catalog::builtin();
    let space = |pack: &str| catalog.pack(pack).unwrap().embedder.space.clone();
    assert_eq!((space("default"), space("centerface")), ("default".to_owned(), "default".to_owned()));
    assert_eq!(with(PACK).unwrap().pack("mine").unwrap().embedder.space, "mine", "one of its own");
}

#[test]
fn a_detector_that_gives_points_needs_no_landmarks_and_has_an_input_that_its_grid_fits() {
    let landmark = PACK.split("[packs.mine.landmark]").nth(1).unwrap().split("[packs").next().unwrap();
    let bare = PACK.replace(&format!("[packs.mine.landmark]{landmark}"), "");
    let error = with(&bare).unwrap_err().to_string();
    assert!(error.contains("`packs.mine.landmark`") && error.contains("`ultraface` finds no points"), "{error}");
    let yunet = bare.replace("ultraface", "yunet");
    let error = with(&yunet).unwrap_err().to_string();
    assert!(error.contains("`packs.mine.detector.input`") && error.contains("multiples of 32"), "{error}");
    let yunet = yunet.replace("height = 240", "height = 256");
    assert_eq!(with(&yunet).unwrap().pack("mine").unwrap().detector.fit(), Fit::Letterbox);
    let stretched = yunet.replace("min_score", "fit = \"stretch\"\nmin_score");
    assert_eq!(with(&stretched).unwrap().pack("mine").unwrap().detector.fit(), Fit::Stretch);
}

#[test]
fn gates_may_be_left_out() {
    let gates = PACK.lines().find(|line| line.starts_with("gates")).unwrap();
    let catalog = with(&PACK.replace(gates, "")).unwrap();
    let gates = catalog.pack("mine").unwrap().embedder.gates;
    assert_eq!((gates.drop_norm, gates.warn_norm, gates.min_recognise_px, gates.min_enrol_px), (0.0, 0.0, 32, 64));
}

#[test]
fn a_local_file_is_checked_where_its_sha256_is_known() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let toml = folder.path().join("models.toml");
    std::fs::write(&toml, PACK.replace("/models/landmark.onnx", "detect.onnx")).unwrap();
    for file in ["detect.onnx", "sub/embed.onnx"] {
        std::fs::write(folder.path().join(file), b"a model").unwrap();
    }
    let error = Cache::new(folder.path()).installed(&Catalog::with_file(&toml).unwrap(), "mine").unwrap_err();
    assert!(matches!(&error, ModelsError::WrongLocal { path, .. } if path.ends_with("sub/embed.onnx")), "{error}");
    assert!(error.to_string().contains("0123456789abcdef"), "{error}");
}

#[test]
fn a_built_in_name_cannot_be_taken() {
    let error = with(&PACK.replace("packs.mine", "packs.default")).unwrap_err().to_string();
    assert!(error.contains("`packs.default`") && error.contains("another name"), "{error}");
    let error = with(&PACK.replace("packs.mine", "packs.photos")).unwrap_err().to_string();
    assert!(error.contains("`packs.photos`"), "{error}");
}

#[test]
fn nothing_in_a_package_can_pass_for_an_option_or_leave_the_cache() {
    let package = |key: &str, name: &str, version: &str, archive: &str| {
        let hash = "0".repeat(64);
        with(&format!(
            "[packages.\"{key}\"]\nregistry = \"npm\"\nname = \"{name}\"\nversion = \"{version}\"\narchive = \"{archive}\"\n\
             sha256 = \"{hash}\"\nsize = 1\nlicence = \"MIT\"\n"
        ))
    };
    assert!(package("a-1", "@scope/a", "1.0.0", "scope-a-1.0.0.tgz").is_ok());
    for (key, name, version, archive) in [
        ("../a", "a", "1", "a.tgz"),
        ("local", "a", "1", "a.tgz"),
        (".staging", "a", "1", "a.tgz"),
        ("a", "--registry=x", "1", "a.tgz"),
        ("a", "a b", "1", "a.tgz"),
        ("a", "a", "../../x", "a.tgz"),
        ("a", "a", "1", "../a.tgz"),
        ("a", "a", "1", "a.rar"),
    ] {
        let error = package(key, name, version, archive).unwrap_err();
        assert!(matches!(error, ModelsError::CatalogValue { .. }), "{error}");
    }
}
