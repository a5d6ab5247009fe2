//! By which limits a photo is fit to enrol. What each of them costs was measured on 1,549 photos of LFW: docs/reference/enrolment.md.

use face::{Pose, Quality, Surface};
use models::Gates;

use super::candidate::Company;
use super::finding::{Finding, Weight};

/// A head turned farther to a side than this shows too little of the face (degrees); above the other it could do better.
const TURNED_AWAY: f32 = 35.0;
const TURNED: f32 = 20.0;

/// A head that is lowered or raised farther than this, as the five points have it (degrees).
const LOWERED: f32 = -25.0;
const RAISED: f32 = 20.0;

/// A head tilted farther than this in the picture's plane (degrees): to 30° nothing is lost, at 45° one in ten is not recognised.
const TILTED: f32 = 40.0;

/// A face darker than this, or with more of it drowned in black (mean luma, share of its pixels).
const DARK: f32 = 45.0;
const BLACK: f32 = 0.12;

/// A face with more of it burnt out in white (share of its pixels); beyond the second the norm alone does not tell any more that the
/// person will not be recognised.
const WHITE: f32 = 0.15;
const BURNT_OUT: f32 = 0.5;

/// A box narrower than this (share of its height) at one edge of the photo has lost about half of the face at a side: nine in ten are not
/// recognised any more, many of them with a fair norm. Between two edges it is a close crop, from cheek to cheek, which is recognised.
const CUT_OFF: f32 = 0.7;

/// Around mouth and chin skin is redder than this, and hardly less red than the bridge of the nose. Finds 91 to 99 % of masks (black,
/// blue, green, white) put on faces of LFW, and takes 1 of its 1,540 bare faces for masked: one under blue light.
const REDNESS: f32 = 6.0;
const LESS_RED: f32 = 3.0;

/// When the second face's side is this share of the first one's, nobody can tell which of the two is meant.
const AS_LARGE: f32 = 0.8;

/// What there is to say of a photo's face, the gravest first.
pub(super) fn findings(quality: &Quality, company: &Company, gates: &Gates) -> Vec<Finding> {
    let surface = quality.surface.as_ref();
    let said = [
        larger_unclear(company),
        several(company),
        size(quality.side, gates),
        edge(quality),
        turn(&quality.pose),
        mask(surface),
        light(surface),
        clearness(quality.norm, gates),
        level(&quality.pose),
        tilt(&quality.pose),
    ];
    let mut findings: Vec<Finding> = said.into_iter().flatten().collect();
    Finding::sort(&mut findings);
    findings
}

fn larger_unclear(company: &Company) -> Option<Finding> {
    let message = "a larger face is too unclear to be used, and the largest clear one was taken: check that it is the right person, or \
                   use a better photo";
    company.larger_unclear.then(|| Finding::new(Weight::Poor, "larger_face_unclear", message))
}

fn several(company: &Company) -> Option<Finding> {
    let weight = if company.second >= AS_LARGE { Weight::Poor } else { Weight::Hint };
    let message = match weight {
        Weight::Hint => format!("{} faces in the photo: the largest one was taken", company.faces),
        _ => format!(
            "{} faces in the photo, and it is not clear whose is meant: the largest is hardly larger than the next. Cut the photo down \
             to one person",
            company.faces
        ),
    };
    (company.faces > 1).then(|| Finding::new(weight, "several_faces", message))
}

fn size(side: u32, gates: &Gates) -> Option<Finding> {
    (side < gates.min_enrol_px).then(|| {
        let message = format!(
            "the face is {side} pixels wide, {} or more are needed: come nearer to the camera, or use a photo of a higher resolution",
            gates.min_enrol_px
        );
        Finding::new(Weight::Poor, "face_too_small", message)
    })
}

