//! The best rejected candidates, every rule they fail, the funnel.

use super::{Explanation, Funnel, Hit, Rejected, Searcher};
use crate::constraints::{RuleCounts, Subject};
use crate::words::{Row, Scored, TopK};
use rayon::prelude::*;

/// Tests every candidate of the pool. A candidate without a score (it lacks a vector) is counted, and listed nowhere.
pub(super) fn explain(searcher: &Searcher<'_>, subject: &Subject, partition: Option<u16>, n: usize) -> Explanation {
    let bound = searcher.bound();
    let own = subject.own_cti();
    let pool: Vec<Row> = searcher.pool(partition).collect();
    struct Seen {
        rejected: RuleCounts,
        top: TopK,
        admissible: u64,
        adversarial: u64,
    }
    let none =
        || Seen { rejected: RuleCounts::default(), top: TopK::new(n, bound.order()), admissible: 0, adversarial: 0 };
    let seen = pool
        .par_iter()
        .fold(none, |mut seen, &row| {
            match bound.first_failure(subject, row) {
                Some(rule) => {
                    seen.rejected.add(rule);
                    if let Some(score) = bound.score(subject, row) {
                        seen.top.push(Scored { score, row });
                    }
                }
                None => {
                    seen.admissible += 1;
                    let hard = own.zip(bound.cti(subject, row)).is_some_and(|(p, f)| f >= p);
                    seen.adversarial += u64::from(hard);
                }
            }
            seen
        })
        .reduce(none, |mut a, b| {
            a.rejected.merge(&b.rejected);
            a.top.merge(b.top);
            a.admissible += b.admissible;
            a.adversarial += b.adversarial;
            a
        });
    let rejected = seen.top.into_sorted().into_iter().zip(1..).map(|(s, rank)| {
        let hit = Hit::new(bound.catalog(), s.row, s.score, bound.cti(subject, s.row), own);
        Rejected { hit: Hit { rank, ..hit }, failures: bound.failures(subject, s.row) }
    });
    Explanation {
        rejected: rejected.collect(),
        funnel: Funnel {
            pool: pool.len() as u64,
            rejected: seen.rejected,
            admissible: seen.admissible,
            adversarial: own.map(|_| seen.adversarial),
        },
    }
}
