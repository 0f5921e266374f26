//! The table: directions × pools × engines × groups.

use super::{Difference, Direction, Error, Metrics, Pool, Space, Spread, draw, graph_ranks, paired, ranks, spread};
use crate::words::Row;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is measured.
pub struct Plan<'a> {
    /// Images a pool; `None` for all.
    pub pools: Vec<Option<usize>>,
    /// Draws of each pool that is smaller than all.
    pub draws: u32,
    /// So many queries a pool at most.
    pub most: usize,
    /// Seed of the draws and of the bootstrap.
    pub seed: u64,
    /// The ks of R@k, ascending.
    pub ks: Vec<u64>,
    /// Rows that a walk keeps in sight; `None`: what was measured to be enough.
    pub ef: Option<usize>,
    /// The group of a row, by language or by kind of caption, where one is wanted.
    pub group: Option<&'a dyn Fn(Row) -> Option<String>>,
}

/// One line of the table. Over several draws numbers are means, with their standard deviation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// `text→image` or `image→text`.
    pub direction: &'static str,
    /// Images in the pool.
    pub images: u64,
    /// Candidates: images, or the captions beside them.
    pub candidates: Spread,
    /// `exact`, or `graph` (whose MRR counts what stands among the first max(k) only).
    pub engine: &'static str,
    /// The group; null for all queries.
    pub group: Option<String>,
    /// Draws.
    pub draws: u32,
    /// Queries.
    pub queries: Spread,
    /// R@k in the order of the plan's ks.
    pub recall: Vec<Spread>,
    /// The mean of 1 / rank.
    pub mrr: Spread,
    /// The median rank; null where a draw has none.
    pub median_rank: Option<Spread>,
}

/// Every direction, every pool, every engine.
///
/// # Errors
/// [`Error::Search`].
pub fn lines(space: &Space<'_>, plan: &Plan<'_>) -> Result<Vec<Line>, Error> {
    let all: Vec<u32> = (0..space.images()).collect();
    let mut table = Vec::new();
    for direction in [Direction::TextToImage, Direction::ImageToText] {
        for &size in &plan.pools {
            let whole = size.is_none_or(|s| s >= all.len());
            // A pool as large as everything is measured once, as everything.
            if whole && size.is_some() && plan.pools.contains(&None) {
                continue;
            }
            let draws = if whole { 1 } else { plan.draws };
            let mut pools = Vec::new();
            let mut exact = Vec::new();
            for number in 0..draws {
                let pool = draw(space, direction, &all, size, plan.most, plan.seed, u64::from(number));
                exact.push(ranks(space, direction, &pool)?.into_iter().map(Some).collect::<Vec<_>>());
                pools.push(pool);
            }
            let images = size.filter(|_| !whole).unwrap_or(all.len()) as u64;
            table.extend(groups(space, direction, plan, images, "exact", &pools, &exact));
            if whole {
                let k = plan.ks.last().copied().unwrap_or(1) as usize;
                if let Some(found) = graph_ranks(space, direction, &pools[0].queries, k, plan.ef)? {
                    table.extend(groups(space, direction, plan, images, "graph", &pools, &[found]));
                }
            }
        }
    }
    Ok(table)
}

