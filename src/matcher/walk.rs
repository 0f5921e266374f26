//! Selection caption by caption, through graphs: for pools so large that comparing all with all costs more.

use super::best::Job;
use super::pair::Pair;
use super::select::select;
use crate::constraints::{Balance, Bound, Subject};
use crate::retrieve::{Candidates, Engine, Retriever, Sight, Strategy, Wanted};
use crate::words::Row;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// From so many samples of [`THEIR_WIDTH`] on a walk for each caption is cheaper than the products of all with all, by enough to be worth
/// what it misses. Products grow with the square, and are fast: both semantics splits over a made-up newsroom of 200,000 took 371 seconds
/// of CPU by full scan, 647 by walks (which chose the same for 99.5% and 98.5%). Over 510,000 walks took 2,660 (98.5%, 96.7%), where the
/// scan's square is 2,410: the lines meet above that, and the pairs that define what is right are the scan's.
const LEAST_SAMPLES: usize = 1_000_000;
/// Narrower rows make products cheaper, and walks hardly: a million samples × 64 were slower by walks. So the limit is on numbers, not rows.
const THEIR_WIDTH: usize = 512;
/// Where less than this share of a graph's rows is in the chunk, walks meet too many others.
const LEAST_SHARE: f64 = 0.5;
/// Captions that are matched by a full scan, too, to see how often both choose the same: at least so many, …
const SAMPLED: usize = 200;
/// … and at least one in so many.
const SAMPLED_OF: usize = 50;

/// How pairs were selected: captions, by the way that was taken to the best of H (of all, where the split's order is that of CTI).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// All with all, or by posting lists: the pairs that define what is right.
    pub all_with_all: usize,
    /// By a walk in the split's order.
    pub graph: usize,
    /// By a walk through the images that beat the caption's own.
    pub graph_by_cti: usize,
    /// By a walk that was given up, or found nothing, and a scan.
    pub graph_then_scan: usize,
    /// By a scan, which was cheaper.
    pub exact_scan: usize,
}

impl Selection {
    /// So many captions, all with all.
    pub(super) fn all_with_all(captions: usize) -> Selection {
        Selection { all_with_all: captions, ..Selection::default() }
    }

    /// Captions that a graph chose for, be it that a scan had to make sure.
    pub fn walked(&self) -> usize {
        self.graph.saturating_add(self.graph_by_cti).saturating_add(self.graph_then_scan)
    }

    /// Of both. (Counts are read from parts, too: whatever they say, nothing overflows.)
    #[must_use]
    pub fn and(self, other: Selection) -> Selection {
        Selection {
            all_with_all: self.all_with_all.saturating_add(other.all_with_all),
            graph: self.graph.saturating_add(other.graph),
            graph_by_cti: self.graph_by_cti.saturating_add(other.graph_by_cti),
            graph_then_scan: self.graph_then_scan.saturating_add(other.graph_then_scan),
            exact_scan: self.exact_scan.saturating_add(other.exact_scan),
        }
    }

    fn of(strategy: Strategy) -> Selection {
        let mut one = Selection::default();
        match strategy {
            Strategy::Graph => one.graph = 1,
            Strategy::GraphByCti => one.graph_by_cti = 1,
            Strategy::GraphThenScan => one.graph_then_scan = 1,
            Strategy::ExactScan => one.exact_scan = 1,
            Strategy::ExactPostings | Strategy::None => one.all_with_all = 1,
        }
        one
    }
}

/// How often a full scan chooses the same, over captions at even steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Captions matched both ways.
    pub captions: usize,
    /// Of these, those with the same image in the same class, or with none both times.
    pub same: usize,
}

/// Why no graph serves the matching of this split; `None` where one does. `balance`: swaps are to be chosen where a split is
/// balanced by them.
pub fn no_walk(bound: &Bound<'_>, balance: bool) -> Option<&'static str> {
    match () {
        () if balance && bound.split.balance_images == Balance::Swaps => {
            Some("swaps are chosen from all couples that could be swapped")
        }
        () if bound.has_postings() => Some("posting lists leave few candidates, and all of them are compared"),
        () => Retriever::new(bound).no_graph(),
    }
}

/// Are this chunk's captions matched through graphs? Of a split whose pairs are chosen caption by caption.
pub(super) fn by_graph(job: &Job<'_>, engine: Engine) -> bool {
    let serves = no_walk(job.bound, false).is_none();
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
/// cost as much as a scan ends in one, unless `engine` forces it.
pub(super) fn select_by_graph(
    job: &Job<'_>,
    engine: Engine,
    progress: &(dyn Fn(u64) + Sync),
) -> (Vec<Option<Pair>>, Selection) {
    let retriever = Retriever::new(job.bound);
    let among = Candidates { rows: &job.candidates, count: job.candidates.count() as u64 };
    let wanted = Wanted { k: 1, engine, sight: Sight::Closest };
    let one = |&pristine: &Row| {
        let subject = Subject::of_row(job.bound, pristine);
        // Widths were checked when the split was bound.
        let found = retriever.hard_first(&subject, among, wanted).ok();
        progress(1);
        let pair = found.as_ref().and_then(|found| {
            let (best, own) = (found.best.first()?, subject.own_cti()?);
            let cti = job.bound.cti(&subject, best.row)?;
            Some(Pair { pristine, falsified: best.row, score: best.score, cti_pristine: own, cti_falsified: cti })
        });
        (pair, found.map_or_else(Selection::default, |found| Selection::of(found.strategy)))
    };
    let (pairs, ways): (Vec<_>, Vec<_>) = job.pristine.par_iter().map(one).unzip();
    (pairs, ways.into_iter().fold(Selection::default(), Selection::and))
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
