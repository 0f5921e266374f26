//! What the test files share: small corpora written from scratch, the binary, folders listed, an index as text.
#![allow(dead_code, reason = "every test file takes what it needs")]

use mispair::formats::npy::{NpyMatrix, NpyWriter};
use mispair::formats::pickle::PickleWriter;
use mispair::import::{Corpus, Talk, build};
use mispair::index::Index;
use mispair::matrix::Metric;
use mispair::words::{MatrixRow, Row, SampleId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One modality of a corpus to be written: a vector, or none, for every sample.
pub struct Modality {
    pub name: &'static str,
    pub metric: &'static str,
    pub dtype: &'static str,
    pub encoder: Option<&'static str>,
    /// Build a graph, however few the rows; else where searches gain by it.
    pub graph: bool,
    pub rows: Vec<Option<Vec<f32>>>,
}

/// A corpus to be written: a JSONL catalog whose records carry their facts, and one pickle a modality.
pub struct Written {
    pub partitions: Vec<&'static str>,
    pub samples: Vec<Value>,
    pub modalities: Vec<Modality>,
}

impl Written {
    /// Writes it into a folder, and gives the path of its corpus file.
    pub fn write(&self, dir: &Path) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        let lines: Vec<String> = self.samples.iter().map(Value::to_string).collect();
        fs::write(dir.join("catalog.jsonl"), lines.join("\n") + "\n").unwrap();
        let mut toml = format!("[corpus]\nname = \"made up\"\npartitions = {:?}\n", self.partitions);
        toml += "[catalog]\nformat = \"jsonl\"\npath = \"catalog.jsonl\"\n";
        for m in &self.modalities {
            let rows = self.samples.iter().zip(&m.rows).filter_map(|(s, r)| Some((id_of(s), r.as_deref()?)));
            pickle(&dir.join(format!("{}.pkl", m.name)), rows);
            write!(
                toml,
                "[modalities.{0}]\npath = \"{0}.pkl\"\nmetric = {1:?}\ndtype = {2:?}\n",
                m.name, m.metric, m.dtype
            )
            .unwrap();
            if let Some(encoder) = m.encoder {
                writeln!(toml, "encoder = {encoder:?}").unwrap();
            }
            if m.graph {
                writeln!(toml, "graph = true").unwrap();
            }
        }
        let path = dir.join("corpus.toml");
        fs::write(&path, toml).unwrap();
        path
    }

    /// Writes and builds it; the index.
    pub fn build(&self, dir: &Path) -> Index {
        let corpus = Corpus::read(&self.write(dir)).unwrap();
        build(&corpus, &dir.join("index"), true, &Nobody).unwrap();
        Index::open(&dir.join("index")).unwrap()
    }
}

/// Nobody watches a build.
pub struct Nobody;
impl Talk for Nobody {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
}

pub fn id_of(sample: &Value) -> SampleId {
    SampleId::from_json(&sample["id"].to_string()).unwrap()
}

/// Writes `{id: vector}`.
pub fn pickle<'a>(path: &Path, rows: impl IntoIterator<Item = (SampleId, &'a [f32])>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let mut out = PickleWriter::new(Vec::new(), rows.first().map_or(1, |r| r.1.len())).unwrap();
    rows.iter().for_each(|(id, row)| out.entry(id, Some(row)).unwrap());
    fs::write(path, out.finish().unwrap()).unwrap();
}

/// Writes a matrix.
pub fn npy(path: &Path, rows: &[Vec<f32>]) {
    let mut out = NpyWriter::new(Vec::new(), rows.len(), rows[0].len()).unwrap();
    rows.iter().for_each(|r| out.row(r).unwrap());
    fs::write(path, out.finish().unwrap()).unwrap();
}

/// Every row of an `.npy` file.
pub fn npy_rows(path: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).unwrap();
    let matrix = NpyMatrix::read(&bytes, path).unwrap();
    let row = |i| {
        let mut row = vec![0.0; matrix.cols()];
        matrix.row_into(i, &mut row);
        row
    };
    (0..matrix.rows()).map(row).collect()
}

/// Made-up chance, the same on every machine.
pub struct Chance(ChaCha8Rng);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(ChaCha8Rng::seed_from_u64(seed))
    }
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }
    /// True in `percent` of a hundred cases.
    pub fn happens(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u32) as usize]
    }
    pub fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| (self.below(2001) as f32 - 1000.0) / 256.0).collect()
    }
}

