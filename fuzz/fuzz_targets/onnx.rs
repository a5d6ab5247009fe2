//! A model file that somebody brings: rewritten or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = models::onnx::make_faster(bytes);
    let _ = models::onnx::free_sizes(bytes);
    let _ = models::onnx::with_own_operators(bytes, 8);
});
