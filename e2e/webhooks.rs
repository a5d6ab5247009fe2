//! Named webhooks: relays and other systems are told of what they ask for, what became of it can be looked up, and what was
//! given up is sent again.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, Door, Home, Receiver, Service, clip, parse, until};

/// Obama for a second, again and again, announced once; with these webhooks beside the contract's.
fn home(webhooks: &str) -> Home {
    let home = Home::new()
        .with("VIDEO_SOURCE", clip(3, 2).to_str().unwrap())
        .with("CAMERA_NAME", "front door")
        .with("LOOP_FILE", "true")
        .with("COOLDOWN", "600");
    define(&home, webhooks);
    home.enrol("obama", "obama.jpg");
    home
}

fn define(home: &Home, webhooks: &str) {
    fs::write(home.file("vultus.toml"), webhooks).unwrap();
}

/// What the API says of one webhook.
async fn webhook(vultus: &Service, name: &str) -> Value {
    let all = vultus.get("/api/v1/webhooks").await.ok();
    let found = all["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all}")).clone()
}

/// Waits until so many deliveries are in this state.
async fn deliveries(vultus: &Service, state: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} deliveries that are {state}"), async || {
        let page = vultus.get(&format!("/api/v1/webhooks/deliveries?state={state}")).await.ok();
        Some(page["deliveries"].as_array().unwrap().clone()).filter(|found| found.len() == count)
    })
    .await
}

async fn post(vultus: &Service, path: &str) -> Answer {
    Answer::to(vultus.post(path)).await
}

#[tokio::test]
async fn a_pass_switches_a_relay_and_is_told_to_others_beside_the_contracts_webhook() {
    let (receiver, relay, office) = (Receiver::start().await, Door::start().await, Door::start().await);
    let home = home(&format!(
        r#"
        [[webhook]]
        name = "relay"
        url = "{}"
        method = "GET"
        cameras = ["front door"]

        [[webhook]]
        name = "office"
        url = "{}"
        secret = "s3cret-of-the-office"
        extra = ["camera", "kind"]
        headers = {{ Authorization = "Bearer k3y-of-the-office" }}

        [[webhook]]
        name = "yard"
        url = "{}"
        cameras = ["yard"]
        "#,
        relay.url("/relay/0?turn=on&timer=3"),
        office.url("/k3y-in-the-path"),
        office.url("/yard"),
    ));
    let vultus = home.with("WEBHOOK_URL", receiver.url()).start(&["serve"]).await;
    assert_eq!(relay.is_asked(1).await[0].line, "GET /relay/0?turn=on&timer=3");
    let told = office.is_asked(1).await.remove(0);
    let body: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        (&body["name"], &body["camera"], &body["kind"]),
        (&"obama".into(), &"front door".into(), &"pass".into())
    );
    assert_eq!(
        (told.line.as_str(), told.header("authorization")),
        ("POST /k3y-in-the-path", "Bearer k3y-of-the-office")
    );
    assert!(told.header("x-vultus-signature").starts_with("t="));
    let contract: Value = serde_json::from_str(&receiver.receives(1).await[0]).unwrap();
    assert_eq!(contract.as_object().unwrap().len(), 3);

    let delivered = deliveries(&vultus, "delivered", 3).await;
    let mut names: Vec<&str> = delivered.iter().map(|delivery| delivery["webhook"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["WEBHOOK_URL", "office", "relay"]);
    let of_office = delivered.iter().find(|delivery| delivery["webhook"] == "office").unwrap();
    assert_eq!((&of_office["id"], &of_office["status"]), (&told.header("x-vultus-delivery").into(), &200.into()));
    let full = vultus.get(&format!("/api/v1/webhooks/deliveries/{}", of_office["id"].as_str().unwrap())).await;
    assert_eq!(full.ok()["body"], told.body.as_str());
    let list = vultus.get("/api/v1/webhooks").await;
    assert_eq!(list.ok()["webhooks"].as_array().unwrap().len(), 4);
    for text in [&list.text, &full.text, &home_log(&vultus)] {
        assert!(!text.contains("s3cret") && !text.contains("k3y"), "{text}");
    }
    assert_eq!(webhook(&vultus, "yard").await["last_delivered"], Value::Null);
    assert!(webhook(&vultus, "office").await["last_delivered"].as_f64().is_some());
}

