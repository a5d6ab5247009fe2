//! What the rules of enrolment cost, on a folder of photos: see bench/enrolment, which runs the measurement.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use face::{DecodeLimits, Engine, Runtime};
use gallery::{Candidate, Distance, EnrolPolicy, Gallery, PersonName};
use models::{Cache, Catalog};
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

#[derive(Default)]
struct Count {
    refused: usize,
    warned: usize,
}

/// Everybody in `VULTUS_BENCH_FACES` (NAME/*.jpg) is enrolled by the strict rules, as good photos of different people should be.
#[tokio::test]
#[ignore = "a measurement, run by bench/enrolment"]
async fn measure_rules() {
    let Some(folder) = std::env::var_os("VULTUS_BENCH_FACES").map(PathBuf::from) else {
        println!("skipped: no data");
        return;
    };
    let cache = std::env::var_os("MODELS_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("vultus")));
    let (cache, catalog) = (Cache::new(cache.unwrap()), Catalog::builtin());
    let runtime = Runtime::load(&cache.runtime(&catalog).unwrap()).unwrap();
    let installed = cache.installed(&catalog, "default").unwrap();
    let mut engine = Engine::open(&runtime, &installed).unwrap();
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", home.path().join("vultus.db").display())).await.unwrap();
    let gallery = Gallery::load(store, &installed.pack).await.unwrap();

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
                    Candidate::from_photo(&mut engine, gates, &bytes, &DecodeLimits::default()).ok()
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
