//! A graph over given vectors: build time, recall against the true neighbours, speed, under constraints too. For comparisons
//! with other libraries: see `peers_graph.py`, which makes the files and says what is in them.
//!
//! ```text
//! cargo bench --bench graph_rows -- DIR [--ef 16,32,…] [--m 16] [--ef-construction N] [--cross N] [--constrained] [--rebuild]
//! ```
//!
//! DIR holds `shape.json` (n, m, dim), `images.f32` (n rows of little-endian floats, unit length), `captions.f32` (the known
//! caption of each), `queries.f32` (m captions of other images), `truth.u32` (m × 10 row numbers) and `filters.json`.
//! One JSON line for the build (all threads; kept in DIR/mispair until other settings or `--rebuild` ask for another), one for
//! each ef, one for each filter and ef: one thread, one query after the other, after a turn that is not measured.
//! `found-EF.u32` in DIR/mispair are the rows.

use mispair::codes::Codes;
use mispair::graph::{Effort, Graph, Known, Params, build};
use mispair::index::{Modality, Searchable, held_out};
use mispair::kernels::{Block, dot};
use mispair::matrix::{Dtype, Matrix, MatrixSettings, MatrixWriter, Metric};
use mispair::retrieve::{Asked, Candidates, Engine, Sight, Strategy, measure, ranked};
use mispair::rows::RowSet;
use mispair::words::{Order, Row, Scored};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

const K: usize = 10;
const NO_ROW: u32 = u32::MAX;

fn numbers<T: bytemuck::Pod>(path: &Path) -> Outcome<Vec<T>> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
}

fn block(path: &Path, dim: usize) -> Outcome<Block> {
    let floats: Vec<f32> = numbers(path)?;
    let mut block = Block::with_capacity(dim, floats.len() / dim)?;
    floats.chunks_exact(dim).try_for_each(|row| block.push(row))?;
    Ok(block)
}

/// CPU seconds that this thread has had.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

/// What is measured of one setting.
struct Turn {
    seconds: f64,
    cpu: f64,
    each: Vec<f64>,
    found: Vec<Vec<Scored>>,
    visited: u64,
    /// Queries that were answered by a scan in the end.
    scans: usize,
}

/// Once over all queries unmeasured, so that pages are mapped and caches warm; once measured.
fn turn(queries: usize, mut ask: impl FnMut(usize) -> Outcome<(Vec<Scored>, u64, Strategy)>) -> Outcome<Turn> {
    for q in 0..queries {
        ask(q)?;
    }
    let mut turn = Turn { seconds: 0.0, cpu: 0.0, each: Vec::new(), found: Vec::new(), visited: 0, scans: 0 };
    let cpu = cpu_seconds();
    for q in 0..queries {
        let start = Instant::now();
        let (found, visited, strategy) = ask(q)?;
        turn.each.push(start.elapsed().as_secs_f64());
        turn.found.push(found);
        turn.visited += visited;
        turn.scans += usize::from(strategy != Strategy::Graph);
    }
    turn.cpu = cpu_seconds() - cpu;
    turn.seconds = turn.each.iter().sum();
    Ok(turn)
}

impl Turn {
    /// Recall counts by score: rows that tie with the last true one are right.
    fn line(mut self, what: &str, truth: &[u32], score: impl Fn(usize, u32) -> f32) -> Value {
        let (mut hits, mut total, mut short) = (0, 0, 0);
        for (q, (found, truth)) in self.found.iter().zip(truth.chunks_exact(K)).enumerate() {
            let exist = truth.iter().filter(|&&row| row != NO_ROW).count();
            let bar = truth[..exist].last().map_or(f32::INFINITY, |&row| score(q, row));
            hits += found.iter().filter(|s| s.score >= bar).count().min(exist);
            total += exist;
            short += usize::from(found.len() < exist);
        }
        let n = self.each.len() as f64;
        self.each.sort_by(f64::total_cmp);
        let at = |share: f64| self.each[((n - 1.0) * share) as usize] * 1e6;
        json!({
            "what": what, "recall": f64::from(hits as u32) / f64::from(total.max(1) as u32), "qps": n / self.seconds,
            "cpu_qps": n / self.cpu, "p50_us": at(0.5), "p99_us": at(0.99), "visited": self.visited as f64 / n,
            "queries": self.each.len(), "short": short, "scans": self.scans,
        })
    }
}

/// Lists of numbers: offsets, then values.
struct Lists(Vec<u64>, Vec<u32>);

impl Lists {
    fn read(dir: &Path, spec: &Value, name: &str) -> Outcome<Lists> {
        let file = |key: &str| spec[key].as_str().map(|f| dir.join(f)).ok_or(format!("filters.json: rule.{key}"));
        Ok(Lists(numbers(&file(&format!("{name}_offsets"))?)?, numbers(&file(name)?)?))
    }

