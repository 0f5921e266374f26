//! The fear: something wrong with somebody's files, found after an hour, or never. So every mistake that people make is
//! made here, and each must end in one line that names the file, the row and the remedy, with nothing written.

mod common;

use common::{Run, files, names, newsy, npy, pickle, run};
use mispair::formats::npy::write_ids;
use mispair::formats::pickle::PickleWriter;
use mispair::words::SampleId;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

/// A folder that is well: twelve samples in two partitions; `image` as .npy with ids, `text` as one pickle a partition.
struct Folder(TempDir);

const N: i64 = 12;

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.catalog(&(0..N).map(record).collect::<Vec<_>>());
        folder
            .metadata(&(0..N).map(|i| json!({"id": i, "timestamp": "2016-05-04", "entities": []})).collect::<Vec<_>>());
        folder.image(&(0..N).collect::<Vec<_>>(), &(0..N).map(|i| vec![1.0, i as f32, 2.0]).collect::<Vec<_>>());
        folder.text("train", 0..N / 2);
        folder.text("val", N / 2..N);
        folder.write("corpus.toml", TOML);
        folder
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }
    fn catalog(&self, records: &[Value]) {
        self.lines("catalog.jsonl", records);
    }
    fn metadata(&self, records: &[Value]) {
        self.lines("metadata.jsonl", records);
    }
    fn lines(&self, name: &str, records: &[Value]) {
        self.write(name, records.iter().map(|r| format!("{r}\n")).collect::<String>());
    }
    fn image(&self, ids: &[i64], rows: &[Vec<f32>]) {
        npy(&self.path("image.npy"), rows);
        let ids: Vec<SampleId> = ids.iter().map(|&i| i.into()).collect();
        write_ids(fs::File::create(self.path("image_ids.npy")).unwrap(), &ids).unwrap();
    }
    fn text(&self, partition: &str, ids: impl Iterator<Item = i64>) {
        let rows: Vec<(SampleId, Vec<f32>)> = ids.map(|i| (i.into(), vec![i as f32, 1.0])).collect();
        pickle(&self.path(&format!("text_{partition}.pkl")), rows.iter().map(|(id, r)| (id.clone(), &r[..])));
    }
    fn replace(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{text}");
        self.write(name, text.replacen(old, new, 1));
    }
    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        edit(&mut bytes);
        self.write(name, bytes);
    }
    fn build(&self) -> Run {
        run([Path::new("build"), &self.path("corpus.toml"), Path::new("--out"), &self.path("new/index")])
    }
}

fn record(i: i64) -> Value {
    json!({"id": i, "caption": format!("caption number {i}"), "image_path": format!("{i}.jpg")})
}

const TOML: &str = r#"
[corpus]
name = "small"
partitions = ["train", "val"]
[catalog]
format = "jsonl"
path = "catalog.jsonl"
metadata = "metadata.jsonl"
[modalities.image]
path = "image.npy"
ids = "image_ids.npy"
[modalities.text]
path = "text_{partition}.pkl"
"#;

/// Spoils a good folder, builds it, and expects these words of the error; nothing may be written.
#[track_caller]
fn spoiled(spoil: impl FnOnce(&Folder), words: &[&str]) {
    let folder = Folder::new();
    spoil(&folder);
    let before = files(folder.0.path());
    folder.build().fails(1, words);
    assert_eq!(files(folder.0.path()), before, "something was written");
    assert!(!folder.path("new").exists(), "a folder was left");
}

#[test]
fn the_good_folder_is_good() {
    let folder = Folder::new();
    folder.build().ok();
    assert_eq!(names(&folder.path("new")), ["index"]);
    assert!(run([Path::new("verify-index"), &folder.path("new/index")]).ok().out.contains("sound"));
}

