//! Photos that are fit to enrol and those that are not: each refusal and each warning, on sample photos honestly altered.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Answer, Home, Service, archive, blank, edited, photo, photo_path};

fn form(photos: &[Vec<u8>]) -> Form {
    let part = |at: usize, photo: &Vec<u8>| Part::bytes(photo.clone()).file_name(format!("{at}.jpg"));
    photos.iter().enumerate().fold(Form::new(), |form, (at, photo)| form.part("image", part(at, photo)))
}

/// Enrols `photos` as `name`, by the rules in `query`.
async fn enrol(vultus: &Service, name: &str, query: &str, photos: &[Vec<u8>]) -> Answer {
    vultus.post_form(&format!("/api/v1/people/{name}/photos{query}"), form(photos)).await
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().expect("a list").iter().map(|finding| finding["code"].as_str().expect("a code")).collect()
}

/// `status reasons / warnings` of each photo.
fn told(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let results = body["results"].as_array().expect("a list").clone();
    let in_words = |result: &Value| {
        let (reasons, warnings) = (codes(&result["reasons"]).join(" "), codes(&result["warnings"]).join(" "));
        format!("{} {reasons} / {warnings}", result["status"].as_str().expect("a status"))
    };
    results.iter().map(in_words).collect()
}

fn brighter(factor: &str) -> Vec<u8> {
    let channel = format!("clip(val*{factor}\\,0\\,255)");
    edited("obama.jpg", &format!("lutrgb=r={channel}:g={channel}:b={channel}"), "jpg")
}

fn masked(mask: &str) -> Vec<u8> {
    let mask = photo_path(mask).display().to_string();
    edited("obama.jpg", &format!("movie='{mask}',scale=220:150[mask];[in][mask]overlay=382:258"), "jpg")
}

/// One of the six people of t1.jpg, who looks to a side.
fn turned() -> Vec<u8> {
    edited("t1.jpg", "crop=200:200:217:110", "jpg")
}

fn beside_himself() -> Vec<u8> {
    edited("obama.jpg", "split[a][b];[b]hflip[c];[a][c]hstack", "jpg")
}

/// Somebody large and blurred, with obama small beside her.
fn larger_unclear() -> Vec<u8> {
    let obama = photo_path("obama.jpg").display().to_string();
    let beside = format!("movie='{obama}',scale=400:500,pad=400:1000[b]");
    edited("t1.jpg", &format!("crop=260:260:825:0,gblur=sigma=6,scale=1000:1000[a];{beside};[a][b]hstack"), "jpg")
}

