//! `vultus eval`: labelled photos and the people who are enrolled, measured through the program.

use std::path::Path;

use serde_json::{Value, json};
use store::{NewTemplate, Store};

use crate::support::{Home, blank, photo, photo_path};

/// A folder name that somebody chose to run in a reader's browser.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

fn write(home: &Home, name: &str, content: &[u8]) {
    let file = home.file(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

/// Three people of whom one has three photos, a photo without a face, a broken one, and a file that is none.
fn faces(home: &Home) {
    for (name, sample) in [
        ("obama/obama_0001.jpg", "obama.jpg"),
        ("obama/obama_0002.jpg", "obama2.jpg"),
        ("obama/obama_0003.jpg", "obama3.jpg"),
        ("biden/biden_0001.jpg", "biden.jpg"),
        (&format!("{HOSTILE}/1.jpg"), "astronaut.png"),
    ] {
        write(home, &format!("faces/{name}"), &photo(sample));
    }
    write(home, "faces/biden/biden_0002.jpg", &blank());
    write(home, "faces/biden/broken.jpg", &photo("biden.jpg")[..2_000]);
    write(home, "faces/biden/notes.txt", b"no photo");
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn a_folder_of_photos_is_measured_and_nothing_of_a_name_is_markup() {
    let home = Home::new();
    faces(&home);
    let done = home.run(&["eval", "faces", "--json", "--html", "report.html"]);
    let report = done.json();
    assert!(done.stderr.contains("biden/broken.jpg"), "{}", done.stderr);
    done.succeeded();
    assert_eq!((&report["photos"], &report["faces"], &report["missed"]), (&json!(7), &json!(5), &json!(1)), "{report}");
    assert_eq!(report["missed_files"], json!(["biden/biden_0002.jpg"]));
    assert_eq!((&report["identities"], &report["failures"]["unreadable"]), (&json!(3), &json!(1)));
    // The three of Obama, and Biden's two of which one shows no face; impostors: 3 × 2 + 3 × 1 + 2 × 1, seven of them with faces.
    assert_eq!(report["pairs"], json!({"genuine": 4, "impostor": 11, "impostor_all": 7}));
    // Obama's photos find each other; Biden's photo has none to find, and the other is missed.
    assert_eq!((&report["rank1"], &report["rank5"]), (&json!(0.6), &json!(0.6)));
    assert_eq!(report["tar_at_fmr"], json!({"1e-2": null, "1e-3": null, "1e-4": null}));
    // Each of Obama's three is nearer than all impostors; the missed pair ties with the four missed impostor pairs.
    let auc = report["auc"].as_f64().unwrap();
    assert!((auc - (3.0 * 11.0 + 2.0) / 44.0).abs() < 1e-5, "{auc}");
    let nearest = &report["worst"]["impostor"][0];
    assert!(nearest["distance"].as_f64().unwrap() > 0.45, "{nearest}");
    assert!(report["times"]["embed"]["median"].as_f64().unwrap() > 0.0);

    let page = read(&home.file("report.html"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;/1.jpg"));
    assert!(!page.contains("<img src=x") && !page.contains("<script"));
    assert!(page.matches("src=\"data:image/jpeg;base64,/9j/").count() >= 6 && page.contains("<svg"));
}

#[test]
fn a_list_of_pairs_is_measured_in_either_format() {
    let home = Home::new();
    faces(&home);
    let lfw = "2\nobama\t1\t2\nobama\t1\t3\nobama\t1\tbiden\t1\nobama\t2\tbiden\t2\n";
    write(&home, "faces/pairs.txt", lfw.as_bytes());
    let report = home.run(&["eval", "faces", "--pairs", "pairs.txt", "--json", "--html", "list.html"]).json();
    assert!(read(&home.file("list.html")).contains("No genuine pair is refused"));
    assert_eq!(report["pairs"], json!({"genuine": 2, "impostor": 2, "impostor_all": 3}));
    assert_eq!((&report["auc"], &report["eer"], &report["missed"]), (&json!(1.0), &json!(0.0), &json!(1)));

    write(&home, "all/a.jpg", &photo("obama.jpg"));
    write(&home, "all/b.jpg", &photo("obama2.jpg"));
    write(&home, "all/c.jpg", &photo("biden.jpg"));
    write(&home, "pairs.csv", b"file_x,file_y,same\na.jpg,b.jpg,Yes\na.jpg,c.jpg,No\nb.jpg,gone.jpg,No\n");
    let done = home.run(&["eval", "all", "--pairs", "pairs.csv", "--json"]);
    let report = done.json();
    assert_eq!((&report["identities"], &report["rank1"]), (&Value::Null, &Value::Null));
    assert_eq!(report["pairs"], json!({"genuine": 1, "impostor": 1, "impostor_all": 1}));
    assert_eq!((&report["failures"]["skipped_pairs"], &report["auc"]), (&json!(1), &json!(1.0)));
    assert!(done.stderr.contains("gone.jpg"), "{}", done.stderr);

    write(&home, "bad.csv", b"a.jpg,b.jpg,Yes\na.jpg,../c.jpg,No\n");
    let said = home.run(&["eval", "all", "--pairs", "bad.csv"]).failed_with(1);
    assert!(said.contains("bad.csv: line 2: `../c.jpg` leads out"), "{said}");
}

#[test]
fn a_wanted_threshold_that_so_few_photos_cannot_show_is_refused() {
    let home = Home::new();
    faces(&home);
    let done = home.run(&["eval", "faces", "--fmr", "0.5", "--json"]);
    let proposal = done.json()["proposal"].clone();
    assert_eq!((&proposal["false_matches"], &proposal["impostor_pairs"]), (&json!(3), &json!(7)), "{proposal}");
    done.succeeded();
    let said = home.run(&["eval", "faces", "--fpir", "0.001", "--people", "500"]).failed_with(1);
    assert!(said.contains("no TH_ACCEPT can be proposed") && said.contains("7 impostor pairs"), "{said}");
    home.run(&["eval", "faces", "--fpir", "0.001"]).failed_with(2);
    let said = home.run(&["eval", "faces", "--fmr", "nan"]).failed_with(1);
    assert!(said.contains("--fmr must lie above 0"), "{said}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let home = Home::new();
    write(&home, "one/obama/1.jpg", &photo("obama.jpg"));
    std::fs::create_dir(home.file("none")).unwrap();
    for (arguments, words) in [
        (&["eval", "one"][..], "at least two people"),
        (&["eval", "none"], "no photos"),
        (&["eval", "missing"], "is no folder"),
        (&["eval", "one", "--pairs", "missing.csv"], "missing.csv is neither here nor in one"),
        (&["eval", "--gallery"], "nobody is enrolled"),
    ] {
        let said = home.run(arguments).failed_with(1);
        assert!(said.contains(words), "{said}");
    }
    write(&home, "one/biden/1.jpg", &photo("biden.jpg"));
    let said = home.run(&["eval", "one", "--pack", "nonsense"]).failed_with(1);
    assert!(said.contains("nonsense") && said.contains("`default`"), "{said}");
    let said = home.run(&["eval", "one"]).failed_with(1);
    assert!(said.contains("nobody has two photos"), "{said}");
    // Before any photo is looked at.
    let said = home.run(&["eval", "one", "--html", "nowhere/report.html"]).failed_with(1);
    assert!(said.contains("cannot write nowhere/report.html"), "{said}");
    write(&home, "one/biden/2.jpg", &photo("biden.jpg"));
    let said = home.run(&["eval", "one", "--curve"]).failed_with(1);
    assert!(said.contains("2 impostor pairs are too few for a curve"), "{said}");
    home.run(&["eval"]).failed_with(2);
}

/// Enrols somebody as an older database may have it, past what is asked of a photo today.
async fn enrol(home: &Home, name: &str, sample: &str) {
    let seen = home.run(&["recognize", photo_path(sample).to_str().unwrap(), "--json", "--embedding"]).json();
    let embedding: Vec<f32> = serde_json::from_value(seen[0]["faces"][0]["embedding"].clone()).unwrap();
    let store = Store::open(&format!("sqlite:{}", home.file("vultus.db").display())).await.unwrap();
    let template = NewTemplate { model: "default", embedding: &embedding, norm: 4.0, event: None, photo: None };
    store.enrol(name, &[template]).await.unwrap();
}

#[tokio::test]
async fn people_who_are_confused_with_each_other_are_named() {
    let home = Home::new();
    for (name, sample) in
        [("obama", "obama.jpg"), ("Barack", "obama2.jpg"), ("biden", "biden.jpg"), ("biden", "astronaut.png")]
    {
        enrol(&home, name, sample).await;
    }
    let report = home.run(&["eval", "--gallery", "--json", "--html", "gallery.html"]).json();
    assert_eq!((&report["people"], &report["photos"], &report["single_photo"]), (&json!(3), &json!(4), &json!(2)));
    let confused = &report["confused"][0];
    assert_eq!(
        (&confused["a"], &confused["b"], &confused["below_threshold"]),
        (&json!("obama"), &json!("Barack"), &json!(true))
    );
    assert_eq!(report["confused"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["disagreeing"][0]["name"], "biden");
    assert_eq!(report["pairs"]["genuine"], 1);
    assert!(read(&home.file("gallery.html")).contains("Barack"));
    let said = home.run(&["eval", "--gallery"]).succeeded();
    assert!(said.contains("obama and Barack") && said.contains("photo 1 of biden"), "{said}");
}
