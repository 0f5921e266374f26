//! `eval veracity`.

use crate::common::{command, run_command};
use crate::desk::{data, scratch};
use mispair::evaluation::veracity::{Lexicon, Synonyms, meteor, rouge_l};
use mispair::formats::{Speech, WordNetPart, read_wordnet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// ROUGE-L and METEOR of our own sentences, as rouge-score and NLTK give them (`tests/reference_metrics.py` wrote the file).
#[test]
fn the_libraries_numbers() {
    let rows = json_of(fixture("metrics.json"));
    assert!(rows.as_array().unwrap().len() >= 20);
    for row in rows.as_array().unwrap() {
        let (predicted, truth) = (row["predicted"].as_str().unwrap(), row["truth"].as_str().unwrap());
        for (name, ours) in [("rouge_l", rouge_l(predicted, truth)), ("meteor", meteor(predicted, truth, None))] {
            let want = row[name].as_f64().unwrap();
            assert!((ours - want).abs() < 1e-6, "{name} of {predicted:?} and {truth:?}: {ours}, not {want}");
        }
    }
}

/// The same of 372 real rows, those in Indic scripts among them: the texts are the data's, the numbers are the libraries'.
#[test]
fn the_libraries_numbers_of_5pils() {
    let Some(folder) = data("5pils_ooc") else { return };
    let numbers = json_of(fixture("metrics_5pils.json"));
    let rows = json_of(folder.join("test.json"));
    let (mut compared, mut indic, mut worst) = (0, 0, 0.0_f64);
    for (number, wanted) in numbers.as_object().unwrap() {
        let row = &rows[number.parse::<usize>().unwrap()];
        let texts = std::iter::once(&row["caption"]).chain(row["evidence_captions"].as_array().unwrap());
        let texts: Vec<&str> = texts.map(|t| t.as_str().unwrap()).collect();
        indic += usize::from(texts.iter().any(|t| t.chars().any(|c| ('\u{900}'..='\u{dff}').contains(&c))));
        for (pair, want) in texts.windows(2).zip(wanted.as_array().unwrap()) {
            for (ours, want) in
                [rouge_l(pair[0], pair[1]), meteor(pair[0], pair[1], None)].into_iter().zip(want.as_array().unwrap())
            {
                let off = (ours - want.as_f64().unwrap()).abs();
                assert!(off < 1e-6, "row {number}: {ours}, not {want}: {pair:?}");
                worst = worst.max(off);
                compared += 1;
            }
        }
    }
    assert!(numbers.as_object().unwrap().len() >= 200 && indic >= 150 && compared > 1000);
    println!(
        "{compared} numbers of {} rows, {indic} with Indic scripts; largest difference {worst:.1e}",
        numbers.as_object().unwrap().len()
    );
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json_of(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn dictionary(folder: &Path) -> Synonyms {
    let [nouns, verbs, adjectives, adverbs] = Speech::ALL.map(|speech| {
        let files = speech.files().map(|name| (fs::read(folder.join(&name)).unwrap(), folder.join(name)));
        let read = read_wordnet(speech, files.each_ref().map(|(bytes, path)| (&bytes[..], path.as_path())));
        let WordNetPart { senses, words, irregular } = read.unwrap();
        Lexicon { senses, words, irregular }
    });
    Synonyms { nouns, verbs, adjectives, adverbs }
}

/// Sentences of a made-up dictionary's words, as NLTK matches them; most of them match by their synonyms.
#[test]
fn synonyms_of_a_made_up_dictionary() {
    let dictionary = dictionary(&fixture("wordnet"));
    let mut more = 0;
    for row in json_of(fixture("metrics_wordnet.json")).as_array().unwrap() {
        let (predicted, truth) = (row["predicted"].as_str().unwrap(), row["truth"].as_str().unwrap());
        for (field, dictionary) in [("meteor", Some(&dictionary)), ("without", None)] {
            let (ours, want) = (meteor(predicted, truth, dictionary), row[field].as_f64().unwrap());
            assert!((ours - want).abs() < 1e-9, "{field} of {predicted:?} and {truth:?}: {ours}, not {want}");
        }
        more += usize::from(row["meteor"].as_f64() > row["without"].as_f64());
    }
    assert!(more >= 10);
}

/// WordNet 3.0: in the folder that `MISPAIR_WORDNET` names, or where Debian's package puts it.
fn wordnet() -> Option<Synonyms> {
    let net = PathBuf::from(std::env::var_os("MISPAIR_WORDNET").unwrap_or("/usr/share/wordnet".into()));
    let licence =
        fs::read(net.join("data.noun")).map(|b| String::from_utf8_lossy(&b[..b.len().min(2000)]).into_owned());
    if !licence.is_ok_and(|text| text.contains("WordNet 3.0 Copyright")) {
        println!("skipped: {} is not WordNet 3.0; name its folder in MISPAIR_WORDNET", net.display());
        return None;
    }
    Some(dictionary(&net))
}

/// METEORs of pairs of texts with a dictionary, which are NLTK's; how many of them it changes.
fn as_nltk<'t>(dictionary: &Synonyms, pairs: impl Iterator<Item = (&'t str, &'t str, f64)>) -> usize {
    let (mut compared, mut changed, mut worst) = (0, 0, 0.0_f64);
    for (predicted, truth, want) in pairs {
        let ours = meteor(predicted, truth, Some(dictionary));
        assert!((ours - want).abs() < 1e-6, "{ours}, not {want}: {predicted:?} and {truth:?}");
        worst = worst.max((ours - want).abs());
        compared += 1;
        changed += usize::from(ours != meteor(predicted, truth, None));
    }
    println!("{compared} METEORs, {changed} of them changed by synonyms; largest difference {worst:.1e}");
    changed
}

/// The same 372 real rows.
#[test]
fn synonyms_of_wordnet_in_5pils() {
    let (Some(folder), Some(dictionary)) = (data("5pils_ooc"), wordnet()) else { return };
    let (rows, wanted) = (json_of(folder.join("test.json")), json_of(fixture("metrics_5pils_wordnet.json")));
    let mut pairs = Vec::new();
    for (number, wanted) in wanted.as_object().unwrap() {
        let row = &rows[number.parse::<usize>().unwrap()];
        let texts = std::iter::once(&row["caption"]).chain(row["evidence_captions"].as_array().unwrap());
        let texts: Vec<&str> = texts.map(|t| t.as_str().unwrap()).collect();
        let wanted = wanted.as_array().unwrap();
        pairs.extend(texts.windows(2).zip(wanted).map(|(t, want)| (t[0], t[1], want.as_f64().unwrap())));
    }
    assert!(wanted.as_object().unwrap().len() >= 200 && as_nltk(&dictionary, pairs.into_iter()) >= 50);
}

/// The first two captions of photos: one thing said in different words.
#[test]
fn synonyms_of_wordnet_in_flickr8k() {
    let (Some(folder), Some(dictionary)) = (data("flickr8k"), wordnet()) else { return };
    let mut photos: Vec<(String, Vec<String>)> = Vec::new();
    for row in csv::Reader::from_path(folder.join("captions.csv")).unwrap().deserialize() {
        let (path, caption): (String, String) = row.unwrap();
        match photos.last_mut() {
            Some((last, captions)) if *last == path => captions.push(caption),
            _ => photos.push((path, vec![caption])),
        }
    }
    let wanted = json_of(fixture("metrics_flickr8k_wordnet.json"));
    let wanted: Vec<f64> = wanted.as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
    let pairs = photos.iter().zip(&wanted).map(|((_, c), &want)| (c[0].as_str(), c[1].as_str(), want));
    assert!(wanted.len() == 500 && as_nltk(&dictionary, pairs) >= 50);
}

#[test]
fn the_verb_reads_a_dictionary() {
    let dir = scratch("veracity-wordnet");
    fs::write(dir.join("truth.jsonl"), "{\"id\": 1, \"event\": \"A vessel mails blades\"}\n").unwrap();
    fs::write(dir.join("said.jsonl"), "{\"id\": 1, \"event\": \"The ship sent knives\"}\n").unwrap();
    fs::create_dir(dir.join("net")).unwrap();
    for file in Speech::ALL.iter().flat_map(|s| s.files()) {
        fs::copy(fixture("wordnet").join(&file), dir.join("net").join(file)).unwrap();
    }
    let line = "eval veracity --truth truth.jsonl --predictions said.jsonl --wordnet net";
    let report: Value = serde_json::from_str(&ask(&dir, &format!("{line} --format json")).ok().out).unwrap();
    assert_eq!(report["context"]["event"]["METEOR"]["mean"], 0.46875);
    assert_eq!(report["meteor_matches"], json!(["stems", "synonyms"]));
    assert!(ask(&dir, line).ok().out.contains("METEOR matches equal words, stems, synonyms"));

    let verbs = fs::read_to_string(dir.join("net/index.verb")).unwrap();
    fs::write(dir.join("net/index.verb"), verbs.replace("ship v 1", "ship v 2")).unwrap();
    let number = 1 + verbs.lines().position(|l| l.starts_with("ship ")).unwrap();
    ask(&dir, line).fails(1, &["net/index.verb", &format!("line {number}"), "\"ship\" has 2 senses"]);
    fs::remove_file(dir.join("net/adj.exc")).unwrap();
    fs::write(dir.join("net/index.verb"), verbs).unwrap();
    ask(&dir, line).fails(1, &["net/adj.exc", "--wordnet"]);
}

fn ask(dir: &Path, line: &str) -> crate::common::Run {
    run_command(command().current_dir(dir).args(line.split(' ')))
}

#[test]
fn the_verb_counts_by_id() {
    let dir = scratch("veracity");
    let truth = json!([
        {"id": 1, "label": "pristine", "date": ["2016-01-14T00:00:00+00:00"], "people": ["Ada Lane", "Ben Ruiz"], "event": "a flood"},
        {"id": 2, "label": "falsified", "date": "not enough information", "people": "not enough information", "event": "a fire"},
        {"id": 3, "label": "falsified", "date": "2018", "event": "a march"}
    ]);
    fs::write(dir.join("truth.json"), truth.to_string()).unwrap();
    // Another order; an answer is missing; one about nobody.
    let lines = [
        json!({"id": "3", "verdict": "undecided", "date": "in 2019, or 2018", "people": "x", "event": "unknown"}),
        json!({"id": 1, "verdict": "accurate", "date": "January 2018", "people": "ada lane", "event": "A flood."}),
        json!({"id": 9, "verdict": "accurate", "date": "2011", "people": "y", "event": "z"}),
    ];
    fs::write(dir.join("said.jsonl"), lines.map(|l| l.to_string()).join("\n")).unwrap();
    let run =
        ask(&dir, "eval veracity --truth truth.json --predictions said.jsonl --rows rows.jsonl --format json").ok();
    assert!(
        run.err.contains("1 predictions about ids that the truth lacks, the first are 9")
            && run.err.contains("1 of 3 rows")
    );
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let v = &report["veracity"];
    assert_eq!((v["rows"].as_u64(), v["decided"].as_u64()), (Some(3), Some(1)));
    assert_eq!(v["confusion"], json!([[1, 0, 0], [0, 0, 2]]));
    let near = |value: &Value, want: f64| assert!((value.as_f64().unwrap() - want).abs() < 1e-9, "{value}: {want}");
    near(&v["accuracy"], 1.0 / 3.0);
    near(&v["macro_f1"], 0.5);
    let of = |item: &str, measure: &str| &report["context"][item][measure];
    // 2018-01-14 is two years from 2016-01-14; of "2019, or 2018" the second is right.
    near(&of("date", "date Δ")["mean"], (1.0 / 3.0 + 1.0) / 2.0);
    assert_eq!(of("date", "date Δ")["rows"], 2);
    near(&of("people", "F1")["mean"], 2.0 / 3.0);
    near(&of("event", "ROUGE-L")["mean"], 1.0 / 3.0);
    assert_eq!(
        (of("event", "ROUGE-L")["rows"].as_u64(), of("event", "ROUGE-L")["answered"].as_u64()),
        (Some(3), Some(1))
    );
    assert_eq!(fs::read_to_string(dir.join("rows.jsonl")).unwrap().lines().count(), 2 + 3 + 6);
    assert!(ask(&dir, "eval veracity --truth truth.json --predictions said.jsonl").ok().out.contains("macro-F1"));

    fs::write(dir.join("strangers.jsonl"), "{\"id\": 77, \"verdict\": \"accurate\"}\n").unwrap();
    ask(&dir, "eval veracity --truth truth.json --predictions strangers.jsonl").fails(1, &["none of its 1 ids", "77"]);
    fs::write(dir.join("twice.jsonl"), "{\"id\": 1, \"verdict\": \"a\"}\n{\"id\": 1, \"verdict\": \"b\"}\n").unwrap();
    ask(&dir, "eval veracity --truth truth.json --predictions twice.jsonl").fails(1, &["line 2", "stands twice"]);
    // Rows without ids are never joined by their places.
    fs::write(dir.join("placed.csv"), "verdict\naccurate\naccurate\n").unwrap();
    let line = "eval veracity --truth truth.json --predictions placed.csv";
    ask(&dir, line).fails(1, &["placed.csv", "no column \"id\"", "--id-column"]);
    fs::write(dir.join("some.jsonl"), "{\"id\": 1, \"verdict\": \"accurate\"}\n{\"verdict\": \"accurate\"}\n").unwrap();
    ask(&dir, "eval veracity --truth truth.json --predictions some.jsonl")
        .fails(1, &["some.jsonl", "line 2", "\"id\""]);
    fs::write(dir.join("odd.csv"), "id,label\n1,perhaps\n").unwrap();
    ask(&dir, "eval veracity --truth odd.csv --predictions said.jsonl").fails(1, &["odd.csv", "id 1", "perhaps"]);
    fs::write(dir.join("none.csv"), "id,colour\n1,red\n").unwrap();
    ask(&dir, "eval veracity --truth none.csv --predictions said.jsonl").fails(1, &["none.csv", "context item"]);
}

/// 5Pils-OOC: the truth against itself is perfect in every measure, places included.
#[test]
fn the_truth_of_5pils_against_itself() {
    let Some(folder) = data("5pils_ooc") else { return };
    let dir = scratch("5pils");
    let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(folder.join("test.json")).unwrap()).unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|r| {
            let label = if r["id"] == r["image_id"] { "accurate" } else { "out-of-context" };
            json!({"id": r["id"], "label": label, "verdict": label, "source": r["source"], "date": r["date_numeric_label"],
                "location": r["location"], "motivation": r["motivation"]})
            .to_string()
        })
        .collect();
    fs::write(dir.join("truth.jsonl"), lines.join("\n")).unwrap();
    let places = folder.join("geonames.json");
    let line = format!(
        "eval veracity --truth truth.jsonl --predictions truth.jsonl --geonames {} --format json",
        places.display()
    );
    let report: Value = serde_json::from_str(&ask(&dir, &line).ok().out).unwrap();
    println!("{report}");
    assert_eq!((report["veracity"]["accuracy"].as_f64(), report["veracity"]["rows"].as_u64()), (Some(1.0), Some(1248)));
    for (item, measure) in
        [("source", "ROUGE-L"), ("date", "date Δ"), ("location", "coordinate Δ"), ("location", "hierarchy Δ")]
    {
        let m = &report["context"][item][measure];
        assert!(m["rows"].as_u64() > Some(200), "{item} {measure}: {m}");
        assert!((m["mean"].as_f64().unwrap() - 1.0).abs() < 0.02, "{item} {measure}: {m}");
    }
}