#[tokio::test]
async fn a_photo_that_is_not_fit_is_refused_with_a_code_and_what_to_do() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let photos = [
        edited("obama.jpg", "scale=iw/8:-1", "png"),
        edited("obama.jpg", "gblur=sigma=16", "jpg"),
        turned(),
        brighter("3"),
        masked("mask_blue.jpg"),
        edited("obama.jpg", "crop=iw-490:ih:490:0", "jpg"),
        beside_himself(),
        larger_unclear(),
        blank(),
        b"no image".to_vec(),
    ];
    let answer = enrol(&vultus, "obama", "", &photos).await;
    assert_eq!(answer.status, 422);
    let told = told(&answer);
    let refused_for = [
        "face_too_small",
        "face_too_unclear",
        "turned_away",
        "overexposed",
        "mouth_covered",
        "cut_off",
        "several_faces",
        "larger_face_unclear",
        "no_face",
        "not_an_image",
    ];
    for (told, code) in told.iter().zip(refused_for) {
        assert!(told.starts_with(&format!("refused {code}")), "{code}: {told}");
    }
    let body = answer.json();
    assert_eq!((&body["error"], &body["accepted"], &body["refused"]), (&json!("not_enrolled"), &json!(0), &json!(10)));
    assert!(body["message"].as_str().unwrap().contains("strict=0"), "{body}");
    assert_eq!(body["results"][3]["file"], "3.jpg");
    for (at, what_to_do) in [(0, "come nearer"), (2, "turn to the camera"), (4, "take off the mask"), (6, "one person")]
    {
        let message = body["results"][at]["reasons"][0]["message"].as_str().unwrap();
        assert!(message.contains(what_to_do), "{message}");
    }
    let measures = &body["results"][2]["measures"];
    assert!(measures["yaw"].as_f64().unwrap() > 35.0 && measures["norm"].as_f64().unwrap() > 2.5, "{measures}");
    assert!(body["results"][6]["measures"]["second_face"].as_f64().unwrap() > 0.8, "{body}");
    assert_eq!(vultus.faces().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_photo_that_could_be_better_is_enrolled_with_a_warning() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let photos = [
        photo("obama.jpg"),
        edited("obama.jpg", "lutrgb=r=val*0.25:g=val*0.25:b=val*0.25", "jpg"),
        brighter("1.8"),
        edited("obama.jpg", "gblur=sigma=9", "jpg"),
        edited("obama.jpg", "rotate=48*PI/180", "jpg"),
        photo("obama_partial_face.jpg"),
        edited("obama.jpg", "split[a][b];[b]scale=iw/3:-2,pad=iw:1137[c];[c][a]hstack", "jpg"),
    ];
    let answer = enrol(&vultus, "obama", "", &photos).await;
    assert_eq!(
        (answer.status, told(&answer)),
        (
            200,
            [
                "enrolled  / ",
                "enrolled  / too_dark",
                "enrolled  / overexposed",
                "enrolled  / low_quality",
                "enrolled  / tilted",
                "enrolled  / cut_off",
                "enrolled  / several_faces",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
    let body = answer.json();
    assert_eq!((&body["created"], &body["templates"], &body["accepted"]), (&json!(true), &json!(7), &json!(7)));
    assert!(body.get("error").is_none(), "{body}");
    let lowered = edited("t1.jpg", "crop=220:220:683:298", "jpg");
    assert_eq!(told(&enrol(&vultus, "another", "", &[lowered]).await), ["enrolled  / head_lowered"]);
}

#[tokio::test]
async fn strictness_is_a_parameter_and_does_not_cover_other_people() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    enrol(&vultus, "obama", "", &[photo("obama.jpg")]).await.ok();

    let poor = [edited("obama2.jpg", "scale=iw/9:-1", "png")];
    assert_eq!(enrol(&vultus, "obama", "?strict=1", &poor).await.status, 422);
    let lenient = enrol(&vultus, "obama", "?strict=0", &poor).await;
    assert_eq!(told(&lenient), ["enrolled  / face_too_small"]);
    assert_eq!(lenient.json()["templates"], 2);

    let other = [photo("obama3.jpg")];
    let refused = enrol(&vultus, "barack", "?strict=0", &other).await;
    assert_eq!((refused.status, told(&refused)), (422, vec!["refused duplicate_person / ".to_owned()]));
    let result = &refused.json()["results"][0];
    let message = result["reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains("looks like obama") && message.contains("enrolled already"), "{message}");
    assert_eq!(result["measures"]["nearest"]["name"], "obama");
    assert!(result["measures"]["nearest"]["distance"].as_f64().unwrap() < 0.45, "{result}");
    let forced = enrol(&vultus, "barack", "?force=1", &other).await;
    assert_eq!(told(&forced), ["enrolled  / duplicate_person"]);

    let stranger = [photo("biden.jpg")];
    let refused = enrol(&vultus, "obama", "", &stranger).await;
    assert_eq!((refused.status, told(&refused)), (422, vec!["refused unlike_other_photos / ".to_owned()]));
    assert!(refused.json()["results"][0]["measures"]["own_distance"].as_f64().unwrap() > 0.5437);
    let forced = enrol(&vultus, "obama", "?force=1", &stranger).await;
    assert_eq!(told(&forced), ["enrolled  / unlike_other_photos"]);
    assert_eq!(vultus.faces().await, ["obama", "barack"]);
}

#[tokio::test]
async fn somebody_who_is_enrolled_is_no_new_person_however_many_photos_say_so() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    enrol(&vultus, "obama", "", &[photo("obama.jpg")]).await.ok();
    let twice = ["obama2.jpg", "obama2.jpg"].map(photo);
    let refused = enrol(&vultus, "barack", "", &twice).await;
    assert_eq!((refused.status, told(&refused)), (422, vec!["refused duplicate_person / ".to_owned(); 2]));
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("force=1") && !message.contains("strict=0"), "{message}");
    let different = ["obama2.jpg", "obama3.jpg", "obama_partial_face.jpg"].map(photo);
    let refused = enrol(&vultus, "barack", "", &different).await;
    assert_eq!((refused.status, &refused.json()["accepted"]), (422, &json!(0)), "{:?}", told(&refused));
    assert!(told(&refused).iter().all(|told| told.starts_with("refused duplicate_person")), "{:?}", told(&refused));
    // Whom nobody else looks like is enrolled, and a stranger's photo among theirs does not make them that stranger.
    let with_a_stranger = enrol(&vultus, "joe", "", &["biden.jpg", "biden.jpg", "obama2.jpg"].map(photo)).await;
    assert_eq!(
        told(&with_a_stranger),
        ["enrolled  / ", "enrolled  / ", "refused duplicate_person unlike_other_photos / "]
    );
    assert_eq!(vultus.faces().await, ["obama", "joe"]);
    // The gravest reason comes first, and is the code of the answer.
    let small = edited("obama2.jpg", "scale=iw/9:-1", "png");
    let form = form(&[small]).text("name", "barack");
    assert_eq!(vultus.post_form("/register?strict=1", form).await.error(), "422 duplicate_person");
}

#[tokio::test]
async fn two_requests_at_once_do_not_enrol_one_person_under_two_names() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    for round in 0..3 {
        let names = [format!("a{round}"), format!("b{round}")];
        let (one, other) = ([photo("obama.jpg")], [photo("obama2.jpg")]);
        let (one, other) = tokio::join!(enrol(&vultus, &names[0], "", &one), enrol(&vultus, &names[1], "", &other));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "round {round}");
        let first = vultus.faces().await.remove(0);
        vultus.unregister(&first).await.ok();
    }
}