#[test]
fn numbers_that_are_none() {
    for (value, said) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let spoil = |f: &Folder| {
            let rows: Vec<Vec<f32>> = (0..N).map(|i| vec![1.0, if i == 4 { value } else { 0.0 }, 2.0]).collect();
            f.image(&(0..N).collect::<Vec<_>>(), &rows);
        };
        spoiled(spoil, &["image.npy", "row 4 (id 4)", &format!("element 1 is {said}"), "finite"]);
    }
    let spoil = |f: &Folder| {
        let rows = [(8.into(), &[1.0, 0.5][..]), (9.into(), &[1.0, f32::NAN])];
        pickle(&f.path("text_val.pkl"), rows);
    };
    spoiled(spoil, &["text_val.pkl", "row 1 (id 9)", "element 1 is NaN"]);
}

#[test]
fn rows_without_direction_or_beyond_the_type() {
    let rows = |x: f32| (0..N).map(|i| vec![0.0, if i == 7 { x } else { 1.0 }, 0.0]).collect::<Vec<_>>();
    let ids: Vec<i64> = (0..N).collect();
    spoiled(|f| f.image(&ids, &rows(0.0)), &["image.npy", "row 7 (id 7)", "all elements are zero", "metric = \"dot\""]);
    let as_halves = |f: &Folder| {
        f.image(&ids, &rows(70_000.0));
        f.replace(
            "corpus.toml",
            "ids = \"image_ids.npy\"",
            "ids = \"image_ids.npy\"\nmetric = \"dot\"\ndtype = \"f16\"",
        );
    };
    spoiled(as_halves, &["image.npy", "row 7 (id 7)", "70000", "beyond what f16 holds", "f32"]);
    spoiled(|f| f.image(&ids, &vec![vec![f32::MAX; 3]; 12]), &["image.npy", "row 0", "length", "f32"]);
    // A zero row under dot is a row like any other.
    let folder = Folder::new();
    folder.image(&ids, &rows(0.0));
    folder.replace("corpus.toml", "ids = \"image_ids.npy\"", "ids = \"image_ids.npy\"\nmetric = \"dot\"");
    folder.build().ok();
}

#[test]
fn widths_that_differ() {
    let within = |f: &Folder| {
        let part = |id: i64, row: &[f32]| {
            let mut out = PickleWriter::new(Vec::new(), row.len()).unwrap();
            out.entry(&id.into(), Some(row)).unwrap();
            out.finish().unwrap()
        };
        let (mut all, second) = (part(0, &[1.0, 2.0]), part(1, &[1.0, 2.0, 3.0]));
        all.pop();
        all.extend(&second[3..]);
        f.write("text_train.pkl", all);
    };
    spoiled(within, &["text_train.pkl", "row 1 (id 1)", "3 elements", "2", "one width"]);
    let across = |f: &Folder| pickle(&f.path("text_val.pkl"), [(6.into(), &[1.0, 2.0, 3.0][..])]);
    spoiled(across, &["text_val.pkl", "row 0 (id 6)", "3 elements", "text_train.pkl", "one width"]);
}

#[test]
fn ids_that_stand_twice() {
    let catalog = |f: &Folder| f.catalog(&[record(4), record(5), record(4)]);
    spoiled(catalog, &["catalog.jsonl", "record 2", "id 4 again", "record 0"]);
    let matrix = |f: &Folder| f.image(&[0, 1, 0], &vec![vec![1.0; 3]; 3]);
    spoiled(matrix, &["image.npy", "row 2 (id 0)", "second row of this sample", "image"]);
    let pickled = |f: &Folder| pickle(&f.path("text_val.pkl"), [(7.into(), &[1.0, 2.0][..]), (7.into(), &[1.0, 3.0])]);
    spoiled(pickled, &["text_val.pkl", "entry 1", "id 7 again"]);
    // 7 and "7" are two ids, but the catalog has only one of them.
    let types = |f: &Folder| pickle(&f.path("text_val.pkl"), [(7.into(), &[1.0, 2.0][..]), ("7".into(), &[1.0, 3.0])]);
    spoiled(types, &["text_val.pkl", "row 1 (id \"7\")", "second row of this sample"]);
    let across = |f: &Folder| f.text("val", 5..N);
    spoiled(across, &["text_val.pkl", "row 0 (id 5)", "\"val\"", "\"train\"", "one partition"]);
    let metadata = |f: &Folder| f.metadata(&[json!({"id": 3}), json!({"id": 4}), json!({"id": 3, "generic": true})]);
    spoiled(metadata, &["metadata.jsonl", "id 3 again"]);
}

