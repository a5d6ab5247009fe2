//! The calls of the contract, as its callers make them.

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::support::{Answer, Home, Service, blank, client, edited, photo, photo_path, with_orientation};

async fn api() -> (Home, Service) {
    let home = Home::new();
    let service = home.start(&["api"]).await;
    (home, service)
}

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn box_of(face: &Value) -> [i64; 4] {
    serde_json::from_value(face["box"].clone()).expect("four whole numbers")
}

#[tokio::test]
async fn a_person_is_registered_listed_recognised_and_unregistered() {
    let (_home, vultus) = api().await;
    assert_eq!(vultus.get("/faces").await.text, "[]");

    let registered = vultus.register("obama", photo("obama.jpg")).await.ok();
    assert_eq!(
        fields(&registered),
        ["box", "created", "measures", "message", "name", "quality", "status", "templates", "warnings"]
    );
    assert_eq!(registered["status"], "ok");
    assert_eq!(registered["name"], "obama");
    assert_eq!(registered["created"], true);
    assert_eq!(registered["templates"], 1);
    assert_eq!(registered["warnings"], json!([]));
    assert!(registered["quality"].as_f64().unwrap() > 3.4, "{registered}");
    let [x1, y1, x2, y2] = box_of(&registered);
    assert!(0 <= x1 && x1 < x2 && x2 <= 910 && 0 <= y1 && y1 < y2 && y2 <= 1137, "{registered}");

    assert_eq!(vultus.get("/faces").await.text, r#"["obama"]"#);
    let seen = vultus.recognize(photo("obama3.jpg")).await.ok();
    assert_eq!((&seen["faces"][0]["name"], &seen["faces"][0]["status"]), (&json!("obama"), &json!("PASS")));

    let gone = vultus.unregister("obama").await.ok();
    assert_eq!(gone, json!({ "status": "ok", "name": "obama", "message": "obama is removed" }));
    assert_eq!(vultus.get("/faces").await.text, "[]");
    assert_eq!(vultus.unregister("obama").await.error(), "404 unknown_name");
    let seen = vultus.recognize(photo("obama3.jpg")).await.ok();
    assert_eq!((&seen["faces"][0]["name"], &seen["faces"][0]["status"]), (&Value::Null, &json!("REJECT")));
}

#[tokio::test]
async fn names_are_listed_in_order_of_registration() {
    let (_home, vultus) = api().await;
    for name in ["zero", "katya", "ema"] {
        vultus.register(name, photo("obama.jpg")).await.ok();
    }
    vultus.register("zero", photo("obama2.jpg")).await.ok();
    assert_eq!(vultus.get("/faces").await.text, r#"["zero","katya","ema"]"#);
}

#[tokio::test]
async fn unregister_takes_an_urlencoded_form_too() {
    let (_home, vultus) = api().await;
    vultus.register("José María", photo("obama.jpg")).await.ok();
    let form = [("name", "José María")];
    Answer::to(vultus.post("/unregister").form(&form)).await.ok();
    assert_eq!(Answer::to(vultus.post("/unregister").form(&form)).await.error(), "404 unknown_name");
    assert_eq!(Answer::to(vultus.post("/unregister").form(&[("nom", "x")])).await.error(), "400 missing_field");
}

#[tokio::test]
async fn a_second_photo_of_a_name_adds_a_template() {
    let (_home, vultus) = api().await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
    let second = vultus.register("obama", photo("obama2.jpg")).await.ok();
    assert_eq!((&second["created"], &second["templates"]), (&json!(false), &json!(2)));
    assert_eq!(vultus.faces().await, ["obama"]);
}

#[tokio::test]
async fn the_largest_of_several_faces_is_enrolled_and_the_caller_is_told() {
    let (_home, vultus) = api().await;
    let beside_his_smaller_self = "split[a][b];[b]scale=iw/3:-2,pad=iw:1137[c];[c][a]hstack";
    let two = edited("obama.jpg", beside_his_smaller_self, "jpg");
    let registered = vultus.register("obama", two.clone()).await.ok();
    assert_eq!(registered["warnings"][0]["code"], "several_faces");
    let faces = vultus.recognize(two).await.ok()["faces"].as_array().unwrap().clone();
    assert_eq!(faces.len(), 2);
    assert_eq!(registered["box"], faces[0]["box"]);
    assert!(box_of(&faces[0])[0] > box_of(&faces[1])[2], "{faces:?}");
}

#[tokio::test]
async fn png_webp_and_bmp_photos_are_taken() {
    let (_home, vultus) = api().await;
    for ending in ["png", "webp", "bmp"] {
        vultus.register(ending, edited("obama.jpg", "scale=455:-1", ending)).await.ok();
    }
    vultus.register("with transparency", photo("32bit.png")).await.ok();
    assert_eq!(vultus.faces().await.len(), 4);
}

#[tokio::test]
async fn a_photo_that_exif_turns_is_read_upright() {
    let (_home, vultus) = api().await;
    let lying = edited("obama.jpg", "transpose=cclock", "jpg");
    vultus.register("obama", with_orientation(&lying, 6)).await.ok();
    let upright = vultus.recognize(photo("obama.jpg")).await.ok();
    assert!(upright["faces"][0]["distance"].as_f64().unwrap() < 0.1, "{upright}");
    let turned = vultus.recognize(with_orientation(&lying, 6)).await.ok();
    assert_eq!((&turned["width"], &turned["height"]), (&json!(910), &json!(1137)));
}

/// 12 megapixels with obama at the left and biden at the right, each as large as in a photo of its own; and where they lie in it.
fn two_people() -> (Vec<u8>, [[i64; 2]; 2]) {
    let biden = photo_path("biden.jpg").display().to_string();
    let filter = format!("pad=4000:3000:200:600[left];movie='{biden}'[right];[left][right]overlay=2600:300");
    (edited("obama3.jpg", &filter, "jpg"), [[200, 600], [2600, 300]])
}

#[tokio::test]
async fn everybody_in_a_photo_of_12_megapixels_is_told_in_its_own_pixels() {
    let (_home, vultus) = api().await;
    for name in ["obama", "biden"] {
        vultus.register(name, photo(&format!("{name}.jpg"))).await.ok();
    }
    let (two, [left, right]) = two_people();
    let seen = vultus.recognize(two.clone()).await.ok();
    assert_eq!((&seen["width"], &seen["height"]), (&json!(4000), &json!(3000)));
    assert_eq!(seen["faces"].as_array().unwrap().len(), 2, "{seen}");
    for (name, alone, at) in [("obama", "obama3.jpg", left), ("biden", "biden.jpg", right)] {
        let face = seen["faces"].as_array().unwrap().iter().find(|face| face["name"] == name).expect(name);
        assert_eq!(face["status"], "PASS", "{face}");
        let alone = vultus.recognize(photo(alone)).await.ok()["faces"][0].clone();
        let (here, there) = (box_of(face), box_of(&alone));
        let slack = (there[2] - there[0]) / 8;
        let is_near = |edge: usize| (here[edge] - there[edge] - at[edge % 2]).abs() <= slack;
        assert!((0..4).all(is_near), "{name}: {here:?}, alone {there:?} at {at:?}");
        let mouth = |face: &Value| face["landmarks"][3][0].as_f64().unwrap();
        assert!((mouth(face) - mouth(&alone) - at[0] as f64).abs() <= slack as f64, "{face}");
    }

    let lying = with_orientation(&two, 6);
    let turned = vultus.recognize(lying).await.ok();
    assert_eq!((&turned["width"], &turned["height"]), (&json!(3000), &json!(4000)));
}

#[tokio::test]
async fn many_callers_may_register_at_the_same_time() {
    let (_home, vultus) = api().await;
    let small = edited("obama.jpg", "scale=455:-1", "jpg");
    let names: Vec<String> = (0..16).map(|i| format!("person {i}")).collect();
    let calls = names.iter().map(|name| vultus.register(name, small.clone()));
    for answer in futures_util::future::join_all(calls).await {
        answer.ok();
    }
    let mut listed = vultus.faces().await;
    listed.sort();
    let mut wanted = names;
    wanted.sort();
    assert_eq!(listed, wanted);
}

#[tokio::test]
async fn many_callers_may_add_photos_to_one_name_at_the_same_time() {
    let (_home, vultus) = api().await;
    let small = edited("obama.jpg", "scale=455:-1", "jpg");
    let answers = futures_util::future::join_all((0..8).map(|_| vultus.register("obama", small.clone()))).await;
    let mut templates: Vec<u64> = answers.iter().map(|answer| answer.ok()["templates"].as_u64().unwrap()).collect();
    templates.sort_unstable();
    assert_eq!(templates, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(answers.iter().filter(|answer| answer.json()["created"] == true).count(), 1);
}

#[tokio::test]
async fn recognize_names_the_enrolled_and_refuses_the_others() {
    let (_home, vultus) = api().await;
    vultus.register("obama", photo("obama.jpg")).await.ok();

    let known = vultus.recognize(photo("obama3.jpg")).await.ok();
    assert_eq!((&known["width"], &known["height"]), (&json!(1434), &json!(2333)));
    let face = &known["faces"][0];
    assert_eq!((&face["name"], &face["status"]), (&json!("obama"), &json!("PASS")));
    assert!(face["distance"].as_f64().unwrap() < 0.45, "{face}");
    assert_eq!(face["landmarks"].as_array().unwrap().len(), 5);

    let stranger = vultus.recognize(photo("biden.jpg")).await.ok();
    let face = &stranger["faces"][0];
    assert_eq!((&face["name"], &face["status"]), (&json!("obama"), &json!("REJECT")));
    assert!(face["distance"].as_f64().unwrap() > 0.45, "{face}");
}

#[tokio::test]
async fn recognize_finds_every_face_the_largest_first() {
    let (_home, vultus) = api().await;
    let group = vultus.recognize(photo("t1.jpg")).await.ok();
    let faces = group["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 6);
    let sizes: Vec<i64> = faces.iter().map(box_of).map(|[x1, y1, x2, y2]| (x2 - x1) * (y2 - y1)).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");

    assert_eq!(vultus.recognize(blank()).await.ok()["faces"], json!([]));
}

#[tokio::test]
async fn recognize_takes_a_photo_without_a_form_too() {
    let (_home, vultus) = api().await;
    let request = vultus.post("/recognize").header("content-type", "image/jpeg").body(photo("obama.jpg"));
    assert_eq!(Answer::to(request).await.ok()["faces"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn healthz_tells_of_the_database_and_the_people() {
    let (_home, vultus) = api().await;
    vultus.register("obama", photo("obama.jpg")).await.ok();
    let health = vultus.get("/healthz").await.ok();
    let expected = [
        "accept",
        "behind",
        "cameras",
        "database",
        "gallery_version",
        "node",
        "people",
        "people_by_other_packs",
        "status",
        "stream",
        "version",
    ];
    assert_eq!(fields(&health), expected);
    assert_eq!((&health["status"], &health["database"]), (&json!("ok"), &json!("ok")));
    assert_eq!((&health["people"], &health["behind"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn the_openapi_document_lists_every_call_and_its_references_lead_somewhere() {
    let (_home, vultus) = api().await;
    let document = vultus.get("/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    assert_eq!(document["info"]["title"], "vultus");
    let paths = document["paths"].as_object().unwrap();
    for (path, method) in [
        ("/register", "post"),
        ("/unregister", "post"),
        ("/faces", "get"),
        ("/register-faces", "post"),
        ("/recognize", "post"),
    ] {
        assert!(paths[path][method]["responses"]["200"].is_object(), "{path}");
    }
    for reference in references(&document) {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Every `$ref` in a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let own = object.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_errors_in_json() {
    let (_home, vultus) = api().await;
    assert_eq!(vultus.get("/nothing").await.error(), "404 not_found");
    assert_eq!(vultus.get("/register").await.error(), "405 method_not_allowed");
    assert_eq!(vultus.post_form("/faces", Form::new()).await.error(), "405 method_not_allowed");
}

#[tokio::test]
async fn the_live_page_may_load_nothing_from_elsewhere() {
    let (_home, vultus) = api().await;
    let page = client().get(vultus.url("/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("<title>vultus"));
}
