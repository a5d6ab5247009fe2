//! Whether a wanted FPIR is kept: simulated on photos of many people. See bench/promise, which runs it.
#![allow(clippy::unwrap_used, reason = "a measurement ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use face::{DecodeLimits, Embedding, Engine, Face, Runtime};
use gallery::{Distance, Gallery, PersonName, Scale, Strictness, distance_at};
use models::{Cache, Catalog, Pack};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use store::Store;

/// People enrolled.
const SIZES: [usize; 3] = [30, 200, 800];

/// Strangers that may be taken for somebody.
const WANTED: [f64; 2] = [0.01, 0.001];

/// What the wanted FPIR is divided by before the threshold is computed, for comparison.
const MARGINS: [f64; 3] = [1.0, 2.0, 3.0];

/// Random galleries of each size.
const GALLERIES: u64 = 1_000;

/// Resamplings of the people for an interval.
const RESAMPLED: usize = 2_000;

/// A person of the data: photos that can be recognised, and where in them the one is that is not enrolled.
struct Shown {
    name: String,
    photos: Vec<Embedding>,
}

impl Shown {
    /// What is enrolled: every photo that is good enough but one, which is shown later; a single photo is enrolled.
    fn enrolled(&self, enrol_norm: f32) -> Vec<Embedding> {
        let kept = if self.photos.len() > 1 { &self.photos[..self.photos.len() - 1] } else { &self.photos };
        kept.iter().filter(|photo| photo.norm >= enrol_norm).cloned().collect()
    }

    /// The photo that is shown when the person is enrolled.
    fn shown_later(&self) -> Option<usize> {
        (self.photos.len() > 1).then(|| self.photos.len() - 1)
    }
}

fn pack() -> Pack {
    Catalog::builtin().pack("default").unwrap().clone()
}

