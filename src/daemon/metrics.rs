//! Counters and histograms, as Prometheus reads them (text format 0.0.4).

use super::state::State;
use crate::query::{Step, Steps};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 16] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// How long something took, over and over.
#[derive(Debug, Default)]
struct Histogram {
    /// One a bound, and one for what took longer.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    fn took(&self, time: Duration) {
        let at = BOUNDS.partition_point(|&bound| u128::from(bound) * 1000 < time.as_nanos());
        self.counts[at].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// Within a bucket times are taken to lie evenly, as Prometheus takes them.
    fn quantile(&self, q: f64) -> f64 {
        let counts: Vec<u64> = self.counts.iter().map(|c| c.load(Relaxed)).collect();
        let rank = q * counts.iter().sum::<u64>() as f64;
        let (mut below, mut from) = (0.0, 0.0);
        for (count, bound) in counts.iter().zip(BOUNDS) {
            let (count, to) = (*count as f64, bound as f64 / 1e6);
            if count > 0.0 && below + count >= rank {
                return from + (to - from) * ((rank - below) / count).clamp(0.0, 1.0);
            }
            (below, from) = (below + count, to);
        }
        from
    }

    fn read(&self) -> Took {
        let count: u64 = self.counts.iter().map(|c| c.load(Relaxed)).sum();
        let seconds = self.nanoseconds.load(Relaxed) as f64 / 1e9;
        Took { count, mean: seconds / count.max(1) as f64, p50: self.quantile(0.5), p99: self.quantile(0.99) }
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            below += count.load(Relaxed);
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {below}", *bound as f64 / 1e6);
        }
        below += self.counts[BOUNDS.len()].load(Relaxed);
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {below}");
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.nanoseconds.load(Relaxed) as f64 / 1e9);
        let _ = writeln!(out, "{name}_count{{{labels}}} {below}");
    }
}

/// How often something happened and how long it took, in seconds. Quantiles are estimates from buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Took {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p99: f64,
}

/// What goes on at the moment, and what could not be answered so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub in_flight: u64,
    pub connections: u64,
    pub shed: u64,
    pub timeouts: u64,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    steps: [Histogram; Step::ALL.len()],
    queued: Histogram,
    /// By route and status. Routes are those of the router, so they are few.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    /// By route.
    durations: Mutex<BTreeMap<String, Histogram>>,
    in_flight: AtomicU64,
    shed: AtomicU64,
    timeouts: AtomicU64,
    reloads: [AtomicU64; 2],
    connections: AtomicU64,
    refused_connections: AtomicU64,
}

/// Counts one until it is dropped.
pub(super) struct Held<'a>(&'a AtomicU64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn held(count: &AtomicU64) -> Held<'_> {
    count.fetch_add(1, Relaxed);
    Held(count)
}

impl Metrics {
    pub fn answered(&self, steps: &Steps) {
        for step in Step::ALL {
            let time = steps.of(step);
            if !time.is_zero() {
                self.steps[step as usize].took(time);
            }
        }
    }

    pub fn step(&self, step: Step, time: Duration) {
        self.steps[step as usize].took(time);
    }

    pub fn queued(&self, time: Duration) {
        self.queued.took(time);
    }

