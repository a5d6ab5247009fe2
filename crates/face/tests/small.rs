//! Small faces by tiles, and dark and noisy pictures; with measurements on more photos, where they lie beside the project.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use face::{Area, DecodeLimits, Detection, Engine, Face, Part, Picture, Rect, RgbImage, Similarity};
use models::Input;
use support::{engine, engine_of, image};

/// Numbers that look like chance and are the same every time (a linear congruential generator).
struct Chance(u64);

impl Chance {
    /// Below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    /// About a bell's form, standard deviation 1.
    fn bell(&mut self) -> f32 {
        ((0..12).map(|_| self.below(10_000) as f32).sum::<f32>() - 60_000.0) / 10_000.0
    }
}

/// The picture without what the product does for dark and noisy ones.
struct AsItIs<'a>(&'a RgbImage);

impl Picture for AsItIs<'_> {
    fn width(&self) -> u32 {
        self.0.width()
    }

    fn height(&self) -> u32 {
        self.0.height()
    }

    fn resize_into(&self, area: Area, input: &Input, out: &mut Vec<f32>) {
        self.0.resize_into(area, input, out);
    }

    fn warp_into(&self, chip_to_picture: &Similarity, input: &Input, out: &mut Vec<f32>) {
        self.0.warp_into(chip_to_picture, input, out);
    }

    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        self.0.pixel(x, y)
    }

    fn brightened_if_dark(&self) -> Option<Box<dyn Picture>> {
        None
    }

    fn smoothed_if_noisy(&self) -> Option<Box<dyn Picture>> {
        None
    }
}

/// The picture in another size, each pixel the mean of what it covers.
fn scaled(picture: &RgbImage, scale: f32) -> RgbImage {
    let whole = image::RgbImage::from_raw(picture.width(), picture.height(), picture.pixels().to_vec()).unwrap();
    let side = |pixels: u32| ((pixels as f32 * scale).round() as u32).max(1);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let small = image::imageops::resize(&whole, width, height, image::imageops::FilterType::Triangle);
    RgbImage::new(width, height, small.into_raw()).unwrap()
}

fn changed(picture: &RgbImage, mut change: impl FnMut(f32) -> f32) -> RgbImage {
    let pixels = picture.pixels().iter().map(|&p| change(f32::from(p)).clamp(0.0, 255.0) as u8).collect();
    RgbImage::new(picture.width(), picture.height(), pixels).unwrap()
}

fn darkened(picture: &RgbImage, factor: f32) -> RgbImage {
    changed(picture, |p| p * factor)
}

fn noised(picture: &RgbImage, sigma: f32) -> RgbImage {
    let mut chance = Chance(7);
    changed(picture, |p| p + sigma * chance.bell())
}

/// A frame that is put together from pictures.
struct Canvas {
    size: (u32, u32),
    pixels: Vec<u8>,
}

impl Canvas {
    fn grey(width: u32, height: u32) -> Self {
        let pixels = [96, 112, 128].repeat((width * height) as usize);
        Self { size: (width, height), pixels }
    }

    /// A picture stretched to the frame.
    fn of(picture: &RgbImage, width: u32, height: u32) -> Self {
        let whole = image::RgbImage::from_raw(picture.width(), picture.height(), picture.pixels().to_vec()).unwrap();
        let stretched = image::imageops::resize(&whole, width, height, image::imageops::FilterType::Triangle);
        Self { size: (width, height), pixels: stretched.into_raw() }
    }

    /// Puts an oval of `picture` with soft edges here.
    fn put(&mut self, picture: &RgbImage, left: u32, top: u32) {
        let (width, height) = (picture.width(), picture.height());
        for y in 0..height {
            for x in 0..width {
                let across = (x as f32 + 0.5) / width as f32 * 2.0 - 1.0;
                let down = (y as f32 + 0.5) / height as f32 * 2.0 - 1.0;
                let share = ((1.0 - (across * across + down * down).sqrt()) * 8.0).clamp(0.0, 1.0);
                let (from, to) = (((y * width + x) * 3) as usize, (((top + y) * self.size.0 + left + x) * 3) as usize);
                for channel in 0..3 {
                    let (new, old) =
                        (f32::from(picture.pixels()[from + channel]), f32::from(self.pixels[to + channel]));
                    self.pixels[to + channel] = (new * share + old * (1.0 - share)) as u8;
                }
            }
        }
    }

