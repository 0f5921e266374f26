//! Selection caption by caption, through graphs: for pools so large that comparing all with all costs more.

use super::best::Job;
use super::pair::Pair;
use super::select::select;
use crate::constraints::Subject;
use crate::retrieve::{Candidates, Class, Engine, Retriever, Sight, Wanted};
use crate::words::Row;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// From so many samples of [`THEIR_WIDTH`] on a walk for each caption is cheaper than the products of all with all. Products grow
/// with the square, and are fast: `semantics_clip_text_image` over made-up newsrooms of 51,000 and 204,000 samples took 15 and 165
/// seconds of CPU by full scan, 31 and 300 by walks (which chose the same for 99.9% and 99.5%); the lines meet near 400,000.
const LEAST_SAMPLES: usize = 400_000;
/// Narrower rows make products cheaper, and walks hardly: a million samples × 64 were slower by walks. So the limit is on numbers, not rows.
const THEIR_WIDTH: usize = 512;
/// Where less than this share of a graph's rows is in the chunk, walks meet too many others.
const LEAST_SHARE: f64 = 0.5;
/// Captions that are matched by a full scan, too, to see how often both choose the same: at least so many, …
const SAMPLED: usize = 200;
/// … and at least one in so many.
const SAMPLED_OF: usize = 50;

/// How pairs were selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All with all: the pairs that define what is right.
    #[default]
    Exact,
    /// Caption by caption, through graphs.
    Graph,
}

/// How often a full scan chooses the same, over a seeded sample of captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Captions matched both ways.
    pub captions: usize,
    /// Of these, those with the same image in the same class, or with none both times.
    pub same: usize,
}

/// Are this chunk's captions matched through graphs?
pub(super) fn by_graph(job: &Job<'_>, engine: Engine) -> bool {
    let retriever = Retriever::new(job.bound);
    let serves = retriever.no_graph().is_none() && !job.bound.has_postings();
    let share = job.rows.len() as f64 / job.bound.search.len().max(1) as f64;
    let width = job.bound.search.dim().min(THEIR_WIDTH);
    let large = job.rows.len().saturating_mul(width) >= LEAST_SAMPLES * THEIR_WIDTH;
    match engine {
        Engine::Exact => false,
        Engine::Graph => serves,
        Engine::Auto => serves && large && share >= LEAST_SHARE,
    }
}

/// For every pristine row, in order, the pair that walks find; `None` where no candidate is admissible. A walk that comes to
/// cost as much as a scan ends in one.
pub(super) fn select_by_graph(job: &Job<'_>, progress: &(dyn Fn(u64) + Sync)) -> Vec<Option<Pair>> {
    let retriever = Retriever::new(job.bound);
    let among = Candidates { rows: &job.candidates, count: job.candidates.count() as u64 };
    let one = |&pristine: &Row| {
        let subject = Subject::of_row(job.bound, pristine);
        let own = subject.own_cti()?;
        let classes = if retriever.ranks_by_cti() { &[Class::Any][..] } else { &[Class::Hard, Class::Easy] };
        let found = classes.iter().find_map(|&class| {
            let wanted = Wanted { k: 1, class, engine: Engine::Auto, sight: Sight::Closest };
            // Widths were checked when the split was bound.
            retriever.best(&subject, among, wanted).ok()?.best.pop()
        });
        progress(1);
        let found = found?;
        let cti = job.bound.cti(&subject, found.row)?;
        Some(Pair { pristine, falsified: found.row, score: found.score, cti_pristine: own, cti_falsified: cti })
    };
    job.pristine.par_iter().map(one).collect()
}

/// Matches some of the captions by a full scan, too. `pairs`: one entry a pristine row.
pub(super) fn agreement(job: &Job<'_>, pairs: &[Option<Pair>]) -> Agreement {
    let sampled = (job.pristine.len() / SAMPLED_OF).max(SAMPLED).min(job.pristine.len());
    let places: Vec<usize> = (0..sampled).map(|i| i * job.pristine.len() / sampled).collect();
    let some = Job {
        bound: job.bound,
        rows: job.rows,
        pristine: places.iter().map(|&p| job.pristine[p]).collect(),
        candidates: job.candidates.clone(),
    };
    let exact = select(&[some], &|_| {});
    let same = places.iter().zip(exact.iter().flatten()).filter(|&(&place, exact)| {
        let key = |pair: &Option<Pair>| pair.map(|p| (p.falsified, p.hard()));
        key(&pairs[place]) == key(exact)
    });
    Agreement { captions: sampled, same: same.count() }
}
