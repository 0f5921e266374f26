//! The merged set: one quota for all splits, no caption and no image in two of them.
//!
//! ```text
//! one turn of a round          H heap ─ cheapest ─┐            a split of whole swaps has one heap,
//! (scarcest split first)       L heap ─ cheapest ─┴─ 2 pairs   a swap is its 2 pairs
//!                                 │ claims its images for the split
//!                                 ├─ units of other splits with such an image die
//!                                 └─ own units with such an image get cheaper
//! ```
//!
//! Rounds end when a split finds nothing for its turn; that round is taken back, so all blocks are of one size and H = L.

use super::pair::{Pair, hard_and_easy};
use crate::words::Row;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Units drawn from in all tries together, about a second's work.
const TRIED_UNITS: usize = 1 << 20;

/// One balanced split, as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The split's name.
    pub name: &'a str,
    /// Its pairs, in any order.
    pub pairs: &'a [Pair],
    /// Whole swaps (the person split): (a, b) comes with (b, a), and both stay or go. Otherwise H and L are drawn in
    /// equal numbers.
    pub swaps: bool,
}

/// The part of one split in the merged set.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The split's name.
    pub name: String,
    /// [`Merged::quota`] pairs, in catalog order.
    pub pairs: Vec<Pair>,
    /// Of these from H. Half of them, unless the block is one of whole swaps.
    pub hard: usize,
    /// How often an image is pristine again, or falsified again, in the block.
    pub repeats: usize,
}

/// What [`merge`] makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// One block a split, in the order of the splits.
    pub blocks: Vec<Block>,
    /// Pairs in every block; even.
    pub quota: usize,
    /// What the smallest split alone would allow: no quota can be higher.
    pub ceiling: usize,
}

/// Why a split cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A split said to be made of whole swaps is not.
    #[error(
        "split {split}: the pair of row {pristine} with the image of row {falsified} has no counterpart (expected each pair \
         once in both directions); merge the split as one that is balanced by CTI, or match it again"
    )]
    NotASwap {
        /// The split's name.
        split: String,
        /// The pristine row.
        pristine: u32,
        /// The falsified row.
        falsified: u32,
    },
}

/// Draws the same number of pairs from every split: as many as the smallest allows, short of what sharing out the images
/// costs (NewsCLIPpings, §3, "Merged/Balanced"; the published files).
///
/// - An image (`image_of`: rows with the same picture get the same number) belongs to one block at most, whether pristine
///   or falsified, and therefore a caption too.
/// - A swap stays whole; every other block has as many pairs from H as from L. So the quota is even.
/// - Within a block no image is pristine twice or falsified twice, as in the published file, unless a higher quota can
///   be had with repeats; the fewest repeats among the ways tried win. [`Block::repeats`] counts them.
///
/// The best division of the images is a packing problem without a known fast solution. This one is greedy, three times
/// with different rules of choice, and takes O(n log n) for n pairs: a pair is the cheaper, the fewer images it claims and
/// the less other splits need them. On random splits small enough to try everything it reaches the best quota
/// in four cases of five and is a pair of pairs short in nearly all others (test `close_to_the_best`); where the smallest
/// split is small beside the others, as in the published data, it reaches the ceiling.
///
/// Of equally cheap pairs the `seed` decides: the same seed, splits and numbering give the same blocks.
///
/// # Errors
/// [`MergeError::NotASwap`] if a split of swaps has a pair without its counterpart, or a pair twice.
pub fn merge(splits: &[Source<'_>], image_of: impl Fn(Row) -> u32, seed: u64) -> Result<Merged, MergeError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut stock = Stock::new(splits, image_of, &mut rng)?;
    let ceiling = 2 * stock.rounds;
    let mut best: Option<(Draw, usize)> = None;
    // Where images are short it is worth trying again with other lots, as long as that is cheap.
    let tries = (TRIED_UNITS / stock.units.len().max(1)).clamp(1, 64);
    'tries: for _ in 0..tries {
        for repeats in [Repeats::Never, Repeats::LastResort, Repeats::IfCheaper] {
            let draw = stock.draw(repeats);
            let count = draw.taken.iter().map(|units| stock.repeats(units)).sum();
            let better = |(b, least): &(Draw, usize)| (draw.rounds, Reverse(count)) > (b.rounds, Reverse(*least));
            if best.as_ref().is_none_or(better) {
                best = Some((draw, count));
            }
            if best.as_ref().is_some_and(|(b, least)| b.rounds == stock.rounds && *least == 0) {
                break 'tries;
            }
        }
        stock.cast_lots(&mut rng);
    }
    let (rounds, taken) = best.map_or((0, Vec::new()), |(draw, _)| (draw.rounds, draw.taken));
    let blocks = splits.iter().zip(&taken).map(|(split, units)| {
        let mut pairs: Vec<Pair> = units.iter().flat_map(|&u| stock.units[u].pairs(split.pairs)).collect();
        pairs.sort_unstable_by_key(|p| (p.pristine, p.falsified));
        let hard = hard_and_easy(&pairs).0;
        Block { name: split.name.to_owned(), pairs, hard, repeats: stock.repeats(units) }
    });
    Ok(Merged { blocks: blocks.collect(), quota: 2 * rounds, ceiling })
}

