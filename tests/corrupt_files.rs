//! The fear: an index that a disk, a copy or a stranger has damaged, and that answers all the same; or that ends the
//! process, or reads beyond its files. So every bit of a small index is flipped, every length is cut, files are
//! exchanged, and values that no builder writes are put under checksums that are right.

mod common;

use common::{dump, names, newsy};
use mispair::constraints::{Bound, Split, Subject, builtin_names};
use mispair::dataset::hydrate;
use mispair::formats::{Annotation, AnnotationFile};
use mispair::index::{Index, MANIFEST};
use mispair::matcher::run::{Settings, run as match_all};
use mispair::query::{Plain, Searcher, Wanted, plain};
use mispair::retrieve::Engine;
use mispair::wire::Checksum;
use mispair::words::{Order, Row};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A small index and a copy of it that is damaged and mended in place.
struct Patient {
    dir: TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Patient {
    fn new() -> Patient {
        let dir = tempfile::tempdir().unwrap();
        let mut corpus = newsy(20, 11, &["train", "test"]);
        corpus.modalities.retain(|m| m.name != "sbert-text");
        corpus.modalities.iter_mut().for_each(|m| m.graph = m.metric == "cosine");
        corpus.build(dir.path());
        let mut files: Vec<_> = names(&dir.path().join("index"))
            .into_iter()
            .map(|name| dir.path().join("index").join(name))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        // The manifest last: sealing it needs the others.
        files.sort_by_key(|(path, _)| path.ends_with(MANIFEST));
        Patient { dir, files }
    }
    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }
    /// Writes some bytes over a file.
    fn put(&self, file: usize, at: usize, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(&self.files[file].0).unwrap();
        file.write_all_at(bytes, at as u64).unwrap();
    }
    fn mend(&self) {
        for (path, bytes) in &self.files {
            fs::write(path, bytes).unwrap();
        }
    }
    /// What `mispair verify-index` does: `None` where all is well.
    fn complaint(&self) -> Option<String> {
        match Index::open(&self.index()) {
            Err(e) => Some(e.to_string()),
            Ok(index) => index.verify().err().map(|e| e.to_string()),
        }
    }
}

/// Everything that may be asked of an index, a little of each. Answers do not matter; that it ends does.
fn exercise(index: &Index) {
    black_box(dump(index));
    let catalog = &index.catalog;
    for modality in &index.modalities {
        let query = vec![0.25; modality.matrix.dim()];
        for partition in [None, Some(0), Some(1), Some(9)] {
            for (order, engine) in [(Order::Lowest, Engine::Exact), (Order::Highest, Engine::Graph)] {
                let wanted = Plain {
                    modality: &modality.name,
                    order,
                    k: 3,
                    unique_image: partition.is_none(),
                    partition,
                    engine,
                    ef: Some(5),
                };
                let _ = black_box(plain(index, &query, wanted, Value::Null));
            }
        }
    }
    for name in builtin_names() {
        let mut split = Split::builtin(name).unwrap();
        if split.query == "sbert-text" {
            (split.query, split.search) = ("clip-text".into(), "clip-text".into());
        }
        split.max_image_similarity = Some(0.99);
        let Ok(bound) = Bound::new(index, split) else { continue };
        let searcher = Searcher::new(bound);
        for row in [0, 7, catalog.len().saturating_sub(1), u32::MAX].map(Row) {
            let subject = Subject::of_row(searcher.bound(), row);
            for adversarial in [false, true] {
                let engine = if row.0 == 7 { Engine::Graph } else { Engine::Exact };
                let wanted = Wanted { k: 4, adversarial, unique_image: adversarial, explain: 3, engine, ef: None };
                let _ = black_box(searcher.answer(&subject, catalog.partition(row), wanted, Value::Null));
            }
        }
        for balance in [false, true] {
            let engine = if balance { Engine::Graph } else { Engine::Exact };
            let settings = Settings { chunk_size: balance.then_some(6), seed: 1, balance, engine };
            let _ = black_box(match_all(std::slice::from_ref(searcher.bound()), settings, false, &|_| {}));
        }
    }
    let annotations = catalog
        .rows()
        .take(3)
        .map(|row| {
            let id = catalog.id(row);
            Annotation { image_id: id.clone(), id, similarity_score: 0.0, falsified: true, source_dataset: Some(7) }
        })
        .collect();
    let file = AnnotationFile { annotations, source_datasets: Vec::new() };
    black_box(hydrate(catalog, &file, Path::new("x.json")).collect::<Vec<_>>());
}

