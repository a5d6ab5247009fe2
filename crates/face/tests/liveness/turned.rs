//! How far heads turn, and pictures of heads seem to: the measurement behind LIVENESS_TURN. By the rule of a camera's track.

use std::f32::consts::PI;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use face::{Engine, Rect, RgbImage, yaw};

use super::attack::{self, Portrait, Species, Take};
use super::turn::{TURNED_FROM, Turn};
use super::{each, ever_passes, open, portrait_in};

/// Five seconds of a camera with 8 frames a second; a head or hand turns there and back in half of it.
const TAKES: u32 = 40;
const PERIOD: u32 = 20;
const PACE: Duration = Duration::from_millis(125);

/// Width of the face in the camera's picture.
const WIDTH: f32 = 150.0;

/// Limits of the curve, in degrees.
const CURVE: [f32; 6] = [8.0, 10.0, 12.0, 15.0, 18.0, 20.0];

/// The threshold of liveness.
const LIVE_FROM: f32 = 0.8;

/// People on video are measured where they are followed for so many frames.
const LEAST_FRAMES: usize = 16;

/// What a presentation gives: degrees, and whether a door that is `enforce` ever opens without the demand to turn.
#[derive(Clone, Copy)]
struct Presented {
    span: f32,
    passes: bool,
}

/// What stands before the camera, and how it is moved.
struct Kind {
    name: String,
    /// `None` for the person.
    species: Option<Species>,
    /// Turned by up to so many degrees to each side.
    by: f32,
    /// How far the print is bent, in degrees to each side.
    bent: Option<f32>,
}

fn kinds() -> Vec<Kind> {
    let kind = |name: &str, species, by, bent| Kind { name: name.to_owned(), species, by, bent };
    let mut kinds = vec![
        kind("a person who stands still (the photo fills the view)", None, 0.0, None),
        kind("the same, head turned by 15° to each side", None, 15.0, None),
        kind("the same, by 25°", None, 25.0, None),
    ];
    for by in [0.0, 45.0] {
        let how = if by > 0.0 { "turned by 45° to each side" } else { "held in a hand" };
        kinds.extend(Species::ALL.map(|species| kind(&format!("{}, {how}", species.name()), Some(species), by, None)));
    }
    for bent in [50.0, 80.0] {
        let name = format!("print, bent by {bent}° to each side, turned by 45°");
        kinds.push(kind(&name, Some(Species::BentPrint), 45.0, Some(bent)));
    }
    kinds
}

/// Prints how far each kind seems to turn, and how far people do.
pub fn measure(files: &[&PathBuf], videos: &[&[PathBuf]]) {
    let kinds = kinds();
    let made = each(files, |engine, file| {
        let (photo, face) = portrait_in(engine, file)?;
        let portrait = Portrait { photo: &photo, face };
        Some(kinds.iter().map(|kind| present(engine, kind, &portrait, seed(file))).collect::<Vec<_>>())
    });
    let made: Vec<_> = made.into_iter().flatten().collect();
    println!("\nturns of {} photos, faces of {WIDTH} px, {TAKES} frames at 8 a second", made.len());
    let cells: Vec<_> = CURVE.iter().map(|limit| format!("≥ {limit}°")).collect();
    println!(
        "\n| span of yaw in 5 s, degrees | n | median | 95 % | most | {} | passes, % | with the demand |",
        cells.join(" | ")
    );
    println!("|---|---|---|---|---|{}---|---|", "---|".repeat(CURVE.len()));
    for (at, kind) in kinds.iter().enumerate() {
        row(&kind.name, made.iter().map(|of_photo| of_photo[at]).collect());
    }
    for (every, fps) in [(1, 8), (2, 4)] {
        let spans: Vec<_> = videos.iter().flat_map(|frames| spans_of_people(frames, every)).collect();
        let people = spans.into_iter().map(|span| Presented { span, passes: true }).collect();
        row(&format!("people of the video, {fps} frames a second"), people);
    }
}

fn seed(file: &Path) -> u32 {
    file.as_os_str().len() as u32
}