#[test]
fn ids_without_a_sample() {
    spoiled(|f| f.image(&[0, 99], &vec![vec![1.0; 3]; 2]), &["image.npy", "row 1 (id 99)", "catalog.jsonl", "remove"]);
    spoiled(|f| f.metadata(&[json!({"id": "x"})]), &["metadata.jsonl", "id \"x\"", "catalog.jsonl", "remove"]);
    let count = |f: &Folder| write_ids(fs::File::create(f.path("image_ids.npy")).unwrap(), &[1.into()]).unwrap();
    spoiled(count, &["image_ids.npy", "1 ids for 12 rows", "image.npy"]);
    let in_order = |f: &Folder| f.replace("corpus.toml", "ids = \"image_ids.npy\"\n", "");
    let fewer = |f: &Folder| {
        in_order(f);
        npy(&f.path("image.npy"), &vec![vec![1.0; 3]; 11]);
    };
    spoiled(fewer, &["image.npy", "11 rows for 12 samples", "ids = "]);
}

#[test]
fn files_cut_short_or_of_another_kind() {
    spoiled(|f| f.edit("image.npy", |b| b.truncate(b.len() - 5)), &["image.npy", "(12, 3)", "144", "139", "cut short"]);
    spoiled(|f| f.edit("image.npy", |b| b.extend([0; 4])), &["image.npy", "144", "148"]);
    spoiled(|f| f.edit("image.npy", |b| b.truncate(30)), &["image.npy"]);
    spoiled(|f| f.write("image.npy", "hello"), &["image.npy", "not an .npy file", "numpy.save"]);
    spoiled(|f| f.write("image.npy", ""), &["image.npy"]);
    for cut in [1, 3, 40, 200] {
        spoiled(|f| f.edit("text_val.pkl", |b| b.truncate(b.len() - cut)), &["text_val.pkl"]);
    }
    spoiled(|f| f.write("text_val.pkl", ""), &["text_val.pkl"]);
    let calls = b"\x80\x02cos\nsystem\nq\x00U\x0atouch gonerq\x01\x85q\x02Rq\x03.";
    spoiled(|f| f.write("text_val.pkl", calls), &["text_val.pkl", "os"]);
    let integers =
        |f: &Folder| write_ids(fs::File::create(f.path("image.npy")).unwrap(), &[1.into(), 2.into()]).unwrap();
    spoiled(integers, &["image.npy", "<i8", "astype('float32')"]);
    let whole_numbers = |f: &Folder| {
        f.edit("image.npy", |b| {
            let at = b.windows(3).position(|w| w == b"<f4").unwrap();
            b[at + 1] = b'i';
        })
    };
    spoiled(whole_numbers, &["image.npy", "<i4", "astype('float32')"]);
    let floats = |f: &Folder| fs::copy(f.path("image.npy"), f.path("image_ids.npy")).map(drop).unwrap();
    spoiled(floats, &["image_ids.npy", "<f4", "int64"]);
    let named = |f: &Folder| {
        fs::rename(f.path("image.npy"), f.path("image.bin")).unwrap();
        f.replace("corpus.toml", "image.npy", "image.bin");
    };
    spoiled(named, &["image.bin", ".npy, .npz, .parquet, .pkl"]);
}

