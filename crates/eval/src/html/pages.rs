use std::collections::HashMap;
use std::fmt::Write;

use models::InstalledPack;

use super::chart::{Axis, Line, chart};
use super::escape::Escaped;
use super::pictures;
use crate::EvalError;
use crate::dataset::Dataset;
use crate::identify::Identification;
use crate::interval::Interval;
use crate::measures::{Measures, WorstPair};
use crate::people::GalleryReport;
use crate::report::{Report, percent};
use crate::shots::{Looking, Shot};

const STYLE: &str = include_str!("page.css");

/// Names in a list; JSON has more.
const MOST_NAMES: usize = 50;

/// The report as a page, with the faces of the worst pairs.
///
/// # Errors
/// When the faces cannot be encoded.
pub fn page(
    report: &Report,
    set: &Dataset,
    shots: &[Shot],
    installed: &InstalledPack,
    looking: &Looking,
) -> Result<String, EvalError> {
    let measures = &report.measures;
    let faces = pictures::of_worst(&measures.worst, set, shots, &installed.pack.embedder, looking)?;
    let mut page = head(&format!("Recognition measured: {}", report.folder));
    let list = report.pairs_file.as_ref().map(|file| format!(", pairs of {file}")).unwrap_or_default();
    let sub = format!("Pack {}, photos in {}{list}", report.pack, report.folder);
    put(&mut page, format_args!("<h1>How good recognition is</h1>\n<p class=\"sub\">{}</p>\n", Escaped(&sub)));
    page.push_str(&numbers(measures, &photo_rows(report)));
    page.push_str(&charts(measures));
    page.push_str(&pairs("Genuine pairs that are farthest apart", &measures.worst.genuine, &faces));
    page.push_str(&pairs("Impostor pairs that are nearest to each other", &measures.worst.impostor, &faces));
    let failures = &report.failures;
    page.push_str(&names("No face was found in", &report.missed_files));
    page.push_str(&names("Could not be read", &failures.unreadable_files));
    page.push_str(&names("Notes", &report.notes));
    page.push_str("</body>\n</html>\n");
    Ok(page)
}

/// The enrolled people as a page. The database has no photos, so there are no pictures.
pub fn gallery_page(report: &GalleryReport) -> String {
    let mut page = head("The enrolled people measured");
    let sub = format!("Pack {}, {} people with {} photos", report.pack, report.people, report.photos);
    put(&mut page, format_args!("<h1>Who can be told from whom</h1>\n<p class=\"sub\">{}</p>\n", Escaped(&sub)));
    let mut rows = vec![
        Row::plain("With a single photo", report.single_photo.to_string(), "three different ones recognise best"),
        Row::share(
            "FPIR to be expected",
            report.expected_fpir,
            "a stranger taken for one of these people, a shot, at TH_ACCEPT: strangers like LFW's, with the margin of fpir:",
        ),
    ];
    if let Some(own) = report.own_fpir {
        rows.push(Row::plain(
            "FPIR on these people",
            percent(own),
            "each looked for among the others by the mean template",
        ));
    }
    match &report.measures {
        Some(measures) => {
            page.push_str(&numbers(measures, &rows));
            page.push_str(&findings(report));
            page.push_str(&charts(measures));
            page.push_str(&pairs(
                "Photos of one person that are farthest apart",
                &measures.worst.genuine,
                &HashMap::new(),
            ));
            page.push_str(&pairs("Photos of two people that are nearest", &measures.worst.impostor, &HashMap::new()));
        }
        None => {
            page.push_str(&table(&rows));
            page.push_str(
                "<p class=\"soft\">Nobody has two photos: how well people are recognised cannot be told.</p>\n",
            );
            page.push_str(&findings(report));
        }
    }
    page.push_str(&names("With a single photo", &report.single_photo_names));
    page.push_str(&names("Notes", &report.notes));
    page.push_str("</body>\n</html>\n");
    page
}

