//! The fear: vectors of the right shape beside the wrong captions. So indexes are built from every format that catalogs and
//! matrices come in (fixtures that numpy, pandas and pyarrow wrote), and exported back; each must hold the same rows under the
//! same ids as the one built from plain files.

mod common;

use common::{Run, command, names, npy_rows, run_command};
use mispair::constraints::{Bound, Rule, Split};
use mispair::formats::npy::read_ids;
use mispair::formats::parquet::{ListColumn, ParquetError};
use mispair::index::Index;
use mispair::words::Row;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).to_str().unwrap().to_owned()
}

fn desk() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    (dir, path)
}

fn mispair(dir: &Path, args: &[&str]) -> Run {
    run_command(command().current_dir(dir).args(args))
}

/// A catalog of these ids, with one modality that is read as `settings` say.
fn build(dir: &Path, ids: std::ops::Range<u32>, settings: &str) -> Run {
    let lines = ids.map(|i| format!("{{\"id\": {i}, \"caption\": \"caption {i}\", \"image_path\": \"{i}.jpg\"}}\n"));
    fs::write(dir.join("c.jsonl"), lines.collect::<String>()).unwrap();
    let toml = format!(
        "[corpus]\nname = \"a\"\n[catalog]\nformat = \"jsonl\"\npath = \"c.jsonl\"\n[modalities.m]\nmetric = \"dot\"\n{settings}\n"
    );
    fs::write(dir.join("corpus.toml"), toml).unwrap();
    mispair(dir, &["build", "-q", "corpus.toml", "--out", "index", "--force"])
}

/// The first number of every row, by id.
fn firsts(dir: &Path) -> Vec<(String, f32)> {
    let index = Index::open(&dir.join("index")).unwrap();
    let m = index.matrix("m").unwrap();
    let first = |row: Row| Some((index.catalog.id_json(row).to_string(), m.vector(m.find(row)?)[0]));
    index.catalog.rows().filter_map(first).collect()
}

#[test]
fn columns_of_vectors() {
    let (_dir, at) = desk();
    for kind in ["f16_list", "f32_fixed", "f64_list"] {
        build(&at, 1000..1300, &format!("path = {:?}", fixture(&format!("tables/lists_{kind}.parquet")))).ok();
        let got = firsts(&at);
        assert_eq!((got.len(), &got[7], &got[299]), (300, &("1007".into(), 7.0), &("1299".into(), 299.0)));
        assert_eq!(names(&at), ["c.jsonl", "corpus.toml", "index"]);
        assert!(names(&at.join("index")).iter().all(|n| n.ends_with(".mispair")), "what was unpacked is gone");
    }
    let holes = format!("path = {:?}", fixture("tables/lists_holes.parquet"));
    build(&at, 0..6, &holes).ok();
    let want: Vec<(String, f32)> = [0, 2, 4, 5].map(|i| (i.to_string(), i as f32)).to_vec();
    assert_eq!(firsts(&at), want, "a cell without a vector moves no other");
    build(&at, 0..5, &holes).fails(1, &["lists_holes.parquet", "6 rows for 5 samples"]);
    let two = format!("path = {:?}\n", fixture("tables/lists_two.parquet"));
    build(&at, 0..6, &two).fails(1, &["lists_two.parquet", "column = "]);
    build(&at, 0..6, &format!("{two}column = \"other\"")).ok();
    assert_eq!(firsts(&at).len(), 6);
    build(&at, 0..6, &format!("{two}column = \"vector\"\nid_column = \"name\"")).fails(1, &["\"a\"", "no sample"]);
    build(&at, 0..6, &format!("{two}column = \"nothing\"")).fails(1, &["no column \"nothing\""]);
    build(&at, 0..1, &format!("path = {:?}", fixture("tables/lists_null.parquet"))).fails(1, &["row 0", "missing"]);
}

#[test]
fn archives() {
    let (_dir, at) = desk();
    for name in ["archive.npz", "archive_compressed.npz"] {
        // The compressed one has its ids as texts.
        build(&at, 10..16, &format!("path = {:?}", fixture(name))).ok();
        let want: Vec<(String, f32)> = (0..6).map(|i| ((10 + i).to_string(), i as f32)).collect();
        assert_eq!(firsts(&at), want, "{name}");
    }
    let two = format!("path = {:?}\n", fixture("archive_two.npz"));
    build(&at, 0..6, &two).fails(1, &["archive_two.npz", "arr_1", "column = "]);
    build(&at, 0..6, &format!("{two}column = \"arr_1\"")).ok();
    build(&at, 10..16, &format!("{two}column = \"arr_0\"\nid_column = \"arr_2\"")).ok();
    assert_eq!(firsts(&at)[5], ("15".into(), 5.0));
    build(&at, 0..6, &format!("path = {:?}\ncolumn = \"x\"", fixture("le_f4_c.npy")))
        .fails(1, &["le_f4_c.npy", "`column`"]);
}

