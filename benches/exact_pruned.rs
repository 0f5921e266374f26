//! How much faster is an exact scan that reads one-byte codes first, and how many rows does it read at all?
//!
//! ```text
//! cargo bench --bench exact_pruned [-- ROWS [DIM [REPEATS]]]        200000 512 7
//! ```
//!
//! Made-up vectors: unit rows around topics, columns of very different widths; queries are of the same topics, but lie beside the
//! rows, as captions lie beside images (a gap). Full and pruned scan take turns; a time is the best of its turns. The filter
//! "elsewhere" refuses every row of the query's own topic and every second of the rest: the best rows are the refused ones, as
//! with real constraints. 32 queries are more than codes are read for: there both are full scans. Every answer is compared. `read` is the share of rows whose score was computed.

use mispair::codes::{Codes, RowCodes, write};
use mispair::exact::{Exact, Found, Pool};
use mispair::kernels::{Block, backend_name};
use mispair::words::{Order, Scored};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Instant;

const TOPICS: usize = 400;

/// About normal.
fn noise(rng: &mut ChaCha8Rng) -> f32 {
    (0..4).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).sum::<f32>() * 1.7
}

struct Space {
    /// How wide each column is.
    widths: Vec<f32>,
    topics: Vec<f32>,
    gap: Vec<f32>,
}

impl Space {
    fn new(dim: usize, rng: &mut ChaCha8Rng) -> Space {
        let widths: Vec<f32> = (0..dim).map(|i| 0.5 + 4.0 / (1.0 + i as f32).sqrt()).collect();
        let topics = (0..TOPICS * dim).map(|i| noise(rng) * widths[i % dim]).collect();
        Space { topics, gap: (0..dim).map(|_| noise(rng)).collect(), widths }
    }

    /// Vector i is of topic i mod [`TOPICS`].
    fn draw(&self, count: usize, side: f32, spread: f32, rng: &mut ChaCha8Rng) -> Block {
        let dim = self.widths.len();
        let mut block = Block::with_capacity(dim, count).unwrap();
        for i in 0..count {
            let topic = &self.topics[i % TOPICS * dim..][..dim];
            let all = topic.iter().zip(&self.widths).zip(&self.gap);
            let mut v: Vec<f32> = all.map(|((t, w), g)| t + spread * w * noise(rng) + side * g).collect();
            let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
            v.iter_mut().for_each(|x| *x /= length);
            block.push(&v).unwrap();
        }
        block
    }
}

fn machine() -> String {
    let of = |path: &str, key: &str| -> Option<String> {
        let text = std::fs::read_to_string(path).ok()?;
        text.lines().find_map(|l| Some(l.strip_prefix(key)?.trim_start_matches(['\t', ' ', ':']).to_owned()))
    };
    let cpu = of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".into());
    let load = of("/proc/loadavg", "").unwrap_or_default();
    format!("{cpu}, {} threads, kernels {}, load {load}", rayon::current_num_threads(), backend_name())
}

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let arg = |i: usize, default| args.get(i).copied().unwrap_or(default);
    let (n, dim, repeats) = (arg(0, 200_000), arg(1, 512), arg(2, 7));
    println!("{}", machine());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let space = Space::new(dim, &mut rng);
    let (matrix, all) = (space.draw(n, 1.0, 1.0, &mut rng), space.draw(64, -0.5, 1.3, &mut rng));
    let rows: Vec<u32> = (0..n as u32).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("codes");
    write(&path, &RowCodes::encode(matrix.rows(), rows.clone()), &rows).unwrap();
    let codes = Codes::open(&path, dim, n).unwrap();
    println!(
        "{n} made-up rows of {dim} in {TOPICS} topics, top 10; milliseconds per call, the best of {repeats} turns"
    );
    println!("threads order    filter     queries     full   pruned  ratio     read");
    let full = Exact::new(matrix.rows(), &rows).unwrap();
    let pruned = full.with_codes(Some(&codes)).unwrap();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (order, filtered) in
            [(Order::Highest, false), (Order::Highest, true), (Order::Lowest, false), (Order::Lowest, true)]
        {
            let accept = |q: usize, s: Scored| {
                let r = s.row.0 as usize;
                !filtered || r % TOPICS != q % TOPICS && (r / TOPICS).is_multiple_of(2)
            };
            for batch in [1, 2, 4, 8, 32] {
                let mut queries = Block::with_capacity(dim, batch).unwrap();
                (0..batch).for_each(|q| queries.push_row(all.rows().row(q).unwrap()).unwrap());
                let ask = |exact: &Exact<'_>| -> (Found, f64) {
                    let start = Instant::now();
                    let found = pool.install(|| exact.top_k(&queries, 10, order, Pool::All, accept)).unwrap();
                    (found, start.elapsed().as_secs_f64() * 1e3)
                };
                let mut least = [f64::INFINITY; 2];
                let mut read = 0.0;
                for _ in 0..repeats {
                    let (a, b) = (ask(&full), ask(&pruned));
                    assert_eq!(a.0.best, b.0.best, "the pruned scan differs");
                    least = [least[0].min(a.1), least[1].min(b.1)];
                    read = b.0.counters.scored as f64 / (n * batch) as f64;
                }
                println!(
                    "{threads:>7} {:<8} {:<10} {batch:>7} {:>8.2} {:>8.2} {:>6.2} {:>7.3}%",
                    if order == Order::Highest { "highest" } else { "lowest" },
                    if filtered { "elsewhere" } else { "none" },
                    least[0],
                    least[1],
                    least[0] / least[1],
                    read * 100.0
                );
            }
        }
    }
}
