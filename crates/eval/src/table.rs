//! Reports as text for people.

use std::fmt::{self, Display, Write};

use crate::interval::Interval;
use crate::measures::{AtThreshold, Measures};
use crate::people::GalleryReport;
use crate::report::{Report, Time, percent};

/// Names of files that are told; JSON has more.
const TOLD: usize = 5;

/// Rows of a label and what is to be said of it.
struct Rows<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Rows<'_, '_> {
    fn row(&mut self, label: &str, value: impl Display) -> fmt::Result {
        writeln!(self.0, "{label:<24} {value}")
    }

    fn gap(&mut self) -> fmt::Result {
        self.0.write_str("\n")
    }

    fn share(&mut self, label: &str, share: Option<f64>, after: impl Display) -> fmt::Result {
        match share {
            Some(share) => self.row(label, format_args!("{:>9}{after}", percent(share))),
            None => self.row(label, "        –"),
        }
    }
}

fn between(interval: Interval) -> String {
    format!("  ({} – {})", percent(interval.low), percent(interval.high))
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Rows(f);
        rows.row("pack", &self.pack)?;
        let people = self.identities.map(|people| format!(" of {people} people")).unwrap_or_default();
        let failures = &self.failures;
        rows.row("photos", format_args!("{}{people}, {} without a face found", self.photos, self.missed))?;
        if failures.unreadable > 0 {
            rows.row("unreadable", format_args!("{}, left out", failures.unreadable))?;
        }
        rows.row(
            "gates would refuse",
            format_args!(
                "{} too small, {} as no face, {} to enrol",
                failures.too_small, failures.dropped, failures.not_enrolled
            ),
        )?;
        self.measures.write(&mut rows)?;
        let times = &self.times;
        let time = |time: Time| format!("{:.1} ({:.1})", time.median, time.p95);
        rows.row(
            "ms, median (95 %)",
            format_args!(
                "decode {}, detect {}, points {}, embed {}; {} engines",
                time(times.decode),
                time(times.detect),
                time(times.landmark),
                time(times.embed),
                times.engines
            ),
        )?;
        for (what, names) in [("no face in", &self.missed_files), ("unreadable", &failures.unreadable_files)] {
            names.iter().take(TOLD).try_for_each(|name| rows.row(what, one_line(name)))?;
            if names.len() > TOLD {
                rows.row("", format_args!("and {} more: --json names them", names.len() - TOLD))?;
            }
        }
        self.notes.iter().try_for_each(|note| rows.row("note", note))
    }
}

impl Measures {
    /// A rate of none is none of so many pairs: not never.
    pub(crate) fn fmr_of(&self, at: &AtThreshold) -> String {
        match at.fmr {
            None => "–".to_owned(),
            Some(0.0) => format!("0 (none of {} pairs)", self.pairs.impostor_all),
            Some(fmr) => format!("{fmr:.2e} (of {} pairs)", self.pairs.impostor_all),
        }
    }

