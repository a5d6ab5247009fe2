//! Pulls from folders with archives made here, and with the real npm and pip where they must fail.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod clients;
mod place;
mod rewrites;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use models::{ModelsError, Pulled, State, Step, verify};

use crate::place::{DETECT, EMBED, LANDMARK, Place, sha256, tar_gz};

#[test]
fn a_pack_is_installed_from_a_folder_of_archives() {
    let place = Place::new();
    let pulled = place.pull().unwrap();
    assert_eq!((pulled.installed.len(), pulled.warnings.len()), (5, 0), "three models, a licence, a rewritten model");
    let pack = place.cache().installed(&place.catalog, "tiny").unwrap();
    assert_eq!(fs::read(pack.detector).unwrap(), DETECT);
    assert_eq!(fs::read(pack.landmark.unwrap()).unwrap(), LANDMARK);
    assert_eq!(fs::read(pack.embedder).unwrap(), EMBED);
    assert_eq!(fs::read(place.installed("LICENSE")).unwrap(), b"licence");
    assert_eq!(place.states(), [State::Ok, State::Ok, State::Ok, State::Ok]);
    assert_eq!(place.strays(), [] as [PathBuf; 0]);
}

#[test]
fn a_second_pull_has_nothing_to_do_and_needs_no_source() {
    let place = Place::new();
    place.pull().unwrap();
    fs::remove_dir_all(place.from("")).unwrap();
    let pulled = place.pull_with(None, &|_, _| Ok(()), &mut |_| ()).unwrap();
    assert_eq!(pulled, Pulled::default());
}

#[test]
fn unpacked_files_do_as_well_as_archives() {
    let place = Place::new();
    fs::remove_file(place.from("tiny-1.0.0.tgz")).unwrap();
    fs::write(place.from("detect.onnx"), DETECT).unwrap();
    fs::write(place.from("landmark.onnx"), LANDMARK).unwrap();
    fs::write(place.from("LICENSE"), b"the licence of something else").unwrap();
    place.pull().unwrap();
    assert!(place.cache().installed(&place.catalog, "tiny").is_ok());
    assert!(!place.installed("LICENSE").exists(), "another package's licence is not taken for this one's");
}

#[test]
fn a_folder_without_the_archive_is_told_the_exact_name() {
    let place = Place::new();
    fs::remove_file(place.from("tiny-1.0.0.tgz")).unwrap();
    let error = place.pull().unwrap_err();
    assert!(matches!(error, ModelsError::FromLacks { .. }));
    assert!(error.to_string().contains("tiny-1.0.0.tgz") && error.to_string().contains("detect.onnx"), "{error}");
}

#[test]
fn an_archive_of_another_content_is_not_unpacked() {
    let place = Place::new();
    let other = tar_gz(&[("package/detect.onnx", DETECT), ("package/landmark.onnx", b"something else")]);
    fs::write(place.from("tiny-1.0.0.tgz"), &other).unwrap();
    let error = place.pull().unwrap_err();
    assert!(matches!(&error, ModelsError::WrongArchive { found, .. } if *found == sha256(&other)), "{error}");
    assert!(!place.installed("detect.onnx").exists());
}

#[test]
fn a_file_of_another_content_is_not_installed() {
    let other: &[u8] = b"the Landmark model";
    let place = Place::with(&tar_gz(&[
        ("package/LICENSE", b"licence"),
        ("package/detect.onnx", DETECT),
        ("package/landmark.onnx", other),
    ]));
    let error = place.pull().unwrap_err();
    assert!(matches!(&error, ModelsError::WrongFile { name, .. } if name == "landmark.onnx"), "{error}");
    assert!(!place.installed("landmark.onnx").exists());
}

#[test]
fn an_entry_larger_than_the_catalogue_says_is_not_installed() {
    let bomb = vec![0; 5_000_000];
    let place = Place::with(&tar_gz(&[
        ("package/LICENSE", b"licence"),
        ("package/detect.onnx", &bomb),
        ("package/landmark.onnx", LANDMARK),
    ]));
    let error = place.pull().unwrap_err().to_string();
    assert!(error.contains("more than 12 bytes"), "{error}");
    assert!(!place.installed("detect.onnx").exists());
}

#[test]
fn a_truncated_archive_is_called_damaged() {
    let whole = tar_gz(&[
        ("package/LICENSE", b"licence"),
        ("package/detect.onnx", DETECT),
        ("package/landmark.onnx", LANDMARK),
    ]);
    let place = Place::with(&whole[..whole.len() / 2]);
    let error = place.pull().unwrap_err();
    assert!(matches!(error, ModelsError::BrokenArchive { .. }), "{error}");
}

#[test]
fn a_file_that_the_archive_lacks_is_named() {
    let place = Place::with(&tar_gz(&[("package/LICENSE", b"licence"), ("package/detect.onnx", DETECT)]));
    let error = place.pull().unwrap_err();
    assert!(
        matches!(&error, ModelsError::AbsentFromArchive { path, .. } if path == "package/landmark.onnx"),
        "{error}"
    );
}

