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

/// Codes of some rows, in slots dealt by a seed. A few bytes from `damage` on are overwritten, if that is given.
fn codes_of(rows: Rows<'_>, seed: u64, damage: Option<(usize, [u8; 4])>) -> Codes {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut shuffled = || {
        let mut all: Vec<u32> = (0..rows.len() as u32).collect();
        (1..all.len()).for_each(|i| all.swap(i, rng.next_u32() as usize % (i + 1)));
        all
    };
    let codes = crate::codes::RowCodes::encode(rows, shuffled());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("codes");
    crate::codes::write(&path, &codes, &shuffled()).unwrap();
    let whole = Codes::open(&path, rows.dim(), rows.len()).unwrap();
    let Some((at, bytes)) = damage else { return whole };
    let mut file = std::fs::read(&path).unwrap();
    let at = at % (file.len() - 4);
    file[at..at + 4].copy_from_slice(&bytes);
    let path = dir.path().join("damaged");
    std::fs::write(&path, file).unwrap();
    Codes::open(&path, rows.dim(), rows.len()).unwrap_or(whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However few rows: the scan behind codes is called itself.
    #[test]
    fn codes_change_nothing(
        m in 0usize..20, n in 0usize..300, dim in 1usize..70, half: bool, lowest: bool, seed: u64,
        k in prop_oneof![Just(1usize), 2usize..12, Just(1000)], pass in 1u32..20, which in 0u8..4,
    ) {
        let case = Case::new(m, n, dim, half, seed);
        let codes = codes_of(case.rows(), seed, None);
        let order = if lowest { Order::Lowest } else { Order::Highest };
        let accept = |q: usize, s: Scored| (s.row.0 + q as u32 * 7 + s.score.abs() as u32).is_multiple_of(pass);
        let mut set = RowSet::new(n * 2 + seed as usize % 9);
        let list: Vec<Row> = (0..set.len() as u32).filter(|r| !(r ^ seed as u32).is_multiple_of(3)).map(Row).collect();
        list.iter().for_each(|&row| { set.insert(row); });
        let pool = [Pool::All, Pool::Set(&set), Pool::Set(&set), Pool::List(&list)][which as usize];
        let at = pool.matrix_rows(&case.catalog_rows).unwrap();
        let among = if which == 1 { Among::Most(&set) } else { at.as_deref().map_or(Among::All, Among::Rows) };
        let wanted = scan::Wanted { k, order, accept: &accept };
        let exact = case.exact().with_codes(Some(&codes)).unwrap();
        let one = pool_of(1).install(|| pruned::run(&exact, &codes, &case.queries, among, wanted));
        let among = if which == 1 { Among::Most(&set) } else { at.as_deref().map_or(Among::All, Among::Rows) };
        let three = pool_of(3).install(|| pruned::run(&exact, &codes, &case.queries, among, wanted));
        prop_assert_eq!(&one.best, &case.sorted(k, order, pool, accept).best);
        prop_assert_eq!(one, three, "counters too");
    }

    /// Whatever a codes file says, rows that are not there are not read, and nothing panics.
    #[test]
    fn damaged_codes_are_harmless(
        dim in 1usize..70, n in 1usize..200, seed: u64, lowest: bool, listed: bool,
        damage in (any::<prop::sample::Index>(), prop_oneof![
            any::<[u8; 4]>(), Just([0xff; 4]), Just(f32::NAN.to_le_bytes()), Just(f32::NEG_INFINITY.to_le_bytes()), Just((-1f32).to_le_bytes()),
        ]),
    ) {
        let case = Case::new(3, n, dim, false, seed);
        let codes = codes_of(case.rows(), seed, Some((damage.0.index(n * 100 + 4000), damage.1)));
        let order = if lowest { Order::Lowest } else { Order::Highest };
        let at: Vec<u32> = (0..n as u32).step_by(2).collect();
        let among = if listed { Among::Rows(&at) } else { Among::All };
        let wanted = scan::Wanted { k: 5, order, accept: &|_, _| true };
        let found = pruned::run(&case.exact(), &codes, &case.queries, among, wanted);
        prop_assert!(found.best.iter().flatten().all(|s| case.catalog_rows.contains(&s.row.0)));
    }
}