/// May an image be pristine (or falsified) twice in a block?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Never,
    /// When nothing else is left.
    LastResort,
    /// When it claims fewer images than anything else: the highest quota when images are short.
    IfCheaper,
}

/// What is taken whole: a pair, or the two pairs of a swap.
#[derive(Debug, Clone, Copy)]
struct Unit {
    split: usize,
    heap: usize,
    first: usize,
    /// The swap's other pair.
    second: Option<usize>,
    /// Image of the first pair's pristine and falsified sample, numbered from 0.
    images: [usize; 2],
    rank: u32,
}

impl Unit {
    fn pairs(self, of: &[Pair]) -> impl Iterator<Item = Pair> {
        [Some(self.first), self.second].into_iter().flatten().map(|i| of[i])
    }

    /// (image, 0 as pristine or 1 as falsified) for each of its uses.
    fn uses(self) -> impl Iterator<Item = (usize, usize)> {
        let [p, f] = self.images;
        let back = self.second.map(|_| [(f, 0), (p, 1)]);
        [(p, 0), (f, 1)].into_iter().chain(back.into_iter().flatten())
    }

    /// Its images, each once.
    fn distinct(self) -> impl Iterator<Item = usize> {
        let [p, f] = self.images;
        [Some(p), (p != f).then_some(f)].into_iter().flatten()
    }
}

/// Everything that can be drawn; does not change.
struct Stock {
    units: Vec<Unit>,
    /// The units that an image is in.
    of_image: Vec<Vec<u32>>,
    /// Heaps of each split, and all heaps with their units.
    heaps: Vec<std::ops::Range<usize>>,
    stock: Vec<Vec<usize>>,
    /// By split, by image: what claiming it costs, in units of 2⁻³² of what one split can spare.
    cost: Vec<Vec<u64>>,
    /// Splits, the scarcest first.
    order: Vec<usize>,
    /// Rounds that the scarcest split allows.
    rounds: usize,
}

/// What was drawn.
struct Draw {
    rounds: usize,
    /// By split.
    taken: Vec<Vec<usize>>,
}