#[track_caller]
fn survives(index: &Path, what: &str) {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        if let Ok(index) = Index::open(index) {
            let _ = black_box(index.verify());
            exercise(&index);
        }
    }));
    assert!(ended.is_ok(), "a panic: {what}");
}

/// Flips every `stride`-th bit of every file; says how many flips there were.
fn flip(stride: usize, exercised: usize) -> usize {
    let patient = Patient::new();
    assert_eq!(patient.complaint(), None);
    exercise(&Index::open(&patient.index()).unwrap());
    let mut flips = 0;
    for (file, (path, bytes)) in patient.files.iter().enumerate() {
        for bit in (0..bytes.len() * 8).step_by(stride) {
            let (at, mask) = (bit / 8, 1 << (bit % 8));
            patient.put(file, at, &[bytes[at] ^ mask]);
            let what = || format!("bit {bit} of {}", path.display());
            let complaint = patient.complaint().unwrap_or_else(|| panic!("not noticed: {}", what()));
            assert!(complaint.contains(".mispair"), "{}: no file is named: {complaint}", what());
            if flips % exercised == 0 {
                survives(&patient.index(), &what());
            }
            patient.put(file, at, &[bytes[at]]);
            flips += 1;
        }
    }
    assert_eq!(patient.complaint(), None);
    flips
}

#[test]
fn flipped_bits_are_noticed() {
    // 13 shares no factor with 8: bits of every significance are met.
    assert!(flip(13, 29) > 5_000);
}

#[test]
#[ignore = "minutes: every single bit"]
fn every_flipped_bit_is_noticed() {
    println!("{} flips", flip(1, 1));
}

/// A file's sections as (offset, length), from its table.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let count = u32::from_le_bytes(bytes[24..28].try_into().unwrap()) as usize;
    (0..count).map(|i| 48 + 48 * i).map(|entry| (number(entry + 8), number(entry + 16))).collect()
}

/// Makes every checksum of a file right again, whatever it holds.
fn seal(bytes: &mut [u8]) {
    for (i, (offset, length)) in sections(bytes).into_iter().enumerate() {
        let sum = Checksum::of(&bytes[offset..offset + length]);
        bytes[48 + 48 * i + 24..][..16].copy_from_slice(&sum.0);
    }
    seal_header(bytes);
}

/// That of its header alone.
fn seal_header(bytes: &mut [u8]) {
    let table = 48..48 + 48 * sections(bytes).len();
    let sum = Checksum::of(&[&bytes[..32], &bytes[table]].concat());
    bytes[32..48].copy_from_slice(&sum.0);
}

impl Patient {
    /// Puts a forged file in place, and a manifest that names its checksum.
    fn forge(&self, file: usize, mut forged: Vec<u8>) {
        seal(&mut forged);
        self.replace(file, &forged);
    }

    /// The same of a file whose checksums are as they are.
    fn replace(&self, file: usize, forged: &[u8]) {
        let mut manifest = self.files.last().unwrap().1.clone();
        let (old, new) = (&self.files[file].1[32..48], forged[32..48].to_vec());
        let at = manifest.windows(16).position(|w| w == old).unwrap();
        manifest[at..at + 16].copy_from_slice(&new);
        seal(&mut manifest);
        self.put(file, 0, forged);
        self.put(self.files.len() - 1, 0, &manifest);
    }
}