/// A line of all queries, and one a group.
fn groups(
    space: &Space<'_>,
    direction: Direction,
    plan: &Plan<'_>,
    images: u64,
    engine: &'static str,
    pools: &[Pool],
    ranks: &[Vec<Option<u64>>],
) -> Vec<Line> {
    let mut of: BTreeMap<Option<String>, Vec<Metrics>> = BTreeMap::new();
    for (pool, ranks) in pools.iter().zip(ranks) {
        of.entry(None).or_default().push(Metrics::of(ranks.iter().copied(), &plan.ks));
        let Some(group) = plan.group else { continue };
        let mut own: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
        for (&q, &rank) in pool.queries.iter().zip(ranks) {
            if let Some(name) = group(space.row(direction, q)) {
                own.entry(name).or_default().push(rank);
            }
        }
        for (name, ranks) in own {
            of.entry(Some(name)).or_default().push(Metrics::of(ranks.into_iter(), &plan.ks));
        }
    }
    let candidates: Vec<f64> = pools.iter().map(|p| p.candidates.len() as f64).collect();
    let line = |(group, draws): (Option<String>, Vec<Metrics>)| {
        let over = |of: &dyn Fn(&Metrics) -> f64| spread(&draws.iter().map(of).collect::<Vec<f64>>());
        let medians: Option<Vec<f64>> = draws.iter().map(|m| m.median_rank).collect();
        Some(Line {
            direction: direction.name(),
            images,
            candidates: spread(&candidates)?,
            engine,
            group,
            draws: draws.len() as u32,
            queries: over(&|m| m.queries as f64)?,
            recall: (0..plan.ks.len()).map(|i| over(&|m| m.recall[i])).collect::<Option<_>>()?,
            mrr: over(&|m| m.mrr)?,
            median_rank: medians.and_then(|m| spread(&m)),
        })
    };
    of.into_iter().filter_map(line).collect()
}

/// Two encoders, one number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `text→image` or `image→text`.
    pub direction: &'static str,
    /// `R@1`, …, `MRR`.
    pub measure: String,
    /// Queries.
    pub queries: u64,
    /// Candidates.
    pub candidates: u64,
    /// First, second, and the paired bootstrap interval of their difference.
    #[serde(flatten)]
    pub difference: Difference,
}

/// The captions and images that both spaces have, ranked in each: the same queries, the same candidates, the same right ones (those
/// of `a`).
///
/// # Errors
/// [`Error::Nothing`] where the two have no pair in common; [`Error::Search`].
pub fn compare(a: &Space<'_>, b: &Space<'_>, plan: &Plan<'_>, resamples: u32) -> Result<Vec<Comparison>, Error> {
    let (captions, images) = a.common(b);
    let mut table = Vec::new();
    for direction in [Direction::TextToImage, Direction::ImageToText] {
        let (from, to) = match direction {
            Direction::TextToImage => (&captions, &images),
            Direction::ImageToText => (&images, &captions),
        };
        let here = |item: u32| to.binary_search_by_key(&item, |t| t.0).is_ok();
        let mut queries: Vec<(u32, u32)> = from.clone();
        queries.retain(|&(q, p)| a.right(direction, q).iter().any(|&c| here(c)) && !b.right(direction, p).is_empty());
        if queries.len() > plan.most {
            crate::matcher::chunks::shuffle(&mut queries, plan.seed, 6_999);
            queries.truncate(plan.most);
            queries.sort_unstable();
        }
        if queries.is_empty() {
            return Err(Error::Nothing("the two indexes share no caption and image (by text and by path)".into()));
        }
        let pool = |of: &dyn Fn(&(u32, u32)) -> u32| Pool {
            queries: queries.iter().map(of).collect(),
            candidates: to.iter().map(of).collect(),
        };
        let first = ranks(a, direction, &pool(&|p| p.0))?;
        let second = ranks(b, direction, &pool(&|p| p.1))?;
        let mut add = |measure: String, value: &dyn Fn(u64) -> f64| {
            let values = |ranks: &[u64]| ranks.iter().map(|&r| value(r)).collect::<Vec<f64>>();
            let difference = paired(&values(&first), &values(&second), resamples, plan.seed);
            table.extend(difference.map(|difference| Comparison {
                direction: direction.name(),
                measure,
                queries: queries.len() as u64,
                candidates: to.len() as u64,
                difference,
            }));
        };
        for &k in &plan.ks {
            add(format!("R@{k}"), &|r| f64::from(u8::from(r <= k)));
        }
        add("MRR".into(), &|r| 1.0 / r as f64);
    }
    Ok(table)
}
