//! Which scores reach a bar.

use crate::words::Order;

/// Calls `found(i)`, in ascending order, for every `scores[i]` that is not worse than `bar`:
/// `>= bar` for [`Order::Highest`], `<= bar` for [`Order::Lowest`].
///
/// When few scores reach the bar, as in a running top-k, this costs a comparison of four to
/// eight scores at a time (the compiler makes vectors of it) and no branch per score.
#[inline]
pub fn skim(scores: &[f32], bar: f32, order: Order, mut found: impl FnMut(usize)) {
    match order {
        Order::Highest => skim_by(scores, |s| s >= bar, &mut found),
        Order::Lowest => skim_by(scores, |s| s <= bar, &mut found),
    }
}

#[inline]
fn skim_by(scores: &[f32], reaches: impl Fn(f32) -> bool, found: &mut impl FnMut(usize)) {
    /// Scores looked at together: four registers of the smallest vector unit.
    const STEP: usize = 16;
    let (chunks, tail) = scores.as_chunks::<STEP>();
    for (c, chunk) in chunks.iter().enumerate() {
        if chunk.iter().fold(false, |any, &s| any | reaches(s)) {
            for (i, &s) in chunk.iter().enumerate() {
                if reaches(s) {
                    found(c * STEP + i);
                }
            }
        }
    }
    for (i, &s) in tail.iter().enumerate() {
        if reaches(s) {
            found(chunks.len() * STEP + i);
        }
    }
}
