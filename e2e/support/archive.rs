use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;

/// A ZIP with these entries; a name that ends with `/` is a folder.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    written(entries, SimpleFileOptions::default())
}

/// The same, with a password.
pub fn encrypted_archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    written(entries, SimpleFileOptions::default().with_deprecated_encryption(b"secret").expect("a password"))
}

fn written(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        if name.ends_with('/') {
            writer.add_directory_from_path(*name, options).expect("a folder");
        } else {
            writer.start_file(*name, options).expect("an entry");
            writer.write_all(content).expect("room in memory");
        }
    }
    writer.finish().expect("a ZIP").into_inner()
}
