use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::eval::{
    Dataset, Distances, EnrolledPerson, EvalError, GalleryReport, Looking, PairList, Proposal, Question, Report, Shot,
    Wanted,
};
use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use face::DecodeLimits;
use gallery::{Gallery, Scale};
use models::InstalledPack;
use serde::Serialize;
use store::Store;

use super::output::say;
use super::progress;
use crate::app::{catalog_of, models_of};
use crate::settings::Settings;
use crate::strictness::must_be_known;

/// How good is recognition, on labelled photos or on the people who are enrolled?
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["dir", "gallery"])))]
#[command(group(ArgGroup::new("promise").args(["fpir", "alarms_a_day"])))]
#[command(after_help = "Examples:
  vultus eval photos/                                   photos/NAME/1.jpg, all compared with all
  vultus eval lfw/ --pairs pairs.txt --html report.html
  vultus eval photos/ --pairs pairs.csv --json          file_x,file_y,same
  vultus eval photos/ --fpir 0.001 --people 500         which TH_ACCEPT keeps that?
  vultus eval photos/ --pack mine --curve               the pack's distance curve, for models.toml
  vultus eval --gallery                                 who is confused with whom?

Ends with 1 when nothing can be measured, or a wanted TH_ACCEPT cannot be found on so few photos. What each number means:
docs/reference/eval.md.")]
pub struct Eval {
    /// Photos: a folder for each person, NAME/photo.jpg.
    dir: Option<PathBuf>,
    /// Measure on the photos of the people who are enrolled.
    #[arg(long, conflicts_with_all = ["pairs", "curve"])]
    gallery: bool,
    /// Compare these pairs only: a CSV file_x,file_y,same, or LFW's pairs.txt.
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// The model pack; by default the one in use.
    #[arg(long, value_name = "NAME")]
    pack: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    /// Write a report with curves and the worst pairs to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the pack's distance curve, lines for models.toml, and nothing else.
    #[arg(long, conflicts_with = "json")]
    curve: bool,
    /// Propose TH_ACCEPT for this false match rate: one stranger against one person.
    #[arg(long, value_name = "RATE")]
    fmr: Option<f64>,
    /// Propose TH_ACCEPT for this false positive identification rate: one stranger against all --people.
    #[arg(long, value_name = "RATE", requires = "people", conflicts_with = "fmr")]
    fpir: Option<f64>,
    /// Propose TH_ACCEPT for so many false alarms a day.
    #[arg(long, value_name = "COUNT", requires_all = ["people", "passages_a_day"], conflicts_with = "fmr")]
    alarms_a_day: Option<f64>,
    /// People who are (to be) enrolled.
    #[arg(long, value_name = "COUNT", requires = "promise")]
    people: Option<usize>,
    /// Strangers who come by in a day.
    #[arg(long, value_name = "COUNT", requires = "alarms_a_day")]
    passages_a_day: Option<f64>,
}

/// `vultus eval`
pub fn run(command: &Eval, mut settings: Settings) -> anyhow::Result<ExitCode> {
    if let Some(pack) = &command.pack {
        settings.model_pack.clone_from(pack);
    }
    if let Some(wanted) = command.wanted() {
        // Before minutes are spent on photos.
        wanted.fmr()?;
    }
    match &command.dir {
        Some(folder) => photos(command, &settings, folder),
        None => super::runtime()?.block_on(enrolled(command, &settings)),
    }
}

impl Eval {
    fn wanted(&self) -> Option<Wanted> {
        match (self.fmr, self.fpir, self.alarms_a_day, self.people, self.passages_a_day) {
            (Some(fmr), ..) => Some(Wanted::Fmr(fmr)),
            (_, Some(fpir), _, Some(people), _) => Some(Wanted::Fpir { fpir, people }),
            (_, _, Some(a_day), Some(people), Some(passages_a_day)) => {
                Some(Wanted::Alarms { a_day, people, passages_a_day })
            }
            _ => None,
        }
    }

