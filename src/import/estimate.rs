//! Memory, disk and time, said beforehand from the sizes of the files and the shapes of the matrices; and whether there is so much.

use super::corpus::{Corpus, ModalitySource};
use super::search::LEAST_ROWS;
use crate::matrix::Metric;
use crate::memory::Room;
use std::path::Path;

/// What a build will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Bytes of all input files.
    pub read: u64,
    /// Bytes of the index.
    pub write: u64,
    /// Bytes of heap at the peak; maps of files come beside it, whose pages the system takes back where it needs them.
    pub memory: u64,
    /// Bytes of heap without texts, of which no more is known than how long their files are: fields that nobody reads take nothing.
    pub certain: u64,
    /// Bytes of vectors that graphs are built over, as f32.
    pub graphed: u64,
}

/// Rows and width of a modality.
pub(super) type Shape = (usize, usize);

/// Reading and writing together, on a laptop's disk; the estimate of time is for orientation.
const BYTES_PER_SECOND: u64 = 250 << 20;
/// Building graphs, on two cores: 200,000 × 512 took 80 s with links from known queries, half of that without.
const GRAPHED_PER_SECOND: u64 = 7 << 20;

// Heap as it was measured (`tests/memory.rs` measures again): newsrooms of 5,000, 20,000 and 60,000 samples peaked at 21, 79 and 243 MB,
// while the last graph was built, what the catalog had taken being still with the allocator.
/// The program itself, its threads' stacks.
const BASE: u64 = 5 << 19;
/// A sample without its texts, its ids in every matrix included.
const PER_SAMPLE: u64 = 600;
/// A byte of a catalog or metadata file: captions and mentions as parsed, in tenths.
const PER_TEXT_TENTHS: u64 = 24;
/// More of a sample is hardly kept: the rest is fields that nobody reads (bodies of articles, vectors beside captions).
const MOST_TEXT: u64 = 4096;
/// A place for a link of a row, in a graph that grows: the link, those back, candidates.
const PER_LINK: u64 = 20;
/// A row of codes without a graph, beside these.
const PER_CODED: u64 = 24;
/// Addresses that are reserved beside heap and maps: stacks and arenas of threads.
const RESERVED: u64 = 300 << 20;

impl Estimate {
    /// From the sizes of the files and the shape of each modality.
    pub(super) fn of(corpus: &Corpus, shapes: &[Shape]) -> Estimate {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
        let texts = corpus.catalog_files.iter().map(|f| size(f)).sum::<u64>()
            + corpus.metadata.iter().map(|m| size(&m.0)).sum::<u64>();
        let vectors = |m: &ModalitySource| m.files.iter().map(|f| size(&f.path)).sum::<u64>();
        let matrices: u64 = corpus.modalities.iter().map(vectors).sum();
        let samples = shapes.iter().map(|s| s.0 as u64).max().unwrap_or(0);
        let kept = texts.min(samples * MOST_TEXT);
        let (mut write, mut graphed, mut searched) = (kept, 0, 0);
        for (modality, &(rows, dim)) in corpus.modalities.iter().zip(shapes) {
            let (elements, rows) = (rows as u64 * dim as u64, rows as u64);
            write += elements * modality.dtype.size() as u64 + 12 * samples;
            if rows < LEAST_ROWS as u64 && modality.graph.wanted != Some(true) {
                continue;
            }
            let graph = modality.graph.wanted.unwrap_or(modality.metric == Metric::Cosine);
            let width = (2 * modality.graph.params.m + modality.graph.params.cross) as u64;
            let links = if graph { 4 * width * rows } else { 0 };
            write += elements + 8 * rows + links;
            graphed += if graph { 4 * elements } else { 0 };
            // One modality after another.
            searched = searched.max(elements + rows * if graph { PER_LINK * width } else { PER_CODED });
        }
        let certain = BASE + samples * PER_SAMPLE + searched;
        let memory = certain + kept * PER_TEXT_TENTHS / 10;
        Estimate { read: texts + matrices, write, memory, certain, graphed }
    }

    /// Addresses that are needed: heap, maps of all that is read and written, threads.
    pub fn addresses(&self) -> u64 {
        RESERVED + self.certain + self.read + self.write
    }

    /// Seconds, for orientation.
    pub fn seconds(&self) -> u64 {
        (self.read + self.write) / BYTES_PER_SECOND + self.graphed / GRAPHED_PER_SECOND + 1
    }

    /// Whether there is as much as will be needed at the least: of memory, and of addresses where these are limited. What is wrong and
    /// what to do, if not.
    pub(super) fn fits(&self, memory: Option<Room>, addresses: Option<Room>) -> Result<(), String> {
        for (what, needed, room) in [("memory", self.certain, memory), ("addresses", self.addresses(), addresses)] {
            let Some(room) = room.filter(|room| needed > room.bytes) else { continue };
            let [needed, there] = [needed, room.bytes].map(super::mib);
            return Err(format!(
                "the build takes at least {needed} of {what}, but {there} {}; end other programs, raise the limit, build on a larger \
                 machine, or leave out what is not searched (`graph = false`, fewer modalities)",
                room.by
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_does_is_not() {
        let estimate = Estimate { read: 100 << 20, write: 200 << 20, memory: 70 << 20, certain: 50 << 20, graphed: 0 };
        let room = |mib: u64| Some(Room { bytes: mib << 20, by: "is left" });
        assert_eq!(estimate.fits(None, None), Ok(()));
        assert_eq!(estimate.fits(room(50), room(650)), Ok(()));
        let said = estimate.fits(room(49), None).unwrap_err();
        assert!(said.contains("50 MiB of memory, but 49 MiB is left; end other programs"), "{said}");
        let said = estimate.fits(room(50), room(649)).unwrap_err();
        assert!(said.contains("650 MiB of addresses, but 649 MiB is left"), "{said}");
    }
}
