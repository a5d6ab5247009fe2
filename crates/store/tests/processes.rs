//! What several processes do to one database, and what is left when one is killed. The children are this test program
//! itself, told by an environment variable to play a part.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{Database, MODEL, enrol, on_each_engine, runtime};
use store::Store;

const URL: &str = "VULTUS_STORE_TEST_CHILD_URL";
const NAME: &str = "VULTUS_STORE_TEST_CHILD_NAME";

/// Not a test: what a child does. It enrols people for ever and reports each one that was answered.
#[test]
fn child() {
    let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(NAME)) else { return };
    runtime().block_on(async {
        let store = Store::open(&url).await.expect("the child opens the database");
        for n in 0.. {
            let name = format!("{name}-{n}");
            enrol(&store, &name).await;
            println!("\nenrolled {name}");
        }
    });
}

/// A child that enrols people; killed when dropped.
struct Enroller {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Enroller {
    fn start(database: &Database, name: &str) -> Enroller {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--nocapture"])
            .env(URL, &database.url)
            .env(NAME, name)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let stdout = process.stdout.take().expect("its output");
        Enroller { process, lines: BufReader::new(stdout).lines() }
    }

    /// The next person whom the child reports; `None` at the end of its output.
    fn next(&mut self) -> Option<String> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("enrolled ").map(str::to_owned))
    }

    /// SIGKILL, where there are signals: no destructor runs, nothing is flushed.
    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Enroller {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_enrolment_is_there_after_a_kill() {
    on_each_engine(async |database| {
        for round in 1..=3 {
            let mut child = Enroller::start(database, &format!("round-{round}"));
            let mut answered: Vec<String> = std::iter::from_fn(|| child.next()).take(20 * round).collect();
            assert_eq!(answered.len(), 20 * round, "the child ended early");
            child.kill();
            answered.extend(std::iter::from_fn(|| child.next()));

            let snapshot = database.open().await.people(&[MODEL]).await.expect("people");
            for name in &answered {
                let person = snapshot.people.iter().find(|person| person.name == *name).expect(name);
                assert_eq!(person.templates.len(), 1, "{name}");
            }
            assert_eq!(usize::try_from(snapshot.version.0), Ok(snapshot.people.len()), "half a change was left");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_on_an_empty_database_all_work() {
    on_each_engine(async |database| {
        let mut children: Vec<_> = (0..5).map(|n| Enroller::start(database, &format!("child-{n}"))).collect();
        for (n, child) in children.iter_mut().enumerate() {
            for _ in 0..3 {
                let name = child.next().expect("the child enrols");
                assert!(name.starts_with(&format!("child-{n}-")), "{name}");
            }
        }
    })
    .await;
}