const PEOPLE: [(&str, &str); 6] = [
    ("Ada Lane", "Ada Lane"),
    ("ADA  LANE's", "Ada Lane"),
    ("Ben Straße", "Ben Strasse"),
    ("Ben STRASSE", ""),
    ("Chloé Ruiz", ""),
    ("Dan Oh’s", "Dan Oh"),
];
const PLACES: [(&str, &str); 8] = [
    ("Berlin", "GPE"),
    ("Lagos", "GPE"),
    ("the Hill", "FAC"),
    ("Oslo’s", "GPE"),
    ("Ada Lane", "FAC"),
    ("two", "CARDINAL"),
    ("Monday", "DATE"),
    ("two", "WORK_OF_ART"),
];

/// A news-like corpus: the modalities of the four built-in splits in few dimensions, and everything that real archives
/// have, unknown facts and shared images included.
pub fn newsy(n: usize, seed: u64, partitions: &[&'static str]) -> Written {
    let mut chance = Chance::new(seed);
    let mut samples = Vec::with_capacity(n);
    for i in 0..n {
        let mut entities = Vec::new();
        for _ in 0..chance.below(3) {
            let (text, link) = PEOPLE[chance.below(6) as usize];
            entities.push(json!({ "text": text, "label": "PERSON" }));
            if !link.is_empty() && chance.happens(70) {
                entities.last_mut().unwrap()["link"] = json!(link);
            }
        }
        for _ in 0..1 + chance.below(3) {
            let (text, label) = PLACES[chance.below(8) as usize];
            entities.push(json!({ "text": text, "label": label }));
        }
        // Most corpora are larger than the vocabulary above: names of their own keep candidates admissible.
        entities.push(json!({ "text": format!("Village {}", chance.below(4 + n as u32 / 2)), "label": "GPE" }));
        let words = 4 + chance.below(5);
        let caption: Vec<String> = (0..words).map(|w| format!("word{}", w + chance.below(40))).collect();
        let image = if chance.happens(5) && i > 0 { chance.below(i as u32) } else { i as u32 };
        let mut sample = json!({
            "id": if i % 7 == 3 { json!(format!("text-{i}")) } else { json!(i) },
            "caption": caption.join(" "),
            "image_path": format!("./outlet/images/{image:04}.jpg"),
            "source": chance.pick(&["herald", "post"]),
            "topic": chance.pick(&["sport", "law"]),
        });
        let mut known = |chance: &mut Chance, fact: &str, value: Value| {
            if chance.happens(92) {
                sample[fact] = value;
            }
        };
        let time =
            format!("20{:02}-{:02}-1{}T0{}:00:00Z", 10 + chance.below(4), 1 + chance.below(12), chance.below(9), i % 9);
        known(&mut chance, "timestamp", json!(time));
        known(&mut chance, "entities", json!(entities));
        let boxes = chance.below(3);
        known(&mut chance, "person_boxes", json!(boxes));
        if chance.happens(10) {
            sample["pictured"] = json!(["ada lane"]);
        }
        if chance.happens(4) {
            sample["generic"] = json!(true);
        }
        if chance.happens(4) {
            sample["corrupted"] = json!(true);
        }
        if chance.happens(10) {
            sample["links"] = json!(["Ben Strasse"]);
        }
        if !partitions.is_empty() {
            sample["partition"] = json!(partitions[i % partitions.len()]);
        }
        samples.push(sample);
    }
    let mut modality = |name, metric, dtype, dim: usize| {
        let rows = (0..n).map(|i| (i == 0 || !chance.happens(6)).then(|| chance.vector(dim)));
        Modality {
            name,
            metric,
            dtype,
            encoder: (metric == "cosine").then_some("made/up"),
            graph: false,
            rows: rows.collect(),
        }
    };
    let modalities = vec![
        modality("clip-image", "cosine", "f32", 12),
        modality("clip-text", "cosine", "f16", 12),
        modality("sbert-text", "cosine", "f32", 10),
        modality("place-image", "dot", "f32", 17),
    ];
    Written { partitions: partitions.to_vec(), samples, modalities }
}

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mispair"));
    command.stdin(Stdio::null());
    command
}

/// Runs the binary; nothing it does may be a panic.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    run_command(command().args(args))
}

pub fn run_command(command: &mut Command) -> Run {
    let done = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let run = Run { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) };
    assert!(!run.err.contains("panicked"), "{run:?}");
    run
}