/// Writing to a string never fails.
fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

fn head(title: &str) -> String {
    // Whatever is in a name: nothing is fetched, and nothing runs.
    let policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Escaped(title)
    )
}

/// A row of numbers; nothing in it comes from outside.
struct Row {
    name: String,
    value: String,
    more: String,
}

impl Row {
    fn plain(name: &str, value: impl Into<String>, more: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into(), more: more.into() }
    }

    fn share(name: &str, share: Option<f64>, more: impl Into<String>) -> Self {
        Self::plain(name, share.map_or("–".to_owned(), percent), more)
    }
}

fn between(interval: Interval) -> String {
    format!("95 %: {} to {}", percent(interval.low), percent(interval.high))
}

fn photo_rows(report: &Report) -> Vec<Row> {
    let failures = &report.failures;
    let people = report.identities.map(|people| format!("of {people} people")).unwrap_or_default();
    let times = &report.times;
    let time = format!(
        "decode {:.1}, detect {:.1}, points {:.1}, embed {:.1} ms (median, {} engines at once)",
        times.decode.median, times.detect.median, times.landmark.median, times.embed.median, times.engines
    );
    vec![
        Row::plain("Photos", report.photos.to_string(), people),
        Row::plain("Without a face found", report.missed.to_string(), "count as different from everybody"),
        Row::plain("Unreadable", failures.unreadable.to_string(), "left out"),
        Row::plain(
            "Refused by the gates",
            failures.not_enrolled.to_string(),
            format!(
                "to enrol; {} too small to recognise, {} taken for no face. Measured all the same",
                failures.too_small, failures.dropped
            ),
        ),
        Row::plain("Time a photo", "", time),
    ]
}

fn numbers(measures: &Measures, first: &[Row]) -> String {
    let pairs = &measures.pairs;
    let mut rows = vec![Row::plain(
        "Pairs",
        pairs.genuine.to_string(),
        format!("genuine, {} impostor; thresholds from {} impostor pairs", pairs.impostor, pairs.impostor_all),
    )];
    for (key, share) in &measures.tar_at_fmr {
        let interval = measures.tar_at_fmr_ci.get(key).copied().flatten().map(between).unwrap_or_default();
        let threshold = measures.thresholds.get(key).copied().flatten();
        let more = match threshold {
            Some(at) => format!("{interval}; below {}, which {} impostor pairs are", at.distance, at.false_matches),
            None => "too few impostor pairs".to_owned(),
        };
        rows.push(Row::share(&format!("TAR at FMR {key}"), *share, more));
    }
    let deviation = measures.accuracy_10fold_std.map(|std| format!("± {} among the folds", percent(std)));
    rows.push(Row::share("Accuracy, 10 folds", measures.accuracy_10fold, deviation.unwrap_or_default()));
    let at = measures.eer_threshold.map(|at| format!("at {}", at.distance)).unwrap_or_default();
    rows.push(Row::share("EER", measures.eer, at));
    rows.push(Row::plain("AUC", measures.auc.map_or("–".to_owned(), |auc| format!("{auc:.5}")), ""));
    rows.push(Row::share("Rank 1", measures.rank1, measures.rank1_ci.map(between).unwrap_or_default()));
    rows.push(Row::share("Rank 5", measures.rank5, ""));
    if let Some(at) = &measures.at_th_accept {
        let name = format!("TAR at TH_ACCEPT {:.4}", at.distance.value());
        rows.push(Row::share(&name, at.tar, format!("at FMR {}", measures.fmr_of(at))));
    }
    if let Some(found) = &measures.identification {
        rows.extend(identification_rows(found));
    }
    if let Some(proposal) = &measures.proposal {
        let value = proposal.th_accept.map_or("none".to_owned(), |threshold| threshold.to_string());
        let rests = proposal.false_matches.map(|matches| {
            format!("for {}; rests on {matches} of {} impostor pairs", proposal.wanted, proposal.impostor_pairs)
        });
        let more = rests.or_else(|| proposal.refused.clone()).unwrap_or_default();
        rows.push(Row::plain("Proposed TH_ACCEPT", value, more));
    }
    let all: Vec<&Row> = first.iter().chain(&rows).collect();
    table_of(&all)
}

