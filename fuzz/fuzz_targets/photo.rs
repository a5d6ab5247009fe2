//! An uploaded photo: any bytes give a picture or an error, within the limit of pixels.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = face::DecodeLimits { megapixels: 1 };
    if let Ok(image) = face::decode(bytes, &limits) {
        assert!(u64::from(image.width()) * u64::from(image.height()) <= 1_000_000);
    }
    // As the models are shown it: in full, and reduced where it is more than a thumbnail.
    for enough in [u64::MAX, 4_000] {
        if let Ok(photo) = face::decode_enough(bytes, &limits, enough) {
            assert!(u64::from(photo.width()) * u64::from(photo.height()) <= 1_000_000);
        }
    }
});