#[tokio::test]
async fn a_close_crop_of_one_person_is_of_one_person() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let close = edited("obama.jpg", "crop=260:420:362:40", "png");
    let answer = enrol(&vultus, "obama", "", &[close]).await;
    assert_eq!(told(&answer), ["enrolled  / cut_off"]);
    assert_eq!(answer.json()["results"][0]["measures"]["faces"], 1);
}

#[tokio::test]
async fn one_strangers_photo_among_somebodys_first_is_found_and_a_dry_run_enrols_nobody() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let photos = ["obama.jpg", "biden.jpg", "obama2.jpg", "obama3.jpg"].map(photo);
    let dry = enrol(&vultus, "obama", "?dry_run=1", &photos).await;
    assert_eq!(
        (dry.status, told(&dry)),
        (
            200,
            ["accepted  / ", "refused unlike_other_photos / ", "accepted  / ", "accepted  / "]
                .map(str::to_owned)
                .to_vec()
        )
    );
    assert_eq!(vultus.faces().await, Vec::<String>::new());
    let nothing = enrol(&vultus, "nobody", "?dry_run=1", &[blank()]).await.ok();
    assert_eq!((nothing.get("error"), &nothing["refused"]), (None, &json!(1)));
    let message = nothing["message"].as_str().unwrap();
    assert!(!message.contains("strict") && !message.contains("force"), "nothing overrides it: {message}");

    let done = enrol(&vultus, "obama", "", &photos).await.ok();
    assert_eq!((&done["templates"], &done["refused"]), (&json!(3), &json!(1)));
    let seen = vultus.recognize(photo("biden.jpg")).await.ok();
    assert_eq!(seen["faces"][0]["status"], "REJECT");
}

