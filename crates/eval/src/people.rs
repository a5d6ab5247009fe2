use gallery::{Distance, Scale, Strictness, fmr_at, fpir_of};
use serde::Serialize;

use crate::EvalError;
use crate::interval::short;
use crate::measures::{Measures, Question};
use crate::population::Population;

/// People whose distance is above the threshold by no more than this are nearly confused: light or age moves a face as far.
const NEARLY: f32 = 0.05;

/// A photo that is farther than this from the person's others disagrees with them: at this distance one in a thousand strangers
/// would be nearer (the scale's point for FMR 1e-3).
const DISAGREES: f32 = gallery::ONE_IN_A_THOUSAND;

/// Findings of a kind beyond this many are left out.
const MOST_FINDINGS: usize = 1_000;

/// Somebody who is enrolled.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrolledPerson {
    /// By name.
    pub name: String,
    /// What the person is searched by: the mean of the photos' embeddings.
    pub mean: Vec<f32>,
    /// The photos' embeddings.
    pub templates: Vec<Vec<f32>>,
}

/// How well the people who are enrolled can be told from each other.
#[derive(Clone, Debug, Serialize)]
pub struct GalleryReport {
    /// The pack whose templates these are.
    pub pack: String,
    /// How many people.
    pub people: usize,
    /// Photos (templates) of all of them.
    pub photos: usize,
    /// People with one photo.
    pub single_photo: usize,
    /// Who they are.
    pub single_photo_names: Vec<String>,
    /// The false positive identification rate that TH_ACCEPT comes to for so many people, per shot, by the contract's scale and the margin
    /// of `TH_ACCEPT = fpir:`; null where the pack has no curve.
    pub expected_fpir: Option<f64>,
    /// How many of these people would be taken for another one if they were not enrolled themselves; null with one person.
    pub own_fpir: Option<f64>,
    /// Pairs of people who are nearer to each other than TH_ACCEPT, or by no more than 0.05 farther; the nearest first.
    pub confused: Vec<Confused>,
    /// Photos that do not look like the person's other photos; the farthest first.
    pub disagreeing: Vec<Disagreeing>,
    /// What is odd, in sentences.
    pub notes: Vec<String>,
    /// Statistics on all pairs of photos; null where nobody has two.
    #[serde(flatten)]
    pub measures: Option<Measures>,
}

/// Two people and the distance of their mean templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confused {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// On the contract's scale.
    pub distance: Distance,
    /// Nearer than TH_ACCEPT; otherwise nearly.
    pub below_threshold: bool,
}

/// A photo that does not look like the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreeing {
    /// Whose.
    pub name: String,
    /// Which photo, from 1 in the order of enrolment.
    pub photo: usize,
    /// From the mean of the others, on the contract's scale.
    pub distance: Distance,
}

impl GalleryReport {
    /// Looks through the enrolled people, as they are told apart by `accept`: TH_ACCEPT. That of `question` is not asked for.
    ///
    /// # Errors
    /// A wanted rate that makes no sense.
    pub fn of(
        pack: &str,
        dim: usize,
        people: &[EnrolledPerson],
        accept: Strictness,
        question: &Question,
    ) -> Result<Self, EvalError> {
        let population = photos_of(people, dim);
        let enrolled = question.people.unwrap_or(people.len());
        let question = &Question { accept: Some(accept), people: Some(enrolled), ..question.clone() };
        let threshold = accept.threshold(enrolled);
        let measures = match Measures::of(&population, None, question, "the gallery") {
            Ok(measures) => Some(measures),
            Err(EvalError::NoGenuinePair { .. }) => None,
            Err(error) => return Err(error),
        };
        let single: Vec<&EnrolledPerson> = people.iter().filter(|person| person.templates.len() == 1).collect();
        let scale = &question.scale;
        let (confused, own_fpir) = confused(people, scale, threshold);
        let note = (!scale.has_curve()).then(|| {
            "this pack has no distance curve: distances, TH_ACCEPT and the limit for photos that disagree are its own raw distances, and \
             no FPIR is to be expected of them"
                .to_owned()
        });
        Ok(Self {
            pack: pack.to_owned(),
            people: people.len(),
            photos: population.len(),
            single_photo: single.len(),
            single_photo_names: single.iter().take(MOST_FINDINGS).map(|person| person.name.clone()).collect(),
            expected_fpir: scale.has_curve().then(|| short(fpir_of(fmr_at(threshold), enrolled))),
            own_fpir,
            confused,
            disagreeing: disagreeing(people, scale),
            notes: note.into_iter().collect(),
            measures,
        })
    }
}

fn photos_of(people: &[EnrolledPerson], dim: usize) -> Population {
    let mut population = Population::nobody(dim, people.iter().map(|person| person.name.clone()).collect());
    for (owner, person) in (0..).zip(people) {
        for (photo, template) in (1..).zip(&person.templates) {
            population.add(format!("{}, photo {photo}", person.name), Some(owner), Some(template));
        }
    }
    population
}

