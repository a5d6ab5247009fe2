//! What the engine does with ordinary and with bad photos.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use face::{
    DecodeLimits, Engine, FaceError, Faces, JpegEncoder, Part, Picture, Quality, RgbImage, Unusable, YuvImage, decode,
};
use support::{engine, gates, image, photo};

/// `image` scaled to `width`, as a photo that was taken from farther away.
fn scaled(image: &RgbImage, width: u32) -> RgbImage {
    let whole = image::RgbImage::from_raw(image.width(), image.height(), image.pixels().to_vec()).unwrap();
    let height = image.height() * width / image.width();
    let small = image::imageops::resize(&whole, width, height, image::imageops::FilterType::Triangle);
    RgbImage::new(width, height, small.into_raw()).unwrap()
}

fn encoded(image: &RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let whole = image::RgbImage::from_raw(image.width(), image.height(), image.pixels().to_vec()).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    whole.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn the_largest_of_several_faces_comes_first() {
    let found = engine().faces(&image("t1.jpg"), 1.0).unwrap();
    assert_eq!(found.faces.len(), 6);
    let widths: Vec<f32> = found.faces.iter().map(|face| face.area.width()).collect();
    assert!(widths.windows(2).all(|pair| pair[0] >= pair[1]), "{widths:?}");
    assert_eq!(found.largest(&gates()).unwrap(), &found.faces[0]);
}

#[test]
fn a_picture_without_a_face_has_no_face_to_enrol() {
    let blank = RgbImage::new(640, 480, vec![127; 640 * 480 * 3]).unwrap();
    let found = engine().faces(&blank, 1.0).unwrap();
    assert!(matches!(found.to_enrol(&gates()), Err(FaceError::NoFace)));
}

#[test]
fn a_portrait_that_is_cut_within_the_face_is_found_and_recognised() {
    let mut engine = engine();
    let photo = image("biden.jpg");
    let whole = engine.faces(&photo, 1.0).unwrap().faces[0].clone();
    let tight = cut(&photo, &whole, TIGHT);
    let one_look = engine.detect_in(&tight, 1.0, &[Part::Whole]).unwrap();
    assert!(one_look.is_empty(), "it is found anyhow: {one_look:?}");
    let found = engine.faces(&tight, 1.0).unwrap();
    let face = found.to_enrol(&gates()).unwrap();
    let cosine: f32 = whole.embedding.vector.iter().zip(&face.embedding.vector).map(|(a, b)| a * b).sum();
    // 0.45 on the contract's scale is a cosine of 0.44.
    assert!(cosine > 0.5, "{cosine}");
}

/// How much of a face's box the tight portrait shows.
const TIGHT: f32 = 0.65;

/// The middle of a face: so much of its box.
fn cut(photo: &RgbImage, face: &face::Face, share: f32) -> RgbImage {
    let (middle, half) = (face.area.centre(), (face.area.width() / 2.0 * share) as u32);
    let (left, top) = (middle.x as u32 - half, middle.y as u32 - half);
    let rows = (top..top + 2 * half).flat_map(|y| {
        let start = ((y * photo.width() + left) * 3) as usize;
        photo.pixels()[start..start + (2 * half * 3) as usize].iter().copied()
    });
    RgbImage::new(2 * half, 2 * half, rows.collect()).unwrap()
}

#[test]
fn a_face_that_is_too_small_says_how_large_it_should_be() {
    let found = engine().faces(&scaled(&image("obama.jpg"), 75), 1.0).unwrap();
    let Err(FaceError::TooSmall { width, min: 32, good: 64 }) = found.to_enrol(&gates()) else {
        panic!("{:?}", found.to_enrol(&gates()))
    };
    assert!((20..32).contains(&width), "{width}");
}

#[test]
fn a_face_by_which_nobody_could_be_recognised_cannot_be_enrolled() {
    let found = Faces { unusable: Some(Unusable { side: 90, norm: 2.1 }), ..Faces::default() };
    let Err(FaceError::TooUnclear { norm, .. }) = found.to_enrol(&gates()) else { panic!("{found:?}") };
    assert_eq!(norm, 2.1);
}

#[test]
fn a_photo_lying_on_its_side_is_turned_by_its_exif_orientation() {
    let upright = image("obama.jpg");
    let turned = decode(&turned_right(photo("obama.jpg")), &DecodeLimits::default()).unwrap();
    assert_eq!((turned.width(), turned.height()), (upright.height(), upright.width()));
    // The first pixel of an upright photo ends up in the upper right corner.
    let last = (turned.width() as usize - 1) * 3;
    assert_eq!(turned.pixels()[last..last + 3], upright.pixels()[..3]);
}

/// The JPEG with orientation 6: the camera was held on its side; shown as stored, the face would lie.
fn turned_right(jpeg: Vec<u8>) -> Vec<u8> {
    oriented(jpeg, 6)
}

/// The JPEG with this EXIF orientation, 1–8.
fn oriented(mut jpeg: Vec<u8>, orientation: u8) -> Vec<u8> {
    let app1 = [
        &[0xFF, 0xE1, 0x00, 0x22][..],
        b"Exif\0\0MM\0\x2a\0\0\0\x08",
        &[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    jpeg.splice(2..2, app1);
    jpeg
}

#[test]
fn a_photo_read_for_the_models_shows_the_colours_of_all_its_pixels_whatever_its_size_and_orientation() {
    let (engine, limits) = (engine(), DecodeLimits::default());
    for width in [200, 201, 203] {
        let jpeg = JpegEncoder::new(95).unwrap().encode_rgb(&scaled(&image("astronaut.png"), width)).unwrap();
        for orientation in 1..=8 {
            let jpeg = oriented(jpeg.clone(), orientation);
            let (full, read) = (decode(&jpeg, &limits).unwrap(), engine.read(&jpeg, &limits).unwrap());
            assert_eq!((read.width(), read.height()), (full.width(), full.height()));
            for (x, y) in (0..full.height()).flat_map(|y| (0..full.width()).map(move |x| (x, y))) {
                let (want, is) = (full.pixel(x, y), read.pixel(x, y));
                // The one is rounded when colours are made of brightness and difference, the other where they are sampled.
                let is_near = want.iter().zip(is).all(|(want, is)| want.abs_diff(is) <= 4);
                assert!(is_near, "{width} pixels wide, orientation {orientation}, at {x}, {y}: {is:?} for {want:?}");
            }
        }
    }
}

/// A JPEG of 12 megapixels with six people.
fn six_people() -> Vec<u8> {
    JpegEncoder::new(90).unwrap().encode_rgb(&scaled(&image("t1.jpg"), 4201)).unwrap()
}

/// That reading the JPEG as the engine does shows the faces that are in it, in pixels of the whole photo.
fn shows_what_is_in(jpeg: &[u8], engine: &mut Engine) {
    let (full, read) = (decode(jpeg, &DecodeLimits::default()).unwrap(), engine.read(jpeg, &DecodeLimits::default()));
    let read = read.unwrap();
    assert_eq!((read.width(), read.height()), (full.width(), full.height()));
    let (want, found) = (engine.faces(&full, 1.0).unwrap().faces, engine.faces(&read, 1.0).unwrap().faces);
    assert_eq!(found.len(), want.len());
    for want in &want {
        let face = found.iter().max_by(|a, b| a.area.iou(&want.area).total_cmp(&b.area.iou(&want.area))).unwrap();
        let cosine: f32 = want.embedding.vector.iter().zip(&face.embedding.vector).map(|(a, b)| a * b).sum();
        assert!(want.area.iou(&face.area) > 0.95 && cosine > 0.95, "{:?}, {:?}: {cosine}", want.area, face.area);
        let (before, after) = (Quality::of(&full, want), Quality::of(&read, face));
        assert!(before.side.abs_diff(after.side) <= 10 && before.at_edge == after.at_edge, "{before:?} {after:?}");
        let (before, after) = (before.surface.unwrap(), after.surface.unwrap());
        assert!((before.brightness - after.brightness).abs() < 3.0, "{before:?} {after:?}");
    }
}

#[test]
fn a_large_photo_shows_the_same_faces_in_its_own_pixels_whichever_way_it_is_turned() {
    let mut engine = engine();
    let jpeg = six_people();
    shows_what_is_in(&jpeg, &mut engine);
    assert_eq!(engine.faces(&engine.read(&jpeg, &DecodeLimits::default()).unwrap(), 1.0).unwrap().faces.len(), 6);
    // Sides that come out even at a half are turned as they are stored, others as colours.
    for width in [2801, 2800] {
        let upright = scaled(&image("obama3.jpg"), width);
        let height = upright.height() & !3;
        let rows = upright.pixels()[..(width * height * 3) as usize].to_vec();
        let lying = image::imageops::rotate270(&image::RgbImage::from_raw(width, height, rows).unwrap());
        let lying = RgbImage::new(lying.width(), lying.height(), lying.into_raw()).unwrap();
        shows_what_is_in(&turned_right(JpegEncoder::new(90).unwrap().encode_rgb(&lying).unwrap()), &mut engine);
    }
}

#[test]
fn of_a_small_face_in_a_large_photo_all_detail_can_be_had() {
    let (engine, jpeg) = (engine(), six_people());
    let read = engine.read(&jpeg, &DecodeLimits::default()).unwrap();
    let face = |side: f32| face::Rect { left: 1000.0, top: 1000.0, right: 1000.0 + side, bottom: 1000.0 + side };
    let large = read.around(&face(600.0), 2.0, 512).unwrap();
    assert_eq!((large.width(), large.height()), (512, 512));
    assert_eq!(read.around(&face(300.0), 2.0, 512), None, "half of 600 pixels are not as many as are to be shown");
}

#[test]
fn a_photo_that_is_not_large_is_read_in_full() {
    let limits = DecodeLimits::default();
    let (full, read) = (image("obama3.jpg"), engine().read(&photo("obama3.jpg"), &limits).unwrap());
    let all = face::Rect { left: 0.0, top: 0.0, right: 1433.0, bottom: 2332.0 };
    assert_eq!(read.around(&all, 1.1, 2333), Some(full));
}

#[test]
fn the_limit_is_one_of_the_pixels_that_a_photo_has() {
    let jpeg = six_people();
    let read = engine().read(&jpeg, &DecodeLimits { megapixels: 11 });
    assert!(matches!(&read, Err(FaceError::TooManyPixels { limit: 11, .. })), "{read:?}");
    let cut = engine().read(&jpeg[..jpeg.len() / 2], &DecodeLimits::default());
    assert!(matches!(&cut, Err(FaceError::Damaged(_))), "{cut:?}");
}

#[test]
fn png_webp_and_bmp_hold_the_same_face_as_jpeg() {
    let original = scaled(&image("obama.jpg"), 455);
    let mut engine = engine();
    let want = engine.faces(&original, 1.0).unwrap().faces[0].clone();
    for format in [image::ImageFormat::Png, image::ImageFormat::WebP, image::ImageFormat::Bmp] {
        let read = decode(&encoded(&original, format), &DecodeLimits::default()).unwrap();
        assert_eq!(engine.faces(&read, 1.0).unwrap().faces[0], want, "{format:?}");
    }
}

#[test]
fn a_camera_frame_gives_nearly_the_embedding_of_the_photo() {
    let photo = scaled(&image("obama.jpg"), 454);
    let (width, height) = (photo.width() & !1, photo.height() & !1);
    let mut engine = engine();
    let from_photo = engine.faces(&photo, 1.0).unwrap().faces[0].clone();
    let from_frame = engine.faces(&planes_of(&photo, width, height), 1.0).unwrap().faces[0].clone();
    let cosine: f32 = from_photo.embedding.vector.iter().zip(&from_frame.embedding.vector).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.97, "{cosine}");
}

/// BT.601 full range, chroma averaged over two by two pixels.
fn planes_of(photo: &RgbImage, width: u32, height: u32) -> YuvImage {
    let rgb = |x: u32, y: u32| {
        let at = ((y * photo.width() + x) * 3) as usize;
        [0, 1, 2].map(|c| f32::from(photo.pixels()[at + c]))
    };
    let luma = |[r, g, b]: [f32; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
    let mut planes: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| luma(rgb(x, y)).round() as u8).collect();
    for (channel, range) in [(2, 1.772), (0, 1.402)] {
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let block = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| rgb(x, y));
                let difference = block.iter().map(|p| p[channel] - luma(*p)).sum::<f32>() / 4.0;
                planes.push((128.0 + difference / range).round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    YuvImage::new(width, height, planes).unwrap()
}

#[test]
fn files_that_are_no_photos_are_told_apart() {
    let limits = DecodeLimits::default();
    assert!(matches!(decode(b"hello", &limits), Err(FaceError::NotAnImage)));
    assert!(matches!(decode(b"", &limits), Err(FaceError::NotAnImage)));
    assert!(matches!(decode(b"GIF89a\x01\x00", &limits), Err(FaceError::UnsupportedFormat { format: "GIF" })));
    assert!(matches!(decode(b"\0\0\0\x18ftypheic\0\0", &limits), Err(FaceError::UnsupportedFormat { format: "HEIC" })));
    let whole = photo("obama.jpg");
    assert!(matches!(decode(&whole[..whole.len() / 2], &limits), Err(FaceError::Damaged(_))));
    assert!(matches!(decode(&whole[..20], &limits), Err(FaceError::Damaged(_))));
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() {
    let limits = DecodeLimits { megapixels: 1 };
    let jpeg = decode(&photo("obama.jpg"), &limits);
    assert!(matches!(&jpeg, Err(FaceError::TooManyPixels { size, limit: 1 }) if size == "910×1137 pixels"), "{jpeg:?}");
    let png = decode(&encoded(&image("obama.jpg"), image::ImageFormat::Png), &limits);
    assert!(matches!(png, Err(FaceError::TooManyPixels { .. })), "{png:?}");
}

#[test]
fn scale_hides_detail_from_the_detector_and_boxes_stay_in_full_pixels() {
    let photo = image("t1.jpg");
    let mut engine = engine();
    let full = engine.faces(&photo, 1.0).unwrap();
    let half = engine.faces(&photo, 0.5).unwrap();
    assert_eq!(full.faces.len(), half.faces.len());
    // A tenth of this picture is 128 pixels wide: faces of 14 pixels.
    let tenth = engine.faces(&photo, 0.1).unwrap();
    assert!(tenth.faces.len() < full.faces.len(), "{}", tenth.faces.len());
    assert!(half.faces.iter().all(|face| face.area.width() > 100.0));
    assert_eq!(Picture::width(&photo), 1280);
}
