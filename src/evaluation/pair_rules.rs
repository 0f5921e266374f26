//! The rules of a split, asked again of pairs that somebody has matched: days, entities, persons, and all the others.

use super::{Check, Part, State};
use crate::constraints::{Bound, Subject, Verdict};
use crate::words::{Row, SampleId};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// One falsified pair of a file, found in the index.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// The row of the falsified entry in its file, from 0.
    pub at: usize,
    /// The caption's sample.
    pub caption: Row,
    /// The image's sample.
    pub image: Row,
}

/// The pairs of a file, or of one block of it, whose two ids `find` knows.
pub fn placed(part: &Part, block: Option<u32>, find: impl Fn(&SampleId) -> Option<Row>) -> Vec<Placed> {
    let of_block = part.pairs().filter(|(_, p, _)| block.is_none() || p.block == block);
    let each =
        of_block.filter_map(|(at, _, f)| Some(Placed { at: at + 1, caption: find(&f.id)?, image: find(&f.image_id)? }));
    each.collect()
}

/// One check a rule that the split asks for (`rule_days`, `rule_entities`, …): does it hold of every pair? A rule whose fact is
/// missing is unknown. Then `half_from_hard`: does CLIP like the wrong image at least as much in half of the pairs?
/// (`promised`: the split is balanced so.)
pub fn pair_rules(bound: &Bound<'_>, scope: &str, pairs: &[Placed], promised: bool) -> Vec<Check> {
    let catalog = bound.catalog();
    let looked: Vec<_> = pairs
        .par_iter()
        .map(|pair| {
            let subject = Subject::of_row(bound, pair.caption);
            let cti = bound.cti(&subject, pair.image).zip(subject.own_cti()).map(|(f, p)| f >= p);
            (bound.failures(&subject, pair.image), cti)
        })
        .collect();
    let mut broken: BTreeMap<_, (Vec<String>, Vec<String>)> =
        bound.rules().iter().map(|&r| (r, Default::default())).collect();
    for (pair, (failures, _)) in pairs.iter().zip(&looked) {
        for outcome in failures {
            let (ids, image) = (catalog.id_json(pair.caption), catalog.id_json(pair.image));
            let text = format!("row {}, id {ids} with image_id {image}: {}", pair.at, outcome.why);
            if let Some((fails, unknown)) = broken.get_mut(&outcome.rule) {
                if outcome.verdict == Verdict::Fails { fails.push(text) } else { unknown.push(text) }
            }
        }
    }
    let mut checks: Vec<Check> = Vec::new();
    for (rule, (fails, unknown)) in broken {
        let name = format!("rule_{rule}");
        let mut check = Check::new(&name, scope.to_owned(), (pairs.len() - unknown.len()) as u64, true, fails);
        if check.state == State::Holds && !unknown.is_empty() {
            let shown = Check::new(&name, scope.to_owned(), 0, true, unknown);
            check = Check { state: State::Unknown, looked_at: check.looked_at, ..shown };
        }
        checks.push(check);
    }
    let known: Vec<bool> = looked.iter().filter_map(|l| l.1).collect();
    let hard = known.iter().filter(|h| **h).count();
    let uneven = (2 * hard != known.len()).then(|| format!("{hard} of {} pairs from H", known.len()));
    checks.push(Check::new(
        "half_from_hard",
        scope.to_owned(),
        known.len() as u64,
        promised,
        uneven.into_iter().collect(),
    ));
    checks
}
