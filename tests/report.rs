//! The fear: a benchmark that flatters. So recall is recomputed from scratch beside every engine, good and bad, and what
//! a report's files say is read back.

mod common;

use common::{names, newsy};
use mispair::constraints::{Bound, Split, Subject};
use mispair::index::Index;
use mispair::kernels::Block;
use mispair::report::{
    Answered, Case, Data, Engine, Error, Machine, Measurement, ModalityData, Parameters, PlainCase, Report, SplitCase,
    Threads, answers_of, page, sample, sweep, write,
};
use mispair::words::{Order, Row, Scored};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Measures in a pool of so many threads, and checks that progress ends where it was said to.
fn measure(case: &Case<'_>, engines: &[Engine<'_>], threads: usize) -> Vec<Measurement> {
    let (one, done) = (pool(1), AtomicU64::new(0));
    pool(threads).install(|| {
        let rows = sweep(case, engines, &one, "a machine", &|n| {
            done.fetch_add(n, Relaxed);
        });
        assert_eq!(done.load(Relaxed), answers_of(case.truth.len(), engines));
        rows.unwrap()
    })
}

/// 30 queries over 100 rows; query q likes row r by −|r − q|: two rows tie at every distance.
fn line_case() -> Case<'static> {
    let score = |q: usize, row: Row| (row.0 < 100).then(|| -((row.0 as f32) - q as f32).abs());
    let truth = |q: usize| {
        let mut all: Vec<Scored> = (0..100).map(|r| Scored { score: score(q, Row(r)).unwrap(), row: Row(r) }).collect();
        all.sort_by(|a, b| a.rank(b, Order::Highest));
        all.truncate(4);
        all
    };
    Case {
        search: "line".into(),
        from: "points".into(),
        k: 4,
        order: Order::Highest,
        truth: (0..30).map(truth).collect(),
        selectivity: None,
        score: Box::new(score),
    }
}

#[test]
fn a_sweep_measures_what_engines_do() {
    let case = line_case();
    // With an ef of n: the n rows above the query. Row q itself is found, and one of each pair at distance 1, 2, 3.
    let above = |ef: usize, q: usize| {
        let rows = (0..ef as u32).map(|i| Scored { score: 1e9, row: Row(q as u32 + i) }).collect();
        Ok(Answered { rows, visited: 10 * ef as u64, scored: q as u64 })
    };
    let right = |range: std::ops::Range<usize>| {
        let one = |q: usize| Answered { rows: line_case().truth[q].clone(), visited: 100, scored: 100 };
        Ok(range.map(one).collect())
    };
    let engines = [Engine::over_ef("graph", &[1, 2, 4], above), Engine::in_batches("exact", &[1, 7], right)];
    assert_eq!((engines[0].threads, engines[1].threads), (Threads::Across, Threads::Within));
    for threads in [1, 3] {
        let rows = measure(&case, &engines, threads);
        let runs: Vec<usize> = if threads == 1 { vec![1] } else { vec![1, 3] };
        let settings = [("graph", Some(1), 1), ("graph", Some(2), 1), ("graph", Some(4), 1)];
        let settings = settings.into_iter().chain([("exact", None, 1), ("exact", None, 7)]);
        let want: Vec<_> = settings.flat_map(|(e, ef, b)| runs.iter().map(move |&t| (e, ef, b, t))).collect();
        let got: Vec<_> = rows.iter().map(|r| (r.engine.as_str(), r.ef, r.batch, r.threads)).collect();
        assert_eq!(got, want);
        for row in &rows {
            // Queries 1 to 29 have both neighbours at distance 1, and one place left at distance 2; query 0 has no left
            // neighbours, and finds everything. The scores that an engine claims are not asked.
            let recall = match row.ef {
                Some(1) => 0.25,
                Some(2) => 0.5,
                Some(_) => (1.0 + 29.0 * 0.75) / 30.0,
                None => 1.0,
            };
            assert!((row.recall - recall).abs() < 1e-12, "{row:?}");
            assert_eq!(row.short, if row.ef.is_some_and(|ef| ef < 4) { 30 } else { 0 });
            assert_eq!(row.visited, row.ef.map_or(100.0, |ef| 10.0 * ef as f64));
            assert_eq!(row.scored, if row.ef.is_some() { 14.5 } else { 100.0 });
            assert!(row.qps > 0.0 && row.p50_us <= row.p95_us && row.p95_us <= row.p99_us, "{row:?}");
            assert_eq!((row.k, row.queries, row.machine.as_str()), (4, 30, "a machine"));
        }
    }
}

