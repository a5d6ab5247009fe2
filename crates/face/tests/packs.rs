//! Packs beside the default one: CenterFace on real photos, and networks that somebody brings, described in a models.toml.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::path::{Path, PathBuf};

use face::{Area, Engine, FaceError, Part, RgbImage};
use support::onnx::{Given, constant, pooling, yunet};
use support::{engine, engine_in, engine_of, image};

/// A folder with a models.toml whose pack `mine` has this detector, and an embedder of 147 numbers.
fn brought(test: &str, detector: &str, model: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("detect.onnx"), model).unwrap();
    std::fs::write(folder.join("embed.onnx"), pooling(112, 16)).unwrap();
    let pack = format!(
        r#"
        [packs.mine]
        description = "brought"
        licence = "none"
        origin = "a test"
        [packs.mine.detector]
        file = {{ local = "detect.onnx" }}
        min_score = 0.5
        nms_iou = 0.4
        {detector}
        [packs.mine.embedder]
        file = {{ local = "embed.onnx" }}
        input = {{ width = 112, height = 112, channels = "rgb", mean = 127.5, scale = 0.0078125 }}
        dim = 147
        template = [[38.3, 51.7], [73.5, 51.5], [56, 71.7], [41.5, 92.4], [70.7, 92.2]]
        distance = "cosine"
        "#
    );
    std::fs::write(folder.join("models.toml"), pack).unwrap();
    folder
}

const YUNET: &str = "kind = \"yunet\"\ninput = { width = 64, height = 64, channels = \"bgr\", mean = 0, scale = 1 }";

fn opened(test: &str, outputs: &[Given]) -> Result<Engine, FaceError> {
    engine_in(&brought(test, YUNET, &constant(&[1, 3, 64, 64], outputs)))
}

fn grey(width: u32, height: u32) -> RgbImage {
    RgbImage::new(width, height, (0..width * height * 3).map(|at| (at % 251) as u8).collect()).unwrap()
}

#[test]
fn a_face_in_a_letterboxed_input_is_found_at_its_place_with_its_points() {
    let mut engine = opened("letterbox", &yunet(64, 16, (1, 0))).unwrap();
    // 640×320 is shown ten times smaller in the upper half: the face is at 8 to 40 across and -8 to 24 down there.
    let found = engine.detect(&grey(640, 320), 1.0).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].area.to_pixels(), [80, 0, 400, 240], "squared, and cut by the picture's edge");
    assert!((found[0].score - 0.9).abs() < 1e-5);
    let five = found[0].five.unwrap();
    assert!((five[0].x - 176.0).abs() < 0.01 && (five[0].y - 16.0).abs() < 0.01, "{five:?}");
    let landmarks = engine.landmarks(&grey(640, 320), &found[0]).unwrap();
    assert_eq!(landmarks, five, "the detector's, without a landmark model");
}

#[test]
fn a_face_in_a_tile_is_found_at_its_place_with_its_points() {
    let mut engine = opened("tile", &yunet(64, 16, (1, 1))).unwrap();
    let tile = Part::Tile(Area { left: 320, top: 160, width: 128, height: 128 });
    let found = engine.detect_in(&grey(640, 320), 1.0, &[tile]).unwrap();
    // The cell's middle is (24, 24) of the tile's 64, each two pixels of the picture.
    assert_eq!(found[0].area.to_pixels(), [336, 176, 400, 240]);
    let five = found[0].five.unwrap();
    assert!(
        (five[4].x - (320.0 + 2.0 * 24.0)).abs() < 0.01 && (five[4].y - (160.0 + 2.0 * 24.0)).abs() < 0.01,
        "{five:?}"
    );
}

#[test]
fn a_detector_that_does_not_fit_is_told_with_what_the_file_gives() {
    let mut outputs = yunet(64, 16, (0, 0));
    outputs.retain(|(name, ..)| *name != "kps_16");
    let error = opened("lacking", &outputs).unwrap_err().to_string();
    assert!(error.contains("cls_8") && error.contains("64, 16, 4 cells"), "{error}");
    assert!(error.contains("`bbox_16` 1×16×4") && !error.contains("`kps_16`"), "{error}");

    for (kind, wanted) in
        [("scrfd", "N×10 points for N = 128, 32, 8"), ("centerface", "1×10×16×16"), ("ultraface", "1×N×4")]
    {
        let landmark = "[packs.mine.landmark]\nkind = \"points68\"\nfile = { local = \"embed.onnx\" }\ninput = { width = 64, height = 64, \
                        channels = \"grey\", mean = 0, scale = 1 }";
        let detector = format!("{}\n{landmark}", YUNET.replace("yunet", kind));
        let model = constant(&[1, 3, 64, 64], &yunet(64, 16, (0, 0)));
        let error = engine_in(&brought(kind, &detector, &model)).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("`cls_8` 1×64×1"), "{kind}: {error}");
    }
}

#[test]
fn centerface_finds_the_faces_of_a_group_and_points_that_recognise_them() {
    let mut engine = engine_of("centerface");
    let found = engine.faces(&image("t1.jpg"), 1.0).unwrap();
    assert_eq!(found.faces.len(), 6);
    // The same embedder as the default pack's, aligned by other points: the same people.
    let by_default = support::engine().faces(&image("t1.jpg"), 1.0).unwrap();
    for face in &found.faces {
        let nearest = by_default.faces.iter().map(|other| dot(&face.embedding.vector, &other.embedding.vector));
        let nearest = nearest.fold(f32::MIN, f32::max);
        assert!(nearest > 0.5, "{nearest}");
    }
}

#[test]
fn centerface_finds_a_photo_that_is_all_face_and_small_faces_in_tiles() {
    let mut engine = engine_of("centerface");
    assert_eq!(engine.faces(&image("obama_partial_face.jpg"), 1.0).unwrap().faces.len(), 1);
    let group = image("t1.jpg");
    let tiles = Part::grid(&group, 2, 2);
    let parts: Vec<Part> = [Part::Whole].into_iter().chain(tiles).collect();
    let (whole, tiled) = (engine.detect(&group, 1.0).unwrap(), engine.detect_in(&group, 1.0, &parts).unwrap());
    assert_eq!((whole.len(), tiled.len()), (6, 6), "a face that the whole and a tile show is there once");
    assert!(tiled.iter().all(|face| face.five.is_some()));
    let blank = RgbImage::new(640, 480, vec![127; 640 * 480 * 3]).unwrap();
    assert!(engine.detect(&blank, 1.0).unwrap().is_empty());
}

#[test]
fn people_of_one_space_are_known_by_either_pack() {
    let embedding =
        |engine: &mut Engine, photo: &str| engine.faces(&image(photo), 1.0).unwrap().faces[0].embedding.vector.clone();
    let (mut default, mut centerface) = (engine(), engine_of("centerface"));
    let enrolled = embedding(&mut default, "obama.jpg");
    assert!(dot(&enrolled, &embedding(&mut centerface, "obama2.jpg")) > 0.5);
    assert!(dot(&enrolled, &embedding(&mut centerface, "biden.jpg")) < 0.3);
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