    pub fn in_flight(&self) -> Held<'_> {
        held(&self.in_flight)
    }

    pub fn connection(&self) -> Held<'_> {
        held(&self.connections)
    }

    pub fn refused_connection(&self) {
        self.refused_connections.fetch_add(1, Relaxed);
    }

    pub fn reloaded(&self, well: bool) {
        self.reloads[usize::from(well)].fetch_add(1, Relaxed);
    }

    pub fn shed(&self) {
        self.shed.fetch_add(1, Relaxed);
    }

    /// What goes on at the moment, and what could not be answered so far.
    pub fn load(&self) -> Load {
        Load {
            in_flight: self.in_flight.load(Relaxed),
            connections: self.connections.load(Relaxed),
            shed: self.shed.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
        }
    }

    /// Of each route that was asked.
    pub fn by_route(&self) -> Vec<(String, Took)> {
        let durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        durations.iter().map(|(route, took)| (route.clone(), took.read())).collect()
    }

    /// Of each step of queries that was taken, waiting for a thread among them.
    pub fn by_step(&self) -> Vec<(String, Took)> {
        let steps = Step::ALL.into_iter().map(|step| (step.name(), &self.steps[step as usize]));
        let all = [("queue", &self.queued)].into_iter().chain(steps);
        all.map(|(name, took)| (name.to_owned(), took.read())).filter(|(_, took)| took.count > 0).collect()
    }

    pub fn timed_out(&self) {
        self.timeouts.fetch_add(1, Relaxed);
    }

    pub fn request(&self, route: &str, status: u16, time: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
        drop(requests);
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        match durations.get(route) {
            Some(durations) => durations.took(time),
            None => durations.entry(route.to_owned()).or_default().took(time),
        }
    }

    /// The page.
    pub fn text(&self, state: &State) -> String {
        let mut out = String::with_capacity(8192);
        let generation = state.generation();
        let mut section = |name: &str, kind: &str, help: &str, rows: &mut dyn FnMut(&mut String)| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            rows(&mut out);
        };
        let one = |name: &'static str, value: u64| {
            move |out: &mut String| {
                let _ = writeln!(out, "{name} {value}");
            }
        };
        let name = "mispair_step_seconds";
        section(name, "histogram", "How long each step of a query took.", &mut |out| {
            self.queued.write(out, name, "step=\"queue\"");
            for step in Step::ALL {
                self.steps[step as usize].write(out, name, &format!("step=\"{}\"", step.name()));
            }
        });
        let name = "mispair_request_seconds";
        section(name, "histogram", "How long requests took, to the first byte of the answer.", &mut |out| {
            for (route, durations) in self.durations.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                durations.write(out, name, &format!("route=\"{route}\""));
            }
        });
        let name = "mispair_requests_total";
        section(name, "counter", "Requests by route and status.", &mut |out| {
            for ((route, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let _ = writeln!(out, "{name}{{route=\"{route}\",status=\"{status}\"}} {count}");
            }
        });
        let name = "mispair_reloads_total";
        section(name, "counter", "Reloads of the indexes.", &mut |out| {
            for (result, count) in ["failed", "done"].iter().zip(&self.reloads) {
                let _ = writeln!(out, "{name}{{result=\"{result}\"}} {}", count.load(Relaxed));
            }
        });
        let encodings = state.encoding.as_ref().map_or((0, 0, 0), |e| {
            (e.made.load(Relaxed), e.found.load(Relaxed), (e.pool.inside() + e.far.inside()) as u64)
        });
        let panics = state.pool.panics() + state.encoding.as_ref().map_or(0, |e| e.pool.panics() + e.far.panics());
        for (name, kind, help, value) in [
            ("mispair_requests_in_flight", "gauge", "Requests that are being answered.", self.in_flight.load(Relaxed)),
            (
                "mispair_requests_shed_total",
                "counter",
                "Requests turned away: too many at once.",
                self.shed.load(Relaxed),
            ),
            (
                "mispair_requests_timed_out_total",
                "counter",
                "Requests not answered in time.",
                self.timeouts.load(Relaxed),
            ),
            (
                "mispair_pool_inside",
                "gauge",
                "Requests being searched for or waiting to be.",
                state.pool.inside() as u64,
            ),
            ("mispair_pool_threads", "gauge", "Threads that search.", state.pool.threads() as u64),
            ("mispair_panics_total", "counter", "Queries that ended in a fault of the program.", panics),
            ("mispair_encodings_made_total", "counter", "Texts and images that a model made vectors of.", encodings.0),
            ("mispair_encodings_kept_total", "counter", "Texts whose vector was still there.", encodings.1),
            (
                "mispair_encodings_inside",
                "gauge",
                "Requests whose text or image is being encoded or waits.",
                encodings.2,
            ),
            ("mispair_connections", "gauge", "Open connections.", self.connections.load(Relaxed)),
            (
                "mispair_connections_refused_total",
                "counter",
                "Connections refused: too many at once.",
                self.refused_connections.load(Relaxed),
            ),
            ("mispair_generation", "gauge", "How often the indexes were opened.", generation.number),
        ] {
            section(name, kind, help, &mut one(name, value));
        }
        let name = "mispair_index_samples";
        section(name, "gauge", "Samples of each index.", &mut |out| {
            for served in &generation.served {
                let label = served.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = writeln!(out, "{name}{{index=\"{label}\"}} {}", served.index.catalog.len());
            }
        });
        out
    }
}