    fn of(&self, i: usize) -> &[u32] {
        &self.1[self.0[i] as usize..self.0[i + 1] as usize]
    }
}

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench").peekable();
    let Some(dir) = args.next().map(PathBuf::from) else {
        eprintln!("cargo bench --bench graph_rows -- DIR [--ef 16,32,…] [--constrained] [--rebuild]");
        return Ok(()); // A plain `cargo bench` runs every benchmark.
    };
    let mut flags: BTreeMap<String, String> = BTreeMap::new();
    while let Some(flag) = args.next() {
        if !["--ef", "--m", "--ef-construction", "--cross", "--constrained", "--rebuild"].contains(&flag.as_str()) {
            return Err(format!("{flag} is no flag of this benchmark").into());
        }
        let value = args.next_if(|v| !v.starts_with("--")).unwrap_or_default();
        flags.insert(flag, value);
    }
    let number = |flag: &str, usual: usize| flags.get(flag).map_or(Ok(usual), |v| v.parse::<usize>());
    let usual = Params::default();
    let params = Params {
        m: number("--m", usual.m)?,
        ef_construction: number("--ef-construction", usual.ef_construction)?,
        cross: number("--cross", usual.cross)?,
        ..usual
    };
    let efs = flags.get("--ef").map_or("16,24,32,48,64,96,128,192,256", String::as_str);
    let efs: Vec<usize> = efs.split(',').map(str::parse).collect::<Result<_, _>>()?;

    let shape: Value = serde_json::from_slice(&std::fs::read(dir.join("shape.json"))?)?;
    let dim = shape["dim"].as_u64().ok_or("shape.json: dim")? as usize;
    let queries = block(&dir.join("queries.f32"), dim)?;
    let modality = modality(&dir, dim, params, flags.contains_key("--rebuild"))?;
    let matrix = &modality.matrix;
    let score = |q: usize, row: u32| dot(queries.padded(q..q + 1), &matrix.padded(mispair::words::MatrixRow(row)));

    let ask =
        |q: usize, ef: usize, among: Option<Candidates<'_>>, engine: Engine, accept: &(dyn Fn(Row) -> bool + Sync)| {
            let asked = Asked { k: K, order: Order::Highest, among, engine, sight: Sight::Rows(ef), likely: 1.0 };
            let found = ranked(&modality, queries.padded(q..q + 1), asked, accept)?;
            Outcome::Ok((found.best, found.visited, found.strategy))
        };
    if !flags.contains_key("--constrained") {
        let truth: Vec<u32> = numbers(&dir.join("truth.u32"))?;
        let navigator = modality.navigator().ok_or("no graph")?;
        for ef in efs {
            let turn = turn(queries.len(), |q| {
                let found = navigator.top_k(queries.padded(q..q + 1), Effort { k: K, ef, budget: u64::MAX })?;
                Ok((found.best, found.counters.visited, Strategy::Graph))
            })?;
            let rows: Vec<u32> =
                turn.found.iter().flat_map(|f| (0..K).map(|i| f.get(i).map_or(NO_ROW, |s| s.row.0))).collect();
            std::fs::write(dir.join("mispair").join(format!("found-{ef}.u32")), bytemuck::cast_slice(&rows))?;
            let mut line = turn.line("search", &truth, score);
            line["ef"] = json!(ef);
            println!("{line}");
        }
        return Ok(());
    }

    let filters: Value = serde_json::from_slice(&std::fs::read(dir.join("filters.json"))?)?;
    let file = |value: &Value| value.as_str().map(|f| dir.join(f)).ok_or("filters.json: a file name is missing");
    for spec in filters["random"].as_array().into_iter().flatten() {
        let truth: Vec<u32> = numbers(&file(&spec["truth"])?)?;
        let groups: Vec<usize> = serde_json::from_value(spec["of_query"].clone())?;
        let bitmaps: Vec<u8> = numbers(&file(&spec["bitmaps"])?)?;
        let sets: Vec<(RowSet, u64)> = bitmaps
            .chunks_exact(matrix.len())
            .map(|bitmap| {
                let mut set = RowSet::new(matrix.len());
                (0..matrix.len()).filter(|&row| bitmap[row] != 0).for_each(|row| _ = set.insert(Row(row as u32)));
                let count = set.count() as u64;
                (set, count)
            })
            .collect();
        for &ef in &efs {
            let turn = turn(groups.len(), |q| {
                let (rows, count) = &sets[groups[q]];
                ask(q, ef, Some(Candidates { rows, count: *count }), Engine::Auto, &|_| true)
            })?;
            let mut line = turn.line("filter", &truth, score);
            (line["ef"], line["name"], line["selectivity"]) =
                (json!(ef), spec["name"].clone(), spec["selectivity"].clone());
            println!("{line}");
        }
    }
    let spec = &filters["rule"];
    let truth: Vec<u32> = numbers(&file(&spec["truth"])?)?;
    let (days, asked_days): (Vec<i32>, Vec<i32>) =
        (numbers(&file(&spec["days"])?)?, numbers(&file(&spec["query_days"])?)?);
    let (entities, asked_entities) = (Lists::read(&dir, spec, "entities")?, Lists::read(&dir, spec, "query_entities")?);
    let least = spec["least_days"].as_i64().ok_or("filters.json: rule.least_days")?;
    let count = spec["queries"].as_u64().ok_or("filters.json: rule.queries")? as usize;
    for &ef in &efs {
        let turn = turn(count, |q| {
            let mine = asked_entities.of(q);
            ask(q, ef, None, Engine::Auto, &|row: Row| {
                let day = days[row.0 as usize];
                day != i32::MIN
                    && (i64::from(day) - i64::from(asked_days[q])).abs() >= least
                    && !entities.of(row.0 as usize).iter().any(|e| mine.contains(e))
            })
        })?;
        let mut line = turn.line("filter", &truth, score);
        (line["ef"], line["name"]) = (json!(ef), spec["name"].clone());
        println!("{line}");
    }
    Ok(())
}