fn home_log(vultus: &Service) -> String {
    vultus.lines().join("\n")
}

#[tokio::test]
async fn a_dead_letter_is_shown_and_arrives_when_it_is_sent_again() {
    let office = Door::start().await;
    office.answers(422);
    let webhooks = format!("[[webhook]]\nname = 'office'\nurl = '{}'\nretry = false\n", office.url("/hook"));
    let home = home(&webhooks);
    let vultus = home.start(&["serve"]).await;
    let dead = deliveries(&vultus, "dead", 1).await.remove(0);
    assert_eq!((&dead["webhook"], &dead["status"], &dead["attempts"]), (&"office".into(), &422.into(), &1.into()));
    assert!(dead["reason"].as_str().unwrap().contains("422"), "{dead}");
    assert_eq!(webhook(&vultus, "office").await["dead"], 1);
    let dead_letters = async || parse(&vultus.get("/metrics").await.text).value("vultus_outbox_dead_letters");
    assert_eq!(dead_letters().await, 1.0);
    let listed = home.run(&["webhooks", "deliveries", "--state", "dead"]).succeeded();
    assert!(listed.contains(dead["id"].as_str().unwrap()) && listed.contains("office"), "{listed}");

    office.answers(200);
    let path = format!("/api/v1/webhooks/deliveries/{}/send", dead["id"].as_str().unwrap());
    assert_eq!(post(&vultus, &path).await.status, 202);
    let asked = office.is_asked(2).await;
    assert_eq!(asked[1].body, asked[0].body);
    assert_eq!(asked[1].header("x-vultus-delivery"), asked[0].header("x-vultus-delivery"));
    deliveries(&vultus, "delivered", 1).await;
    assert_eq!(post(&vultus, &path).await.error(), "409 not_dead");
    assert_eq!(dead_letters().await, 0.0);
    let answer = post(&vultus, "/api/v1/webhooks/dead/send?webhook=office").await;
    assert_eq!((answer.status, answer.json()["sent"].as_u64()), (202, Some(0)));
}

#[tokio::test]
async fn what_a_named_webhook_was_not_told_before_a_kill_it_is_told_by_the_next_start() {
    let address = Receiver::nobody().await;
    let home = home(&format!("[[webhook]]\nname = 'office'\nurl = 'http://{address}/hook'\n"));
    let vultus = home.start(&["serve"]).await;
    let waiting = deliveries(&vultus, "waiting", 1).await.remove(0);
    vultus.kill().await;
    let office = Door::start_on(address).await;
    let _vultus = home.with("VIDEO_SOURCE", "testsrc").start(&["serve"]).await;
    let told = office.is_asked(1).await.remove(0);
    assert_eq!(told.header("x-vultus-delivery"), waiting["id"]);
}

#[tokio::test]
async fn each_of_two_nodes_opens_its_own_door_and_what_happened_is_told_by_whichever_is_there() {
    let (office, door_of_a) = (Door::start().await, Door::start().await);
    let nobody = Receiver::nobody().await;
    let webhooks = |relay: String, office: String| {
        format!(
            "[[webhook]]\nname = 'relay'\nurl = '{relay}'\nmethod = 'GET'\nmax_age_seconds = 60\n[[webhook]]\nname = 'office'\nurl = '{office}'\n"
        )
    };
    let home = home(&webhooks(format!("http://{nobody}/door-of-b"), format!("http://{nobody}/")));
    let home = home.with("NODE_NAME", "b");
    let mut b = home.start(&["serve"]).await;
    deliveries(&b, "waiting", 2).await;
    b.signal(Signal::TERM);
    assert_eq!(b.ended().await.code(), Some(0));
    define(&home, &webhooks(door_of_a.url("/door-of-a"), office.url("/")));
    let home = home.with("NODE_NAME", "a").with("VIDEO_SOURCE", "none");
    let a = home.start(&["serve"]).await;
    office.is_asked(1).await;
    deliveries(&a, "delivered", 1).await;
    let waiting = deliveries(&a, "waiting", 1).await.remove(0);
    assert_eq!(waiting["webhook"], "relay");
    assert_eq!(webhook(&a, "relay").await["waiting"], 1);
    assert_eq!(door_of_a.is_asked(0).await.len(), 0, "it is another door");
}

