//! The whole build, in order.

use super::corpus::{CatalogFormat, Corpus, MatrixFile, ModalitySource, is_partition_name};
use super::join::{Places, place};
use super::source::{Maps, Scratch, Source};
use super::{Error, Estimate, mib, search};
use crate::catalog::{CatalogBuilder, WriteError};
use crate::formats::parquet::read_parquet;
use crate::formats::{RecordError, read_csv, read_imagenet_captions, read_jsonl, read_metadata, read_visual_news};
use crate::index::{CATALOG, MANIFEST, matrix_file, write_manifest};
use crate::mapped::Mapped;
use crate::matrix::{self, MatrixSettings, MatrixWriter};
use crate::memory;
use crate::publish::{self, Staging};
use crate::wire::{Checksum, Measured, Written};
use crate::words::{Facts, Sample};
use rayon::prelude::*;
use std::path::Path;

/// Whoever watches a long job: a progress bar, or nobody.
pub trait Talk: Sync {
    /// A step begins; `total` of 0: unknown.
    fn begin(&self, what: &str, total: u64);
    /// So much more of it is done.
    fn advance(&self, by: u64);
    /// Something to know.
    fn note(&self, text: &str);
}

/// Nobody watches.
pub struct Silent;

impl Talk for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
}

/// What was built.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The index's identity.
    pub checksum: Checksum,
    /// Samples in it.
    pub samples: usize,
    /// Samples of the catalog that belong to no partition, and were left out.
    pub left_out: usize,
    /// Modality, rows, dimensions.
    pub modalities: Vec<(String, usize, usize)>,
    /// Modality, how much its graph finds.
    pub graphs: Vec<(String, Measured)>,
    /// Partition, samples.
    pub partitions: Vec<(String, usize)>,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Builds an index at `out`. Nothing is there before everything is; with `replace` the old index stays until then.
