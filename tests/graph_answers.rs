//! The fear: answers that come fast and are wrong, or too few, where constraints reject what is near. So graph answers are
//! compared with the full scan's under every split, and the path that was taken is told by the plan, and asserted.

mod common;

use common::{Chance, Modality, Written, newsy};
use mispair::constraints::{Bound, Split, Subject, builtin_names};
use mispair::index::Index;
use mispair::kernels::Block;
use mispair::matcher::run::{Outcome, Settings, run as match_all};
use mispair::query::{Answer, Plain, Searcher, Wanted, plain, plain_batch};
use mispair::retrieve::{Engine, Strategy};
use mispair::words::{Order, Row};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use tempfile::TempDir;

const N: usize = 4000;

/// A corpus whose vectors lie in clusters, with graphs; made once.
fn index() -> &'static Index {
    static INDEX: OnceLock<(TempDir, Index)> = OnceLock::new();
    &INDEX
        .get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            let mut corpus: Written = newsy(N, 5, &[]);
            let mut chance = Chance::new(8);
            let topics: Vec<Vec<f32>> = (0..30).map(|_| chance.vector(12)).collect();
            for modality in &mut corpus.modalities {
                for (i, row) in modality.rows.iter_mut().enumerate() {
                    let Some(row) = row else { continue };
                    row.iter_mut().zip(&topics[i % 30]).for_each(|(x, topic)| *x = 0.6 * *x + topic);
                }
            }
            let index = corpus.build(dir.path());
            (dir, index)
        })
        .1
}

fn searcher(name: &str) -> Searcher<'static> {
    let mut split = Split::builtin(name).unwrap();
    if name == "person_sbert_text_text" {
        split.waive.insert(mispair::constraints::Rule::Place);
    }
    Searcher::new(Bound::new(index(), split).unwrap())
}

fn ask(searcher: &Searcher<'_>, row: Row, adversarial: bool, engine: Engine, k: usize) -> Answer {
    let wanted = Wanted { k, adversarial, unique_image: false, explain: 0, engine, ef: Some(96) };
    searcher.answer(&Subject::of_row(searcher.bound(), row), None, wanted, Value::Null).unwrap()
}

fn askable(searcher: &Searcher<'_>, step: usize) -> Vec<Row> {
    askable_in(index(), searcher, step)
}

fn askable_in(index: &Index, searcher: &Searcher<'_>, step: usize) -> Vec<Row> {
    let rows = index.catalog.rows().filter(|&r| searcher.bound().refused_as_pristine(r).is_none());
    rows.step_by(step).collect()
}

#[test]
fn under_every_split_graphs_find_what_a_scan_finds_and_never_fewer() {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for name in builtin_names() {
        let searcher = searcher(name);
        for adversarial in [false, true] {
            let (mut hits, mut total) = (0, 0);
            for row in askable(&searcher, 23) {
                let exact = ask(&searcher, row, adversarial, Engine::Exact, 10);
                let graph = ask(&searcher, row, adversarial, Engine::Graph, 10);
                assert!(matches!(exact.plan.strategy, Strategy::ExactScan | Strategy::ExactPostings));
                assert_eq!(graph.results.len(), exact.results.len(), "{name}: as many");
                let subject = Subject::of_row(searcher.bound(), row);
                for hit in &graph.results {
                    assert_eq!(searcher.bound().first_failure(&subject, hit.row), None, "{name}: admissible");
                }
                let ranks = |a: &Answer| {
                    a.results.iter().map(|h| (h.adversarial, h.score.to_bits(), h.row)).collect::<Vec<_>>()
                };
                let (exact_ranks, graph_ranks) = (ranks(&exact), ranks(&graph));
                hits += graph_ranks.iter().filter(|r| exact_ranks.contains(r)).count();
                total += exact_ranks.len();
                *taken.entry(graph.plan.strategy.name()).or_default() += 1;
            }
            assert!(total > 300, "{name}: {total}");
            let recall = hits as f64 / total as f64;
            assert!(recall > 0.97, "{name}, adversarial {adversarial}: {recall}");
        }
    }
    // Every way was taken: by persons and by place only scans, else walks, by CTI where few beat the caption's own image.
    for path in ["exact_scan", "graph", "graph_by_cti"] {
        assert!(taken.get(path).is_some_and(|&n| n > 20), "{path}: {taken:?}");
    }
}

