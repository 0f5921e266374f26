//! Layer 2: an index: a folder of immutable files, bound together by its manifest.
//!
//! ```text
//! manifest.mispair ── names every other file with its length and checksum: its own checksum is the index's identity
//! catalog.mispair  ── the corpus
//! matrix-NAME.mispair ── one modality's vectors, one file each
//! codes-NAME.mispair  ── their one-byte codes      ┐ where searches gain by them
//! graph-NAME.mispair  ── a graph over the codes    ┘
//! ```

use crate::catalog::Catalog;
use crate::codes::Codes;
use crate::graph::{Graph, Navigator};
use crate::matrix::{Matrix, Metric};
use crate::wire::{
    self, Checksum, File, FileRecord, FileWriter, Kind, Manifest, Measured, ModalityRecord, SearchFiles, SearchRecord,
    Written,
};
use crate::words::Row;
use std::path::{Path, PathBuf};

/// The file that makes a folder an index.
pub const MANIFEST: &str = "manifest.mispair";
/// The corpus.
pub const CATALOG: &str = "catalog.mispair";

/// An opened index. Opening maps its files and checks their headers; nothing grows with the corpus.
#[derive(Debug)]
pub struct Index {
    /// Where it is.
    pub path: PathBuf,
    /// The corpus' name.
    pub name: String,
    /// The corpus.
    pub catalog: Catalog,
    /// The modalities, in the order of the corpus file.
    pub modalities: Vec<Modality>,
    /// The manifest's checksum, which stands for every byte of every file.
    pub checksum: Checksum,
    /// The version of the program that built it.
    pub built_by: String,
    manifest: File,
}

/// A modality: a matrix and what is said of it.
#[derive(Debug)]
pub struct Modality {
    /// For example `clip-image`.
    pub name: String,
    /// The encoder that made the vectors, where the corpus file says it.
    pub encoder: Option<String>,
    /// The vectors.
    pub matrix: Matrix,
    /// Their codes, where it has them.
    pub codes: Option<Codes>,
    /// A graph over the codes, where it has one.
    pub graph: Option<Searchable>,
}

/// A graph, and how much it finds.
#[derive(Debug)]
pub struct Searchable {
    /// The graph.
    pub graph: Graph,
    /// The modality whose vectors were known queries.
    pub known: Option<String>,
    /// What was measured when it was built.
    pub measured: Measured,
}

impl Searchable {
    /// Rows to keep in sight, unless told otherwise: what was measured to find 98% of the true ten nearest.
    pub fn usual_ef(&self) -> usize {
        self.measured.usual().map_or(128, |step| step.ef as usize)
    }

    /// The most rows that were measured to be worth keeping in sight: measuring ends where 99.5% of the true ten are found.
    pub fn closest_ef(&self) -> usize {
        self.measured.steps.last().map_or(256, |step| step.ef as usize)
    }

    /// The rows of `source` that this graph was not built with, where it was built with the others as known queries; `None` where
    /// it was not built with that modality. Rows that it was built with are easier for it than others.
    pub fn held_out(&self, source: &Modality) -> Option<Vec<Row>> {
        let rows = source.matrix.catalog_rows();
        let of_known = |at: usize| rows.get(at).map(|&row| Row(row));
        let built_with = self.known.as_ref() == Some(&source.name);
        built_with.then(|| held_out(rows.len(), self.measured.queries as usize).filter_map(of_known).collect())
    }
}

/// Of `all` known queries the `asked` that are held out of a build, ascending: spread evenly.
pub fn held_out(all: usize, asked: usize) -> impl Iterator<Item = usize> {
    (0..asked.min(all)).map(move |i| i * all / asked.min(all))
}

impl Modality {
    /// The length of codes and graph, in bytes.
    pub fn search_bytes(&self) -> u64 {
        self.codes.as_ref().map_or(0, Codes::bytes) + self.graph.as_ref().map_or(0, |g| g.graph.bytes())
    }

    /// Searches the graph, where there is one.
    pub fn navigator(&self) -> Option<Navigator<'_>> {
        let graph = &self.graph.as_ref()?.graph;
        Some(Navigator::new(graph, self.codes.as_ref()?, self.matrix.rows(), self.matrix.catalog_rows()))
    }
}

/// Why an index cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No index there.
    #[error("{}: no index here ({MANIFEST} is missing); make one with `mispair build CORPUS.toml --out {}`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// The manifest names a file that is not there.
    #[error("{}: the file is gone; restore it from a copy, or rebuild the index", .0.display())]
    Gone(PathBuf),
    /// One of its files.
    #[error(transparent)]
    File(wire::Error),
}

impl From<wire::Error> for Error {
    fn from(e: wire::Error) -> Error {
        match e {
            wire::Error::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => Error::Gone(path),
            other => Error::File(other),
        }
    }
}

/// The file of a modality.
pub fn matrix_file(modality: &str) -> String {
    format!("matrix-{modality}.mispair")
}

/// The file of a modality's codes.
pub fn codes_file(modality: &str) -> String {
    format!("codes-{modality}.mispair")
}

/// The file of a modality's graph.
pub fn graph_file(modality: &str) -> String {
    format!("graph-{modality}.mispair")
}

