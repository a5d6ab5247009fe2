use super::error::PickleError;

/// The bytes of a pickle, taken one piece after the other. Nothing is copied.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn broken(&self, problem: impl Into<String>) -> PickleError {
        PickleError::Broken { at: self.at, problem: problem.into() }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or(PickleError::Truncated { at: self.bytes.len() })?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// As many bytes as the little-endian number in the next `N` says.
    pub(super) fn counted<const N: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let count = self.unsigned::<N>()?;
        // What does not fit into memory is not in the file either.
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// A little-endian number of up to eight bytes.
    pub(super) fn unsigned<const N: usize>(&mut self) -> Result<u64, PickleError> {
        Ok(self.array::<N>()?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Up to the next line break, which is passed over.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length = length.ok_or(PickleError::Truncated { at: self.bytes.len() })?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// The next line, which is a number or something else short.
    pub(super) fn word(&mut self) -> Result<&'a str, PickleError> {
        /// More digits than any number that we take has.
        const LONGEST: usize = 400;
        let line = self.line()?;
        let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LONGEST).map(str::trim);
        text.ok_or_else(|| self.broken("a line that is no number"))
    }
}
