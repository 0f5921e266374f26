//! The fear: everything works on made-up vectors, whose geometry we made up, too. Here are real captions, real CLIP
//! rows and real posts, with numbers that others have measured. The folder is named by `MISPAIR_DATA`; without it the
//! tests say so and pass.

#[path = "match_oracle/oracle/mod.rs"]
#[allow(dead_code, reason = "the oracle serves several test files")]
mod oracle;

use mispair::formats::npy::{NpyMatrix, NpyWriter};
use mispair::words::SampleId;
use oracle::compare::selection;
use oracle::program::{Pair, json, mispair, run_match, scratch, text};
use oracle::raw::{self, Corpus, Sample, Vector};
use oracle::rules::{Rules, Split, published};
use oracle::select::TOLERANCE;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// In the folder that MISPAIR_DATA names, or in `*/data` beside the project, where such a folder is.
fn beside(name: &str) -> PathBuf {
    if let Some(root) = std::env::var_os("MISPAIR_DATA") {
        return PathBuf::from(root).join(name);
    }
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = fs::read_dir(&parent).into_iter().flatten().flatten().map(|e| e.path().join("data").join(name));
    folders.into_iter().find(|p| p.exists()).unwrap_or(parent.join(name))
}

fn data(folder: &str) -> Option<PathBuf> {
    let dir = beside(folder);
    if !dir.is_dir() {
        println!("skipped: {} is not there; name the folder of real data in MISPAIR_DATA", dir.display());
    }
    // CORPUS.toml lies elsewhere and needs whole paths.
    dir.canonicalize().ok()
}

fn records(csv: &Path) -> Vec<HashMap<String, String>> {
    csv::Reader::from_path(csv).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
}

fn rows(npy: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(npy).unwrap();
    let matrix = NpyMatrix::read(&bytes, npy).unwrap();
    let row = |i: usize| {
        let mut row = vec![0.0; matrix.cols()];
        matrix.row_into(i, &mut row);
        row
    };
    (0..matrix.rows()).map(row).collect()
}

fn write_rows<'a>(path: &Path, rows: impl ExactSizeIterator<Item = &'a [f32]>) {
    let mut rows = rows.peekable();
    let width = rows.peek().unwrap().len();
    let mut out = NpyWriter::new(BufWriter::new(File::create(path).unwrap()), rows.len(), width).unwrap();
    rows.for_each(|row| out.row(row).unwrap());
    out.finish().unwrap();
}

/// VERITE (Papadopoulos et al. 2024) with ViT-B/32: of the 338 true captions, in how many is the caption's own picture
/// among the first k of 663? Measured elsewhere with numpy: 0.740, 0.970, 0.985.
#[test]
fn verite_captions_find_their_pictures() {
    let Some(verite) = data("verite") else { return };
    let dir = scratch("verite");
    let (toml, index, queries) = (dir.join("CORPUS.toml"), dir.join("index"), dir.join("true_captions.npy"));
    let matrix = |kind: &str| verite.join(format!("VERITE_clip_{kind}_embeddings_ViTB32.npy"));
    let corpus = format!(
        "[corpus]\nname = \"verite\"\n\
         [catalog]\nformat = \"csv\"\npath = {:?}\nmetadata = {:?}\ncolumns = {{ id = \"\" }}\n\
         [modalities.clip-text]\npath = {:?}\n[modalities.clip-image]\npath = {:?}\n",
        verite.join("VERITE.csv"),
        verite.join("metadata.jsonl"),
        matrix("text"),
        matrix("image")
    );
    fs::write(&toml, corpus).unwrap();
    mispair(&["build", text(&toml), "--out", text(&index)]);

    let samples = records(&verite.join("VERITE.csv"));
    let truth: Vec<usize> = (0..samples.len()).filter(|&i| samples[i]["label"] == "true").collect();
    assert_eq!(truth.len(), 338);
    let captions = rows(&matrix("text"));
    write_rows(&queries, truth.iter().map(|&i| captions[i].as_slice()));
    let options = ["--modality", "clip-image", "--unique", "image", "-k", "10", "--format", "json"];
    let mut args = vec!["query", text(&index), "--vector", text(&queries)];
    args.extend(options);
    let answers = mispair(&args);
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), truth.len());
    let mut within = [0.0; 11];
    for (answer, &row) in answers.iter().zip(&truth) {
        let results = answer["results"].as_array().unwrap();
        let paths: Vec<&str> = results.iter().map(|r| r["image_path"].as_str().unwrap()).collect();
        assert_eq!(paths.len(), 10);
        assert_eq!(paths.iter().collect::<std::collections::BTreeSet<_>>().len(), 10, "one result an image");
        assert!(results.windows(2).all(|r| r[0]["score"].as_f64() >= r[1]["score"].as_f64()));
        if let Some(rank) = paths.iter().position(|path| *path == samples[row]["image_path"]) {
            within[rank + 1..].iter_mut().for_each(|n| *n += 1.0 / truth.len() as f64);
        }
    }
    println!("R@1 {:.4}, R@5 {:.4}, R@10 {:.4}", within[1], within[5], within[10]);
    for (k, expected) in [(1, 0.740), (5, 0.970), (10, 0.985)] {
        assert!((within[k] - expected).abs() < 0.0006, "R@{k} is {}", within[k]);
    }
}

