use std::io::{self, BufRead, ErrorKind};

use face::YuvImage;

use crate::colour_space::Range;

/// Longest header and longest `FRAME` line that are read. The format sets no limit; ffmpeg writes less than 100 bytes.
const MAX_LINE: usize = 256;
/// Narrowest and widest side.
const SIDES: std::ops::RangeInclusive<u32> = 16..=16384;
/// Most pixels in a frame: a little over 8K video. Keeps a wrong header from asking for all memory.
const MAX_PIXELS: u64 = 64 << 20;

/// What is wrong with a YUV4MPEG2 stream.
#[derive(Debug, thiserror::Error)]
pub enum Y4mError {
    /// Nothing came at all.
    #[error("the stream is empty")]
    Empty,
    /// The stream ended inside of a header or a frame.
    #[error("the stream ended in the middle of a {0}")]
    Truncated(&'static str),
    /// It starts with something else, or a line does not end.
    #[error("this is not a YUV4MPEG2 stream: bad {0} line")]
    BadLine(&'static str),
    /// A field of the header cannot be read.
    #[error("bad field {0:?} in the YUV4MPEG2 header")]
    BadField(String),
    /// Too small, too large, or odd.
    #[error(
        "frames of {width}×{height} cannot be used: sides must be even, 16 to 16384, and at most 64 megapixels together"
    )]
    BadSize {
        /// Width, 0 if it is missing.
        width: u32,
        /// Height, 0 if it is missing.
        height: u32,
    },
    /// Not 4:2:0 with 8 bits.
    #[error("the colour space {0:?} is not 4:2:0 with 8 bits")]
    BadColourSpace(String),
    /// Reading failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

/// The first line of a YUV4MPEG2 stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Y4mHeader {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames a second, where the stream states a usable number.
    pub fps: Option<f64>,
    /// In which range the numbers are; limited where the stream does not say.
    pub range: Range,
}

impl Y4mHeader {
    /// Reads the line, without its line feed. Strict: a field that is unknown or does not parse is an error.
    pub fn parse(line: &[u8]) -> Result<Self, Y4mError> {
        let line = std::str::from_utf8(line).map_err(|_| Y4mError::BadLine("header"))?;
        let mut fields = line.split(' ');
        if fields.next() != Some("YUV4MPEG2") {
            return Err(Y4mError::BadLine("header"));
        }
        let mut header = Self { width: 0, height: 0, fps: None, range: Range::default() };
        for field in fields.filter(|field| !field.is_empty()) {
            header.read_field(field)?;
        }
        header.checked()
    }