    fn write(&self, rows: &mut Rows<'_, '_>) -> fmt::Result {
        let pairs = &self.pairs;
        rows.row(
            "pairs",
            format_args!(
                "{} genuine, {} impostor; thresholds from {} impostor pairs",
                pairs.genuine, pairs.impostor, pairs.impostor_all
            ),
        )?;
        rows.gap()?;
        for (key, share) in &self.tar_at_fmr {
            let (Some(Some(interval)), Some(Some(threshold))) = (self.tar_at_fmr_ci.get(key), self.thresholds.get(key))
            else {
                rows.share(&format!("TAR at FMR {key}"), None, "")?;
                continue;
            };
            let rests = format!("which {} impostor pairs are", threshold.false_matches);
            let after = format!("{}  below {}, {rests}", between(*interval), threshold.distance);
            rows.share(&format!("TAR at FMR {key}"), *share, after)?;
        }
        let deviation = self.accuracy_10fold_std.map(|std| format!("  ± {}", percent(std))).unwrap_or_default();
        rows.share("accuracy, 10 folds", self.accuracy_10fold, deviation)?;
        let threshold = self.eer_threshold.map(|at| format!("  at {}", at.distance)).unwrap_or_default();
        rows.share("EER", self.eer, threshold)?;
        rows.row("AUC", self.auc.map_or("        –".into(), |auc| format!("{auc:>9.5}")))?;
        rows.share("rank 1", self.rank1, self.rank1_ci.map(between).unwrap_or_default())?;
        rows.share("rank 5", self.rank5, "")?;
        if let Some(at) = &self.at_th_accept {
            rows.row(
                &format!("TH_ACCEPT {:.4}", at.distance.value()),
                format_args!("     FMR {}, TAR {}", self.fmr_of(at), at.tar.map_or("–".into(), percent)),
            )?;
        }
        if let Some(found) = &self.identification {
            rows.gap()?;
            let crowd = format!("{} people, {} probes, {} strangers", found.people, found.probes, found.strangers);
            rows.row("identification", crowd)?;
            rows.share("FPIR at TH_ACCEPT", Some(found.fpir), between(found.fpir_ci))?;
            rows.share("FNIR at TH_ACCEPT", Some(found.fnir), between(found.fnir_ci))?;
        }
        if let Some(proposal) = &self.proposal {
            rows.gap()?;
            rows.row("wanted", format_args!("{}: FMR {:.2e}", proposal.wanted, proposal.fmr))?;
            match (proposal.th_accept, proposal.false_matches, proposal.tar) {
                (Some(threshold), Some(matches), Some(tar)) => rows.row(
                    "TH_ACCEPT for it",
                    format_args!(
                        "{threshold}, which accepts {} of genuine pairs; it rests on {matches} of {} impostor pairs",
                        percent(tar),
                        proposal.impostor_pairs
                    ),
                )?,
                _ => rows.row("TH_ACCEPT for it", proposal.refused.as_deref().unwrap_or("none"))?,
            }
        }
        rows.gap()
    }
}

impl Display for GalleryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Rows(f);
        rows.row("pack", &self.pack)?;
        rows.row("enrolled", format_args!("{} people with {} photos", self.people, self.photos))?;
        rows.row("with a single photo", self.single_photo)?;
        rows.share("FPIR to be expected", self.expected_fpir, "  for strangers like LFW's, with the margin of fpir:")?;
        if let Some(measured) = self.own_fpir {
            rows.share("FPIR on your people", Some(measured), "  each looked for among the others")?;
        }
        if let Some(measures) = &self.measures {
            measures.write(&mut rows)?;
        }
        for pair in self.confused.iter().take(MOST_TOLD) {
            let what = if pair.below_threshold { "CONFUSED" } else { "nearly confused" };
            rows.row(what, format_args!("{} and {}: {}", one_line(&pair.a), one_line(&pair.b), pair.distance))?;
        }
        for photo in self.disagreeing.iter().take(MOST_TOLD) {
            let of = format!("photo {} of {}", photo.photo, one_line(&photo.name));
            rows.row("disagrees", format_args!("{of} is {} from the others", photo.distance))?;
        }
        let left = self.confused.len().saturating_sub(MOST_TOLD) + self.disagreeing.len().saturating_sub(MOST_TOLD);
        if left > 0 {
            rows.row("", format_args!("and {left} more: --json names them"))?;
        }
        if self.confused.is_empty() && self.disagreeing.is_empty() {
            rows.row("findings", "nobody is confused with anybody, and nobody's photos disagree")?;
        }
        self.notes.iter().try_for_each(|note| rows.row("note", note))
    }
}

/// Rows of findings; JSON has more.
const MOST_TOLD: usize = 20;

/// A name from outside must not write lines of its own, or to the terminal.
fn one_line(name: &str) -> String {
    let mut line = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
