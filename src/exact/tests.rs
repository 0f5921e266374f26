//! Against the obvious version: score everything, sort by rank, filter, cut.

use super::*;
use crate::kernels::{Elements, Kernels, padded};
use crate::rows::RowSet;
use crate::words::Row;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::atomic::{AtomicU64, Ordering};

/// A matrix of few distinct values: exact ties and duplicate rows abound.
struct Case {
    queries: Block,
    halves: Vec<u16>,
    floats: Vec<f32>,
    catalog_rows: Vec<u32>,
    dim: usize,
    half: bool,
}

impl Case {
    fn new(m: usize, n: usize, dim: usize, half: bool, seed: u64) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut value = || (rng.next_u32() % 5) as f32 - 2.0;
        let mut queries = Block::with_capacity(dim, m).unwrap();
        for _ in 0..m {
            queries.push(&(0..dim).map(|_| value()).collect::<Vec<_>>()).unwrap();
        }
        let mut floats: Vec<f32> = vec![];
        for row in 0..n {
            if row > 0 && value() > 0.0 {
                floats.extend_from_within((row - 1) * padded(dim)..); // a duplicate
            } else {
                floats.extend((0..dim).map(|_| value() + value() / 4.0));
                floats.resize((row + 1) * padded(dim), 0.0);
            }
        }
        let halves = floats.iter().map(|&x| half::f16::from_f32(x).to_bits()).collect();
        let mut next = 0;
        let catalog_rows = (0..n).map(|_| (next += 1 + u32::from(value() > 1.0) * 3, next).1).collect();
        Case { queries, halves, floats, catalog_rows, dim, half }
    }

    fn rows(&self) -> Rows<'_> {
        let elements = if self.half { Elements::F16(&self.halves) } else { Elements::F32(&self.floats) };
        Rows::new(elements, self.dim).unwrap()
    }

    fn exact(&self) -> Exact<'_> {
        Exact::new(self.rows(), &self.catalog_rows).unwrap()
    }

    /// The oracle.
    fn sorted(&self, k: usize, order: Order, pool: Pool<'_>, accept: impl Fn(usize, Scored) -> bool) -> Found {
        let mut found = Found { best: vec![], counters: Counters::default() };
        for q in 0..self.queries.len() {
            let mut all = vec![];
            for (r, &row) in self.catalog_rows.iter().enumerate() {
                let row = Row(row);
                let in_pool = match pool {
                    Pool::All => true,
                    Pool::Set(set) => set.contains(row),
                    Pool::List(list) => list.contains(&row),
                };
                if in_pool {
                    let x = &self.floats[r * padded(self.dim)..][..padded(self.dim)];
                    let score = Kernels::scalar().dot(self.queries.padded(q..q + 1), x);
                    all.push(Scored { score, row });
                }
            }
            found.counters.scored += if k == 0 { 0 } else { all.len() as u64 };
            all.sort_by(|a, b| a.rank(b, order));
            all.retain(|&s| accept(q, s));
            all.truncate(k);
            found.best.push(all);
        }
        found
    }
}

fn pool_of(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn top_k_is_sort_filter_cut(
        m in 0usize..40, n in 0usize..150, dim in 1usize..20, half: bool, lowest: bool, seed: u64,
        k in prop_oneof![Just(0usize), Just(1), 2usize..12, Just(1000)], pass in 1u32..6, which in 0u8..3,
    ) {
        let case = Case::new(m, n, dim, half, seed);
        let order = if lowest { Order::Lowest } else { Order::Highest };
        // Depends on query, row and score, as real constraints do.
        let accept = |q: usize, s: Scored| (s.row.0 + q as u32 * 7 + s.score.abs() as u32).is_multiple_of(pass);
        // Bounds above and below the catalog's; rows without a vector among them.
        let mut set = RowSet::new(n * 2 + seed as usize % 9);
        let list: Vec<Row> = (0..set.len() as u32).filter(|r| !(r ^ seed as u32).is_multiple_of(3)).map(Row).collect();
        list.iter().for_each(|&row| { set.insert(row); });
        let pool = [Pool::All, Pool::Set(&set), Pool::List(&list)][which as usize];
        let found = case.exact().top_k(&case.queries, k, order, pool, accept).unwrap();
        let want = case.sorted(k, order, pool, accept);
        prop_assert_eq!(&found.best, &want.best);
        prop_assert_eq!(found.counters.scored, want.counters.scored);
    }
}

