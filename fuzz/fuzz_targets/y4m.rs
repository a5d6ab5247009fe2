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
    // Each third goes by unread.
    for number in 0.. {
        let Ok(true) = reader.begin_frame() else { return };
        let gone_by = if number % 3 == 0 { reader.skip_planes() } else { reader.read_planes(&mut frame) };
        if gone_by.is_err() {
            return;
        }
    }
});