fn engine() -> Engine {
    let cache = std::env::var_os("MODELS_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("vultus")));
    let (cache, catalog) = (Cache::new(cache.unwrap()), Catalog::builtin());
    let runtime = Runtime::load(&cache.runtime(&catalog).unwrap()).unwrap();
    Engine::open(&runtime, &cache.installed(&catalog, "default").unwrap()).unwrap()
}

/// Everybody in `folder`/NAME/ by the face in the middle of each photo.
fn people_in(folder: &Path) -> Vec<Shown> {
    let mut engine = engine();
    let mut people = Vec::new();
    for place in sorted(folder) {
        let mut photos = Vec::new();
        for photo in sorted(&place) {
            let Ok(image) = face::decode(&std::fs::read(&photo).unwrap(), &DecodeLimits::default()) else { continue };
            let rank = |face: &Face| face.area.prominence((image.width(), image.height()));
            let faces = engine.faces(&image, 1.0).unwrap().faces;
            let nearest = faces.into_iter().max_by(|a, b| rank(a).total_cmp(&rank(b)));
            photos.extend(nearest.map(|face| face.embedding));
        }
        let name = place.file_name().unwrap().to_str().unwrap().to_owned();
        people.push(Shown { name, photos });
    }
    people
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// How far each photo is from each person who can be enrolled.
struct Distances {
    people: Vec<Shown>,
    /// Of each photo of each person to everybody, in the order of `people`.
    of: Vec<Vec<Vec<f32>>>,
}

impl Distances {
    /// By the templates that a real gallery makes of the photos. Who cannot be enrolled is left out.
    async fn measure(people: Vec<Shown>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
        let gallery = Gallery::load(store, &pack(), &Catalog::builtin()).await.unwrap();
        let enrol_norm = gallery.gates().enrol_norm;
        let people: Vec<_> = people.into_iter().filter(|shown| !shown.enrolled(enrol_norm).is_empty()).collect();
        for shown in &people {
            gallery.enrol(&PersonName::parse(&shown.name).unwrap(), &shown.enrolled(enrol_norm)).await.unwrap();
        }
        let index = gallery.index();
        let means: Vec<_> = people.iter().map(|shown| index.face_of(&shown.name).unwrap()).collect();
        let far = |photo: &Embedding| {
            means.iter().map(|mean| gallery.scale().between(mean, &photo.vector).value()).collect::<Vec<_>>()
        };
        let of = people.iter().map(|shown| shown.photos.iter().map(far).collect()).collect();
        Self { people, of }
    }

    /// Strangers to one another who are nearest: whoever reads the result should look at their photos, since one person under two
    /// names counts as a false match here.
    fn nearest_strangers(&self) -> Vec<(f32, &str, &str)> {
        let mut nearest: BTreeMap<(usize, usize), f32> = BTreeMap::new();
        for (at, photos) in self.of.iter().enumerate() {
            for (other, far) in
                photos.iter().flat_map(|photo| photo.iter().enumerate()).filter(|(other, _)| *other != at)
            {
                let held = nearest.entry((at.min(other), at.max(other))).or_insert(*far);
                *held = held.min(*far);
            }
        }
        let mut pairs: Vec<_> = nearest
            .into_iter()
            .map(|((a, b), far)| (far, self.people[a].name.as_str(), self.people[b].name.as_str()))
            .collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.truncate(15);
        pairs
    }
}

/// Searches that went wrong, of all.
#[derive(Clone, Copy, Default)]
struct Rate {
    wrong: u64,
    all: u64,
}

impl Rate {
    fn count(&mut self, is_wrong: bool) {
        self.wrong += u64::from(is_wrong);
        self.all += 1;
    }

    fn share(self) -> f64 {
        self.wrong as f64 / self.all.max(1) as f64
    }

    fn plus(self, other: Self) -> Self {
        Self { wrong: self.wrong + other.wrong, all: self.all + other.all }
    }
}

/// The rate of all, and its 95 % interval if these people had been others like them: photos of one person are alike, so people are
/// resampled and not searches.
fn with_interval(of_people: &[Rate], random: &mut StdRng) -> (f64, f64, f64) {
    let all = of_people.iter().copied().fold(Rate::default(), Rate::plus).share();
    let mut resampled: Vec<f64> = (0..RESAMPLED)
        .map(|_| {
            let drawn = (0..of_people.len()).map(|_| of_people[random.random_range(0..of_people.len())]);
            drawn.fold(Rate::default(), Rate::plus).share()
        })
        .collect();
    resampled.sort_by(f64::total_cmp);
    (all, resampled[RESAMPLED / 40], resampled[RESAMPLED - 1 - RESAMPLED / 40])
}

/// False positives of strangers and false negatives of those enrolled, by person.
fn search(distances: &Distances, size: usize, threshold: f32) -> (Vec<Rate>, Vec<Rate>) {
    let everybody = distances.people.len();
    let (mut strangers, mut enrolled) = (vec![Rate::default(); everybody], vec![Rate::default(); everybody]);
    let mut order: Vec<usize> = (0..everybody).collect();
    for gallery in 0..GALLERIES {
        order.shuffle(&mut StdRng::seed_from_u64(gallery));
        let (inside, outside) = order.split_at(size);
        for stranger in outside {
            for photo in &distances.of[*stranger] {
                strangers[*stranger].count(inside.iter().any(|person| photo[*person] < threshold));
            }
        }
        for person in inside {
            let Some(photo) = distances.people[*person].shown_later().map(|at| &distances.of[*person][at]) else {
                continue;
            };
            let nearest = inside.iter().min_by(|a, b| photo[**a].total_cmp(&photo[**b]));
            enrolled[*person].count(nearest != Some(person) || photo[*person] >= threshold);
        }
    }
    (strangers, enrolled)
}

fn row(distances: &Distances, size: usize, asked: &str, threshold: f32, random: &mut StdRng) {
    let (strangers, enrolled) = search(distances, size, threshold);
    let (fpir, least, most) = with_interval(&strangers, random);
    let (fnir, few, many) = with_interval(&enrolled, random);
    println!(
        "| {size} | {asked} | {threshold:.4} | {:.3} % | {:.3}–{:.3} | {:.2} % | {:.2}–{:.2} |",
        fpir * 100.0,
        least * 100.0,
        most * 100.0,
        fnir * 100.0,
        few * 100.0,
        many * 100.0
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes: see bench/promise"]
async fn measure_promise() {
    let folder = std::env::var_os("VULTUS_BENCH_FACES").expect("VULTUS_BENCH_FACES names a folder of NAME/photo");
    let distances = Distances::measure(people_in(Path::new(&folder))).await;
    let photos: usize = distances.people.iter().map(|shown| shown.photos.len()).sum();
    let several = distances.people.iter().filter(|shown| shown.photos.len() > 1).count();
    println!(
        "{photos} photos of {} people, {several} of them with several; {GALLERIES} random galleries of each size",
        distances.people.len()
    );
    let mut random = StdRng::seed_from_u64(0);
    println!("| enrolled | TH_ACCEPT | threshold | FPIR | 95 % | FNIR | 95 % |");
    println!("|---|---|---|---|---|---|---|");
    let scale = Scale::of(&Catalog::builtin().pack("default").unwrap().embedder);
    let asked = WANTED.map(Strictness::Fpir).into_iter().chain([Strictness::Below(Distance::new(0.45))]);
    for (size, strictness) in SIZES.iter().flat_map(|size| asked.clone().map(move |asked| (*size, asked))) {
        let threshold = strictness.threshold(size).value();
        let guess = if strictness.is_measured(size, &scale) { "" } else { ", beyond measure" };
        row(&distances, size, &format!("{strictness}{guess}"), threshold, &mut random);
    }
    println!("| enrolled | FPIR wanted / margin | threshold | FPIR | 95 % | FNIR | 95 % |");
    println!("|---|---|---|---|---|---|---|");
    for (size, wanted) in SIZES.iter().flat_map(|size| WANTED.map(|wanted| (*size, wanted))) {
        for margin in MARGINS {
            let fmr = 1.0 - (1.0 - wanted / margin).powf(1.0 / size as f64);
            row(&distances, size, &format!("{wanted} / {margin}"), distance_at(fmr).value(), &mut random);
        }
    }
    for (far, one, other) in distances.nearest_strangers() {
        eprintln!("{far:.4} {one} {other}");
    }
}