/// Large enough that rows, and then queries, are shared out; the path is proven by the counter
/// of tested rows, which grows with the number of pieces.
#[test]
fn any_number_of_threads_gives_the_same_answer() {
    for (m, n) in [(1, 7000), (5, 7000), (40, 4500), (300, 700), (1100, 90)] {
        let case = Case::new(m, n, 7, m % 2 == 0, m as u64);
        for (k, order) in [(10, Order::Highest), (3, Order::Lowest)] {
            let accept = |q: usize, s: Scored| !(s.row.0 as usize + q).is_multiple_of(3);
            let want = case.sorted(k, order, Pool::All, accept);
            for threads in [1, 2, 5] {
                let found = pool_of(threads)
                    .install(|| case.exact().top_k(&case.queries, k, order, Pool::All, accept))
                    .unwrap();
                assert_eq!(found.best, want.best, "{m} queries, {n} rows, {threads} threads");
                assert_eq!(found.counters.scored, (m * n) as u64);
            }
        }
    }
}

#[test]
fn the_predicate_is_asked_only_about_rows_that_would_enter() {
    // Scores fall with the row: after the first k nothing can enter.
    let mut matrix = Block::new(1).unwrap();
    (0..5000).for_each(|i| matrix.push(&[5000.0 - i as f32]).unwrap());
    let mut query = Block::new(1).unwrap();
    query.push(&[1.0]).unwrap();
    let catalog_rows: Vec<u32> = (0..5000).collect();
    let exact = Exact::new(matrix.rows(), &catalog_rows).unwrap();
    let calls = AtomicU64::new(0);
    let ask = |threads: usize, order| {
        calls.store(0, Ordering::Relaxed);
        let accept = |_: usize, _: Scored| calls.fetch_add(1, Ordering::Relaxed) < u64::MAX;
        let found = pool_of(threads).install(|| exact.top_k(&query, 4, order, Pool::All, accept)).unwrap();
        assert_eq!(found.counters.tested, calls.load(Ordering::Relaxed));
        found.counters.tested
    };
    assert_eq!(ask(1, Order::Highest), 4);
    assert_eq!(ask(2, Order::Highest), 8, "two threads, each with its own best 4");
    assert_eq!(ask(1, Order::Lowest), 5000, "every row beats those before it");
}

#[test]
fn equal_scores_are_settled_by_the_lower_row_and_tested_once() {
    let mut matrix = Block::new(3).unwrap();
    (0..600).for_each(|_| matrix.push(&[1.0, 2.0, 3.0]).unwrap());
    let mut query = Block::new(3).unwrap();
    query.push(&[1.0, 0.0, 1.0]).unwrap();
    let catalog_rows: Vec<u32> = (100..700).collect();
    let exact = Exact::new(matrix.rows(), &catalog_rows).unwrap();
    let found = pool_of(1).install(|| exact.top_k(&query, 3, Order::Highest, Pool::All, |_, _| true)).unwrap();
    assert_eq!(found.best[0].iter().map(|s| s.row.0).collect::<Vec<_>>(), [100, 101, 102]);
    assert_eq!(found.counters, Counters { scored: 600, tested: 3 });
}

#[test]
fn wrong_shapes_are_errors() {
    let case = Case::new(1, 3, 4, false, 1);
    assert_eq!(Exact::new(case.rows(), &[0, 1]).unwrap_err(), Error::MapLength { expected: 3, got: 2 });
    assert_eq!(Exact::new(case.rows(), &[0, 4, 4]).unwrap_err(), Error::MapOrder { at: 2, row: 4 });
    let exact = case.exact();
    let ask = |queries: &Block, pool| exact.top_k(queries, 1, Order::Highest, pool, |_, _| true).unwrap_err();
    assert_eq!(ask(&Block::new(5).unwrap(), Pool::All), Error::Width { expected: 4, got: 5 });
    assert_eq!(ask(&case.queries, Pool::List(&[Row(2), Row(1)])), Error::ListOrder { at: 1, row: 1 });
}
