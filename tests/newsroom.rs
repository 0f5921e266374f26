//! The fear: the made-up newsroom is what the demo shows, what other tests read and what benchmarks
//! search. If it differed between machines, lacked the oddities of real archives or had vectors
//! unlike CLIP's, all of them would prove less than they say. Everything here is measured from the
//! written files; only counts are compared with the report.

use mispair::newsroom::{Error, FEWEST, MATRICES, MOST, Newsroom, Report, generate};
use mispair::words::Timestamp;
use mispair::words::text::{count_words, normalise_name};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const PARTITIONS: [&str; 3] = ["train", "val", "test"];

/// The demo's newsroom, written once for all tests of this file.
struct Demo {
    dir: PathBuf,
    report: Report,
    catalog: Vec<Value>,
    metadata: [Map<String, Value>; 3],
    /// By matrix: `(key, vector)` of every row, all partitions.
    rows: Vec<BTreeMap<i64, Vec<f32>>>,
}

static DEMO: LazyLock<Demo> = LazyLock::new(|| {
    // A static is never dropped: a fixed folder, so that runs do not pile up.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newsroom-demo");
    let _ = fs::remove_dir_all(&dir);
    let report = generate(&dir, &Newsroom::default(), &mut |_, _| {}).unwrap();
    let news = dir.join("news_clippings");
    let json = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let Value::Array(catalog) = json(dir.join("visual_news/origin/data.json")) else { panic!("no array") };
    let metadata = PARTITIONS.map(|p| match json(news.join(format!("metadata/{p}.json"))) {
        Value::Object(entries) => entries,
        other => panic!("no object: {other}"),
    });
    let rows = MATRICES.iter().enumerate().map(|(m, (name, width))| {
        let mut all = BTreeMap::new();
        for (part, counts) in PARTITIONS.iter().zip(&report.partitions) {
            let rows = read_pickle(&news.join(format!("embeddings/{name}/{name}_{part}.pkl")), *width);
            assert_eq!(rows.len(), counts.rows[m] as usize, "{name} {part}");
            all.extend(rows);
        }
        all
    });
    let rows = rows.collect();
    Demo { dir, report, catalog, metadata, rows }
});

/// Reads what `newsroom` writes, and nothing else: a key is a BININT after MARK or BUILD, its vector
/// the next BINBYTES.
fn read_pickle(path: &Path, width: u16) -> Vec<(i64, Vec<f32>)> {
    let bytes = fs::read(path).unwrap();
    let (mut at, mut before, mut key, mut rows) = (0, 0u8, 0i64, Vec::new());
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    while at < bytes.len() {
        let op = bytes[at];
        at += 1;
        at += match op {
            0x80 | b'K' | b'h' => 1,
            b'M' => 2,
            0x95 => 8,
            0x8c | b'C' => 1 + usize::from(bytes[at]),
            b'J' => {
                if matches!(before, b'(' | b'b') {
                    key = i64::from(number(at) as i32);
                }
                4
            }
            b'B' => {
                let length = number(at) as usize;
                let row = bytes[at + 4..at + 4 + length].as_chunks::<4>().0;
                assert_eq!(row.len(), usize::from(width));
                rows.push((key, row.iter().map(|b| f32::from_le_bytes(*b)).collect()));
                4 + length
            }
            b'}' | 0x94 | b'(' | 0x93 | 0x85 | 0x87 | b'R' | 0x89 | 0x88 | b'N' | b't' | b'b' | b'u' => 0,
            b'.' => break,
            other => panic!("{}: opcode {other:#x} at {at}", path.display()),
        };
        // A frame may stand anywhere.
        if op != 0x95 {
            before = op;
        }
    }
    assert_eq!(at, bytes.len(), "{}: bytes after STOP", path.display());
    rows
}

/// Every file below `dir` with its bytes' checksum.
fn checksums(dir: &Path) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().replace('\\', "/");
                sums.insert(name, xxhash_rust::xxh3::xxh3_64(&fs::read(&path).unwrap()));
            }
        }
    }
    sums
}

fn generated(settings: &Newsroom, threads: usize) -> BTreeMap<String, u64> {
    let dir = tempfile::tempdir().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| generate(dir.path(), settings, &mut |_, _| {})).unwrap();
    checksums(dir.path())
}

