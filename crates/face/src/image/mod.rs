//! Pictures that the models can look at: photos (RGB) and camera frames (planes), read from files and sampled
//! straight into a model's input.

mod blur;
mod decode;
mod jpeg;
mod lift;
mod photo;
mod rgb;
mod sample;
mod yuv;

use models::Input;

pub use decode::{DecodeLimits, decode, decode_enough, looks_like_image};
pub use jpeg::JpegEncoder;
pub use photo::Photo;
pub use rgb::RgbImage;
pub(crate) use sample::channel_count;
pub use yuv::YuvImage;

use crate::geometry::{Point, Similarity};

/// A part of a picture in whole pixels, inside it and not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

/// What a model can be fed from. Sampling is bilinear between pixel centres without smoothing, as OpenCV's
/// `INTER_LINEAR`: the models were measured that way.
pub trait Picture: Sync {
    /// Width in pixels.
    fn width(&self) -> u32;
    /// Height in pixels.
    fn height(&self) -> u32;

    /// Stretches `area` to the input's size and writes its channels as planes of `(value − mean) × scale`, where
    /// values are 0–255. `out` gets exactly `channels × height × width` numbers.
    fn resize_into(&self, area: Area, input: &Input, out: &mut Vec<f32>);

    /// Fills the input's pixels from where `chip_to_picture` maps them; outside the picture is black.
    fn warp_into(&self, chip_to_picture: &Similarity, input: &Input, out: &mut Vec<f32>);

    /// The picture multiplied up to an ordinary brightness, where it is too dark for the models; `None` for any other, which is
    /// to be used as it is. The copy costs about as much as reading the picture twice.
    fn brightened_if_dark(&self) -> Option<Box<dyn Picture>>;

    /// The picture smoothed, where it is too noisy for the detector; `None` for any other. Only for finding faces: landmarks
    /// and embedding lose by it.
    fn smoothed_if_noisy(&self) -> Option<Box<dyn Picture>>;

    /// Red, green and blue of the pixel in this column and row, which are inside the picture.
    fn pixel(&self, x: u32, y: u32) -> [u8; 3];

    /// The whole picture.
    fn whole(&self) -> Area {
        Area { left: 0, top: 0, width: self.width(), height: self.height() }
    }
}

impl<T: sample::Texels + lift::Lift + 'static> Picture for T {
    fn width(&self) -> u32 {
        sample::Texels::size(self).0
    }

    fn height(&self) -> u32 {
        sample::Texels::size(self).1
    }

    fn resize_into(&self, area: Area, input: &Input, out: &mut Vec<f32>) {
        sample::resize(self, area, input, out);
    }

    fn warp_into(&self, chip_to_picture: &Similarity, input: &Input, out: &mut Vec<f32>) {
        sample::warp(self, chip_to_picture, input, out);
    }

    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let mut colours = [[0.0]; 3];
        self.rgb_at(&[Point { x: x as f32, y: y as f32 }], colours.each_mut().map(|colour| &mut colour[..]));
        // The cast rounds down and keeps to 0–255.
        colours.map(|[value]| (value + 0.5) as u8)
    }

    fn brightened_if_dark(&self) -> Option<Box<dyn Picture>> {
        Some(Box::new(self.times(lift::gain(self)?)))
    }

    fn smoothed_if_noisy(&self) -> Option<Box<dyn Picture>> {
        lift::is_noisy(self).then(|| Box::new(self.smoothed()) as Box<dyn Picture>)
    }
}
