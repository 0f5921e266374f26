//! The definition of the dot product, word for word. Slow and obvious: the oracle.

use super::{Element, Pick};

/// Partial sums per product; part of the definition.
const LANES: usize = 8;

/// The dot product of two padded rows of one length.
pub(super) fn dot<E: Element>(a: &[f32], b: &[E]) -> f32 {
    let mut acc = [0.0f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            acc[lane] = a[lane].mul_add(b[lane].to_f32(), acc[lane]);
        }
    }
    let t = [acc[0] + acc[4], acc[1] + acc[5], acc[2] + acc[6], acc[3] + acc[7]];
    let u = [t[0] + t[2], t[1] + t[3]];
    u[0] + u[1]
}

/// Every query with every picked row, one after the other.
pub(super) fn dots<E: Element>(queries: &[f32], x: &[E], stride: usize, pick: impl Pick, out: &mut [f32]) {
    for (q, query) in queries.chunks_exact(stride).enumerate() {
        for i in 0..pick.len() {
            let start = pick.row(i) * stride;
            out[q * pick.len() + i] = dot(query, &x[start..start + stride]);
        }
    }
}
