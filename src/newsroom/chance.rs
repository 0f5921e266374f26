//! Seeded chance by integers, sums and one square root: the same bytes on every machine.
//!
//! A thing that has an index (an event, a sample, a person …) draws from a ChaCha8 stream of its
//! own, so that it can be derived at any time, in any order, by any thread, without being stored.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for. The numbers are part of the format: changing one changes every corpus.
#[derive(Debug, Clone, Copy)]
pub(super) enum Domain {
    Event = 1,
    Sample = 2,
    Wording = 3,
    Source = 4,
    Metadata = 5,
    Person = 6,
    EventLatent = 7,
    MomentLatent = 8,
    ImageNoise = 9,
    Crop = 10,
    Text = 11,
    SentenceNoise = 12,
    SceneNoise = 13,
    Table = 14,
    View = 15,
    Presence = 16,
    Drawing = 17,
}

/// The root of all streams of one seed.
#[derive(Debug, Clone)]
pub(super) struct Seeds(ChaCha8Rng);

impl Seeds {
    pub(super) fn new(seed: u64) -> Self {
        let mut key = *b"........mispair newsroom, one...";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Seeds(ChaCha8Rng::from_seed(key))
    }

    /// The stream of one thing. Two uses of the same `(domain, index)` see the same draws.
    pub(super) fn stream(&self, domain: Domain, index: u32) -> Chance {
        let mut rng = self.0.clone();
        rng.set_stream((domain as u64) << 32 | u64::from(index));
        Chance(rng)
    }
}

/// A stream of draws.
#[derive(Debug, Clone)]
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    /// Uniform in `0..n` (to within 2⁻³² · n); 0 for `n = 0`.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// True in `n` of a thousand cases.
    pub(super) fn per_mille(&mut self, n: u32) -> bool {
        self.below(1000) < n
    }

    /// One entry; the slice must not be empty.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u32) as usize]
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Adds noise of mean 0 and standard deviation `sd` to every entry: the sum of the four bytes
    /// of a word (each uniform in 0..256) is near enough to a Gaussian, bounded at ±3.45 sd.
    pub(super) fn add_noise(&mut self, out: &mut [f32], sd: f32) {
        // Four uniform bytes: mean 510, variance 4 · (256² − 1) / 12 = 21,845.
        let scale = sd / 21_845f32.sqrt();
        let mut bytes = [0u8; 1024];
        for part in out.chunks_mut(bytes.len() / 4) {
            let bytes = &mut bytes[..part.len() * 4];
            self.0.fill_bytes(bytes);
            for (x, b) in part.iter_mut().zip(bytes.as_chunks::<4>().0) {
                let sum = u16::from(b[0]) + u16::from(b[1]) + u16::from(b[2]) + u16::from(b[3]);
                *x += (f32::from(sum) - 510.0) * scale;
            }
        }
    }
}

/// Zipf–Mandelbrot ranks: rank r is drawn with weight 1 / (r + 4), so that the first few are
/// everywhere and the tail is long. Integers throughout.
#[derive(Debug)]
pub(super) struct Ranks {
    /// Sums of the weights of all ranks up to and with this one.
    sums: Vec<u64>,
}

impl Ranks {
    /// Ranks `0..n`, `n ≥ 1`.
    pub(super) fn new(n: u32) -> Self {
        let sums = (0..u64::from(n.max(1))).scan(0u64, |sum, rank| {
            *sum += 1_000_000_000 / (rank + 4);
            Some(*sum)
        });
        Ranks { sums: sums.collect() }
    }

    pub(super) fn draw(&self, chance: &mut Chance) -> u32 {
        let total = u128::from(self.sums.last().copied().unwrap_or(0));
        let at = ((u128::from(chance.0.next_u64()) * total) >> 64) as u64;
        self.sums.partition_point(|&sum| sum <= at) as u32
    }
}

/// A bijection of `0..2^bits` that scatters neighbours: ids and file numbers that look unordered
/// and never repeat.
pub(super) fn scatter(i: u32, bits: u32) -> u32 {
    let mask = u32::MAX >> (32 - bits);
    let mixed = i.wrapping_mul(0x9E37_79B1) & mask;
    let mixed = mixed ^ (mixed >> (bits / 2));
    mixed.wrapping_mul(0x85EB_CA6B) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scatter_is_a_bijection() {
        for bits in [10, 15] {
            let mut seen: Vec<u32> = (0..1 << bits).map(|i| scatter(i, bits)).collect();
            seen.sort_unstable();
            assert!(seen.iter().enumerate().all(|(i, &x)| i as u32 == x));
        }
    }

    #[test]
    fn noise_has_the_stated_spread() {
        let mut noise = vec![0f32; 40_000];
        Seeds::new(3).stream(Domain::Text, 0).add_noise(&mut noise, 2.0);
        let mean = noise.iter().sum::<f32>() / 40_000.0;
        let variance = noise.iter().map(|x| x * x).sum::<f32>() / 40_000.0;
        assert!(mean.abs() < 0.05 && (variance - 4.0).abs() < 0.1, "{mean} {variance}");
    }

    #[test]
    fn ranks_fall_off_and_stay_in_range() {
        let (ranks, mut chance) = (Ranks::new(50), Seeds::new(1).stream(Domain::Event, 0));
        let mut counts = [0u32; 50];
        for _ in 0..20_000 {
            counts[ranks.draw(&mut chance) as usize] += 1;
        }
        assert!(counts[0] > 3 * counts[20] && counts[49] > 0, "{counts:?}");
    }

    /// Pinned: another stream, another corpus for the same seed.
    #[test]
    fn streams_never_change() {
        let mut chance = Seeds::new(7).stream(Domain::Sample, 5);
        assert_eq!([chance.below(1000), chance.below(1000), chance.below(1000)], [46, 638, 291]);
    }
}