/// Errors that are no numbers say nothing: their rows are always read.
#[test]
fn unknown_errors_are_read_through() {
    let case = Case::new(4, 200, 24, false, 5);
    let mut weak = 0;
    for error in [f32::NAN, f32::INFINITY] {
        for seed in 0..40 {
            // Somewhere in the file; where it hits an error or a limit the answer must still be right.
            let codes = codes_of(case.rows(), 9, None);
            let file_of_errors = codes.errors().len() * 4;
            let at = 200 * 64 + 1024 + seed * 17 * 4 % file_of_errors;
            let damaged = codes_of(case.rows(), 9, Some((at / 4 * 4, error.to_le_bytes())));
            if damaged.errors().iter().all(|e| e.is_finite()) {
                continue;
            }
            weak += 1;
            let wanted = scan::Wanted { k: 5, order: Order::Highest, accept: &|_, _| true };
            let found = pruned::run(&case.exact(), &damaged, &case.queries, Among::All, wanted);
            assert_eq!(found.best, case.sorted(5, Order::Highest, Pool::All, |_, _| true).best);
        }
    }
    assert!(weak > 10, "{weak}");
}

#[test]
fn codes_are_read_where_that_pays_and_only_for_these_rows() {
    let case = Case::new(70, 4000, 48, false, 3);
    let codes = codes_of(case.rows(), 1, None);
    let exact = case.exact().with_codes(Some(&codes)).unwrap();
    let one = |m: usize| {
        let mut block = Block::new(48).unwrap();
        (0..m).for_each(|q| block.push_row(case.queries.rows().row(q).unwrap()).unwrap());
        block
    };
    let ask = |m: usize, k: usize, pool: Pool<'_>| {
        exact.top_k(&one(m), k, Order::Highest, pool, |_, _| true).unwrap().counters
    };
    let counted = ask(2, 3, Pool::All);
    assert_eq!(counted.bounded, 8000);
    assert!(counted.scored < 4000, "{counted:?}");
    let dense = RowSet::full(20_000);
    assert_eq!(ask(1, 3, Pool::Set(&dense)).bounded, 4000);
    for full in [ask(70, 3, Pool::All), ask(1, 1000, Pool::All)] {
        assert_eq!((full.bounded, full.scored % 4000), (0, 0));
    }
    let few: Vec<Row> = (0..2000).map(Row).collect();
    assert_eq!(ask(1, 3, Pool::List(&few)).bounded, 0);
    // Few rows here and there among many: by their codes, but for one query only, and not so few.
    let scattered: Vec<Row> = case.catalog_rows.iter().step_by(10).map(|&row| Row(row)).collect();
    assert_eq!(ask(1, 3, Pool::List(&scattered)).bounded, 400);
    assert_eq!(ask(2, 3, Pool::List(&scattered)).bounded, 0);
    assert_eq!(ask(1, 3, Pool::List(&scattered[..150])).bounded, 0);
    let other = Case::new(1, 3999, 48, false, 3);
    let refused = other.exact().with_codes(Some(&codes)).unwrap_err();
    assert_eq!(refused, Error::Codes { expected: (3999, 48), got: (4000, 48) });
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
    assert_eq!(found.counters, Counters { bounded: 0, scored: 600, tested: 3 });
}

#[test]
fn wrong_shapes_are_errors() {
    let case = Case::new(1, 3, 4, false, 1);
    assert_eq!(Exact::new(case.rows(), &[0, 1]).unwrap_err(), Error::MapLength { expected: 3, got: 2 });
    let exact = case.exact();
    let ask = |queries: &Block, pool| exact.top_k(queries, 1, Order::Highest, pool, |_, _| true).unwrap_err();
    assert_eq!(ask(&Block::new(5).unwrap(), Pool::All), Error::Width { expected: 4, got: 5 });
    assert_eq!(ask(&case.queries, Pool::List(&[Row(2), Row(1)])), Error::ListOrder { at: 1, row: 1 });
}
