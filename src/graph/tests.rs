//! Against the full scan, on made-up clusters with a modality gap: queries come from another place than rows.

use super::*;
use crate::codes::Codes;
use crate::kernels::{Block, dots};
use crate::words::{Order, Row, Scored, TopK};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Rows around centres, queries around the same centres plus an offset of their own. Unit length.
struct Space {
    rows: Block,
    known: Block,
    queries: Block,
    catalog_rows: Vec<u32>,
}

fn noise(state: &mut u64) -> f32 {
    let mut sum = 0.0;
    for _ in 0..4 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        sum += (*state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
    }
    sum
}

impl Space {
    fn new(n: usize, m: usize, dim: usize, seed: u64) -> Space {
        let mut state = seed;
        let centres: Vec<f32> = (0..40 * dim).map(|_| noise(&mut state)).collect();
        let gap: Vec<f32> = (0..dim).map(|_| 2.0 * noise(&mut state)).collect();
        let mut draw = |count: usize, gapped: bool| {
            let mut block = Block::new(dim).unwrap();
            for i in 0..count {
                let centre = &centres[(i * 7 + usize::from(gapped)) % 40 * dim..][..dim];
                let mut v: Vec<f32> = centre.iter().map(|c| c + 0.7 * noise(&mut state)).collect();
                if gapped {
                    v.iter_mut().zip(&gap).for_each(|(v, g)| *v += g);
                }
                let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
                v.iter_mut().for_each(|x| *x /= length);
                block.push(&v).unwrap();
            }
            block
        };
        let (rows, known, queries) = (draw(n, false), draw(n, true), draw(m, true));
        // Some samples of the catalog have no vector.
        Space { catalog_rows: (0..n as u32).map(|r| r * 2 + 1).collect(), rows, known, queries }
    }

    fn exact(&self, query: usize, k: usize, accept: impl Fn(Row) -> bool) -> Vec<Scored> {
        let mut scores = vec![0.0; self.rows.len()];
        dots(self.queries.padded(query..query + 1), self.rows.rows(), &mut scores);
        let mut top = TopK::new(k, Order::Highest);
        for (&score, &row) in scores.iter().zip(&self.catalog_rows) {
            if accept(Row(row)) {
                top.push(Scored { score, row: Row(row) });
            }
        }
        top.into_sorted()
    }
}

struct Made {
    dir: tempfile::TempDir,
    codes: Codes,
    graph: Graph,
}

impl Made {
    fn paths(&self) -> [PathBuf; 2] {
        ["codes", "graph"].map(|name| self.dir.path().join(name))
    }

    fn navigator<'a>(&'a self, space: &'a Space) -> Navigator<'a> {
        Navigator::new(&self.graph, &self.codes, space.rows.rows(), &space.catalog_rows)
    }
}

fn make(space: &Space, params: Params, known: bool, threads: usize) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["codes", "graph"].map(|name| dir.path().join(name));
    let vector = |q: usize| space.known.rows().row(q).unwrap().to_vec();
    let known = known.then_some(Known { len: space.known.len(), vector: &vector });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| build(space.rows.rows(), known.as_ref(), params, [&paths[0], &paths[1]], &|_| {})).unwrap();
    let codes = Codes::open(&paths[0], space.rows.dim(), space.rows.len()).unwrap();
    let graph = Graph::open(&paths[1], space.rows.len()).unwrap();
    graph.verify().unwrap();
    Made { dir, codes, graph }
}

/// Shares of the true best k (by score) that were found, over all queries.
fn recall(space: &Space, k: usize, accept: impl Fn(Row) -> bool, find: impl Fn(&[f32]) -> Vec<Scored>) -> f64 {
    let (mut hits, mut total) = (0, 0);
    for q in 0..space.queries.len() {
        let want = space.exact(q, k, &accept);
        let found = find(space.queries.padded(q..q + 1));
        assert!(found.len() <= k && found.windows(2).all(|w| w[0].beats(&w[1], Order::Highest)));
        let bar = want.last().map_or(f32::INFINITY, |s| s.score);
        hits += found.iter().filter(|s| s.score >= bar).count();
        total += want.len();
    }
    hits as f64 / total as f64
}