#[test]
fn plain_vectors_of_benchmarks() {
    let (_dir, at) = desk();
    let rows = |i: u32| [i as f32, 1.0, 2.0];
    let fvecs = (0..4).flat_map(|i| [3i32.to_le_bytes()].into_iter().chain(rows(i).map(f32::to_le_bytes)).flatten());
    fs::write(at.join("v.fvecs"), fvecs.collect::<Vec<u8>>()).unwrap();
    let head = [4u32.to_le_bytes(), 3u32.to_le_bytes()].concat();
    let fbin: Vec<u8> = head.into_iter().chain((0..4).flat_map(|i| rows(i).map(f32::to_le_bytes)).flatten()).collect();
    fs::write(at.join("v.fbin"), fbin).unwrap();
    for name in ["v.fvecs", "v.fbin"] {
        build(&at, 0..4, &format!("path = {name:?}")).ok();
        assert_eq!(firsts(&at)[3], ("3".into(), 3.0));
    }
}

#[test]
fn a_clip_retrieval_folder_there_and_back() {
    let (_dir, at) = desk();
    mispair(&at, &["build", "-q", "--clip-retrieval", &fixture("clip_retrieval"), "--out", "index"]).ok();
    let index = Index::open(&at.join("index")).unwrap();
    let catalog = &index.catalog;
    assert_eq!((catalog.len(), index.name.as_str()), (7, "clip_retrieval"));
    for row in catalog.rows() {
        assert_eq!(catalog.caption(row), format!("caption number {}", row.0));
        assert_eq!(catalog.image_path(row), format!("{:05}.jpg", row.0));
        let want: Vec<f32> = (0..4).map(|j| (row.0 + 1) as f32 - j as f32 / 4.0).collect();
        let length = want.iter().map(|x| x * x).sum::<f32>().sqrt();
        for (name, sign) in [("clip-image", 1.0), ("clip-text", -1.0)] {
            let matrix = index.matrix(name).unwrap();
            let got = &matrix.vector(matrix.find(row).unwrap())[..4];
            assert!(got.iter().zip(&want).all(|(g, w)| (g - sign * w / length).abs() < 1e-6), "{name} {row:?} {got:?}");
        }
    }
    mispair(&at, &["export", "-q", "index", "--clip-retrieval", "--out", "back"]).ok();
    mispair(&at, &["build", "-q", "--clip-retrieval", "back", "--out", "again"]).ok();
    let (one, two) = (Index::open(&at.join("index")).unwrap(), Index::open(&at.join("again")).unwrap());
    for name in ["clip-image", "clip-text"] {
        let rows = |i: &Index| {
            let m = i.matrix(name).unwrap();
            i.catalog.rows().map(|r| m.vector(m.find(r).unwrap())).collect::<Vec<_>>()
        };
        let near = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(rows(&one).iter().zip(&rows(&two)).all(near));
    }
    // Integers are integers again.
    assert!(one.catalog.rows().all(|row| one.catalog.id(row) == two.catalog.id(row)));
    mispair(&at, &["export", "index", "--clip-retrieval", "--out", "back"]).fails(1, &["back", "exists already"]);
    mispair(&at, &["export", "-q", "index", "--clip-retrieval", "--out", "back", "--force"]).ok();

    // A part that is missing: found by the number of rows.
    let copy = at.join("copy");
    for part in
        ["img_emb/img_emb_0.npy", "img_emb/img_emb_1.npy", "metadata/metadata_0.parquet", "metadata/metadata_1.parquet"]
    {
        fs::create_dir_all(copy.join(part).parent().unwrap()).unwrap();
        fs::copy(Path::new(&fixture("clip_retrieval")).join(part), copy.join(part)).unwrap();
    }
    fs::rename(copy.join("img_emb/img_emb_0.npy"), copy.join("img_emb/img_emb_5.npy")).unwrap();
    mispair(&at, &["build", "--clip-retrieval", "copy", "--out", "x"])
        .fails(1, &["img_emb_1.npy", "4 rows", "metadata_0.parquet has 3"]);
    fs::remove_file(copy.join("img_emb/img_emb_5.npy")).unwrap();
    mispair(&at, &["build", "--clip-retrieval", "copy", "--out", "x"])
        .fails(1, &["img_emb_1.npy", "4 rows for 7 samples"]);
    fs::remove_dir_all(copy.join("img_emb")).unwrap();
    mispair(&at, &["build", "--clip-retrieval", "copy", "--out", "x"]).fails(1, &["copy", "img_emb"]);
    assert!(!at.join("x").exists());
}