#[test]
fn partitions_that_contradict() {
    let empty = |f: &Folder| f.replace("corpus.toml", "\"val\"]", "\"val\", \"test\"]");
    spoiled(
        |f| {
            empty(f);
            fs::write(f.path("text_test.pkl"), b"\x80\x02}.").unwrap();
        },
        &["corpus.toml", "\"test\" has no samples", "remove it"],
    );
    spoiled(empty, &["corpus.toml", "text_test.pkl", "not there"]);
    let said = |f: &Folder| f.metadata(&[json!({"id": 2, "partition": "val"})]);
    spoiled(said, &["text_train.pkl", "row 2 (id 2)", "\"train\"", "\"val\"", "one partition"]);
    let other = |f: &Folder| {
        f.catalog(
            &(0..N).map(|i| json!({"id": i, "caption": "a b", "image_path": "x", "split": "dev"})).collect::<Vec<_>>(),
        );
        f.replace("corpus.toml", "path = \"text_{partition}.pkl\"", "path = \"text_train.pkl\"");
    };
    spoiled(other, &["catalog.jsonl", "sample 0", "\"dev\"", "`partitions`"]);
    let nobody = |f: &Folder| {
        f.replace("corpus.toml", "text_{partition}.pkl", "text_train.pkl");
    };
    spoiled(nobody, &["catalog.jsonl", "no sample belongs to any partition", "`partitions`"]);
    let twice = |f: &Folder| {
        f.write("metadata_train.jsonl", "{\"id\": 1}\n");
        f.write("metadata_val.jsonl", "{\"id\": 1}\n");
        f.replace("corpus.toml", "metadata.jsonl", "metadata_{partition}.jsonl");
    };
    spoiled(twice, &["metadata_val.jsonl", "id 1", "\"val\"", "\"train\""]);
}

#[test]
fn catalogs_and_metadata_that_are_broken() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("catalog.jsonl", "", &["catalog.jsonl", "no sample"]),
        (
            "catalog.jsonl",
            "{\"id\": 1, \"caption\": \"a\"}\n",
            &["catalog.jsonl", "line 1", "\"image_path\"", "columns"],
        ),
        ("catalog.jsonl", "{\"id\": 1.5, \"caption\": \"a\", \"image_path\": \"b\"}\n", &["line 1", "\"id\"", "1.5"]),
        ("catalog.jsonl", "{\"id\": 1, \"caption\"", &["catalog.jsonl", "line 1"]),
        ("catalog.jsonl", "[1, 2]\n", &["catalog.jsonl"]),
        ("metadata.jsonl", "{\"id\": 1, \"timestamp\": \"yesterday\"}\n", &["line 1, id 1", "timestamp", "ISO 8601"]),
        ("metadata.jsonl", "{\"id\": 1, \"entities\": [3]}\n", &["line 1, id 1", "entities"]),
        ("metadata.jsonl", "{\"timestamp\": 3}\n", &["metadata.jsonl", "line 1", "\"id\""]),
    ];
    for (name, text, words) in cases {
        spoiled(|f| f.write(name, text), words);
    }
    spoiled(|f| f.edit("catalog.jsonl", |b| b[40] = 0xFF), &["catalog.jsonl", "line 1"]);
    let deep = format!("{{\"id\": 1, \"entities\": {}", "[".repeat(100_000));
    spoiled(|f| f.write("metadata.jsonl", &deep), &["metadata.jsonl", "line 1"]);
}