/// Under right checksums: numbers that lead beyond the file, lists that go back, texts that are no texts.
fn forge(stride: usize) -> usize {
    let patient = Patient::new();
    let mut forged = 0;
    for (file, (path, bytes)) in patient.files.iter().enumerate() {
        if path.ends_with(MANIFEST) {
            continue;
        }
        for (section, (offset, length)) in sections(bytes).into_iter().enumerate() {
            for at in (offset..offset + length).step_by(stride) {
                for value in [0x00, 0x01, 0x7F, 0xFF] {
                    let mut bytes = bytes.clone();
                    // Whole words as well as bytes: 0xFFFFFFFF is "none" in most columns.
                    let end = (at + if forged % 2 == 0 { 1 } else { 4 }).min(offset + length);
                    bytes[at..end].fill(value);
                    patient.forge(file, bytes);
                    survives(
                        &patient.index(),
                        &format!("byte {at} = {value} in section {section} of {}", path.display()),
                    );
                    forged += 1;
                }
            }
        }
    }
    patient.mend();
    assert_eq!(patient.complaint(), None);
    forged
}

#[test]
fn forged_values_break_nothing() {
    assert!(forge(101) > 200);
}

#[test]
#[ignore = "minutes: every byte"]
fn every_forged_byte_breaks_nothing() {
    println!("{} forgeries", forge(1));
}

/// Under right checksums of the headers: sections that lie outside the file, on each other, on the header.
#[test]
fn forged_tables_are_noticed() {
    let patient = Patient::new();
    for (file, (path, bytes)) in patient.files.iter().enumerate() {
        if path.ends_with(MANIFEST) {
            continue;
        }
        let sections = sections(bytes);
        for (section, &(offset, length)) in sections.iter().enumerate() {
            let (offset, length, all) = (offset as u64, length as u64, bytes.len() as u64);
            for (field, right, wrong) in [
                (
                    8,
                    offset,
                    [0, 48, 1, offset + 1, offset.wrapping_sub(64), offset + 64, all, all + 64, 1 << 63, u64::MAX - 63],
                ),
                (
                    16,
                    length,
                    [
                        length + 1,
                        length + 64,
                        all,
                        all - offset + 1,
                        1 << 62,
                        1 << 63,
                        u64::MAX,
                        u64::MAX - offset,
                        u64::MAX - offset + 1,
                        u64::MAX / 2,
                    ],
                ),
            ] {
                for value in wrong.into_iter().filter(|&value| value != right) {
                    let mut forged = bytes.clone();
                    forged[48 + 48 * section + field..][..8].copy_from_slice(&value.to_le_bytes());
                    seal_header(&mut forged);
                    patient.replace(file, &forged);
                    let what = format!("{value} at {field} of section {section} of {}", path.display());
                    survives(&patient.index(), &what);
                    assert!(patient.complaint().is_some(), "{what}");
                }
            }
        }
    }
    patient.mend();
    assert_eq!(patient.complaint(), None);
}

#[test]
fn forgeries_that_verify_must_notice() {
    let patient = Patient::new();
    let catalog = patient.files.iter().position(|(p, _)| p.ends_with("catalog.mispair")).unwrap();
    let bytes = &patient.files[catalog].1;
    let tag = |name: &str| {
        let table = bytes[48..].chunks_exact(48);
        let at = table
            .take(sections(bytes).len())
            .position(|e| e[..8].strip_prefix(name.as_bytes()).is_some_and(|rest| rest.iter().all(|&b| b == 0)));
        sections(bytes)[at.unwrap()]
    };
    // The first number of each column becomes one that cannot stand there.
    for (name, value) in [
        ("id.sort", &9u32.to_le_bytes()[..]),
        ("img.row", &[0xFF, 0xFF, 0xFF, 0x0F]),
        ("src.row", &[0x10, 0, 0, 0]),
        ("part.row", &[5, 0]),
        ("prow.v", &[0xFF; 4]),
        ("time.row", &[0xFF; 4]),
        ("words", &[99, 0]),
        ("flags", &[0x80]),
        ("sign", &[0xAA; 8]),
        ("kind", &[2]),
        ("ment.v", &[0xFF; 4]),
        ("ment.l", &[0x77, 0]),
        ("nrow.v", &[19, 0, 0, 0]),
        ("cap.o", &[1]),
        ("cap.t", &[0xFF]),
    ] {
        let mut bytes = bytes.clone();
        let (offset, length) = tag(name);
        assert!(length >= value.len(), "{name}");
        bytes[offset..offset + value.len()].copy_from_slice(value);
        patient.forge(catalog, bytes);
        let complaint = patient.complaint().unwrap_or_else(|| panic!("not noticed: {name}"));
        assert!(complaint.contains("catalog.mispair: damaged"), "{name}: {complaint}");
        survives(&patient.index(), name);
    }
}