/// 10,696 posts about 15 events, with 410 pictures among them, sentences by MiniLM: matched text to text, every fifth
/// pair compared with the oracle's.
#[test]
fn posts_of_mediaeval_matched_text_to_text() {
    let Some(posts) = data("mediaeval2016") else { return };
    let dir = scratch("mediaeval");
    let pictures: Vec<String> = serde_json::from_value(json(&posts.join("image_rows.json"))).unwrap();
    let picture_of: HashMap<&str, usize> = pictures.iter().map(String::as_str).zip(0..).collect();
    let records = records(&posts.join("posts.csv"));
    let images = rows(&posts.join("image_384.npy"));
    let by_post = || records.iter().map(|post| images[picture_of[post["image_path"].as_str()]].as_slice());
    write_rows(&dir.join("image.npy"), by_post());

    let corpus = format!(
        "[corpus]\nname = \"mediaeval2016\"\n\
         [catalog]\nformat = \"csv\"\npath = {:?}\nmetadata = {:?}\n\
         [modalities.sentence]\npath = {:?}\n[modalities.text-384]\npath = {:?}\n\
         [modalities.image-384]\npath = \"image.npy\"\n",
        posts.join("posts.csv"),
        posts.join("metadata.jsonl"),
        posts.join("sentence_384.npy"),
        posts.join("text_384.npy"),
    );
    fs::write(dir.join("CORPUS.toml"), corpus).unwrap();
    let split_file = "name = \"semantics_sentence\"\nquery = \"sentence\"\nsearch = \"sentence\"\norder = \"highest\"\n\
        clip_text = \"text-384\"\nclip_image = \"image-384\"\n[rules]\nwords = { min = 5, max = 30 }\n\
        entity_count = { min = 2 }\ndays = { at_least = 30 }\nentities = { ignore_labels = [\"DATE\", \"TIME\", \
        \"PERCENT\", \"MONEY\", \"QUANTITY\", \"ORDINAL\", \"CARDINAL\"] }\n";
    fs::write(dir.join("split.toml"), split_file).unwrap();
    let (index, split_path) = (dir.join("index"), dir.join("split.toml"));
    mispair(&["build", text(&dir.join("CORPUS.toml")), "--out", text(&index)]);
    let selected = run_match(&index, &dir.join("selected"), &["--split", text(&split_path), "--no-balance"]);

    let vectors =
        [("sentence", "sentence_384.npy"), ("text-384", "text_384.npy")].map(|(m, f)| (m, rows(&posts.join(f))));
    let facts = metadata(&posts.join("metadata.jsonl"));
    let corpus: Corpus = (records.iter().zip(by_post()).enumerate())
        .map(|(row, (post, image))| {
            let mut sample = sample_of(post);
            raw::facts(&mut sample, &facts[&post["id"]]);
            for (modality, rows) in &vectors {
                sample.rows.push((modality, Vector::from(rows[row].as_slice())));
            }
            sample.rows.push(("image-384", Vector::from(image)));
            sample
        })
        .collect();
    let [base, ..] = published();
    let split = Split {
        name: "semantics_sentence",
        query: "sentence",
        search: "sentence",
        clip_text: "text-384",
        clip_image: "image-384",
        ..base
    };
    let rules = Rules::new(split, &corpus);
    let all = rules.rows_of(None);
    let captions: Vec<usize> = all.iter().copied().filter(|&row| rules.pristine_fails(row).is_none()).collect();
    let given = rules.given(&all);
    // All candidates, but not for all captions: that would take a minute.
    let some: Vec<usize> = captions.iter().copied().step_by(5).collect();
    let options = rules.options(&some, &given, TOLERANCE);
    let mut pairs = selected.pairs(rules.split.name);
    assert_eq!(pairs.len(), captions.len());
    pairs.retain(|pair| matches!(pair.id, SampleId::Int(id) if options.contains_key(&(id as usize))));
    let tally = selection(&rules, &options, &pairs, TOLERANCE);
    println!("{tally:?}");
    assert!(tally.pairs > 1000 && tally.same * 1000 >= tally.pairs * 999, "{tally:?}");

    let pairs = selected.pairs(rules.split.name);
    let balanced = run_match(&index, &dir.join("balanced"), &["--split", text(&split_path)]).pairs(rules.split.name);
    let from_hard = |pairs: &[Pair]| pairs.iter().filter(|p| p.hard).count();
    let half = from_hard(&pairs).min(pairs.len() - from_hard(&pairs));
    assert_eq!((from_hard(&balanced), balanced.len()), (half, 2 * half));
    assert!(balanced.iter().all(|pair| pairs.contains(pair)));
}

fn sample_of(post: &HashMap<String, String>) -> Sample {
    let mut record = serde_json::Map::new();
    for field in ["caption", "image_path", "timestamp"] {
        // An empty cell is unknown.
        record.insert(field.into(), Some(&post[field]).filter(|cell| !cell.is_empty()).cloned().into());
    }
    record.insert("id".into(), post["id"].parse::<i64>().unwrap().into());
    raw::sample(&record.into())
}

fn metadata(jsonl: &Path) -> BTreeMap<String, Value> {
    let lines = fs::read_to_string(jsonl).unwrap();
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id: SampleId = serde_json::from_value(entry["id"].clone()).unwrap();
        (id.to_string(), entry)
    };
    lines.lines().map(entry).collect()
}