    /// A pack without a curve can be measured, so that it gets one, whatever TH_ACCEPT is.
    fn question(&self, scale: Scale, settings: &Settings) -> Question {
        let accept = must_be_known(settings.th_accept, &scale).is_ok().then_some(settings.th_accept);
        Question { scale, accept, people: self.people, wanted: self.wanted(), threads: settings.engines() }
    }

    /// Prints a report; a wanted threshold that was not found fails the run.
    fn tell(
        &self,
        report: &(impl Serialize + std::fmt::Display),
        proposal: Option<&Proposal>,
    ) -> anyhow::Result<ExitCode> {
        if self.json {
            say(serde_json::to_string(report)?)?;
        } else {
            say(report.to_string().trim_end())?;
        }
        let refused = proposal.and_then(|proposal| proposal.refused.as_deref());
        Ok(match refused {
            Some(reason) => {
                eprintln!("error: no TH_ACCEPT can be proposed: {reason}");
                ExitCode::FAILURE
            }
            None => ExitCode::SUCCESS,
        })
    }
}

fn photos(command: &Eval, settings: &Settings, folder: &Path) -> anyhow::Result<ExitCode> {
    let (set, list) = dataset(command.pairs.as_deref(), folder)?;
    let html = command.html.as_deref().map(Page::begin).transpose()?;
    let (runtime, installed) = models_of(settings)?;
    let looking = looking(settings);
    let bar = progress::bar(set.photos.len() as u64, "looking at photos");
    let shots = ::eval::look_at_all(&runtime, &installed, &set.photos, &looking, &|| bar.inc(1));
    bar.finish_and_clear();
    let shots = shots?;
    warn_of_unreadable(&set, &shots);
    let question = command.question(Scale::of(&installed.pack.embedder), settings);
    let report = Report::of(&set, &shots, &installed, &question, (folder, list.as_deref()))?;
    if let Some(html) = html {
        html.write(&::eval::page(&report, &set, &shots, &installed, &looking)?)?;
    }
    if command.curve {
        return print_curve(&installed, &report.measures.impostor);
    }
    command.tell(&report, report.measures.proposal.as_ref())
}

/// Photos may cost what those of the service may.
pub(super) fn looking(settings: &Settings) -> Looking {
    Looking {
        decode: DecodeLimits { megapixels: settings.max_image_mp.0 },
        photo_bytes: settings.max_image_mb.bytes(),
        engines: settings.engines(),
    }
}

/// The photos and pairs that the command line names, with the list's file.
pub(super) fn dataset(pairs: Option<&Path>, folder: &Path) -> anyhow::Result<(Dataset, Option<PathBuf>)> {
    if !folder.is_dir() {
        bail!("{} is no folder: name the folder of the photos", folder.display());
    }
    let Some(given) = pairs else { return Ok((Dataset::of_folder(folder)?, None)) };
    let file = [given.to_owned(), folder.join(given)].into_iter().find(|file| file.is_file());
    let Some(file) = file else { bail!("{} is neither here nor in {}", given.display(), folder.display()) };
    let size = std::fs::metadata(&file).with_context(|| file.display().to_string())?.len();
    if size > MOST_LIST_BYTES {
        bail!("{} is larger than {} MB: this is no list of pairs", file.display(), MOST_LIST_BYTES / 1_000_000);
    }
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let folders: Vec<PathBuf> = [std::path::absolute(folder), folder.canonicalize()].into_iter().flatten().collect();
    let list = PairList::parse(&bytes, &folders).map_err(|problem| EvalError::Pairs { file: file.clone(), problem })?;
    Ok((Dataset::of_pairs(folder, &list, &file)?, Some(file)))
}

/// Ten million pairs of ordinary names.
const MOST_LIST_BYTES: u64 = 1_000_000_000;

/// Files that are told of on standard error.
const MOST_WARNINGS: usize = 10;

