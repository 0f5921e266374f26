//! The scan that reads codes first, and rows only where their bound reaches the running k-th score.
//!
//! ```text
//!   codes, all threads       reach: how good each row can be at best
//!   ┌──────┬──────┬───┐      ┌────────────────────────────────────┐
//!   │ 1024 │ 1024 │ … │ ───▶ │ f32 per query and position         │──▶ a sample of it, sorted: where to cut
//!   └──────┴──────┴───┘      └───────────────┬────────────────────┘
//!            ┌───────────────────────────────┘
//!            ▼ from the top, slice after slice, each four times as many rows as the one before
//!        reach at or above the bar? ── rows::dots_at ── tie by row, `accept` ──▶ TopK: the bar rises
//!            │
//!            └ ends when no slice is left that reaches the bar
//! ```
//!
//! Why it finds what a full scan finds: a row is passed over only where its score is certainly worse than that of k accepted
//! rows. Slices are cut by a sample, so where they are cut decides how fast it is, never what is found. The whole of it depends on
//! the operands only: counters too are the same at any number of threads.

use super::scan::Wanted;
use super::{Counters, Exact, Found};
use crate::codes::{CodeQuery, Codes};
use crate::kernels::{Block, code_dots, code_dots_at, dots_at, skim};
use crate::rows::RowSet;
use crate::words::{Order, Row, Scored, TopK};
use rayon::prelude::*;

/// Queries that share the reading of the codes; a larger batch is scanned in full. A full scan of 200,000 × 512 `f32` takes 31 ms
/// of one thread for 1 query, 48 for 8, 50 for 16 (tiles come into their own), 90 for 32; codes 7, 17, 33, 66. Beyond 8 the gain
/// is half at best, and gone as soon as one row in a hundred must be read after all, as rows read here and there take as long as
/// forty in a tile.
const MOST_QUERIES: usize = 8;
/// Below this many rows in sequence a full scan is as fast: at 2,048 × 512 one query gains nothing and eight lose half, at 4,096 one
/// takes half as long, eight a fifth less.
const LEAST_ROWS: usize = 3072;
/// Below this many rows here and there among many it is as fast for one query. Bytes are all that counts there: 2,000 of
/// 200,000 × 512 take half as long by their codes, 200 three quarters.
const LEAST_SCATTERED: usize = 160;
/// A result is wanted of at least so many rows each: otherwise most of them are read anyway.
const LEAST_PER_RESULT: usize = 16;
/// One row in so many makes a set dense.
const DENSE: usize = 4;
/// Positions that one task bounds at a time.
const BLOCK: usize = 1024;
/// About so many bounds are drawn as a sample.
const SAMPLE: usize = 2048;
/// Rows of the first slice, at least.
const FIRST: usize = 64;
/// How much longer each slice is than all before it.
const GROWTH: usize = 4;
/// A slice of more than one position in so many is read in the order of memory, not of bounds.
const MANY: usize = 4;
/// Rows read at a time; then the bar is looked at again.
const CHUNK: usize = 32;

