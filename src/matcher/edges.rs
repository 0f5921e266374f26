//! Couples of samples that could be swapped: A gets B's image and B gets A's, both directions admissible.

use super::best::Job;
use super::swaps::Swap;
use crate::constraints::Subject;
use crate::words::Row;
use rayon::prelude::*;

/// Every couple of a chunk, by the posting lists of pictured persons; and how many captions are in none.
///
/// The rules about two sides are symmetric, and a swap needs both samples as caption and as candidate, so one test
/// serves both directions.
pub fn edges(job: &Job<'_>, progress: &(dyn Fn(u64) + Sync)) -> (Vec<Swap>, usize) {
    let bound = job.bound;
    let one = |&a: &Row| -> (Vec<Swap>, bool) {
        progress(1);
        let mut found = Vec::new();
        let subject = Subject::of_row(bound, a);
        let Some(own_a) = subject.own_cti() else { return (found, false) };
        let mut has_candidate = false;
        for b in bound.posted(&subject, &job.candidates) {
            let partner = job.candidates.contains(a) && job.pristine.binary_search(&b).is_ok();
            // The other direction of a couple is met when it is b's turn.
            if (has_candidate && !(partner && b > a)) || !bound.admits(&subject, b) {
                continue;
            }
            has_candidate = true;
            if !partner || b < a {
                continue;
            }
            let scores = (bound.score(&subject, b), bound.cti(&subject, b), bound.cti_of(b, b), bound.cti_of(b, a));
            if let (Some(score), Some(cti_ab), Some(own_b), Some(cti_ba)) = scores {
                found.push(Swap { a, b, score, cti_a: own_a, cti_b: own_b, cti_ab, cti_ba });
            }
        }
        (found, has_candidate)
    };
    let each: Vec<_> = job.pristine.par_iter().map(one).collect();
    let without = each.iter().filter(|(_, has)| !has).count();
    (each.into_iter().flat_map(|(edges, _)| edges).collect(), without)
}