fn identification_rows(found: &Identification) -> Vec<Row> {
    let crowd = format!("enrolled; {} probes, {} strangers ({})", found.probes, found.strangers, found.strangers_are);
    vec![
        Row::plain("Identification", found.people.to_string(), crowd),
        Row::share("FPIR at TH_ACCEPT", Some(found.fpir), between(found.fpir_ci)),
        Row::share("FNIR at TH_ACCEPT", Some(found.fnir), between(found.fnir_ci)),
    ]
}

fn table(rows: &[Row]) -> String {
    table_of(&rows.iter().collect::<Vec<_>>())
}

fn table_of(rows: &[&Row]) -> String {
    let mut text = "<table>\n".to_owned();
    for row in rows {
        put(
            &mut text,
            format_args!(
                "<tr><th>{}</th><td class=\"n\">{}</td><td class=\"soft\">{}</td></tr>\n",
                Escaped(&row.name),
                Escaped(&row.value),
                Escaped(&row.more)
            ),
        );
    }
    text + "</table>\n"
}

fn charts(measures: &Measures) -> String {
    let mut text = "<h2>Curves</h2>\n<div class=\"charts\">\n".to_owned();
    let mut figure = |caption: &str, svg: &str| {
        put(&mut text, format_args!("<figure><figcaption>{caption}</figcaption>\n{svg}</figure>\n"));
    };
    let [genuine, impostor] = measures.histograms.each_ref().map(|shares| {
        let width = 2.0 / shares.len() as f64;
        let steps = shares.iter().enumerate().flat_map(|(at, share)| {
            let from = at as f64 * width;
            [(from, *share), (from + width, *share)]
        });
        steps.collect::<Vec<(f64, f64)>>()
    });
    let tallest = measures.histograms.iter().flatten().copied().fold(0.0, f64::max).max(1e-6);
    let mark: Vec<(f64, &str)> =
        measures.at_th_accept.iter().map(|at| (f64::from(at.raw_distance.0), "TH_ACCEPT")).collect();
    let lines = [
        Line { class: "one", label: "genuine", points: &genuine, is_filled: true },
        Line { class: "two", label: "impostor", points: &impostor, is_filled: true },
    ];
    let (x, y) = (Axis::linear("raw distance", 0.0, 1.6, false), Axis::linear("share of pairs", 0.0, tallest, true));
    figure("Distances", &chart(&x, &y, &lines, &mark));

    if let (Some((fmr, lowest)), Some(_)) = (measures.roc.first().copied(), measures.roc.get(1)) {
        let x = Axis::log("false match rate", fmr, 1.0);
        let y = Axis::linear("true accept rate", (lowest - 0.02).clamp(0.0, 0.95), 1.0, true);
        let line = [Line { class: "one", label: "", points: &measures.roc, is_filled: false }];
        figure("ROC", &chart(&x, &y, &line, &[]));
        let missed: Vec<(f64, f64)> = measures.roc.iter().map(|(fmr, tar)| (*fmr, 1.0 - tar)).collect();
        let refused: Vec<f64> = missed.iter().map(|(_, rate)| *rate).filter(|rate| *rate > 1e-9).collect();
        if refused.is_empty() {
            figure("DET", "<p class=\"soft\">No genuine pair is refused at any of these rates.</p>\n");
        } else {
            let (least, most) = (refused.iter().fold(1.0, |a, b| b.min(a)), refused.iter().fold(0.0, |a, b| b.max(a)));
            let y = Axis::log("false non-match rate", least, most);
            let line = [Line { class: "one", label: "", points: &missed, is_filled: false }];
            let zero = if refused.len() < missed.len() { " (0 is drawn on the lowest line)" } else { "" };
            figure(&format!("DET{zero}"), &chart(&x, &y, &line, &[]));
        }
    }
    if let Some(found) = &measures.identification {
        let of = |rate: fn(&crate::DetPoint) -> f64| -> Vec<(f64, f64)> {
            found.det.iter().map(|point| (f64::from(point.threshold.value()), rate(point))).collect()
        };
        let (fpir, fnir) = (of(|point| point.fpir), of(|point| point.fnir));
        let (x, y) = (Axis::linear("threshold", 0.3, 0.8, false), Axis::linear("rate", 0.0, 1.0, true));
        let lines = [
            Line { class: "two", label: "strangers taken for somebody (FPIR)", points: &fpir, is_filled: false },
            Line { class: "one", label: "people not recognised (FNIR)", points: &fnir, is_filled: false },
        ];
        let mark = [(f64::from(found.threshold.value()), "TH_ACCEPT")];
        figure("Identification by threshold", &chart(&x, &y, &lines, &mark));
    }
    text + "</div>\n"
}

