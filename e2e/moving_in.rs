//! Moving in from the original: its face database and its settings, with the real program.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::Home;

/// Pickles that Python wrote; crates/moving/tests/fixtures/make.py has how.
fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../moving/tests/fixtures");
    folder.join(format!("{name}.pkl")).display().to_string()
}

fn write(home: &Home, name: &str, content: &[u8]) -> PathBuf {
    let file = home.file(name);
    std::fs::write(&file, content).unwrap();
    file
}

/// An installation without any model.
fn without_models() -> Home {
    let home = Home::new();
    let folder = home.file("no-models").display().to_string();
    home.with("MODELS_DIR", folder)
}

const PULL: &str = "run `vultus models pull dlib` so that they are recognised\n";

#[test]
fn a_face_database_moves_in_without_models_and_once() {
    let home = without_models();
    let database = fixture("lists_of_arrays");
    let said = home.run(&["people", "import", &database, "--dry-run"]).succeeded();
    assert_eq!(said, format!("2 people with 3 encodings would be imported, 0 skipped\n{PULL}"));
    assert_eq!(home.run(&["people", "list"]).succeeded(), "");

    let said = home.run(&["people", "import", &database]).succeeded();
    assert_eq!(said, format!("2 people with 3 encodings imported, 0 skipped\n{PULL}"));
    assert_eq!(home.run(&["people", "list"]).succeeded(), "obama\nbiden\n");

    let said = home.run(&["people", "import", &database]).succeeded();
    assert_eq!(said, format!("0 people with 0 encodings imported, 0 skipped, 3 already there\n{PULL}"));
    // The same people in another form.
    let again = home.run(&["people", "import", &fixture("parallel_arrays"), "--json"]).json();
    assert_eq!((&again["people"], &again["encodings"], &again["already_there"]), (&json!(0), &json!(0), &json!(3)));
    assert_eq!(again["skipped"], 0);
    assert_eq!(home.run(&["people", "list"]).succeeded(), "obama\nbiden\n");
}

#[tokio::test]
async fn encodings_are_kept_to_the_bit_with_their_length() {
    let home = without_models();
    home.run(&["people", "import", &fixture("protocol0")]).succeeded();
    let store = store::Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let people = store.people(&["dlib"]).await.unwrap().people;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../moving/tests/fixtures/encodings.json");
    let known: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for person in people {
        let expected: Vec<f32> = serde_json::from_value(known[&person.name].clone()).unwrap();
        assert_eq!(person.templates.len(), 1);
        assert_eq!(person.templates[0].embedding, expected);
        let length = expected.iter().map(|number| number * number).sum::<f32>().sqrt();
        let norm = store.whole_person(&person.name).await.unwrap().unwrap().templates[0].norm;
        assert!((norm - length).abs() < 1e-5 && (length - 1.0).abs() > 0.01, "{length}");
    }
}

#[test]
fn what_is_wrong_with_one_person_is_said_and_the_others_move_in() {
    let home = without_models();
    let done = home.run(&["people", "import", &fixture("flawed"), "--json"]);
    for line in [
        "obama, encoding 2: its encoding has 127 numbers instead of 128",
        "nan: its encoding holds a number that is not finite",
        "none: there is nothing (None) instead of an encoding",
        "the name is empty",
        "the name has 101 characters, at most 100 are allowed",
    ] {
        assert!(done.stderr.contains(line), "{line}: {}", done.stderr);
    }
    let told = done.json();
    assert_eq!((&told["people"], &told["encodings"], &told["skipped"]), (&json!(2), &json!(2), &json!(5)));
    assert_eq!(told["reasons"].as_array().unwrap().len(), 5);
    done.succeeded();
    assert_eq!(home.run(&["people", "list"]).succeeded(), "obama\nbiden\n");
}

#[test]
fn one_face_under_two_names_is_warned_of() {
    let home = without_models();
    let done = home.run(&["people", "import", &fixture("alike")]);
    let warnings: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("warning: barack and obama have nearly the same face (distance 0.11)"),
        "{warnings:?}"
    );
    done.succeeded();
}

#[test]
fn another_face_under_a_name_that_is_taken_needs_force() {
    let home = without_models();
    home.run(&["people", "import", &fixture("protocol4")]).succeeded();
    // {'biden': obama's encoding}, as a list of numbers.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../moving/tests/fixtures/encodings.json");
    let known: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut pickle = b"}S'biden'\n(".to_vec();
    for number in known["obama2"].as_array().unwrap() {
        pickle.extend(format!("F{number}\n").bytes());
    }
    pickle.extend(b"ls.");
    let other = write(&home, "other.db", &pickle).display().to_string();
    let done = home.run(&["people", "import", &other]);
    assert!(done.stderr.contains("biden: it is unlike the encodings that are enrolled by this name"), "{done:?}");
    done.failed_with(1);
    let done = home.run(&["people", "import", &other, "--force"]);
    assert!(done.succeeded().starts_with("1 person with 1 encoding imported, 0 skipped\n"));
}

