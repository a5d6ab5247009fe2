//! Making the int8 form of embedders when they are installed, and trying whether it is any faster here.

use std::path::Path;

use ::models::{Cache, Catalog, InstalledPack, Pack, Trial, onnx};
use face::{DecodeLimits, Picture, RgbImage, Runtime, decode};

use super::output::say;

/// Makes and tries the int8 form of what was pulled, with the faces of the sample photos. What does not work is said, and the f32 form goes
/// on being used.
pub fn try_all(catalog: &Catalog, cache: &Cache) -> anyhow::Result<()> {
    for pack in catalog.packs.values().filter(|pack| pack.may_be_int8()) {
        // Packs that share the embedder share what came of it.
        if cache.has_whole_int8(pack) {
            continue;
        }
        let Ok(installed) = cache.installed(catalog, &pack.name) else { continue };
        match make(catalog, cache, &installed) {
            Ok(trial) => say(format!("embedder of space {}: {}", pack.space(), in_words(&trial)))?,
            Err(error) => eprintln!("warning: {} has no int8 form and stays in f32: {error:#}", pack.name),
        }
    }
    Ok(())
}

/// Which form of its embedder a pack is used in, and why.
pub fn form_of(cache: &Cache, pack: &Pack, wanted: bool) -> String {
    match cache.int8_trial(pack) {
        _ if !wanted => "f32 (INT8 is off)".to_owned(),
        None => "f32 (int8 was not tried on this processor: `vultus models pull` does)".to_owned(),
        Some(trial) => in_words(&trial),
    }
}

fn in_words(trial: &Trial) -> String {
    let ms = |micros: u32| f64::from(micros) / 1000.0;
    let times = format!("{:.1} ms an embedding, f32 {:.1}", ms(trial.int8_us), ms(trial.f32_us));
    match &trial.refused {
        None => format!("int8 ({times})"),
        Some(reason) => format!("f32 (int8 takes {times}; {reason})"),
    }
}

fn make(catalog: &Catalog, cache: &Cache, installed: &InstalledPack) -> anyhow::Result<Trial> {
    let runtime = Runtime::load(&cache.runtime(catalog)?)?;
    let photos = photos(catalog, cache)?;
    let photos: Vec<&dyn Picture> = photos.iter().map(|photo| photo as &dyn Picture).collect();
    let views = face::views_of_faces(&runtime, installed, &photos)?;
    anyhow::ensure!(!views.is_empty(), "no face was found on the sample photos");
    let original = cache.embedder_original(&installed.pack)?;
    let folder = tempfile::tempdir()?;
    let written = |name: &str, bytes: &[u8]| -> anyhow::Result<_> {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        anyhow::Ok(path)
    };
    let observable = written("observable.onnx", &onnx::observable(&original).map_err(anyhow::Error::msg)?)?;
    let seen = face::seen(&runtime, installed, &observable, &views)?;
    let int8 = onnx::quantized(&original, &seen).map_err(anyhow::Error::msg)?;
    let path: &Path = &written("int8.onnx", &int8)?;
    let trial = face::trial(&runtime, installed, path, &views)?;
    cache.keep_int8(&installed.pack, &int8, trial.clone())?;
    Ok(trial)
}

fn photos(catalog: &Catalog, cache: &Cache) -> anyhow::Result<Vec<RgbImage>> {
    let paths = cache.photos(catalog)?;
    let read = |path: &std::path::PathBuf| anyhow::Ok(decode(&std::fs::read(path)?, &DecodeLimits::default())?);
    paths.values().map(read).collect()
}
