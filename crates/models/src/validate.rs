//! What must be true of a catalogue beyond its syntax. Names and paths of a catalogue become file names and arguments of
//! package clients, so their characters are checked too.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, PHOTOS, Package, RUNTIME, Registry, WheelTags};
use crate::detector::DetectorModel;
use crate::pack::{Channels, EmbedderModel, Gates, Input, ModelFile, Pack, SideModel, SideRole};

/// The first thing found wrong: a dotted TOML key, and a phrase that follows it.
#[derive(Debug)]
pub(crate) struct Invalid {
    pub(crate) key: String,
    pub(crate) problem: String,
}

impl Invalid {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

type Checked = Result<(), Invalid>;

pub(crate) fn catalog(catalog: &Catalog) -> Checked {
    for (key, entry) in &catalog.packages {
        package(&format!("packages.{key}"), key, entry)?;
    }
    let mut installed = BTreeMap::new();
    for (name, entry) in &catalog.packs {
        pack(&format!("packs.{name}"), name, entry)?;
        for (role, model) in entry.files() {
            file(&format!("packs.{name}.{}", key_of(role)), model, catalog, &mut installed)?;
        }
    }
    spaces(&catalog.packs)?;
    let others = [("runtimes", &catalog.runtimes), ("photos", &catalog.photos)];
    for (table, (name, entry)) in
        others.into_iter().flat_map(|(table, files)| files.iter().map(move |entry| (table, entry)))
    {
        let key = format!("{table}.{name}");
        file(&key, entry, catalog, &mut installed)?;
        ensure(entry.rewrite.is_none(), format!("{key}.rewrite"), "only applies to the models of a pack")?;
    }
    Ok(())
}

/// Packs of one space compare each other's embeddings.
fn spaces(packs: &BTreeMap<String, Pack>) -> Checked {
    let mut first = BTreeMap::<&str, (&String, &EmbedderModel)>::new();
    for (name, Pack { embedder, .. }) in packs {
        let (other, of_other) = first.entry(&embedder.space).or_insert((name, embedder));
        let agree = (of_other.dim, of_other.distance) == (embedder.dim, embedder.distance);
        let told = |embedder: &EmbedderModel| format!("{} numbers and `{}`", embedder.dim, embedder.distance.key());
        let problem = format!(
            "is `{}`, as that of pack `{other}`, but this pack has {} and that one {}: give it a space of its own",
            embedder.space,
            told(embedder),
            told(of_other)
        );
        ensure(agree, format!("packs.{name}.embedder.space"), problem)?;
    }
    Ok(())
}

/// Where the file of this role stands in the table of its pack.
fn key_of(role: &str) -> String {
    match role {
        "aligner" => "embedder.aligner".to_owned(),
        side if SideRole::ALL.iter().any(|known| known.key() == side) => format!("side.{side}.file"),
        main => format!("{main}.file"),
    }
}

fn package(at: &str, key: &str, package: &Package) -> Checked {
    ensure(
        is_file_name(key) && key != crate::rewrite::LOCAL,
        at,
        "must be letters, digits and . _ - only, not begin with . or -, and not be `local`",
    )?;
    ensure(is_argument(&package.name), format!("{at}.name"), "is not a package name")?;
    ensure(is_argument(&package.version), format!("{at}.version"), "is not a version")?;
    ensure(
        is_archive(&package.archive),
        format!("{at}.archive"),
        "must be the file name of a .tgz, .tar.gz, .whl or .zip",
    )?;
    sha256(at, &package.sha256)?;
    ensure(package.size > 0, format!("{at}.size"), "must be the size of the archive in bytes")?;
    let npm = package.registry == Registry::Npm;
    ensure(!(npm && package.sdist), format!("{at}.sdist"), "only applies to `registry = \"pypi\"`")?;
    if let Some(WheelTags { python, abi, platform }) = &package.wheel {
        let wheel = format!("{at}.wheel");
        ensure(!npm && !package.sdist, &wheel, "only applies to `registry = \"pypi\"` without `sdist`")?;
        ensure([python, abi, platform].into_iter().all(|tag| is_argument(tag)), &wheel, "has a tag that is none")?;
    }
    for (number, notice) in package.notices.iter().enumerate() {
        let at = format!("{at}.notices[{number}]");
        ensure(is_inner_path(&notice.path), format!("{at}.path"), INNER_PATH)?;
        sha256(&at, &notice.sha256)?;
        ensure(notice.size > 0, format!("{at}.size"), "must be the size of the file in bytes")?;
    }
    Ok(())
}

fn pack(at: &str, name: &str, pack: &Pack) -> Checked {
    ensure(
        is_file_name(name) && name != RUNTIME && name != PHOTOS,
        at,
        "must be letters, digits and . _ - only, and neither `runtime` nor `photos`",
    )?;
    detector(&format!("{at}.detector"), &pack.detector)?;
    match &pack.landmark {
        Some(landmark) => input(&format!("{at}.landmark.input"), &landmark.input)?,
        None => ensure(
            pack.detector.kind.gives_points(),
            format!("{at}.landmark"),
            format!("is missing: a detector of kind `{}` finds no points", pack.detector.kind.key()),
        )?,
    }
    for (role, model) in &pack.side {
        side(&format!("{at}.side.{}", role.key()), *role, model)?;
    }
    embedder(&format!("{at}.embedder"), &pack.embedder)
}

fn detector(at: &str, detector: &DetectorModel) -> Checked {
    input(&format!("{at}.input"), &detector.input)?;
    let (kind, step) = (detector.kind.key(), detector.kind.step());
    let fits = detector.input.width.is_multiple_of(step) && detector.input.height.is_multiple_of(step);
    ensure(
        fits,
        format!("{at}.input"),
        format!("needs a width and a height that are multiples of {step} for `{kind}`"),
    )?;
    ensure(is_share(detector.min_score), format!("{at}.min_score"), "must be from 0 to 1")?;
    ensure(is_share(detector.nms_iou), format!("{at}.nms_iou"), "must be from 0 to 1")
}

fn side(at: &str, role: SideRole, model: &SideModel) -> Checked {
    input(&format!("{at}.input"), &model.input)?;
    let finite = model.template.iter().flatten().flatten().all(|coordinate| coordinate.is_finite());
    ensure(finite, format!("{at}.template"), "must hold finite numbers")?;
    let is_inside = model.middle > 0.0 && model.middle < 1.0;
    ensure(is_inside, format!("{at}.middle"), "must be above 0 and below 1")?;
    let key = format!("{at}.error");
    match (role, model.error) {
        (SideRole::Age, Some(years)) => {
            ensure(years > 0.0 && years.is_finite(), key, "must be the measured mean error in years, above 0")
        }
        (SideRole::Gender | SideRole::Expression, Some(share)) => {
            ensure(is_share(share), key, "must be the measured share of wrong estimates, from 0 to 1")
        }
        (SideRole::Age | SideRole::Gender | SideRole::Expression, None) => {
            Err(Invalid::new(key, "is missing: an estimate is told only with its measured error"))
        }
        (_, None) => Ok(()),
        (_, Some(_)) => Err(Invalid::new(key, "only applies to age, gender and expression")),
    }
}

fn embedder(at: &str, embedder: &EmbedderModel) -> Checked {
    input(&format!("{at}.input"), &embedder.input)?;
    let (has, needs) = (embedder.aligner.is_some(), embedder.kind.has_aligner());
    let problem = if needs { "is missing: this kind finds points of its own" } else { "does not apply to this kind" };
    ensure(has == needs, format!("{at}.aligner"), problem)?;
    let square = embedder.input.width == embedder.input.height && embedder.input.channels == Channels::Rgb;
    ensure(!needs || square, format!("{at}.input"), "must be square and `rgb` for this kind")?;
    let is_named = embedder.space.is_empty() || is_file_name(&embedder.space);
    ensure(is_named, format!("{at}.space"), "must be letters, digits and . _ - only")?;
    let is_possible = (1..=MOST_NUMBERS).contains(&embedder.dim);
    ensure(is_possible, format!("{at}.dim"), "must be the count of numbers in an embedding, from 1 to 8192")?;
    let finite = embedder.template.iter().flatten().all(|coordinate| coordinate.is_finite());
    ensure(finite, format!("{at}.template"), "must hold finite numbers")?;
    curve(&format!("{at}.curve"), &embedder.curve)?;
    gates(&format!("{at}.gates"), &embedder.gates)
}

fn curve(at: &str, curve: &[[f32; 2]]) -> Checked {
    ensure(curve.len() != 1, at, "needs two points or more, or none at all")?;
    ensure(curve.iter().flatten().all(|number| number.is_finite()), at, "must hold finite numbers")?;
    for pair in curve.windows(2) {
        let rises = pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1];
        let problem =
            format!("must rise from point to point in both numbers, but {:?} is followed by {:?}", pair[0], pair[1]);
        ensure(rises, at, problem)?;
    }
    Ok(())
}

