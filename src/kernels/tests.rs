//! Every kernel against the oracle, bit for bit.

use super::*;
use crate::words::Order;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Halves of every kind: normal, denormal, zeros of both signs. Exact in either type.
fn half_bits(rng: &mut ChaCha8Rng) -> u16 {
    let r = rng.next_u32();
    match r % 16 {
        0 => 0,
        1 => 0x8000,
        2 => (r >> 16) as u16 & 0x83ff,                                        // denormal
        _ => ((r >> 16) as u16 & 0x83ff) | (((r >> 4) % 30 + 1) as u16) << 10, // normal, finite
    }
}

/// Floats whose sums round: a different order of additions shows.
fn float(rng: &mut ChaCha8Rng) -> f32 {
    match rng.next_u32() % 32 {
        0 => 0.0,
        1 => -0.0,
        2 => f32::from_bits(rng.next_u32() & 0x807f_ffff), // denormal
        3 => 1e-30,
        _ => (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 3.0,
    }
}

/// Rows with padding of zeros, starting `skew` elements into their buffer.
fn rows_of<T: Copy + Default>(n: usize, dim: usize, skew: usize, mut next: impl FnMut() -> T) -> Vec<T> {
    let mut buffer = vec![T::default(); skew];
    for _ in 0..n {
        buffer.extend((0..dim).map(|_| next()));
        buffer.resize(buffer.len() + padded(dim) - dim, T::default());
    }
    buffer
}

/// The definition, from the picture in `mod.rs`, knowing nothing of rows and kernels.
fn definition(a: &[f32], b: &[f32]) -> f32 {
    let lane = |l: usize| {
        let mut acc = 0.0f32;
        for i in 0..a.len() / 8 {
            acc = a[8 * i + l].mul_add(b[8 * i + l], acc);
        }
        acc
    };
    let t = |l: usize| lane(l) + lane(l + 4);
    let u = |l: usize| t(l) + t(l + 2);
    u(0) + u(1)
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|s| s.to_bits()).collect()
}