pub fn build(corpus: &Corpus, out: &Path, replace: bool, talk: &dyn Talk) -> Result<Report, Error> {
    if replace && out.file_name().is_some() && !holds_an_index_alone(out) {
        return Err(publish::Error::NotOurs(out.into()).into());
    }
    let staging = Staging::begin(out, replace, MANIFEST)?;
    corpus.notices.iter().for_each(|n| talk.note(n));

    let scratch = Scratch::new(staging.folder());
    let maps = each_file(corpus, |modality, file| {
        talk.begin(&format!("reads {}", modality.name), 0);
        Maps::open(file, &scratch)
    })?;
    let mut sources: Vec<Vec<Source<'_>>> = Vec::new();
    for (modality, maps) in corpus.modalities.iter().zip(&maps) {
        talk.begin(&format!("ids of {}", modality.name), 0);
        let read = modality.files.iter().zip(maps).map(|(file, maps)| Source::read(file, maps));
        sources.push(read.collect::<Result<_, _>>()?);
    }
    let shapes: Vec<(usize, usize)> = sources.iter().map(|sources| shape(sources)).collect();
    let estimate = Estimate::of(corpus, &shapes);
    talk.note(&format!(
        "reads {}, writes about {}, takes about {} of memory and {} s",
        mib(estimate.read),
        mib(estimate.write),
        mib(estimate.memory),
        estimate.seconds()
    ));
    estimate.fits(memory::memory(), memory::addresses()).map_err(Error::Memory)?;

    let (mut catalog, parts) = read_samples(corpus, talk)?;
    read_facts(corpus, &mut catalog, talk)?;

    let mut placed: Vec<(Places, usize)> = Vec::new();
    for (modality, sources) in corpus.modalities.iter().zip(&sources) {
        placed.push(place(corpus, modality, sources, &parts, &mut catalog)?);
        let without: usize = sources.iter().map(|s| s.without).sum();
        if without > 0 {
            talk.note(&format!("{}: {without} rows come with nothing (None, null) instead of a vector", modality.name));
        }
    }

    let all = catalog.len();
    catalog.check_partitions().map_err(|e| Error::file(&corpus.catalog, e))?;
    let declared = if corpus.partitions.is_empty() {
        catalog.adopt_partitions().map_err(|e| Error::file(&corpus.catalog, e))?.to_vec()
    } else {
        corpus.partitions.clone()
    };
    if let Some(name) = declared.iter().find(|p| !is_partition_name(p)) {
        let what =
            format!("partition {name:?}: use letters, digits, `_`, `-` and `.` (it names a file), and not `all`");
        return Err(Error::file(&corpus.catalog, what));
    }
    let belongs: Vec<bool> = (0..all as u32).map(|r| declared.is_empty() || catalog.partition(r).is_some()).collect();
    let moved = catalog.retain(|record| belongs[record as usize]);
    let samples = catalog.len();
    if samples == 0 {
        return Err(Error::file(
            &corpus.catalog,
            "no sample belongs to any partition; check `partitions` and the ids of the matrices",
        ));
    }
    let partitions: Vec<(String, usize)> = declared
        .iter()
        .map(|p| (p.clone(), (0..samples as u32).filter(|&r| catalog.partition(r) == Some(p)).count()))
        .collect();
    if let Some((empty, _)) = partitions.iter().find(|p| p.1 == 0) {
        return Err(Error::Corpus {
            path: corpus.origin.clone(),
            what: format!("partition {empty:?} has no samples; remove it from `partitions`, or check its files"),
        });
    }
    if samples < all {
        talk.note(&format!("{} samples of {all} belong to no partition and are left out", all - samples));
    }

    talk.begin("catalog", 0);
    let folder = staging.folder();
    let catalog_file = catalog.write(&folder.join(CATALOG)).map_err(|e| match e {
        WriteError::Sample(e) => Error::file(&corpus.catalog, e),
        WriteError::File(e) => Error::Wire(e),
    })?;

    let rows: usize = placed.iter().map(|p| p.0.iter().flatten().count()).sum();
    talk.begin("vectors", rows as u64);
    let jobs: Vec<_> = corpus.modalities.iter().zip(&sources).zip(&placed).collect();
    let written: Vec<(Written, usize, usize)> = jobs
        .par_iter()
        .map(|((modality, sources), (places, dim))| {
            let path = folder.join(matrix_file(&modality.name));
            write_matrix(&path, modality, sources, places, *dim, &moved, samples as u32, talk)
        })
        .collect::<Result<_, _>>()?;

    let search = search::build(folder, &corpus.modalities, samples as u32, talk)?;
    let searched: u64 =
        search.modalities.iter().map(|s| s.codes.bytes + s.graph.as_ref().map_or(0, |g| g.file.bytes)).sum();
    let graphs = search.modalities.iter().filter_map(|s| Some((s.name.clone(), s.graph.as_ref()?.measured.clone())));
    let graphs = graphs.collect();

    let named = corpus.modalities.iter().zip(&written).map(|(m, w)| (m.name.clone(), m.encoder.clone(), w.0));
    let checksum = write_manifest(folder, &corpus.name, catalog_file, named.collect(), search)?;
    staging.publish()?;
    Ok(Report {
        checksum,
        samples,
        left_out: all - samples,
        modalities: corpus.modalities.iter().zip(&written).map(|(m, w)| (m.name.clone(), w.1, w.2)).collect(),
        partitions,
        graphs,
        bytes: catalog_file.bytes + written.iter().map(|w| w.0.bytes).sum::<u64>() + searched,
    })
}