#[test]
fn the_plan_says_why_there_is_no_walk() {
    let reason = |name: &str, engine| {
        let searcher = searcher(name);
        let row = askable(&searcher, 1)[0];
        let plan = ask(&searcher, row, false, engine, 5).plan;
        (plan.strategy, plan.reason)
    };
    let (strategy, why) = reason("scene_resnet_place", Engine::Graph);
    assert_eq!(strategy, Strategy::ExactScan);
    assert!(why.contains("dot products"), "{why}");
    let (strategy, why) = reason("semantics_clip_text_text", Engine::Exact);
    assert_eq!(strategy, Strategy::ExactScan);
    assert!(why.contains("asked for"), "{why}");
    assert_eq!(reason("person_sbert_text_text", Engine::Auto).0, Strategy::ExactPostings);
    let query = vec![0.3; 12];
    let asked = |order, engine| Plain {
        modality: "clip-image",
        order,
        k: 5,
        unique_image: false,
        partition: None,
        engine,
        ef: None,
    };
    let lowest = plain(index(), &query, asked(Order::Lowest, Engine::Graph), Value::Null).unwrap();
    assert_eq!(lowest.plan.strategy, Strategy::ExactScan);
    assert!(lowest.plan.reason.contains("lowest"), "{}", lowest.plan.reason);
    // Codes are looked at for all rows, and few rows are read.
    let rows = index().modality("clip-image").unwrap().matrix.len() as u64;
    let exact = plain(index(), &query, asked(Order::Highest, Engine::Exact), Value::Null).unwrap();
    assert!(exact.plan.visited == rows && exact.plan.scored < rows / 4, "{:?}", exact.plan);
    let most =
        plain(index(), &query, Plain { k: 1 << 40, ..asked(Order::Highest, Engine::Auto) }, Value::Null).unwrap();
    assert_eq!(most.plan.strategy, Strategy::ExactScan);
    let numbers = most.plan.reason.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u64>().ok());
    assert!(numbers.max().is_some_and(|n| n <= rows), "no walk visits more rows than there are: {}", most.plan.reason);
    let highest = plain(index(), &query, asked(Order::Highest, Engine::Graph), Value::Null).unwrap();
    assert_eq!(highest.plan.strategy, Strategy::Graph);
    assert!(highest.plan.visited < N as u64 && highest.plan.scored < highest.plan.visited);
}

/// Nothing is far enough in time: a walk would go through everything, and is given up for a scan that proves it.
#[test]
fn a_walk_that_costs_as_much_as_a_scan_is_given_up() {
    let mut split = Split::builtin("semantics_clip_text_image").unwrap();
    split.rules.days.as_mut().unwrap().at_least = 100_000;
    let searcher = Searcher::new(Bound::new(index(), split).unwrap());
    let row = askable(&searcher, 1)[3];
    let wanted =
        Wanted { k: 5, adversarial: false, unique_image: false, explain: 0, engine: Engine::Auto, ef: Some(10) };
    let answer = searcher.answer(&Subject::of_row(searcher.bound(), row), None, wanted, Value::Null).unwrap();
    assert_eq!(answer.plan.strategy, Strategy::GraphThenScan, "{:?}", answer.plan);
    assert!(answer.results.is_empty() && answer.short.is_some());
    let eligible = answer.plan.eligible;
    assert!(answer.plan.visited <= 2 * eligible, "never twice a scan: {:?}", answer.plan);
}

#[test]
fn plain_searches_find_what_a_scan_finds() {
    let index = index();
    let text = index.matrix("clip-text").unwrap();
    let mut queries = Block::new(12).unwrap();
    (0..300).for_each(|m| queries.push(&text.vector(mispair::words::MatrixRow(m * 7))[..12]).unwrap());
    let ask = |engine, unique_image, ef| {
        let plain =
            Plain { modality: "clip-image", order: Order::Highest, k: 10, unique_image, partition: None, engine, ef };
        plain_batch(index, &queries, plain, vec![json!(0); 300]).unwrap()
    };
    for unique in [false, true] {
        let (exact, graph) = (ask(Engine::Exact, unique, None), ask(Engine::Graph, unique, Some(128)));
        let rows = |a: &Answer| a.results.iter().map(|h| h.row).collect::<Vec<_>>();
        let hits: usize =
            exact.iter().zip(&graph).map(|(e, g)| rows(g).iter().filter(|r| rows(e).contains(r)).count()).sum();
        assert!(hits > 2910, "{hits} of 3000");
        assert!(graph.iter().all(|a| a.results.len() == 10 && a.plan.strategy == Strategy::Graph));
    }
}

