//! What each way would cost, in rows visited by a walk.

use crate::index::Searchable;

/// A scan of codes goes through memory in order, and costs this share of visiting as many rows here and there.
const SCANNED_ROW: f64 = 0.5;
/// No walk is given up before it has visited this many rows: setting up a scan costs as much.
const LEAST_BUDGET: u64 = 1000;

/// What a scan of these candidates costs.
pub(super) fn scan_cost(candidates: u64) -> u64 {
    ((candidates as f64 * SCANNED_ROW) as u64).max(LEAST_BUDGET)
}

/// Rows a walk keeps in sight where only a share of what it meets can be taken. Less than `ef`: the walk itself keeps all that
/// is rejected in sight too, and so looks the more closely the less is taken.
pub(super) fn accepted_ef(k: usize, ef: usize, share: f64) -> usize {
    k + (ef.saturating_sub(k) as f64 * share.clamp(0.0, 1.0).sqrt()).ceil() as usize
}

/// What a walk costs that ends with `accepted` rows of which a share can be taken: what was measured for as wide a beam.
pub(super) fn walk_cost(graph: &Searchable, accepted: usize, share: f64) -> u64 {
    let beam = accepted as f64 / share.max(1e-9);
    let measured = &graph.measured;
    let each = f64::from(measured.queries.max(1));
    let wide = measured.steps.iter().find(|s| f64::from(s.ef) >= beam).or(measured.steps.last());
    let Some(step) = wide else { return u64::MAX };
    (step.visited as f64 / each * (beam / f64::from(step.ef)).max(1.0)) as u64
}