impl Stock {
    fn new(splits: &[Source<'_>], image_of: impl Fn(Row) -> u32, rng: &mut ChaCha8Rng) -> Result<Stock, MergeError> {
        let mut numbers: HashMap<u32, usize> = HashMap::new();
        let (mut units, mut heaps, mut stock): (Vec<Unit>, _, Vec<Vec<usize>>) = (Vec::new(), Vec::new(), Vec::new());
        for (split, source) in splits.iter().enumerate() {
            let heap = stock.len();
            stock.resize(heap + if source.swaps { 1 } else { 2 }, Vec::new());
            heaps.push(heap..stock.len());
            for (first, second) in wholes(source)? {
                let pair = &source.pairs[first];
                let images = [pair.pristine, pair.falsified].map(|row| {
                    let next = numbers.len();
                    *numbers.entry(image_of(row)).or_insert(next)
                });
                let heap = heap + usize::from(!source.swaps && !pair.hard());
                units.push(Unit { split, heap, first, second, images, rank: 0 });
            }
        }
        for (u, unit) in units.iter().enumerate() {
            stock[unit.heap].push(u);
        }
        let mut of_image = vec![Vec::new(); numbers.len()];
        for (u, unit) in units.iter().enumerate() {
            unit.distinct().for_each(|i| of_image[i].push(u as u32));
        }
        let rounds_of = |s: usize| stock[heaps[s].clone()].iter().map(Vec::len).min().unwrap_or(0);
        let mut order: Vec<usize> = (0..splits.len()).collect();
        order.sort_by_key(|&s| rounds_of(s));
        let rounds = order.first().map_or(0, |&s| rounds_of(s));
        let cost = (0..splits.len()).map(|s| {
            let others = |image: &Vec<u32>| {
                let lost = image.iter().map(|&u| &units[u as usize]).filter(|unit| unit.split != s);
                1 + lost.map(|unit| (1u64 << 32) / stock[unit.heap].len() as u64).sum::<u64>()
            };
            of_image.iter().map(others).collect()
        });
        let cost = cost.collect();
        let mut stock = Stock { units, of_image, heaps, stock, cost, order, rounds };
        stock.cast_lots(rng);
        Ok(stock)
    }

    /// Which of equally cheap units is taken: a random order (Fisher and Yates; by multiplication, with a bias
    /// below n/2⁶⁴).
    fn cast_lots(&mut self, rng: &mut ChaCha8Rng) {
        let n = self.units.len();
        let mut lots: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
            lots.swap(i, j as usize);
        }
        self.units.iter_mut().zip(lots).for_each(|(unit, lot)| unit.rank = lot);
    }

    fn draw(&self, repeats: Repeats) -> Draw {
        let mut state = State {
            stock: self,
            repeats,
            owner: vec![None; self.of_image.len()],
            used: vec![[false; 2]; self.of_image.len()],
            gone: vec![false; self.units.len()],
            heaps: Vec::new(),
        };
        state.heaps = (self.stock.iter())
            .map(|units| units.iter().map(|&u| Reverse((state.key(u), u))).collect::<Vec<_>>().into())
            .collect();
        let mut draw = Draw { rounds: 0, taken: vec![Vec::new(); self.heaps.len()] };
        let turns: Vec<usize> = self.order.iter().flat_map(|&s| self.heaps[s].clone()).collect();
        while draw.rounds < self.rounds {
            let mut round = Vec::new();
            for &heap in &turns {
                round.extend(state.take(heap));
            }
            if round.len() < turns.len() {
                break;
            }
            round.into_iter().for_each(|u| draw.taken[self.units[u].split].push(u));
            draw.rounds += 1;
        }
        draw
    }

    /// How often an image is pristine again or falsified again.
    fn repeats(&self, units: &[usize]) -> usize {
        let mut seen = HashSet::new();
        units.iter().flat_map(|&u| self.units[u].uses()).filter(|&using| !seen.insert(using)).count()
    }
}

/// (repeats an image and should not, cost of the images it claims, repeats an image, drawn lot): the least is taken.
type Key = (bool, u64, bool, u32);

struct State<'a> {
    stock: &'a Stock,
    repeats: Repeats,
    /// By image: the split it belongs to.
    owner: Vec<Option<usize>>,
    /// By image: already pristine, already falsified in its block.
    used: Vec<[bool; 2]>,
    gone: Vec<bool>,
    heaps: Vec<BinaryHeap<Reverse<(Key, usize)>>>,
}