#[test]
fn every_length_is_noticed() {
    let patient = Patient::new();
    for (path, bytes) in &patient.files {
        for length in (0..bytes.len()).rev() {
            OpenOptions::new().write(true).open(path).unwrap().set_len(length as u64).unwrap();
            let complaint = Index::open(&patient.index()).expect_err("cut short, and opened").to_string();
            assert!(complaint.contains(path.file_name().unwrap().to_str().unwrap()), "{complaint}");
        }
        for more in [1, 63, 64, 4096] {
            fs::write(path, [&bytes[..], &vec![0; more]].concat()).unwrap();
            assert!(patient.complaint().unwrap().contains("bytes long, its header says"));
        }
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(patient.complaint(), None);
}

#[test]
fn files_of_another_index_version_or_kind() {
    let patient = Patient::new();
    let other = tempfile::tempdir().unwrap();
    let mut corpus = newsy(20, 12, &["train", "test"]);
    corpus.modalities.retain(|m| m.name != "sbert-text");
    corpus.modalities.iter_mut().for_each(|m| m.graph = m.metric == "cosine");
    corpus.build(other.path());
    for (path, bytes) in &patient.files {
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::copy(other.path().join("index").join(name), path).unwrap();
        let complaint = patient.complaint().unwrap();
        assert!(complaint.contains("another index's file") || complaint.contains("damaged"), "{name}: {complaint}");

        let mut version = bytes.clone();
        version[8] = 2;
        seal(&mut version);
        fs::write(path, version).unwrap();
        let complaint = patient.complaint().unwrap();
        assert!(
            complaint.contains(name) && complaint.contains("format version 2, this program reads 1"),
            "{complaint}"
        );

        fs::write(path, "").unwrap();
        assert!(patient.complaint().unwrap().contains("0 bytes, a header has 48"));
        fs::write(path, "PK\x03\x04 something else altogether, as long as a header").unwrap();
        assert!(patient.complaint().unwrap().contains("not a file of a mispair index"));
        fs::remove_file(path).unwrap();
        let complaint = patient.complaint().unwrap();
        assert!(
            complaint.contains("the file is gone; restore it") || complaint.contains("no index here"),
            "{complaint}"
        );
        fs::create_dir(path).unwrap();
        assert!(patient.complaint().unwrap().contains("not a regular file"));
        fs::remove_dir(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    // A matrix where the catalog should be.
    let named = |name: &str| patient.files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
    let (catalog, matrix) = (named("catalog.mispair"), named("matrix-clip-image.mispair"));
    fs::write(&catalog.0, &matrix.1).unwrap();
    assert!(patient.complaint().unwrap().contains("kind of file 3, expected 2"));
    // Two files of one kind and shape, exchanged.
    for kind in ["matrix", "codes", "graph"] {
        patient.mend();
        let [image, text] = ["image", "text"].map(|of| named(&format!("{kind}-clip-{of}.mispair")));
        fs::write(&image.0, &text.1).unwrap();
        assert!(patient.complaint().is_some(), "{kind}");
    }
}