fn row(name: &str, mut all: Vec<Presented>) {
    all.sort_by(|a, b| a.span.total_cmp(&b.span));
    let Some(last) = all.last() else { return };
    let at = |share: f32| all[((all.len() - 1) as f32 * share).round() as usize].span;
    let percent = |is: &dyn Fn(&Presented) -> bool| {
        format!("{:.0}", 100.0 * all.iter().filter(|one| is(one)).count() as f32 / all.len() as f32)
    };
    let shares: Vec<_> = CURVE.iter().map(|limit| percent(&|one| one.span >= *limit)).collect();
    println!(
        "| {name} | {} | {:.1} | {:.1} | {:.1} | {} | {} | {} |",
        all.len(),
        at(0.5),
        at(0.95),
        last.span,
        shares.join(" | "),
        percent(&|one| one.passes),
        percent(&|one| one.passes && one.span >= TURNED_FROM)
    );
}

/// What a camera's track is of it.
fn present(engine: &mut Engine, kind: &Kind, portrait: &Portrait<'_>, seed: u32) -> Presented {
    let takes = Take::turned(Take::of_a_hand(WIDTH, TAKES, seed), PERIOD, kind.by * PI / 180.0);
    let (mut turn, mut shots, start) = (Turn::default(), Vec::new(), Instant::now());
    for (i, take) in takes.into_iter().enumerate() {
        let take = Take { bend: kind.bent.map_or(take.bend, |bent| bent * PI / 180.0), ..take };
        let picture = match kind.species {
            Some(species) => attack::attack(species, portrait, &take),
            None => attack::person(portrait, &take),
        };
        if let Some((yaw, score, live)) = look(engine, &picture) {
            turn.saw(yaw, score, start + PACE * i as u32);
            shots.push(live);
        }
    }
    Presented { span: turn.widest(), passes: ever_passes(&shots, LIVE_FROM) }
}

/// Of the largest face: its yaw in degrees, the detection's score, and how much it looks alive.
fn look(engine: &mut Engine, picture: &RgbImage) -> Option<(f32, f32, f32)> {
    let found = engine.detect(picture, 1.0).unwrap();
    let first = found.first()?;
    let five = engine.landmarks(picture, first).unwrap();
    Some((yaw(&five), first.score, engine.liveness(picture, &first.area).unwrap()))
}

/// A person of a video.
struct Followed {
    area: Rect,
    seen_in: usize,
    frames: usize,
    turn: Turn,
}

/// How far each of the people in these frames turns, of every so many of them.
fn spans_of_people(frames: &[PathBuf], every: usize) -> Vec<f32> {
    let frames: Vec<_> = frames.iter().step_by(every).collect();
    let seen = each(&frames, |engine, file| {
        let picture = open(file)?;
        let found = engine.detect(&picture, 1.0).unwrap();
        let faces = found.into_iter().filter(|face| face.area.width() >= 48.0);
        Some(
            faces
                .map(|face| (face.area, face.score, yaw(&engine.landmarks(&picture, &face).unwrap())))
                .collect::<Vec<_>>(),
        )
    });
    let (mut people, start): (Vec<Followed>, _) = (Vec::new(), Instant::now());
    for (at, faces) in seen.iter().enumerate() {
        for (area, score, yaw) in faces.iter().flatten() {
            let (one, centre) = (area.centre(), |person: &Followed| person.area.centre());
            let is_same = |person: &&mut Followed| {
                (centre(person).x - one.x).hypot(centre(person).y - one.y) < area.width() / 2.0
                    && (1..=2).contains(&(at - person.seen_in))
            };
            let at_time = start + PACE * (every * at) as u32;
            match people.iter_mut().find(is_same) {
                Some(person) => {
                    (person.area, person.seen_in, person.frames) = (*area, at, person.frames + 1);
                    person.turn.saw(*yaw, *score, at_time);
                }
                None => {
                    let mut turn = Turn::default();
                    turn.saw(*yaw, *score, at_time);
                    people.push(Followed { area: *area, seen_in: at, frames: 1, turn });
                }
            }
        }
    }
    let long = people.into_iter().filter(|person| person.frames * every >= LEAST_FRAMES);
    long.map(|person| person.turn.widest()).collect()
}