impl State<'_> {
    fn key(&self, u: usize) -> Key {
        let unit = self.stock.units[u];
        let cost = unit.distinct().filter(|&i| self.owner[i].is_none()).map(|i| self.stock.cost[unit.split][i]).sum();
        let again = unit.uses().any(|(i, role)| self.used[i][role]);
        (again && self.repeats != Repeats::IfCheaper, cost, again, unit.rank)
    }

    /// The cheapest unit of a heap, its images claimed.
    fn take(&mut self, heap: usize) -> Option<usize> {
        loop {
            let Reverse((key, u)) = self.heaps[heap].pop()?;
            let unit = self.stock.units[u];
            if self.gone[u] || unit.distinct().any(|i| self.owner[i].is_some_and(|s| s != unit.split)) {
                continue;
            }
            let now = self.key(u);
            if now.2 && self.repeats == Repeats::Never {
                continue;
            }
            if now != key {
                // Cheaper ones were filed again when they became so: this is such a twin, or has become dearer.
                if now > key {
                    self.heaps[heap].push(Reverse((now, u)));
                }
                continue;
            }
            self.gone[u] = true;
            for i in unit.distinct() {
                if self.owner[i].is_none() {
                    self.owner[i] = Some(unit.split);
                    for &v in &self.stock.of_image[i] {
                        let v = v as usize;
                        if self.stock.units[v].split == unit.split && !self.gone[v] {
                            let entry = Reverse((self.key(v), v));
                            self.heaps[self.stock.units[v].heap].push(entry);
                        }
                    }
                }
            }
            unit.uses().for_each(|(i, role)| self.used[i][role] = true);
            return Some(u);
        }
    }
}

