use std::sync::Arc;

use face::Embedding;

use super::candidate::Candidate;
use super::finding::{EnrolPolicy, Finding, Weight};
use super::name::PersonName;
use crate::index::Index;
use crate::layer::OUTLIER;
use crate::{Distance, Gallery, Scale};

/// How near a face is to those who are enrolled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likeness {
    /// Distance to the person's other photos: to the mean of those that are enrolled; for somebody new, to the mean of the other
    /// photos of the same request. `None` when there are none.
    pub own: Option<Distance>,
    /// The nearest other person. `None` when nobody else is enrolled.
    pub other: Option<Other>,
}

/// Somebody else who is enrolled.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// Who.
    pub name: Arc<str>,
    /// How near.
    pub distance: Distance,
}

impl Gallery {
    /// Compares photos that are to be enrolled as `name` with everybody who is, and with each other, and adds what follows to their
    /// findings: `duplicate_person` for a face nearer to another person than `threshold`, which is the distance at which a door accepts,
    /// so that the two would be taken for each other; `unlike_other_photos` for one that is farther from the person's other photos than
    /// one pair of strangers in a thousand. Photos that `policy` refuses already are nothing to compare others with.
    ///
    /// A face nearer to the person's enrolled photos than to the other person is no duplicate. Photos of the same request prove nothing of
    /// the kind: of somebody new, one that is a duplicate makes all that agree with it duplicates.
    pub async fn compare(
        &self,
        name: &PersonName,
        candidates: &mut [&mut Candidate],
        policy: EnrolPolicy,
        threshold: Distance,
    ) {
        // Another process may have enrolled somebody a moment ago.
        self.refresh_or_warn().await;
        let (index, scale) = (self.index(), self.scale());
        // Who is known by embeddings of which these photos have none is compared like somebody new, and that is said.
        let is_new = candidates.iter().all(|c| index.near_to(name.as_str(), &c.embedding).is_none());
        if is_new && index.knows(name.as_str()) {
            candidates.iter_mut().for_each(|candidate| candidate.findings.push(not_comparable(name)));
        }
        let judged = if is_new {
            let comparable: Vec<_> = candidates.iter().map(|c| !c.is_refused(policy)).collect();
            let faces = candidates.iter().zip(&comparable).filter(|(_, fit)| **fit).map(|(c, _)| &*c.embedding.vector);
            let mut judged = among_each_other(&faces.collect::<Vec<_>>(), scale).into_iter();
            comparable
                .into_iter()
                .map(|fit| if fit { judged.next().unwrap_or_default() } else { Judged::default() })
                .collect()
        } else {
            candidates.iter().map(|c| with_enrolled(&index, name, &c.embedding)).collect::<Vec<_>>()
        };
        let mut twin_of_all: Option<Other> = None;
        for (candidate, judged) in candidates.iter_mut().zip(&judged) {
            let other = nearest_other(&index, name, &candidate.embedding);
            let own = judged.distance;
            let is_nearer_to_own = |other: &Other| !is_new && own.is_some_and(|own| own <= other.distance);
            if let Some(twin) = other.as_ref().filter(|other| other.distance < threshold && !is_nearer_to_own(other)) {
                let speaks_for_all = is_new && !judged.is_stranger && !candidate.is_refused(policy);
                if speaks_for_all && twin_of_all.as_ref().is_none_or(|nearest| twin.distance < nearest.distance) {
                    twin_of_all = Some(twin.clone());
                }
                candidate.findings.push(duplicate(twin, name));
            }
            candidate.findings.extend(judged.finding(name));
            candidate.likeness = Likeness { own, other };
        }
        for (candidate, judged) in candidates.iter_mut().zip(&judged) {
            let is_said = candidate.findings.iter().any(|finding| finding.code == DUPLICATE);
            if let Some(twin) = twin_of_all.as_ref().filter(|_| !is_said && !judged.is_stranger) {
                candidate.findings.push(beside_a_duplicate(twin, name));
            }
            Finding::sort(&mut candidate.findings);
        }
    }
}

const DUPLICATE: &str = "duplicate_person";

/// What a photo is beside the person's other ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Judged {
    distance: Option<Distance>,
    /// It is so far from them that it seems to be somebody else's.
    is_stranger: bool,
    /// It is too much like a face of which somebody said that it is not this person's.
    is_refuted: bool,
}

impl Judged {
    fn finding(self, name: &PersonName) -> Option<Finding> {
        let message = match self {
            Self { is_refuted: true, .. } => format!(
                "this face is too much like one that stands corrected as not being {name}: choose a photo that shows {name}"
            ),
            Self { is_stranger: true, distance: Some(distance), .. } => format!(
                "this does not look like the other photos of {name} (distance {distance}, {OUTLIER:.2} at most for one person): check \
                 that it is the right person; whoever it shows would pass as {name}"
            ),
            _ => return None,
        };
        Some(Finding::new(Weight::WrongPerson, "unlike_other_photos", message))
    }
}

