//! Cutting work for threads, and the loop over blocks of rows.

use super::{Counters, Exact, Found};
use crate::kernels::{Block, dots, dots_at, skim};
use crate::words::{Order, Row, Scored, TopK};
use rayon::prelude::*;
use std::ops::Range;

/// Queries in flight at a time: bounds the running answers, 2 MB of 512-d queries.
const FLIGHT: usize = 1024;
/// Queries that go over a block of rows together.
const BATCH: usize = 64;
/// Bytes (of `f32`) per block of rows then: batch after batch finds it in the second-level cache …
const BLOCK_BYTES: usize = 192 << 10;
/// … but at most this many rows, whose scores stay in the first-level cache.
const BLOCK_ROWS: usize = 96;
/// Up to this many queries, rows come from main memory as fast as they are used …
const FEW: usize = 8;
/// … and blocks are so long (in bytes of `f32`) that `kernels::dots` reads them as a stream,
const FEW_BYTES: usize = 16 << 20;
/// … but bounded, as each row has its scores.
const FEW_ROWS: usize = 16 << 10;
/// Rows per block at least, however long they are.
const LEAST_BLOCK: usize = 24;
/// From this many queries per thread on, threads share queries out; below, rows. Sharing
/// queries, each thread keeps one running answer per query, so fewer rows are tested.
const ENOUGH: usize = 64;
/// No thread is woken for fewer rows.
const LEAST_ROWS: usize = 2048;

/// What is wanted of every query.
#[derive(Clone, Copy)]
pub(super) struct Wanted<A> {
    pub k: usize,
    pub order: Order,
    pub accept: A,
}

/// The rows to scan: positions in a list of matrix rows, or matrix rows themselves.
#[derive(Clone)]
struct Span<'a> {
    at: Option<&'a [u32]>,
    range: Range<usize>,
}

/// Answers the queries; `at` lists the matrix rows of the pool, `None` stands for all.
pub(super) fn run<A: Fn(usize, Scored) -> bool + Sync + Copy>(
    exact: &Exact<'_>,
    queries: &Block,
    at: Option<&[u32]>,
    wanted: Wanted<A>,
) -> Found {
    let n = at.map_or(exact.rows.len(), <[u32]>::len);
    let threads = rayon::current_num_threads();
    let mut found = Found { best: Vec::with_capacity(queries.len()), counters: Counters::default() };
    let mut take = |(best, counters): (Vec<TopK>, Counters)| {
        found.counters.scored += counters.scored;
        found.counters.tested += counters.tested;
        found.best.extend(best.into_iter().map(TopK::into_sorted));
    };
    if n == 0 || wanted.k == 0 {
        take(empty(0..queries.len(), wanted.k, wanted.order));
    } else if threads > 1 && queries.len() >= threads * ENOUGH {
        // More pieces than threads, so that a thread that is held up does not hold up all; but
        // every piece reads all rows from main memory.
        let piece = queries.len().div_ceil(threads * 2).next_multiple_of(ENOUGH).min(FLIGHT);
        let pieces: Vec<_> = (0..queries.len()).step_by(piece).map(|q| q..queries.len().min(q + piece)).collect();
        let answers: Vec<_> =
            pieces.into_par_iter().map(|q| scan(exact, queries, q, Span { at, range: 0..n }, wanted)).collect();
        answers.into_iter().for_each(take);
    } else {
        for start in (0..queries.len()).step_by(FLIGHT) {
            let flight = start..queries.len().min(start + FLIGHT);
            take(over_rows(exact, queries, flight, Span { at, range: 0..n }, threads, wanted));
        }
    }
    found
}

/// Shares the rows out among threads and merges what each finds.
fn over_rows<A: Fn(usize, Scored) -> bool + Sync + Copy>(
    exact: &Exact<'_>,
    queries: &Block,
    flight: Range<usize>,
    span: Span<'_>,
    threads: usize,
    wanted: Wanted<A>,
) -> (Vec<TopK>, Counters) {
    let n = span.range.len();
    let pieces = threads.min(n.div_ceil(LEAST_ROWS));
    if pieces == 1 {
        return scan(exact, queries, flight, span, wanted);
    }
    let answers: Vec<_> = (0..pieces)
        .into_par_iter()
        .map(|p| {
            let range = n * p / pieces..n * (p + 1) / pieces;
            scan(exact, queries, flight.clone(), Span { at: span.at, range }, wanted)
        })
        .collect();
    answers.into_iter().fold(empty(flight, wanted.k, wanted.order), |(mut all, mut counters), (part, counted)| {
        for (all, part) in all.iter_mut().zip(part) {
            all.merge(part);
        }
        counters.scored += counted.scored;
        counters.tested += counted.tested;
        (all, counters)
    })
}

fn empty(flight: Range<usize>, k: usize, order: Order) -> (Vec<TopK>, Counters) {
    (flight.map(|_| TopK::new(k, order)).collect(), Counters::default())
}

/// One thread's work: the queries of `flight` over the rows of `span`.
fn scan<A: Fn(usize, Scored) -> bool>(
    exact: &Exact<'_>,
    queries: &Block,
    flight: Range<usize>,
    span: Span<'_>,
    wanted: Wanted<A>,
) -> (Vec<TopK>, Counters) {
    let (mut best, mut counters) = empty(flight.clone(), wanted.k, wanted.order);
    let batch = flight.len().min(BATCH);
    let (bytes, most) = if batch <= FEW { (FEW_BYTES, FEW_ROWS) } else { (BLOCK_BYTES, BLOCK_ROWS) };
    let block = (bytes / (queries.stride() * size_of::<f32>())).clamp(LEAST_BLOCK, most);
    let mut scores = vec![0.0; batch * block.min(span.range.len())];
    for from in span.range.clone().step_by(block) {
        let to = span.range.end.min(from + block);
        for first in flight.clone().step_by(batch) {
            let last = flight.end.min(first + batch);
            let scores = &mut scores[..(last - first) * (to - from)];
            match span.at {
                None => dots(queries.padded(first..last), exact.rows.slice(from..to), scores),
                Some(at) => dots_at(queries.padded(first..last), exact.rows, &at[from..to], scores),
            }
            counters.scored += scores.len() as u64;
            for (query, scores) in (first..last).zip(scores.chunks_exact(to - from)) {
                let best = &mut best[query - flight.start];
                skim(scores, best.bar(), wanted.order, |i| {
                    let row = span.at.map_or(from + i, |at| at[from + i] as usize);
                    let scored = Scored { score: scores[i], row: Row(exact.catalog_rows[row]) };
                    if best.admits(scored) {
                        counters.tested += 1;
                        if (wanted.accept)(query, scored) {
                            best.push(scored);
                        }
                    }
                });
            }
        }
    }
    (best, counters)
}