/// The indices of each pair and its counterpart; without swaps, of each pair.
fn wholes(source: &Source<'_>) -> Result<Vec<(usize, Option<usize>)>, MergeError> {
    // In catalog order, so that the order of the input does not matter.
    let mut order: Vec<usize> = (0..source.pairs.len()).collect();
    order.sort_by_key(|&i| (source.pairs[i].pristine, source.pairs[i].falsified));
    if !source.swaps {
        return Ok(order.into_iter().map(|i| (i, None)).collect());
    }
    let ends = |i: usize| (source.pairs[i].pristine, source.pairs[i].falsified);
    let mut out = Vec::with_capacity(order.len() / 2);
    for (k, &i) in order.iter().enumerate() {
        let (a, b) = ends(i);
        let twin = order.binary_search_by_key(&(b, a), |&j| ends(j)).ok().map(|k| order[k]);
        let twice = k > 0 && ends(order[k - 1]) == (a, b);
        match twin {
            Some(j) if a != b && !twice => {
                if a < b {
                    out.push((i, Some(j)));
                }
            }
            _ => {
                return Err(MergeError::NotASwap { split: source.name.to_owned(), pristine: a.0, falsified: b.0 });
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(p: u32, f: u32, hard: bool) -> Pair {
        let cti_falsified = if hard { 0.5 } else { 0.1 };
        Pair { pristine: Row(p), falsified: Row(f), score: 0.0, cti_pristine: 0.3, cti_falsified }
    }

    type Raw = Vec<(bool, Vec<(u32, u32, bool)>)>;

    /// Up to `splits` splits over rows 0..rows; two rows share an image now and then.
    fn raw(splits: std::ops::Range<usize>, rows: u32, pairs: usize) -> impl Strategy<Value = Raw> {
        let one = (any::<bool>(), prop::collection::vec((0..rows, 0..rows, any::<bool>()), 0..pairs));
        prop::collection::vec(one, splits)
    }

    fn build(raw: &Raw) -> Vec<(bool, Vec<Pair>)> {
        raw.iter()
            .map(|(swaps, pairs)| {
                let mut seen = HashSet::new();
                let mut out = Vec::new();
                for &(a, b, hard) in pairs.iter().filter(|(a, b, _)| a != b) {
                    if *swaps {
                        // A matching, as the person split is.
                        if !seen.contains(&a) && !seen.contains(&b) {
                            seen.extend([a, b]);
                            out.extend([pair(a, b, hard), pair(b, a, !hard)]);
                        }
                    } else if seen.insert(a) {
                        out.push(pair(a, b, hard));
                    }
                }
                (*swaps, out)
            })
            .collect()
    }

    fn sources(splits: &[(bool, Vec<Pair>)]) -> Vec<Source<'_>> {
        splits.iter().map(|(swaps, pairs)| Source { name: "s", pairs, swaps: *swaps }).collect()
    }

    fn image_of(row: Row) -> u32 {
        row.0 * 7 / 8
    }

    /// The best quota, repeats allowed, by trying every division of the images.
    fn best(splits: &[(bool, Vec<Pair>)], rows: u32) -> usize {
        let images = image_of(Row(rows - 1)) + 1;
        let n = splits.len();
        (0..n.pow(images))
            .map(|code| {
                let owner = |row: Row| code / n.pow(image_of(row)) % n;
                let rounds = splits.iter().enumerate().map(|(s, (swaps, pairs))| {
                    let inside = pairs.iter().filter(|p| owner(p.pristine) == s && owner(p.falsified) == s);
                    let (hard, all) = inside.fold((0, 0), |(h, n), p| (h + usize::from(p.hard()), n + 1));
                    if *swaps { all / 2 } else { hard.min(all - hard) }
                });
                2 * rounds.min().unwrap_or(0)
            })
            .max()
            .unwrap_or(0)
    }

    fn check(merged: &Merged, splits: &[(bool, Vec<Pair>)]) {
        assert_eq!(merged.blocks.len(), splits.len());
        assert!(merged.quota <= merged.ceiling && merged.quota % 2 == 0);
        let mut owner = HashMap::new();
        for (s, (block, (swaps, pairs))) in merged.blocks.iter().zip(splits).enumerate() {
            assert_eq!(block.pairs.len(), merged.quota);
            assert!(block.pairs.is_sorted_by_key(|p| p.pristine));
            let mut left = pairs.clone();
            let (mut pristine, mut falsified, mut repeats) = (HashSet::new(), HashSet::new(), 0);
            for p in &block.pairs {
                left.swap_remove(left.iter().position(|q| q == p).expect("drawn once from its split"));
                for row in [p.pristine, p.falsified] {
                    assert_eq!(*owner.entry(image_of(row)).or_insert(s), s, "an image in two blocks");
                }
                repeats += usize::from(!pristine.insert(image_of(p.pristine)));
                repeats += usize::from(!falsified.insert(image_of(p.falsified)));
                let back = |q: &Pair| (q.pristine, q.falsified) == (p.falsified, p.pristine);
                assert!(!swaps || block.pairs.iter().any(back), "half a swap");
            }
            assert_eq!(repeats, block.repeats);
            assert!(*swaps || 2 * block.hard == merged.quota);
            assert_eq!(block.hard, hard_and_easy(&block.pairs).0);
        }
    }

    proptest! {
        #[test]
        fn blocks_keep_every_rule(raw in raw(0..5, 200, 150), seed: u64) {
            let splits = build(&raw);
            let merged = merge(&sources(&splits), image_of, seed).unwrap();
            check(&merged, &splits);
            prop_assert_eq!(&merge(&sources(&splits), image_of, seed).unwrap(), &merged);
            let mut turned = splits.clone();
            turned.iter_mut().for_each(|(_, pairs)| pairs.reverse());
            prop_assert_eq!(merge(&sources(&turned), image_of, seed).unwrap(), merged);
        }
    }

    #[test]
    fn close_to_the_best() {
        use proptest::strategy::ValueTree;
        use proptest::test_runner::TestRunner;
        let mut runner = TestRunner::deterministic();
        let (mut cases, mut short, mut lost, mut total) = (0, 0, 0, 0);
        while cases < 300 {
            let splits = build(&raw(2..4, 10, 24).new_tree(&mut runner).unwrap().current());
            let best = best(&splits, 10);
            if best == 0 {
                continue;
            }
            let merged = merge(&sources(&splits), image_of, cases).unwrap();
            check(&merged, &splits);
            assert!(merged.quota <= best);
            cases += 1;
            short += u64::from(merged.quota < best);
            lost += best - merged.quota;
            total += best;
        }
        println!("below the best quota in {short} of {cases} cases, {lost} of {total} pairs lost");
        assert!(short * 5 <= cases && lost * 10 <= total);
    }

    /// Corpora as they are: how far below the ceiling is the quota?
    #[test]
    fn quota_of_realistic_sizes() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        // (rows, share of rows with a pair in the three splits by CTI, swaps)
        let shapes = [
            ("as published, test", 48_000, [0.49, 0.56, 0.14], 454),
            ("as published, train", 460_000, [0.49, 0.56, 0.14], 4_442),
            ("small demo, all splits large", 2_000, [0.8, 0.8, 0.8], 500),
            ("large, all splits large", 100_000, [0.8, 0.8, 0.8], 25_000),
        ];
        for (what, rows, shares, swaps) in shapes {
            let mut below = |n: u64| ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u32;
            let mut splits: Vec<(bool, Vec<Pair>)> = Vec::new();
            for share in shares {
                let mut pairs = Vec::new();
                for row in 0..rows {
                    if f64::from(below(1 << 20)) < share * f64::from(1 << 20) {
                        // Some images are found for many captions.
                        let upto = below(rows.into());
                        let near = below(1 + u64::from(upto));
                        pairs.push(pair(row, if near == row { (row + 1) % rows } else { near }, below(2) == 0));
                    }
                }
                splits.push((false, super::super::balance::balance(pairs).pairs));
            }
            let person = (0..swaps).flat_map(|i| {
                let (a, b) = (i * (rows / swaps), i * (rows / swaps) + 1);
                [pair(a, b, i % 2 == 0), pair(b, a, i % 2 == 0)]
            });
            splits.insert(1, (true, person.collect()));
            let clock = std::time::Instant::now();
            let merged = merge(&sources(&splits), |r| r.0, 0).unwrap();
            let repeats: Vec<usize> = merged.blocks.iter().map(|b| b.repeats).collect();
            println!("{what}: {} of {} in {:.1?}, repeats {repeats:?}", merged.quota, merged.ceiling, clock.elapsed());
            assert!(!what.starts_with("as published") || merged.quota == merged.ceiling && repeats == [0; 4]);
        }
    }

    #[test]
    fn half_a_swap_is_refused() {
        for pairs in [vec![pair(1, 2, true)], vec![pair(1, 1, true)], [pair(1, 2, true), pair(2, 1, true)].repeat(2)] {
            let source = Source { name: "person", pairs: &pairs, swaps: true };
            let error = merge(&[source], |r| r.0, 0).unwrap_err();
            assert!(error.to_string().starts_with("split person: the pair of row"), "{error}");
        }
    }

    #[test]
    fn repeats_only_for_a_higher_quota() {
        // Two hard and two easy pairs show one image each time; a third of each kind does not.
        let few = [pair(0, 9, true), pair(1, 9, true), pair(2, 9, false), pair(3, 9, false)];
        let merged = merge(&[Source { name: "a", pairs: &few, swaps: false }], |r| r.0, 0).unwrap();
        assert_eq!((merged.quota, merged.blocks[0].repeats), (4, 3));
        let many = [pair(0, 9, true), pair(1, 8, true), pair(2, 7, false), pair(3, 6, false)];
        let merged = merge(&[Source { name: "a", pairs: &many, swaps: false }], |r| r.0, 0).unwrap();
        assert_eq!((merged.quota, merged.blocks[0].repeats), (4, 0));
    }
}
