//! Selection by tiles of matrix products: split scores and CTI of a block of captions against a block of candidates.
//!
//! ```text
//!              candidates of the chunk, a block at a time
//!            ┌──────────────┐
//!  a block   │ CTI tile     │  computed once, shared by all splits
//!  of        ├──────────────┤
//!  captions  │ score tile   │  per split (the CTI tile itself where the two are the same product)
//!            └──────────────┘
//!                  │ skim: only a candidate that would enter the running best …
//!                  ▼
//!            constraints, tested lazily
//! ```
//!
//! Memory is bounded by the tile: a block of captions and two tiles a thread. Every score comes from the one canonical dot
//! product, so tiles of any size give the same bits as a scan one by one.

use super::best::{Best, Job};
use super::pair::Pair;

use crate::constraints::Subject;
use crate::kernels;
use crate::matrix::Matrix;
use crate::words::{Order, Row, Scored};
use rayon::prelude::*;

/// Captions in a block, at most: large enough that reading a block of candidates is little beside the product.
const CAPTIONS: usize = 512;
/// Candidates in a block: a tile stays in the caches while it is skimmed.
const CANDIDATES: usize = 192;

/// Jobs that share their CTI product.
pub struct Tiles<'a> {
    jobs: Vec<&'a Job<'a>>,
    clip_text: &'a Matrix,
    clip_image: &'a Matrix,
    /// Rows that are pristine in some job, ascending.
    captions: Vec<Row>,
    /// Rows that are candidates in some job, ascending.
    images: Vec<Row>,
}

impl<'a> Tiles<'a> {
    /// `jobs`: at least one, over one chunk, with the same two modalities of CTI.
    pub fn new(jobs: &[&'a Job<'a>]) -> Tiles<'a> {
        let first = jobs[0];
        let mut captions: Vec<Row> = jobs.iter().flat_map(|j| j.pristine.iter().copied()).collect();
        captions.sort_unstable();
        captions.dedup();
        let wanted = |row: &Row| jobs.iter().any(|j| j.candidates.contains(*row));
        Tiles {
            jobs: jobs.to_vec(),
            clip_text: first.bound.clip_text,
            clip_image: first.bound.clip_image,
            captions,
            images: first.rows.iter().copied().filter(wanted).collect(),
        }
    }
}

/// One job's part of a block of captions.
struct Part<'a> {
    job: &'a Job<'a>,
    /// Per caption: its place in the block, its facts, what it has found.
    seekers: Vec<(usize, Subject, Best)>,
    /// Packed query vectors, one a seeker; `None` where the score is CTI itself.
    queries: Option<Vec<f32>>,
}

impl<'a> Part<'a> {
    fn new(job: &'a Job<'a>, block: &[Row]) -> Part<'a> {
        let bound = job.bound;
        let seekers: Vec<_> = block
            .iter()
            .enumerate()
            .filter(|(_, row)| job.pristine.binary_search(row).is_ok())
            .filter_map(|(place, &row)| {
                let mut subject = Subject::of_row(bound, row);
                let best = Best::new(bound.order(), subject.own_cti()?);
                // These two are in the packed blocks already.
                subject.vectors.query = None;
                subject.vectors.clip_text = None;
                Some((place, subject, best))
            })
            .collect();
        let is_cti = std::ptr::eq(bound.query, bound.clip_text) && std::ptr::eq(bound.search, bound.clip_image);
        let queries = (!is_cti).then(|| pack(bound.query, seekers.iter().filter_map(|(place, ..)| block.get(*place))));
        Part { job, seekers, queries }
    }
}

/// The padded vectors of rows, one after the other; every row has one.
fn pack<'r>(matrix: &Matrix, rows: impl Iterator<Item = &'r Row>) -> Vec<f32> {
    rows.filter_map(|&row| matrix.find(row)).flat_map(|at| matrix.padded(at).into_owned()).collect()
}

/// The matrix rows of rows; every row has one.
fn places(matrix: &Matrix, rows: &[Row]) -> Vec<u32> {
    rows.iter().filter_map(|&row| matrix.find(row)).map(|at| at.0).collect()
}