/// One result an image needs longer lists, each made from the start: what they cost is counted, all of it.
#[test]
fn every_pass_for_one_result_an_image_is_counted() {
    // So many that some of them share an image.
    const MANY: usize = 400;
    let index = index();
    let (text, rows) = (index.matrix("clip-text").unwrap(), index.matrix("clip-image").unwrap().len() as u64);
    let shared = |answer: &Answer| {
        let images: BTreeSet<_> = answer.results.iter().map(|h| h.image_path.as_str()).collect();
        answer.results.len() == MANY && images.len() < MANY
    };
    let mut twice = 0;
    for m in 0..200 {
        let query = &text.vector(mispair::words::MatrixRow(m))[..12];
        let ask = |unique_image| {
            let (order, engine) = (Order::Highest, Engine::Exact);
            let plain =
                Plain { modality: "clip-image", order, k: MANY, unique_image, partition: None, engine, ef: None };
            mispair::query::plain(index, query, plain, Value::Null).unwrap()
        };
        let passes = 1 + u64::from(shared(&ask(false)));
        assert_eq!(ask(true).plan.visited, passes * rows);
        twice += passes - 1;
    }
    assert!(twice > 5, "{twice}");
    let searcher = searcher("semantics_clip_text_image");
    let mut twice = 0;
    for row in askable(&searcher, 11) {
        let subject = Subject::of_row(searcher.bound(), row);
        let ask = |unique_image| {
            let wanted =
                Wanted { k: MANY, adversarial: false, unique_image, explain: 0, engine: Engine::Exact, ef: None };
            searcher.answer(&subject, None, wanted, Value::Null).unwrap()
        };
        let (all, unique) = (ask(false), ask(true));
        let passes = 1 + u64::from(shared(&all));
        assert_eq!(unique.plan.visited, passes * all.plan.visited);
        twice += passes - 1;
    }
    assert!(twice > 5, "{twice}");
}

/// Vectors without any structure in many dimensions: what a graph finds worst.
fn hard() -> &'static Index {
    static INDEX: OnceLock<(TempDir, Index)> = OnceLock::new();
    &INDEX
        .get_or_init(|| {
            let (dir, mut chance, dim) = (tempfile::tempdir().unwrap(), Chance::new(3), 96);
            let sample = |i: usize| {
                let day = if i.is_multiple_of(2) { "2010-01-01" } else { "2016-01-01" };
                let name = |kind: &str| json!({ "text": format!("{kind} {i}"), "label": "ORG" });
                json!({ "id": i, "caption": format!("a caption number {i} of many"), "image_path": format!("{i}.jpg"),
                        "timestamp": day, "entities": [name("club"), name("firm")] })
            };
            let texts: Vec<Vec<f32>> = (0..N).map(|_| chance.vector(dim)).collect();
            let image = |text: &Vec<f32>| text.iter().zip(chance.vector(dim)).map(|(t, i)| 0.25 * t + i).collect();
            let images: Vec<Vec<f32>> = texts.iter().map(image).collect();
            let modality = |name, rows: Vec<Vec<f32>>| Modality {
                name,
                metric: "cosine",
                dtype: "f32",
                encoder: None,
                graph: true,
                rows: rows.into_iter().map(Some).collect(),
            };
            let modalities = vec![modality("clip-image", images), modality("clip-text", texts)];
            let samples = (0..N).map(sample).collect();
            let index = Written { partitions: Vec::new(), samples, modalities }.build(dir.path());
            (dir, index)
        })
        .1
}

/// Images that beat the caption's own, and that a walk by CTI missed, are in L as little as in what it found.
#[test]
fn what_a_walk_by_cti_misses_is_found_where_answers_would_be_short() {
    let searcher = Searcher::new(Bound::new(hard(), Split::builtin("semantics_clip_text_text").unwrap()).unwrap());
    let (mut by_cti, mut made_sure) = (0, 0);
    for row in askable_in(hard(), &searcher, 13) {
        let (exact, graph) = (ask(&searcher, row, true, Engine::Exact, N), ask(&searcher, row, true, Engine::Graph, N));
        assert_eq!(graph.results.len(), exact.results.len(), "{:?}", graph.plan);
        by_cti += usize::from(graph.plan.reason.contains("beat the caption's own"));
        made_sure += usize::from(graph.plan.reason.matches("; then").count() > 1);
    }
    assert!(by_cti > 50 && made_sure == by_cti, "{by_cti}, {made_sure}");
}