    fn picture(self) -> RgbImage {
        RgbImage::new(self.size.0, self.size.1, self.pixels).unwrap()
    }
}

fn all(picture: &RgbImage, columns: u8, rows: u8) -> Vec<Part> {
    let mut parts = Part::grid(picture, columns, rows);
    parts.insert(0, Part::Whole);
    parts
}

/// The photo so small that its face is about this many pixels high.
fn with_face_of(engine: &mut Engine, name: &str, height: f32) -> RgbImage {
    let photo = image(name);
    let face = engine.detect(&photo, 1.0).unwrap()[0];
    scaled(&photo, height / face.area.height())
}

fn cosine(a: &Face, b: &Face) -> f32 {
    a.embedding.vector.iter().zip(&b.embedding.vector).map(|(a, b)| a * b).sum()
}

#[test]
fn tiles_find_the_small_faces_that_the_whole_frame_hides_each_of_them_once() {
    let mut engine = engine();
    let mut canvas = Canvas::grey(1920, 1080);
    // One is in the middle of a tile, others where two or four tiles meet.
    let places =
        [("obama.jpg", 200, 150), ("biden.jpg", 430, 340), ("obama2.jpg", 910, 300), ("obama3.jpg", 1400, 700)];
    for (name, x, y) in places {
        canvas.put(&with_face_of(&mut engine, name, 40.0), x, y);
    }
    let frame = canvas.picture();
    assert!(engine.detect(&frame, 0.5).unwrap().is_empty());
    let found = engine.detect_in(&frame, 0.5, &all(&frame, 4, 3)).unwrap();
    assert_eq!(found.len(), places.len(), "{found:?}");
    assert!(found.iter().all(|face| (30.0..60.0).contains(&face.area.height())), "{found:?}");
}

#[test]
fn tiles_find_nothing_more_in_a_face_that_fills_them() {
    let mut engine = engine();
    let photo = image("obama.jpg");
    let whole = engine.detect(&photo, 1.0).unwrap();
    let tiled = engine.detect_in(&photo, 1.0, &all(&photo, 4, 3)).unwrap();
    assert_eq!((whole.len(), tiled.len()), (1, 1), "{tiled:?}");
    assert!(tiled[0].area.iou(&whole[0].area) > 0.6);
}

#[test]
fn in_a_dark_picture_the_face_is_found_and_recognised() {
    let mut engine = engine();
    for (name, factor) in [("obama.jpg", 0.06), ("biden.jpg", 0.1)] {
        let photo = image(name);
        let dark = darkened(&photo, factor);
        assert!(engine.faces(&AsItIs(&dark), 1.0).unwrap().faces.is_empty(), "{name} is found anyhow");
        let (bright, found) = (engine.faces(&photo, 1.0).unwrap(), engine.faces(&dark, 1.0).unwrap());
        let face = found.faces.first().unwrap_or_else(|| panic!("{name} is not found"));
        // 0.45 on the contract's scale is a cosine of 0.44.
        assert!(cosine(face, &bright.faces[0]) > 0.6, "{name}: {}", cosine(face, &bright.faces[0]));
    }
}

#[test]
fn in_a_noisy_picture_the_face_is_found() {
    let mut engine = engine();
    let small = with_face_of(&mut engine, "biden.jpg", 86.0);
    let noisy = noised(&small, 40.0);
    assert!(engine.detect(&AsItIs(&noisy), 1.0).unwrap().is_empty(), "it is found anyhow");
    let found = engine.detect(&noisy, 1.0).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].area.iou(&engine.detect(&small, 1.0).unwrap()[0].area) > 0.5);
}

#[test]
fn an_ordinary_photo_is_looked_at_as_it_is() {
    for name in ["obama.jpg", "biden.jpg", "t1.jpg", "astronaut.png"] {
        let photo = image(name);
        assert!(photo.brightened_if_dark().is_none() && photo.smoothed_if_noisy().is_none(), "{name}");
    }
}

// ---- Measurements: bench/small

/// The folder that bench/small measures on.
fn bench_folder() -> PathBuf {
    std::env::var_os("VULTUS_BENCH_DATA").map(PathBuf::from).expect("bench/small says where the photos are")
}