impl Run {
    /// The run must have gone well.
    pub fn ok(self) -> Run {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The run must have failed with this code, nothing on stdout, and one line on stderr that has all of these words.
    pub fn fails(self, code: i32, words: &[&str]) -> Run {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "an error is no data");
        let errors: Vec<&str> = self.err.lines().filter(|l| l.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "one line says what is wrong: {self:?}");
        if code == 1 {
            assert_eq!(self.err.lines().last(), Some(errors[0]), "and it is the last one: {self:?}");
        }
        for word in words {
            // Bad usage may show the usage, too.
            let said = if code == 1 { errors[0] } else { &self.err };
            assert!(said.contains(word), "{word:?} is not in {:?}", self.err);
        }
        self
    }

    /// Every line of stdout as JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

/// Every file under a folder, hidden ones included, with its bytes.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

/// What lies directly in a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything an index holds, through the public accessors, as text: two dumps are equal if the indexes say the same.
pub fn dump(index: &Index) -> String {
    let (mut out, catalog) = (String::new(), &index.catalog);
    macro_rules! say { ($($arg:tt)*) => { writeln!(out, $($arg)*).unwrap() } }
    say!(
        "index {:?}: {} samples, {} images, {} names",
        index.name,
        catalog.len(),
        catalog.image_count(),
        catalog.name_count()
    );
    say!("partitions {:?}", catalog.partitions().collect::<Vec<_>>());
    for (i, p) in catalog.partitions().enumerate() {
        say!("  {p:?} is number {:?}: rows {:?}", catalog.partition_named(p), catalog.partition_rows(i as u16));
    }
    say!("labels {:?}", catalog.labels().collect::<Vec<_>>());
    say!("by time {:?}", catalog.rows_by_time());
    for row in catalog.rows() {
        let id = catalog.id(row);
        say!("row {} id {} found at {:?}", row.0, catalog.id_json(row), catalog.find(&id).map(|r| r.0));
        say!("  caption {:?} ({} words)", catalog.caption(row), catalog.words(row));
        say!("  image {} {:?}", catalog.image(row), catalog.image_path(row));
        say!("  source {:?} topic {:?}", catalog.source(row), catalog.topic(row));
        say!("  partition {:?} time {:?}", catalog.partition(row), catalog.timestamp(row).map(|t| t.to_iso()));
        let f = catalog.flags(row);
        say!("  boxes {:?} generic {} corrupted {}", catalog.person_boxes(row), f.generic(), f.corrupted());
        say!("  entities {:?} person {:?}", catalog.mention_count(row), f.has_person());
        let mentions: Vec<_> = catalog.mentions(row).map(|m| (m.name, m.label)).collect();
        say!("  mentions {mentions:?} signature {:016x} pictured {:?}", catalog.signature(row), catalog.pictured(row));
    }
    for i in 0..catalog.name_count() as u32 {
        let name = catalog.name(i);
        say!("name {i} {:?} key {:?} link {}", name.text, name.key, name.is_link);
        say!("  found at {:?} in rows {:?}", catalog.find_name(name.key, name.is_link), catalog.rows_mentioning(i));
        say!("  pictured in {:?}", catalog.rows_picturing(i));
    }
    for modality in &index.modalities {
        let m = &modality.matrix;
        let metric = if m.metric() == Metric::Dot { "dot" } else { "cosine" };
        say!("modality {:?} {} × {} {metric} {:?} {:?}", modality.name, m.len(), m.dim(), m.dtype(), modality.encoder);
        for (at, &row) in (0..).zip(m.catalog_rows()) {
            let back = m.find(Row(row)).map(|r| r.0);
            say!("  {at} of row {row} ({back:?}), length {:?}: {:?}", m.norm(MatrixRow(at)), m.vector(MatrixRow(at)));
        }
    }
    out
}

/// In the folder that MISPAIR_DATA names, or in `*/data` beside the project, where such a folder is.
pub fn real_data(name: &str) -> PathBuf {
    if let Some(root) = std::env::var_os("MISPAIR_DATA") {
        return PathBuf::from(root).join(name);
    }
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = fs::read_dir(&parent).into_iter().flatten().flatten().map(|e| e.path().join("data").join(name));
    folders.into_iter().find(|p| p.exists()).unwrap_or(parent.join(name))
}

/// One request of a client of ours to a made-up server: its head, and its body's document. `None` where it is no such thing.
pub fn json_request(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}