#[test]
fn corpus_files_that_are_broken() {
    spoiled(|f| fs::remove_file(f.path("image.npy")).unwrap(), &["corpus.toml", "image.npy", "not there"]);
    spoiled(|f| fs::remove_file(f.path("corpus.toml")).unwrap(), &["corpus.toml", "No such file"]);
    let both = |f: &Folder| {
        fs::remove_file(f.path("catalog.jsonl")).unwrap();
        fs::remove_file(f.path("text_val.pkl")).unwrap();
    };
    spoiled(both, &["corpus.toml", "2 files", "catalog.jsonl", "text_val.pkl"]);
    let folder_for_file = |f: &Folder| {
        fs::remove_file(f.path("image.npy")).unwrap();
        fs::create_dir(f.path("image.npy")).unwrap();
    };
    spoiled(folder_for_file, &["corpus.toml", "image.npy"]);
    spoiled(|f| f.write("corpus.toml", "name = "), &["corpus.toml", "line 1"]);
    let graph = |wanted: &str, says: &[&str]| {
        let with = format!("ids = \"image_ids.npy\"\ngraph = {wanted}");
        spoiled(|f| f.replace("corpus.toml", "ids = \"image_ids.npy\"", &with), says);
    };
    graph("\"yes\"", &["corpus.toml", "true, false, or a table"]);
    graph("{ width = 3 }", &["corpus.toml", "width", "ef_construction"]);
    graph("{ m = 1000 }", &["m = 1000", "4 to 64"]);
    graph("{ m = 32, ef_construction = 8 }", &["ef_construction = 8", "32 to"]);
    graph("{ cross = 0, queries = \"clip-text\" }", &["leave one out"]);
    graph("{ queries = \"clip-words\" }", &["clip-words", "no cosine modality"]);
    spoiled(|f| f.write("corpus.toml", format!("x = {}", "[".repeat(100_000))), &["corpus.toml"]);
    spoiled(|f| f.replace("corpus.toml", "[catalog]", "colour = 3\n[catalog]"), &["corpus.toml", "line 5", "colour"]);
    spoiled(|f| f.replace("corpus.toml", "\"jsonl\"", "\"xml\""), &["corpus.toml", "xml", "visual-news"]);
    let many: Vec<String> = (0..70_000).map(|i| format!("p{i}")).collect();
    let many = |f: &Folder| f.replace("corpus.toml", "[\"train\", \"val\"]", &format!("{many:?}"));
    spoiled(many, &["corpus.toml", "70000 partitions", "65535"]);
    let labels: Vec<Value> = (0..70_000).map(|i| json!({"text": "x", "label": format!("L{i}")})).collect();
    spoiled(
        |f| f.metadata(&[json!({"id": 0, "entities": labels})]),
        &["catalog.jsonl", "70000 different labels", "65535"],
    );
    let folder = Folder::new();
    let out = folder.path("out");
    let dtype = [
        Path::new("build"),
        &folder.path("corpus.toml"),
        Path::new("--dtype"),
        Path::new("f16"),
        Path::new("--out"),
        &out,
    ];
    run(dtype).fails(2, &["--dtype", "CORPUS.toml"]);
    let wrong = run([Path::new("build"), Path::new("--newsclippings"), folder.0.path(), Path::new("--out"), &out]);
    wrong.fails(1, &["data.json", "visual_news", "VisualNews"]);
    assert!(!out.exists());
}

#[test]
fn what_is_there_already() {
    let folder = Folder::new();
    folder.build().ok();
    let old = files(folder.0.path());
    folder.build().fails(1, &["new/index", "exists already", "--force"]);
    folder.replace("corpus.toml", "small", "again");
    let build = |out: &str| {
        run([
            Path::new("build"),
            &folder.path("corpus.toml"),
            Path::new("--force"),
            Path::new("--out"),
            &folder.path(out),
        ])
    };
    folder.replace("corpus.toml", "again", "small");
    build("new/index").ok();
    assert_eq!(files(folder.0.path()), old, "the same corpus, the same bytes");
    fs::write(folder.path("new/index/notes.txt"), "mine").unwrap();
    build("new/index").fails(1, &["new/index", "--force will not replace it", "remove it yourself"]);
    fs::remove_file(folder.path("new/index/notes.txt")).unwrap();
    fs::create_dir_all(folder.path("home/photos")).unwrap();
    build("home").fails(1, &["home", "--force will not replace it", "remove it yourself"]);
    build("catalog.jsonl").fails(1, &["catalog.jsonl", "--force will not replace it"]);
    build("home/..").fails(1, &["not a path that a folder can be made at"]);
    build(&"x".repeat(300)).fails(1, &["xxx", "File name too long"]);
    build("catalog.jsonl/below").fails(1, &["catalog.jsonl: File exists"]);
    build("home").fails(1, &["home"]);
    assert_eq!(names(&folder.path("home")), ["photos"]);
}

