//! Every input that the fuzzers found worth keeping (contrib/fuzz), through the binary readers once more.

mod fuzzed;

use mispair::formats::npy::{NpyMatrix, read_ids};
use mispair::formats::pickle::Dictionary;
use std::path::Path;

fn replay(folder: &str, mut read: impl FnMut(&[u8], &Path)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_corpus").join(folder);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        read(&std::fs::read(&path).unwrap(), &path);
        count += 1;
    }
    assert!(count > 10, "the corpus is gone");
}

#[test]
fn npy() {
    replay("npy", |file, path| {
        if let Ok(matrix) = NpyMatrix::read(file, path) {
            assert!(matrix.rows() * matrix.cols() <= file.len());
            let mut row = vec![0.0; matrix.cols()];
            (0..matrix.rows()).for_each(|r| matrix.row_into(r, &mut row));
        }
        if let Ok(ids) = read_ids(file, path) {
            assert!(ids.len() <= file.len());
        }
    });
}

#[test]
fn pickle() {
    replay("pickle", |file, path| {
        if let Ok(dictionary) = Dictionary::read(file, path) {
            for array in dictionary.entries.iter().filter_map(|(_, array)| array.as_ref()) {
                array.row_into(&mut vec![0.0; array.width()]);
            }
        }
    });
}

#[test]
fn records() {
    let mut kinds = std::collections::BTreeSet::new();
    replay("records", |input, _| {
        kinds.extend(input.first().map(|first| first % fuzzed::RECORDS));
        fuzzed::records(input);
    });
    assert_eq!(kinds.len(), usize::from(fuzzed::RECORDS), "every reader has its corpus");
}

#[test]
fn settings() {
    replay("settings", |input, _| fuzzed::settings(input));
}

#[test]
fn part() {
    let dir = tempfile::tempdir().unwrap();
    let mut read = std::collections::BTreeSet::new();
    replay("part", |input, _| {
        if fuzzed::part(input, &dir.path().join("part")) {
            read.insert(input[0] % 2);
        }
    });
    assert_eq!(read.len(), 2, "parts as they were made, and sealed anew: a corpus that none reads tests nothing");
}

#[test]
fn parquet() {
    let dir = tempfile::tempdir().unwrap();
    let mut read = 0;
    replay("parquet", |input, _| read += usize::from(fuzzed::parquet(input, &dir.path().join("table.parquet"))));
    assert!(read > 1, "a corpus that none reads tests nothing");
}