#[test]
fn finds_nearly_what_a_scan_finds_and_more_with_known_queries() {
    let space = Space::new(4000, 100, 40, 5);
    let at = |made: &Made, ef| {
        recall(
            &space,
            10,
            |_| true,
            |q| made.navigator(&space).top_k(q, Effort { k: 10, ef, budget: u64::MAX }).unwrap().best,
        )
    };
    let plain = make(&space, Params::default(), false, 2);
    let crossed = make(&space, Params::default(), true, 2);
    assert!(at(&plain, 400) > 0.97, "{}", at(&plain, 400));
    assert!(at(&crossed, 100) > 0.97, "{}", at(&crossed, 100));
    assert!(at(&crossed, 24) > at(&plain, 24) + 0.02, "{} {}", at(&crossed, 24), at(&plain, 24));
    // As wide a beam as there are nodes finds everything: all can be reached.
    assert_eq!(at(&crossed, 4000), 1.0);
}

#[test]
fn scores_are_those_of_a_scan_and_counters_tell_the_path() {
    let space = Space::new(1500, 20, 33, 9);
    let made = make(&space, Params::default(), true, 2);
    for q in 0..20 {
        let query = space.queries.padded(q..q + 1);
        let found = made.navigator(&space).top_k(query, Effort { k: 5, ef: 50, budget: u64::MAX }).unwrap();
        let all = space.exact(q, 1500, |_| true);
        assert!(found.best.iter().all(|s| all.contains(s)), "the same bits");
        assert!(found.counters.visited < 1500 && found.counters.visited > 50 && found.counters.scored == 27);
    }
}

#[test]
fn filtered_walks_give_k_where_k_exist_or_say_that_they_gave_up() {
    let space = Space::new(3000, 40, 24, 11);
    let made = make(&space, Params::default(), true, 2);
    for (modulus, floor) in [(2u32, 0.97), (10, 0.97), (100, 0.97)] {
        let accept = |row: Row| (row.0 / 2).is_multiple_of(modulus);
        let found = recall(&space, 10, accept, |q| {
            let effort = Effort { k: 10, ef: 64, budget: u64::MAX };
            let found = made.navigator(&space).top_k_where(q, effort, accept).unwrap();
            assert!(found.finished && found.best.len() == 10 && found.best.iter().all(|s| accept(s.row)));
            found.best
        });
        assert!(found > floor, "1 in {modulus}: {found}");
    }
    let query = space.queries.padded(0..1);
    // Seven exist: all are found, and the walk ended of itself.
    let few = |row: Row| row.0 < 14;
    let found = made.navigator(&space).top_k_where(query, Effort { k: 10, ef: 64, budget: u64::MAX }, few).unwrap();
    assert_eq!((found.best, found.finished), (space.exact(0, 10, few), true));
    let gave_up = made.navigator(&space).top_k_where(query, Effort { k: 10, ef: 64, budget: 500 }, few).unwrap();
    assert!(!gave_up.finished && gave_up.counters.visited < 700);
}

#[test]
fn the_predicate_is_asked_once_a_row() {
    let space = Space::new(800, 1, 16, 3);
    let made = make(&space, Params::default(), false, 1);
    let mut asked = BTreeSet::new();
    let effort = Effort { k: 10, ef: 20, budget: u64::MAX };
    let accept = |row: Row| {
        assert!(asked.insert(row), "twice: {row:?}");
        row.0.is_multiple_of(3)
    };
    let tested =
        made.navigator(&space).top_k_where(space.queries.padded(0..1), effort, accept).unwrap().counters.tested;
    assert_eq!(tested, asked.len() as u64);
}

#[test]
fn files_are_the_same_bytes_at_any_number_of_threads() {
    let space = Space::new(2500, 1, 20, 21);
    let bytes = |threads| {
        let made = make(&space, Params { seed: 7, ..Params::default() }, true, threads);
        made.paths().map(|path| std::fs::read(path).unwrap())
    };
    let one = bytes(1);
    assert!([2, 3].iter().all(|&threads| bytes(threads) == one));
    let other = make(&space, Params { seed: 8, ..Params::default() }, true, 2);
    assert_ne!(std::fs::read(&other.paths()[1]).unwrap(), one[1], "the seed matters");
}

