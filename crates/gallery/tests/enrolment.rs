//! What the rules of enrolment cost, on a folder of photos: see bench/enrolment, which runs the measurement.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use face::{DecodeLimits, Engine, Rect, RgbImage, Runtime};
use gallery::{Candidate, Distance, EnrolPolicy, Gallery, PersonName, Scale};
use models::{Cache, Catalog, InstalledPack};
use store::Store;

/// The original's threshold.
const TH_ACCEPT: f32 = 0.45;

/// Photos of one request.
const AT_A_TIME: usize = 10;

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("VULTUS_BENCH_FACES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: no data");
    }
    folder
}

fn engine() -> (Engine, InstalledPack) {
    let cache = std::env::var_os("MODELS_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("vultus")));
    let (cache, catalog) = (Cache::new(cache.unwrap()), Catalog::builtin());
    let runtime = Runtime::load(&cache.runtime(&catalog).unwrap()).unwrap();
    let installed = cache.installed(&catalog, "default").unwrap();
    (Engine::open(&runtime, &installed).unwrap(), installed)
}

#[derive(Default)]
struct Count {
    refused: usize,
    warned: usize,
}

/// Everybody in `VULTUS_BENCH_FACES` (NAME/*.jpg) is enrolled by the strict rules, as good photos of different people should be.
#[tokio::test]
#[ignore = "a measurement, run by bench/enrolment"]
async fn measure_rules() {
    let Some(folder) = folder() else { return };
    let (mut engine, installed) = engine();
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", home.path().join("vultus.db").display())).await.unwrap();
    let gallery = Gallery::load(store, &installed.pack, &Catalog::builtin()).await.unwrap();

    let (mut photos, mut unusable, mut refused, mut clean) = (0, 0, 0, 0);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for person in sorted(&folder) {
        let name = PersonName::parse(person.file_name().unwrap().to_str().unwrap()).unwrap();
        for some in sorted(&person).chunks(AT_A_TIME) {
            photos += some.len();
            let mut candidates: Vec<Candidate> = some
                .iter()
                .filter_map(|photo| {
                    let bytes = std::fs::read(photo).unwrap();
                    let gates = gallery.gates();
                    Candidate::from_photo(&mut engine, gates, &bytes, &DecodeLimits::default(), false).ok()
                })
                .collect();
            unusable += some.len() - candidates.len();
            let policy = EnrolPolicy::STRICT;
            let mut all: Vec<&mut Candidate> = candidates.iter_mut().collect();
            gallery.compare(&name, &mut all, policy, Distance::new(TH_ACCEPT)).await;
            for candidate in &candidates {
                refused += usize::from(candidate.is_refused(policy));
                clean += usize::from(candidate.findings.is_empty());
                candidate.reasons(policy).iter().for_each(|reason| counts.entry(reason.code).or_default().refused += 1);
                candidate.warnings(policy).iter().for_each(|hint| counts.entry(hint.code).or_default().warned += 1);
            }
            let fit: Vec<_> =
                candidates.iter().filter(|c| !c.is_refused(policy)).map(|c| c.embedding.clone()).collect();
            if !fit.is_empty() {
                gallery.enrol(&name, &fit).await.unwrap();
            }
        }
    }
    let share = |count: usize| format!("{count} ({:.2} %)", count as f64 / photos as f64 * 100.0);
    println!("| of {photos} photos | refused | warned |\n|---|---|---|");
    println!("| nothing to recognise by | {} | – |", share(unusable));
    for (code, count) in &counts {
        println!("| `{code}` | {} | {} |", share(count.refused), share(count.warned));
    }
    println!("| refused at all; nothing to say of | {} | {} |", share(unusable + refused), share(clean));
}

/// People whose best photo is altered.
const ALTERED: usize = 120;

/// The face of a photo made worse, if there is one, and whether the person is not recognised by it.
type Seen = (Option<Candidate>, bool);

/// A photo made worse; told where its face is.
type Worsen = Box<dyn Fn(&RgbImage, &Rect) -> RgbImage>;

/// All colours times `gain`; `only_left` for the face's left half and what lies beside it.
fn lit(gain: f32, only_left: bool) -> Worsen {
    Box::new(move |photo, face| {
        let middle = face.centre().x as usize;
        let is_lit = |at: usize| only_left && at / 3 % photo.width() as usize >= middle;
        let change = |(at, &value): (usize, &u8)| if is_lit(at) { value } else { (f32::from(value) * gain) as u8 };
        let pixels = photo.pixels().iter().enumerate().map(change).collect();
        RgbImage::new(photo.width(), photo.height(), pixels).unwrap()
    })
}

/// Only the columns between two shares of the face's width; beyond 0 and 1 all that there is.
fn columns(from: f32, to: f32) -> Worsen {
    Box::new(move |photo, face| {
        let (width, row) = (photo.width(), photo.width() as usize * 3);
        let column = |share: f32| (face.left + share * face.width()).clamp(0.0, width as f32) as usize;
        let first = if from > 0.0 { column(from) } else { 0 };
        let end = if to < 1.0 { column(to) } else { width as usize };
        let pixels = photo.pixels().chunks_exact(row).flat_map(|row| row[first * 3..end * 3].iter().copied()).collect();
        RgbImage::new((end - first) as u32, photo.height(), pixels).unwrap()
    })
}

/// A BMP file, which loses nothing.
fn file(photo: &RgbImage) -> Vec<u8> {
    let row = photo.width() as usize * 3;
    let mut pixels = Vec::new();
    for row in photo.pixels().chunks_exact(row).rev() {
        row.chunks_exact(3).for_each(|rgb| pixels.extend(rgb.iter().rev()));
        pixels.resize(pixels.len().next_multiple_of(4), 0);
    }
    let mut file = b"BM".to_vec();
    for number in [54 + pixels.len() as u32, 0, 54, 40, photo.width(), photo.height(), 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    [file, pixels].concat()
}

fn mean(faces: &[&Candidate]) -> Vec<f32> {
    let mut sum = vec![0.0; faces[0].embedding.vector.len()];
    faces.iter().for_each(|face| sum.iter_mut().zip(&face.embedding.vector).for_each(|(sum, v)| *sum += v));
    let length = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
    sum.iter().map(|v| v / length).collect()
}

/// What making a good photo worse does to its norm, to its findings, and to being recognised by the person's other photos.
#[test]
#[ignore = "a measurement, run by bench/enrolment"]
fn measure_altered() {
    let Some(folder) = folder() else { return };
    let (mut engine, installed) = engine();
    let (gates, scale) = (installed.pack.embedder.gates, Scale::of(&installed.pack.embedder));
    let mut examine =
        |file: &[u8]| Candidate::from_photo(&mut engine, &gates, file, &DecodeLimits::default(), false).ok();
    let mut good = Vec::new();
    for person in sorted(&folder) {
        let photos = sorted(&person);
        if photos.len() < 3 || good.len() == ALTERED {
            continue;
        }
        let files: Vec<_> = photos.iter().take(AT_A_TIME).map(|photo| std::fs::read(photo).unwrap()).collect();
        let faces: Vec<_> = files.iter().filter_map(|file| Some((file, examine(file)?))).collect();
        let Some(at) =
            faces.iter().position(|(_, face)| face.quality.norm >= gates.warn_norm && face.company.faces == 1)
        else {
            continue;
        };
        let others: Vec<_> =
            faces.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, (_, face))| face).collect();
        if others.len() >= 2 {
            good.push((face::decode(faces[at].0, &DecodeLimits::default()).unwrap(), faces[at].1.area, mean(&others)));
        }
    }
    let kinds: Vec<(&str, Worsen)> = vec![
        ("as it is", lit(1.0, false)),
        ("luma × 0.35", lit(0.35, false)),
        ("luma × 0.25", lit(0.25, false)),
        ("luma × 0.15", lit(0.15, false)),
        ("luma × 0.06", lit(0.06, false)),
        ("half of the face × 0.3", lit(0.3, true)),
        ("half of the face × 0.1", lit(0.1, true)),
        ("half of the face × 0.03", lit(0.03, true)),
        ("without a third of the face at a side", columns(0.33, 1.0)),
        ("without nearly half", columns(0.45, 1.0)),
        ("without half", columns(0.5, 1.0)),
        ("from cheek to cheek, 0.85 of the box", columns(0.075, 0.925)),
        ("from cheek to cheek, 0.7 of the box", columns(0.15, 0.85)),
        ("without half, and close at the other side", columns(0.5, 0.9)),
    ];
    let norm_of = |face: &Option<Candidate>| face.as_ref().map_or(0.0, |face| face.quality.norm);
    println!(
        "| of {} good photos | norm, median | below 3 | lost | of those with 3 or more | refused | `cut_off` | `too_dark` |",
        good.len()
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (what, worsen) in kinds {
        let seen: Vec<_> = good
            .iter()
            .map(|(photo, area, mean)| {
                let face = examine(&file(&worsen(photo, area)));
                let lost =
                    face.as_ref().is_none_or(|face| scale.between(mean, &face.embedding.vector).value() > TH_ACCEPT);
                (face, lost)
            })
            .collect();
        let percent = |part: usize, all: usize| format!("{:.0} %", part as f64 / all.max(1) as f64 * 100.0);
        let share = |is: &dyn Fn(&Seen) -> bool| percent(seen.iter().filter(|one| is(one)).count(), seen.len());
        let clear: Vec<_> = seen.iter().filter(|(face, _)| norm_of(face) >= gates.enrol_norm).collect();
        let mut norms: Vec<f32> = seen.iter().map(|(face, _)| norm_of(face)).collect();
        norms.sort_by(f32::total_cmp);
        let refused_for =
            |face: &Candidate, code| face.reasons(EnrolPolicy::STRICT).iter().any(|reason| reason.code == code);
        println!(
            "| {what} | {:.1} | {} | {} | {} | {} | {} | {} |",
            norms[norms.len() / 2],
            share(&|(face, _)| norm_of(face) < gates.enrol_norm),
            share(&|(_, lost)| *lost),
            percent(clear.iter().filter(|(_, lost)| *lost).count(), clear.len()),
            share(&|(face, _)| face.as_ref().is_none_or(|face| face.is_refused(EnrolPolicy::STRICT))),
            share(&|(face, _)| face.as_ref().is_some_and(|face| refused_for(face, "cut_off"))),
            share(&|(face, _)| face.as_ref().is_some_and(|face| face.findings.iter().any(|f| f.code == "too_dark"))),
        );
    }
}
