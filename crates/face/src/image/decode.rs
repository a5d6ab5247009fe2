use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, PixelFormat, ScalingFactor, Subsamp};

use super::{Photo, RgbImage, YuvImage};
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
    match format_of(bytes)? {
        ImageFormat::Jpeg => Jpeg::open(bytes, limits, u64::MAX)?.into_rgb(),
        other => decode_other(bytes, other, limits),
    }
}

/// Reads a file as [`decode`] does, where `enough` pixels are all that is wanted of it: a JPEG that has several times as many is decoded to fewer
/// in the first place, in half the time or less. A JPEG's planes are taken as they are where that can be.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_enough(bytes: &[u8], limits: &DecodeLimits, enough: u64) -> Result<Photo, FaceError> {
    match format_of(bytes)? {
        ImageFormat::Jpeg => Jpeg::open(bytes, limits, enough)?.into_photo(),
        other => {
            let image = decode_other(bytes, other, limits)?;
            let size = (image.width(), image.height());
            Ok(Photo::of_pixels(image, size))
        }
    }
}

/// One of the formats that can be read.
fn format_of(bytes: &[u8]) -> Result<ImageFormat, FaceError> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp)) => Ok(format),
        _ => Err(unknown(bytes)),
    }
}

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

/// A JPEG file whose header was read and is within the limits. libjpeg-turbo: the decoder that the models' reference program uses, and the
/// fastest.
struct Jpeg<'a> {
    bytes: &'a [u8],
    decompressor: Decompressor,
    /// As it is stored.
    whole: DecompressHeader,
    /// What it is decoded to.
    reduced: DecompressHeader,
    share: ScalingFactor,
    orientation: Orientation,
}

impl<'a> Jpeg<'a> {
    fn open(bytes: &'a [u8], limits: &DecodeLimits, enough: u64) -> Result<Self, FaceError> {
        let mut decompressor = Decompressor::new()?;
        decompressor.set_scan_limit(MAX_JPEG_SCANS)?;
        let whole = decompressor.read_header(bytes).map_err(|error| FaceError::Damaged(error.to_string()))?;
        check_size(whole.width as u32, whole.height as u32, limits.megapixels)?;
        let share = reduction(&whole, enough);
        decompressor.set_scaling_factor(share)?;
        let (reduced, orientation) = (whole.scaled(share), orientation(bytes));
        Ok(Self { bytes, decompressor, whole, reduced, share, orientation })
    }

    fn into_photo(self) -> Result<Photo, FaceError> {
        let (width, height) = (self.whole.width as u32, self.whole.height as u32);
        let size = if lies(self.orientation) { (height, width) } else { (width, height) };
        if !self.has_planes() {
            return Ok(Photo::of_pixels(self.into_rgb()?, size));
        }
        let share = self.share.num() as f32 / self.share.denom() as f32;
        Ok(Photo::of_planes(self.into_planes()?, size, share))
    }

    /// Whether it has the planes of a [`YuvImage`], as nearly all photos of phones and cameras have. Sides that do not come out even end with a line that is
    /// made up by the decoder, in part or as a whole: turned, it would be where positions are counted from.
    fn has_planes(&self) -> bool {
        let DecompressHeader { width, height, subsamp, colorspace, .. } = self.whole;
        let comes_out_even = |side: usize| side.is_multiple_of(2 * self.share.denom());
        let can_be_turned = comes_out_even(width) && comes_out_even(height);
        let can_be_turned = can_be_turned || self.orientation == Orientation::NoTransforms;
        colorspace == Colorspace::YCbCr && subsamp == Subsamp::Sub2x2 && can_be_turned
    }

    fn into_planes(mut self) -> Result<YuvImage, FaceError> {
        let DecompressHeader { width, height, subsamp, .. } = self.reduced;
        let (even_width, even_height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        let mut pixels = vec![0; YuvImage::len_for(even_width as u32, even_height as u32)];
        let output = turbojpeg::YuvImage { pixels: pixels.as_mut_slice(), width, align: 1, height, subsamp };
        harmless(self.decompressor.decompress_to_yuv(self.bytes, output))?;
        let image = YuvImage::new(even_width as u32, even_height as u32, pixels).ok_or(FaceError::NotAnImage)?;
        Ok(if self.orientation == Orientation::NoTransforms { image } else { turned(&image, self.orientation) })
    }

    fn into_rgb(mut self) -> Result<RgbImage, FaceError> {
        let DecompressHeader { width, height, colorspace, .. } = self.reduced;
        let is_cmyk = matches!(colorspace, Colorspace::CMYK | Colorspace::YCCK);
        let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
        let pitch = width * format.size();
        let mut pixels = vec![0; pitch * height];
        let output = turbojpeg::Image { pixels: pixels.as_mut_slice(), width, pitch, height, format };
        harmless(self.decompressor.decompress(self.bytes, output))?;
        if is_cmyk {
            pixels = rgb_from_cmyk(&pixels);
        }
        let image = image::RgbImage::from_raw(width as u32, height as u32, pixels).ok_or(FaceError::NotAnImage)?;
        Ok(upright(image.into(), self.orientation))
    }
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
fn harmless(decoded: turbojpeg::Result<()>) -> Result<(), FaceError> {
    match decoded.map_err(|error| error.to_string()) {
        Err(problem) if !problem.contains("extraneous bytes") => Err(FaceError::Damaged(problem)),
        _ => Ok(()),
    }
}

/// Adobe's inverted CMYK, the only kind seen in JPEG files.
fn rgb_from_cmyk(cmyk: &[u8]) -> Vec<u8> {
    let scaled = |ink: u8, black: u8| (u16::from(ink) * u16::from(black) / 255) as u8;
    cmyk.chunks_exact(4).flat_map(|p| [scaled(p[0], p[3]), scaled(p[1], p[3]), scaled(p[2], p[3])]).collect()
}

fn decode_other(bytes: &[u8], format: ImageFormat, limits: &DecodeLimits) -> Result<RgbImage, FaceError> {
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
    Ok(upright(DynamicImage::from_decoder(decoder).map_err(failed)?, orientation(bytes)))
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

/// A picture turned upright, plane by plane.
fn turned(image: &YuvImage, orientation: Orientation) -> YuvImage {
    let (width, height) = (image.width(), image.height());
    let mut planes = Vec::with_capacity(image.planes().len());
    for (plane, step) in [(image.luma(), 1), (image.chroma_u(), 2), (image.chroma_v(), 2)] {
        let plane = image::GrayImage::from_raw(width / step, height / step, plane.to_vec());
        let mut plane = DynamicImage::from(plane.expect("a plane is as long as its sides say"));
        plane.apply_orientation(orientation);
        planes.extend(plane.into_luma8().into_raw());
    }
    let (width, height) = if lies(orientation) { (height, width) } else { (width, height) };
    YuvImage::new(width, height, planes).expect("turning changes no pixels")
}
