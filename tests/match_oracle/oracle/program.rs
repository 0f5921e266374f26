//! Runs the binary, reads what it wrote.

use mispair::words::SampleId;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder for one test, empty. Kept after a failure, to look at.
pub fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Runs `mispair -q ARGS` and returns its stdout.
pub fn mispair<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mispair")).arg("--quiet").args(args).output().unwrap();
    let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
    assert!(output.status.success(), "mispair {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A made-up newsroom and its index, both below `dir`; `options` are those of `build`.
pub fn newsroom(dir: &Path, samples: u32, seed: u64, options: &[&str]) -> (PathBuf, PathBuf) {
    let (raw, index) = (dir.join("raw"), dir.join("index"));
    if !raw.exists() {
        let settings = mispair::newsroom::Newsroom { samples, seed };
        mispair::newsroom::generate(&raw, &settings, &mut |_, _| {}).unwrap();
    }
    let mut args = vec!["build", "--newsclippings", text(&raw), "--out", text(&index), "--force"];
    args.extend(options);
    mispair(&args);
    (raw, index)
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `mispair match INDEX --exact OPTIONS --out OUT`.
pub fn run_match(index: &Path, out: &Path, options: &[&str]) -> Dataset {
    let mut args = vec!["match", text(index), "--exact", "--out", text(out)];
    args.extend(options);
    mispair(&args);
    Dataset { dir: out.to_owned(), summary: json(&out.join("summary.json")) }
}

pub fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What `match` wrote.
pub struct Dataset {
    pub dir: PathBuf,
    pub summary: Value,
}

/// A row of `pairs.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub partition: String,
    pub split: String,
    pub id: SampleId,
    pub image_id: SampleId,
    pub caption: String,
    pub image_path: String,
    pub falsified_image_path: String,
    pub falsified_image_caption: String,
    pub score: f64,
    pub cti_pristine: f64,
    pub cti_falsified: f64,
    pub hard: bool,
    pub days_apart: Option<f64>,
    pub shared_persons: Vec<String>,
}

impl Dataset {
    /// What the summary says of one partition of one split.
    pub fn counts(&self, split: &str, partition: &str) -> &Value {
        let splits = self.summary["splits"].as_array().unwrap();
        let found = splits.iter().find(|s| s["split"]["name"] == split);
        &found.unwrap_or_else(|| panic!("{split} is not in summary.json"))["partitions"][partition]
    }

    /// The annotations of one partition of one split.
    pub fn annotations(&self, split: &str, partition: &str) -> Vec<Value> {
        let mut file = json(&self.dir.join(split).join(format!("{partition}.json")));
        serde_json::from_value(file["annotations"].take()).unwrap()
    }

    /// The pairs of one split, in file order, from `pairs.parquet`; but ids with the type that the annotations give them.
    pub fn pairs(&self, split: &str) -> Vec<Pair> {
        let path = self.dir.join(split).join("pairs.parquet");
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{}", path.display());
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let mut pairs: Vec<Pair> =
            reader.get_row_iter(None).unwrap().map(|row| pair(row.unwrap().into_columns())).collect();
        for of_partition in pairs.chunk_by_mut(|a, b| a.partition == b.partition) {
            let annotations = self.annotations(split, &of_partition[0].partition);
            assert_eq!(annotations.len(), of_partition.len() * 2, "{split} {}", of_partition[0].partition);
            for (pair, twins) in of_partition.iter_mut().zip(annotations.chunks(2)) {
                let ids = ["id", "image_id"]
                    .map(|field| -> SampleId { serde_json::from_value(twins[1][field].clone()).unwrap() });
                assert_eq!(
                    [&pair.id, &pair.image_id].map(SampleId::to_string),
                    [&ids[0], &ids[1]].map(SampleId::to_string)
                );
                [pair.id, pair.image_id] = ids;
            }
        }
        pairs
    }
}

fn pair(columns: Vec<(String, Field)>) -> Pair {
    let mut columns: HashMap<String, Field> = columns.into_iter().collect();
    let mut take = |name: &str| columns.remove(name).unwrap_or_else(|| panic!("no column {name}"));
    let text = |field: Field| match field {
        Field::Str(text) => text,
        other => panic!("{other} is no text"),
    };
    let id = |field: Field| match field {
        Field::Long(n) => SampleId::Int(n),
        Field::Str(text) => SampleId::Text(text),
        other => panic!("{other} is no id"),
    };
    let number = |field: Field| match field {
        Field::Float(x) => Some(f64::from(x)),
        Field::Double(x) => Some(x),
        Field::Null => None,
        other => panic!("{other} is no number"),
    };
    let pair = Pair {
        partition: text(take("partition")),
        split: text(take("split")),
        id: id(take("id")),
        image_id: id(take("image_id")),
        caption: text(take("caption")),
        image_path: text(take("image_path")),
        falsified_image_path: text(take("falsified_image_path")),
        falsified_image_caption: text(take("falsified_image_caption")),
        score: number(take("score")).unwrap(),
        cti_pristine: number(take("cti_pristine")).unwrap(),
        cti_falsified: number(take("cti_falsified")).unwrap(),
        hard: match text(take("set")).as_str() {
            "H" => true,
            "L" => false,
            other => panic!("set {other}"),
        },
        days_apart: number(take("days_apart")),
        shared_persons: match take("shared_persons") {
            Field::ListInternal(list) => list.elements().iter().cloned().map(text).collect(),
            other => panic!("{other} is no list"),
        },
    };
    assert!(columns.is_empty(), "unknown columns {:?}", columns.keys());
    pair
}
