//! Pickles that mean harm: each is refused with a sentence, in little time and memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use moving::FaceDb;
use proptest::prelude::*;

/// Why a pickle is refused; panics when it is not, or takes long.
#[track_caller]
fn refused(pickle: &[u8]) -> String {
    let began = Instant::now();
    let error = FaceDb::read(pickle, 128).unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}: {error}", began.elapsed());
    error
}

#[test]
fn whatever_it_wants_to_run_is_refused_by_its_name() {
    for (pickle, name) in [
        (&b"cos\nsystem\n(S'touch /tmp/x'\ntR."[..], "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
        (b"\x80\x02c__builtin__\nexec\n.", "__builtin__.exec"),
        (b"cposix\nsystem\n.", "posix.system"),
        (b"(ios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"ccopyreg\n_reconstructor\n.", "copyreg._reconstructor"),
    ] {
        assert_eq!(refused(pickle), format!("the file wants to run `{name}`: that is no face database"));
    }
    let long = [b"c".as_slice(), &[b'\x1b'; 10], &b"x".repeat(1_000_000), b"\ny\n."].concat();
    assert!(refused(&long).len() < 200);
}

#[test]
fn a_type_that_may_be_named_cannot_be_called() {
    assert!(refused(b"c__builtin__\nlist\n)R.").contains("in a way that is not known"));
    assert!(refused(b"cnumpy\nndarray\n)R.").contains("in a way that is not known"));
    assert!(refused(b"K\x01)R.").contains("what cannot be called"));
    assert!(refused(b"ccollections\nOrderedDict\n)\x81.").contains("objects of classes"));
    assert!(refused(b"ccollections\nOrderedDict\n)R}b.").contains("without a state"));
}

#[test]
fn a_number_of_any_length_is_refused_before_it_is_read() {
    assert!(refused(b"\x8b\xff\xff\xff\x7f.").contains("a number of 2147483647 bytes"));
    assert!(refused(b"\x8b\xff\xff\xff\xff.").contains("a number of 4294967295 bytes"));
    let digits = [b"L".as_slice(), &b"9".repeat(1_000_000), b"L\n."].concat();
    assert!(refused(&digits).contains("no number"));
}

#[test]
fn a_length_that_is_not_there_is_no_memory() {
    for claim in [
        &b"B\xff\xff\xff\xff"[..],
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"X\xff\xff\xff\x7f",
        b"\x96\0\0\0\0\0\0\0\x80",
    ] {
        assert!(refused(claim).contains("cut off"));
    }
}

#[test]
fn nesting_of_any_depth_takes_no_stack() {
    let nested = [b"]".repeat(1_000_000), b"a".repeat(999_999), b".".to_vec()].concat();
    assert!(refused(&nested).contains("unfolds to more than"));
    let nested = [b"]".repeat(100_000), b"a".repeat(99_999), b".".to_vec()].concat();
    assert_eq!(refused(&nested), "the pickle holds a list, not names with encodings");
    let tuples = [b"N".to_vec(), b"\x85".repeat(100_000), b".".to_vec()].concat();
    assert_eq!(refused(&tuples), "the pickle holds a list, not names with encodings");
    assert!(refused(&b"(".repeat(1_000_000)).contains("cut off"));
}

#[test]
fn what_holds_itself_is_looked_at_once() {
    assert_eq!(refused(b"]q\0h\0a."), "the pickle holds a list, not names with encodings");
    assert_eq!(refused(b"}q\0X\x01\0\0\0ah\0s."), "the pickle holds a dict, not names with encodings");
    assert_eq!(refused(b"]q\0(h\0h\0h\0h\0e."), "the pickle holds a list, not names with encodings");
}

#[test]
fn a_small_file_that_unfolds_to_very_much_is_refused() {
    // Lists of ten times the list before: ten billion in 20 steps, were they copied.
    let mut bomb = b"\x80\x02]q\x00K\x01a0".to_vec();
    for level in 0..20_u8 {
        bomb.extend([b']', b'q', level + 1, b'(']);
        bomb.extend([b'h', level].repeat(10));
        bomb.extend(b"e0");
    }
    bomb.extend(b"h\x14.");
    assert_eq!(refused(&bomb), "the pickle holds a list, not names with encodings");

    // One encoding of one number, listed 60,000 times for each of 60,000 names.
    let mut many = b"\x80\x02]q\x00(G?\xe0\0\0\0\0\0\0e0]q\x01(".to_vec();
    many.extend(b"h\0".repeat(60_000));
    many.extend(b"e0}(");
    many.extend(b"K\x01h\x01".repeat(60_000));
    many.extend(b"u.");
    let began = Instant::now();
    let error = FaceDb::read(&many, 1).unwrap_err().to_string();
    assert!(error.contains("unfolds to more than 200000 encodings"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    // And of one that is none.
    assert!(refused(&many).contains("unfolds to more than"));

    // Bytes of a long text, made again and again.
    let mut bytes = b"c_codecs\nencode\nq\x00X\x00\x00\x10\x00".to_vec();
    bytes.extend(b"a".repeat(0x10_0000));
    bytes.extend(b"\x85q\x010");
    bytes.extend(b"h\x00h\x01R0".repeat(10_000));
    bytes.extend(b".");
    assert!(refused(&bytes).contains("unfolds to more than"));
}

#[test]
fn an_array_that_claims_more_than_it_has_is_refused() {
    let array = |shape: &[u8], content: &[u8]| {
        let start = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01";
        let kind = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R";
        [start.as_slice(), shape, kind, b"\x89", content, b"tb."].concat()
    };
    let eight = b"C\x08\0\0\0\0\0\0\xf0\x3f";
    assert!(refused(&array(b"K\x02\x85", eight)).contains("does not fit its shape"));
    assert!(refused(&array(b"J\xff\xff\xff\xff\x85", eight)).contains("does not fit its shape"));
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    assert!(refused(&array(&[huge.as_slice(), huge, b"\x86"].concat(), eight)).contains("does not fit its shape"));
    // As long as can be, of nothing.
    let error = refused(&array(&[huge.as_slice(), b"K\x00\x86"].concat(), b"C\x00"));
    assert!(error.contains("an array of another shape"), "{error}");
    assert!(refused(&array(b"K\x01\x85", b"N")).contains("does not fit its shape"));
}

#[test]
fn what_is_no_pickle_is_said_to_be_none() {
    assert!(refused(b"").contains("cut off after 0 bytes"));
    assert!(refused(b"{\"obama\": [1]}").contains("no pickle that can be read"));
    assert!(refused(b"\x80\x09.").contains("protocol 9"));
    assert!(refused(b"PK\x03\x04").contains("no pickle"));
    for broken in [
        &b"."[..],
        b"0.",
        b"(.",
        b"1.",
        b"e.",
        b"h\x05.",
        b"K\x01a.",
        b"\x85.",
        b"(K\x01d.",
        b"}(K\x01u.",
        b"S'a\n.",
        b"Ix\n.",
        b"\x93.",
    ] {
        let error = refused(broken);
        assert!(error.contains("no pickle"), "{broken:?}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = FaceDb::read(&bytes, 2);
    }

    /// A real pickle with some of its bytes changed.
    #[test]
    fn a_damaged_pickle_is_read_or_refused(changes in proptest::collection::vec((0..2252_usize, any::<u8>()), 1..6)) {
        let mut bytes = include_bytes!("fixtures/protocol4.pkl").to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if let Ok(db) = FaceDb::read(&bytes, 128) {
            for sheet in db.sheets {
                prop_assert!(sheet.encodings.iter().flatten().all(|number| number.is_finite()));
            }
        }
    }
}