fn warn_of_unreadable(set: &Dataset, shots: &[Shot]) {
    let unreadable = set.photos.iter().zip(shots).filter_map(|(photo, shot)| match shot {
        Shot::Unreadable(problem) => Some(format!("{:?}: {problem}", photo.shown)),
        _ => None,
    });
    let absent = set.absent.iter().map(|name| format!("{name:?}: not found"));
    let all: Vec<String> = unreadable.chain(absent).collect();
    all.iter().take(MOST_WARNINGS).for_each(|warning| eprintln!("warning: {warning}"));
    if all.len() > MOST_WARNINGS {
        eprintln!("warning: and {} files more cannot be read", all.len() - MOST_WARNINGS);
    }
}

fn print_curve(installed: &InstalledPack, impostor: &Distances) -> anyhow::Result<ExitCode> {
    let Some(curve) = ::eval::curve(impostor) else {
        let needed = ::eval::SUPPORT / ::eval::LEAST_FMR;
        bail!(
            "{} impostor pairs are too few for a curve: it has to reach down to FMR {:e}, which takes {needed} pairs, for instance of 250 \
             photos of different people",
            impostor.compared(),
            ::eval::LEAST_FMR
        );
    };
    say(format!(
        "# Pack `{}`: put this under its embedder in models.toml.\n{}",
        installed.pack.name,
        curve.trim_end()
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn enrolled(command: &Eval, settings: &Settings) -> anyhow::Result<ExitCode> {
    let catalog = catalog_of(settings)?;
    let pack = catalog.pack(&settings.model_pack)?.clone();
    let scale = Scale::of(&pack.embedder);
    // Whoever is enrolled is told apart by TH_ACCEPT.
    must_be_known(settings.th_accept, &scale)?;
    let html = command.html.as_deref().map(Page::begin).transpose()?;
    let store = Store::open(&settings.database()).await?;
    // What people are searched by is what the gallery makes of their templates.
    let index = Gallery::load(store.clone(), &pack, &catalog).await?.index();
    let snapshot = store.people(&[pack.space()]).await?;
    let people: Vec<EnrolledPerson> = snapshot
        .people
        .into_iter()
        .filter_map(|person| {
            let mean = index.face_of(&person.name)?;
            let templates = person.templates.into_iter().map(|template| template.embedding);
            let templates = templates.filter(|template| template.len() == pack.embedder.dim).collect();
            Some(EnrolledPerson { name: person.name, mean, templates })
        })
        .collect();
    if people.is_empty() {
        bail!("nobody is enrolled with the model pack {}: `vultus people add` does that", pack.name);
    }
    let (question, accept) = (command.question(scale, settings), settings.th_accept);
    let report = tokio::task::spawn_blocking(move || {
        GalleryReport::of(&pack.name, pack.embedder.dim, &people, accept, &question)
    });
    let report = report.await??;
    if let Some(html) = html {
        html.write(&::eval::gallery_page(&report))?;
    }
    command.tell(&report, report.measures.as_ref().and_then(|measures| measures.proposal.as_ref()))
}

/// A page that is being made. It is written at once or not at all: whoever ends the program meanwhile is not left with half a report.
struct Page<'a> {
    file: &'a Path,
    half: tempfile::NamedTempFile,
}

impl<'a> Page<'a> {
    /// Before minutes are spent on photos: is there room for a page?
    fn begin(file: &'a Path) -> anyhow::Result<Self> {
        if file.is_dir() {
            bail!("cannot write {}: it is a folder", file.display());
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let half = tempfile::NamedTempFile::new_in(folder);
        Ok(Self { file, half: half.with_context(|| format!("cannot write {}", file.display()))? })
    }

    fn write(mut self, page: &str) -> anyhow::Result<()> {
        let written = self.half.write_all(page.as_bytes()).and_then(|()| Ok(self.half.persist(self.file).map(drop)?));
        written.with_context(|| format!("cannot write {}", self.file.display()))
    }
}