#[test]
fn same_settings_same_bytes_at_any_number_of_threads() {
    // More than one batch, the last of them short.
    let settings = Newsroom { samples: 2300, seed: 11 };
    let once = generated(&settings, 1);
    assert_eq!(once.len(), 1 + 3 + 3 * MATRICES.len());
    assert_eq!(once, generated(&settings, 1));
    assert_eq!(once, generated(&settings, 2));
    let other = generated(&Newsroom { seed: 12, ..settings }, 2);
    assert!(once.iter().all(|(name, sum)| other[name] != *sum));
}

/// Pinned, so that another machine or compiler that rounds or draws differently is noticed. Whoever
/// changes what is made up changes these numbers, and says so.
#[test]
fn the_smallest_newsroom_is_known_to_the_byte() {
    let sums = generated(&Newsroom { samples: FEWEST, seed: 7 }, 2);
    let seen = [
        "visual_news/origin/data.json",
        "news_clippings/metadata/val.json",
        "news_clippings/embeddings/clip_image_embeddings/clip_image_embeddings_val.pkl",
        "news_clippings/embeddings/clip_text_embeddings/clip_text_embeddings_val.pkl",
        "news_clippings/embeddings/sbert_embeddings/sbert_embeddings_val.pkl",
        "news_clippings/embeddings/places_resnet50/places_resnet50_val.pkl",
    ]
    .map(|name| format!("{:016x}", sums[name]));
    assert_eq!(
        seen,
        [
            "e3f27dc1d7656bf7",
            "4ce9f87df08b3b3d",
            "776ff854130d91c4",
            "9d5de753f9718c8e",
            "989ae134e0757e8d",
            "878e270c741a4038",
        ]
    );
}

#[test]
fn progress_ends_at_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    generate(dir.path(), &Newsroom { samples: 2300, seed: 1 }, &mut |done, all| told.push((done, all))).unwrap();
    assert!(told.is_sorted() && told.iter().all(|(_, all)| *all == 2300));
    assert_eq!(told.last(), Some(&(2300, 2300)));
}

#[test]
fn refuses_what_it_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    for samples in [0, FEWEST - 1, MOST + 1] {
        let refused = generate(&dir.path().join("new"), &Newsroom { samples, seed: 0 }, &mut |_, _| {});
        assert!(matches!(refused, Err(Error::Samples { got }) if got == samples));
    }
    assert!(!dir.path().join("new").exists());

    fs::write(dir.path().join("mine.txt"), "mine").unwrap();
    let settings = Newsroom { samples: FEWEST, seed: 0 };
    let refused = generate(dir.path(), &settings, &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, Error::Occupied { .. }));
    assert!(refused.to_string().starts_with(dir.path().to_str().unwrap()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    // A file where a folder should be.
    let refused = generate(&dir.path().join("mine.txt/room"), &settings, &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, Error::Write { .. }), "{refused}");
}