/// Which rows may be found.
pub(super) enum Among<'s> {
    /// All.
    All,
    /// Those of a set that holds so many of all that looking at all is as fast.
    Most(&'s RowSet),
    /// These matrix rows, ascending.
    Rows(&'s [u32]),
}

/// Where a scan looks.
struct Scan<'s, 'a> {
    exact: &'s Exact<'a>,
    codes: &'a Codes,
    /// Position → slot, ascending; `None`: they are the same.
    slots: Option<Vec<u32>>,
    /// Only rows of this set are read; `None`: any.
    set: Option<&'s RowSet>,
}

/// How good rows can be at best, for each query and each position of a scan: block by block, in it query by query.
struct Reach {
    values: Vec<f32>,
    queries: usize,
}

/// Are codes worth reading, for so many rows of all?
pub(super) fn pays(queries: usize, rows: usize, all: usize, k: usize) -> bool {
    let scattered = queries == 1 && !looks_at_all(rows, all);
    (1..=MOST_QUERIES).contains(&queries)
        && rows >= if scattered { LEAST_SCATTERED } else { LEAST_ROWS }
        && k.saturating_mul(LEAST_PER_RESULT) <= rows
}

/// Does a set hold so many of all rows that the codes of all are read, and rows asked for membership only before they are read
/// themselves?
pub(super) fn looks_at_all(set: usize, rows: usize) -> bool {
    set.saturating_mul(DENSE) >= rows
}

/// Answers the queries among the rows of `pool`.
pub(super) fn run<A: Fn(usize, Scored) -> bool + Sync + Copy>(
    exact: &Exact<'_>,
    codes: &Codes,
    queries: &Block,
    pool: Among<'_>,
    wanted: Wanted<A>,
) -> Found {
    let (slots, set) = match pool {
        Among::All => (None, None),
        Among::Most(set) => (None, Some(set)),
        Among::Rows(at) => (Some(slots_of(codes, at)), None),
    };
    let scan = Scan { exact, codes, slots, set };
    let reach = scan.reach(queries, wanted.order);
    let answers: Vec<_> =
        (0..queries.len()).into_par_iter().map(|query| scan.answer(&reach, query, queries, wanted)).collect();
    let counters = Counters { bounded: reach.values.len() as u64, ..Counters::default() };
    let mut found = Found { best: Vec::with_capacity(queries.len()), counters };
    for (best, counters) in answers {
        found.counters.scored += counters.scored;
        found.counters.tested += counters.tested;
        found.best.push(best.into_sorted());
    }
    found
}

/// The slots of matrix rows, ascending, so that memory is read in sequence. A damaged file's, where they are there.
fn slots_of(codes: &Codes, at: &[u32]) -> Vec<u32> {
    let mut marks = vec![0u64; codes.len().div_ceil(64)];
    let slots = at.iter().filter_map(|&row| codes.slots_of_rows().get(row as usize));
    for &slot in slots.filter(|&&slot| (slot as usize) < codes.len()) {
        marks[slot as usize / 64] |= 1 << (slot % 64);
    }
    let mut slots = Vec::with_capacity(at.len());
    for (i, mut left) in marks.into_iter().enumerate() {
        while left != 0 {
            slots.push(i as u32 * 64 + left.trailing_zeros());
            left &= left - 1;
        }
    }
    slots
}

impl Scan<'_, '_> {
    /// Reads the codes.
    fn reach(&self, queries: &Block, order: Order) -> Reach {
        let m = queries.len();
        let coded: Vec<CodeQuery> =
            (0..m).map(|q| self.codes.query(&queries.padded(q..q + 1)[..queries.dim()])).collect();
        let weights: Vec<i16> = coded.iter().flat_map(|q| q.weights()).copied().collect();
        let positions = self.slots.as_ref().map_or(self.codes.len(), Vec::len);
        let mut values = vec![0f32; m * positions];
        values.par_chunks_mut(m.max(1) * BLOCK).enumerate().for_each_init(
            || (vec![0i32; m * BLOCK], Vec::new()),
            |(products, gathered), (b, values)| {
                let block = b * BLOCK..b * BLOCK + values.len() / m;
                let products = &mut products[..values.len()];
                let errors = match &self.slots {
                    None => {
                        code_dots(&weights, self.codes.rows().slice(block.clone()), products);
                        &self.codes.errors()[block.clone()]
                    }
                    Some(slots) => {
                        let slots = &slots[block.clone()];
                        code_dots_at(&weights, self.codes.rows(), slots, products);
                        gathered.clear();
                        gathered.extend(slots.iter().map(|&slot| self.codes.errors()[slot as usize]));
                        gathered
                    }
                };
                let each = products.chunks_exact(block.len()).zip(values.chunks_exact_mut(block.len()));
                for (query, (products, values)) in coded.iter().zip(each) {
                    query.at_best(products, errors, order, values);
                }
            },
        );
        Reach { values, queries: m }
    }

    /// The best rows for one query.
    fn answer<A: Fn(usize, Scored) -> bool>(
        &self,
        reach: &Reach,
        query: usize,
        queries: &Block,
        wanted: Wanted<A>,
    ) -> (TopK, Counters) {
        let (mut best, mut counters) = (TopK::new(wanted.k, wanted.order), Counters::default());
        let bar = |best: &TopK| match wanted.order {
            Order::Highest => best.bar(),
            Order::Lowest => -best.bar(),
        };
        let (sample, step) = reach.sample(query);
        let mut rank = (2 * wanted.k).max(FIRST) / step;
        let mut ceiling = None;
        let (mut slice, mut at) = (Vec::new(), Vec::with_capacity(CHUNK));
        loop {
            let floor = sample.get(rank).copied().unwrap_or(f32::NEG_INFINITY).max(bar(&best));
            slice.clear();
            for (from, values) in reach.blocks(query) {
                skim(values, floor, Order::Highest, |i| {
                    if ceiling.is_none_or(|ceiling| values[i] < ceiling) {
                        slice.extend(self.row(from + i).map(|row| (values[i], row)));
                    }
                });
            }
            if slice.len() > reach.positions() / MANY {
                slice.sort_unstable_by_key(|s| s.1);
            } else {
                slice.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            }
            for chunk in slice.chunks(CHUNK) {
                let bar = bar(&best);
                at.clear();
                at.extend(chunk.iter().filter(|s| s.0 >= bar).map(|s| s.1));
                let mut scores = [0.0; CHUNK];
                let scores = &mut scores[..at.len()];
                dots_at(queries.padded(query..query + 1), self.exact.rows, &at, scores);
                counters.scored += at.len() as u64;
                for (&at, &score) in at.iter().zip(&*scores) {
                    let scored = Scored { score, row: Row(self.exact.catalog_rows[at as usize]) };
                    if best.admits(scored) {
                        counters.tested += 1;
                        if (wanted.accept)(query, scored) {
                            best.push(scored);
                        }
                    }
                }
            }
            if floor <= bar(&best) {
                return (best, counters);
            }
            ceiling = Some(floor);
            rank = (rank + 1) * GROWTH;
        }
    }

    /// The matrix row at a position, if it may be found. A damaged file may name one that is not there.
    #[inline]
    fn row(&self, position: usize) -> Option<u32> {
        let slot = self.slots.as_ref().map_or(position, |slots| slots[position] as usize);
        let row = self.codes.rows_of_slots()[slot];
        let catalog_row = *self.exact.catalog_rows.get(row as usize)?;
        self.set.is_none_or(|set| set.contains(Row(catalog_row))).then_some(row)
    }
}

impl Reach {
    fn positions(&self) -> usize {
        self.values.len() / self.queries
    }

    /// The values of query `q`, and the position of the first, block by block.
    fn blocks(&self, q: usize) -> impl Iterator<Item = (usize, &[f32])> {
        self.values.chunks(self.queries * BLOCK).enumerate().map(move |(b, values)| {
            let len = values.len() / self.queries;
            (b * BLOCK, &values[q * len..][..len])
        })
    }

    /// Every so many-th value, the best first; and how many are passed over for one.
    fn sample(&self, q: usize) -> (Vec<f32>, usize) {
        let step = self.positions().div_ceil(SAMPLE).max(1);
        // Blocks are cut alike, wherever the step falls in them.
        let mut sample: Vec<f32> = self
            .blocks(q)
            .flat_map(|(from, values)| values.iter().skip((step - from % step) % step).step_by(step).copied())
            .collect();
        sample.sort_unstable_by(|a, b| b.total_cmp(a));
        (sample, step)
    }
}
