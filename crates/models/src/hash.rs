//! sha256 of files, and copying that checks it on the way.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

const BLOCK: usize = 256 * 1024;

/// The sha256 of everything in `file`, in lowercase hexadecimal; `on_bytes` hears how many bytes each step took.
pub(crate) fn of_file(file: &Path, mut on_bytes: impl FnMut(u64)) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let read = read_some(&mut file, &mut block)?;
        if read == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&block[..read]);
        on_bytes(read as u64);
    }
}

/// Whether `file` exists and has this sha256. A file that cannot be read has not.
pub(crate) fn matches(file: &Path, sha256: &str, on_bytes: impl FnMut(u64)) -> bool {
    of_file(file, on_bytes).is_ok_and(|found| found == sha256)
}

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Why a copy failed: which side, or that what came is not what was wanted.
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
    Differs(String),
}

/// Copies a file of `size` bytes and this `sha256`, and never writes more than `size` bytes.
pub(crate) fn copy_checked(
    source: &mut dyn Read,
    target: &mut dyn Write,
    size: u64,
    sha256: &str,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), CopyError> {
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut copied = 0;
    loop {
        let read = read_some(source, &mut block).map_err(CopyError::Read)?;
        if read == 0 {
            break;
        }
        copied += read as u64;
        if copied > size {
            return Err(CopyError::Differs(format!("more than {size} bytes")));
        }
        hash.update(&block[..read]);
        target.write_all(&block[..read]).map_err(CopyError::Write)?;
        on_bytes(read as u64);
    }
    if copied < size {
        return Err(CopyError::Differs(format!("{copied} bytes instead of {size}")));
    }
    let found = hexadecimal(&hash.finalize());
    if found == sha256 { Ok(()) } else { Err(CopyError::Differs(format!("sha256 {found} instead of {sha256}"))) }
}

fn read_some(source: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
