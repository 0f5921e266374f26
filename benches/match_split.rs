//! How long is one chunk matched, split by split, and how much of it is the bare matrix products?
//!
//! `MISPAIR_BENCH_SAMPLES=40000 cargo bench --bench match_split` measures a chunk of the paper's size, where one pass takes
//! too long for many: the products and one split take turns, three times. The data is the made-up newsroom, of which
//! one chunk is cut.

use criterion::{Criterion, criterion_group, criterion_main};
use mispair::constraints::{Bound, Split, builtin_names};
use mispair::import::{Corpus, Silent, build};
use mispair::index::Index;
use mispair::kernels;
use mispair::matcher::chunks::{Chunk, pool_rows};
use mispair::matcher::run::{Settings, match_chunk};
use mispair::matrix::{Dtype, Matrix};
use mispair::newsroom::{Newsroom, generate};
use mispair::retrieve::Engine;
use mispair::words::Row;
use rayon::prelude::*;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

const SETTINGS: Settings = Settings { chunk_size: None, seed: 1, balance: true, engine: Engine::Exact };

/// An index of a newsroom whose eligible samples are about `samples`; made once a size.
fn index(samples: u32) -> Index {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("match_split-{samples}"));
    let built = place.join("index");
    if !built.exists() {
        let room = place.join("newsroom");
        let _ = std::fs::remove_dir_all(&place);
        // About one sample in ten is not eligible.
        generate(&room, &Newsroom { samples: samples + samples / 9, seed: 1 }, &mut |_, _| {}).expect("a newsroom");
        let corpus = Corpus::published(&room, Dtype::F32).expect("the published layout");
        build(&corpus, &built, true, &Silent).expect("an index");
        std::fs::remove_dir_all(&room).expect("room on the disk");
    }
    Index::open(&built).expect("an index")
}

/// The whole corpus, whatever the partition, as one chunk of exactly `samples` eligible samples.
fn chunk(bound: &Bound<'_>, samples: usize) -> Chunk {
    let mut rows = pool_rows(bound, None);
    rows.retain(|&row| bound.eligible(row));
    rows.truncate(samples);
    Chunk { partition: None, number: 0, rows }
}

/// A product of every row with every row, in the tiles of the matcher, kept nowhere.
fn product(queries: &Matrix, rows: &Matrix, chunk: &[Row]) {
    let at = |m: &Matrix| chunk.iter().filter_map(|&r| m.find(r)).map(|m| m.0).collect::<Vec<u32>>();
    let (from, to) = (at(queries), at(rows));
    from.par_chunks(512).for_each(|block| {
        let packed: Vec<f32> = block.iter().flat_map(|&m| queries.vector(mispair::words::MatrixRow(m))).collect();
        let mut out = vec![0.0; block.len() * 192];
        for candidates in to.chunks(192) {
            let out = &mut out[..block.len() * candidates.len()];
            kernels::dots_at(&packed, rows.rows(), candidates, out);
            black_box(&out);
        }
    });
}

fn splits(c: &mut Criterion) {
    let samples: u32 = std::env::var("MISPAIR_BENCH_SAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(4000);
    let index = index(samples);
    let bounds: Vec<Bound<'_>> = builtin_names()
        .into_iter()
        .map(|name| {
            Bound::new(&index, Split::builtin(name).expect("built in")).expect("the newsroom has every modality")
        })
        .collect();
    let chunk = chunk(&bounds[0], samples as usize);
    println!(
        "{} eligible samples in one chunk, {} threads, kernels {}",
        chunk.rows.len(),
        rayon::current_num_threads(),
        kernels::backend_name()
    );
    if samples >= 20_000 {
        return turns(&bounds, &chunk);
    }
    let mut group = c.benchmark_group(format!("chunk of {}", chunk.rows.len()));
    group.sample_size(10);
    let (texts, images) = (bounds[0].query, bounds[0].search);
    group.bench_function("products only: text × image, text × text", |b| {
        b.iter(|| {
            product(texts, images, &chunk.rows);
            product(texts, texts, &chunk.rows);
        });
    });
    for bound in &bounds {
        group.bench_function(&bound.split.name, |b| b.iter(|| match_chunk(&[bound], &chunk, SETTINGS, &|_| {})));
    }
    let all: Vec<&Bound<'_>> = bounds.iter().collect();
    group.bench_function("all four together", |b| b.iter(|| match_chunk(&all, &chunk, SETTINGS, &|_| {})));
    group.finish();
}

/// Products and matching in turn, so that a slow minute of the machine falls on both.
fn turns(bounds: &[Bound<'_>], chunk: &Chunk) {
    let (texts, images) = (bounds[0].query, bounds[0].search);
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let start = Instant::now();
        product(texts, images, &chunk.rows);
        product(texts, texts, &chunk.rows);
        let bare = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let found = match_chunk(&[&bounds[1]], chunk, SETTINGS, &|_| {});
        let matched = start.elapsed().as_secs_f64();
        println!(
            "round {round}: two products {bare:.2} s; {} {matched:.2} s, {} pairs; {:.3} times the products",
            bounds[1].split.name,
            found[0].pairs.len(),
            matched / bare
        );
        ratios.push(matched / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median {:.3} times the products", ratios[1]);
    for bound in bounds {
        let start = Instant::now();
        black_box(match_chunk(&[bound], chunk, SETTINGS, &|_| {}));
        println!("{} alone {:.2} s", bound.split.name, start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    black_box(match_chunk(&bounds.iter().collect::<Vec<_>>(), chunk, SETTINGS, &|_| {}));
    println!("all four together {:.2} s", start.elapsed().as_secs_f64());
}

criterion_group!(benches, splits);
criterion_main!(benches);