/// The rows as a modality of an index: matrix, codes, graph, and how much the graph finds of what held-out captions ask.
fn modality(dir: &Path, dim: usize, params: Params, rebuild: bool) -> Outcome<Modality> {
    let folder = dir.join("mispair");
    let [matrix, codes, graph] = ["matrix", "codes", "graph"].map(|name| folder.join(name));
    let settings = folder.join("settings");
    if rebuild || std::fs::read_to_string(&settings).ok() != Some(format!("{params:?}")) {
        std::fs::remove_dir_all(&folder).ok();
    }
    let known = block(&dir.join("captions.f32"), dim)?;
    if !graph.exists() {
        std::fs::create_dir_all(&folder)?;
        let rows = block(&dir.join("images.f32"), dim)?;
        let mut out = MatrixWriter::create(&matrix, MatrixSettings { dim, metric: Metric::Cosine, dtype: Dtype::F32 })?;
        (0..rows.len()).try_for_each(|r| out.push(r as u32, &rows.padded(r..r + 1)[..dim]))?;
        out.finish(rows.len() as u32)?;
        let matrix = Matrix::open(&matrix, rows.len() as u32)?;
        // Held out, as `mispair build` does: every so manieth of the known captions measures what the graph finds.
        let held: Vec<usize> = asked(known.len()).collect();
        let others: Vec<usize> = (0..known.len()).filter(|q| held.binary_search(q).is_err()).collect();
        let vector = |q: usize| known.padded(others[q]..others[q] + 1)[..dim].to_vec();
        let start = Instant::now();
        let known = Known { len: others.len(), vector: &vector };
        let built = build(matrix.rows(), Some(&known), params, [&codes, &graph], &|_| {})?;
        std::fs::write(&settings, format!("{params:?}"))?;
        println!(
            "{}",
            json!({
                "what": "build", "seconds": start.elapsed().as_secs_f64(), "bytes": built.codes.bytes + built.graph.bytes,
                "threads": rayon::current_num_threads(), "m": params.m, "ef_construction": params.ef_construction,
                "cross": params.cross, "checksum": built.graph.checksum.to_string(),
            })
        );
    }
    let rows = known.len();
    let matrix = Matrix::open(&matrix, rows as u32)?;
    let (codes, graph) = (Codes::open(&codes, dim, rows)?, Graph::open(&graph, rows)?);
    let mut modality = Modality { name: "clip-image".into(), encoder: None, matrix, codes: Some(codes), graph: None };
    let mut queries = Block::new(dim)?;
    asked(rows).try_for_each(|q| queries.push(&known.padded(q..q + 1)[..dim]))?;
    modality.graph = Some(Searchable { graph, known: Some("clip-text".into()), measured: Default::default() });
    let measured = measure(&modality.matrix, &modality.navigator().ok_or("no graph")?, &queries, |_| None)?;
    modality.graph.iter_mut().for_each(|g| g.measured = measured.clone());
    Ok(modality)
}

/// The captions that measure what the graph finds, a thousand of them, as `mispair build` holds them out.
fn asked(known: usize) -> impl Iterator<Item = usize> {
    held_out(known, (known / 10).clamp(1, 1000))
}