#[test]
fn imagenet_captions_become_an_index() {
    let (_dir, at) = desk();
    fs::copy(fixture("imagenet_captions.json"), at.join("c.json")).unwrap();
    fs::copy(fixture("le_f4_c.npy"), at.join("m.npy")).unwrap();
    let toml = |more: &str| {
        let head = "[corpus]\nname = \"a\"\n[catalog]\nformat = \"imagenet-captions\"\npath = \"c.json\"\n";
        fs::write(
            at.join("corpus.toml"),
            format!("{head}{more}\n[modalities.m]\npath = \"m.npy\"\nmetric = \"dot\"\n"),
        )
        .unwrap();
        mispair(&at, &["build", "-q", "corpus.toml", "--out", "index", "--force"])
    };
    toml("").ok();
    let asked =
        mispair(&at, &["query", "index", "--modality", "m", "--id", "n01_1.JPEG", "-k", "1", "--format", "json"]).ok();
    let caption = &asked.json_lines()[0]["query"]["caption"];
    assert_eq!(caption, "A heron bird grey heron Seen at the pond, Tom & Jerry");
    toml("compose = { parts = [\"title\"], image_path = \"train/{wnid}/{filename}\" }").ok();
    let index = Index::open(&at.join("index")).unwrap();
    assert_eq!((index.catalog.caption(Row(0)), index.catalog.image_path(Row(1))), ("A heron", "train/n02/n02_7.JPEG"));
    assert_eq!(index.catalog.topic(Row(1)), Some("n02"));
    toml("compose = { parts = [\"titel\"] }").fails(1, &["corpus.toml", "titel"]);
}