/// An index to ask wrongly: no `place-image`, and one sample without a caption vector.
struct Asked {
    _dir: TempDir,
    index: PathBuf,
    dir: PathBuf,
}

static ASKED: LazyLock<Asked> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let mut corpus = newsy(30, 3, &["train", "test"]);
    corpus.modalities.retain(|m| m.name != "place-image");
    corpus.modalities[1].rows =
        corpus.modalities[1].rows.iter().enumerate().map(|(i, r)| r.clone().filter(|_| i != 2)).collect();
    corpus.build(dir.path());
    let here = dir.path().to_path_buf();
    npy(&here.join("query.npy"), &[vec![1.0; 12], vec![0.5; 12]]);
    npy(&here.join("wide.npy"), &[vec![1.0; 13]]);
    npy(&here.join("nan.npy"), &[vec![1.0; 12], vec![f32::NAN; 12]]);
    npy(&here.join("zero.npy"), &[vec![0.0; 12]]);
    fs::write(here.join("none.npy"), header("(0, 12)")).unwrap();
    fs::write(here.join("bad.json"), "{\"timestamp\": ").unwrap();
    fs::write(here.join("wrong.json"), "{\"timestamp\": \"soon\"}").unwrap();
    fs::write(here.join("facts.json"), FACTS).unwrap();
    fs::write(here.join("undated.json"), FACTS.replace("timestamp", "date")).unwrap();
    fs::write(
        here.join("bad_split.toml"),
        "name = \"mine\"\nquery = \"clip-text\"\nsearch = \"clip-image\"\norder = \"best\"\n",
    )
    .unwrap();
    Asked { index: here.join("index"), dir: here, _dir: dir }
});

const FACTS: &str = "[{\"caption\": \"five words are enough here\", \"timestamp\": \"2001-01-01\", \"entities\": \
    [{\"text\": \"Rome\", \"label\": \"GPE\"}, {\"text\": \"Pope\", \"label\": \"PERSON\"}]}, {\"caption\": \"a b c d e\", \
    \"timestamp\": 5, \"entities\": [[\"X\", \"ORG\"], [\"Y\", \"ORG\"]]}]";

fn header(shape: &str) -> Vec<u8> {
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(118u16.to_le_bytes());
    bytes.extend(format!("{dict:<117}\n").into_bytes());
    bytes
}

/// Runs `mispair VERB INDEX …` in the folder of the files.
fn ask(line: &str) -> Run {
    let mut words = line.split(' ');
    let mut command = common::command();
    command.current_dir(&ASKED.dir).arg(words.next().unwrap()).arg(&ASKED.index).args(words);
    common::run_command(&mut command)
}

