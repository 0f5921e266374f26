//! Memory, disk and time, said beforehand from the sizes of the files.

use super::corpus::{Corpus, ModalitySource};
use crate::matrix::Metric;
use std::path::Path;

/// What a build will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Bytes of all input files.
    pub read: u64,
    /// Bytes of the index.
    pub write: u64,
    /// Bytes of heap, at most.
    pub memory: u64,
    /// Bytes of vectors that graphs are built over, as f32.
    pub graphed: u64,
}

/// Reading and writing together, on a laptop's disk; the estimate of time is for orientation.
const BYTES_PER_SECOND: u64 = 250 << 20;
/// Building graphs, on two cores: 200,000 × 512 took 80 s with links from known queries, half of that without.
const GRAPHED_PER_SECOND: u64 = 7 << 20;

impl Estimate {
    /// From the sizes of the files, and how many bytes their numbers take beside how they will be stored.
    pub fn of(corpus: &Corpus) -> Estimate {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
        let texts = corpus.catalog_files.iter().map(|f| size(f)).sum::<u64>()
            + corpus.metadata.iter().map(|m| size(&m.0)).sum::<u64>();
        let vectors = |m: &ModalitySource| m.files.iter().map(|f| size(&f.path)).sum::<u64>();
        let matrices: u64 = corpus.modalities.iter().map(vectors).sum();
        let graph = |m: &&ModalitySource| m.graph.wanted.unwrap_or(m.metric == Metric::Cosine);
        let graphed: u64 = corpus.modalities.iter().filter(graph).map(vectors).sum();
        let largest = corpus.modalities.iter().map(vectors).max().unwrap_or(0);
        let stored: u64 = corpus.modalities.iter().map(|m| vectors(m) * m.dtype.size() as u64 / 4).sum();
        // Captions and facts are held as parsed, their interned copies beside them; a row's place takes some 80 bytes of
        // what is at least 1 kB in its file.
        // Codes take a byte an element, links some 200 bytes a row; while one modality's graph grows, both are held, and its
        // links up to four times.
        Estimate {
            read: texts + matrices,
            write: stored + texts + matrices * 2 / 5,
            memory: 3 * texts + matrices / 12 + largest * 3 / 4 + (16 << 20),
            graphed,
        }
    }

    /// Seconds, for orientation.
    pub fn seconds(&self) -> u64 {
        (self.read + self.write) / BYTES_PER_SECOND + self.graphed / GRAPHED_PER_SECOND + 1
    }
}