fn duplicate(twin: &Other, name: &PersonName) -> Finding {
    let Other { name: other, distance } = twin;
    let message = format!(
        "this looks like {other}, who is enrolled already (distance {distance}): if it is the same person, add the photo to {other}; \
         if not, a door cannot tell {name} from {other}, so enrol only if that does no harm"
    );
    Finding::new(Weight::WrongPerson, DUPLICATE, message)
}

fn not_comparable(name: &PersonName) -> Finding {
    let message = format!(
        "{name} is enrolled by another model pack, which is not installed, so there is no telling whether this is {name}: install it \
         (`vultus models list` has the packs), or make sure that it is the right person; whoever it shows would pass as {name}"
    );
    Finding::new(Weight::WrongPerson, "not_comparable", message)
}

fn beside_a_duplicate(twin: &Other, name: &PersonName) -> Finding {
    let Other { name: other, distance } = twin;
    let message = format!(
        "another of these photos of {name} looks like {other}, who is enrolled already (distance {distance}): if it is the same person, add \
         the photos to {other}; if not, a door cannot tell {name} from {other}, so enrol only if that does no harm"
    );
    Finding::new(Weight::WrongPerson, DUPLICATE, message)
}

fn nearest_other(index: &Index, name: &PersonName, face: &Embedding) -> Option<Other> {
    let nearest = index.search(face)?;
    let first = Other { name: nearest.name, distance: nearest.distance };
    let second = nearest.runner_up.map(|second| Other { name: second.name, distance: second.distance });
    if &*first.name == name.as_str() { second } else { Some(first) }
}

fn with_enrolled(index: &Index, name: &PersonName, face: &Embedding) -> Judged {
    index.near_to(name.as_str(), face).map_or_else(Judged::default, |(distance, is_refuted)| Judged {
        distance: Some(distance),
        is_stranger: distance.value() > OUTLIER,
        is_refuted,
    })
}

/// Which of somebody's first photos do not fit to the others: the one that is farthest from the mean of the others is put aside, then
/// the next, until the rest agree. Of two that disagree there is no telling which is right: both are strangers.
fn among_each_other(faces: &[&[f32]], scale: &Scale) -> Vec<Judged> {
    let mut judged = vec![Judged::default(); faces.len()];
    let mut fit: Vec<usize> = (0..faces.len()).collect();
    while fit.len() > 1 {
        for at in &fit {
            let others = fit.iter().filter(|other| *other != at).map(|other| (faces[*other], 1.0));
            // Those that cancel each other out are as far as can be from any.
            let distance = scale.mean(others).map_or(Distance::new(f32::MAX), |mean| scale.between(&mean, faces[*at]));
            judged[*at].distance = Some(distance);
        }
        let far = |at: &usize| judged[*at].distance.map_or(0.0, Distance::value);
        let Some(farthest) = fit.iter().copied().max_by(|a, b| far(a).total_cmp(&far(b))) else { break };
        if far(&farthest) <= OUTLIER {
            break;
        }
        let put_aside = if fit.len() == 2 { fit.clone() } else { vec![farthest] };
        for at in put_aside {
            judged[at].is_stranger = true;
            fit.retain(|other| *other != at);
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Scale {
        Scale::of(&models::Catalog::builtin().pack("default").unwrap().embedder)
    }

    /// A face of one of two people, who share nothing; `turn` says how far it is from that person's other photos.
    fn face(person: usize, turn: f32) -> Vec<f32> {
        let mut face = vec![0.0; 8];
        (face[person], face[person + 2]) = (turn.cos(), turn.sin());
        face
    }

    fn strangers(faces: &[Vec<f32>]) -> Vec<bool> {
        let faces: Vec<&[f32]> = faces.iter().map(Vec::as_slice).collect();
        among_each_other(&faces, &scale()).iter().map(|judged| judged.is_stranger).collect()
    }

    #[test]
    fn a_single_photo_and_photos_that_agree_are_no_strangers() {
        assert_eq!(strangers(&[face(0, 0.0)]), [false]);
        assert_eq!(strangers(&[face(0, 0.0), face(0, 0.8), face(0, -0.6)]), [false; 3]);
        assert_eq!(strangers(&[]), [false; 0]);
    }

    #[test]
    fn the_one_of_somebody_else_is_found_wherever_it_stands() {
        assert_eq!(strangers(&[face(1, 0.0), face(0, 0.4), face(0, -0.4)]), [true, false, false]);
        assert_eq!(strangers(&[face(0, 0.0), face(0, 0.4), face(0, -0.4), face(1, 0.0)]), [false, false, false, true]);
    }

    #[test]
    fn of_two_that_disagree_neither_is_taken_for_the_right_one() {
        assert_eq!(strangers(&[face(0, 0.0), face(1, 0.0)]), [true, true]);
    }
}
