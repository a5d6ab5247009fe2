//! A model file of dlib: converted, read, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = models::dlib::to_onnx(bytes);
    let _ = models::dlib::ShapePredictor::parse(bytes);
});
