//! What does an exact top-k cost beside the products: by batch, pool and predicate?
//!
//! `cargo bench --bench exact_topk`. One thread, 20,000 made-up rows of 512; throughput is
//! query × row pairs.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mispair::exact::{Exact, Pool};
use mispair::kernels::Block;
use mispair::rows::RowSet;
use mispair::words::{Order, Row};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const ROWS: usize = 20_000;

fn block(rows: usize, seed: u64) -> Block {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut block = Block::with_capacity(512, rows).unwrap();
    for _ in 0..rows {
        let row: Vec<f32> = (0..512).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).collect();
        block.push(&row).unwrap();
    }
    block
}

fn top_k(c: &mut Criterion) {
    let matrix = block(ROWS, 1);
    let catalog_rows: Vec<u32> = (0..ROWS as u32).collect();
    let exact = Exact::new(matrix.rows(), &catalog_rows).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut group = c.benchmark_group("exact");
    group.sample_size(20);
    let mut third = RowSet::new(ROWS);
    (0..ROWS as u32).step_by(3).for_each(|row| {
        third.insert(Row(row));
    });
    let list: Vec<Row> = (0..ROWS as u32).step_by(50).map(Row).collect();
    for batch in [1, 8, 32, 256] {
        let queries = block(batch, 2);
        let mut bench = |name: &str, pool: Pool<'_>, rows: usize, pass: u32| {
            group.throughput(Throughput::Elements((batch * rows) as u64));
            group.bench_function(BenchmarkId::new(name, batch), |b| {
                b.iter(|| {
                    one.install(|| exact.top_k(&queries, 10, Order::Highest, pool, |_, s| s.row.0 % pass == 0)).unwrap()
                })
            });
        };
        bench("all", Pool::All, ROWS, 1);
        bench("all, 1 in 100 passes", Pool::All, ROWS, 100);
        bench("every third", Pool::Set(&third), third.count(), 1);
        bench("every fiftieth, listed", Pool::List(&list), list.len(), 1);
    }
}

criterion_group!(benches, top_k);
criterion_main!(benches);