#[test]
fn an_entry_with_a_path_out_of_the_cache_is_never_written() {
    let evil: &[u8] = b"evil";
    let place = Place::with(&tar_gz(&[
        ("../../evil", evil),
        ("/tmp/vultus-test-evil", evil),
        ("package/../../../evil", evil),
        ("package/LICENSE", b"licence"),
        ("package/detect.onnx", DETECT),
        ("package/landmark.onnx", LANDMARK),
    ]));
    place.pull().unwrap();
    assert_eq!(place.strays(), [] as [PathBuf; 0]);
    assert!(!Path::new("/tmp/vultus-test-evil").exists());
}

#[test]
fn a_pull_that_was_cut_off_goes_on_where_it_was() {
    let place = Place::new();
    place.pull().unwrap();
    fs::remove_file(place.installed("landmark.onnx")).unwrap();
    fs::write(place.installed("embed.onnx"), &EMBED[..5]).unwrap();
    let left_over = place.cache().root().join(".staging/.unfinished/left.part");
    fs::create_dir_all(left_over.parent().unwrap()).unwrap();
    fs::write(&left_over, b"half").unwrap();

    assert!(matches!(place.cache().installed(&place.catalog, "tiny"), Err(ModelsError::NotInstalled { .. })));
    let mut pulled = place.pull().unwrap().installed;
    pulled.sort();
    assert_eq!(pulled, [place.installed("embed.onnx"), place.installed("landmark.onnx")]);
    assert!(!left_over.exists());
}

#[test]
fn an_archive_that_was_fetched_already_is_not_fetched_again() {
    let place = Place::new();
    for (key, archive) in [("tiny-1.0.0", "tiny-1.0.0.tgz"), ("embed-2.0", "embed-2.0-py3-none-any.whl")] {
        let staging = place.cache().root().join(".staging").join(key);
        fs::create_dir_all(&staging).unwrap();
        fs::rename(place.from(archive), staging.join(archive)).unwrap();
    }
    let mut steps = Vec::new();
    place.pull_with(None, &|_, _| Ok(()), &mut |progress| steps.push(progress.step)).unwrap();
    assert!(!steps.contains(&Step::Downloading), "no registry has these packages");
    assert_eq!(place.strays(), [] as [PathBuf; 0], "the archives are gone once their files are installed");
}

#[test]
fn two_pulls_at_once_do_not_hurt_each_other() {
    let place = Place::new();
    let results: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4).map(|_| scope.spawn(|| place.pull())).collect();
        pulls.into_iter().map(|pull| pull.join().unwrap().unwrap().installed.len()).collect()
    });
    assert_eq!(results.iter().sum::<usize>(), 5, "one of them did it all: {results:?}");
    assert_eq!(place.states(), [State::Ok, State::Ok, State::Ok, State::Ok]);
}

#[test]
fn a_pull_that_must_wait_says_so() {
    let place = Place::new();
    fs::create_dir_all(place.cache().root()).unwrap();
    let lock = fs::File::create(place.cache().root().join(".lock")).unwrap();
    lock.lock().unwrap();
    let lock = RefCell::new(Some(lock));
    let mut waited = false;
    place
        .pull_with(Some(&place.from("")), &|_, _| Ok(()), &mut |progress| {
            if progress.step == Step::Waiting {
                waited = true;
                lock.take();
            }
        })
        .unwrap();
    assert!(waited);
}

#[test]
fn progress_never_goes_past_its_end_and_reaches_it() {
    let place = Place::new();
    let mut last = None;
    place
        .pull_with(Some(&place.from("")), &|_, _| Ok(()), &mut |progress| {
            assert!(progress.done <= progress.total);
            if progress.step == Step::Unpacking {
                last = Some((progress.done, progress.total));
            }
        })
        .unwrap();
    let (done, total) = last.unwrap();
    assert_eq!(done, total);
}

#[test]
fn verify_tells_missing_from_wrong() {
    let place = Place::new();
    assert_eq!(place.states(), [State::Missing, State::Missing, State::Missing]);
    place.pull().unwrap();
    fs::write(place.installed("detect.onnx"), b"the Detector").unwrap();
    fs::remove_file(place.installed("embed.onnx")).unwrap();
    let wrong = State::Wrong { expected: sha256(DETECT), found: sha256(b"the Detector") };
    assert_eq!(place.states(), [wrong, State::Ok, State::Missing, State::Ok]);
}

#[test]
fn what_is_not_installed_says_how_to_get_it() {
    let place = Place::new();
    let error = place.cache().installed(&place.catalog, "tiny").unwrap_err().to_string();
    assert!(error.contains("run `vultus models pull tiny`"), "{error}");
    let error = place.cache().photos(&place.catalog).unwrap_err().to_string();
    assert!(error.contains("run `vultus models pull photos`"), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let place = Place::new();
    let error = verify(&place.catalog, &place.cache(), &["tinny"]).unwrap_err().to_string();
    assert!(
        error.contains("`tinny`") && error.contains("`default`, `dlib`, `dlib-mmod`, `tiny`, `runtime`, `photos`"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_a_folder_is_an_error_that_names_it() {
    let place = Place::new();
    fs::write(place.cache().root(), b"in the way").unwrap();
    let error = place.pull().unwrap_err().to_string();
    assert!(error.contains("cache"), "{error}");
}
