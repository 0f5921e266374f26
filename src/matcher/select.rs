//! Adversarial CLIP selection over one chunk: for every pristine caption the best admissible candidate from H,
//! else from L (NewsCLIPpings, §3.2).

use super::best::{Best, Job};
use super::pair::Pair;
use super::tiles::{self, Tiles};
use crate::constraints::Subject;
use crate::words::{Row, Scored};
use rayon::prelude::*;

/// Selects for every pristine caption of every job. The jobs must be over the same chunk; those that need tiles share
/// the products. Per job: one entry a pristine row, in that order; `None` where no candidate is admissible.
pub fn select(jobs: &[Job<'_>], progress: &(dyn Fn(u64) + Sync)) -> Vec<Vec<Option<Pair>>> {
    let mut found: Vec<Vec<Option<Pair>>> = jobs.iter().map(|_| Vec::new()).collect();
    let (listed, tiled): (Vec<usize>, Vec<usize>) = (0..jobs.len()).partition(|&j| jobs[j].bound.has_postings());
    for j in listed {
        found[j] = select_by_postings(&jobs[j], progress);
    }
    // Products are shared by the splits that compute CTI from the same two modalities.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for j in tiled {
        let clip = |j: usize| (&jobs[j].bound.split.clip_text, &jobs[j].bound.split.clip_image);
        match groups.iter_mut().find(|g| clip(g[0]) == clip(j)) {
            Some(group) => group.push(j),
            None => groups.push(vec![j]),
        }
    }
    for group in groups {
        let members: Vec<&Job<'_>> = group.iter().map(|&j| &jobs[j]).collect();
        for (j, pairs) in group.iter().zip(tiles::select(&Tiles::new(&members), progress)) {
            found[*j] = pairs;
        }
    }
    found
}

fn select_by_postings(job: &Job<'_>, progress: &(dyn Fn(u64) + Sync)) -> Vec<Option<Pair>> {
    let bound = job.bound;
    let one = |&pristine: &Row| {
        let subject = Subject::of_row(bound, pristine);
        let mut best = Best::new(bound.order(), subject.own_cti()?);
        for row in bound.posted(&subject, &job.candidates) {
            if let (Some(score), Some(cti)) = (bound.score(&subject, row), bound.cti(&subject, row)) {
                best.offer(Scored { score, row }, cti, || bound.admits(&subject, row));
            }
        }
        progress(1);
        best.pair(pristine)
    };
    job.pristine.par_iter().map(one).collect()
}
