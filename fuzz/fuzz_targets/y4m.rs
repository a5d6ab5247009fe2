//! What comes through the pipe from ffmpeg.
#![no_main]

use camera::Y4mReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Y4mReader::new(bytes);
    let Ok(header) = reader.header() else { return };
    if header.frame_len() > 1 << 20 {
        return;
    }
    let mut frame = vec![0; header.frame_len()];
    while let Ok(true) = reader.read_frame(&mut frame) {}
});
