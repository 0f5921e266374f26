//! A row, the document around the rows, the machine.

use crate::kernels;
use serde::Serialize;

/// What one engine did at one setting: one row of `bench.csv`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// What was searched: a modality, or a split.
    pub search: String,
    /// Where the query vectors came from: a modality, or a file.
    pub from: String,
    /// `exact`, `graph`.
    pub engine: String,
    /// The beam of a graph search; `None` for an engine without one.
    pub ef: Option<usize>,
    /// Queries a call.
    pub batch: usize,
    /// Threads that shared the work.
    pub threads: usize,
    /// Rows asked for.
    pub k: usize,
    /// Queries asked.
    pub queries: usize,
    /// Mean recall@k, 0 to 1, ties by score; see [`super::recall_at_k`].
    pub recall: f64,
    /// Answers with fewer rows than the exact answer has.
    pub short: usize,
    /// Queries a second.
    pub qps: f64,
    /// Microseconds a call of `batch` queries, median; a last call of fewer queries is left out.
    pub p50_us: f64,
    /// The 95th percentile.
    pub p95_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// Rows visited per query, mean.
    pub visited: f64,
    /// Scores computed per query, mean.
    pub scored: f64,
    /// The share of the searched rows that a query's constraints admit, mean, 0 to 1; `None` without constraints.
    pub selectivity: Option<f64>,
    /// The machine, in a line.
    pub machine: String,
}

impl Measurement {
    /// What it measured, in a line: `clip-text → clip-image`.
    pub fn title(&self) -> String {
        format!("{} → {}", self.from, self.search)
    }

    /// With what, in a line: `graph, 2 threads`; `exact, batches of 32, 1 thread`.
    pub fn series(&self) -> String {
        let batch = if self.batch > 1 { format!(", batches of {}", self.batch) } else { String::new() };
        let threads = if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        format!("{}{batch}, {threads}", self.engine)
    }
}

/// Everything that was measured, and on what: `bench.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of the program.
    pub mispair: &'static str,
    /// Where.
    pub machine: Machine,
    /// On what.
    pub data: Data,
    /// How.
    pub parameters: Parameters,
    /// The measurements, in the order they were made.
    pub rows: Vec<Measurement>,
}

/// The index that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The corpus' name.
    pub index: String,
    /// Stands for every byte of the index.
    pub checksum: String,
    /// Samples.
    pub samples: u32,
    /// The modalities that were searched or asked from.
    pub modalities: Vec<ModalityData>,
}

/// One modality of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModalityData {
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Numbers a row.
    pub dim: usize,
    /// `f32` or `f16`.
    pub dtype: &'static str,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameters {
    /// Rows asked for.
    pub k: usize,
    /// Captions to be sampled; a row says how many there were. `None` where a file was asked with.
    pub queries: Option<usize>,
    /// Seed of the sample of queries.
    pub seed: u64,
    /// Rows that walks through graphs kept in sight.
    pub ef: Vec<usize>,
    /// The file the queries came from, if they did.
    pub query_file: Option<String>,
    /// The command, as typed.
    pub command: String,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// The processor, by its own name.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    /// The kernels chosen for it: `scalar`, `avx2`, `avx512`.
    pub kernels: String,
    /// Main memory in MiB; `None` where the system does not say.
    pub memory_mib: Option<u64>,
    /// `linux x86_64`.
    pub system: String,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Machine {
        // What a system without /proc does not say is left out.
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Machine {
            cpu: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown processor").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernels: kernels::backend_name().to_owned(),
            memory_mib: value_of(&read("/proc/meminfo"), "MemTotal")
                .and_then(|kb| kb.trim_end_matches(" kB").parse::<u64>().ok())
                .map(|kb| kb / 1024),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }

    /// In a line: what every row carries.
    pub fn line(&self) -> String {
        let memory = self.memory_mib.map_or(String::new(), |m| format!(", {:.1} GiB", m as f64 / 1024.0));
        format!("{}, {} cores{memory}, {} kernels, {}", self.cpu, self.cores, self.kernels, self.system)
    }
}

/// The text behind `key :`, on the first line that begins so.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|l| l.split_once(':'));
    lines.into_iter().find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\nmodel name\t: Other\n";
        assert_eq!(value_of(text, "model name"), Some("Some CPU: fast"));
        assert_eq!(value_of(text, "name"), None);
        let machine = Machine {
            cpu: "Some CPU".into(),
            cores: 2,
            kernels: "avx2".into(),
            memory_mib: Some(24_064),
            system: "linux x86_64".into(),
        };
        assert_eq!(machine.line(), "Some CPU, 2 cores, 23.5 GiB, avx2 kernels, linux x86_64");
        assert!(Machine::here().cores > 0);
    }
}