#[test]
fn engines_that_answer_wrongly_are_found_out() {
    let one = pool(1);
    let short = Engine::in_batches("lazy", &[4], |range| Ok(vec![Answered::default(); range.len() - 1]));
    let error = sweep(&line_case(), &[short], &one, "", &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Answers { expected: 4, got: 3, .. }), "{error}");
    let refuses = Engine::over_ef("strict", &[8], |_, _| Err(mispair::query::Error::ZeroK));
    assert!(matches!(sweep(&line_case(), &[refuses], &one, "", &|_| {}).unwrap_err(), Error::Query(_)));
    let nothing = Case { truth: Vec::new(), ..line_case() };
    assert!(matches!(sweep(&nothing, &[], &one, "", &|_| {}).unwrap_err(), Error::NoQueries(_)));
}

#[test]
fn samples_are_drawn_for_good() {
    let all = || (0..1000).map(Row).collect::<Vec<_>>();
    let drawn = sample(all(), 50, 7);
    assert_eq!(drawn, sample(all(), 50, 7));
    assert_ne!(drawn, sample(all(), 50, 8));
    assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 50, "nobody twice");
    assert_eq!(sample(all(), 5000, 7).len(), 1000);
}

/// An index of a newsy corpus, made once a test that asks for it.
fn index(dir: &Path) -> Index {
    newsy(300, 5, &["train", "test"]).build(dir)
}

#[test]
fn plain_cases_against_sorting_everything() {
    let dir = tempfile::tempdir().unwrap();
    let index = index(dir.path());
    let (text, image) = (index.matrix("clip-text").unwrap(), index.matrix("clip-image").unwrap());
    let mut queries = Block::new(image.dim()).unwrap();
    for &row in text.catalog_rows().iter().take(40) {
        queries.push(&text.vector(text.find(Row(row)).unwrap())[..image.dim()]).unwrap();
    }
    let case = PlainCase::new(index.modality("clip-image").unwrap(), "clip-text".into(), queries, 10);
    let right = case.case().unwrap();
    let everything = |q: usize| {
        let query = case.queries().padded(q..q + 1);
        let all = image.catalog_rows().iter().map(|&r| Row(r));
        let mut all: Vec<Scored> =
            all.map(|row| Scored { score: image.dot(query, image.find(row).unwrap()), row }).collect();
        all.sort_by(|a, b| a.rank(b, Order::Highest));
        all
    };
    for q in 0..40 {
        assert_eq!(right.truth[q], everything(q)[..10]);
    }
    // A search that sees every other row, and one that returns the worst: recall is the share of the truth among them.
    let even = |_: usize, q: usize| {
        let rows = everything(q).into_iter().filter(|s| s.row.0 % 2 == 0).take(10).collect();
        Ok(Answered { rows, visited: 0, scored: 0 })
    };
    let worst = |_: usize, q: usize| {
        Ok(Answered { rows: everything(q).into_iter().rev().take(10).collect(), visited: 0, scored: 0 })
    };
    let rows = measure(
        &right,
        &[case.exact(&[1, 32]), Engine::over_ef("even", &[1], even), Engine::over_ef("worst", &[1], worst)],
        2,
    );
    let hits: usize = right.truth.iter().flatten().filter(|s| s.row.0 % 2 == 0).count();
    for row in &rows {
        let want = match row.engine.as_str() {
            "exact" => 1.0,
            "even" => hits as f64 / 400.0,
            _ => 0.0,
        };
        assert!((row.recall - want).abs() < 1e-12, "{row:?}");
        if row.engine == "exact" {
            let n = image.len() as f64;
            assert_eq!((row.visited, row.scored, row.short), (n, n, 0));
        }
        assert_eq!(row.title(), "clip-text → clip-image");
    }
    assert!((0.2..0.8).contains(&(hits as f64 / 400.0)), "the oracle says something: {hits}");
}

