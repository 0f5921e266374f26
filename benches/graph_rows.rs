//! A graph over given vectors: build time, recall against the true neighbours, speed. For comparisons with other libraries:
//! see `peers_graph.py`, which makes the files.
//!
//! ```text
//! cargo bench --bench graph_rows -- DIR [--ef 16,32,…] [--m 16] [--ef-construction N] [--cross N]
//! ```
//!
//! DIR holds `shape.json` (n, m, dim), `images.f32` (n rows of little-endian floats, unit length), `captions.f32` (the known
//! caption of each), `queries.f32` (m captions of other images) and `truth.u32` (m × 10 row numbers). One JSON line for the
//! build (all threads), then one for each ef: one thread, one query after the other, the best of three turns.

use mispair::codes::Codes;
use mispair::graph::{Effort, Graph, Known, Navigator, Params, build};
use mispair::kernels::Block;
use std::error::Error;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Instant;

const K: usize = 10;

fn read(path: &Path, dim: usize) -> Result<Block, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let rows = file.metadata()?.len() as usize / (dim * 4);
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut block = Block::with_capacity(dim, rows)?;
    let (mut bytes, mut row) = (vec![0; dim * 4], vec![0.0; dim]);
    for _ in 0..rows {
        file.read_exact(&mut bytes)?;
        for (to, from) in row.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = f32::from_le_bytes(*from);
        }
        block.push(&row)?;
    }
    Ok(block)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(dir) = args.next() else {
        eprintln!("cargo bench --bench graph_rows -- DIR [--ef 16,32,…] [--m 16] [--ef-construction N] [--cross N]");
        return Ok(()); // A plain `cargo bench` runs every benchmark.
    };
    let (mut params, mut efs) = (Params::default(), vec![16, 24, 32, 48, 64, 96, 128, 192, 256]);
    while let (Some(flag), Some(value)) = (args.next(), args.next()) {
        match flag.as_str() {
            "--ef" => efs = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--m" => params.m = value.parse()?,
            "--ef-construction" => params.ef_construction = value.parse()?,
            "--cross" => params.cross = value.parse()?,
            _ => return Err(format!("{flag}?").into()),
        }
    }
    let dir = Path::new(&dir);
    let shape: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join("shape.json"))?)?;
    let dim = shape["dim"].as_u64().ok_or("shape.json: dim")? as usize;
    let file = |name: &str| read(&dir.join(name), dim);
    let (rows, known, queries) = (file("images.f32")?, file("captions.f32")?, file("queries.f32")?);
    let truth: Vec<u32> =
        std::fs::read(dir.join("truth.u32"))?.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
    let catalog_rows: Vec<u32> = (0..rows.len() as u32).collect();

    let [codes, graph] = ["codes", "graph"].map(|name| dir.join(format!("mispair-{name}")));
    [&codes, &graph].iter().for_each(|path| drop(std::fs::remove_file(path)));
    let vector = |q: usize| known.rows().row(q).map_or(Vec::new(), |row| row.to_vec());
    let start = Instant::now();
    let known = Known { len: known.len(), vector: &vector };
    let built = build(rows.rows(), Some(&known), params, [&codes, &graph], &|_| {})?;
    println!(
        r#"{{"what":"build","seconds":{},"bytes":{},"threads":{},"m":{},"ef_construction":{},"cross":{},"checksum":"{}"}}"#,
        start.elapsed().as_secs_f64(),
        built.codes.bytes + built.graph.bytes,
        rayon::current_num_threads(),
        params.m,
        params.ef_construction,
        params.cross,
        built.graph.checksum
    );

    let (codes, graph) = (Codes::open(&codes, dim, rows.len())?, Graph::open(&graph, rows.len())?);
    let navigator = Navigator::new(&graph, &codes, rows.rows(), &catalog_rows);
    for ef in efs {
        let (mut best, mut times) = (f64::INFINITY, Vec::new());
        let (mut hits, mut visited) = (0, 0);
        for _ in 0..3 {
            let (mut turn, mut each) = (0.0, Vec::with_capacity(queries.len()));
            (hits, visited) = (0, 0);
            for (q, truth) in truth.chunks_exact(K).enumerate() {
                let query = queries.padded(q..q + 1);
                let start = Instant::now();
                let found = navigator.top_k(query, Effort { k: K, ef, budget: u64::MAX })?;
                let seconds = start.elapsed().as_secs_f64();
                turn += seconds;
                each.push(seconds);
                // Ties at the last place count as found.
                let score = |row: u32| mispair::kernels::dot(query, rows.padded(row as usize..row as usize + 1));
                let bar = score(truth[K - 1]);
                hits += found.best.iter().filter(|s| s.score >= bar).count();
                visited += found.counters.visited;
            }
            if turn < best {
                (best, times) = (turn, each);
            }
        }
        let n = times.len() as f64;
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((n - 1.0) * share) as usize] * 1e6;
        println!(
            r#"{{"what":"search","ef":{ef},"recall":{},"qps":{},"p50_us":{},"p99_us":{},"visited":{}}}"#,
            hits as f64 / (n * K as f64),
            n / best,
            at(0.5),
            at(0.99),
            visited as f64 / n
        );
    }
    Ok(())
}
