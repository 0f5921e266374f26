//! Any bytes as a pickle; every vector is read.
#![no_main]

use mispair::formats::pickle::Dictionary;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    if let Ok(dictionary) = Dictionary::read(file, Path::new("x.pkl")) {
        for (_, array) in &dictionary.entries {
            if let Some(array) = array {
                assert!(array.width() * 2 <= file.len());
                array.row_into(&mut vec![0.0; array.width()]);
            }
        }
    }
});
