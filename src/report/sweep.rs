//! Engines × settings × threads → rows.
//!
//! Every setting is run twice: with one thread, one call after the other, which gives latency; and with all threads of
//! the current rayon pool, which gives throughput. Before each run a few calls warm up caches and scratch memory.

use super::recall::recall_at_k;
use super::{Error, Measurement};
use crate::query;
use crate::words::{Order, Row, Scored};
use rayon::prelude::*;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Calls made before the clock starts.
const WARM_UP: usize = 16;

/// One answer of an engine.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// The rows found, the best first.
    pub rows: Vec<Scored>,
    /// Rows visited.
    pub visited: u64,
    /// Scores computed.
    pub scored: u64,
}

/// A setting of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The beam; `None` for an engine without one.
    pub ef: Option<usize>,
    /// Queries a call, at least 1.
    pub batch: usize,
}

/// How an engine uses many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// A call shares its own work out; calls are made one after the other.
    Within,
    /// A call runs on one thread; calls are made side by side.
    Across,
}

/// Answers a range of query numbers, in order.
type Answer<'a> = Box<dyn Fn(Setting, Range<usize>) -> Result<Vec<Answered>, query::Error> + Sync + 'a>;

/// Something that answers queries.
pub struct Engine<'a> {
    /// `exact`, `graph`.
    pub name: &'static str,
    /// What is measured, in this order.
    pub settings: Vec<Setting>,
    /// What it does with many threads.
    pub threads: Threads,
    /// One call.
    pub answer: Answer<'a>,
}

impl<'a> Engine<'a> {
    /// An engine with a beam: `one(ef, query)` answers one query, on the thread that calls it.
    pub fn over_ef(
        name: &'static str,
        efs: &[usize],
        one: impl Fn(usize, usize) -> Result<Answered, query::Error> + Sync + 'a,
    ) -> Engine<'a> {
        Engine {
            name,
            settings: efs.iter().map(|&ef| Setting { ef: Some(ef), batch: 1 }).collect(),
            threads: Threads::Across,
            answer: Box::new(move |setting, queries| queries.map(|q| one(setting.ef.unwrap_or(0), q)).collect()),
        }
    }

    /// An engine without one, that shares its work out: `many(queries)` answers a batch.
    pub fn in_batches(
        name: &'static str,
        batches: &[usize],
        many: impl Fn(Range<usize>) -> Result<Vec<Answered>, query::Error> + Sync + 'a,
    ) -> Engine<'a> {
        Engine {
            name,
            settings: batches.iter().map(|&batch| Setting { ef: None, batch: batch.max(1) }).collect(),
            threads: Threads::Within,
            answer: Box::new(move |_, queries| many(queries)),
        }
    }
}

/// What is asked, and what is right.
pub struct Case<'a> {
    /// What is searched: a modality, or a split.
    pub search: String,
    /// Where the queries come from.
    pub from: String,
    /// Rows asked for.
    pub k: usize,
    /// Which scores come first.
    pub order: Order,
    /// The exact answer to every query.
    pub truth: Vec<Vec<Scored>>,
    /// The share of rows that constraints admit, mean.
    pub selectivity: Option<f64>,
    /// The exact score of a row for a query; `None` where the row may not be found.
    pub score: Box<dyn Fn(usize, Row) -> Option<f32> + Sync + 'a>,
}