#[tokio::test]
async fn the_calls_of_the_original_take_what_can_be_recognised_and_warn() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    let warned = |answer: &Value| codes(&answer["warnings"]).join(" ");
    let small = edited("obama.jpg", "scale=iw/8:-1", "png");
    assert_eq!(warned(&vultus.register("obama", small.clone()).await.ok()), "face_too_small");
    assert_eq!(warned(&vultus.register("turned", turned()).await.ok()), "turned_away face_too_unclear");
    let twice = vultus.register("barack", photo("obama2.jpg")).await.ok();
    assert_eq!((warned(&twice).as_str(), &twice["measures"]["nearest"]["name"]), ("duplicate_person", &json!("obama")));

    let strictly = async |name: &str, query: &str, image: &Vec<u8>| {
        let form = form(std::slice::from_ref(image)).text("name", name.to_owned());
        vultus.post_form(&format!("/register{query}"), form).await
    };
    assert_eq!(strictly("obama", "?strict=1", &small).await.error(), "422 face_too_small");
    // The gravest reason first: whose face it is goes before how good the photo is.
    assert_eq!(strictly("x", "?strict=1", &small).await.error(), "422 duplicate_person");
    assert_eq!(strictly("x", "?strict=1", &photo("obama3.jpg")).await.error(), "422 duplicate_person");
    assert_eq!(strictly("x", "?strict=1&force=1", &photo("obama3.jpg")).await.status, 200);
    assert_eq!(strictly("x", "?strict=maybe", &small).await.error(), "400 bad_parameter");

    let zip = archive(&[("small.jpg", &small), ("biden.jpg", &photo("biden.jpg")), ("joe.jpg", &photo("biden.jpg"))]);
    let part = Part::bytes(zip.clone()).file_name("faces.zip");
    let strict = vultus.post_form("/register-faces?strict=1", Form::new().part("zip", part)).await.ok();
    assert_eq!(strict["enrolled"], 1);
    assert_eq!(
        [&strict["results"][0]["error"], &strict["results"][1]["error"], &strict["results"][2]["error"]],
        [&json!("duplicate_person"), &Value::Null, &json!("duplicate_person")]
    );
    assert!(strict["results"][0]["measures"]["side"].as_u64().unwrap() < 64, "{strict}");
    assert_eq!(vultus.register_faces(zip).await.ok()["enrolled"], 3);
}

#[tokio::test]
async fn photos_of_a_person_are_limited_and_checked() {
    let home = Home::new();
    let vultus = home.start(&["api"]).await;
    assert_eq!(enrol(&vultus, "x", "", &vec![blank(); 11]).await.error(), "413 too_many_photos");
    assert_eq!(enrol(&vultus, "x", "", &[]).await.error(), "400 bad_form");
    let nothing = Form::new().text("photo", "x");
    assert_eq!(vultus.post_form("/api/v1/people/x/photos", nothing).await.error(), "400 missing_field");
    assert_eq!(enrol(&vultus, "a%00b", "", &[blank()]).await.error(), "400 bad_name");
    assert_eq!(enrol(&vultus, "x", "?stict=0", &[blank()]).await.error(), "400 bad_parameter");
    assert_eq!(enrol(&vultus, "x", "?dry_run=perhaps", &[blank()]).await.error(), "400 bad_parameter");
}

#[test]
fn the_command_line_refuses_by_the_same_rules_and_names_its_flags() {
    let home = Home::new();
    let write = |name: &str, content: &[u8]| {
        std::fs::write(home.file(name), content).unwrap();
        name.to_owned()
    };
    let small = write("small.png", &edited("obama.jpg", "scale=iw/8:-1", "png"));
    let (obama, obama2) = (write("obama.jpg", &photo("obama.jpg")), write("obama2.jpg", &photo("obama2.jpg")));
    let said = home.run(&["people", "add", "obama", &obama, &small]).failed_with(1);
    assert!(said.contains("small.png: the face is") && said.contains("--no-strict"), "{said}");
    assert_eq!(home.run(&["people", "list"]).succeeded(), "");
    let done = home.run(&["people", "add", "obama", &obama, &small, "--no-strict"]);
    assert!(done.stderr.contains("warning: small.png"), "{done:?}");
    assert_eq!(done.succeeded(), "obama: 2 photos in all\n");

    let said = home.run(&["people", "add", "barack", &obama2, "--no-strict"]).failed_with(1);
    assert!(said.contains("looks like obama") && said.contains("--force"), "{said}");
    let said = home.run(&["people", "add", "barack", &obama2, &obama2]).failed_with(1);
    assert!(said.contains("looks like obama") && said.contains("--force") && !said.contains("--no-strict"), "{said}");
    assert_eq!(home.run(&["people", "add", "barack", &obama2, "--force"]).succeeded(), "barack: 1 photo in all\n");

    std::fs::create_dir(home.file("faces")).unwrap();
    std::fs::copy(home.file(&small), home.file("faces/tiny.png")).unwrap();
    std::fs::write(home.file("faces/biden.jpg"), photo("biden.jpg")).unwrap();
    let done = home.run(&["people", "import", "faces"]);
    assert!(done.stderr.contains("tiny.png") && done.stderr.contains("--no-strict"), "{done:?}");
    assert_eq!(done.succeeded(), "1 photo enrolled, 1 failed\n");
    let done = home.run(&["people", "import", "faces", "--no-strict", "--force"]).succeeded();
    assert_eq!(done, "2 photos enrolled, 0 failed\n");
}
