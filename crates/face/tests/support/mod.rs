//! The installed models and sample photos, as `./test` pulls them.
#![allow(dead_code, reason = "each test binary uses some of it")]

pub mod onnx;

use std::path::{Path, PathBuf};

use face::{DecodeLimits, Engine, FaceError, RgbImage, Runtime};
use models::{Cache, Catalog, InstalledPack};

const HINT: &str = "the models are not installed: run ./test, or `vultus models pull default dlib dlib-mmod centerface runtime photos`";

fn cache() -> Cache {
    let folder = std::env::var_os("MODELS_DIR").map(PathBuf::from);
    Cache::new(folder.or_else(|| Some(dirs::cache_dir()?.join("vultus"))).expect("a home folder"))
}

/// An engine of the default pack.
pub fn engine() -> Engine {
    engine_of("default")
}

/// An engine of a built-in pack.
pub fn engine_of(pack: &str) -> Engine {
    Engine::open(&runtime(), &installed(pack)).expect(HINT)
}

/// The files of a built-in pack.
pub fn installed(pack: &str) -> InstalledPack {
    cache().installed(&Catalog::builtin(), pack).expect(HINT)
}

/// An engine of the pack `mine` that `models.toml` in the folder describes.
pub fn engine_in(folder: &Path) -> Result<Engine, FaceError> {
    let catalog = Catalog::with_file(&folder.join("models.toml")).expect("a catalogue");
    Engine::open(&runtime(), &cache().installed(&catalog, "mine").expect("files that are there"))
}

/// The inference library.
pub fn runtime() -> Runtime {
    Runtime::load(&cache().runtime(&Catalog::builtin()).expect(HINT)).expect(HINT)
}

/// The default pack's gates.
pub fn gates() -> models::Gates {
    Catalog::builtin().pack("default").expect("the default pack").embedder.gates
}

/// The bytes of a sample photo.
pub fn photo(name: &str) -> Vec<u8> {
    let photos = cache().photos(&Catalog::builtin()).expect(HINT);
    std::fs::read(&photos[name]).expect(HINT)
}

/// A sample photo, decoded.
pub fn image(name: &str) -> RgbImage {
    face::decode(&photo(name), &DecodeLimits::default()).expect(name)
}

/// The folder of a large data set beside the project, where there is one.
pub fn data(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    folder.is_dir().then_some(folder)
}