#[test]
fn questions_that_are_wrong() {
    let text_image = "query --split semantics_clip_text_image";
    let cases: &[(&str, i32, &[&str])] = &[
        ("query --id 1", 2, &["--split"]),
        ("query --split semantics --id 1", 2, &["\"semantics\"", "scene_resnet_place", "mispair splits"]),
        ("query --split none.toml --id 1", 1, &["none.toml", "No such file"]),
        ("query --split bad_split.toml --id 1", 1, &["bad_split.toml", "line 4", "best", "highest"]),
        (
            "query --split scene_resnet_place --id 1",
            1,
            &["scene_resnet_place", "\"place-image\"", "clip-image, clip-text", "rebuild"],
        ),
        ("query --split person_sbert_text_text --id 1", 1, &["\"place-image\"", "--waive place"]),
        ("query --modality clip --id 1", 1, &["\"clip\"", "clip-image, clip-text"]),
        ("query --modality clip-image --id 1 -k 0", 2, &["-k 0"]),
        ("query --modality clip-image --id 999", 1, &["999", "no sample has id"]),
        ("query --modality clip-image --id 1 --from sbert-text", 1, &["10 dimensions", "12", "one space"]),
        ("query --modality clip-image --id 1 --partition dev", 1, &["\"dev\"", "train, test"]),
        (
            "query --modality clip-image --vector wide.npy",
            1,
            &["wide.npy", "13 elements", "\"clip-image\" has 12", "encoder"],
        ),
        ("query --modality clip-image --vector nan.npy", 1, &["nan.npy", "row 1", "element 0 is NaN"]),
        ("query --modality clip-image --vector zero.npy", 1, &["zero.npy", "row 0", "all elements are zero"]),
        ("query --modality clip-image --vector none.npy", 1, &["none.npy", "no row"]),
        ("query --modality clip-image --vector facts.json", 1, &["facts.json", "not an .npy file"]),
        ("query --modality clip-image --vector gone.npy", 1, &["gone.npy", "No such file", "check the path"]),
        ("query --modality clip-image --vector index", 1, &["index", "not a regular file"]),
        ("query --modality clip-image --vector /dev/zero", 1, &["/dev/zero", "not a regular file"]),
        ("query --split a --modality b --id 1", 2, &["--split", "--modality"]),
        ("query --split semantics_clip_text_image", 2, &["--id"]),
        ("query --split semantics_clip_text_image --id 2", 1, &["sample 2", "no vector", "\"clip-text\""]),
        ("query --split semantics_clip_text_image --id 1 --waive colour", 2, &["colour", "shared_person"]),
        ("query --split semantics_clip_text_image --id 1 --waive same_image", 2, &["same_image", "cannot be waived"]),
        ("query --split semantics_clip_text_image --id 1 --waive missing_row", 2, &["missing_row", "cannot be waived"]),
        (
            "query --split semantics_clip_text_image --vector query.npy",
            1,
            &["query.npy", "row 0", "rule words", "--meta", "--waive words"],
        ),
        ("query --split semantics_clip_text_image --vector query.npy --meta bad.json", 1, &["bad.json", "line 1"]),
        (
            "query --split semantics_clip_text_image --vector query.npy --meta wrong.json",
            1,
            &["wrong.json", "2 query vectors"],
        ),
        ("query --split semantics_clip_text_image --vector zero.npy --meta wrong.json", 1, &["zero.npy"]),
        ("query --split semantics_clip_text_image --vector query.npy --meta gone.json", 1, &["gone.json"]),
        (
            "query --split semantics_clip_text_image --vector query.npy --meta undated.json",
            1,
            &["row 0", "rule days", "--meta", "--waive days"],
        ),
        (
            "query --split semantics_clip_text_image --vector query.npy --meta facts.json --adversarial",
            1,
            &["--adversarial", "--id"],
        ),
        ("query --split semantics_clip_text_image --id 1 --meta facts.json", 2, &["--id", "--meta"]),
        ("query --split semantics_clip_text_image --id 1 --from clip-text", 2, &["--from", "--split"]),
        ("query --modality clip-image --vector query.npy --from clip-text", 2, &["--from", "--vector"]),
        ("query --modality clip-image --id 1 --waive words", 2, &["--waive", "--modality"]),
        ("info --format xml", 2, &["xml", "json"]),
    ];
    for (line, code, words) in cases {
        ask(line).fails(*code, words);
    }
    // The same questions, rightly asked.
    ask(&format!("{text_image} --vector query.npy --meta facts.json")).ok();
    ask(&format!("{text_image} --vector query.npy --waive words --waive entity_count --waive days --waive entities"))
        .ok();
    let one = |path: &str, bytes: Vec<u8>| fs::write(ASKED.dir.join(path), bytes).unwrap();
    one("one.npy", [header("(12,)"), [1.0f32; 12].iter().flat_map(|x| x.to_le_bytes()).collect()].concat());
    assert_eq!(ask("query --modality clip-image --vector one.npy --format json -k 99").ok().json_lines().len(), 1);
    fs::write(ASKED.dir.join("wrong_one.json"), "{\"timestamp\": \"soon\"}").unwrap();
    ask(&format!("{text_image} --vector one.npy --meta wrong_one.json"))
        .fails(1, &["wrong_one.json", "entry 0", "timestamp", "ISO 8601"]);
}

