//! The same vectors through the crate `hnsw_rs`, with this project's AVX2 dot product as its distance: why graphs are built by
//! code of our own.
//!
//! ```text
//! cargo run --release --manifest-path contrib/hnsw_rs/Cargo.toml -- DIR
//! ```
//!
//! DIR is a folder that `benches/peers_graph.py` made. Prints build seconds (all threads), then recall@10 and queries a second
//! (one thread) over ef, for hnsw_rs's own search of its own graph, and whether two builds give the same answers.

use hnsw_rs::prelude::{Distance, Hnsw};
use mispair::kernels::{dot, padded};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const K: usize = 10;

/// 1 − dot of unit vectors, never below zero: hnsw_rs panics on negative distances.
#[derive(Clone, Copy, Default)]
struct Apart;

impl Distance<f32> for Apart {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

fn numbers<T: bytemuck::Pod>(path: &Path) -> Result<Vec<T>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
}

fn rows(path: &Path, dim: usize) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let widen = |row: &[f32]| {
        let mut row = row.to_vec();
        row.resize(padded(dim), 0.0);
        row
    };
    Ok(numbers::<f32>(path)?.chunks_exact(dim).map(widen).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("DIR?")?;
    let dir = Path::new(&dir);
    let shape: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join("shape.json"))?)?;
    let dim = shape["dim"].as_u64().ok_or("shape.json: dim")? as usize;
    let (images, queries) = (rows(&dir.join("images.f32"), dim)?, rows(&dir.join("queries.f32"), dim)?);
    let truth: Vec<u32> = numbers(&dir.join("truth.u32"))?;
    let numbered: Vec<(&Vec<f32>, usize)> = images.iter().zip(0..).collect();
    let mut answers = Vec::new();
    for build in 1..=2 {
        let start = Instant::now();
        let graph: Hnsw<'_, f32, Apart> = Hnsw::new(16, images.len(), 16, 200, Apart);
        graph.parallel_insert(&numbered);
        println!("build {build}: {:.1} s", start.elapsed().as_secs_f64());
        let mut found_at_64 = Vec::new();
        for ef in [32, 64, 128, 256, 512] {
            let ask = || {
                queries.iter().map(|query| graph.search(query, K, ef).iter().map(|n| n.d_id as u32).collect()).collect()
            };
            let _warm: Vec<Vec<u32>> = ask();
            let start = Instant::now();
            let found: Vec<Vec<u32>> = ask();
            let (n, seconds) = (queries.len() as f64, start.elapsed().as_secs_f64());
            // Rows that tie with the last true one are right.
            let mut hits = 0;
            for ((query, truth), found) in queries.iter().zip(truth.chunks_exact(K)).zip(&found) {
                let score = |&row: &u32| dot(query, &images[row as usize]);
                let bar = score(&truth[K - 1]);
                hits += found.iter().filter(|row| score(row) >= bar).count();
            }
            println!("ef {ef}: recall {:.4}, {:.0} queries/s", hits as f64 / (n * K as f64), n / seconds);
            if ef == 64 {
                found_at_64 = found;
            }
        }
        answers.push(found_at_64);
    }
    let same = answers[0].iter().zip(&answers[1]).filter(|(a, b)| a == b).count();
    println!("both builds give the same answer to {same} of {} queries at ef 64", queries.len());
    Ok(())
}