/// Rows of a modality, and how wide the first is: one of another width is refused later.
fn shape(sources: &[Source<'_>]) -> (usize, usize) {
    (sources.iter().map(Source::len).sum(), sources.iter().find(|s| s.len() > 0).map_or(0, |s| s.width(0)))
}

fn map(path: &Path) -> Result<Mapped, Error> {
    Mapped::open(path).map_err(|e| Error::file(path, e))
}

impl From<RecordError> for Error {
    fn from(e: RecordError) -> Self {
        Error::Record(Box::new(e))
    }
}

/// The samples, and how many came from each file of the catalog.
fn read_samples(corpus: &Corpus, talk: &dyn Talk) -> Result<(CatalogBuilder, Vec<u32>), Error> {
    let mut catalog = CatalogBuilder::new(&corpus.partitions);
    let mut parts = Vec::new();
    talk.begin("catalog", 0);
    for path in &corpus.catalog_files {
        let before = catalog.len();
        read_file(corpus, path, |sample| {
            let record = catalog.len() - before;
            talk.advance(1);
            catalog.push(sample).map(drop).map_err(|e| Error::file(path, format!("record {record}: {e}")))
        })?;
        parts.push((catalog.len() - before) as u32);
    }
    if catalog.is_empty() {
        return Err(Error::file(&corpus.catalog, "no sample at all"));
    }
    Ok((catalog, parts))
}

/// Reads the catalog alone: one call of `each` a sample, in order. Ids are as given: `None` where the row's number serves.
pub fn read_catalog(corpus: &Corpus, mut each: impl FnMut(Sample) -> Result<(), Error>) -> Result<(), Error> {
    corpus.catalog_files.iter().try_for_each(|path| read_file(corpus, path, &mut each))
}

fn read_file(corpus: &Corpus, path: &Path, each: impl FnMut(Sample) -> Result<(), Error>) -> Result<(), Error> {
    let columns = &corpus.columns;
    match &corpus.format {
        CatalogFormat::VisualNews => read_visual_news(&map(path)?, path, each)?,
        CatalogFormat::Jsonl => read_jsonl(&map(path)?, path, columns, each)?,
        CatalogFormat::Csv => read_csv(&map(path)?, path, columns, each)?,
        CatalogFormat::ImagenetCaptions => read_imagenet_captions(&map(path)?, path, &corpus.compose, each)?,
        CatalogFormat::Parquet => read_parquet(path, columns, false, each)?,
        CatalogFormat::ClipRetrieval => read_parquet(path, columns, true, each)?,
    };
    Ok(())
}

fn read_facts(corpus: &Corpus, catalog: &mut CatalogBuilder, talk: &dyn Talk) -> Result<(), Error> {
    for (path, partition) in &corpus.metadata {
        talk.begin("metadata", 0);
        let bytes = map(path)?;
        let mut seen = vec![false; catalog.len()];
        read_metadata(&bytes, path, &corpus.metadata_columns, |id, mut facts: Facts| {
            talk.advance(1);
            let Some(record) = catalog.find(&id) else {
                let what = format!(
                    "id {}: no sample of {} has this id; remove the record, or add the sample",
                    id.to_json(),
                    corpus.catalog.display()
                );
                return Err(Error::file(path, what));
            };
            if std::mem::replace(&mut seen[record as usize], true) {
                let what = format!("id {} again; each sample may have one record in a file", id.to_json());
                return Err(Error::file(path, what));
            }
            match (&facts.partition, partition) {
                (Some(said), Some(of)) if said != of => {
                    let what = format!("id {}: partition {said:?} in the metadata of {of:?}", id.to_json());
                    return Err(Error::file(path, what));
                }
                (None, Some(of)) => facts.partition = Some(of.clone()),
                _ => {}
            }
            if let (Some(before), Some(now)) = (catalog.partition(record), &facts.partition)
                && before != now
            {
                let what = format!("id {}: partition {now:?}, but {before:?} was said before", id.to_json());
                return Err(Error::file(path, what));
            }
            if let Some(known) = catalog.facts_mut(record) {
                known.merge(facts);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// May what is at this path be replaced by an index? Nothing there, an empty folder, or an index and nothing else.
fn holds_an_index_alone(path: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(path) else { return !path.exists() };
    let names: Vec<_> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.is_empty() || names.iter().any(|n| n == MANIFEST) && names.iter().all(|n| n.ends_with(".mispair"))
}

fn each_file<T>(
    corpus: &Corpus,
    open: impl Fn(&ModalitySource, &MatrixFile) -> Result<T, Error>,
) -> Result<Vec<Vec<T>>, Error> {
    corpus.modalities.iter().map(|m| m.files.iter().map(|f| open(m, f)).collect()).collect()
}

#[allow(clippy::too_many_arguments)]
fn write_matrix(
    path: &Path,
    modality: &ModalitySource,
    sources: &[Source<'_>],
    places: &Places,
    dim: usize,
    moved: &[Option<u32>],
    samples: u32,
    talk: &dyn Talk,
) -> Result<(Written, usize, usize), Error> {
    let wire = |e: matrix::WriteError| match e {
        matrix::WriteError::File(e) => Error::Wire(e),
        matrix::WriteError::Vector(e) => Error::file(path, e),
    };
    let settings = MatrixSettings { dim, metric: modality.metric, dtype: modality.dtype };
    let mut out = MatrixWriter::create(path, settings).map_err(wire)?;
    let mut vector = vec![0.0; dim];
    let mut rows = 0;
    for (place, row) in places.iter().zip(moved) {
        let (Some((file, at)), Some(row)) = (place, row) else { continue };
        let source = &sources[usize::from(*file)];
        source.row_into(*at as usize, &mut vector);
        out.push(*row, &vector).map_err(|e| match e {
            matrix::WriteError::Vector(e) => {
                Error::file(&source.file.path, format!("{}: {e}", source.row_name(*at as usize)))
            }
            other => wire(other),
        })?;
        rows += 1;
        if rows % 4096 == 0 {
            talk.advance(4096);
        }
    }
    talk.advance(rows as u64 % 4096);
    Ok((out.finish(samples).map_err(wire)?, rows, dim))
}
