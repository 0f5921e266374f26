//! How fast is a dot product, alone, past rows, in tiles, with rows of codes; by which kernels; and is a tile as fast as a
//! matrix product made for speed alone (crate `gemm`)?
//!
//! `cargo bench --bench kernels`. All kernels that this CPU runs, but the plain ones. Throughput is bytes of rows read for
//! `dots`, floating-point operations for `tile`, products for `codes`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mispair::kernels::{Block, CodeRows, Elements, Kernels, Rows};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

const DIMS: [usize; 4] = [384, 512, 768, 2048];

/// Beside the definition, which is slow everywhere.
fn fast() -> Vec<Kernels> {
    Kernels::all().split_off(1)
}

fn block(rows: usize, dim: usize, seed: u64) -> Block {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut block = Block::with_capacity(dim, rows).unwrap();
    for _ in 0..rows {
        let row: Vec<f32> = (0..dim).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).collect();
        block.push(&row).unwrap();
    }
    block
}

/// One query past rows that fit the second-level cache.
fn one_query(c: &mut Criterion) {
    let mut group = c.benchmark_group("dots");
    for dim in DIMS {
        let rows = (192 << 10) / (dim * 4);
        let (query, rows) = (block(1, dim, 1), block(rows, dim, 2));
        let halves: Vec<u16> = rows.all().iter().map(|&x| half::f16::from_f32(x).to_bits()).collect();
        let at: Vec<u32> = (0..rows.len() as u32).rev().collect();
        let mut out = vec![0.0; rows.len()];
        let (floats, halves) = (rows.rows(), Rows::new(Elements::F16(&halves), dim).unwrap());
        for kernels in fast() {
            let id = |what: &str| BenchmarkId::new(format!("{what} {}", kernels.name()), dim);
            group.throughput(Throughput::Bytes((rows.len() * dim * 4) as u64));
            group.bench_function(id("one by one"), |b| {
                b.iter(|| (0..rows.len()).map(|r| kernels.dot(query.all(), rows.padded(r..r + 1))).sum::<f32>())
            });
            group.bench_function(id("f32"), |b| b.iter(|| kernels.dots(query.all(), floats, &mut out)));
            group
                .bench_function(id("f32 gathered"), |b| b.iter(|| kernels.dots_at(query.all(), floats, &at, &mut out)));
            group.throughput(Throughput::Bytes((rows.len() * dim * 2) as u64));
            group.bench_function(id("f16"), |b| b.iter(|| kernels.dots(query.all(), halves, &mut out)));
        }
    }
}

/// Weights with rows of codes that lie anywhere in 100 MB, as walks through graphs ask for them.
fn codes(c: &mut Criterion) {
    /// Rows per call.
    const LINKS: usize = 16;
    let mut group = c.benchmark_group("codes");
    for dim in [384, 512, 768] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n = (100 << 20) / dim;
        let codes: Vec<i8> = (0..n * dim).map(|_| rng.next_u32() as i8).collect();
        let rows = CodeRows::new(&codes, dim);
        let at: Vec<u32> = (0..LINKS << 12).map(|_| rng.next_u32() % n as u32).collect();
        for m in [1, 4, 8] {
            let weights: Vec<i16> = (0..m * dim).map(|_| rng.next_u32() as i16 >> 2).collect();
            let mut out = vec![0; m * LINKS];
            group.throughput(Throughput::Elements((m * LINKS) as u64));
            for kernels in fast() {
                let mut calls = at.chunks(LINKS).cycle();
                let id = BenchmarkId::new(format!("{m} queries {}", kernels.name()), dim);
                group.bench_function(id, |b| {
                    b.iter(|| kernels.code_dots_at(&weights, rows, calls.next().unwrap_or_default(), &mut out))
                });
            }
        }
    }
}

/// Many queries past more rows than any cache near the core holds.
fn tile(c: &mut Criterion) {
    let (m, n) = (256, 2048);
    let mut group = c.benchmark_group("tile");
    group.sample_size(20);
    for dim in [128].into_iter().chain(DIMS) {
        let (queries, rows) = (block(m, dim, 1), block(n, dim, 2));
        let halves: Vec<u16> = rows.all().iter().map(|&x| half::f16::from_f32(x).to_bits()).collect();
        let mut out = vec![0.0; m * n];
        group.throughput(Throughput::Elements((2 * m * n * dim) as u64));
        let halves = Rows::new(Elements::F16(&halves), dim).unwrap();
        for kernels in fast() {
            let id = |what: &str| BenchmarkId::new(format!("{what} {}", kernels.name()), dim);
            group.bench_function(id("f32"), |b| b.iter(|| kernels.dots(queries.all(), rows.rows(), &mut out)));
            group.bench_function(id("f16"), |b| b.iter(|| kernels.dots(queries.all(), halves, &mut out)));
        }
        group.bench_function(BenchmarkId::new("gemm crate", dim), |b| {
            let (q, x, d) = (queries.all().as_ptr(), rows.all().as_ptr(), dim as isize);
            b.iter(|| {
                let dst = black_box(&mut out).as_mut_ptr();
                // SAFETY: dst is m × n with rows n apart; q is m × dim, x the transpose of
                // n × dim, both with rows `dim` apart (every width here is padded).
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        dim,
                        dst,
                        1,
                        n as isize,
                        false,
                        q,
                        1,
                        d,
                        x,
                        d,
                        1,
                        0.0,
                        1.0,
                        false,
                        false,
                        false,
                        gemm::Parallelism::None,
                    );
                }
            })
        });
    }
}

criterion_group!(benches, one_query, codes, tile);
criterion_main!(benches);
