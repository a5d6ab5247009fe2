use turbojpeg::{Compressor, PixelFormat, Subsamp};

use super::{RgbImage, YuvImage};
use crate::FaceError;

/// Encodes camera frames as JPEG, from their planes as they are: no colour conversion; and photos. Kept from frame to frame, so
/// that its buffers are made once.
pub struct JpegEncoder {
    compressor: Compressor,
}

impl JpegEncoder {
    /// `quality` is 1–100, the setting `WS_JPEG_QUALITY`.
    ///
    /// # Errors
    /// [`FaceError::Jpeg`] when the encoder refuses the quality or has no memory.
    pub fn new(quality: u8) -> Result<Self, FaceError> {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(i32::from(quality))?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        Ok(Self { compressor })
    }

    /// The frame as a JPEG file.
    ///
    /// # Errors
    /// [`FaceError::Jpeg`] when the encoder fails: no memory.
    pub fn encode(&mut self, frame: &YuvImage) -> Result<Vec<u8>, FaceError> {
        Ok(self.compressor.compress_yuv_to_vec(turbojpeg::YuvImage {
            pixels: frame.planes(),
            width: frame.width() as usize,
            align: 1,
            height: frame.height() as usize,
            subsamp: Subsamp::Sub2x2,
        })?)
    }

    /// A photo as a JPEG file.
    ///
    /// # Errors
    /// [`FaceError::Jpeg`] when the encoder fails: no memory.
    pub fn encode_rgb(&mut self, image: &RgbImage) -> Result<Vec<u8>, FaceError> {
        Ok(self.compressor.compress_to_vec(turbojpeg::Image {
            pixels: image.pixels(),
            width: image.width() as usize,
            pitch: image.width() as usize * 3,
            height: image.height() as usize,
            format: PixelFormat::RGB,
        })?)
    }
}