fn gates(at: &str, gates: &Gates) -> Checked {
    let norms = [gates.vote_norm, gates.drop_norm, gates.enrol_norm, gates.warn_norm];
    ensure(norms.iter().all(|norm| norm.is_finite() && *norm >= 0.0), at, "needs norms of 0 or more")?;
    ensure(norms.is_sorted(), at, "needs vote_norm ≤ drop_norm ≤ enrol_norm ≤ warn_norm")?;
    ensure(gates.min_recognise_px <= gates.min_enrol_px, at, "needs min_recognise_px ≤ min_enrol_px")
}

/// Pixels of a side of a model's input.
const MOST_PIXELS: u32 = 4096;

/// Numbers of an embedding.
const MOST_NUMBERS: usize = 8192;

fn input(at: &str, input: &Input) -> Checked {
    let sides = [input.width, input.height];
    ensure(sides.iter().all(|side| (1..=MOST_PIXELS).contains(side)), at, "needs a width and a height from 1 to 4096")?;
    for (key, numbers) in [("mean", &input.mean), ("scale", &input.scale)] {
        let fits = input.channels != Channels::Grey || numbers.numbers().len() == 1;
        ensure(fits, format!("{at}.{key}"), "must be a single number: the input has one channel")?;
    }
    let (mean, scale) = (input.mean.numbers(), input.scale.numbers());
    ensure(mean.iter().all(|mean| mean.is_finite()), format!("{at}.mean"), "must be a finite number")?;
    let scales = scale.iter().all(|scale| scale.is_finite() && *scale != 0.0);
    ensure(scales, format!("{at}.scale"), "must be a finite number other than 0")
}

