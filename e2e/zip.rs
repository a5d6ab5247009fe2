//! `POST /register-faces`: many photos in one archive, from people and from attackers.

use serde_json::{Value, json};

use crate::support::{Answer, Home, archive, blank, edited, encrypted_archive, photo};

fn small() -> Vec<u8> {
    edited("obama.jpg", "scale=455:-1", "jpg")
}

/// `file → name`, or `file ! code`, one for each entry.
fn told(answer: &Answer) -> Vec<String> {
    let body = answer.ok();
    assert_eq!(body["status"], "ok");
    let results = body["results"].as_array().expect("a list").clone();
    let enrolled = results.iter().filter(|result| result["status"] == "enrolled").count();
    assert_eq!((&body["enrolled"], &body["failed"]), (&json!(enrolled), &json!(results.len() - enrolled)));
    results.iter().map(in_words).collect()
}

fn in_words(result: &Value) -> String {
    let text = |field: &str| result[field].as_str().unwrap_or("null").to_owned();
    match result["status"].as_str() {
        Some("enrolled") => format!("{} → {}", text("file"), text("name")),
        Some("failed") if !text("message").is_empty() => format!("{} ! {}", text("file"), text("error")),
        _ => panic!("{result}"),
    }
}

#[tokio::test]
async fn everybody_is_enrolled_by_file_stem_or_folder_in_the_archives_order() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let (obama, obama2, biden) = (photo("obama.jpg"), photo("obama2.jpg"), photo("biden.jpg"));
    let zip = archive(&[("obama/", b""), ("obama/1.jpg", &obama), ("biden.jpg", &biden), ("obama/2.jpg", &obama2)]);
    let answer = vultus.register_faces(zip).await;
    assert_eq!(told(&answer), ["obama/1.jpg → obama", "biden.jpg → biden", "obama/2.jpg → obama"]);
    assert_eq!(answer.json()["results"][2]["templates"], 2);
    assert_eq!(vultus.faces().await, ["obama", "biden"]);
    let seen = vultus.recognize(photo("obama3.jpg")).await.ok();
    assert_eq!(seen["faces"][0]["name"], "obama");
}

#[tokio::test]
async fn one_bad_entry_never_spoils_the_others() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let (good, empty) = (small(), blank());
    let long_name = format!("{}.jpg", "x".repeat(101));
    let zip = archive(&[
        ("nobody.jpg", &empty),
        ("text.jpg", b"no image"),
        ("cut off.jpg", &good[..good.len() / 2]),
        ("empty.jpg", b""),
        ("animated.gif", b"GIF89a"),
        (&long_name, &good),
        ("../../x.jpg", &good),
        ("good.jpg", &good),
        ("good.png", &good),
    ]);
    let answer = vultus.register_faces(zip).await;
    assert_eq!(
        told(&answer),
        [
            "nobody.jpg ! no_face".to_owned(),
            "text.jpg ! not_an_image".to_owned(),
            "cut off.jpg ! damaged_image".to_owned(),
            "empty.jpg ! not_an_image".to_owned(),
            "animated.gif ! unsupported_format".to_owned(),
            format!("{long_name} ! bad_name"),
            "../../x.jpg ! unsafe_path".to_owned(),
            "good.jpg → good".to_owned(),
            "good.png ! duplicate_name".to_owned(),
        ]
    );
    assert_eq!(vultus.faces().await, ["good"]);
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_archive_writes_no_file() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let outside = home.file("outside.jpg");
    let (good, absolute) = (small(), outside.display().to_string());
    vultus
        .register_faces(archive(&[("../outside.jpg", &good), (&absolute, &good), ("a/../outside.jpg", &good)]))
        .await
        .ok();
    assert!(!outside.exists());
    let files: Vec<_> = std::fs::read_dir(home.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|file| file.to_string_lossy().starts_with("vultus.db")), "{files:?}");
}

