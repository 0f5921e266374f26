//! Any bytes: as a matrix, read row by row, and as ids.
#![no_main]

use mispair::formats::npy::{NpyMatrix, read_ids};
use std::path::Path;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let path = Path::new("x.npy");
    if let Ok(matrix) = NpyMatrix::read(file, path) {
        assert!(matrix.rows() * matrix.cols() <= file.len());
        let mut row = vec![0.0; matrix.cols()];
        (0..matrix.rows()).for_each(|r| matrix.row_into(r, &mut row));
    }
    if let Ok(ids) = read_ids(file, path) {
        assert!(ids.len() <= file.len());
    }
});