fn photos_in(folder: &Path, most: usize) -> Vec<RgbImage> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        for path in entries {
            let is_photo = path.extension().is_some_and(|end| end == "jpg" || end == "png");
            if path.is_dir() {
                folders.push(path);
            } else if is_photo {
                files.push(path);
            }
        }
    }
    files.sort();
    let every = files.len().div_ceil(most).max(1);
    let read = |path: PathBuf| face::decode(&std::fs::read(path).unwrap(), &DecodeLimits::default()).unwrap();
    files.into_iter().step_by(every).map(read).collect()
}

/// Photos with one clear face, and where it is.
fn faces_of(engine: &mut Engine, most: usize) -> Vec<(RgbImage, Rect)> {
    let photos = photos_in(&bench_folder().join("lfw-dev/images"), most);
    let one = |photo: RgbImage| match engine.detect(&photo, 1.0).unwrap().as_slice() {
        [face] if face.score > 0.95 => Some((photo, face.area)),
        _ => None,
    };
    photos.into_iter().filter_map(one).collect()
}

/// Parts of photos in which the detector sees no face, neither in them nor in their quarters.
fn backgrounds(engine: &mut Engine) -> Vec<RgbImage> {
    let mut chance = Chance(3);
    let folder = bench_folder();
    let mut photos = photos_in(&folder.join("celebrity-pairs"), 100);
    photos.extend(photos_in(&folder.join("sitcom/groups"), 100));
    let part = |photo: RgbImage| {
        (0..30).find_map(|_| {
            let width = (photo.width() as usize * (25 + chance.below(35)) / 100) as u32;
            let height = width * 9 / 16;
            if height >= photo.height() {
                return None;
            }
            let left = chance.below((photo.width() - width) as usize) as u32;
            let top = chance.below((photo.height() - height) as usize) as u32;
            let whole = image::RgbImage::from_raw(photo.width(), photo.height(), photo.pixels().to_vec())?;
            let cut = image::imageops::crop_imm(&whole, left, top, width, height).to_image();
            let cut = RgbImage::new(width, height, cut.into_raw())?;
            engine.detect_in(&cut, 1.0, &all(&cut, 2, 2)).unwrap().is_empty().then_some(cut)
        })
    };
    photos.into_iter().filter_map(part).collect()
}

/// Milliseconds of processor time that this thread has had, so that what else runs does not count; by the clock where Linux does not tell.
fn ms_so_far() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.unwrap_or_else(|| START.elapsed().as_secs_f64() * 1e9) / 1e6
}

/// What was found of faces that are there, and what else.
#[derive(Default)]
struct Count {
    faces: usize,
    found: usize,
    wrong: usize,
    wrong_usable: usize,
    frames: usize,
    ms: f64,
}

impl Count {
    fn add(&mut self, engine: &mut Engine, frame: &RgbImage, faces: &[Rect], parts: &[Part]) {
        let started = ms_so_far();
        let found = engine.detect_in(frame, 1.0, parts).unwrap();
        self.ms += ms_so_far() - started;
        self.frames += 1;
        self.faces += faces.len();
        self.found += faces.iter().filter(|face| found.iter().any(|found| found.area.iou(face) > 0.4)).count();
        let is_wrong = |found: &&Detection| faces.iter().all(|face| found.area.iou(face) <= 0.4);
        for wrong in found.iter().filter(is_wrong) {
            self.wrong += 1;
            self.wrong_usable += usize::from(is_usable(engine, frame, wrong));
        }
    }
}

/// Whether the pack's gates would let a detection through to recognition.
fn is_usable(engine: &mut Engine, frame: &RgbImage, detection: &Detection) -> bool {
    if detection.area.longer_side() < engine.gates().min_recognise_px {
        return false;
    }
    let five = engine.landmarks(frame, detection).unwrap();
    matches!(engine.embed(frame, detection, &five).unwrap(), face::Embedded::Usable(_))
}

const GRIDS: [(u8, u8); 3] = [(2, 2), (3, 2), (4, 3)];