#[test]
fn split_cases_against_the_slow_constraints() {
    let dir = tempfile::tempdir().unwrap();
    let index = index(dir.path());
    for name in ["semantics_clip_text_image", "person_sbert_text_text", "scene_resnet_place"] {
        let bound = || Bound::new(&index, Split::builtin(name).unwrap()).unwrap();
        let case = SplitCase::new(bound(), 20, 1, 5).unwrap();
        let (oracle, right) = (bound(), case.case().unwrap());
        let mut shares = Vec::new();
        for ((row, _), truth) in case.subjects().iter().zip(&right.truth) {
            let subject = Subject::of_row(&oracle, *row);
            let pool = index.catalog.rows().filter(|&r| index.catalog.partition(r) == index.catalog.partition(*row));
            let pool: Vec<Row> = pool.collect();
            let admitted = pool.iter().filter(|&&r| oracle.failures(&subject, r).is_empty());
            let mut all: Vec<Scored> =
                admitted.map(|&row| Scored { score: oracle.score(&subject, row).unwrap(), row }).collect();
            shares.push(all.len() as f64 / pool.len() as f64);
            all.sort_by(|a, b| a.rank(b, oracle.order()));
            all.truncate(5);
            assert_eq!(*truth, all, "{name}, row {}", row.0);
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!((right.selectivity.unwrap() - mean).abs() < 1e-12);
        // The best rows without constraints are no answer: what may not be found does not count.
        let rule_breaker = |_: usize, q: usize| {
            let mut all: Vec<Scored> = (index.catalog.rows())
                .filter_map(|row| Some(Scored { score: oracle.score(&case.subjects()[q].1, row)?, row }))
                .filter(|s| oracle.first_failure(&case.subjects()[q].1, s.row).is_some())
                .collect();
            all.sort_by(|a, b| a.rank(b, oracle.order()));
            all.truncate(5);
            Ok(Answered { rows: all, visited: 0, scored: 0 })
        };
        let rows = measure(&right, &[case.exact(), Engine::over_ef("rule breaker", &[1], rule_breaker)], 2);
        let found: usize = right.truth.iter().map(Vec::len).sum();
        assert!(found > 0, "{name} finds something");
        for row in rows {
            let empty = right.truth.iter().filter(|t| t.is_empty()).count() as f64 / right.truth.len() as f64;
            let want = if row.engine == "exact" { 1.0 } else { empty };
            assert!((row.recall - want).abs() < 1e-12, "{name}: {row:?}");
            assert_eq!(row.selectivity, right.selectivity);
        }
    }
}

/// Captions that a graph was built with are easier for it than others.
#[test]
fn a_split_is_asked_with_captions_that_its_graph_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let mut corpus = newsy(1500, 5, &["train", "test"]);
    corpus.modalities.iter_mut().for_each(|m| m.graph = m.name == "clip-image");
    let index = corpus.build(dir.path());
    let case = |name: &str| {
        let bound = Bound::new(&index, Split::builtin(name).unwrap()).unwrap();
        let eligible = index.catalog.rows().filter(|&r| bound.refused_as_pristine(r).is_none());
        let eligible: BTreeSet<Row> = eligible.collect();
        let case = SplitCase::new(bound, 10_000, 1, 5).unwrap();
        (case.subjects().iter().map(|s| s.0).collect::<BTreeSet<_>>(), eligible, case.case().unwrap().from)
    };
    let image = index.modality("clip-image").unwrap().graph.as_ref().unwrap();
    let held_out = image.held_out(index.modality("clip-text").unwrap()).unwrap();
    assert_eq!(held_out.len() as u32, image.measured.queries);
    assert!(image.held_out(index.modality("sbert-text").unwrap()).is_none());
    let (asked, eligible, from) = case("semantics_clip_text_image");
    assert!(asked.len() > 20, "{}", asked.len());
    assert_eq!(asked, held_out.into_iter().filter(|r| eligible.contains(r)).collect(), "all of them, and no other");
    assert_eq!(from, "clip-text");
    // No graph here was built with captions to find captions.
    let (asked, eligible, _) = case("semantics_clip_text_text");
    assert_eq!(asked, eligible);
}

#[test]
fn a_split_that_nobody_can_be_asked_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut corpus = newsy(60, 5, &[]);
    corpus.samples.iter_mut().for_each(|s| drop(s.as_object_mut().unwrap().remove("timestamp")));
    let index = corpus.build(dir.path());
    let bound = Bound::new(&index, Split::builtin("semantics_clip_text_text").unwrap()).unwrap();
    let error = SplitCase::new(bound, 20, 1, 5).err().expect("days need a time").to_string();
    assert!(error.contains("semantics_clip_text_text") && error.contains("days "), "{error}");
}

