//! From a camera's colours to those of a JPEG, in place: 0.1 ms for a frame of 1280×720, where ffmpeg's scaler takes 1 ms, and 4 for
//! BT.709, which is more than decoding it takes.

use face::YuvImage;

/// In which range a stream has its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// 0–255, as JPEG has them.
    Full,
    /// Luma 16–235, chroma 16–240, as most cameras have them, and those that say nothing.
    #[default]
    Limited,
}

/// How luma and chroma come from red, green and blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Matrix {
    /// BT.601: JPEG, and whoever says nothing.
    #[default]
    Bt601,
    /// BT.709: most cameras of 720 lines and more.
    Bt709,
    /// BT.2020 with constant coefficients.
    Bt2020,
}

/// Shares of red and blue in the luma of BT.601.
const JPEG_SHARES: (f64, f64) = (0.299, 0.114);

/// Pixels of a row that are changed at a time.
const BLOCK: usize = 256;

/// Fractional bits while it is computed: enough for half a level of 255, few enough for 16 bits.
const FRACTION: u32 = 6;

impl Matrix {
    /// What ffmpeg calls it, where it is one that is known here.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "bt470bg" | "smpte170m" | "fcc" | "unknown" => Some(Self::Bt601),
            "bt709" => Some(Self::Bt709),
            "bt2020nc" | "bt2020ncl" => Some(Self::Bt2020),
            _ => None,
        }
    }

    /// The shares of red and blue in the luma (ITU-R BT.601, BT.709, BT.2020).
    fn shares(self) -> (f64, f64) {
        match self {
            Self::Bt601 => JPEG_SHARES,
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// The linear map from a stream's luma and chroma to those of JPEG, in numbers of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToJpeg {
    /// Luma from luma: to be multiplied with it, and to be added.
    luma: (u16, i16),
    /// Luma from the two chromas; then each chroma from the two.
    luma_of_chroma: [i16; 2],
    blue_of_chroma: [i16; 2],
    red_of_chroma: [i16; 2],
}

impl ToJpeg {
    /// `None` where nothing is to be done.
    pub(crate) fn from(range: Range, matrix: Matrix) -> Option<Self> {
        if (range, matrix) == (Range::Full, Matrix::Bt601) {
            return None;
        }
        let (black, luma, chroma) = match range {
            Range::Full => (0.0, 1.0, 1.0),
            Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        };
        let ((red, blue), (jpeg_red, jpeg_blue)) = (matrix.shares(), JPEG_SHARES);
        let (green, jpeg_green) = (1.0 - red - blue, 1.0 - jpeg_red - jpeg_blue);
        // R − Y, B − Y and G − Y by the two chromas, Cb and Cr.
        let (from_cb, from_cr) = ([2.0 * (1.0 - blue), 0.0], [0.0, 2.0 * (1.0 - red)]);
        let to_green = [-blue / green * from_cb[0], -red / green * from_cr[1]];
        let more_luma = [0, 1].map(|c| jpeg_red * from_cr[c] + jpeg_green * to_green[c] + jpeg_blue * from_cb[c]);
        let chroma_of =
            |colour: [f64; 2], share: f64| [0, 1].map(|c| (colour[c] - more_luma[c]) / (2.0 * (1.0 - share)));
        let fixed =
            |factors: [f64; 2]| factors.map(|factor| (factor * chroma * f64::from(1 << (8 + FRACTION))).round() as i16);
        Some(Self {
            // Of a number that is shifted by eight bits the upper half of the product is taken.
            luma: (
                (luma * f64::from(1 << (8 + FRACTION))).round() as u16,
                ((0.5 - black * luma) * f64::from(1 << FRACTION)).round() as i16,
            ),
            luma_of_chroma: fixed(more_luma),
            blue_of_chroma: fixed(chroma_of(from_cb, jpeg_blue)),
            red_of_chroma: fixed(chroma_of(from_cr, jpeg_red)),
        })
    }

    /// Levels of a JPEG's brightness for one of the stream's.
    pub(crate) fn luma_gain(&self) -> f32 {
        f32::from(self.luma.0) / f32::from(1u16 << (8 + FRACTION))
    }

    /// Changes the colours of a picture in place.
    #[cfg_attr(target_arch = "x86_64", allow(unsafe_code))]
    pub fn apply(&self, image: &mut YuvImage) {
        let (width, planes) = (image.width() as usize, image.planes_mut());
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function is compiled for; it is the same as below in all else.
            return unsafe { self.apply_with_avx2(planes, width) };
        }
        self.apply_as_compiled(planes, width);
    }

    /// Four times as fast as with what every x86-64 processor has.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn apply_with_avx2(&self, planes: &mut [u8], width: usize) {
        self.apply_as_compiled(planes, width);
    }

    #[inline(always)]
    fn apply_as_compiled(&self, planes: &mut [u8], width: usize) {
        let (luma, chroma) = planes.split_at_mut(planes.len() / 3 * 2);
        let (blue, red) = chroma.split_at_mut(chroma.len() / 2);
        let rows = blue.chunks_exact_mut(width / 2).zip(red.chunks_exact_mut(width / 2));
        for (two_rows, (blue, red)) in luma.chunks_exact_mut(2 * width).zip(rows) {
            let (upper, lower) = two_rows.split_at_mut(width);
            let luma = upper.chunks_mut(BLOCK).zip(lower.chunks_mut(BLOCK));
            let chroma = blue.chunks_mut(BLOCK / 2).zip(red.chunks_mut(BLOCK / 2));
            for ((upper, lower), (blue, red)) in luma.zip(chroma) {
                let mut more = [0; BLOCK];
                if self.luma_of_chroma != [0, 0] {
                    self.luma_by_chroma(blue, red, &mut more);
                }
                self.change_luma(upper, &more);
                self.change_luma(lower, &more);
                self.change_chroma(blue, red);
            }
        }
    }

    /// What the chroma adds to the luma of a block.
    #[inline(always)]
    fn luma_by_chroma(&self, blue: &[u8], red: &[u8], more: &mut [i16]) {
        for ((two, &blue), &red) in more.chunks_exact_mut(2).zip(blue).zip(red) {
            two.fill(combined(self.luma_of_chroma, blue, red));
        }
    }

    #[inline(always)]
    fn change_luma(&self, row: &mut [u8], more: &[i16]) {
        let (factor, offset) = self.luma;
        for (y, more) in row.iter_mut().zip(more) {
            let scaled = (((u32::from(*y) << 8) * u32::from(factor)) >> 16) as i16;
            *y = level(scaled + offset + more);
        }
    }

    #[inline(always)]
    fn change_chroma(&self, blue: &mut [u8], red: &mut [u8]) {
        const MIDDLE: i16 = (128 << FRACTION) + (1 << (FRACTION - 1));
        for (blue, red) in blue.iter_mut().zip(red) {
            let (b, r) = (*blue, *red);
            *blue = level(combined(self.blue_of_chroma, b, r) + MIDDLE);
            *red = level(combined(self.red_of_chroma, b, r) + MIDDLE);
        }
    }
}

