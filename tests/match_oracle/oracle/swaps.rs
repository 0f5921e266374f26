//! Swaps of two samples' images: all there are, the most that fit together, and the best set of them.

use super::rules::Rules;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A swap of two samples' images: what it adds to the sums that decide.
#[derive(Debug, Clone, Copy)]
pub struct Swap {
    pub ends: (usize, usize),
    pub hard: i64,
    pub score: f64,
    /// Sum of CTI(p) − CTI(f) of both pairs.
    pub margin: f64,
}

/// Every swap both directions of which are admissible.
pub fn all_swaps(rules: &Rules<'_>, partition: Option<&str>) -> Vec<Swap> {
    let rows: Vec<usize> = (rules.rows_of(partition).into_iter())
        .filter(|&row| rules.pristine_fails(row).is_none() && rules.given_fails(row).is_none())
        .collect();
    let mut swaps = Vec::new();
    for (i, &a) in rows.iter().enumerate() {
        for &b in &rows[i + 1..] {
            if rules.together_fail(a, b, 0.0).is_none() && rules.together_fail(b, a, 0.0).is_none() {
                let margins = [rules.cti(a, a) - rules.cti(a, b), rules.cti(b, b) - rules.cti(b, a)];
                let hard = margins.iter().filter(|&&m| m <= 0.0).count() as i64;
                let score = rules.score(a, b) + rules.score(b, a);
                swaps.push(Swap { ends: (a, b), hard, score, margin: margins.iter().sum() });
            }
        }
    }
    swaps
}

/// How good a set of swaps is: the number, then pairs from H, then the sum of scores, low.
type Worth = (usize, i64, f64);

fn better(a: &Worth, b: &Worth) -> bool {
    (a.0, a.1) > (b.0, b.1) || (a.0, a.1) == (b.0, b.1) && a.2 < b.2
}

/// The best set of swaps in which no sample stands twice, among samples `free`: the first of them stays alone, or
/// swaps with one of the others. Tries everything; remembers what it has tried.
fn best_set(free: u64, swaps: &[Swap], known: &mut HashMap<u64, (Worth, Vec<usize>)>) -> (Worth, Vec<usize>) {
    if free == 0 {
        return ((0, 0, 0.0), Vec::new());
    }
    if let Some(best) = known.get(&free) {
        return best.clone();
    }
    let first = free.trailing_zeros() as usize;
    let rest = free & !(1 << first);
    let mut best = best_set(rest, swaps, known);
    for (i, swap) in swaps.iter().enumerate().filter(|(_, s)| s.ends.0 == first && rest >> s.ends.1 & 1 == 1) {
        let (worth, mut set) = best_set(rest & !(1 << swap.ends.1), swaps, known);
        let worth = (worth.0 + 1, worth.1 + swap.hard, worth.2 + swap.score);
        if better(&worth, &best.0) {
            set.push(i);
            best = (worth, set);
        }
    }
    known.insert(free, best.clone());
    best
}

/// The best set among all; `None` where some samples are connected in too large a number to try everything.
pub fn best_of_all(swaps: &[Swap]) -> Option<Vec<Swap>> {
    let mut left: Vec<Swap> = swaps.to_vec();
    let mut best = Vec::new();
    while let Some(first) = left.first() {
        let mut members = BTreeSet::from([first.ends.0]);
        loop {
            let before = members.len();
            for swap in &left {
                if members.contains(&swap.ends.0) || members.contains(&swap.ends.1) {
                    members.extend([swap.ends.0, swap.ends.1]);
                }
            }
            if members.len() == before {
                break;
            }
        }
        if members.len() > 22 {
            return None;
        }
        let members: Vec<usize> = members.into_iter().collect();
        let at = |row: usize| members.binary_search(&row).ok();
        let (here, elsewhere): (Vec<Swap>, Vec<Swap>) = left.iter().partition(|s| at(s.ends.0).is_some());
        let numbered: Vec<Swap> =
            here.iter().map(|s| Swap { ends: (at(s.ends.0).unwrap(), at(s.ends.1).unwrap()), ..*s }).collect();
        let (_, set) = best_set((1 << members.len()) - 1, &numbered, &mut HashMap::new());
        best.extend(set.into_iter().map(|i| here[i]));
        left = elsewhere;
    }
    Some(best)
}

