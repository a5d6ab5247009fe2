use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, PixelFormat, ScalingFactor};

use super::{Photo, RgbImage};
use crate::FaceError;

/// What a stranger's photo may cost.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Most pixels, in millions; of pictures with 16 bits a channel half as many. Memory while decoding is up to 7 bytes
    /// for each pixel allowed.
    pub megapixels: u32,
}

impl Default for DecodeLimits {
    /// 64 megapixels: above any phone's or camera's ordinary photo.
    fn default() -> Self {
        Self { megapixels: 64 }
    }
}

/// JPEG scans beyond this many are an attack on the decoder's time, not a photo (libjpeg-turbo's own fuzzers use the
/// same bound).
const MAX_JPEG_SCANS: u32 = 500;

/// Reads a JPEG, PNG, WebP or BMP file, turned upright by its EXIF orientation; transparency is dropped.
///
/// # Errors
/// [`FaceError::NotAnImage`], [`FaceError::UnsupportedFormat`], [`FaceError::TooManyPixels`], [`FaceError::Damaged`].
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, FaceError> {
    Ok(decode_enough(bytes, limits, u64::MAX)?.into_pixels())
}

/// Reads a file as [`decode`] does, where `enough` pixels are all that is wanted of it: a JPEG that has several times as many is decoded to fewer
/// in the first place, in half the time or less.
///
/// # Errors
/// Those of [`decode`].
pub(crate) fn decode_enough(bytes: &[u8], limits: &DecodeLimits, enough: u64) -> Result<Photo, FaceError> {
    let format = image::guess_format(bytes).map_err(|_| unknown(bytes))?;
    let (image, (width, height)) = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, limits, enough)?,
        ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp => decode_other(bytes, format, limits)?,
        _ => return Err(unknown(bytes)),
    };
    let orientation = orientation(bytes);
    let size = if lies(orientation) { (height, width) } else { (width, height) };
    Ok(Photo::new(upright(image, orientation), size))
}

/// A decoded picture, and the width and height that its file says.
type Decoded = (DynamicImage, (u32, u32));

/// Whether a file that begins with `start` (64 bytes are enough) is a picture, of whatever format.
pub fn looks_like_image(start: &[u8]) -> bool {
    image::guess_format(start).is_ok() || matches!(unknown(start), FaceError::UnsupportedFormat { .. })
}

/// Formats that people do send, told apart from plain rubbish so that they are told what to convert.
fn unknown(bytes: &[u8]) -> FaceError {
    let brand = bytes.get(4..12).unwrap_or_default();
    let format = match bytes {
        [b'G', b'I', b'F', b'8', ..] => "GIF",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "TIFF",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [b'<', b's', b'v', b'g', ..] => "SVG",
        _ if brand.starts_with(b"ftyphei") || brand.starts_with(b"ftypmif") => "HEIC",
        _ if brand.starts_with(b"ftypavi") => "AVIF",
        _ => return FaceError::NotAnImage,
    };
    FaceError::UnsupportedFormat { format }
}

fn check_size(width: u32, height: u32, megapixels: u32) -> Result<(), FaceError> {
    if u64::from(width) * u64::from(height) > u64::from(megapixels) * 1_000_000 {
        return Err(FaceError::TooManyPixels { size: format!("{width}×{height} pixels"), limit: megapixels });
    }
    Ok(())
}

/// libjpeg-turbo: the decoder that the models' reference program uses, and the fastest.
fn decode_jpeg(bytes: &[u8], limits: &DecodeLimits, enough: u64) -> Result<Decoded, FaceError> {
    let damaged = |error: turbojpeg::Error| FaceError::Damaged(error.to_string());
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(MAX_JPEG_SCANS)?;
    let header = decompressor.read_header(bytes).map_err(damaged)?;
    let size = (header.width as u32, header.height as u32);
    check_size(size.0, size.1, limits.megapixels)?;
    let reduction = reduction(&header, enough);
    decompressor.set_scaling_factor(reduction)?;
    let header = header.scaled(reduction);

    let is_cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let mut pixels = vec![0; header.width * header.height * format.size()];
    let output = turbojpeg::Image {
        pixels: pixels.as_mut_slice(),
        width: header.width,
        pitch: header.width * format.size(),
        height: header.height,
        format,
    };
    if let Err(error) = decompressor.decompress(bytes, output)
        && !is_harmless(&error)
    {
        return Err(damaged(error));
    }
    if is_cmyk {
        pixels = rgb_from_cmyk(&pixels);
    }
    let decoded = image::RgbImage::from_raw(header.width as u32, header.height as u32, pixels);
    decoded.map(|image| (image.into(), size)).ok_or(FaceError::NotAnImage)
}

/// The smallest size that leaves `enough` pixels. Only halves: what lies between them (5/8, say) takes as long as the whole picture.
fn reduction(header: &DecompressHeader, enough: u64) -> ScalingFactor {
    let leaves_enough = |factor: &ScalingFactor| {
        let reduced = header.scaled(*factor);
        reduced.width as u64 * reduced.height as u64 >= enough
    };
    let smallest = [ScalingFactor::ONE_EIGHTH, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_HALF];
    let can_be_reduced = !header.is_lossless;
    smallest.into_iter().find(|factor| can_be_reduced && leaves_enough(factor)).unwrap_or(ScalingFactor::ONE)
}

/// Rubbish between segments is a warning that every viewer passes over; a file that ends early is not.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    error.to_string().contains("extraneous bytes")
}

/// Adobe's inverted CMYK, the only kind seen in JPEG files.
fn rgb_from_cmyk(cmyk: &[u8]) -> Vec<u8> {
    let scaled = |ink: u8, black: u8| (u16::from(ink) * u16::from(black) / 255) as u8;
    cmyk.chunks_exact(4).flat_map(|p| [scaled(p[0], p[3]), scaled(p[1], p[3]), scaled(p[2], p[3])]).collect()
}

fn decode_other(bytes: &[u8], format: ImageFormat, limits: &DecodeLimits) -> Result<Decoded, FaceError> {
    let failed = |error: image::ImageError| match error {
        // A size that no memory could hold is refused by the decoder itself.
        image::ImageError::Limits(_) => {
            FaceError::TooManyPixels { size: "more pixels than memory".into(), limit: limits.megapixels }
        }
        error => FaceError::Damaged(error.to_string()),
    };
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    // Four bytes a pixel: pictures with 16 bits a channel may have fewer pixels.
    let bytes_per_pixel = u32::from(decoder.color_type().bytes_per_pixel());
    check_size(width, height, limits.megapixels * 4 / bytes_per_pixel.max(4))?;
    Ok((DynamicImage::from_decoder(decoder).map_err(failed)?, (width, height)))
}

/// EXIF orientation 1–8. A photo with none, or with a broken EXIF block, is taken as upright.
fn orientation(bytes: &[u8]) -> Orientation {
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(bytes));
    exif.ok()
        .and_then(|exif| exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0))
        .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether the stored picture lies on its side.
fn lies(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

fn upright(image: DynamicImage, orientation: Orientation) -> RgbImage {
    // Three bytes a pixel first, so that turning the picture needs no more memory than reading it did.
    let mut image = DynamicImage::from(image.into_rgb8());
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    let (width, height) = rgb.dimensions();
    RgbImage::from_decoded(width, height, rgb.into_raw())
}