/// May a modality be called this? Lower-case ASCII letters, digits, `-` and `_`; at most 64: it names a file.
pub fn is_modality_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// Writes the manifest, the last file of an index, into the folder that holds the others.
pub fn write_manifest(
    folder: &Path,
    name: &str,
    catalog: Written,
    modalities: Vec<(String, Option<String>, Written)>,
    search: SearchFiles,
) -> Result<Checksum, wire::Error> {
    let path = folder.join(MANIFEST);
    let record = Manifest {
        name: name.to_owned(),
        built_by: env!("CARGO_PKG_VERSION").to_owned(),
        catalog: catalog.into(),
        modalities: modalities
            .into_iter()
            .map(|(name, encoder, file)| ModalityRecord { name, encoder, file: file.into() })
            .collect(),
    };
    let too_long = |what| wire::Error::Damaged { path: path.clone(), what };
    let sections = if search.modalities.is_empty() { 1 } else { 2 };
    let mut out = FileWriter::create(&path, Kind::Manifest, sections)?;
    out.section("record", &record.encode().map_err(too_long)?)?;
    if sections == 2 {
        out.section("search", &search.encode().map_err(too_long)?)?;
    }
    Ok(out.finish()?.checksum)
}

impl Index {
    /// Maps and checks the files of an index.
    pub fn open(path: &Path) -> Result<Index, Error> {
        let at = path.join(MANIFEST);
        if !at.exists() {
            return Err(Error::Missing(path.into()));
        }
        let manifest = File::open(&at, Kind::Manifest)?;
        let section = manifest.section::<u8>("record")?;
        let record = Manifest::decode(&section).map_err(|what| manifest.damaged(what))?;
        let bind = |what: &str, record: &FileRecord, bytes: u64, checksum: Checksum| {
            if (record.bytes, record.checksum) == (bytes, checksum.0) {
                return Ok(());
            }
            Err(manifest.damaged(format!(
                "{what} is another index's file: {checksum}, the manifest names {}",
                Checksum(record.checksum)
            )))
        };
        let catalog = Catalog::open(&path.join(CATALOG))?;
        bind(CATALOG, &record.catalog, catalog.bytes(), catalog.checksum())?;
        let mut search = match manifest.has("search") {
            true => SearchFiles::decode(&manifest.section::<u8>("search")?).map_err(|what| manifest.damaged(what))?,
            false => SearchFiles::default(),
        };
        let mut modalities = Vec::with_capacity(record.modalities.len());
        for m in record.modalities {
            if !is_modality_name(&m.name) {
                return Err(manifest.damaged(format!("modality {:?}", m.name)).into());
            }
            let file = matrix_file(&m.name);
            let matrix = Matrix::open(&path.join(&file), catalog.len())?;
            bind(&file, &m.file, matrix.bytes(), matrix.checksum())?;
            let found = search.modalities.iter().position(|s| s.name == m.name).map(|at| search.modalities.remove(at));
            let (mut codes, mut graph) = (None, None);
            if let Some(SearchRecord { codes: record, graph: graphed, .. }) = found {
                let file = codes_file(&m.name);
                let opened = Codes::open(&path.join(&file), matrix.dim(), matrix.len())?;
                bind(&file, &record, opened.bytes(), opened.checksum())?;
                codes = Some(opened);
                if let Some(record) = graphed {
                    let file = graph_file(&m.name);
                    if matrix.metric() != Metric::Cosine {
                        return Err(manifest.damaged(format!("{file}, but only cosine modalities have graphs")).into());
                    }
                    let opened = Graph::open(&path.join(&file), matrix.len())?;
                    bind(&file, &record.file, opened.bytes(), opened.checksum())?;
                    graph = Some(Searchable { graph: opened, known: record.known, measured: record.measured });
                }
            }
            modalities.push(Modality { name: m.name, encoder: m.encoder, matrix, codes, graph });
        }
        if let Some(stray) = search.modalities.first() {
            return Err(manifest.damaged(format!("codes of {:?}, which is no modality", stray.name)).into());
        }
        Ok(Index {
            path: path.into(),
            name: record.name,
            catalog,
            modalities,
            checksum: manifest.checksum,
            built_by: record.built_by,
            manifest,
        })
    }

    /// A modality.
    pub fn modality(&self, name: &str) -> Option<&Modality> {
        self.modalities.iter().find(|m| m.name == name)
    }

    /// The matrix of a modality.
    pub fn matrix(&self, modality: &str) -> Option<&Matrix> {
        self.modality(modality).map(|m| &m.matrix)
    }

    /// Reads every byte of every file and checks all that the format promises.
    pub fn verify(&self) -> Result<(), wire::Error> {
        self.manifest.verify()?;
        self.catalog.verify()?;
        self.modalities.iter().try_for_each(|m| {
            m.matrix.verify()?;
            m.codes.iter().try_for_each(|c| c.verify(&m.matrix))?;
            m.graph.iter().try_for_each(|g| g.graph.verify())
        })
    }

    /// How many files it has.
    pub fn files(&self) -> usize {
        2 + self
            .modalities
            .iter()
            .map(|m| 1 + usize::from(m.codes.is_some()) + usize::from(m.graph.is_some()))
            .sum::<usize>()
    }

    /// The length of all files together, in bytes.
    pub fn bytes(&self) -> u64 {
        let each = self.modalities.iter().map(|m| m.matrix.bytes() + m.search_bytes());
        self.manifest.bytes() + self.catalog.bytes() + each.sum::<u64>()
    }
}