    fn read_field(&mut self, field: &str) -> Result<(), Y4mError> {
        let bad = || Y4mError::BadField(field.to_owned());
        let (tag, value) = field.split_at_checked(1).ok_or_else(bad)?;
        match tag {
            "W" => self.width = value.parse().map_err(|_| bad())?,
            "H" => self.height = value.parse().map_err(|_| bad())?,
            "F" => self.fps = rate(ratio(value).ok_or_else(bad)?),
            "A" if ratio(value).is_some() => {}
            "I" if matches!(value, "p" | "t" | "b" | "m" | "?") => {}
            "C" if matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {}
            "C" => return Err(Y4mError::BadColourSpace(value.to_owned())),
            "X" if value == "COLORRANGE=FULL" => self.range = Range::Full,
            "X" => {}
            _ => return Err(bad()),
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, Y4mError> {
        let Self { width, height, .. } = self;
        let side = |side: u32| SIDES.contains(&side) && side.is_multiple_of(2);
        let fits = side(width) && side(height) && u64::from(width) * u64::from(height) <= MAX_PIXELS;
        if fits { Ok(self) } else { Err(Y4mError::BadSize { width, height }) }
    }

    /// Bytes of one frame.
    pub fn frame_len(&self) -> usize {
        YuvImage::len_for(self.width, self.height)
    }
}

fn ratio(value: &str) -> Option<(u32, u32)> {
    let (numerator, denominator) = value.split_once(':')?;
    Some((numerator.parse().ok()?, denominator.parse().ok()?))
}

/// `0:0` means unknown, and a time base written as a rate (`F90000:1`) says nothing either.
fn rate((frames, seconds): (u32, u32)) -> Option<f64> {
    let fps = f64::from(frames) / f64::from(seconds);
    (fps > 0.0 && fps <= 1000.0).then_some(fps)
}

/// Reads a YUV4MPEG2 stream, as ffmpeg writes it. Whatever comes in, it neither panics nor asks for more than
/// one frame of memory.
#[derive(Debug)]
pub struct Y4mReader<R> {
    reader: R,
    header: Option<Y4mHeader>,
    /// The line that was read last, without its line feed.
    line: Vec<u8>,
}

impl<R: BufRead> Y4mReader<R> {
    /// Reads nothing yet.
    pub fn new(reader: R) -> Self {
        Self { reader, header: None, line: Vec::new() }
    }

    /// The stream's header; waits for it the first time.
    pub fn header(&mut self) -> Result<Y4mHeader, Y4mError> {
        if let Some(header) = self.header {
            return Ok(header);
        }
        if !self.read_line("header")? {
            return Err(Y4mError::Empty);
        }
        let header = Y4mHeader::parse(&self.line)?;
        self.header = Some(header);
        Ok(header)
    }

    /// The header if it was read already.
    pub fn known_header(&self) -> Option<Y4mHeader> {
        self.header
    }

    /// Waits for the next frame to begin. `false` at the end of the stream. What follows is to be [read](Self::read_planes) or
    /// [skipped](Self::skip_planes).
    pub fn begin_frame(&mut self) -> Result<bool, Y4mError> {
        self.header()?;
        if !self.read_line("FRAME")? {
            return Ok(false);
        }
        if self.line != b"FRAME" && !self.line.starts_with(b"FRAME ") {
            return Err(Y4mError::BadLine("FRAME"));
        }
        Ok(true)
    }

    /// Reads the frame that has begun into `planes`, which must be [`Y4mHeader::frame_len`] long: Y, U, V, tightly packed.
    pub fn read_planes(&mut self, planes: &mut [u8]) -> Result<(), Y4mError> {
        self.reader.read_exact(planes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Y4mError::Truncated("frame"),
            _ => Y4mError::Io(error),
        })
    }

    /// Lets the frame that has begun go by. It comes no further than the reader's own buffer.
    pub fn skip_planes(&mut self) -> Result<(), Y4mError> {
        let mut left = self.header()?.frame_len();
        while left > 0 {
            let here = match self.reader.fill_buf() {
                Ok(here) => here.len().min(left),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if here == 0 {
                return Err(Y4mError::Truncated("frame"));
            }
            self.reader.consume(here);
            left -= here;
        }
        Ok(())
    }

    /// Reads the next line; `false` at the end of the stream.
    fn read_line(&mut self, what: &'static str) -> Result<bool, Y4mError> {
        self.line.clear();
        io::Read::take(&mut self.reader, MAX_LINE as u64).read_until(b'\n', &mut self.line)?;
        match self.line.pop() {
            None => Ok(false),
            Some(b'\n') => Ok(true),
            Some(_) if self.line.len() + 1 == MAX_LINE => Err(Y4mError::BadLine(what)),
            Some(_) => Err(Y4mError::Truncated(what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Y4mHeader, Y4mError> {
        Y4mHeader::parse(line.as_bytes())
    }

    #[test]
    fn the_header_that_ffmpeg_writes_is_understood() {
        let header = parse("YUV4MPEG2 W640 H480 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL").unwrap();
        assert_eq!((header.width, header.height, header.frame_len()), (640, 480, 460_800));
        assert!((header.fps.unwrap() - 29.97).abs() < 0.01);
    }

    #[test]
    fn a_rate_that_means_nothing_is_no_rate() {
        for rate in ["F0:0", "F25:0", "F0:1", "F90000:1"] {
            assert_eq!(parse(&format!("YUV4MPEG2 W64 H48 {rate}")).unwrap().fps, None, "{rate}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_used_are_refused_before_memory_is_asked_for() {
        for size in ["W0 H0", "W64", "W641 H480", "W640 H481", "W8 H480", "W16386 H16", "W16384 H16384"] {
            let error = parse(&format!("YUV4MPEG2 {size}")).unwrap_err();
            assert!(matches!(error, Y4mError::BadSize { .. }), "{size}: {error}");
        }
        assert!(parse("YUV4MPEG2 W7680 H4320").is_ok());
    }

    #[test]
    fn other_colours_than_ours_are_refused() {
        assert!(matches!(parse("YUV4MPEG2 W64 H48 C444"), Err(Y4mError::BadColourSpace(_))));
        assert!(matches!(parse("YUV4MPEG2 W64 H48 C420p10"), Err(Y4mError::BadColourSpace(_))));
    }

    #[test]
    fn numbers_are_limited_unless_the_stream_says_otherwise() {
        let range = |more: &str| parse(&format!("YUV4MPEG2 W64 H48 {more}")).unwrap().range;
        assert_eq!(range("C420mpeg2"), Range::Limited);
        assert_eq!(range("XCOLORRANGE=LIMITED"), Range::Limited);
        assert_eq!(range("C420jpeg XCOLORRANGE=FULL"), Range::Full);
    }

    #[test]
    fn a_line_that_does_not_end_is_not_read_to_its_end() {
        let endless = BufReader::new(io::repeat(b'Y'));
        assert!(matches!(Y4mReader::new(endless).header(), Err(Y4mError::BadLine("header"))));
    }

    #[test]
    fn a_stream_that_stops_in_a_frame_is_not_an_end() {
        let mut stream = b"YUV4MPEG2 W16 H16\nFRAME\n".to_vec();
        stream.extend([7; 100]);
        let mut reader = Y4mReader::new(&stream[..]);
        assert!(reader.begin_frame().unwrap());
        assert!(matches!(reader.read_planes(&mut [0; 384]), Err(Y4mError::Truncated("frame"))));
        let mut reader = Y4mReader::new(&stream[..]);
        assert!(reader.begin_frame().unwrap());
        assert!(matches!(reader.skip_planes(), Err(Y4mError::Truncated("frame"))));
        assert!(matches!(Y4mReader::new(&stream[..9]).header(), Err(Y4mError::Truncated("header"))));
        assert!(matches!(Y4mReader::new(&stream[..0]).header(), Err(Y4mError::Empty)));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_however_the_pipe_cuts_it(
            (width, height) in (8u32..40, 8u32..40).prop_map(|(w, h)| (2 * w, 2 * h)),
            fps in 1u32..240,
            frames in prop::collection::vec((any::<u8>(), any::<bool>()), 0..6),
            parameters in "( I[a-z]{3}| X[A-Z]{1,20}){0,2}",
            capacity in 1usize..300,
        ) {
            let len = YuvImage::len_for(width, height);
            let picture = |seed: u8| (0..len).map(|i| (i as u8).wrapping_mul(seed).wrapping_add(seed)).collect::<Vec<u8>>();
            let mut stream = format!("YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n").into_bytes();
            for &(seed, _) in &frames {
                stream.extend(format!("FRAME{parameters}\n").bytes());
                stream.extend(picture(seed));
            }
            let mut reader = Y4mReader::new(BufReader::with_capacity(capacity, &stream[..]));
            prop_assert_eq!(reader.header().unwrap(), Y4mHeader { width, height, fps: Some(f64::from(fps)), range: Range::Limited });
            let mut planes = vec![0; len];
            for &(seed, is_wanted) in &frames {
                prop_assert!(reader.begin_frame().unwrap());
                if is_wanted {
                    reader.read_planes(&mut planes).unwrap();
                    prop_assert_eq!(&planes, &picture(seed));
                } else {
                    reader.skip_planes().unwrap();
                }
            }
            prop_assert!(!reader.begin_frame().unwrap());
        }

        #[test]
        fn no_header_line_makes_it_panic(line in "(YUV4MPEG2)?( [WHFIACX]?[0-9a-zé:?=]{0,12}){0,8}") {
            let _ = parse(&line);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), valid_header in any::<bool>(), skips in any::<bool>()) {
            let mut stream = if valid_header { b"YUV4MPEG2 W16 H16\n".to_vec() } else { Vec::new() };
            stream.extend(bytes);
            let mut reader = Y4mReader::new(&stream[..]);
            if let Ok(header) = reader.header() {
                let mut planes = vec![0; header.frame_len()];
                while let Ok(true) = reader.begin_frame() {
                    let gone_by = if skips { reader.skip_planes() } else { reader.read_planes(&mut planes) };
                    if gone_by.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