/// H and L are looked for one after the other, and each for a reason of its own.
#[test]
fn a_plan_gives_the_reasons_of_h_and_of_l() {
    let searcher = Searcher::new(Bound::new(hard(), Split::builtin("semantics_clip_text_text").unwrap()).unwrap());
    let (mut other, mut same) = (0, 0);
    for row in askable_in(hard(), &searcher, 13) {
        let answer = ask(&searcher, row, true, Engine::Graph, 10);
        let from_both = [true, false].iter().all(|&h| answer.results.iter().any(|r| r.adversarial == Some(h)));
        if !from_both {
            continue;
        }
        let plan = &answer.plan;
        match plan.strategy {
            Strategy::GraphByCti => {
                assert!(plan.reason.contains("; then graph: "), "{plan:?}");
                assert!(plan.scored > 128, "what was in sight by CTI, and more: {plan:?}");
                other += 1;
            }
            _ => {
                assert!(plan.reason.contains("; then"), "{plan:?}");
                same += 1;
            }
        }
    }
    assert!(other > 20, "{other}, {same}");
}

#[test]
fn matching_through_graphs_chooses_nearly_the_same_pairs() {
    let settings = |engine| Settings { chunk_size: None, seed: 1, balance: false, engine };
    let bounds: Vec<Bound<'_>> = ["semantics_clip_text_image", "semantics_clip_text_text", "scene_resnet_place"]
        .map(|name| Bound::new(index(), Split::builtin(name).unwrap()).unwrap())
        .into();
    let run = |engine| match_all(&bounds, settings(engine), false, &|_| {}).unwrap();
    let (exact, graph): (Outcome, Outcome) = (run(Engine::Exact), run(Engine::Graph));
    for ((name, exact), (_, graph)) in exact.splits.iter().zip(&graph.splits) {
        let (exact, graph) = (&exact[0], &graph[0]);
        let captions = exact.summary.captions;
        assert_eq!((exact.summary.selection.all_with_all, exact.summary.agreement), (captions, None));
        assert_eq!(graph.pairs.len(), exact.pairs.len(), "{name}");
        let same = exact.pairs.iter().zip(&graph.pairs).filter(|(a, b)| a == b).count();
        assert!(same as f64 > 0.99 * exact.pairs.len() as f64, "{name}: {same} of {}", exact.pairs.len());
        if name == "scene_resnet_place" {
            assert_eq!(graph.summary.selection, exact.summary.selection, "no graph serves dot products");
            continue;
        }
        let how = graph.summary.selection;
        assert_eq!(
            (how.walked(), how.exact_scan),
            (captions, 0),
            "a forced graph is walked, whatever it costs: {how:?}"
        );
        let by_cti = name == "semantics_clip_text_text";
        assert_eq!(how.graph_by_cti > 0, by_cti, "{how:?}");
        let agreement = graph.summary.agreement.unwrap();
        assert!(agreement.captions == 200 && agreement.same >= 195, "{agreement:?}");
    }
    // Small corpora are matched all with all, unless a graph is asked for.
    assert!(run(Engine::Auto).splits.iter().all(|s| s.1[0].summary.selection.walked() == 0));
}

#[test]
fn an_index_tells_how_much_its_graphs_find() {
    for (name, known) in [("clip-image", Some("clip-text")), ("clip-text", None), ("sbert-text", None)] {
        let graph = index().modality(name).unwrap().graph.as_ref().unwrap();
        assert_eq!(graph.known.as_deref(), known);
        let measured = &graph.measured;
        assert!(measured.queries > 300 && measured.k == 10 && measured.wanted == measured.queries * 10);
        assert!(measured.steps.windows(2).all(|w| w[0].ef < w[1].ef && w[0].visited < w[1].visited));
        assert!(measured.recall(measured.usual().unwrap()) >= 0.98, "{name}: {measured:?}");
    }
    let place = index().modality("place-image").unwrap();
    assert!(place.graph.is_none() && place.codes.is_some(), "dot products: bounds, but no graph");
    index().verify().unwrap();
}