#[test]
fn exports_hold_what_the_index_holds() {
    let (_dir, at) = desk();
    mispair(&at, &["newsroom", "-q", "--samples", "400", "--out", "room"]).ok();
    mispair(&at, &["build", "-q", "--newsclippings", "room", "--out", "index"]).ok();
    let index = Index::open(&at.join("index")).unwrap();
    mispair(&at, &["export", "-q", "index", "--matrix", "clip-text", "--out", "text"]).ok();
    let matrix = index.matrix("clip-text").unwrap();
    let rows = npy_rows(&at.join("text/vectors.npy"));
    let ids = at.join("text/ids.npy");
    let ids = read_ids(&fs::read(&ids).unwrap(), &ids).unwrap();
    assert_eq!(rows.len(), matrix.len());
    for (id, row) in ids.iter().zip(&rows) {
        let at = matrix.find(index.catalog.find(id).unwrap()).unwrap();
        assert_eq!(&matrix.vector(at)[..matrix.dim()], &row[..]);
    }

    let args = [
        "export",
        "-q",
        "index",
        "--neighbours",
        "clip-image",
        "--from",
        "clip-text",
        "-k",
        "4",
        "--exact",
        "--out",
        "n.parquet",
    ];
    mispair(&at, &args).ok();
    mispair(&at, &args).fails(1, &["n.parquet", "exists already"]);
    let none = ListColumn::find(&at.join("n.parquet"), None).err().unwrap();
    assert!(matches!(none, ParquetError { .. }), "a table without lists");

    // Hard negatives against the answers of single queries.
    let mine = |more: &[&str]| {
        let args =
            [&["export", "-q", "index", "--hard-negatives", "semantics_clip_text_image", "--exact"], more].concat();
        mispair(&at, &args)
    };
    let triplets = mine(&["--num-negatives", "2", "--margin", "0.01"]).ok().json_lines();
    assert!(triplets.len() > 50, "{}", triplets.len());
    for row in &triplets {
        let scores: Vec<f64> = row["scores"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert!(scores[1] + 0.01 <= scores[0] + 1e-6 && row["positive"] != row["negative"]);
    }
    let id = triplets[0]["anchor_id"].to_string();
    let split = [
        "query",
        "index",
        "--split",
        "semantics_clip_text_image",
        "--exact",
        "--unique",
        "image",
        "-k",
        "21",
        "--format",
        "json",
    ];
    let answer = &mispair(&at, &[&split[..], &["--id", id.trim_matches('"')]].concat()).ok().json_lines()[0];
    let own = triplets[0]["scores"][0].as_f64().unwrap();
    let fits = |hit: &&Value| hit["score"].as_f64().unwrap() + 0.01 <= own + 1e-9;
    let want: Vec<&Value> =
        answer["results"].as_array().unwrap().iter().filter(fits).take(2).map(|h| &h["image_path"]).collect();
    let got: Vec<&Value> =
        triplets.iter().filter(|t| t["anchor_id"] == triplets[0]["anchor_id"]).map(|t| &t["negative"]).collect();
    assert_eq!(got, want);

    let tuples = mine(&["--num-negatives", "3", "--output-format", "n-tuple", "--range-min", "2"]).ok().json_lines();
    assert!(tuples.iter().all(|t| t["negative_3"].is_string() && t["scores"].as_array().unwrap().len() == 4));
    let random = ["--sampling-strategy", "random", "--range-max", "30", "--output-format", "labeled-list"];
    let (one, two) = (mine(&random).ok().out, mine(&[&random[..], &["--threads", "1"]].concat()).ok().out);
    assert_eq!(one, two, "no result depends on the threads");
    assert_ne!(one, mine(&[&random[..], &["--seed", "2"]].concat()).ok().out);
    let pairs = mine(&["--output-format", "labeled-pair"]).ok().json_lines();
    let positives = pairs.iter().filter(|p| p["label"] == 1).count();
    assert!(positives > 0 && positives < pairs.len());
    mine(&["--num-negatives", "5", "--range-max", "4"]).fails(2, &["range-max 4"]);
    mispair(&at, &["export", "index", "--hard-negatives", "person_sbert_text_text"]).fails(1, &["lowest score"]);
    mispair(&at, &["export", "index"]).fails(2, &["--hydrate"]);
    mispair(&at, &["export", "index", "--hydrate"]).fails(2, &["--index"]);
    mispair(&at, &["export", "index", "--matrix", "nothing", "--out", "x"]).fails(1, &["nothing", "clip-image"]);
}

#[test]
fn a_split_goes_to_a_store_with_its_rules_as_filters() {
    let (_dir, at) = desk();
    mispair(&at, &["newsroom", "-q", "--samples", "400", "--out", "room"]).ok();
    mispair(&at, &["build", "-q", "--newsclippings", "room", "--out", "index"]).ok();
    let export = |split: &str, out: &str, more: &[&str]| {
        mispair(&at, &[&["export", "index", "--to", "milvus", "--split", split, "--out", out], more].concat())
    };
    let said = export("person_sbert_text_text", "persons", &[]).ok().err;
    assert!(said.contains("left to be checked on what is found: place"), "{said}");
    export("person_sbert_text_text", "persons", &[]).fails(1, &["persons", "exists already"]);
    export("person_sbert_text_text", "persons", &["-q", "--force", "--waive", "place"]).ok();

    let index = Index::open(&at.join("index")).unwrap();
    let split = Split { waive: [Rule::Place].into(), ..Split::builtin("person_sbert_text_text").unwrap() };
    let bound = Bound::new(&index, split).unwrap();
    let collection: Value = serde_json::from_slice(&fs::read(at.join("persons/collection.json")).unwrap()).unwrap();
    assert_eq!((&collection["turned"], &collection["left_to_check"]), (&json!(true), &json!([])));
    assert_eq!(collection["samples"], bound.search.len());
    let names: Vec<&str> =
        collection["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.starts_with(&["row", "id", "partition"]) && names.ends_with(&["entities", "pictured", "vector"]));

    // The vectors that ask are those of the captions, turned round, since the lowest score comes first here.
    let column = ListColumn::find(&at.join("persons/queries.parquet"), Some("vector")).unwrap();
    let ids = column.ids(Some("id")).unwrap().unwrap();
    let mut vectors = Vec::new();
    column
        .read(|vector| {
            vectors.push(vector.to_vec());
            Ok::<(), ParquetError>(())
        })
        .unwrap();
    assert_eq!(collection["queries"], ids.len());
    assert!(ids.len() > 20 && ids.len() == vectors.len());
    for (id, vector) in ids.iter().zip(&vectors) {
        let row = index.catalog.find_any_type(id).unwrap();
        assert_eq!(bound.refused_as_pristine(row), None);
        let own = bound.query.vector(bound.query.find(row).unwrap());
        assert!(vector.iter().zip(&own).all(|(x, y)| x.to_bits() == (-y).to_bits()));
    }

    mispair(&at, &["export", "index", "--to", "milvus", "--out", "x"]).fails(2, &["--split"]);
    mispair(&at, &["export", "index", "--to", "milvus", "--split", "scene_resnet_place"]).fails(2, &["--out"]);
    mispair(&at, &["export", "index", "--to", "vespa", "--split", "x", "--out", "x"]).fails(2, &["milvus"]);
    export("nothing", "x", &[]).fails(2, &["nothing", "built-in"]);
    assert!(!at.join("x").exists());
}
