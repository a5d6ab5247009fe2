//! Unknown people of several nodes on one database; and, on folders of photos, how well they are grouped and what a correction is
//! worth: see bench/visitors, which runs the measurements.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use events::Visitors;
use face::{DecodeLimits, Embedding, Engine, Face, Runtime};
use gallery::{Distance, Gallery, PersonName, Scale};
use models::{Cache, Catalog, Pack};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use store::{Event, EventFilter, Micros, Store, StoredFace};

/// The original's threshold.
const TH_ACCEPT: f32 = 0.45;

/// Orders in which people come.
const ORDERS: u64 = 3;

/// The nearest pairs of strangers, of whom one is taken for the other.
const MISTAKEN: usize = 100;

fn pack() -> Pack {
    Catalog::builtin().pack("default").unwrap().clone()
}

/// A photo's face.
struct Shown {
    person: String,
    face: Embedding,
}

/// The face in the middle of each photo of `folder`/NAME/, where it is good enough to be kept.
fn faces_in(folder: &Path) -> Vec<Shown> {
    let cache = std::env::var_os("MODELS_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("vultus")));
    let (cache, catalog) = (Cache::new(cache.unwrap()), Catalog::builtin());
    let runtime = Runtime::load(&cache.runtime(&catalog).unwrap()).unwrap();
    let mut engine = Engine::open(&runtime, &cache.installed(&catalog, "default").unwrap()).unwrap();
    let mut found = Vec::new();
    // In `groups` there are stills of several people.
    for person in sorted(folder).into_iter().filter(|person| !person.ends_with("groups")) {
        for photo in sorted(&person) {
            let Ok(image) = face::decode(&std::fs::read(&photo).unwrap(), &DecodeLimits::default()) else { continue };
            let rank = |face: &Face| face.area.prominence((image.width(), image.height()));
            let faces = engine.faces(&image, 1.0).unwrap().faces;
            let Some(face) = faces.into_iter().max_by(|a, b| rank(a).total_cmp(&rank(b))) else {
                continue;
            };
            if face.embedding.norm >= pack().embedder.gates.enrol_norm {
                let person = person.file_name().unwrap().to_str().unwrap().to_owned();
                found.push(Shown { person, face: face.embedding });
            }
        }
    }
    found
}

/// What a folder of photos is called: `lfw-dev/images` is lfw-dev.
fn set_of(folder: &Path) -> &Path {
    let named = if folder.ends_with("images") { folder.parent().unwrap_or(folder) } else { folder };
    named.file_name().map_or(named, Path::new)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

async fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap()
}

fn event(number: usize, face: &Embedding) -> Event {
    let started_at = Micros(Micros::now().0 / 1_000 * 1_000 + i64::try_from(number).unwrap());
    Event {
        id: format!("01943c3e-8f10-7000-8000-{number:012}"),
        person_id: None,
        person: None,
        status: "REJECT".to_owned(),
        reason: Some("below_threshold".to_owned()),
        camera: "door".to_owned(),
        direction: None,
        node: "gate".to_owned(),
        track: None,
        distance: None,
        raw_distance: None,
        quality: Some(face.norm.into()),
        started_at,
        passed_at: None,
        last_seen_at: started_at,
        ended: true,
        has_face: false,
        has_frame: false,
        decision: "{}".to_owned(),
        door_group: None,
        visitor: None,
        face: Some(StoredFace { model: pack().name, embedding: face.vector.clone() }),
        correction: None,
    }
}

/// What became of the people of one order.
#[derive(Clone, Copy, Default)]
struct Score {
    visitors: f64,
    split: f64,
    mixed: f64,
    precision: f64,
    recall: f64,
}

async fn group(shown: &[Shown], order: u64) -> Score {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let visitors = Visitors::still(store.clone(), &pack().name, Scale::of(&pack().embedder));
    let mut order_of: Vec<usize> = (0..shown.len()).collect();
    order_of.shuffle(&mut StdRng::seed_from_u64(order));
    for (number, at) in order_of.iter().enumerate() {
        let face = &shown[*at].face;
        let visitor = Some(visitors.visitor_of(&face.vector, Micros::now()));
        store.put_events(&[Event { visitor, ..event(number, face) }]).await.unwrap();
        visitors.catch_up().await.unwrap();
    }
    visitors.unite().await.unwrap();
    let mut before: Option<String> = None;
    // How many photos of each person are in each visitor.
    let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    loop {
        let page = store.events(&EventFilter::default(), before.as_deref(), 500).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
        for event in &page {
            let number: usize = event.id[24..].parse().unwrap();
            let person = shown[order_of[number]].person.as_str();
            *counts.entry(event.visitor.clone().unwrap()).or_default().entry(person).or_default() += 1;
        }
    }
    score(&counts)
}

fn score(counts: &BTreeMap<String, BTreeMap<&str, u64>>) -> Score {
    let pairs = |count: u64| (count * count.saturating_sub(1) / 2) as f64;
    let mut of_person: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (person, count) in counts.values().flatten() {
        let (photos, visitors) = of_person.entry(person).or_default();
        *photos += count;
        *visitors += 1;
    }
    let right: f64 = counts.values().flatten().map(|(_, count)| pairs(*count)).sum();
    let grouped: f64 = counts.values().map(|people| pairs(people.values().sum())).sum();
    let same: f64 = of_person.values().map(|(photos, _)| pairs(*photos)).sum();
    Score {
        visitors: counts.len() as f64,
        split: of_person.values().filter(|(_, visitors)| *visitors > 1).count() as f64,
        mixed: counts.values().filter(|people| people.len() > 1).count() as f64,
        precision: right / grouped.max(1.0),
        recall: right / same.max(1.0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_meet_somebody_at_the_same_moment_agree_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let node = || Visitors::still(store.clone(), &pack().name, Scale::of(&pack().embedder));
    let (one, two) = (node(), node());
    let mut vector = vec![0.0; pack().embedder.dim];
    vector[7] = 1.0;
    let face = Embedding::new(vector, 3.5);
    let met = [one.visitor_of(&face.vector, Micros::now()), two.visitor_of(&face.vector, Micros::now())];
    assert_ne!(met[0], met[1], "neither could know");
    for (number, visitor) in met.iter().enumerate() {
        store.put_events(&[Event { visitor: Some(visitor.clone()), ..event(number, &face) }]).await.unwrap();
    }
    one.catch_up().await.unwrap();
    assert_eq!(one.unite().await.unwrap(), 1);
    two.catch_up().await.unwrap();
    assert_eq!(two.unite().await.unwrap(), 0);
    let older = met.iter().min().unwrap();
    for node in [&one, &two] {
        assert_eq!(node.visitor_of(&face.vector, Micros::now()), *older, "the older id stays");
    }
    assert_eq!(store.visitor(&met[0]).await.unwrap().unwrap().passages, 2);

    // Muted by either id, known in every process.
    store.mute_visitor(met.iter().max().unwrap(), true).await.unwrap();
    assert!(!two.is_muted(older));
    two.catch_up().await.unwrap();
    assert!(met.iter().all(|id| two.is_muted(id)));
    store.forget_visitor(older).await.unwrap();
    two.catch_up().await.unwrap();
    assert!(!met.contains(&two.visitor_of(&face.vector, Micros::now())), "whoever was forgotten is somebody new");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes: see bench/visitors"]
async fn measure_groups() {
    println!(
        "| photos | people | of them with several | visitors | people split | visitors mixed | precision of pairs | recall of pairs |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let folders = std::env::var("VULTUS_BENCH_FACES").expect("VULTUS_BENCH_FACES names folders, with : between them");
    for folder in std::env::split_paths(&folders) {
        let shown = faces_in(&folder);
        let mut photos: BTreeMap<&str, u32> = BTreeMap::new();
        shown.iter().for_each(|shown| *photos.entry(&shown.person).or_default() += 1);
        let mut mean = Score::default();
        for order in 0..ORDERS {
            let one = group(&shown, order).await;
            let share = 1.0 / ORDERS as f64;
            mean.visitors += one.visitors * share;
            mean.split += one.split * share;
            mean.mixed += one.mixed * share;
            mean.precision += one.precision * share;
            mean.recall += one.recall * share;
        }
        println!(
            "| {} of {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.2} % | {:.2} % |",
            shown.len(),
            set_of(&folder).display(),
            photos.len(),
            photos.values().filter(|count| **count > 1).count(),
            mean.visitors,
            mean.split,
            mean.mixed,
            mean.precision * 100.0,
            mean.recall * 100.0
        );
    }
}

/// A person and a stranger, by one photo each: the stranger is as good as taken for the person.
struct Mistaken<'a> {
    distance: f32,
    person: (&'a str, &'a Embedding),
    stranger: (&'a str, &'a Embedding),
}

/// Each person is known by the first photo. Strangers are those with several photos, so that they can come again.
fn mistaken<'a>(by_person: &BTreeMap<&'a str, Vec<&'a Embedding>>) -> Vec<Mistaken<'a>> {
    let scale = Scale::of(&pack().embedder);
    let mut all = Vec::new();
    for (person, known) in by_person {
        for (stranger, photos) in by_person.iter().filter(|(name, photos)| *name != person && photos.len() > 1) {
            let distance = |photo: &&&Embedding| scale.between(&known[0].vector, &photo.vector).value();
            let Some(nearest) = photos.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))) else { continue };
            all.push(Mistaken {
                distance: distance(&nearest),
                person: (person, known[0]),
                stranger: (stranger, nearest),
            });
        }
    }
    all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    all.truncate(MISTAKEN);
    all
}

/// Of how many photos, how many are accepted, and how many are refuted.
#[derive(Default)]
struct Count {
    photos: u32,
    accepted: u32,
    refuted: u32,
    /// Accepted, if it were not refuted.
    lost: u32,
}

impl Count {
    fn look(&mut self, gallery: &Gallery, photo: &Embedding) {
        let found = gallery.search(photo).unwrap();
        let is_near = found.distance < Distance::new(TH_ACCEPT);
        self.photos += 1;
        self.accepted += u32::from(is_near && !found.refuted);
        self.refuted += u32::from(found.refuted);
        self.lost += u32::from(is_near && found.refuted);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes: see bench/visitors"]
async fn measure_corrections() {
    let folders = std::env::var("VULTUS_BENCH_FACES").expect("VULTUS_BENCH_FACES names folders, with : between them");
    let folder = std::env::split_paths(&folders).next().unwrap();
    let shown = faces_in(&folder);
    let mut by_person: BTreeMap<&str, Vec<&Embedding>> = BTreeMap::new();
    shown.iter().for_each(|shown| by_person.entry(&shown.person).or_default().push(&shown.face));
    let pairs = mistaken(&by_person);
    let (mut strangers, mut own) = (Count::default(), Count::default());
    for Mistaken { person: (person, known), stranger: (stranger, photo), .. } in &pairs {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let gallery = Gallery::load(store.clone(), &pack(), &Catalog::builtin()).await.unwrap();
        gallery.enrol(&PersonName::parse(person).unwrap(), &[Embedding::clone(known)]).await.unwrap();
        let wrong = gallery.search(known).unwrap();
        let named = Event { person_id: Some(wrong.person.0), person: Some(wrong.name.to_string()), ..event(1, photo) };
        store.put_events(std::slice::from_ref(&named)).await.unwrap();
        gallery.correct_event(&named.id, None).await.unwrap();
        let later = by_person[stranger].iter().filter(|later| !std::ptr::eq(**later, *photo));
        later.for_each(|later| strangers.look(&gallery, later));
        by_person[person].iter().skip(1).for_each(|own_photo| own.look(&gallery, own_photo));
    }
    let farthest = pairs.last().map_or(0.0, |pair| pair.distance);
    println!(
        "{} pairs of strangers, nearer than {farthest:.3}; one photo of each was taken for the other person, and corrected",
        pairs.len()
    );
    println!(
        "| photos | how many | accepted without the correction | accepted with it | refused by it, whatever the distance |"
    );
    println!("|---|---|---|---|---|");
    for (whose, count) in [("of that stranger, later", strangers), ("of the person", own)] {
        let Count { photos, accepted, refuted, lost } = count;
        println!("| {whose} | {photos} | {} | {accepted} | {refuted} |", accepted + lost);
    }
}