#[test]
fn matches_and_exports_that_are_wrong() {
    let split = "--split semantics_clip_text_text";
    let cases: &[(&str, i32, &[&str])] = &[
        ("match --split all --out m", 1, &["person_sbert_text_text", "\"place-image\"", "rebuild"]),
        ("match --split all --split semantics_clip_text_text --out m", 2, &["all"]),
        ("match --split semantics_clip_text_text --split semantics_clip_text_text --out m", 2, &["twice"]),
        ("match --split nothing --out m", 2, &["\"nothing\"", "semantics_clip_text_image"]),
        ("match --split semantics_clip_text_text --out m --waive same_image", 2, &["same_image"]),
        ("match --split semantics_clip_text_text --out m --waive x", 2, &["x", "words"]),
        ("match --split semantics_clip_text_text --out m --chunk-size 1", 2, &["--chunk-size"]),
        ("match --split semantics_clip_text_text", 2, &["--out"]),
        (
            "match --split person_sbert_text_text --waive place --waive shared_person --out m",
            1,
            &["swaps", "shared_person"],
        ),
    ];
    for (line, code, words) in cases {
        ask(line).fails(*code, words);
        assert!(!ASKED.dir.join("m").exists(), "{line}");
    }
    ask(&format!("match {split} --out deep/down/set --quiet")).ok();
    ask(&format!("match {split} --out deep/down/set")).fails(1, &["deep/down/set", "exists already", "--force"]);
    ask(&format!("match {split} --out index --force")).fails(1, &["index", "--force will not replace it"]);
    fs::create_dir_all(ASKED.dir.join("report")).unwrap();
    fs::write(ASKED.dir.join("report/summary.json"), "{\"covered\": 3}").unwrap();
    ask(&format!("match {split} --out report --force")).fails(1, &["report", "--force will not replace it"]);
    ask(&format!("match {split} --out deep/down/set --force --quiet")).ok();
    assert_eq!(names(&ASKED.dir.join("deep/down")), ["set"]);

    let export = |file: &str, more: &[&str]| {
        let mut command = common::command();
        command.current_dir(&ASKED.dir).args(["export", file, "--index"]).arg(&ASKED.index).arg("--hydrate").args(more);
        common::run_command(&mut command)
    };
    let set = "deep/down/set/semantics_clip_text_text/train.json";
    export("gone.json", &[]).fails(1, &["gone.json", "No such file", "check the path"]);
    export("facts.json", &[]).fails(1, &["facts.json"]);
    fs::write(
        ASKED.dir.join("other.json"),
        "{\"annotations\": [{\"id\": 1, \"image_id\": 999, \"similarity_score\": 0.1, \"falsified\": true}]}",
    )
    .unwrap();
    export("other.json", &[]).fails(1, &["other.json", "annotation 0", "999", "another index"]);
    export(set, &["--out", "rows.jsonl"]).ok();
    export(set, &["--out", "rows.jsonl"]).fails(1, &["rows.jsonl", "exists already", "--force"]);
    export(set, &["--out", "rows.jsonl", "--force"]).ok();
    export(set, &["--out", "nowhere/rows.jsonl"]).fails(1, &["nowhere", "No such file"]);
    export(set, &["--force"]).fails(2, &["--out"]);
    for verb in ["info", "verify-index"] {
        run([verb, ASKED.dir.to_str().unwrap()]).fails(1, &["no index here", "mispair build"]);
        run([verb, "/nowhere"]).fails(1, &["/nowhere", "no index here"]);
    }
    let demo = |out: &Path| run([Path::new("demo"), Path::new("--samples"), Path::new("100"), Path::new("--out"), out]);
    demo(&ASKED.dir.join("report")).fails(1, &["report", "not made by `mispair demo`"]);
    run(["newsroom", "--samples", "5", "--out", "x"]).fails(2, &["5", "100"]);
}
