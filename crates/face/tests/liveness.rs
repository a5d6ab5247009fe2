//! The liveness model against the reference program in Python, and measured on real photos and simulated attacks (bench/liveness).
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../../../e2e/support/attack.rs"]
mod attack;
mod support;
#[allow(dead_code, reason = "a track asks more of it than a measurement")]
#[path = "../../camera/src/liveness/turn.rs"]
mod turn;
#[path = "liveness/turned.rs"]
mod turned;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use face::{DecodeLimits, Engine, Picture, Rect, RgbImage};
use serde::Deserialize;

use attack::{Portrait, Species, Take};

#[derive(Deserialize)]
struct Expected {
    r#box: [f32; 4],
    live: f32,
}

fn rect([left, top, right, bottom]: [f32; 4]) -> Rect {
    Rect { left, top, right, bottom }
}

#[test]
fn the_liveness_model_agrees_with_the_reference_program() {
    let expected: BTreeMap<String, Vec<Expected>> =
        serde_json::from_str(include_str!("reference/liveness.json")).expect("liveness.json");
    let mut engine = support::engine();
    let (mut compared, mut doubtful) = (0, 0);
    for (photo, faces) in expected {
        let image = support::image(&photo);
        for want in faces {
            let live = engine.liveness(&image, &rect(want.r#box)).unwrap();
            assert!((live - want.live).abs() < 1e-3, "{photo} {:?}: {live}, not {}", want.r#box, want.live);
            compared += 1;
            doubtful += u32::from((0.02..0.98).contains(&want.live));
        }
    }
    assert!(compared >= 20 && doubtful >= 8, "{compared} compared, {doubtful} of them between the ends");
}

// ---- The measurement

/// Takes of one presentation: what a track has in about three seconds, the first five 0.1 s apart, then 0.25 s.
const TAKES: u32 = 16;

/// Widths of the face in the camera's picture.
const WIDTHS: [f32; 2] = [80.0, 170.0];

/// Thresholds of the curve.
const CURVE: [f32; 8] = [0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95];

/// Scores of presentations of one kind.
#[derive(Default, Clone)]
struct Scores {
    shots: Vec<f32>,
    /// The shots of each presentation.
    tracks: Vec<Vec<f32>>,
    /// Takes in which no face was found.
    missed: u32,
}

impl Scores {
    fn add(&mut self, other: &Self) {
        self.shots.extend(&other.shots);
        self.tracks.extend(other.tracks.iter().cloned());
        self.missed += other.missed;
    }
}

/// Share of `scores` at or above `threshold`, in percent.
fn live(scores: &[f32], threshold: f32) -> f64 {
    let alive = scores.iter().filter(|score| **score >= threshold).count();
    100.0 * alive as f64 / scores.len().max(1) as f64
}

/// Whether a door that is `enforce` ever opens for a track with these shots: the rule of a camera's track (crates/camera/src/liveness,
/// which is above this crate), where each shot would be accepted and nobody is ever in doubt whose face it is.
fn ever_passes(shots: &[f32], threshold: f32) -> bool {
    const KEPT: usize = 10;
    let mut since_spoof: Option<usize> = None;
    (1..=shots.len()).any(|seen| {
        let newest = &shots[seen.saturating_sub(KEPT)..seen];
        let looks_alive = newest.iter().sum::<f32>() / newest.len() as f32 >= threshold;
        since_spoof = match since_spoof {
            Some(since) if since + 1 >= KEPT && looks_alive => None,
            Some(since) => Some(since + 1),
            None if !looks_alive && seen >= 5 => Some(0),
            None => None,
        };
        since_spoof.is_none() && looks_alive && seen >= 3
    })
}

#[test]
fn a_door_opens_at_the_third_shot_that_looks_alive_or_ten_shots_after_a_spoof() {
    let then = |first: &[f32], later: usize| ever_passes(&[first, &vec![1.0; later]].concat(), 0.7);
    assert!(!then(&[], 2) && then(&[], 3));
    assert!(then(&[1.0, 1.0, 0.2], 0), "a mean of 0.73");
    assert!(then(&[0.0], 3) && !then(&[0.0, 0.0, 0.0], 2));
    assert!(!then(&[0.0; 5], 9) && then(&[0.0; 5], 10));
}

/// Share of tracks for which the door opens, in percent, and the interval (Wilson, 95 %).
fn passing(tracks: &[Vec<f32>], threshold: f32) -> (f64, [f64; 2]) {
    let n = tracks.len().max(1) as f64;
    let share = tracks.iter().filter(|shots| ever_passes(shots, threshold)).count() as f64 / n;
    let z2 = 1.96f64.powi(2);
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    (100.0 * share, [100.0 * (middle - half).max(0.0), 100.0 * (middle + half).min(1.0)])
}

/// The same for each threshold; `refused` tells of those for which it does not open.
fn row_of_tracks(name: &str, tracks: &[Vec<f32>], refused: bool) {
    let cell = |threshold: &f32| match (passing(tracks, *threshold), refused) {
        ((share, [low, high]), false) => format!("{share:.0} ({low:.0}–{high:.0})"),
        ((share, [low, high]), true) => format!("{:.0} ({:.0}–{:.0})", 100.0 - share, 100.0 - high, 100.0 - low),
    };
    println!("| {name} | {} | {} |", tracks.len(), CURVE.iter().map(cell).collect::<Vec<_>>().join(" | "));
}

fn row(name: &str, scores: &[f32], rate: impl Fn(&[f32], f32) -> f64) {
    let cells: Vec<_> = CURVE.iter().map(|threshold| format!("{:.1}", rate(scores, *threshold))).collect();
    println!("| {name} | {} | {} |", scores.len(), cells.join(" | "));
}

fn head(what: &str) {
    let cells: Vec<_> = CURVE.iter().map(|threshold| format!("at {threshold}")).collect();
    println!("\n| {what} | n | {} |\n|---|---|{}", cells.join(" | "), "---|".repeat(CURVE.len()));
}

/// The largest face's box, and how much it looks alive.
fn look(engine: &mut Engine, picture: &dyn Picture) -> Option<(Rect, f32)> {
    let area = engine.detect(picture, 1.0).unwrap().first()?.area;
    Some((area, engine.liveness(picture, &area).unwrap()))
}

/// What is seen in each of the takes; of an attack only the face that is shown counts.
fn look_at_takes(engine: &mut Engine, takes: &[Take], is_attack: bool, see: impl Fn(&Take) -> RgbImage) -> Scores {
    let mut scores = Scores::default();
    for take in takes {
        let seen = look(engine, &see(take)).filter(|(area, _)| {
            let centre = area.centre();
            !is_attack || (centre.x - take.centre.0).hypot(centre.y - take.centre.1) < take.face_width / 2.0
        });
        match seen {
            Some((_, score)) => scores.shots.push(score),
            None => scores.missed += 1,
        }
    }
    if !scores.shots.is_empty() {
        scores.tracks.push(scores.shots.clone());
    }
    scores
}

fn photos_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(photos_in(&path));
        } else if path.extension().is_some_and(|ending| ["jpg", "png"].iter().any(|known| ending == *known)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn open(file: &Path) -> Option<RgbImage> {
    face::decode(&std::fs::read(file).ok()?, &DecodeLimits::default()).ok()
}

/// Does `work` on every item, on as many threads as there are cores, each with an engine of its own.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&mut Engine, &T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut engine = support::engine();
                while let Some((at, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                {
                    let result = work(&mut engine, item);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A photo of one large face that has something around it, and its box.
fn portrait_in(engine: &mut Engine, file: &Path) -> Option<(RgbImage, Rect)> {
    let photo = open(file)?;
    let found = engine.detect(&photo, 1.0).unwrap();
    let [only] = found.as_slice() else { return None };
    let area = only.area;
    let room = area.left.min(area.top);
    (area.width() >= 64.0 && room >= 0.1 * area.width()).then_some((photo, area))
}

/// A photo made worse, as cameras do.
fn worse(photo: &RgbImage, how: &str) -> RgbImage {
    let (width, height) = (photo.width(), photo.height());
    let changed = |change: &dyn Fn(usize, u8) -> f32| {
        let pixels = photo.pixels().iter().enumerate().map(|(i, v)| change(i, *v).round().clamp(0.0, 255.0) as u8);
        RgbImage::new(width, height, pixels.collect()).unwrap()
    };
    match how {
        "dark (a third of the light)" => changed(&|_, v| f32::from(v) / 3.0),
        "noise of 12 grey levels" => {
            let mut state = 1u32;
            let noise: Vec<f32> = (0..photo.pixels().len())
                .map(|_| {
                    let four = (0..4).map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 8) as f32 / (1 << 24) as f32
                    });
                    (four.sum::<f32>() - 2.0) * 1.732 * 12.0
                })
                .collect();
            changed(&|i, v| f32::from(v) + noise[i])
        }
        "blur of 2 pixels" => blurred(photo, 5),
        "JPEG quality 40" => {
            let image = turbojpeg::Image {
                pixels: photo.pixels(),
                width: width as usize,
                pitch: width as usize * 3,
                height: height as usize,
                format: turbojpeg::PixelFormat::RGB,
            };
            let jpeg = turbojpeg::compress(image, 40, turbojpeg::Subsamp::Sub2x2).unwrap();
            face::decode(&jpeg, &DecodeLimits::default()).unwrap()
        }
        "half the size" => halved(photo),
        _ => photo.clone(),
    }
}

/// A box of `side` pixels in both directions: 5 has the deviation 1.4, twice 2.
fn blurred(photo: &RgbImage, side: i32) -> RgbImage {
    let (width, height) = (photo.width() as i32, photo.height() as i32);
    let mut pixels = photo.pixels().to_vec();
    for (dx, dy) in [(1, 0), (0, 1), (1, 0), (0, 1)] {
        let from = pixels.clone();
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let (c, at) = (i % 3, (i / 3) as i32);
            let (x, y) = (at % width, at / width);
            let sum: u32 = (-side / 2..=side / 2)
                .map(|d| {
                    let (x, y) = ((x + d * dx).clamp(0, width - 1), (y + d * dy).clamp(0, height - 1));
                    u32::from(from[((y * width + x) * 3) as usize + c])
                })
                .sum();
            *pixel = (sum / side as u32) as u8;
        }
    }
    RgbImage::new(width as u32, height as u32, pixels).unwrap()
}

fn halved(photo: &RgbImage) -> RgbImage {
    let (width, height) = (photo.width() / 2, photo.height() / 2);
    let at = |x: u32, y: u32, c: u32| u32::from(photo.pixels()[((y * photo.width() + x) * 3 + c) as usize]);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let (x, y) = (2 * x, 2 * y);
                pixels.push(((at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c)) / 4) as u8);
            }
        }
    }
    RgbImage::new(width, height, pixels).unwrap()
}