fn turn(pose: &Pose) -> Option<Finding> {
    let degrees = pose.yaw.abs();
    match degrees {
        TURNED_AWAY.. => {
            let message = format!(
                "the head is turned to a side (about {degrees:.0}°): turn to the camera and look straight into it"
            );
            Some(Finding::new(Weight::Poor, "turned_away", message))
        }
        TURNED.. => {
            let message = format!(
                "the head is turned a little (about {degrees:.0}°): look straight into the camera for a better photo"
            );
            Some(Finding::new(Weight::Hint, "turned_slightly", message))
        }
        _ => None,
    }
}

fn level(pose: &Pose) -> Option<Finding> {
    let (code, how) = match pose.pitch {
        ..LOWERED => ("head_lowered", "lowered: raise your chin, or hold the camera lower"),
        RAISED.. => ("head_raised", "raised: lower your chin, or hold the camera higher"),
        _ => return None,
    };
    Some(Finding::new(Weight::Hint, code, format!("the head is {how}, and look straight into the camera")))
}

fn tilt(pose: &Pose) -> Option<Finding> {
    let degrees = pose.roll.abs();
    (degrees > TILTED).then(|| {
        let message = format!("the head is tilted (about {degrees:.0}°): hold it upright, or turn the photo");
        Finding::new(Weight::Hint, "tilted", message)
    })
}

fn light(surface: Option<&Surface>) -> Option<Finding> {
    let surface = surface?;
    if surface.white > WHITE {
        let message = format!(
            "the face is overexposed ({:.0} % of it is plain white): less light on it, or a shorter exposure",
            surface.white * 100.0
        );
        let weight = if surface.white > BURNT_OUT { Weight::Poor } else { Weight::Hint };
        return Some(Finding::new(weight, "overexposed", message));
    }
    (surface.brightness < DARK || surface.black > BLACK).then(|| {
        let message =
            format!("the face is dark (brightness {:.0} of 255): more light from the front", surface.brightness);
        Finding::new(Weight::Hint, "too_dark", message)
    })
}

fn mask(surface: Option<&Surface>) -> Option<Finding> {
    let Surface { mouth_redness, nose_redness, .. } = surface?;
    (*mouth_redness < REDNESS && *mouth_redness < nose_redness - LESS_RED).then(|| {
        let message = "mouth and chin seem to be covered: take off the mask, and show the whole face";
        Finding::new(Weight::Poor, "mouth_covered", message)
    })
}

fn clearness(norm: f32, gates: &Gates) -> Option<Finding> {
    match norm {
        _ if norm < gates.enrol_norm => {
            let message = format!(
                "the face is too unclear to enrol (quality {norm:.2}, at least {:.2} is needed): use a sharp, well lit photo, facing the \
                 camera",
                gates.enrol_norm
            );
            Some(Finding::new(Weight::Poor, "face_too_unclear", message))
        }
        _ if norm < gates.warn_norm => {
            let message = format!(
                "the face is not very clear (quality {norm:.2}, {:.2} or more is good): add a sharper photo, facing the camera",
                gates.warn_norm
            );
            Some(Finding::new(Weight::Hint, "low_quality", message))
        }
        _ => None,
    }
}

