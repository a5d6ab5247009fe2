use std::path::Path;

use models::InstalledPack;
use serde::Serialize;

use crate::EvalError;
use crate::dataset::Dataset;
use crate::interval::short;
use crate::measures::{List, Measures, Question};
use crate::population::Population;
use crate::shots::{Shot, Times};

/// Names of files in a report beyond this many are left out.
const MOST_NAMES: usize = 1_000;

/// How good a pack is on labelled photos.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The pack that was measured.
    pub pack: String,
    /// The folder.
    pub folder: String,
    /// The list of pairs, where there is one.
    pub pairs_file: Option<String>,
    /// Photos that were looked at.
    pub photos: usize,
    /// Different people among them; null where only a list says who is whom.
    pub identities: Option<usize>,
    /// Photos in which a face was found.
    pub faces: usize,
    /// Photos in which none was found.
    pub missed: usize,
    /// Their names, at most 1,000.
    pub missed_files: Vec<String>,
    /// The statistics.
    #[serde(flatten)]
    pub measures: Measures,
    /// What the service's gates would have refused, and what could not be read.
    pub failures: Failures,
    /// Milliseconds a photo.
    pub times: StageTimes,
    /// What is odd, in sentences.
    pub notes: Vec<String>,
}

/// Photos that something is wrong with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Failures {
    /// Files that cannot be read as a picture, or are not there. Left out of everything.
    pub unreadable: usize,
    /// Their names with the reason, at most 1,000.
    pub unreadable_files: Vec<String>,
    /// Pairs of the list that were left out for that.
    pub skipped_pairs: usize,
    /// Main faces below the pack's `min_recognise_px`: the service does not recognise them.
    pub too_small: usize,
    /// Main faces below `drop_norm`: the service takes them for no face.
    pub dropped: usize,
    /// Main faces that the service does not enrol: below `min_enrol_px` or `enrol_norm`.
    pub not_enrolled: usize,
    /// Photos with more than one face, of which the main one was taken.
    pub several_faces: usize,
}

/// Milliseconds of each stage.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct StageTimes {
    /// From bytes to pixels.
    pub decode: Time,
    /// All faces of a photo.
    pub detect: Time,
    /// The points of the main face.
    pub landmark: Time,
    /// Alignment and embedding of the main face.
    pub embed: Time,
    /// Engines that worked at the same time.
    pub engines: usize,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Time {
    /// Of half the photos it took no longer.
    pub median: f64,
    /// Of 95 in 100.
    pub p95: f64,
}

impl Time {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * times.len().saturating_sub(1) as f64).round() as usize;
            (times.get(place).copied().unwrap_or_default() * 1e3).round() / 1e3
        };
        Self { median: at(0.5), p95: at(0.95) }
    }
}

impl StageTimes {
    fn of(shots: &[Shot], engines: usize) -> Self {
        let times: Vec<&Times> = shots
            .iter()
            .filter_map(|shot| match shot {
                Shot::Face(face) => Some(&face.times),
                Shot::Missed(times) => Some(times),
                Shot::Unreadable(_) => None,
            })
            .collect();
        let stage = |of: fn(&Times) -> Option<f64>| Time::of(times.iter().filter_map(|times| of(times)).collect());
        Self {
            decode: stage(|times| Some(times.decode)),
            detect: stage(|times| Some(times.detect)),
            landmark: stage(|times| times.landmark),
            embed: stage(|times| times.embed),
            engines,
        }
    }
}

impl Report {
    /// What came of looking at the photos of a set. `folder` and `pairs_file` are only told.
    ///
    /// # Errors
    /// As [`Measures::of`].
    pub fn of(
        set: &Dataset,
        shots: &[Shot],
        installed: &InstalledPack,
        question: &Question,
        (folder, pairs_file): (&Path, Option<&Path>),
    ) -> Result<Self, EvalError> {
        let folder = folder.display().to_string();
        let (population, places) = Population::of(set, shots, installed.pack.embedder.dim);
        let list =
            set.listed.as_deref().map(|pairs| List { pairs, places: &places, strangers_known: set.strangers_known });
        let measures = Measures::of(&population, list, question, &folder)?;
        let missed: Vec<String> = names(set, shots, |shot| matches!(shot, Shot::Missed(_)).then(String::new));
        let faces = shots.iter().filter(|shot| matches!(shot, Shot::Face(_))).count();
        let mut seen: Vec<u32> = population.owners.iter().flatten().copied().collect();
        seen.sort_unstable();
        seen.dedup();
        let mut notes = set.notes.clone();
        if installed.pack.embedder.curve.is_empty() {
            notes.push("this pack has no distance curve: distances and TH_ACCEPT are its own raw distances; `--curve` makes one".into());
        }
        if question.accept.is_none() {
            notes.push("TH_ACCEPT = fpir: needs the pack's distance curve, so it is not measured how it does".into());
        }
        let failures = Failures::of(set, shots, installed);
        if failures.several_faces > 0 {
            notes.push(format!("{} photos show several faces; the main one was taken", failures.several_faces));
        }
        Ok(Self {
            pack: installed.pack.name.clone(),
            folder,
            pairs_file: pairs_file.map(|file| file.display().to_string()),
            photos: set.photos.len(),
            identities: set.strangers_known.then_some(seen.len()),
            faces,
            missed: missed.len(),
            missed_files: missed.into_iter().take(MOST_NAMES).collect(),
            failures,
            times: StageTimes::of(shots, question.threads),
            measures,
            notes,
        })
    }
}

/// The names of photos with what `what` says of them.
fn names(set: &Dataset, shots: &[Shot], what: impl Fn(&Shot) -> Option<String>) -> Vec<String> {
    let named = set.photos.iter().zip(shots).filter_map(|(photo, shot)| {
        let said = what(shot)?;
        Some(if said.is_empty() { photo.shown.clone() } else { format!("{}: {said}", photo.shown) })
    });
    named.collect()
}

impl Failures {
    fn of(set: &Dataset, shots: &[Shot], installed: &InstalledPack) -> Self {
        let gates = &installed.pack.embedder.gates;
        let mut unreadable: Vec<String> = names(set, shots, |shot| match shot {
            Shot::Unreadable(problem) => Some(problem.clone()),
            _ => None,
        });
        unreadable.extend(set.absent.iter().map(|name| format!("{name}: not found")));
        let is_out = |at: usize| matches!(shots.get(at), Some(Shot::Unreadable(_)));
        let lost = set.listed.iter().flatten().filter(|pair| is_out(pair.a) || is_out(pair.b)).count();
        let mut failures = Self {
            unreadable: unreadable.len(),
            skipped_pairs: set.skipped + lost,
            unreadable_files: unreadable.into_iter().take(MOST_NAMES).collect(),
            ..Self::default()
        };
        for shot in shots {
            let Shot::Face(face) = shot else { continue };
            let (side, norm) = (face.area.longer_side(), face.embedding.norm);
            failures.too_small += usize::from(side < gates.min_recognise_px);
            failures.dropped += usize::from(norm < gates.drop_norm);
            failures.not_enrolled += usize::from(side < gates.min_enrol_px || norm < gates.enrol_norm);
            failures.several_faces += usize::from(face.faces > 1);
        }
        failures
    }
}

/// `0.9841` as `98.41 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", short(share * 100.0))
}