/// Prints the tables of bench/liveness. VULTUS_BENCH_LIVENESS names folders of photos, joined by `:`, each `LABEL=FOLDER`;
/// VULTUS_BENCH_PORTRAITS says of how many photos attacks are made.
#[test]
#[ignore = "a measurement: bench/liveness runs it"]
fn measure_liveness() {
    let Some(folders) = std::env::var("VULTUS_BENCH_LIVENESS").ok() else {
        println!("skipped: no data");
        return;
    };
    let portraits: usize = std::env::var("VULTUS_BENCH_PORTRAITS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let sets: Vec<(String, Vec<PathBuf>)> = folders
        .split(':')
        .filter_map(|set| set.split_once('='))
        .map(|(label, folder)| (label.to_owned(), photos_in(Path::new(folder))))
        .collect();
    let (videos, photos): (Vec<_>, Vec<_>) = sets.iter().partition(|(label, _)| label.contains("video"));
    // Photos of one large face, from all sets in turn.
    let some: Vec<&PathBuf> =
        photos.iter().flat_map(|(_, set)| set.iter().step_by((set.len() * 2 / portraits).max(1))).collect();
    turned::measure(&some, &videos.iter().map(|(_, frames)| frames.as_slice()).collect::<Vec<_>>());
    bona_fide(&sets);
    attacks(&some);
}

/// BPCER a shot: photos of people as they are, and made worse.
fn bona_fide(sets: &[(String, Vec<PathBuf>)]) {
    let bpcer = |scores: &[f32], threshold: f32| 100.0 - live(scores, threshold);
    head("living, one shot: BPCER %");
    let mut first = None;
    for (label, files) in sets {
        let scores = each(files, |engine, file| look(engine, &open(file)?));
        let found = scores.into_iter().flatten().filter(|(area, _)| area.width() >= 32.0);
        row(label, &found.map(|(_, score)| score).collect::<Vec<_>>(), bpcer);
        first.get_or_insert((label, files));
    }
    let Some((label, files)) = first else { return };
    let some: Vec<_> = files.iter().step_by((files.len() / 300).max(1)).collect();
    for how in [
        "as it is",
        "dark (a third of the light)",
        "noise of 12 grey levels",
        "blur of 2 pixels",
        "JPEG quality 40",
        "half the size",
    ] {
        let scores = each(&some, |engine, file| look(engine, &worse(&open(file)?, how)));
        let scores: Vec<f32> = scores.into_iter().flatten().map(|(_, score)| score).collect();
        row(&format!("{} of {label}, {how}", some.len()), &scores, bpcer);
    }
}

/// APCER of each species, a shot and a track, and BPCER of the same photos as people.
fn attacks(files: &[&PathBuf]) {
    let took = Mutex::new((Duration::ZERO, 0u32));
    let results = each(files, |engine, file| {
        let (photo, face) = portrait_in(engine, file)?;
        let portrait = Portrait { photo: &photo, face };
        let mut table = Vec::new();
        for (i, width) in WIDTHS.iter().enumerate() {
            let takes = Take::of_a_hand(*width, TAKES, file.as_os_str().len() as u32 + i as u32);
            if i == 0 {
                table.push((None, i, look_at_takes(engine, &takes, false, |take| attack::person(&portrait, take))));
            }
            for species in Species::ALL {
                let scores = look_at_takes(engine, &takes, true, |take| attack::attack(species, &portrait, take));
                table.push((Some(species), i, scores));
            }
        }
        let started = Instant::now();
        engine.liveness(&photo, &face).unwrap();
        let mut took = took.lock().unwrap();
        *took = (took.0 + started.elapsed(), took.1 + 1);
        Some(table)
    });
    let made: Vec<_> = results.into_iter().flatten().collect();
    println!("\nattacks made of {} photos, faces of {WIDTHS:?} px, {TAKES} shots each", made.len());
    let of = |species: Option<Species>, width: Option<usize>| {
        let mut all = Scores::default();
        for (kind, at, scores) in made.iter().flatten() {
            if *kind == species && width.is_none_or(|width| width == *at) {
                all.add(scores);
            }
        }
        all
    };
    let bpcer = |scores: &[f32], threshold: f32| 100.0 - live(scores, threshold);
    head("attack, one shot: APCER %");
    Species::ALL.iter().for_each(|species| row(species.name(), &of(Some(*species), None).shots, live));
    head("attack, a track that ever passes: APCER % (95 %)");
    Species::ALL.iter().for_each(|species| row_of_tracks(species.name(), &of(Some(*species), None).tracks, false));
    head("the same by width of the face");
    for (i, width) in WIDTHS.iter().enumerate() {
        for species in Species::ALL {
            row_of_tracks(&format!("{width} px, {}", species.name()), &of(Some(species), Some(i)).tracks, false);
        }
    }
    head("the same photos, filling the view: BPCER %");
    row("a shot", &of(None, None).shots, bpcer);
    row_of_tracks("a track that never passes", &of(None, None).tracks, true);
    println!(
        "\nno face found: people {}, {}",
        of(None, None).missed,
        Species::ALL.map(|s| format!("{} {}", s.name(), of(Some(s), None).missed)).join(", ")
    );
    let (time, times) = took.into_inner().unwrap();
    println!("{:.1} ms a shot", time.as_secs_f64() * 1e3 / f64::from(times.max(1)));
}