/// Pairs of people who are near, and the share of people who are nearer to somebody else than the threshold.
fn confused(people: &[EnrolledPerson], scale: &Scale, threshold: Distance) -> (Vec<Confused>, Option<f64>) {
    let mut near = Vec::new();
    let mut taken = vec![false; people.len()];
    for (i, a) in people.iter().enumerate() {
        for (j, b) in people.iter().enumerate().skip(i + 1) {
            let distance = scale.between(&a.mean, &b.mean);
            if distance < threshold {
                (taken[i], taken[j]) = (true, true);
            }
            if distance.value() < threshold.value() + NEARLY {
                near.push((distance, i, j));
            }
        }
    }
    near.sort_by(|a, b| a.0.value().total_cmp(&b.0.value()));
    let pair = |(distance, i, j): (Distance, usize, usize)| Confused {
        a: people[i].name.clone(),
        b: people[j].name.clone(),
        distance,
        below_threshold: distance < threshold,
    };
    let share = taken.iter().filter(|taken| **taken).count() as f64 / people.len().max(1) as f64;
    (near.into_iter().take(MOST_FINDINGS).map(pair).collect(), (people.len() > 1).then(|| short(share)))
}

fn disagreeing(people: &[EnrolledPerson], scale: &Scale) -> Vec<Disagreeing> {
    let mut found = Vec::new();
    for person in people.iter().filter(|person| person.templates.len() > 1) {
        for (at, template) in person.templates.iter().enumerate() {
            let others = person.templates.iter().enumerate().filter(|(other, _)| *other != at);
            let Some(others) = scale.mean(others.map(|(_, other)| (other.as_slice(), 1.0))) else { continue };
            let distance = scale.between(&others, template);
            if distance.value() > DISAGREES {
                found.push(Disagreeing { name: person.name.clone(), photo: at + 1, distance });
            }
        }
    }
    found.sort_by(|a, b| b.distance.value().total_cmp(&a.distance.value()));
    found.truncate(MOST_FINDINGS);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, degrees: &[f32]) -> EnrolledPerson {
        let unit = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
        let mean = unit(degrees.iter().sum::<f32>() / degrees.len() as f32);
        EnrolledPerson { name: name.into(), mean, templates: degrees.iter().map(|d| unit(*d)).collect() }
    }

    fn report_of(people: &[EnrolledPerson], accept: Strictness, has_curve: bool) -> GalleryReport {
        let mut embedder = models::Catalog::builtin().pack("default").unwrap().embedder.clone();
        if !has_curve {
            embedder.curve.clear();
        }
        let question = Question { scale: Scale::of(&embedder), accept: None, people: None, wanted: None, threads: 1 };
        GalleryReport::of("default", 2, people, accept, &question).unwrap()
    }

    fn report(people: &[EnrolledPerson]) -> GalleryReport {
        report_of(people, Strictness::Below(Distance::new(0.45)), true)
    }

    #[test]
    fn what_is_to_be_expected_is_what_was_asked_for_and_nothing_without_a_curve() {
        let people = [person("ann", &[0.0]), person("bob", &[90.0]), person("eve", &[180.0])];
        let asked = report_of(&people, Strictness::Fpir(0.001), true);
        assert!((asked.expected_fpir.unwrap() - 0.001).abs() < 2e-5, "{:?}", asked.expected_fpir);
        assert!(asked.notes.is_empty());
        let raw = report_of(&people, Strictness::Below(Distance::new(0.45)), false);
        assert_eq!(raw.expected_fpir, None);
        assert!(raw.notes[0].contains("no distance curve"));
    }

    #[test]
    fn people_who_are_near_and_photos_that_are_far_are_named() {
        let report = report(&[
            person("ann", &[0.0, 10.0]),
            person("twin", &[20.0, 25.0]),
            person("cousin", &[88.0]),
            person("two in one", &[180.0, 280.0]),
        ]);
        let confused: Vec<(&str, &str, bool)> =
            report.confused.iter().map(|pair| (pair.a.as_str(), pair.b.as_str(), pair.below_threshold)).collect();
        assert_eq!(confused, [("ann", "twin", true), ("twin", "cousin", false)], "{:?}", report.confused);
        let disagreeing: Vec<(&str, usize)> =
            report.disagreeing.iter().map(|one| (one.name.as_str(), one.photo)).collect();
        assert_eq!(disagreeing, [("two in one", 1), ("two in one", 2)]);
        assert_eq!((report.single_photo, report.own_fpir), (1, Some(0.5)));
    }

    #[test]
    fn a_gallery_of_nobody_and_one_of_single_photos_are_reported() {
        assert_eq!(report(&[]).own_fpir, None);
        let report = report(&[person("ann", &[0.0]), person("bob", &[90.0])]);
        assert!(report.measures.is_none() && report.confused.is_empty());
    }
}