/// The largest number of swaps in which no sample stands twice, however many are connected: Edmonds' blossoms, one
/// augmenting path after another.
pub fn maximum(swaps: &[Swap]) -> usize {
    let mut number: BTreeMap<usize, usize> = BTreeMap::new();
    for row in swaps.iter().flat_map(|s| [s.ends.0, s.ends.1]) {
        let next = number.len();
        number.entry(row).or_insert(next);
    }
    let mut next_to = vec![Vec::new(); number.len()];
    for swap in swaps {
        let (a, b) = (number[&swap.ends.0], number[&swap.ends.1]);
        next_to[a].push(b);
        next_to[b].push(a);
    }
    let mut mate: Vec<Option<usize>> = vec![None; number.len()];
    (0..number.len()).filter(|&root| mate[root].is_none() && augment(root, &next_to, &mut mate)).count()
}

/// Looks for a path from `root` to another single sample, on which every second edge is a pair; swaps them if there is.
fn augment(root: usize, next_to: &[Vec<usize>], mate: &mut [Option<usize>]) -> bool {
    let n = mate.len();
    let mut reached = vec![false; n];
    // Over which sample an odd one was reached; the base of the blossom that a sample is shrunk into.
    let mut over: Vec<Option<usize>> = vec![None; n];
    let mut base: Vec<usize> = (0..n).collect();
    let mut queue = VecDeque::from([root]);
    reached[root] = true;
    while let Some(v) = queue.pop_front() {
        for &to in &next_to[v] {
            if base[v] == base[to] || mate[v] == Some(to) {
                continue;
            }
            if to == root || mate[to].is_some_and(|m| over[m].is_some()) {
                let top = common_base(v, to, &base, mate, &over);
                let mut blossom = vec![false; n];
                mark(v, top, to, &base, mate, &mut over, &mut blossom);
                mark(to, top, v, &base, mate, &mut over, &mut blossom);
                for i in 0..n {
                    if blossom[base[i]] {
                        base[i] = top;
                        if !reached[i] {
                            reached[i] = true;
                            queue.push_back(i);
                        }
                    }
                }
            } else if over[to].is_none() {
                over[to] = Some(v);
                match mate[to] {
                    Some(m) => {
                        reached[m] = true;
                        queue.push_back(m);
                    }
                    None => {
                        let mut end = Some(to);
                        while let Some(odd) = end {
                            let even = over[odd].unwrap();
                            end = mate[even];
                            mate[odd] = Some(even);
                            mate[even] = Some(odd);
                        }
                        return true;
                    }
                }
            }
        }
    }
    false
}

fn common_base(a: usize, b: usize, base: &[usize], mate: &[Option<usize>], over: &[Option<usize>]) -> usize {
    let mut seen = vec![false; base.len()];
    let mut a = base[a];
    loop {
        seen[a] = true;
        match mate[a] {
            Some(m) => a = base[over[m].unwrap()],
            None => break,
        }
    }
    let mut b = base[b];
    while !seen[b] {
        b = base[over[mate[b].unwrap()].unwrap()];
    }
    b
}

fn mark(
    mut v: usize,
    top: usize,
    mut child: usize,
    base: &[usize],
    mate: &[Option<usize>],
    over: &mut [Option<usize>],
    blossom: &mut [bool],
) {
    while base[v] != top {
        let m = mate[v].unwrap();
        blossom[base[v]] = true;
        blossom[base[m]] = true;
        over[v] = Some(child);
        child = m;
        v = over[m].unwrap();
    }
}