fn pairs(title: &str, pairs: &[WorstPair], faces: &HashMap<usize, String>) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut text = format!("<h2>{title}</h2>\n<div class=\"pairs\">\n");
    for pair in pairs {
        text.push_str("<div class=\"pair\">");
        if !faces.is_empty() {
            text.push_str("<div class=\"faces\">");
            for place in pair.places {
                match faces.get(&place) {
                    Some(uri) => put(&mut text, format_args!("<img alt=\"\" src=\"{uri}\">")),
                    None => text.push_str("<span class=\"none\"></span>"),
                }
            }
            text.push_str("</div>");
        }
        put(
            &mut text,
            format_args!(
                "<p><b>{}</b> <span class=\"soft\">raw {:.4}</span></p><p>{}</p><p>{}</p></div>\n",
                pair.distance,
                pair.raw_distance.0,
                Escaped(&pair.a),
                Escaped(&pair.b)
            ),
        );
    }
    text + "</div>\n"
}

fn findings(report: &GalleryReport) -> String {
    let mut text = "<h2>People who look alike</h2>\n".to_owned();
    if report.confused.is_empty() {
        text.push_str("<p class=\"soft\">Nobody is near anybody else.</p>\n");
    } else {
        text.push_str("<table>\n");
        for pair in report.confused.iter().take(MOST_NAMES) {
            let verdict = if pair.below_threshold { "<span class=\"bad\">confused</span>" } else { "nearly confused" };
            put(
                &mut text,
                format_args!(
                    "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{verdict}</td></tr>\n",
                    Escaped(&pair.a),
                    Escaped(&pair.b),
                    pair.distance
                ),
            );
        }
        text.push_str("</table>\n");
    }
    text.push_str("<h2>Photos that do not look like the person's others</h2>\n");
    if report.disagreeing.is_empty() {
        text.push_str("<p class=\"soft\">None.</p>\n");
    } else {
        text.push_str("<table>\n");
        for photo in report.disagreeing.iter().take(MOST_NAMES) {
            let (name, number, distance) = (Escaped(&photo.name), photo.photo, photo.distance);
            put(
                &mut text,
                format_args!("<tr><td>{name}</td><td>photo {number}</td><td class=\"n\">{distance}</td></tr>\n"),
            );
        }
        text.push_str("</table>\n");
    }
    text
}

fn names(title: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut text = format!("<h2>{title}</h2>\n<ul>\n");
    names.iter().take(MOST_NAMES).for_each(|name| put(&mut text, format_args!("<li>{}</li>\n", Escaped(name))));
    if names.len() > MOST_NAMES {
        put(&mut text, format_args!("<li class=\"soft\">and {} more</li>\n", names.len() - MOST_NAMES));
    }
    text + "</ul>\n"
}