/// `installed` collects what lies where in the cache: two files of one package may not claim one place.
fn file<'a>(
    at: &str,
    file: &'a ModelFile,
    catalog: &Catalog,
    installed: &mut BTreeMap<(&'a str, &'a str), &'a ModelFile>,
) -> Checked {
    if file.local.is_some() {
        ensure(
            file.package.is_empty() && file.path.is_empty(),
            at,
            "has both `local` and `package` or `path`: keep one",
        )?;
        ensure(file.rewrite.is_none() || !file.sha256.is_empty(), at, "has a `rewrite` and so needs `sha256`")?;
        return if file.sha256.is_empty() { Ok(()) } else { sha256(at, &file.sha256) };
    }
    ensure(!file.package.is_empty() && !file.path.is_empty(), at, "needs `package` and `path`, or `local`")?;
    ensure(
        catalog.packages.contains_key(&file.package),
        format!("{at}.package"),
        format!("names `{}`, which is not among [packages]", file.package),
    )?;
    ensure(is_inner_path(&file.path), format!("{at}.path"), INNER_PATH)?;
    sha256(at, &file.sha256)?;
    ensure(file.size > 0, format!("{at}.size"), "must be the size of the file in bytes")?;
    let other = installed.insert((&file.package, base_name(&file.path)), file);
    let same = other.is_none_or(|other| other.path == file.path && other.sha256 == file.sha256);
    ensure(same, format!("{at}.path"), "has the same file name as another file of its package")
}

fn sha256(at: &str, hash: &str) -> Checked {
    let valid = hash.len() == 64 && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    ensure(valid, format!("{at}.sha256"), format!("must be 64 lowercase hexadecimal digits, not `{hash}`"))
}

fn ensure(holds: bool, key: impl Into<String>, problem: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(Invalid::new(key, problem)) }
}

/// The last part of a path inside an archive.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

const INNER_PATH: &str = "must be a path inside the archive: parts joined by /, none of them empty, . or ..";

fn is_inner_path(path: &str) -> bool {
    path.split('/').all(is_part)
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0'])
}

fn is_file_name(name: &str) -> bool {
    is_argument(name) && !name.starts_with('.') && !name.contains(['/', '@', '+', '!'])
}

/// What can be handed to a package client without being taken for an option or a path.
fn is_argument(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@/+!".contains(c);
    !text.is_empty() && !text.starts_with(['-', '.', '/']) && !text.contains("..") && text.chars().all(allowed)
}

fn is_archive(name: &str) -> bool {
    is_part(name) && !name.contains('/') && crate::archive::Format::of(name).is_some()
}

fn is_share(value: f32) -> bool {
    (0.0..=1.0).contains(&value)
}