#[test]
#[ignore = "a measurement: bench/small"]
fn measure_composed_frames() {
    let mut engine = engine();
    let (faces, backgrounds) = (faces_of(&mut engine, 150), backgrounds(&mut engine));
    println!("{} faces, {} backgrounds", faces.len(), backgrounds.len());
    // The frames stay the same; another pack looks at the whole only, since its tiles would take an hour.
    let other = std::env::var("VULTUS_BENCH_PACK").ok();
    let grids: &[(u8, u8)] = if other.is_some() { &[] } else { &GRIDS };
    let mut engine = other.map_or(engine, |pack| engine_of(&pack));
    println!("| frame | face px | looked at | recall | false a frame | of them usable | ms a frame |");
    println!("|---|---|---|---|---|---|---|");
    for (width, height) in [(1280, 720), (1920, 1080)] {
        for px in [24.0, 32.0, 48.0, 64.0] {
            let mut counts: Vec<(String, Count)> = Vec::new();
            let mut chance = Chance(11);
            for number in 0..24 {
                let background = &backgrounds[(number * 7 + px as usize) % backgrounds.len()];
                let mut canvas = Canvas::of(background, width, height);
                let mut there = Vec::new();
                // One in each cell of five by two, somewhere.
                for cell in 0..10u32 {
                    let (photo, area) = &faces[chance.below(faces.len())];
                    let scale = px / (area.width() / SQUARE);
                    let small = scaled(photo, scale);
                    let (across, down) = (width / 5, height / 2);
                    let free = |cell: u32, side: u32| (cell - side.min(cell)) as usize;
                    let left = cell % 5 * across + chance.below(free(across, small.width())) as u32;
                    let top = cell / 5 * down + chance.below(free(down, small.height())) as u32;
                    if small.width() > across || small.height() > down {
                        continue;
                    }
                    canvas.put(&small, left, top);
                    let (x, y) = (left as f32, top as f32);
                    there.push(Rect {
                        left: x + area.left * scale,
                        top: y + area.top * scale,
                        right: x + area.right * scale,
                        bottom: y + area.bottom * scale,
                    });
                }
                let frame = canvas.picture();
                let mut looks = vec![("off".to_owned(), vec![Part::Whole])];
                looks.extend(
                    grids.iter().map(|&(columns, rows)| (format!("{columns}x{rows}"), all(&frame, columns, rows))),
                );
                for (name, parts) in looks {
                    let at = counts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                        counts.push((name, Count::default()));
                        counts.len() - 1
                    });
                    counts[at].1.add(&mut engine, &frame, &there, &parts);
                }
            }
            for (name, count) in counts {
                let frames = count.frames as f64;
                println!(
                    "| {height}p | {px} | {name} | {:.3} | {:.2} | {:.2} | {:.1} |",
                    count.found as f64 / count.faces as f64,
                    count.wrong as f64 / frames,
                    count.wrong_usable as f64 / frames,
                    count.ms / frames
                );
            }
        }
    }
}

/// Boxes that the product gives are squares on the longer side; a face of this model is so much higher than wide.
const SQUARE: f32 = 1.3;

#[test]
#[ignore = "a measurement: bench/small"]
fn measure_groups() {
    let mut engine = engine();
    let labels = include_str!("../../../bench/labels/groups.csv");
    println!("| looked at | scale | faces | found | false | of them usable |");
    println!("|---|---|---|---|---|---|");
    for scale in [1.0f32, 0.5, 0.25] {
        for grid in [None, Some((2, 2)), Some((4, 3))] {
            let (mut faces, mut hits, mut wrong, mut usable) = (0, 0, 0, 0);
            for file in ["bbt1.jpg", "bbt2.jpg", "bbt3.jpg", "bbt4.jpg", "bbt5.jpg"] {
                let bytes = std::fs::read(bench_folder().join("sitcom/groups").join(file)).unwrap();
                let photo = scaled(&face::decode(&bytes, &DecodeLimits::default()).unwrap(), scale);
                let numbers = labels.lines().filter_map(|line| line.strip_prefix(file)?.strip_prefix(','));
                let there: Vec<(f32, f32)> = numbers
                    .filter_map(|line| line.split_once(','))
                    .map(|(x, y)| (x.parse::<f32>().unwrap() * scale, y.parse::<f32>().unwrap() * scale))
                    .collect();
                let parts = grid.map_or(vec![Part::Whole], |(columns, rows)| all(&photo, columns, rows));
                let found = engine.detect_in(&photo, 1.0, &parts).unwrap();
                // The labelled middle lies in the middle half of the box, and each box has one face.
                let is_there = |found: &Detection, &(x, y): &(f32, f32)| {
                    let (centre, quarter) = (found.area.centre(), found.area.width().max(found.area.height()) / 4.0);
                    (centre.x - x).abs() < quarter && (centre.y - y).abs() < quarter
                };
                faces += there.len();
                hits += there.iter().filter(|face| found.iter().any(|found| is_there(found, face))).count();
                for found in found.iter().filter(|found| !there.iter().any(|face| is_there(found, face))) {
                    wrong += 1;
                    usable += usize::from(is_usable(&mut engine, &photo, found));
                }
            }
            let name = grid.map_or("off".to_owned(), |(columns, rows)| format!("{columns}x{rows}"));
            println!("| {name} | {scale} | {faces} | {hits} | {wrong} | {usable} |");
        }
    }
}