#[test]
fn tiny_and_degenerate_graphs() {
    for n in [0, 1, 2, 3, 17, 70] {
        let space = Space::new(n, 3, 5, 1);
        let made = make(&space, Params { m: 4, ..Params::default() }, true, 2);
        for q in 0..3 {
            let query = space.queries.padded(q..q + 1);
            let found = made.navigator(&space).top_k(query, Effort { k: 4, ef: 100, budget: u64::MAX }).unwrap();
            assert_eq!(found.best, space.exact(q, 4, |_| true), "{n} rows");
        }
    }
    // All rows the same.
    let mut space = Space::new(0, 1, 5, 1);
    (0..300).for_each(|_| space.rows.push(&[0.6, 0.8, 0.0, 0.0, 0.0]).unwrap());
    space.catalog_rows = (0..300).collect();
    let made = make(&space, Params { m: 4, ..Params::default() }, false, 2);
    let found =
        made.navigator(&space).top_k(space.queries.padded(0..1), Effort { k: 300, ef: 300, budget: u64::MAX }).unwrap();
    assert_eq!(found.best, space.exact(0, 300, |_| true));
}

/// Queries beside whichever rows: the k nearest by score, copies among them.
fn found_among_copies(rows: impl Fn(usize) -> usize, n: usize, ef: usize) -> f64 {
    let mut space = Space::new(800, 60, 24, 17);
    let distinct = std::mem::replace(&mut space.rows, Block::new(24).unwrap());
    (0..n).for_each(|i| space.rows.push(&distinct.padded(rows(i)..rows(i) + 1)[..24]).unwrap());
    space.catalog_rows = (0..n as u32).collect();
    let made = make(&space, Params::default(), false, 2);
    recall(
        &space,
        10,
        |_| true,
        |q| made.navigator(&space).top_k(q, Effort { k: 10, ef, budget: u64::MAX }).unwrap().best,
    )
}

#[test]
fn copies_are_all_found() {
    // One photo under several captions, far apart in the file.
    let once = found_among_copies(|i| i, 800, 100);
    let five = found_among_copies(|i| i % 800, 4000, 100);
    assert!(once > 0.95 && five >= once - 0.01, "{once} {five}");
    // Five in six are one placeholder, and what is asked for is anything.
    let placeholder = found_among_copies(|i| if i % 6 == 0 { i / 6 } else { 3 }, 4800, 100);
    assert!(placeholder > 0.95, "{placeholder}");
}

#[test]
fn a_predicate_that_only_a_late_copy_passes_finds_it() {
    let mut space = Space::new(0, 5, 24, 17);
    let others = Space::new(500, 0, 24, 4);
    (0..2000).for_each(|i| {
        let row = if i % 4 == 0 { i / 4 } else { 7 };
        space.rows.push(&others.rows.padded(row..row + 1)[..24]).unwrap();
    });
    space.catalog_rows = (0..2000).collect();
    let made = make(&space, Params::default(), false, 2);
    let late = |row: Row| row.0 > 1980 && !row.0.is_multiple_of(4);
    for q in 0..5 {
        let query = space.queries.padded(q..q + 1);
        let effort = Effort { k: 3, ef: 16, budget: u64::MAX };
        assert_eq!(made.navigator(&space).top_k_where(query, effort, late).unwrap().best, space.exact(q, 3, late));
    }
}

#[test]
fn wrong_widths_are_errors() {
    let space = Space::new(20, 1, 5, 1);
    let made = make(&space, Params::default(), false, 1);
    let effort = Effort { k: 1, ef: 1, budget: 1 };
    assert_eq!(made.navigator(&space).top_k(&[0.0; 3], effort), Err(Error::Width { expected: 16, got: 3 }));
    assert!(Graph::open(&made.paths()[1], 21).is_err() && Codes::open(&made.paths()[0], 6, 20).is_err());
}