/// Rows as a graph engine and an exact one would give them.
fn made_up() -> Report {
    let machine = Machine {
        cpu: "Some <CPU>".into(),
        cores: 2,
        kernels: "avx2".into(),
        memory_mib: Some(24_000),
        system: "linux x86_64".into(),
    };
    let mut rows = Vec::new();
    let mut row = |search: &str, engine: &str, ef: Option<usize>, batch, threads, recall, qps: f64, share| {
        rows.push(Measurement {
            search: search.into(),
            from: "clip-text".into(),
            engine: engine.into(),
            ef,
            batch,
            threads,
            k: 10,
            queries: 1000,
            recall,
            short: 0,
            qps,
            p50_us: batch as f64 * threads as f64 * 0.9e6 / qps,
            p95_us: batch as f64 * threads as f64 * 1.6e6 / qps,
            p99_us: batch as f64 * threads as f64 * 2.9e6 / qps,
            visited: ef.map_or(200_000.0, |ef| 31.0 * ef as f64),
            scored: ef.map_or(200_000.0, |ef| 33.5 * ef as f64),
            selectivity: share,
            machine: machine.line(),
        });
    };
    let searches =
        [("clip-image", None), ("semantics_clip_text_image", Some(0.412)), ("scene_resnet_place", Some(0.0031))];
    for (i, (search, share)) in searches.into_iter().enumerate() {
        for threads in [1, 2] {
            let speed = threads as f64 / (1.0 + i as f64);
            for (ef, recall, qps) in [
                (16, 0.781, 9800.0),
                (32, 0.893, 6900.0),
                (64, 0.9612, 4100.0),
                (128, 0.9874, 2500.0),
                (256, 0.9961, 1300.0),
                (512, 0.9991, 640.0),
            ] {
                row(search, "graph", Some(ef), 1, threads, recall, qps * speed, share);
            }
            row(search, "exact", None, 1, threads, 1.0, 41.0 * speed, share);
            if i == 0 {
                row(search, "exact", None, 32, threads, 1.0, 390.0 * speed, share);
            }
        }
    }
    for (share, qps) in [(0.0001, 25_000.0), (0.01, 3900.0), (0.5, 3100.0)] {
        row(
            "every tenth, and fewer",
            "graph",
            Some(64),
            1,
            1,
            if share < 0.001 { 0.93 } else { 0.97 },
            qps,
            Some(share),
        );
    }
    Report {
        mispair: "0.1.0",
        machine,
        data: Data {
            index: "news & <script>alert(1)</script>".into(),
            checksum: "0123456789abcdef".into(),
            samples: 200_000,
            modalities: vec![ModalityData { name: "clip-image".into(), rows: 200_000, dim: 512, dtype: "f32" }],
        },
        parameters: Parameters {
            k: 10,
            queries: Some(1000),
            seed: 1,
            ef: vec![16, 32],
            query_file: None,
            command: "mispair bench \"a b\"".into(),
        },
        rows,
    }
}

#[test]
fn files_say_what_was_measured() {
    let dir = tempfile::tempdir().unwrap();
    let report = made_up();
    write(dir.path(), &report).unwrap();
    assert_eq!(names(dir.path()), ["bench.csv", "bench.html", "bench.json"]);
    assert!(mispair::report::is_report(dir.path()));
    let json: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("bench.json")).unwrap()).unwrap();
    // Through the same parser, which may be off by the last bit.
    assert!(json == serde_json::from_str::<Value>(&serde_json::to_string(&report).unwrap()).unwrap());
    assert_eq!(json["rows"][0]["ef"], 16);
    let mut csv = csv::Reader::from_path(dir.path().join("bench.csv")).unwrap();
    let heads = csv.headers().unwrap().clone();
    let lines: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), report.rows.len());
    for (line, row) in lines.iter().zip(json["rows"].as_array().unwrap()) {
        assert_eq!(heads.iter().collect::<Vec<_>>(), row.as_object().unwrap().keys().collect::<Vec<_>>());
        for (head, field) in heads.iter().zip(line) {
            match &row[head] {
                Value::Null => assert_eq!(field, ""),
                Value::String(s) => assert_eq!(field, s),
                number => {
                    let (is, should) = (field.parse::<f64>().unwrap(), number.as_f64().unwrap());
                    assert!((is - should).abs() <= should.abs() * 1e-15, "{head}: {is}, {should}");
                }
            }
        }
    }
    assert!(write(dir.path(), &report).is_err(), "nothing is written over");
    fs::write(dir.path().join("mine.txt"), "").unwrap();
    assert!(!mispair::report::is_report(dir.path()), "something else lives here, too");
}

/// Tags in order, closed as they were opened.
fn assert_well_formed(html: &str) {
    let (mut open, mut rest) = (Vec::new(), html);
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        match tag.as_bytes()[0] {
            b'!' => {}
            b'/' => assert_eq!(open.pop(), Some(name), "closed in order"),
            _ if tag.ends_with('/') || name == "meta" => {}
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn the_page_stands_alone() {
    let report = made_up();
    let html = page(&report);
    assert_well_formed(&html);
    for outside in ["http", "src=", "href=", "<script", "@import", "url(", "<link"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("news &amp; &lt;script&gt;alert(1)&lt;/script&gt;") && html.contains("Some &lt;CPU&gt;"));
    assert_eq!(html.matches("<tr>").count(), 1 + report.rows.len());
    assert_eq!(
        html.matches("<svg viewBox=\"0 0 560").count(),
        6 * 2 + 1,
        "two plots a search and its constraints, one of all"
    );
    for number in ["NaN", "inf"] {
        assert!(!html.contains(&format!("\"{number}")), "{number} is no coordinate");
    }
    // To be looked at by whoever changes the plots.
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-made-up.html"), &html).unwrap();
    let exact: Vec<Measurement> =
        report.rows.iter().filter(|r| r.engine == "exact" && r.ef.is_none()).cloned().collect();
    let exact = page(&Report { rows: exact, ..report.clone() });
    assert_well_formed(&exact);
    assert_well_formed(&page(&Report { rows: Vec::new(), ..report }));
}
