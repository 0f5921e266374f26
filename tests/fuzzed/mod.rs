//! What a fuzzer and the replay of its corpus both do: any bytes, through every reader of a kind. The first byte chooses the
//! reader. Nothing may panic, and nothing may be larger than what it was read from.
#![allow(dead_code, reason = "each fuzz target takes one of them")]

#[path = "../../contrib/fuzz/targets/seal.rs"]
mod seal;

use mispair::constraints::Split;
use mispair::daemon::Config;
use mispair::dataset::Part;
use mispair::formats::parquet::{ListColumn, ParquetError, read_parquet};
use mispair::formats::{
    CcnEntry, Columns, PairColumns, RecordError, captioned_facts, facts_from_json, read_annotations, read_ccn_direct,
    read_ccn_index, read_ccn_inverse, read_checks, read_columns, read_csv, read_evidence, read_jsonl, read_labelled,
    read_metadata, read_vectors, read_visual_news,
};
use mispair::words::{Sample, SampleId};
use std::path::Path;

/// How many kinds of records there are.
pub const RECORDS: u8 = 13;

/// Where bytes are sent as the body of a request, and as what; without a kind they are the rest of the path.
pub const ROUTES: [(&str, &str); 8] = [
    ("/v1/query", "application/json"),
    ("/v1/query:batch", "application/json"),
    ("/v1/query:batch", "application/x-ndjson"),
    ("/v1/explain", "application/json"),
    ("/v1/match", "application/json"),
    ("/v1/vectors:search", "application/json"),
    ("/v1/verify", "application/json"),
    ("/?", ""),
];

/// Catalogs, metadata, evidence, annotations, pairs, facts, plain vectors.
pub fn records(input: &[u8]) {
    let Some((&which, file)) = input.split_first() else { return };
    let path = Path::new(if which & 0x80 == 0 { "x.csv" } else { "x.tsv" });
    let mut seen = 0u64;
    let mut sample = |_: Sample| -> Result<(), RecordError> {
        seen += 1;
        Ok(())
    };
    match which % RECORDS {
        0 => drop(read_visual_news(file, path, &mut sample)),
        1 => drop(read_jsonl(file, path, &Columns::default(), &mut sample)),
        2 => drop(read_csv(file, path, &Columns::default(), &mut sample)),
        3 => drop(read_metadata(file, path, &Columns::default(), |_, _| -> Result<(), RecordError> {
            seen += 1;
            Ok(())
        })),
        4 => drop(read_evidence(file, path)),
        5 => drop(read_checks(file, path)),
        6 => {
            if let Ok(Some(entries)) = read_ccn_index(file, path) {
                assert!(entries.len() <= file.len());
            }
        }
        7 => drop(read_ccn_direct(file, path, &entry(), |_| None)),
        8 => drop(read_ccn_inverse(file, path, &entry())),
        9 => {
            if let Ok(read) = read_annotations(file, path) {
                assert!(read.annotations.len() <= file.len());
            }
        }
        10 => drop(read_labelled(file, path, &PairColumns::default(), |_| -> Result<(), RecordError> {
            seen += 1;
            Ok(())
        })),
        11 => drop(read_columns(file, path, "id", &["label"])),
        _ => {
            if let Ok(object) = serde_json::from_slice(file) {
                let _ = (facts_from_json(&object), captioned_facts(&object));
            }
            for name in ["x.fvecs", "x.fbin", "x.npy"] {
                if let Ok(vectors) = read_vectors(file, Path::new(name)) {
                    assert!(vectors.rows().saturating_mul(vectors.width()) <= file.len());
                    let mut row = vec![0.0; vectors.width()];
                    (0..vectors.rows()).for_each(|r| vectors.row_into(r, &mut row));
                }
            }
        }
    }
    assert!(seen <= file.len() as u64);
}

fn entry() -> CcnEntry {
    CcnEntry { key: "1".into(), image_id: SampleId::Int(9), text_id: SampleId::Text("4".into()) }
}

/// Split files, and the daemon's configuration.
pub fn settings(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(split) = Split::parse("x.toml", text) {
        assert!(!split.name.is_empty() && split.asked().count() <= 14);
    }
    let _ = Config::parse(Path::new("x.toml"), text);
}

/// Parts, read from `at`. Where the first byte is odd, checksums are made right again, so that a fuzzer gets beyond them. Was it
/// read as a part?
pub fn part(input: &[u8], at: &Path) -> bool {
    let Some((&sealed, bytes)) = input.split_first() else { return false };
    let mut bytes = bytes.to_vec();
    if sealed % 2 == 1 {
        seal::seal(&mut bytes);
    }
    if std::fs::write(at, bytes).is_err() {
        return false;
    }
    let Ok(part) = Part::read(at) else { return false };
    let held: usize = part.found.iter().map(|f| f.pairs.len() + f.swaps.len()).sum();
    assert!(held <= input.len() && part.number < part.of);
    let _ = Part::look(at, &part.terms, part.number);
    true
}

/// Tables, read from `at`: as a catalog, as a column of vectors and its ids. Was it read as either?
pub fn parquet(input: &[u8], at: &Path) -> bool {
    if std::fs::write(at, input).is_err() {
        return false;
    }
    let catalog = read_parquet(at, &Columns::default(), true, |_| Ok::<(), RecordError>(()));
    let lists = ListColumn::find(at, None).and_then(|column| {
        let _ = column.ids(None);
        column.read(|_| Ok::<(), ParquetError>(()))
    });
    catalog.is_ok() || lists.is_ok()
}
