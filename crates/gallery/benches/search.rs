//! Searches of a gallery, timed as the service makes them: people in a database, [`Gallery::load`], [`Gallery::search`]. See bench/search,
//! which runs it beside its peers.
//!
//!   usage: search fill DATABASE GALLERY     puts everybody into a database
//!          search ask DATABASE PROBES       says one line when everybody is loaded, and then one for each that it is asked:
//!                                           `search`, `enrol`, `bandwidth`
//!
//! Files are of 32 bit floats, as many for each face as the default pack has.
#![allow(clippy::unwrap_used, reason = "a measurement ends at the first surprise")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use face::Embedding;
use gallery::{Gallery, PersonName};
use models::{Catalog, Pack};
use serde_json::{Value, json};
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};
use store::Store;

/// People put into the database by one statement.
const AT_ONCE: usize = 500;

/// How long one probe is searched again and again: a single search of few people is too short to be timed.
const LONG_ENOUGH: Duration = Duration::from_millis(2);

/// How often something else is done for one answer: the first time finds memory and disk as the peers left them.
const PASSES: usize = 5;

/// What is summed to see how fast memory is read: more than any cache holds that is one's own.
const LARGE: usize = 1 << 30;

#[tokio::main]
async fn main() {
    let pack = Catalog::builtin().pack("default").unwrap().clone();
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", database, gallery] => fill(database, &pack, &faces(gallery, &pack)).await,
        ["ask", database, probes] => answer(database, &pack, &faces(probes, &pack)).await,
        // Cargo's tests start it as well, with arguments of their own.
        _ => println!("bench/search runs this"),
    }
}

/// Loads everybody, and then does what each line of the standard input says.
async fn answer(database: &str, pack: &Pack, probes: &[Vec<f32>]) {
    let began = Instant::now();
    let gallery = Gallery::load(open(database).await, pack, &Catalog::builtin()).await.unwrap();
    let (seconds, vectors) = (began.elapsed().as_secs_f64(), gallery.index().vector_bytes());
    let [now, peak] = ["VmRSS:", "VmHWM:"].map(memory);
    println!("{}", json!({"seconds": seconds, "vectors": vectors, "memory": now, "peak": peak}));
    let probes: Vec<Embedding> = probes.iter().map(|face| Embedding::new(face.clone(), 4.0)).collect();
    let large = vec![1u64; LARGE / size_of::<u64>()];
    for (number, line) in (0..).zip(std::io::stdin().lines()) {
        let answer = match line.unwrap().as_str() {
            "search" => search(&gallery, &probes),
            "enrol" => enrol(&gallery, &probes[0], number).await,
            "bandwidth" => {
                let seconds = median((0..PASSES).map(|_| seconds_of(|| large.iter().sum::<u64>())).collect());
                json!({"bytes_a_second": LARGE as f64 / seconds})
            }
            other => panic!("{other} is not known"),
        };
        println!("{answer}");
    }
}

async fn open(database: &str) -> Store {
    Store::open(&format!("sqlite:{database}")).await.unwrap()
}

/// The faces of a file.
fn faces(file: &str, pack: &Pack) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(file).unwrap();
    let face = |face: &[u8]| face.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
    bytes.chunks_exact(pack.embedder.dim * size_of::<f32>()).map(face).collect()
}

/// Enrols all faces, each as the person of its number: behind the gallery's back, since one by one would take hours.
async fn fill(database: &str, pack: &Pack, faces: &[Vec<f32>]) {
    open(database).await;
    let mut connection = SqliteConnection::connect(&format!("sqlite:{database}")).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    for (chunk, first) in faces.chunks(AT_ONCE).zip((1_i64..).step_by(AT_ONCE)) {
        let mut people = QueryBuilder::<Sqlite>::new("INSERT INTO people (id, name, created_at) ");
        people.push_values((first..).take(chunk.len()), |mut row, id| {
            row.push_bind(id).push_bind((id - 1).to_string()).push_bind(0);
        });
        people.build().execute(&mut *transaction).await.unwrap();
        let mut templates = QueryBuilder::<Sqlite>::new(
            "INSERT INTO templates (person_id, model, dimensions, embedding, norm, created_at) ",
        );
        templates.push_values((first..).zip(chunk), |mut row, (id, face)| {
            let bytes: Vec<u8> = face.iter().flat_map(|number| number.to_le_bytes()).collect();
            row.push_bind(id).push_bind(pack.space()).push_bind(face.len() as i64);
            row.push_bind(bytes).push_bind(4.0).push_bind(0);
        });
        templates.build().execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

/// Whom each probe finds, and the median of the seconds that it took.
fn search(gallery: &Gallery, probes: &[Embedding]) -> Value {
    let seconds = median(probes.iter().map(|probe| seconds_of(|| gallery.search(probe))).collect());
    let two_of = |probe| {
        let found = gallery.search(probe).unwrap();
        [found.name, found.runner_up.unwrap().name].map(|name| name.parse::<usize>().unwrap())
    };
    let found: Vec<[usize; 2]> = probes.iter().map(two_of).collect();
    json!({"seconds": seconds, "found": found})
}

/// Seconds until somebody who is new is on the disk and can be found, and who is gone again afterwards; the median of some.
async fn enrol(gallery: &Gallery, face: &Embedding, number: usize) -> Value {
    let name = PersonName::parse(&format!("new {number}")).unwrap();
    let mut seconds = Vec::new();
    for _ in 0..PASSES {
        let began = Instant::now();
        gallery.enrol(&name, [face]).await.unwrap();
        seconds.push(began.elapsed().as_secs_f64());
        gallery.remove(&name).await.unwrap();
    }
    json!({"seconds": median(seconds)})
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn seconds_of<T>(work: impl Fn() -> T) -> f64 {
    let began = Instant::now();
    let mut times = 0;
    while times == 0 || began.elapsed() < LONG_ENOUGH {
        black_box(work());
        times += 1;
    }
    began.elapsed().as_secs_f64() / f64::from(times)
}

/// Bytes of this process that are in memory, or were at most.
fn memory(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}