/// Measures every engine at every setting, with one thread (`one`: a pool of one) and, where the current pool has more,
/// with all of them. `done(n)`: n more answers were given (see [`answers_of`]).
///
/// # Errors
/// Whatever an engine says; [`Error::NoQueries`]; [`Error::Answers`].
pub fn sweep(
    case: &Case<'_>,
    engines: &[Engine<'_>],
    one: &rayon::ThreadPool,
    machine: &str,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Measurement>, Error> {
    if case.truth.is_empty() {
        return Err(Error::NoQueries(format!("{}: no query to measure with", case.search)));
    }
    let mut rows = Vec::new();
    for engine in engines {
        for &setting in &engine.settings {
            let alone = one.install(|| run(engine, setting, case.truth.len(), done))?;
            rows.push(alone.measured(case, engine, setting, 1, machine));
            let threads = rayon::current_num_threads();
            if threads > 1 {
                let together = run(engine, setting, case.truth.len(), done)?;
                rows.push(together.measured(case, engine, setting, threads, machine));
            }
        }
    }
    Ok(rows)
}

/// How many answers [`sweep`] will take in the current pool.
pub fn answers_of(queries: usize, engines: &[Engine<'_>]) -> u64 {
    let settings: usize = engines.iter().map(|e| e.settings.len()).sum();
    (queries * settings * if rayon::current_num_threads() > 1 { 2 } else { 1 }) as u64
}

/// Every query answered once.
struct Run {
    answers: Vec<Answered>,
    /// Of each call of a whole batch (where there is one), ascending.
    calls: Vec<Duration>,
    wall: Duration,
}

fn run(engine: &Engine<'_>, setting: Setting, queries: usize, done: &(dyn Fn(u64) + Sync)) -> Result<Run, Error> {
    let batch = setting.batch.max(1);
    let calls: Vec<Range<usize>> = (0..queries).step_by(batch).map(|q| q..queries.min(q + batch)).collect();
    let call = |range: &Range<usize>| {
        let start = Instant::now();
        let answers = (engine.answer)(setting, range.clone())?;
        let took = start.elapsed();
        if answers.len() != range.len() {
            let engine = engine.name.to_owned();
            return Err(Error::Answers { engine, expected: range.len(), got: answers.len() });
        }
        Ok((answers, took))
    };
    let side_by_side = engine.threads == Threads::Across && rayon::current_num_threads() > 1;
    let warm_up = &calls[..calls.len().min(WARM_UP)];
    let (answered, wall) = if side_by_side {
        warm_up.par_iter().try_for_each(|c| call(c).map(drop))?;
        let start = Instant::now();
        let answered = calls.par_iter().map(call).collect::<Result<Vec<_>, Error>>()?;
        let wall = start.elapsed();
        done(queries as u64);
        (answered, wall)
    } else {
        warm_up.iter().try_for_each(|c| call(c).map(drop))?;
        let mut answered = Vec::with_capacity(calls.len());
        for c in &calls {
            answered.push(call(c)?);
            done(c.len() as u64);
        }
        // Without what lies between the calls.
        let wall = answered.iter().map(|a| a.1).sum();
        (answered, wall)
    };
    // A last call of fewer queries would pass for a fast one.
    let whole = queries >= batch;
    let mut durations: Vec<Duration> = answered.iter().filter(|a| !whole || a.0.len() == batch).map(|a| a.1).collect();
    durations.sort_unstable();
    Ok(Run { answers: answered.into_iter().flat_map(|a| a.0).collect(), calls: durations, wall })
}

impl Run {
    fn measured(
        &self,
        case: &Case<'_>,
        engine: &Engine<'_>,
        setting: Setting,
        threads: usize,
        machine: &str,
    ) -> Measurement {
        let n = self.answers.len() as f64;
        let recall: f64 = (0..self.answers.len())
            .into_par_iter()
            .map(|q| {
                let found: Vec<Row> = self.answers[q].rows.iter().map(|s| s.row).collect();
                recall_at_k(&found, &case.truth[q], case.order, |row| (case.score)(q, row))
            })
            // In order, so that the sum does not depend on the threads.
            .collect::<Vec<_>>()
            .iter()
            .sum();
        let mean = |of: fn(&Answered) -> u64| self.answers.iter().map(|a| of(a) as f64).sum::<f64>() / n;
        Measurement {
            search: case.search.clone(),
            from: case.from.clone(),
            engine: engine.name.to_owned(),
            ef: setting.ef,
            batch: setting.batch,
            threads,
            k: case.k,
            queries: self.answers.len(),
            recall: recall / n,
            short: self.answers.iter().zip(&case.truth).filter(|(a, t)| a.rows.len() < t.len()).count(),
            // A clock that has not moved says no more than that it was fast.
            qps: n / self.wall.as_secs_f64().max(1e-9),
            p50_us: percentile(&self.calls, 50.0),
            p95_us: percentile(&self.calls, 95.0),
            p99_us: percentile(&self.calls, 99.0),
            visited: mean(|a| a.visited),
            scored: mean(|a| a.scored),
            selectivity: case.selectivity,
            machine: machine.to_owned(),
        }
    }
}

/// The smallest of `sorted` that at least `percent` of a hundred are not above (the nearest rank), in microseconds; 0 of
/// nothing.
pub fn percentile(sorted: &[Duration], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).map_or(0.0, |d| d.as_nanos() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!([50.0, 95.0, 99.0, 100.0].map(|p| percentile(&sorted, p)), [100.0, 190.0, 198.0, 200.0]);
        assert_eq!(percentile(&sorted[..1], 99.0), 1.0);
        assert_eq!(percentile(&sorted, 0.0), 1.0);
        assert_eq!(percentile(&[], 50.0), 0.0);
    }
}