fn edge(quality: &Quality) -> Option<Finding> {
    let message = "the face is cut off by the photo's edge: show the whole face";
    match quality {
        Quality { whole, between_edges: false, .. } if *whole < CUT_OFF => {
            Some(Finding::new(Weight::Poor, "cut_off", message))
        }
        Quality { at_edge: true, .. } => {
            let message = "the face reaches the photo's edge: show the whole face, with some room around it";
            Some(Finding::new(Weight::Hint, "cut_off", message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATES: Gates = Gates {
        drop_norm: 2.5,
        vote_norm: 2.2,
        enrol_norm: 3.0,
        warn_norm: 3.4,
        min_recognise_px: 32,
        min_enrol_px: 64,
    };

    /// A photo that there is nothing to say of.
    fn good() -> Quality {
        Quality {
            norm: 4.0,
            side: 200,
            whole: 1.0,
            at_edge: false,
            between_edges: false,
            pose: Pose { yaw: 3.0, pitch: -5.0, roll: 10.0 },
            surface: Some(Surface {
                brightness: 130.0,
                black: 0.0,
                white: 0.0,
                mouth_redness: 15.0,
                nose_redness: 12.0,
            }),
        }
    }

    fn lit(change: impl FnOnce(&mut Surface)) -> Quality {
        let mut quality = good();
        change(quality.surface.as_mut().unwrap());
        quality
    }

    fn said(quality: &Quality, company: &Company) -> Vec<(&'static str, Weight)> {
        findings(quality, company, &GATES).iter().map(|finding| (finding.code, finding.weight)).collect()
    }

    fn alone(quality: &Quality) -> Vec<(&'static str, Weight)> {
        said(quality, &Company { faces: 1, ..Company::default() })
    }

    #[test]
    fn there_is_nothing_to_say_of_a_good_photo() {
        assert_eq!(alone(&good()), []);
    }

    #[test]
    fn each_limit_has_two_sides() {
        use Weight::{Hint, Poor};
        let turned = |yaw| Quality { pose: Pose { yaw, ..good().pose }, ..good() };
        let nodding = |pitch| Quality { pose: Pose { pitch, ..good().pose }, ..good() };
        let tilted = |roll| Quality { pose: Pose { roll, ..good().pose }, ..good() };
        let of_norm = |norm| Quality { norm, ..good() };
        for (quality, expected) in [
            (Quality { side: 63, ..good() }, Some(("face_too_small", Poor))),
            (Quality { side: 64, ..good() }, None),
            (of_norm(2.99), Some(("face_too_unclear", Poor))),
            (of_norm(3.0), Some(("low_quality", Hint))),
            (of_norm(3.39), Some(("low_quality", Hint))),
            (of_norm(3.4), None),
            (turned(-36.0), Some(("turned_away", Poor))),
            (turned(34.0), Some(("turned_slightly", Hint))),
            (turned(-19.0), None),
            (nodding(-26.0), Some(("head_lowered", Hint))),
            (nodding(21.0), Some(("head_raised", Hint))),
            (nodding(15.0), None),
            (tilted(-50.0), Some(("tilted", Hint))),
            (tilted(30.0), None),
            (lit(|light| light.brightness = 30.0), Some(("too_dark", Hint))),
            (lit(|light| light.black = 0.5), Some(("too_dark", Hint))),
            (lit(|light| light.white = 0.4), Some(("overexposed", Hint))),
            (lit(|light| light.white = 0.6), Some(("overexposed", Poor))),
            (Quality { at_edge: true, whole: 0.75, ..good() }, Some(("cut_off", Hint))),
            (Quality { at_edge: true, whole: 0.65, ..good() }, Some(("cut_off", Poor))),
            (Quality { at_edge: true, between_edges: true, whole: 0.5, ..good() }, Some(("cut_off", Hint))),
            (lit(|light| light.mouth_redness = 2.0), Some(("mouth_covered", Poor))),
            // A photo in grey.
            (lit(|light| (light.mouth_redness, light.nose_redness) = (0.0, 0.0)), None),
        ] {
            assert_eq!(alone(&quality), Vec::from_iter(expected), "{quality:?}");
        }
    }

    #[test]
    fn a_smaller_second_face_is_mentioned_and_one_as_large_is_ambiguous() {
        let beside = |second| said(&good(), &Company { faces: 2, second, larger_unclear: false });
        assert_eq!(beside(0.4), [("several_faces", Weight::Hint)]);
        assert_eq!(beside(0.95), [("several_faces", Weight::Poor)]);
    }

    #[test]
    fn what_refuses_comes_before_what_does_not() {
        let quality = Quality { norm: 2.7, pose: Pose { yaw: 25.0, ..good().pose }, ..good() };
        assert_eq!(alone(&quality), [("face_too_unclear", Weight::Poor), ("turned_slightly", Weight::Hint)]);
    }
}