/// Selects for every job; per job one entry a pristine row.
pub fn select(tiles: &Tiles<'_>, progress: &(dyn Fn(u64) + Sync)) -> Vec<Vec<Option<Pair>>> {
    // Small corpora are cut finer, so that every thread has work. The cut changes no answer.
    let captions = (tiles.captions.len() / (8 * rayon::current_num_threads())).clamp(16, CAPTIONS);
    let blocks: Vec<Vec<Vec<Option<Pair>>>> = tiles
        .captions
        .par_chunks(captions)
        .map(|block| {
            let found = select_block(tiles, block);
            progress(
                tiles
                    .jobs
                    .iter()
                    .map(|j| j.pristine.iter().filter(|p| block.binary_search(p).is_ok()).count())
                    .sum::<usize>() as u64,
            );
            found
        })
        .collect();
    let mut all: Vec<Vec<Option<Pair>>> = tiles.jobs.iter().map(|_| Vec::new()).collect();
    for block in blocks {
        all.iter_mut().zip(block).for_each(|(all, part)| all.extend(part));
    }
    all
}

fn select_block(tiles: &Tiles<'_>, block: &[Row]) -> Vec<Vec<Option<Pair>>> {
    let mut parts: Vec<Part<'_>> = tiles.jobs.iter().map(|job| Part::new(job, block)).collect();
    let texts = pack(tiles.clip_text, block.iter());
    let mut cti = vec![0.0; block.len() * CANDIDATES];
    let mut scratch = Scratch::default();
    for candidates in tiles.images.chunks(CANDIDATES) {
        let cti = &mut cti[..block.len() * candidates.len()];
        kernels::dots_at(&texts, tiles.clip_image.rows(), &places(tiles.clip_image, candidates), cti);
        for part in &mut parts {
            scan(part, candidates, cti, &mut scratch);
        }
    }
    parts
        .into_iter()
        .map(|part| part.seekers.iter().map(|(place, _, best)| best.pair(block[*place])).collect())
        .collect()
}

#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    /// CTI of one caption with the part's own candidates.
    cti: Vec<f32>,
}

/// Offers a block of candidates to every seeker of a part.
fn scan(part: &mut Part<'_>, candidates: &[Row], cti: &[f32], scratch: &mut Scratch) {
    let bound = part.job.bound;
    let own = candidates.iter().enumerate().filter(|(_, row)| part.job.candidates.contains(**row));
    let (at, rows): (Vec<usize>, Vec<Row>) = own.map(|(i, &row)| (i, row)).unzip();
    if rows.is_empty() || part.seekers.is_empty() {
        return;
    }
    let n = rows.len();
    if let Some(queries) = &part.queries {
        scratch.scores.resize(part.seekers.len() * n, 0.0);
        kernels::dots_at(queries, bound.search.rows(), &places(bound.search, &rows), &mut scratch.scores);
    }
    for (seeker, (place, subject, best)) in part.seekers.iter_mut().enumerate() {
        let all = &cti[*place * candidates.len()..][..candidates.len()];
        let cti = if n == candidates.len() {
            all
        } else {
            scratch.cti.clear();
            scratch.cti.extend(at.iter().map(|&i| all[i]));
            &scratch.cti
        };
        let scores = if part.queries.is_some() { &scratch.scores[seeker * n..][..n] } else { cti };
        skim(best, bound.order(), &rows, scores, cti, |row| bound.admits(subject, row));
    }
}

/// Offers every candidate that could enter. `rows`, `scores` and `cti` run in parallel.
fn skim(best: &mut Best, order: Order, rows: &[Row], scores: &[f32], cti: &[f32], admits: impl Fn(Row) -> bool) {
    let offer = |best: &mut Best, i: usize| {
        best.offer(Scored { score: scores[i], row: rows[i] }, cti[i], || admits(rows[i]));
    };
    if best.bar().is_none() {
        // While nothing from H is held, a candidate from H of any score is welcome.
        kernels::skim(cti, best.own_cti(), Order::Highest, |i| offer(best, i));
    }
    let bar = best.bar().unwrap_or_else(|| best.easy_bar());
    kernels::skim(scores, bar, order, |i| offer(best, i));
}
