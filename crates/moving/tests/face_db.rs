//! Pickles that Python wrote, in the forms in which projects keep their faces.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use moving::{FaceDb, FaceDbError, Sheet, looks_like_pickle};

const DIM: usize = 128;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.pkl"))).unwrap()
}

fn read(name: &str) -> FaceDb {
    FaceDb::read(&fixture(name), DIM).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// dlib's encodings of the sample photos.
fn encodings() -> BTreeMap<String, Vec<f32>> {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join("encodings.json")).unwrap()).unwrap()
}

/// Everybody's encodings, whatever the form in which they stand.
fn by_name(db: &FaceDb) -> BTreeMap<String, Vec<Vec<f32>>> {
    let mut people: BTreeMap<String, Vec<Vec<f32>>> = BTreeMap::new();
    for Sheet { name, encodings } in &db.sheets {
        people.entry(name.clone()).or_default().extend(encodings.iter().cloned());
    }
    people
}

/// What a form with these photos of obama, and one of biden, comes to.
fn expected(of_obama: &[&str]) -> BTreeMap<String, Vec<Vec<f32>>> {
    let known = encodings();
    let of_obama = of_obama.iter().map(|photo| known[*photo].clone()).collect();
    BTreeMap::from([("obama".to_owned(), of_obama), ("biden".to_owned(), vec![known["biden"].clone()])])
}

#[test]
fn every_protocol_and_both_numpys_give_dlibs_numbers_to_the_bit() {
    for protocol in 0..=5 {
        for name in [format!("protocol{protocol}"), format!("numpy1_protocol{protocol}")] {
            let db = read(&name);
            assert_eq!(by_name(&db), expected(&["obama"]), "{name}");
            assert!(db.skipped.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_form_with_one_encoding_a_person_is_understood() {
    for name in [
        "lists_of_floats",
        "single_precision",
        "big_endian",
        "records",
        "encodings_then_names",
        "names_then_encodings",
        "ordered",
        "names_as_bytes",
        "array_of_objects",
        "scalars",
        "numpy1_scalars",
    ] {
        let db = read(name);
        assert_eq!(by_name(&db), expected(&["obama"]), "{name}");
        assert!(db.skipped.is_empty(), "{name}: {:?}", db.skipped);
    }
}

#[test]
fn every_form_with_several_encodings_a_person_is_understood() {
    for name in
        ["lists_of_arrays", "matrices", "columns_first", "parallel_lists", "parallel_arrays", "pairs", "grouped"]
    {
        let db = read(name);
        assert_eq!(by_name(&db), expected(&["obama", "obama2"]), "{name}");
        assert!(db.skipped.is_empty(), "{name}: {:?}", db.skipped);
    }
}

#[test]
fn what_is_wrong_with_one_is_said_and_the_others_are_taken() {
    let db = read("flawed");
    let names: Vec<&str> = db.sheets.iter().map(|sheet| sheet.name.as_str()).collect();
    // Names are not judged here.
    assert_eq!(names, ["obama", " ", &"x".repeat(101), "biden"]);
    assert_eq!(db.sheets[0].encodings.len(), 1);
    let skipped: Vec<String> = db.skipped.iter().map(|skipped| format!("{}: {}", skipped.who, skipped.why)).collect();
    assert_eq!(
        skipped,
        [
            "obama, encoding 2: its encoding has 127 numbers instead of 128",
            "nan: its encoding holds a number that is not finite",
            "none: there is nothing (None) instead of an encoding",
        ]
    );
}

#[test]
fn numbers_that_no_network_gives_are_left_out() {
    let db =
        FaceDb::read(b"(dp0\nS'Ann'\n(lF1e19\naF1e19\nasS'Bob'\n(lF0.5\naF1000.0\nasS'Cy'\n(lF0.5\naF-1001.0\nas.", 2)
            .unwrap();
    assert_eq!(db.sheets, [Sheet { name: "Bob".to_owned(), encodings: vec![vec![0.5, 1000.0]] }]);
    let skipped: Vec<_> = db.skipped.iter().map(|skipped| (skipped.who.as_str(), skipped.why.as_str())).collect();
    let why = "its encoding holds a number that no network gives";
    assert_eq!(skipped, [("Ann", why), ("Cy", why)]);
}

#[test]
fn an_empty_database_is_empty_and_something_else_is_said_to_be() {
    assert!(read("nobody").is_empty());
    let error = FaceDb::read(&fixture("settings_instead"), DIM).unwrap_err();
    assert_eq!(error.to_string(), "the pickle holds a dict, not names with encodings");
    let error = FaceDb::read(&fixture("classifier"), DIM).unwrap_err().to_string();
    assert!(error.contains("sklearn.neighbors._classification.KNeighborsClassifier"), "{error}");
}

#[test]
fn encodings_of_another_model_are_said_to_be() {
    let db = FaceDb::read(&fixture("protocol5"), 512).unwrap();
    assert!(db.sheets.is_empty());
    assert_eq!(db.skipped[0].why, "its encoding has 128 numbers instead of 512");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for name in ["protocol0", "protocol2", "protocol4", "protocol5", "parallel_arrays"] {
        let whole = fixture(name);
        for length in 0..whole.len() {
            let error = FaceDb::read(&whole[..length], DIM).unwrap_err();
            assert!(matches!(error, FaceDbError::Pickle(_)), "{name} at {length}: {error}");
        }
    }
}

#[test]
fn pickles_are_known_by_their_content() {
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_pickle = path.extension().is_some_and(|ending| ending == "pkl");
        assert_eq!(looks_like_pickle(&bytes, *bytes.last().unwrap()), is_pickle, "{}", path.display());
    }
    assert!(!looks_like_pickle(b"", 0) && !looks_like_pickle(b"PK\x03\x04", 0) && !looks_like_pickle(b"\x89PNG", b'.'));
}

#[test]
fn a_database_of_python_2_is_read() {
    // {'Ann': [0.5, 1.5]} as Python 2 writes it, in its protocols 0 and 2.
    let oldest = b"(dp0\nS'Ann'\np1\n(lp2\nF0.5\naF1.5\nas.";
    let newer = b"\x80\x02}q\x00U\x03Annq\x01]q\x02(G?\xe0\x00\x00\x00\x00\x00\x00G?\xf8\x00\x00\x00\x00\x00\x00es.";
    for pickle in [&oldest[..], newer] {
        let db = FaceDb::read(pickle, 2).unwrap();
        assert_eq!(db.sheets, [Sheet { name: "Ann".to_owned(), encodings: vec![vec![0.5, 1.5]] }]);
    }
}
