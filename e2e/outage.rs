//! PostgreSQL stopped for a minute under two nodes: both go on deciding, and nothing is lost.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::support::{Home, PrivatePostgres, Receiver, Service, demo_video, photo, until};

const OUTAGE: Duration = Duration::from_secs(60);

/// The stranger of the recording, enrolled after the outage: a passage may have begun before that.
const NEWCOMER: &str = "newcomer";

/// A node with a camera of its own, before which Obama, Biden and a stranger pass every 20 s.
struct Node {
    vultus: Service,
    camera: &'static str,
    receiver: Receiver,
}

impl Node {
    async fn start(home: Home, camera: &'static str) -> (Home, Self) {
        let receiver = Receiver::start().await;
        let home = home.with("NODE_NAME", camera).with("CAMERA_NAME", camera).with("WEBHOOK_URL", receiver.url());
        let vultus = home.start(&["serve"]).await;
        vultus.camera_is("live").await;
        (home, Self { vultus, camera, receiver })
    }

    /// Who passed here, and when each passage began, oldest first: only those that began while the database was away, or before.
    async fn passes(&self, until: f64) -> Vec<(String, f64)> {
        let page = self.vultus.get(&format!("/api/v1/events?status=PASS&camera={}&to={until}", self.camera)).await.ok();
        let pass = |event: &Value| (event["person"].as_str().unwrap().to_owned(), event["start"].as_f64().unwrap());
        let passes = page["events"].as_array().unwrap().iter().rev().map(pass);
        passes.filter(|(name, _)| name != NEWCOMER).collect()
    }

    /// The same by the webhook. A delivery may come twice, word for word the same.
    fn told(&self, until: f64) -> BTreeSet<(String, i64)> {
        let bodies = self.receiver.bodies();
        let told = bodies.iter().map(|body| {
            let body: Value = serde_json::from_str(body).unwrap();
            (body["name"].as_str().unwrap().to_owned(), body["timestamp"].as_i64().unwrap())
        });
        told.filter(|(name, at)| name != NEWCOMER && (*at as f64) < until.floor()).collect()
    }

    /// Decides without a database.
    async fn decides(&self) {
        let seen = self.vultus.recognize(photo("obama2.jpg")).await.ok();
        assert_eq!(seen["faces"][0]["name"], "obama", "{seen}");
        let mut viewer = self.vultus.viewer().await;
        viewer.sees("PASS", Some("obama")).await;
        viewer.sees("PASS", Some("biden")).await;
    }

    async fn says_that_it_is_alone(&self) {
        let nodes = self.vultus.get("/api/v1/nodes").await.ok();
        assert_eq!((&nodes["database"], &nodes["gallery_version"]), (&"unreachable".into(), &Value::Null), "{nodes}");
        let [own] = &nodes["nodes"].as_array().unwrap()[..] else { panic!("{nodes}") };
        assert_eq!((&own["node"], &own["own"], &own["behind"]), (&self.camera.into(), &true.into(), &Value::Null));
        assert_eq!((&own["gallery_version"], &own["cameras"][0]), (&2.into(), &self.camera.into()));
        let health = self.vultus.get("/healthz").await;
        assert_eq!(health.status, 503);
        assert_eq!((&health.json()["gallery_version"], health.json().get("behind")), (&2.into(), None));
    }

    fn lines(&self, text: &str) -> usize {
        self.vultus.lines().iter().filter(|line| line.contains(text)).count()
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_postgresql_stops_no_node_and_loses_nothing() {
    let Some(server) = PrivatePostgres::start() else { return };
    let home = Home::new()
        .with("DATABASE_URL", server.url.clone())
        .with("VIDEO_SOURCE", demo_video().to_str().unwrap())
        .with("LOOP_FILE", "true");
    home.enrol("obama", "obama.jpg");
    home.enrol("biden", "biden.jpg");
    let (home, one) = Node::start(home, "one").await;
    let (_home, two) = Node::start(home, "two").await;
    let nodes = [&one, &two];

    server.stop();
    let stopped = Instant::now();
    for node in nodes {
        node.says_that_it_is_alone().await;
    }
    tokio::join!(one.decides(), two.decides());
    sleep_until(stopped + OUTAGE).await;
    let back = now();
    server.go_on();

    // Somebody new, enrolled as soon as that is possible at all.
    until("the database being back for a registration", async || {
        (one.vultus.register(NEWCOMER, photo("astronaut.png")).await.status == 200).then_some(())
    })
    .await;
    for node in nodes {
        until("somebody new being recognised", async || {
            let seen = node.vultus.recognize(photo("astronaut.png")).await.ok();
            (seen["faces"][0]["name"] == NEWCOMER).then_some(())
        })
        .await;
        let listed = until("both nodes being up to date", async || {
            let listed = node.vultus.get("/api/v1/nodes").await.ok();
            let nodes = listed["nodes"].as_array().unwrap();
            let are_up = nodes.iter().all(|node| node["alive"] == true && node["behind"] == 0);
            (nodes.len() == 2 && are_up).then_some(listed)
        })
        .await;
        assert_eq!((&listed["database"], &listed["gallery_version"]), (&"ok".into(), &3.into()), "{listed}");
    }

    for node in nodes {
        // Each passage is in the database and was told to the webhook, once.
        let (passes, told) = until("what was told being what is in the database", async || {
            let (passes, told) = (node.passes(back).await, node.told(back));
            let same = passes.iter().all(|(name, start)| {
                let is_it = |(other, at): &&(String, i64)| other == name && (*at as f64 - start).abs() < 5.0;
                told.iter().filter(is_it).count() == 1
            });
            (same && passes.len() == told.len() && passes.len() >= 4).then_some((passes, told))
        })
        .await;
        // They pass every 20 s: none is missing, and none is there twice.
        for name in ["obama", "biden"] {
            let starts: Vec<f64> = passes.iter().filter(|(who, _)| who == name).map(|(_, start)| *start).collect();
            assert!(starts.len() >= 2, "{passes:?} {told:?}");
            for pair in starts.windows(2) {
                assert!((10.0..35.0).contains(&(pair[1] - pair[0])), "{name} at {}: {starts:?}", node.camera);
            }
        }
        // Said once, and once that it is over; nobody was loaded anew.
        for line in ["the database is away: recognising from memory", "the database is back, the gallery is up to date"]
        {
            assert_eq!(node.lines(line), 1, "{line:?}: {:#?}", node.vultus.lines());
        }
        assert_eq!(node.lines("gallery loaded"), 1);
    }
}