/// All paths of all kernels over one set of operands give the bits of the definition.
fn check(m: usize, n: usize, dim: usize, skew: usize, half: bool, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let queries = rows_of(m, dim, skew, || float(rng));
    let queries = &queries[skew..];
    let halves = rows_of(n, dim, skew, || half_bits(rng));
    let floats = if half {
        halves.iter().map(|&h| half::f16::from_bits(h).to_f32()).collect()
    } else {
        rows_of(n, dim, skew, || float(rng))
    };
    let elements = if half { Elements::F16(&halves[skew..]) } else { Elements::F32(&floats[skew..]) };
    let rows = Rows::new(elements, dim).unwrap();
    assert_eq!((rows.len(), rows.dim(), rows.stride()), (n, dim, padded(dim)));

    let row = |r: usize| &floats[skew + r * padded(dim)..][..padded(dim)];
    let want: Vec<f32> =
        queries.chunks_exact(padded(dim)).flat_map(|q| (0..n).map(move |r| definition(q, row(r)))).collect();
    let at: Vec<u32> = (0..if n == 0 { 0 } else { n + 5 }).map(|_| rng.next_u32() % n as u32).collect();
    let want_at: Vec<f32> =
        (0..m).flat_map(|q| at.iter().map(|&r| want[q * n + r as usize]).collect::<Vec<_>>()).collect();
    for kernels in Kernels::all().into_iter().flat_map(|kernels| [kernels, kernels.otherwise()]) {
        let name = kernels.name();
        // Scores must not depend on what `out` held.
        let mut out = vec![f32::NAN; m * n];
        kernels.dots(queries, rows, &mut out);
        assert_eq!(bits(&out), bits(&want), "{name} dots {m}x{n}x{dim} half {half}");
        let mut out = vec![f32::NAN; m * at.len()];
        kernels.dots_at(queries, rows, &at, &mut out);
        assert_eq!(bits(&out), bits(&want_at), "{name} dots_at {m}x{n}x{dim} half {half}");
        for (q, query) in queries.chunks_exact(padded(dim)).enumerate().take(3) {
            for r in 0..n.min(3) {
                assert_eq!(kernels.dot(query, row(r)).to_bits(), want[q * n + r].to_bits(), "{name} dot {dim}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_kernels_match_the_definition_bit_for_bit(
        m in 0usize..42, n in 0usize..70, dim in 1usize..90, skew in 0usize..3, half: bool, seed: u64,
    ) {
        check(m, n, dim, skew, half, seed);
    }

    #[test]
    fn skim_is_a_filter(scores in prop::collection::vec(-3i8..3, 0..70), bar in -4i8..4) {
        let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
        let bar = f32::from(bar);
        let run = |order| { let mut found = vec![]; skim(&scores, bar, order, |i| found.push(i)); found };
        let naive = |reaches: &dyn Fn(f32) -> bool| (0..scores.len()).filter(|&i| reaches(scores[i])).collect::<Vec<_>>();
        prop_assert_eq!(run(Order::Highest), naive(&|s| s >= bar));
        prop_assert_eq!(run(Order::Lowest), naive(&|s| s <= bar));
    }
}

/// Widths of real encoders, and those around the cuts of long rows; blocks of rows and of
/// queries crossed.
#[test]
fn real_widths_match_the_definition_bit_for_bit() {
    for (i, dim) in [384, 512, 768, 1008, 1024, 1025, 1040, 1536, 2048, 4096].into_iter().enumerate() {
        for (m, n) in [(1, 19), (4, 13), (7, 53), (12, 59), (33, 101), (36, 50)] {
            for half in [false, true] {
                check(m, n, dim, i % 2, half, dim as u64);
            }
        }
    }
}

/// So many rows that the call may read them as a stream from main memory; whether it does is up to the CPU, so both ways are gone.
#[test]
fn streams_match_the_definition_bit_for_bit() {
    for m in 1..10 {
        check(m, 1100, 2000, 0, false, m as u64);
    }
}

#[test]
fn infinities_of_a_sum_are_the_same_everywhere() {
    let mut block = Block::new(20).unwrap();
    for v in [f32::MAX, -f32::MAX, 1.0] {
        block.push(&[v; 20]).unwrap();
    }
    for kernels in Kernels::all() {
        let mut scores = [0.0; 9];
        kernels.dots(block.all(), block.rows(), &mut scores);
        let (all, most) = (f32::INFINITY, f32::MAX * 20.0);
        assert_eq!(scores[..6], [all, -all, most, -all, all, -most], "{}", kernels.name());
        assert_eq!(scores[8], 20.0);
    }
}

/// Sums that leave the range on either side, in any tile: infinite, or no number where both meet.
#[test]
fn sums_out_of_range_match_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (m, n, dim) in [(1, 9, 16), (2, 17, 40), (5, 53, 64), (8, 61, 100), (17, 56, 33)] {
        let mut next = || [f32::MAX, -f32::MAX, 1e30, -1e-30, 0.0, 1.0][rng.next_u32() as usize % 6];
        let (queries, x) = (rows_of(m, dim, 0, &mut next), rows_of(n, dim, 0, &mut next));
        let rows = Rows::new(Elements::F32(&x), dim).unwrap();
        for kernels in Kernels::all() {
            let mut out = vec![0.0; m * n];
            kernels.dots(&queries, rows, &mut out);
            for (i, got) in out.iter().enumerate() {
                let want = definition(
                    &queries[i / n * padded(dim)..][..padded(dim)],
                    &x[i % n * padded(dim)..][..padded(dim)],
                );
                let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                assert!(same, "{} {m}x{n}x{dim}: {got} is not {want}", kernels.name());
            }
        }
    }
}

#[test]
fn kernels_are_taken_by_name() {
    let all = Kernels::all();
    let best = all.last().unwrap().name();
    for kernels in &all {
        assert_eq!(Kernels::wished(Some(OsStr::new(kernels.name()))).name(), kernels.name());
    }
    assert_eq!(all[0].name(), "scalar");
    assert_eq!(Kernels::wished(None).name(), best);
    assert_eq!(Kernels::wished(Some(OsStr::new("abacus"))).name(), best);
}

#[test]
fn shapes_are_checked() {
    let data = vec![0.0; 48];
    assert_eq!(Rows::new(Elements::F32(&data), 0).unwrap_err(), Error::NoWidth);
    assert_eq!(Rows::new(Elements::F32(&data), 20).unwrap_err(), Error::RaggedRows { got: 48, stride: 32, dim: 20 });
    let rows = Rows::new(Elements::F32(&data), 9).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.row(2).is_some() && rows.row(3).is_none());
    assert_eq!(rows.slice(1..3).len(), 2);
    let mut block = Block::new(9).unwrap();
    assert_eq!(block.push(&[0.0; 8]), Err(Error::Width { expected: 9, got: 8 }));
    assert!(Block::new(0).is_err());
}

#[test]
#[should_panic(expected = "past the end")]
fn a_row_past_the_end_is_not_read() {
    let block = Block::new(4).unwrap();
    dots_at(&[0.0; 16], block.rows(), &[0], &mut [0.0]);
}

#[test]
fn blocks_hold_what_is_pushed_and_are_aligned() {
    let halves: Vec<u16> = (0..32).map(|i| half::f16::from_f32(i as f32 / 4.0).to_bits()).collect();
    let rows = Rows::new(Elements::F16(&halves), 13).unwrap();
    let mut block = Block::with_capacity(13, 2).unwrap();
    for _ in 0..2 {
        block.clear();
        block.push(&[1.5; 13]).unwrap();
        block.push_row(rows.row(1).unwrap()).unwrap();
        assert_eq!((block.len(), block.dim(), block.stride()), (2, 13, 16));
    }
    assert_eq!(block.rows().row(0).unwrap().to_vec(), vec![1.5; 13]);
    assert_eq!(block.rows().row(1).unwrap().to_vec(), (16..29).map(|i| i as f32 / 4.0).collect::<Vec<_>>());
    assert_eq!(block.padded(1..2)[13..], [0.0; 3], "stored padding is not taken over");
    assert_eq!(block.all().as_ptr() as usize % 64, 0);
}

proptest! {
    /// Whatever the weights and codes, overflow included, wherever they start.
    #[test]
    fn code_dots_match_the_definition(
        m in 0usize..19, n in 0usize..90, dim in 1usize..200, skew in 0usize..3, seed: u64, at in prop::collection::vec(0u32..90, 0..40),
    ) {
        use super::{CodeRows, padded_codes};
        let stride = padded_codes(dim);
        let mut state = seed;
        let mut next = || { state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); state >> 33 };
        // Now and then the least weight and the least code, whose products in pairs are the largest there are.
        let mut extreme = next() % 4 == 0;
        let codes: Vec<i8> = (0..skew + n * stride).map(|_| if extreme { i8::MIN } else { next() as i8 }).collect();
        extreme &= next() % 2 == 0;
        let weights: Vec<i16> = (0..skew + m * stride).map(|_| if extreme { i16::MIN } else { next() as i16 }).collect();
        let (weights, rows) = (&weights[skew..], CodeRows::new(&codes[skew..], dim));
        prop_assert_eq!(rows.len(), n);
        let want = |q: usize, r: usize| {
            let pairs = weights[q * stride..].iter().zip(rows.row(r));
            pairs.map(|(&w, &c)| i64::from(w) * i64::from(c)).sum::<i64>() as i32
        };
        let all: Vec<i32> = (0..m * n).map(|i| want(i / n, i % n)).collect();
        let at: Vec<u32> = at.into_iter().filter(|&r| (r as usize) < n).collect();
        let some: Vec<i32> = (0..m * at.len()).map(|i| want(i / at.len(), at[i % at.len()] as usize)).collect();
        for kernels in Kernels::all() {
            let (mut out, mut out_at) = (vec![1; all.len()], vec![1; some.len()]);
            kernels.code_dots(weights, rows, &mut out);
            kernels.code_dots_at(weights, rows, &at, &mut out_at);
            prop_assert_eq!(&out, &all, "{}", kernels.name());
            prop_assert_eq!(&out_at, &some, "{}", kernels.name());
        }
    }
}
