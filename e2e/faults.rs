//! Crashes: what was answered stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::multipart::{Form, Part};

use crate::support::{Home, client, edited, photo, until};

#[tokio::test]
async fn every_registration_that_was_answered_before_a_sigkill_is_there_after_a_restart() {
    let home = Home::new();
    let small: Arc<[u8]> = edited("obama.jpg", "scale=455:-1", "jpg").into();
    let mut answered: Vec<String> = Vec::new();
    for round in 0..3 {
        let vultus = home.start(&["api"]).await;
        let (url, killed) = (vultus.url("/register"), Arc::new(AtomicBool::new(false)));
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                tokio::spawn(register_until_killed(
                    url.clone(),
                    format!("{round}.{caller}"),
                    small.clone(),
                    killed.clone(),
                ))
            })
            .collect();
        let before = answered.len();
        until("some registrations", async || (vultus.faces().await.len() >= before + 12).then_some(())).await;
        vultus.kill().await;
        killed.store(true, Ordering::Relaxed);
        for caller in callers {
            answered.extend(caller.await.unwrap());
        }
    }
    assert!(answered.len() >= 12, "{answered:?}");
    let vultus = home.start(&["api"]).await;
    let listed = vultus.faces().await;
    let lost: Vec<_> = answered.iter().filter(|name| !listed.contains(name)).collect();
    assert!(lost.is_empty(), "answered, but lost: {lost:?}");
    assert_eq!(vultus.get("/healthz").await.ok()["people"], listed.len());
    vultus.register("one more", small.to_vec()).await.ok();
}

/// Registers one name after the other; gives back those that were answered with success.
async fn register_until_killed(url: String, caller: String, image: Arc<[u8]>, killed: Arc<AtomicBool>) -> Vec<String> {
    let (client, mut answered) = (client(), Vec::new());
    for number in 0.. {
        let name = format!("person {caller}.{number}");
        let form = Form::new().text("name", name.clone()).part("image", Part::bytes(image.to_vec()));
        match client.post(&url).multipart(form).send().await {
            Ok(answer) if answer.status() == 200 => answered.push(name),
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => break,
        }
        if killed.load(Ordering::Relaxed) {
            break;
        }
    }
    answered
}

#[tokio::test]
async fn an_archive_cut_short_by_a_sigkill_leaves_a_database_that_works() {
    let home = Home::new();
    let good = edited("obama.jpg", "scale=455:-1", "jpg");
    let names: Vec<String> = (0..200).map(|i| format!("p{i}.jpg")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), good.as_slice())).collect();
    let zip = crate::support::archive(&entries);
    let vultus = home.start(&["api"]).await;
    let form = Form::new().part("zip", Part::bytes(zip));
    let upload = tokio::spawn(vultus.post("/register-faces").multipart(form).send());
    until("some of them", async || (vultus.faces().await.len() >= 5).then_some(())).await;
    vultus.kill().await;
    assert!(upload.await.unwrap().is_err());

    let vultus = home.start(&["api"]).await;
    let listed = vultus.faces().await;
    assert!((5..200).contains(&listed.len()), "{}", listed.len());
    vultus.unregister(&listed[0]).await.ok();
    vultus.register("obama", photo("obama.jpg")).await.ok();
}

#[tokio::test]
async fn a_port_in_use_is_said_with_the_setting_that_changes_it() {
    let home = Home::new();
    let first = home.start(&["api"]).await;
    let said = home.run(&["api", "--http-addr", &first.http()]).failed_with(1);
    assert!(said.contains(&first.http()) && said.contains("HTTP_ADDR"), "{said}");
}