#[test]
fn a_pickle_that_is_no_face_database_says_what_it_is_and_nothing_is_run() {
    let home = without_models();
    let touched = home.file("touched");
    let hostile = format!("cos\nsystem\n(S'touch {}'\ntR.", touched.display());
    // Told by its content: the name says nothing.
    let hostile = write(&home, "faces.zip", hostile.as_bytes()).display().to_string();
    let said = home.run(&["people", "import", &hostile]).failed_with(1);
    assert!(said.contains("the file wants to run `os.system`: that is no face database"), "{said}");
    assert!(!touched.exists());
    for (name, why) in [
        ("classifier", "a model of scikit-learn (`sklearn.neighbors._classification.KNeighborsClassifier`)"),
        ("settings_instead", "the pickle holds a dict, not names with encodings; docs/guide/moving-in.md"),
        ("nobody", "nobody is in it"),
    ] {
        let said = home.run(&["people", "import", &fixture(name)]).failed_with(1);
        assert!(said.contains(why), "{name}: {said}");
    }
    let whole = std::fs::read(fixture("protocol4")).unwrap();
    let cut = write(&home, "cut.pkl", &whole[..1000]).display().to_string();
    let said = home.run(&["people", "import", &cut]).failed_with(1);
    assert!(said.contains("cut.pkl: the file is cut off after 1000 bytes: copy it again"), "{said}");
    let said = home.run(&["people", "import", &fixture("protocol4"), "--pack", "default"]).failed_with(1);
    assert!(said.contains("leave --pack out"), "{said}");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "");
}

const SETTINGS_PY: &str = r#"
import os

# --- camera ---
VIDEO_SOURCE = 0
SCALE = 0.5
COOLDOWN: int = int(os.getenv("COOLDOWN", "7"))
TH_ACCEPT = 0.42      # stricter than before
SHOW_WINDOW = True
WEBHOOK_URL = ("http://localhost:3000"
               "/face-event")
WS_ENABLE = os.environ.get("WS", "true")
WS_URL = 'ws://localhost:3001/ws/face-stream'
DB_PATH = os.path.join("data", "face_db.pkl")
WS_JPEG_QUALITY = 7 * 10
"#;

#[test]
fn a_settings_py_becomes_a_vultus_toml_that_is_in_force() {
    let home = Home::new();
    write(&home, "settings.py", SETTINGS_PY.as_bytes());
    let done = home.run(&["config", "import", "settings.py", "--dry-run"]);
    assert!(done.stdout.ends_with("8 settings would be written to vultus.toml, 2 left out\n"), "{done:?}");
    assert!(!home.file("vultus.toml").exists());

    let done = home.run(&["config", "import", "settings.py"]);
    assert_eq!(
        done.stderr.lines().collect::<Vec<_>>(),
        [
            "settings.py line 14: DB_PATH is left out: there is no such setting",
            "settings.py line 15: WS_JPEG_QUALITY is left out: it is a calculation, which is not run: write the result",
        ]
    );
    let said = done.succeeded();
    assert!(said.contains("settings.py line 8: TH_ACCEPT = \"0.42\"\n"), "{said}");
    assert!(said.ends_with("8 settings written to vultus.toml, 2 left out\n"), "{said}");
    let shown = home.run(&["config"]).succeeded();
    for (name, value) in [("COOLDOWN", "7"), ("TH_ACCEPT", "0.42"), ("WS_ENABLE", "true")] {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), [name, "=", value, "#", "vultus.toml"]);
    }

    let said = home.run(&["config", "import", "settings.py"]).failed_with(1);
    assert!(said.contains("vultus.toml is there already: --force writes over it"), "{said}");
    home.run(&["config", "import", "settings.py", "--force"]).succeeded();
    home.run(&["config", "import", "settings.py", "--output", "other.toml"]).succeeded();
    assert_eq!(std::fs::read(home.file("other.toml")).unwrap(), std::fs::read(home.file("vultus.toml")).unwrap());
}

#[test]
fn a_setting_that_is_not_allowed_is_told_with_its_line_and_nothing_is_written() {
    let home = Home::new();
    write(&home, "settings.py", b"COOLDOWN = 5\nTH_ACCEPT = 'near'\n");
    let said = home.run(&["config", "import", "settings.py"]).failed_with(1);
    assert!(said.contains("settings.py line 2: TH_ACCEPT = \"near\" is not allowed: use "), "{said}");
    assert!(said.contains("nothing is written") && !home.file("vultus.toml").exists(), "{said}");
    write(&home, "other.py", b"print('hello')\n");
    let said = home.run(&["config", "import", "other.py"]).failed_with(1);
    assert!(said.contains("other.py has no setting that is known here"), "{said}");
    write(&home, "large.py", &[b'#'; 1_000_001]);
    let said = home.run(&["config", "import", "large.py"]).failed_with(1);
    assert!(said.contains("large.py is larger than the 1 MB that are read"), "{said}");
}

#[test]
fn a_dotenv_is_read_too_even_where_the_settings_in_force_are_broken() {
    let home = Home::new();
    write(&home, "vultus.toml", b"NO_SUCH_SETTING = 1\n");
    write(&home, ".env", b"export VIDEO_SOURCE=rtsp://user:secret@10.0.0.5/1\nTH_ACCEPT=0.4 # strict\n");
    let said = home.run(&["config", "import", ".env", "--force"]).succeeded();
    assert!(!said.contains("secret") && said.contains("2 settings written to vultus.toml, 0 left out"), "{said}");
    let shown = home.run(&["config"]).succeeded();
    assert!(shown.lines().any(|line| line.starts_with("TH_ACCEPT") && line.contains("0.4")), "{shown}");
}
