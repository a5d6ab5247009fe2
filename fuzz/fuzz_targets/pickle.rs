//! A `face_db.pkl`: read or refused, with encodings of finite numbers only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moving::FaceDb;

fuzz_target!(|bytes: &[u8]| {
    for dim in [2, 128] {
        match FaceDb::read(bytes, dim) {
            Ok(db) => {
                assert!(db.sheets.iter().all(|sheet| !sheet.encodings.is_empty()));
                for encoding in db.sheets.iter().flat_map(|sheet| &sheet.encodings) {
                    assert!(encoding.len() == dim && encoding.iter().all(|number| number.is_finite()));
                }
            }
            Err(error) => assert!(!error.to_string().contains('\n')),
        }
    }
});
