//! The fear: an index that a newer program reads otherwise, or not at all. So an index of every format version lies in
//! `indexes/golden`, with the corpus it was made from and everything it says as text, and is read by every program to come.

mod common;

use common::{Nobody, dump, files};
use mispair::formats::npy::write_ids;
use mispair::import::{Corpus, build};
use mispair::index::{Index, MANIFEST};
use mispair::words::SampleId;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("indexes/golden/v1")
}

#[test]
fn version_1_is_read() {
    let index = Index::open(&golden().join("index")).unwrap();
    index.verify().unwrap();
    let said = dump(&index);
    let expected = fs::read_to_string(golden().join("dump.txt")).unwrap();
    for (number, (said, expected)) in (1..).zip(said.lines().zip(expected.lines())) {
        assert_eq!(said, expected, "line {number} of dump.txt");
    }
    assert_eq!(said, expected);
}

#[test]
fn the_corpus_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::read(&golden().join("corpus/corpus.toml")).unwrap();
    build(&corpus, &dir.path().join("index"), false, &Nobody).unwrap();
    let made = files(&dir.path().join("index"));
    let committed = files(&golden().join("index"));
    assert_eq!(made.len(), committed.len());
    let same_program = Index::open(&golden().join("index")).unwrap().built_by == env!("CARGO_PKG_VERSION");
    for ((path, made), committed) in made.iter().zip(committed.values()) {
        // The manifest names the program that wrote it.
        let comparable = same_program || !path.ends_with(MANIFEST);
        assert!(!comparable || made == committed, "{} differs from the committed one", path.display());
    }
}

/// Made the golden files, once. A version that was released is never made again: a new version gets a new folder.
#[test]
#[ignore = "writes into the repository"]
fn make() {
    assert!(!golden().exists(), "{} is there already", golden().display());
    let corpus = golden().join("corpus");
    fs::create_dir_all(&corpus).unwrap();
    let lines = |name: &str, records: &[Value]| {
        fs::write(corpus.join(name), records.iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
    };
    let ids: Vec<Value> = vec![
        json!(1),
        json!(2),
        json!("2"),
        json!("a \"b\""),
        json!("Ж"),
        json!(-5),
        json!(9_007_199_254_740_993i64),
        json!("007"),
    ];
    let captions = [
        "Ada Lane opens the bridge at Lagos on Monday",
        "Two ferries wait in the harbour of Oslo",
        "Ada Lane's brother, Ben Straße, at the bridge",
        "A man walks his dog",
        "Ночь над рекой, два корабля",
        "",
        "An aerial view  of\tthe delta",
        "Ben STRASSE speaks in Berlin",
    ];
    let sample = |i: usize| {
        let mut sample = json!({"id": ids[i], "caption": captions[i], "image_path": format!("./post/images/{:04}.jpg", if i == 6 { 1 } else { i })});
        if i != 4 {
            sample["source"] = json!(["post", "herald"][i % 2]);
        }
        if i != 5 {
            sample["topic"] = json!(["bridges", "ships", "people"][i % 3]);
        }
        sample
    };
    lines("catalog.jsonl", &(0..8).map(sample).collect::<Vec<_>>());
    lines(
        "metadata.jsonl",
        &[
            json!({"id": 1, "timestamp": "2016-05-04T12:30:00.25Z", "partition": "train", "person_boxes": 2, "entities": [
            {"text": "Ada Lane", "label": "PERSON", "link": "Ada Lane (engineer)"}, {"text": "Lagos", "label": "GPE", "link": "Lagos"},
            {"text": "Monday", "label": "DATE"}]}),
            json!({"id": 2, "timestamp": "2013-04-17", "partition": "train", "person_boxes": 0, "entities": [["Two", "CARDINAL"], ["Oslo", "GPE"]]}),
            json!({"id": "2", "timestamp": -86400, "partition": "train", "person_boxes": [1, 2, 3], "pictured": ["Ben Straße", "the mayor"], "entities": [
            {"text": "Ada Lane's", "label": "PERSON"}, {"text": "Ben Straße", "label": "PERSON", "link": "Ben Strasse"}], "links": ["Bridge"]}),
            json!({"id": "a \"b\"", "partition": "test", "generic": true, "entities": []}),
            json!({"id": "Ж", "timestamp": "2013-04-17", "partition": "test", "pictured": []}),
            json!({"id": -5, "partition": "test", "corrupted": true, "entities": [["'s", "PERSON"]]}),
            json!({"id": 9_007_199_254_740_993i64, "timestamp": "2100-02-28T23:59:59+02:00", "partition": "test", "entities": [["Delta", "LOC"]]}),
            json!({"id": "007", "timestamp": "2016-05-05", "partition": "train", "entities": [["Ben  STRASSE’s", "PERSON"], ["Berlin", "GPE"], ["Berlin", "ORG"]]}),
        ],
    );
    // Eighths and sixteenths: exact in every width.
    let vector =
        |i: usize, dim: usize| (0..dim).map(|j| ((i * 31 + j * 7) % 23) as f32 / 8.0 - 1.25).collect::<Vec<f32>>();
    let id = |i: usize| SampleId::from_json(&ids[i].to_string()).unwrap();
    let rows = |dim: usize, of: &[usize]| of.iter().map(|&i| (id(i), vector(i, dim))).collect::<Vec<_>>();
    let pickle = |name: &str, rows: &[(SampleId, Vec<f32>)]| {
        common::pickle(&corpus.join(name), rows.iter().map(|(i, r)| (i.clone(), &r[..])))
    };
    pickle("image.pkl", &rows(3, &[0, 1, 2, 3, 4, 5, 6, 7]));
    pickle("text_train.pkl", &rows(17, &[7, 2, 0]));
    pickle("text_test.pkl", &rows(17, &[6, 4]));
    common::npy(&corpus.join("place.npy"), &rows(16, &[1, 6]).into_iter().map(|r| r.1).collect::<Vec<_>>());
    write_ids(fs::File::create(corpus.join("place_ids.npy")).unwrap(), &[id(1), id(6)]).unwrap();
    common::npy(
        &corpus.join("sound.npy"),
        &(0..8).map(|i| if i == 3 { vec![0.0; 5] } else { vector(i, 5) }).collect::<Vec<_>>(),
    );
    fs::write(corpus.join("corpus.toml"), CORPUS).unwrap();
    build(&Corpus::read(&corpus.join("corpus.toml")).unwrap(), &golden().join("index"), false, &Nobody).unwrap();
    fs::write(golden().join("dump.txt"), dump(&Index::open(&golden().join("index")).unwrap())).unwrap();
}

const CORPUS: &str = r#"# A corpus with one of everything that format version 1 can hold. Made by tests/golden_formats.rs.
[corpus]
name = "golden"
partitions = ["train", "test"]

[catalog]
format = "jsonl"
path = "catalog.jsonl"
metadata = "metadata.jsonl"

[modalities.image] # cosine, f32; every sample
path = "image.pkl"
encoder = "made/up"

[modalities.text] # cosine, f16; one file a partition, rows in any order
path = "text_{partition}.pkl"
dtype = "f16"

[modalities.place] # dot, f32; exactly one block of padding wide, two samples
path = "place.npy"
ids = "place_ids.npy"
metric = "dot"

[modalities.sound] # dot, f16; in catalog order, a zero row
path = "sound.npy"
metric = "dot"
dtype = "f16"
"#;
