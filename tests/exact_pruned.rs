//! The fear: a scan that reads codes first and, once in a thousand queries, misses a row. So ten thousand queries and more are
//! answered both ways, over rows made to be mistaken for each other, and every bit of every answer is compared.

mod common;

use mispair::codes::{Codes, RowCodes, write};
use mispair::exact::{Counters, Exact, Pool};
use mispair::formats::npy::NpyMatrix;
use mispair::kernels::{Block, Elements, Rows};
use mispair::rows::RowSet;
use mispair::words::{Order, Row, Scored};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn noise(rng: &mut ChaCha8Rng) -> f32 {
    (0..3).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).sum()
}

fn scaled(v: &mut [f32], length: f32) {
    let now = v.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-30);
    v.iter_mut().for_each(|x| *x *= length / now);
}

/// Rows that are hard to tell apart, or to code.
const KINDS: [&str; 6] = ["clusters", "duplicates", "one ulp", "outliers", "lengths", "small integers"];

fn rows_of(kind: &str, n: usize, dim: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let centres: Vec<Vec<f32>> = (0..30).map(|_| (0..dim).map(|_| noise(rng)).collect()).collect();
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(n);
    for i in 0..n {
        let mut row: Vec<f32> = centres[i % 30].iter().map(|c| c + 0.5 * noise(rng)).collect();
        // A column that says nothing.
        row[dim / 2] = 0.25;
        scaled(&mut row, 1.0);
        match kind {
            "duplicates" if i > 40 && !i.is_multiple_of(3) => row = rows[i % 40].clone(),
            "one ulp" if i > 20 => {
                row = rows[i % 20].clone();
                let at = rng.next_u32() as usize % dim;
                row[at] = if i % 2 == 0 { row[at].next_up() } else { row[at].next_down() };
            }
            "outliers" if i % 50 == 7 => row[rng.next_u32() as usize % dim] *= 500.0,
            "lengths" => scaled(&mut row, 10f32.powi(rng.next_u32() as i32 % 5 - 2)),
            "small integers" => row.iter_mut().for_each(|x| *x = (*x * 12.0).round().clamp(-2.0, 2.0)),
            _ => {}
        }
        rows.push(row);
    }
    rows
}

struct Case {
    halves: Option<Vec<u16>>,
    floats: Block,
    catalog_rows: Vec<u32>,
    codes: Codes,
}

impl Case {
    fn new(rows: &[Vec<f32>], half: bool, rng: &mut ChaCha8Rng) -> Case {
        let dim = rows[0].len();
        let mut floats = Block::new(dim).unwrap();
        rows.iter().for_each(|row| floats.push(row).unwrap());
        let halves = half.then(|| floats.all().iter().map(|&x| half::f16::from_f32(x).to_bits()).collect::<Vec<_>>());
        let view = halves.as_ref().map_or(floats.rows(), |h| Rows::new(Elements::F16(h), dim).unwrap());
        // Slots in an order of their own.
        let mut places: Vec<u32> = (0..rows.len() as u32).collect();
        (1..places.len()).for_each(|i| places.swap(i, rng.next_u32() as usize % (i + 1)));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes");
        write(&path, &RowCodes::encode(view, (0..rows.len() as u32).collect()), &places).unwrap();
        let codes = Codes::open(&path, dim, rows.len()).unwrap();
        Case { halves, floats, catalog_rows: (0..rows.len() as u32).map(|r| r * 3 / 2).collect(), codes }
    }