/// The sum of both chromas, each with its factor.
#[inline(always)]
fn combined(factors: [i16; 2], blue: u8, red: u8) -> i16 {
    // 8 bits more than they have, so that the upper half of the product is what is wanted.
    let part = |chroma: u8, factor: i16| ((i32::from((i16::from(chroma) - 128) << 8) * i32::from(factor)) >> 16) as i16;
    part(blue, factors[0]) + part(red, factors[1])
}

#[inline(always)]
fn level(fixed: i16) -> u8 {
    (fixed >> FRACTION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luma and chroma of a colour, each 0–1 around its black or middle, by a matrix.
    fn encoded([r, g, b]: [f64; 3], (red, blue): (f64, f64)) -> [f64; 3] {
        let y = red * r + (1.0 - red - blue) * g + blue * b;
        [y, (b - y) / (2.0 * (1.0 - blue)), (r - y) / (2.0 * (1.0 - red))]
    }

    fn levels([y, cb, cr]: [f64; 3], range: Range) -> [u8; 3] {
        let (black, luma, chroma) = if range == Range::Full { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        [black + luma * y, 128.0 + chroma * cb, 128.0 + chroma * cr].map(|level| level.round().clamp(0.0, 255.0) as u8)
    }

    /// A frame of one colour, 16×2, changed; what its pixels are then.
    fn changed(colour: [u8; 3], range: Range, matrix: Matrix) -> [u8; 3] {
        let [y, cb, cr] = colour;
        let mut image = YuvImage::new(16, 2, [vec![y; 32], vec![cb; 8], vec![cr; 8]].concat()).unwrap();
        if let Some(to_jpeg) = ToJpeg::from(range, matrix) {
            to_jpeg.apply(&mut image);
        }
        assert!(image.luma().iter().all(|&y| y == image.luma()[0]), "a frame of one colour stays one");
        [image.luma()[0], image.chroma_u()[0], image.chroma_v()[0]]
    }

    #[test]
    fn every_colour_comes_out_as_a_jpeg_has_it() {
        let steps = [0.0, 0.2, 0.4, 0.5, 0.7, 0.9, 1.0];
        for range in [Range::Full, Range::Limited] {
            for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                for (r, g, b) in steps.iter().flat_map(|&r| steps.iter().flat_map(move |&g| steps.map(|b| (r, g, b)))) {
                    let is = changed(levels(encoded([r, g, b], matrix.shares()), range), range, matrix);
                    let wanted = levels(encoded([r, g, b], JPEG_SHARES), Range::Full);
                    let off = (0..3).map(|c| is[c].abs_diff(wanted[c])).max();
                    assert!(off <= Some(1), "{range:?} {matrix:?} {:?}: {is:?}, not {wanted:?}", (r, g, b));
                }
            }
        }
    }

    #[test]
    fn what_no_camera_should_send_is_cut_off() {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            assert_eq!(changed([0, 128, 128], Range::Limited, matrix)[0], 0);
            assert_eq!(changed([255, 128, 128], Range::Limited, matrix)[0], 255);
            for (cb, cr) in [(0, 0), (0, 255), (255, 0), (255, 255)] {
                // No number of 16 bits overflows: a debug build would panic.
                changed([255, cb, cr], Range::Limited, matrix);
                changed([0, cb, cr], Range::Limited, matrix);
            }
        }
    }
}