#[tokio::test]
async fn unicode_names_are_kept_and_what_macos_leaves_is_passed_over() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let good = small();
    let zip = archive(&[
        ("Катя.jpg", &good),
        ("__MACOSX/._Катя.jpg", b"junk"),
        (".DS_Store", b"junk"),
        ("小明/1.jpg", &good),
        ("小明/Thumbs.db", b"junk"),
        ("Jose\u{301}.jpg", &good),
    ]);
    assert_eq!(
        told(&vultus.register_faces(zip).await),
        ["Катя.jpg → Катя", "小明/1.jpg → 小明", "Jose\u{301}.jpg → José"]
    );
    assert_eq!(vultus.faces().await, ["Катя", "小明", "José"]);
    vultus.unregister("Jose\u{301}").await.ok();
}

#[tokio::test]
async fn a_zip_bomb_costs_little_and_the_entry_after_it_is_read() {
    let home = Home::new().with("MAX_IMAGE_MB", "2").with("MAX_ZIP_MB", "4");
    let vultus = home.start(&["api"]).await;
    let before = vultus.peak_memory_mb();
    let (good, zeros) = (small(), vec![0; 300_000_000]);
    let zip = archive(&[("bomb.jpg", &zeros), ("good.jpg", &good)]);
    assert!(zip.len() < 1_000_000);
    assert_eq!(told(&vultus.register_faces(zip).await), ["bomb.jpg ! too_large", "good.jpg → good"]);
    assert!(vultus.peak_memory_mb() < before + 200, "{before} MB became {} MB", vultus.peak_memory_mb());
}

#[tokio::test]
async fn an_archive_that_unpacks_to_too_much_in_all_is_cut_off() {
    let home = Home::new().with("MAX_IMAGE_MB", "1").with("MAX_ZIP_MB", "1");
    let vultus = home.start(&["api"]).await;
    let zeros = vec![0; 900_000];
    let names: Vec<String> = (0..6).map(|i| format!("p{i}.jpg")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), zeros.as_slice())).collect();
    let told = told(&vultus.register_faces(archive(&entries)).await);
    assert_eq!(told[3..], ["p3.jpg ! not_an_image", "p4.jpg ! archive_too_large", "p5.jpg ! archive_too_large"]);
}

#[tokio::test]
async fn an_archive_with_too_many_entries_is_refused_whole() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let names: Vec<String> = (0..20_001).map(|i| format!("{i}.jpg")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert_eq!(vultus.register_faces(archive(&entries)).await.error(), "413 too_many_entries");
}

#[tokio::test]
async fn what_is_no_zip_or_half_a_zip_is_refused() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let good = small();
    let whole = archive(&[("good.jpg", &good)]);
    for (what, bytes) in
        [("text", b"no archive".to_vec()), ("nothing", Vec::new()), ("half", whole[..whole.len() / 2].to_vec())]
    {
        assert_eq!(vultus.register_faces(bytes).await.error(), "400 not_a_zip", "{what}");
    }
    assert_eq!(told(&vultus.register_faces(archive(&[])).await), Vec::<String>::new());
    assert_eq!(told(&vultus.register_faces(whole).await), ["good.jpg → good"]);
}

#[tokio::test]
async fn an_entry_with_a_password_is_reported() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let good = small();
    assert_eq!(
        told(&vultus.register_faces(encrypted_archive(&[("good.jpg", &good)])).await),
        ["good.jpg ! unreadable"]
    );
}

#[tokio::test]
async fn an_entry_whose_bytes_were_damaged_is_reported_and_the_next_is_read() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let good = small();
    let mut zip = archive(&[("bad.jpg", &good), ("good.jpg", &good)]);
    zip[1000..1100].fill(0x55);
    let told = told(&vultus.register_faces(zip).await);
    assert!(told[0].starts_with("bad.jpg ! "), "{told:?}");
    assert_eq!(told[1], "good.jpg → good");
}
