//! Who meets every rule about one side, found once a partition.

use crate::constraints::{Bound, RuleCounts, Split};
use crate::rows::RowSet;
use crate::wire::Checksum;
use crate::words::Row;
use std::sync::OnceLock;

/// The candidates of a split over an index, one set a partition. It owns all it holds, so that it can outlive the
/// searchers that share it.
#[derive(Debug)]
pub struct Eligibility {
    index: Checksum,
    split: Split,
    /// One a partition, and one for the whole corpus at the end.
    pools: Vec<OnceLock<Eligible>>,
}

/// The candidates of one partition.
#[derive(Debug)]
pub(super) struct Eligible {
    pub rows: RowSet,
    pub count: u64,
    /// Why the others are not, by the first rule.
    pub refused: RuleCounts,
    /// All samples of the partition.
    pub pool: u64,
}

impl Eligibility {
    /// Of a bound split; each set is found when it is first asked for.
    pub fn new(bound: &Bound<'_>) -> Eligibility {
        let pools = bound.catalog().partitions().len() + 1;
        Eligibility {
            index: bound.index.checksum,
            split: bound.split.clone(),
            pools: (0..pools).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Were these sets found for the same bytes of an index and the same split, waivers included?
    pub fn is_of(&self, bound: &Bound<'_>) -> bool {
        self.index == bound.index.checksum && self.split == bound.split
    }

    pub(super) fn of(&self, bound: &Bound<'_>, partition: Option<u16>) -> &Eligible {
        let whole = self.pools.len() - 1;
        self.pools[partition.map_or(whole, usize::from).min(whole)].get_or_init(|| {
            let mut eligible = Eligible {
                rows: RowSet::new(bound.catalog().len() as usize),
                count: 0,
                refused: RuleCounts::default(),
                pool: 0,
            };
            for row in pool(bound, partition) {
                eligible.pool += 1;
                match bound.refused_as_candidate(row) {
                    Some((rule, _)) => eligible.refused.add(rule),
                    None => {
                        eligible.rows.insert(row);
                    }
                }
            }
            eligible.count = eligible.pool - eligible.refused.total();
            eligible
        })
    }
}

/// The samples of a partition, or all.
pub(super) fn pool<'a>(bound: &Bound<'a>, partition: Option<u16>) -> Box<dyn Iterator<Item = Row> + 'a> {
    match partition {
        Some(p) => Box::new(bound.catalog().partition_rows(p).iter().map(|&r| Row(r))),
        None => Box::new(bound.catalog().rows()),
    }
}
