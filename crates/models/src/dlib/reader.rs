//! dlib's serialisation of plain values, as `dlib/serialize.h`, `float_details.h` and `tensor.h` write them.

use super::not_dlib;
use crate::error::ModelsError;

/// Names of layers are shorter than this.
const LONGEST_TEXT: usize = 64;

/// The bytes of a file that were not read yet. Nothing is allocated for more values than there are bytes left.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// A block of numbers in four dimensions: samples, channels, rows, columns.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) values: Vec<f32>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelsError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| not_dlib("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ModelsError> {
        Ok(self.take(1)?[0])
    }

    /// A whole number: a byte with the sign (its highest bit) and the count of bytes that follow (its lowest four), then the
    /// absolute value, its lowest byte first.
    pub(super) fn integer(&mut self) -> Result<i64, ModelsError> {
        let control = self.byte()?;
        let count = usize::from(control & 0x0f);
        if control & 0x70 != 0 || !(1..=8).contains(&count) {
            return Err(not_dlib("a number in it is malformed"));
        }
        let bytes = self.take(count)?;
        let value = bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let value = i64::try_from(value).map_err(|_| not_dlib("a number in it is too large"))?;
        Ok(if control & 0x80 == 0 { value } else { -value })
    }

    /// A whole number from 0 to `most`.
    pub(super) fn size(&mut self, most: usize) -> Result<usize, ModelsError> {
        let value = self.integer()?;
        let size = usize::try_from(value).ok().filter(|size| *size <= most);
        size.ok_or_else(|| not_dlib(format!("it has a size of {value}, and at most {most} can be")))
    }

    /// How many values follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, ModelsError> {
        self.size(self.rest.len())
    }

    /// A version, which has to be this one.
    pub(super) fn version(&mut self, of: &str, known: i64) -> Result<(), ModelsError> {
        match self.integer()? {
            found if found == known => Ok(()),
            found => Err(not_dlib(format!("its {of} has version {found}, and {known} is known"))),
        }
    }

    /// A number with a fraction: mantissa and exponent of two, as whole numbers. Infinite ones and NaN, which have exponents of their own,
    /// are in no model.
    pub(super) fn float(&mut self) -> Result<f64, ModelsError> {
        let (mantissa, exponent) = (self.integer()?, self.integer()?);
        let exponent = i32::try_from(exponent).ok().filter(|exponent| exponent.unsigned_abs() < 1024);
        let value = exponent.map(|exponent| mantissa as f64 * f64::from(exponent).exp2());
        value.filter(|value| value.is_finite()).ok_or_else(|| not_dlib("it has a number that is none"))
    }

    /// As [`float`](Self::float), in the precision that models have.
    pub(super) fn float32(&mut self) -> Result<f32, ModelsError> {
        let value = self.float()? as f32;
        if value.is_finite() { Ok(value) } else { Err(not_dlib("it has a number that is too large")) }
    }

    /// Yes or no, as the digit 1 or 0.
    pub(super) fn flag(&mut self) -> Result<bool, ModelsError> {
        match self.byte()? {
            b'0' => Ok(false),
            b'1' => Ok(true),
            _ => Err(not_dlib("a yes or no in it is neither")),
        }
    }

    /// A short text: its length, then its bytes.
    pub(super) fn text(&mut self) -> Result<&'a str, ModelsError> {
        let length = self.size(LONGEST_TEXT)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| not_dlib("a name in it is no text"))
    }

    /// Values with their dimensions: numbers in four bytes each, the lowest first.
    pub(super) fn tensor(&mut self) -> Result<Tensor, ModelsError> {
        self.version("tensor", 2)?;
        let dims = self.dims()?;
        let count = product(dims).filter(|count| *count <= self.rest.len() / 4);
        let count = count.ok_or_else(|| not_dlib("a tensor in it is larger than the file"))?;
        let (numbers, _) = self.take(count * 4)?.as_chunks::<4>();
        let values: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(Tensor { values })
        } else {
            Err(not_dlib("a tensor in it holds numbers that are none"))
        }
    }

    /// The dimensions of a part of a layer's parameters.
    pub(super) fn part(&mut self) -> Result<[usize; 4], ModelsError> {
        self.version("part of a tensor", 1)?;
        self.dims()
    }

    fn dims(&mut self) -> Result<[usize; 4], ModelsError> {
        let mut dims = [0; 4];
        for dim in &mut dims {
            *dim = self.size(i32::MAX as usize)?;
        }
        Ok(dims)
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), ModelsError> {
        if self.rest.is_empty() { Ok(()) } else { Err(not_dlib(format!("{} bytes are left over", self.rest.len()))) }
    }
}

/// How many values a tensor of these dimensions has, if that can be counted.
pub(super) fn product(dims: [usize; 4]) -> Option<usize> {
    dims.into_iter().try_fold(1_usize, usize::checked_mul)
}
