//! How fast is a dot product, alone, past rows, in tiles; and is a tile as fast as a matrix
//! product made for speed alone (crate `gemm`)?
//!
//! `cargo bench --bench kernels`. Throughput is bytes of rows read for `dots`, floating-point
//! operations for `tile`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mispair::kernels::{Block, Elements, Rows, dot, dots, dots_at};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

const DIMS: [usize; 4] = [384, 512, 768, 2048];

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
        group.throughput(Throughput::Bytes((rows.len() * dim * 4) as u64));
        group.bench_function(BenchmarkId::new("one by one", dim), |b| {
            b.iter(|| (0..rows.len()).map(|r| dot(query.all(), rows.padded(r..r + 1))).sum::<f32>())
        });
        group.bench_function(BenchmarkId::new("f32", dim), |b| b.iter(|| dots(query.all(), rows.rows(), &mut out)));
        group.bench_function(BenchmarkId::new("f32 gathered", dim), |b| {
            b.iter(|| dots_at(query.all(), rows.rows(), &at, &mut out))
        });
        let halves = Rows::new(Elements::F16(&halves), dim).unwrap();
        group.throughput(Throughput::Bytes((rows.len() * dim * 2) as u64));
        group.bench_function(BenchmarkId::new("f16", dim), |b| b.iter(|| dots(query.all(), halves, &mut out)));
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
        group.bench_function(BenchmarkId::new("f32", dim), |b| b.iter(|| dots(queries.all(), rows.rows(), &mut out)));
        let halves = Rows::new(Elements::F16(&halves), dim).unwrap();
        group.bench_function(BenchmarkId::new("f16", dim), |b| b.iter(|| dots(queries.all(), halves, &mut out)));
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

criterion_group!(benches, one_query, tile);
criterion_main!(benches);
