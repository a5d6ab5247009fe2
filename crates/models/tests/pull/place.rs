use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use models::{Cache, Catalog, Check, ModelsError, Progress, PullRequest, Pulled, State, pull, verify};
use sha2::{Digest, Sha256};

pub(crate) const DETECT: &[u8] = b"the detector";
pub(crate) const LANDMARK: &[u8] = b"the landmark model";
/// A whole ONNX model: IR version 7, one node `y = Relu(x)`.
pub(crate) const EMBED: &[u8] = b"\x08\x07\x3a\x0e\x0a\x0c\x0a\x01x\x12\x01y\x22\x04Relu";

pub(crate) const REWRITTEN: &str = "embed.faster.onnx";
pub(crate) const RECORD: &str = "embed.faster.toml";

/// A cache, a folder of archives and a catalogue with one pack, `tiny`: two files in an npm archive, one in a wheel.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) catalog: Catalog,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(&tar_gz(&[
            ("package/LICENSE", b"licence"),
            ("package/detect.onnx", DETECT),
            ("package/landmark.onnx", LANDMARK),
        ]))
    }

    /// The same with these bytes as the npm archive. The catalogue knows its hash, so only what is in it can be wrong.
    pub(crate) fn with(tgz: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let whl = wheel(&[("pkg/embed.onnx", EMBED), ("pkg/__init__.py", b"")]);
        let from = folder.path().join("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("tiny-1.0.0.tgz"), tgz).unwrap();
        fs::write(from.join("embed-2.0-py3-none-any.whl"), &whl).unwrap();
        let toml = folder.path().join("models.toml");
        fs::write(&toml, catalog(tgz, &whl)).unwrap();
        let catalog = Catalog::with_file(&toml).unwrap();
        Self { folder, catalog }
    }

    pub(crate) fn cache(&self) -> Cache {
        Cache::new(self.folder.path().join("cache"))
    }

    pub(crate) fn from(&self, file: &str) -> PathBuf {
        self.folder.path().join("from").join(file)
    }

    pub(crate) fn installed(&self, file: &str) -> PathBuf {
        self.cache().root().join(if file.starts_with("embed.") { "embed-2.0" } else { "tiny-1.0.0" }).join(file)
    }

    pub(crate) fn pull(&self) -> Result<Pulled, ModelsError> {
        self.pull_with(Some(&self.from("")), &|_, _| Ok(()), &mut |_| ())
    }

    pub(crate) fn pull_with(
        &self,
        from: Option<&Path>,
        check: &Check<'_>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Pulled, ModelsError> {
        pull(&self.catalog, &self.cache(), &PullRequest { names: &["tiny"], from, check }, progress)
    }

    pub(crate) fn states(&self) -> Vec<State> {
        verify(&self.catalog, &self.cache(), &["tiny"]).unwrap().into_iter().map(|file| file.state).collect()
    }

    /// Everything under the folder but the archives and the catalogue, so that a file in a wrong place is seen.
    pub(crate) fn strays(&self) -> Vec<PathBuf> {
        let known =
            ["LICENSE", "detect.onnx", "landmark.onnx", "embed.onnx", ".lock", "models.toml", REWRITTEN, RECORD];
        let mut folders = vec![self.folder.path().to_owned()];
        let mut strays = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
                match entry.is_dir() {
                    true if name != "from" => folders.push(entry),
                    false if !known.contains(&name.as_str()) => strays.push(entry),
                    _ => {}
                }
            }
        }
        strays
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn catalog(tgz: &[u8], whl: &[u8]) -> String {
    let file = |package: &str, path: &str, bytes: &[u8]| {
        format!("package = \"{package}\", path = \"{path}\", sha256 = \"{}\", size = {}", sha256(bytes), bytes.len())
    };
    let package = |key: &str, registry: &str, name: &str, version: &str, archive: &str, bytes: &[u8]| {
        format!(
            "[packages.\"{key}\"]\nregistry = \"{registry}\"\nname = \"{name}\"\nversion = \"{version}\"\n\
             archive = \"{archive}\"\nsha256 = \"{}\"\nsize = {}\nlicence = \"MIT\"\n",
            sha256(bytes),
            bytes.len()
        )
    };
    format!(
        r#"{npm}notices = [{{ path = "package/LICENSE", sha256 = "{licence}", size = 7 }}]
{pypi}
[packs.tiny]
description = "tiny"
licence = "MIT"
origin = "this test"
[packs.tiny.detector]
kind = "ultraface"
file = {{ {detect} }}
input = {{ width = 320, height = 240, channels = "rgb", mean = 127, scale = 0.0078125 }}
min_score = 0.65
nms_iou = 0.4
[packs.tiny.landmark]
kind = "points68"
file = {{ {landmark} }}
input = {{ width = 64, height = 64, channels = "grey", mean = 0, scale = 0.00390625 }}
[packs.tiny.embedder]
file = {{ {embed}, rewrite = "faster" }}
input = {{ width = 112, height = 112, channels = "bgr", mean = 127, scale = 0.0078125 }}
dim = 4
template = [[38, 51], [73, 51], [56, 71], [41, 92], [70, 92]]
distance = "cosine"
gates = {{ drop_norm = 1, vote_norm = 1, enrol_norm = 2, warn_norm = 3, min_recognise_px = 32, min_enrol_px = 64 }}
"#,
        npm = package("tiny-1.0.0", "npm", "vultus-test-tiny", "1.0.0", "tiny-1.0.0.tgz", tgz),
        pypi = package("embed-2.0", "pypi", "vultus-test-embed", "2.0", "embed-2.0-py3-none-any.whl", whl),
        licence = sha256(b"licence"),
        detect = file("tiny-1.0.0", "package/detect.onnx", DETECT),
        landmark = file("tiny-1.0.0", "package/landmark.onnx", LANDMARK),
        embed = file("embed-2.0", "pkg/embed.onnx", EMBED),
    )
}

pub(crate) fn tar_gz(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        // Written by hand: the library refuses to make an archive with `..` in it.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn wheel(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in entries {
        archive.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