#[test]
#[ignore = "a measurement: bench/small"]
fn measure_dark_and_noisy() {
    let mut engine = engine();
    let photos = faces_of(&mut engine, 100);
    let all = photos_in(&bench_folder().join("lfw-dev/images"), 10_000);
    let (dark, noisy) = all.iter().fold((0, 0), |(dark, noisy), photo| {
        let (is_dark, is_noisy) = (photo.brightened_if_dark().is_some(), photo.smoothed_if_noisy().is_some());
        (dark + usize::from(is_dark), noisy + usize::from(is_noisy))
    });
    println!("of {} photos of lfw-dev {dark} are brightened, {noisy} smoothed as they are", all.len());
    println!("| photos | as they are: found | recognised | helped: found | recognised | ms |");
    println!("|---|---|---|---|---|---|");
    let dark = [0.3f32, 0.2, 0.1, 0.06, 0.04].map(|factor| (format!("brightness × {factor}"), factor, 0.0));
    let noisy = [10.0f32, 14.0, 18.0, 22.0, 30.0, 40.0].map(|sigma| (format!("noise σ {sigma}"), 1.0, sigma));
    for (name, factor, sigma) in dark.into_iter().chain(noisy) {
        // The face there, and whether it is within FMR 3.9e-5 of the photo before: raw 0.56.
        let mut counts = [(0, 0); 2];
        let mut ms = 0.0;
        for (photo, area) in &photos {
            let before = engine.faces(photo, 1.0).unwrap();
            let changed = noised(&darkened(photo, factor), sigma);
            let as_it_is = engine.faces(&AsItIs(&changed), 1.0).unwrap();
            let started = ms_so_far();
            let helped = engine.faces(&changed, 1.0).unwrap();
            ms += ms_so_far() - started;
            for (found, (there, same)) in [as_it_is, helped].iter().zip(&mut counts) {
                let Some(face) = found.faces.iter().find(|face| face.area.iou(area) > 0.4) else { continue };
                *there += 1;
                *same += usize::from(before.faces.first().is_some_and(|known| cosine(face, known) > 0.44));
            }
        }
        let share = |count: usize| 100.0 * count as f64 / photos.len() as f64;
        let [(there, same), (there_now, same_now)] = counts;
        println!(
            "| {name} | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {:.1} |",
            share(there),
            share(same),
            share(there_now),
            share(same_now),
            ms / photos.len() as f64
        );
    }
    println!();
    println!("| a frame of | judged dark ms | brightened ms | judged noisy ms | smoothed ms |");
    println!("|---|---|---|---|---|");
    for (width, height) in [(640u32, 480u32), (1280, 720), (1920, 1080)] {
        let frame = |luma: &mut dyn FnMut() -> u8| {
            let pixels = (width * height) as usize;
            let planes = (0..pixels).map(|_| luma()).chain(std::iter::repeat_n(128, pixels / 2)).collect();
            face::YuvImage::new(width, height, planes).unwrap()
        };
        let mut chance = Chance(5);
        let (even, dark) = (frame(&mut || 120), frame(&mut || 20));
        let noisy = frame(&mut || (120.0 + 20.0 * chance.bell()).clamp(0.0, 255.0) as u8);
        let ms = |work: &dyn Fn() -> bool, is_copy: bool| {
            let times = (0..20).map(|_| {
                let started = ms_so_far();
                assert_eq!(work(), is_copy);
                ms_so_far() - started
            });
            times.fold(f64::MAX, f64::min)
        };
        println!(
            "| {width}×{height} | {:.2} | {:.2} | {:.2} | {:.2} |",
            ms(&|| even.brightened_if_dark().is_some(), false),
            ms(&|| dark.brightened_if_dark().is_some(), true),
            ms(&|| even.smoothed_if_noisy().is_some(), false),
            ms(&|| noisy.smoothed_if_noisy().is_some(), true)
        );
    }
}