#[test]
fn the_files_hold_what_the_report_says() {
    let demo = &*DEMO;
    assert_eq!(demo.catalog.len(), 6000);
    let ids: HashSet<i64> = demo.catalog.iter().map(|r| r["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 6000);
    let samples: Vec<u32> = demo.report.partitions.iter().map(|p| p.samples).collect();
    assert_eq!(samples, [4200, 900, 900]);
    let by_id: HashMap<String, &Value> = demo.catalog.iter().map(|r| (r["id"].to_string(), r)).collect();
    for (entries, counts) in demo.metadata.iter().zip(&demo.report.partitions) {
        assert_eq!(entries.len(), counts.metadata as usize);
        for (id, entry) in entries {
            for key in ["caption", "source", "topic", "image_path"] {
                assert_eq!(entry[key], by_id[id][key], "{id} {key}");
            }
            assert!(!entry["title"].as_str().unwrap().is_empty());
        }
    }
    for (rows, (name, _)) in demo.rows.iter().zip(MATRICES) {
        assert!(rows.keys().all(|key| ids.contains(key)), "{name}");
        assert!(rows.values().flatten().all(|x| x.is_finite()), "{name}");
    }
    for (name, count) in &demo.report.oddities {
        assert!(*count > 0, "none at all: {name}");
    }
}

#[test]
fn reads_like_news() {
    let demo = &*DEMO;
    let (mut labels, mut lengths, mut topics, mut outlets) =
        (HashMap::new(), Vec::new(), HashSet::new(), HashSet::new());
    let mut mentions_in = [0; 8];
    for entry in demo.metadata.iter().flat_map(Map::values) {
        let caption = entry["caption"].as_str().unwrap();
        lengths.push(count_words(caption));
        topics.insert(entry["topic"].as_str().unwrap());
        outlets.insert(entry["source"].as_str().unwrap());
        let path: Vec<&str> = entry["image_path"].as_str().unwrap().split('/').collect();
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        assert!(path.len() == 5 && path[0] == "." && path[2] == "images", "{path:?}");
        assert!(digits(path[3], 4) && digits(path[4].strip_suffix(".jpg").unwrap(), 3), "{path:?}");
        let Some(mentions) = entry.get("caption_entities_spacy") else { continue };
        mentions_in[mentions.as_array().unwrap().len()] += 1;
        let mut persons = Vec::new();
        for mention in mentions.as_array().unwrap() {
            let (text, label) = (mention[0].as_str().unwrap(), mention[1].as_str().unwrap());
            assert!(caption.contains(text), "{text:?} in {caption:?}");
            *labels.entry(label).or_insert(0) += 1;
            if label == "PERSON" {
                persons.push(normalise_name(text));
            }
        }
        for link in entry["caption_entities_rel"].as_array().unwrap() {
            assert!(!link[0].as_str().unwrap().is_empty() && (0.5..1.0).contains(&link[1].as_f64().unwrap()));
        }
        // Whoever is pictured is named, and boxed.
        for name in entry.get("pictured").and_then(Value::as_array).into_iter().flatten() {
            assert!(persons.contains(&normalise_name(name.as_str().unwrap())), "{name} in {persons:?}");
        }
    }
    for label in ["PERSON", "GPE", "ORG", "NORP", "EVENT", "FAC", "DATE", "CARDINAL", "MONEY"] {
        assert!(labels.get(label).is_some_and(|n| *n >= 20), "{label}: {labels:?}");
    }
    assert!(topics.len() >= 8 && outlets.len() == 4);
    let usual = lengths.iter().filter(|n| (5..=30).contains(*n)).count() as f64 / lengths.len() as f64;
    assert!((0.90..0.98).contains(&usual), "{usual}");
    assert!(lengths.iter().any(|n| *n < 5) && lengths.iter().any(|n| *n > 30));
    assert!(mentions_in[..6].iter().all(|n| *n > 0), "{mentions_in:?}");
}

/// What trips readers and matchers in real archives is here, too.
#[test]
fn has_the_oddities_of_real_archives() {
    let demo = &*DEMO;
    let entries = || demo.metadata.iter().flat_map(Map::values);
    let count = |is: &dyn Fn(&Value) -> bool| entries().filter(|e| is(e)).count();
    let text = |e: &Value, s: &str| e["caption"].as_str().unwrap().contains(s);
    for (what, n) in [
        ("no timestamp", count(&|e| e.get("timestamp").is_none())),
        ("bare date", count(&|e| e.get("timestamp").is_some_and(|t| t.as_str().unwrap().len() == 10))),
        ("no entity list", count(&|e| e.get("caption_entities_spacy").is_none())),
        ("empty entity list", count(&|e| e.get("caption_entities_spacy").is_some_and(|l| l == &Value::Array(vec![])))),
        ("generic", count(&|e| e.get("generic") == Some(&true.into()))),
        ("not generic", count(&|e| e.get("generic") == Some(&false.into()))),
        ("corrupted", count(&|e| e.get("corrupted") == Some(&true.into()))),
        ("no boxes key", count(&|e| e.get("person_boxes").is_none())),
        ("nobody boxed", count(&|e| e.get("person_boxes") == Some(&0.into()))),
        ("no pictured key", count(&|e| e.get("pictured").is_none())),
        ("nobody pictured", count(&|e| e.get("pictured").is_some_and(|l| l == &Value::Array(vec![])))),
        ("possessive", count(&|e| text(e, "'s "))),
        ("curly possessive", count(&|e| text(e, "\u{2019}s "))),
    ] {
        assert!(n >= 10, "{what}: {n}");
    }
    for entry in entries() {
        if let Some(time) = entry.get("timestamp") {
            let time = Timestamp::parse(time.as_str().unwrap()).unwrap();
            assert!(("2008-01-01".."2019-12-31").contains(&&*time.to_iso()), "{}", time.to_iso());
        }
    }

    let mut paths: HashMap<&str, Vec<i64>> = HashMap::new();
    for record in &demo.catalog {
        paths.entry(record["image_path"].as_str().unwrap()).or_default().push(record["id"].as_i64().unwrap());
    }
    let shared: Vec<_> = paths.values().filter(|ids| ids.len() > 1).collect();
    assert!(shared.len() >= 20, "{}", shared.len());
    let images = &demo.rows[0];
    for ids in shared {
        let vectors: HashSet<_> = ids.iter().filter_map(|id| images.get(id)).map(|v| bits(v)).collect();
        assert!(vectors.len() <= 1, "one picture, two vectors: {ids:?}");
    }
    for rows in &demo.rows {
        let distinct: HashSet<_> = rows.values().map(|v| bits(v)).collect();
        assert!(distinct.len() + 20 <= rows.len(), "{} of {} rows are distinct", distinct.len(), rows.len());
    }
    let (mut near, units) = (0, unit_rows(images));
    for (at, (_, a)) in units.iter().enumerate() {
        near += units[..at].iter().filter(|(_, b)| (0.95..0.9999).contains(&dot(a, b))).count();
    }
    assert!(near >= 20, "{near} near-duplicate pictures");

    // One link, two ways to write it.
    let mut surfaces: HashMap<String, HashSet<String>> = HashMap::new();
    for entry in entries() {
        let links = entry["caption_entities_rel"].as_array().unwrap();
        let persons: Vec<&Value> = entry
            .get("caption_entities_spacy")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|mention| mention[1] == "PERSON")
            .collect();
        if let ([mention], Some(link)) = (&persons[..], links.first()) {
            let (name, title) =
                (normalise_name(mention[0].as_str().unwrap()), link[0].as_str().unwrap().to_lowercase());
            if title.split(" (").next().unwrap().ends_with(&name) {
                surfaces.entry(title).or_default().insert(name);
            }
        }
    }
    assert!(surfaces.values().filter(|names| names.len() > 1).count() >= 20);
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|x| x.to_bits()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight running sums, so that a debug-friendly loop still vectorises.
    let mut sums = [0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}

fn unit_rows(rows: &BTreeMap<i64, Vec<f32>>) -> Vec<(i64, Vec<f32>)> {
    rows.iter()
        .map(|(id, v)| {
            let norm = dot(v, v).sqrt();
            (*id, v.iter().map(|x| x / norm).collect())
        })
        .collect()
}

/// Mean and standard deviation.
fn spread(values: impl IntoIterator<Item = f32>) -> (f32, f32) {
    let values: Vec<f32> = values.into_iter().collect();
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / values.len() as f32;
    (mean, variance.sqrt())
}

/// The geometry of CLIP ViT-B/32 on real news, as far as matching depends on it.
#[test]
fn vectors_lie_as_clip_vectors_do() {
    let demo = &*DEMO;
    for (rows, (name, _)) in demo.rows.iter().zip(MATRICES) {
        let (mean, deviation) = spread(rows.values().map(|v| dot(v, v).sqrt()));
        assert!((0.05..0.15).contains(&(deviation / mean)), "{name}: norms {mean} ± {deviation}");
    }
    assert!(demo.rows[3].values().flatten().all(|x| *x >= 0.0));

    let images = unit_rows(&demo.rows[0]);
    let texts: HashMap<i64, Vec<f32>> = unit_rows(&demo.rows[1]).into_iter().collect();
    let (mut pairs, mut others, mut neighbours, mut first, mut asked) = (vec![], vec![], vec![], 0, 0);
    for (at, (id, image)) in images.iter().enumerate().step_by(7) {
        let Some(text) = texts.get(id) else { continue };
        let pair = dot(text, image);
        pairs.push(pair);
        others.push(dot(text, &images[(at + 1000) % images.len()].1));
        asked += 1;
        first += usize::from(images.iter().all(|(_, other)| dot(text, other) <= pair));
        let nearest =
            images.iter().filter(|(other, _)| other != id).map(|(_, other)| dot(image, other)).fold(-1.0, f32::max);
        neighbours.push(nearest);
    }
    let (pair, _) = spread(pairs);
    let (other, _) = spread(others.iter().copied());
    let (neighbour, _) = spread(neighbours);
    others.sort_by(f32::total_cmp);
    let recall = first as f32 / asked as f32;
    println!("pairs {pair:.3}, others {other:.3}, neighbours {neighbour:.3}, text→image R@1 {recall:.3}");
    assert!((0.25..0.35).contains(&pair), "CTI of pairs {pair}");
    assert!((0.05..0.20).contains(&others[others.len() / 10]) && others[others.len() * 9 / 10] < 0.25);
    assert!((0.70..0.85).contains(&neighbour), "nearest images {neighbour}");
    assert!((0.2..0.6).contains(&recall), "R@1 {recall}");
}

/// A scan by the rules of the caption-to-image split: neither H nor L may be rare.
#[test]
fn wrong_images_are_convincing_for_a_good_part_of_the_captions() {
    struct Eligible<'a> {
        time: Timestamp,
        names: HashSet<String>,
        path: &'a str,
        image: Vec<f32>,
        text: Vec<f32>,
    }
    let demo = &*DEMO;
    let images: HashMap<i64, Vec<f32>> = unit_rows(&demo.rows[0]).into_iter().collect();
    let texts: HashMap<i64, Vec<f32>> = unit_rows(&demo.rows[1]).into_iter().collect();
    let numeric = ["DATE", "CARDINAL", "MONEY"];
    let eligible = |(id, entry): (&String, &'static Value)| -> Option<Eligible<'static>> {
        let id: i64 = id.parse().unwrap();
        let mentions = entry.get("caption_entities_spacy")?.as_array()?;
        let words = count_words(entry["caption"].as_str()?);
        let corrupted = entry.get("corrupted") == Some(&true.into());
        if !(5..=30).contains(&words) || mentions.len() < 2 || corrupted {
            return None;
        }
        let mut names: HashSet<String> = mentions
            .iter()
            .filter(|m| !numeric.contains(&m[1].as_str().unwrap()))
            .map(|m| normalise_name(m[0].as_str().unwrap()))
            .collect();
        names.extend(entry["caption_entities_rel"].as_array()?.iter().map(|l| format!("→{}", l[0])));
        Some(Eligible {
            time: Timestamp::parse(entry.get("timestamp")?.as_str()?)?,
            names,
            path: entry["image_path"].as_str()?,
            image: images.get(&id)?.clone(),
            text: texts.get(&id)?.clone(),
        })
    };
    for (entries, name) in demo.metadata.iter().zip(PARTITIONS) {
        let samples: Vec<Eligible<'_>> = entries.iter().filter_map(eligible).collect();
        let share = samples.len() as f32 / entries.len() as f32;
        assert!((0.7..0.95).contains(&share), "{name}: {share} eligible");
        let (mut high, mut asked) = (0, 0);
        for p in samples.iter().step_by(samples.len() / 400) {
            let bar = dot(&p.text, &p.image);
            asked += 1;
            high += usize::from(samples.iter().any(|f| {
                f.path != p.path
                    && dot(&p.text, &f.image) >= bar
                    && f.time.at_least_days_apart(p.time, 30)
                    && f.names.is_disjoint(&p.names)
            }));
        }
        let share = high as f32 / asked as f32;
        println!("{name}: {share:.2} of {asked} captions have a wrong image at least as convincing as their own");
        assert!((0.2..0.6).contains(&share), "{name}: {share}");
    }
}

/// The oracle for the pickles is numpy itself, where there is one.
#[test]
fn numpy_reads_the_same_numbers() {
    let demo = &*DEMO;
    let file = demo.dir.join("news_clippings/embeddings/sbert_embeddings/sbert_embeddings_test.pkl");
    let script = "import pickle, sys, warnings\nwarnings.simplefilter('ignore')\nimport numpy\n\
        d = pickle.load(open(sys.argv[1], 'rb'))\n\
        assert all(type(k) is int and type(v) is numpy.ndarray and v.shape == (768,) for k, v in d.items())\n\
        assert {str(v.dtype) for v in d.values()} == {'float32'}\n\
        print(len(d), *(f'{k}:{float(v[0]).hex()}:{float(v[-1]).hex()}' for k, v in d.items()))";
    let python = std::env::var("MISPAIR_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_numpy = std::process::Command::new(&python).args(["-c", "import numpy"]).output();
    if !has_numpy.is_ok_and(|out| out.status.success()) {
        println!("skipped: {python} has no numpy (MISPAIR_PYTHON names another interpreter)");
        return;
    }
    let out = std::process::Command::new(&python).args(["-c", script]).arg(&file).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8(out.stdout).unwrap();
    let mut said = said.split_whitespace();
    let rows = read_pickle(&file, 768);
    assert_eq!(said.next(), Some(rows.len().to_string().as_str()));
    for ((key, row), line) in rows.iter().zip(said) {
        let parts: Vec<&str> = line.split(':').collect();
        assert_eq!(parts[0], key.to_string());
        assert_eq!([row[0], row[767]].map(f64::from), [parts[1], parts[2]].map(from_hex));
    }
}

/// `float.hex()` of Python: `-0x1.8000000000000p+1`.
fn from_hex(text: &str) -> f64 {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (mantissa, exponent) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap();
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).unwrap() as f64;
    let exponent: i32 = exponent.parse().unwrap();
    sign * digits * 2f64.powi(exponent - 4 * fraction.len() as i32)
}