// The relay answers while the command waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_can_be_tried_and_listed_from_the_command_line() {
    let relay = Door::start().await;
    let home = Home::new().with("WEBHOOK_URL", "http://127.0.0.1:9/face-event?key=s3cret");
    define(
        &home,
        &format!(
            "[[webhook]]\nname = 'relay'\nurl = '{}'\nmethod = 'PUT'\nbody = '{{\"who\": \"{{{{name}}}}\"}}'\n\
             headers = {{ X-Key = 's3cret' }}\nsecret = 's3cret'\n",
            relay.url("/relay-s3cret-0123456789/{{camera}}")
        ),
    );
    let tried = home.run(&["webhooks", "test", "relay"]).succeeded();
    assert!(tried.starts_with(&format!("PUT {}\n", relay.url("/***/test"))), "{tried}");
    assert!(tried.contains("it answered 200") && tried.contains(r#"{"who": "test"}"#), "{tried}");
    let asked = relay.is_asked(1).await.remove(0);
    assert_eq!((asked.line.as_str(), asked.header("x-key")), ("PUT /relay-s3cret-0123456789/test", "s3cret"));
    relay.answers(500);
    let failed = home.run(&["webhooks", "test", "relay"]);
    assert!(failed.code == Some(1) && failed.stdout.contains("not delivered: it answered 500"), "{failed:?}");
    let (listed, config) = (home.run(&["webhooks", "list"]).succeeded(), home.run(&["config"]).succeeded());
    assert!(listed.contains("relay  PUT ") && listed.contains("WEBHOOK_URL  POST "), "{listed}");
    assert!(config.contains("[[webhook]] relay: PUT"), "{config}");
    for text in [tried, listed, config] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(home.run(&["webhooks", "resend"]).failed_with(2).contains("--webhook <NAME>"));
    assert!(home.run(&["webhooks", "test", "relai"]).failed_with(1).contains("there is no webhook"));
}

#[tokio::test]
async fn a_webhook_that_cannot_work_is_refused_at_the_start_with_what_there_is() {
    for (line, reason) in [
        ("url = 'http://host/{{nmae}}'", "there is no {{nmae}}: use one of name, distance"),
        ("url = 'http://host/'\nmetho = 'GET'", "no `metho` (did you mean `method`?)"),
        ("url = 'http://host/'\nbody = 'hello'", "is no JSON"),
    ] {
        let home = Home::new().with("VIDEO_SOURCE", "none");
        define(&home, &format!("[[webhook]]\nname = 'a'\n{line}\n"));
        for mode in ["serve", "detect", "api", "config"] {
            let refused = home.run(&[mode]).failed_with(1);
            assert!(refused.contains(reason) && refused.contains("[[webhook]] number 1"), "{mode}: {refused}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_of_webhooks_is_refused_with_a_reason() {
    let home = Home::new().with("VIDEO_SOURCE", "none");
    let vultus = home.start(&["serve"]).await;
    for (path, error) in [
        ("deliveries?state=lost", "400 bad_parameter"),
        ("deliveries?limit=0", "400 bad_parameter"),
        ("deliveries?cursor=1.%27", "400 bad_parameter"),
        ("deliveries?stat=dead", "400 bad_parameter"),
        ("deliveries?webhook=nobody", "404 unknown_webhook"),
        ("deliveries/0123", "404 unknown_delivery"),
        ("deliveries/%00%27%22", "404 unknown_delivery"),
    ] {
        assert_eq!(vultus.get(&format!("/api/v1/webhooks/{path}")).await.error(), error, "{path}");
    }
    for (path, error) in [
        ("deliveries/0123/send", "404 unknown_delivery"),
        ("dead/send", "400 bad_parameter"),
        ("dead/send?webhook=nobody", "404 unknown_webhook"),
    ] {
        assert_eq!(post(&vultus, &format!("/api/v1/webhooks/{path}")).await.error(), error, "{path}");
    }
    assert_eq!(vultus.get("/api/v1/webhooks/deliveries").await.ok()["deliveries"].as_array().unwrap().len(), 0);
}
