//! `eval veracity`.

use crate::common::{command, run_command};
use crate::desk::{data, scratch};
use mispair::evaluation::veracity::{meteor, rouge_l};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// ROUGE-L and METEOR of our own sentences, as rouge-score and NLTK give them (`tests/reference_metrics.py` wrote the file).
#[test]
fn the_libraries_numbers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics.json");
    let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(rows.len() >= 20);
    for row in rows {
        let (predicted, truth) = (row["predicted"].as_str().unwrap(), row["truth"].as_str().unwrap());
        for (name, ours) in [("rouge_l", rouge_l(predicted, truth)), ("meteor", meteor(predicted, truth))] {
            let want = row[name].as_f64().unwrap();
            assert!((ours - want).abs() < 1e-6, "{name} of {predicted:?} and {truth:?}: {ours}, not {want}");
        }
    }
}

/// The same of 372 real rows, those in Indic scripts among them: the texts are the data's, the numbers are the libraries'.
#[test]
fn the_libraries_numbers_of_5pils() {
    let Some(folder) = data("5pils_ooc") else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics_5pils.json");
    let numbers: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(folder.join("test.json")).unwrap()).unwrap();
    let (mut compared, mut indic, mut worst) = (0, 0, 0.0_f64);
    for (number, wanted) in numbers.as_object().unwrap() {
        let row = &rows[number.parse::<usize>().unwrap()];
        let texts = std::iter::once(&row["caption"]).chain(row["evidence_captions"].as_array().unwrap());
        let texts: Vec<&str> = texts.map(|t| t.as_str().unwrap()).collect();
        indic += usize::from(texts.iter().any(|t| t.chars().any(|c| ('\u{900}'..='\u{dff}').contains(&c))));
        for (pair, want) in texts.windows(2).zip(wanted.as_array().unwrap()) {
            for (ours, want) in
                [rouge_l(pair[0], pair[1]), meteor(pair[0], pair[1])].into_iter().zip(want.as_array().unwrap())
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