    fn rows(&self) -> Rows<'_> {
        self.halves.as_ref().map_or(self.floats.rows(), |h| Rows::new(Elements::F16(h), self.floats.dim()).unwrap())
    }

    /// One to eight queries: most beside a row, some of no or extreme length.
    fn queries(&self, rng: &mut ChaCha8Rng) -> (Block, Vec<usize>) {
        let dim = self.floats.dim();
        let (mut block, mut near) = (Block::new(dim).unwrap(), vec![]);
        for _ in 0..1 + rng.next_u32() % 8 {
            let row = rng.next_u32() as usize % self.floats.len();
            let mut query = self.rows().row(row).unwrap().to_vec();
            match rng.next_u32() % 12 {
                0 => {}
                1 => query.iter_mut().for_each(|x| *x = -*x),
                2 => query.fill(0.0),
                3 => scaled(&mut query, 1e15),
                4 => scaled(&mut query, 1e-15),
                5 => query.iter_mut().for_each(|x| *x = *x * 1e-30 * 1e-8),
                6 => (query.fill(0.0), query[row % dim] = 1.0).1,
                _ => {
                    query.iter_mut().for_each(|x| *x += 0.2 * noise(rng) + 0.02);
                    scaled(&mut query, 1.0);
                }
            }
            block.push(&query).unwrap();
            near.push(row);
        }
        (block, near)
    }

    /// Asks `calls` times both ways; how many queries, and what the pruned scan counted.
    fn compare(&self, name: &str, calls: usize, rng: &mut ChaCha8Rng) -> (usize, Counters) {
        let n = self.catalog_rows.len();
        let full = Exact::new(self.rows(), &self.catalog_rows).unwrap();
        let pruned = full.with_codes(Some(&self.codes)).unwrap();
        let pools = [1, 2].map(|t| rayon::ThreadPoolBuilder::new().num_threads(t).build().unwrap());
        let bound = n * 3 / 2 + 5;
        let set_of = |keep: &dyn Fn(u32) -> bool| {
            let mut set = RowSet::new(bound);
            (0..bound as u32).filter(|&r| keep(r)).for_each(|r| {
                set.insert(Row(r));
            });
            set
        };
        // The dense set is read whole, the sparse one and the list row by row.
        let (dense, sparse) = (set_of(&|r| r % 8 != 3), set_of(&|r| r % 9 == 0));
        let list: Vec<Row> = (0..bound as u32).filter(|r| r % 5 != 2).map(Row).collect();
        let (mut queries, mut counted) = (0, Counters::default());
        for call in 0..calls {
            let (block, near) = self.queries(rng);
            queries += block.len();
            let order = if rng.next_u32().is_multiple_of(3) { Order::Lowest } else { Order::Highest };
            let k = [1, 1, 3, 10, 10, 37][rng.next_u32() as usize % 6];
            let pool = [Pool::All, Pool::All, Pool::Set(&dense), Pool::Set(&sparse), Pool::List(&list)]
                [rng.next_u32() as usize % 5];
            let rule = rng.next_u32() % 6;
            let accept = |q: usize, s: Scored| match rule {
                // The best are refused: those of the query's own cluster.
                0 | 1 => (s.row.0 as usize * 2 / 3) % 30 != near[q] % 30,
                2 => s.row.0.is_multiple_of(50),
                // As CTI at least this pair's.
                3 => s.score.abs() < 0.3,
                4 => call % 7 != 0,
                _ => true,
            };
            let ask = |exact: &Exact<'_>, threads: usize| {
                pools[threads].install(|| exact.top_k(&block, k, order, pool, accept)).unwrap()
            };
            let (want, found) = (ask(&full, call % 2), ask(&pruned, rng.next_u32() as usize % 2));
            let bits = |best: &[Vec<Scored>]| -> Vec<Vec<(u32, u32)>> {
                best.iter().map(|b| b.iter().map(|s| (s.row.0, s.score.to_bits())).collect()).collect()
            };
            assert_eq!(bits(&found.best), bits(&want.best), "{name}: call {call}, {order:?}, k {k}, rule {rule}");
            counted.bounded += found.counters.bounded;
            counted.scored += found.counters.scored;
            if found.counters.bounded == 0 {
                assert!(matches!(pool, Pool::Set(_)), "codes were not read: {name}, call {call}");
            }
        }
        (queries, counted)
    }
}

#[test]
fn ten_thousand_queries_without_a_difference() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut queries = 0;
    for (i, kind) in KINDS.into_iter().enumerate() {
        for half in [false, true] {
            let rows = rows_of(kind, 5000, [40, 64, 90, 33, 48, 70][i], &mut rng);
            let case = Case::new(&rows, half, &mut rng);
            let (asked, counted) = case.compare(kind, 220, &mut rng);
            queries += asked;
            println!(
                "{kind}, halves {half}: {asked} queries, {} rows by codes, {} scored",
                counted.bounded, counted.scored
            );
            assert!(counted.bounded > 0);
        }
    }
    assert!(queries >= 10_000, "{queries}");
}

/// Real CLIP vectors: images and captions together, and near copies of them, as an archive has many pictures of one scene.
#[test]
fn real_vectors_without_a_difference() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut rows = vec![];
    for side in ["image", "text"] {
        let path = common::real_data("verite").join(format!("VERITE_clip_{side}_embeddings_ViTB32.npy"));
        let Ok(bytes) = std::fs::read(&path) else {
            println!("skipped: {} is not there; name the folder of real data in MISPAIR_DATA", path.display());
            return;
        };
        let matrix = NpyMatrix::read(&bytes, &path).unwrap();
        for r in 0..matrix.rows() {
            let mut row = vec![0.0; matrix.cols()];
            matrix.row_into(r, &mut row);
            rows.push(row);
        }
    }
    for i in 0..rows.len() {
        let mut near: Vec<f32> = rows[i].iter().map(|x| x + 0.02 * noise(&mut rng)).collect();
        scaled(&mut near, 1.0);
        rows.push(near);
    }
    let (queries, counted) = Case::new(&rows, false, &mut rng).compare("verite", 150, &mut rng);
    println!("{queries} queries, {} rows by codes, {} scored", counted.bounded, counted.scored);
    assert!(counted.scored < counted.bounded);
}
