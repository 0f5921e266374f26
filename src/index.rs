//! Layer 2: an index: a folder of immutable files, bound together by its manifest.
//!
//! ```text
//! manifest.mispair ── names every other file with its length and checksum: its own checksum is the index's identity
//! catalog.mispair  ── the corpus
//! matrix-NAME.mispair ── one modality's vectors, one file each
//! ```

use crate::catalog::Catalog;
use crate::matrix::Matrix;
use crate::wire::{self, Checksum, File, FileRecord, FileWriter, Kind, Manifest, ModalityRecord, Written};
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
}

/// Why an index cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No index there.
    #[error("{}: no index here ({MANIFEST} is missing); make one with `mispair build CORPUS.toml --out {}`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// One of its files.
    #[error(transparent)]
    File(#[from] wire::Error),
}

/// The file of a modality.
pub fn matrix_file(modality: &str) -> String {
    format!("matrix-{modality}.mispair")
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
    let bytes = record.encode().map_err(|what| wire::Error::Damaged { path: path.clone(), what })?;
    let mut out = FileWriter::create(&path, Kind::Manifest, 1)?;
    out.section("record", &bytes)?;
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
        let mut modalities = Vec::with_capacity(record.modalities.len());
        for m in record.modalities {
            if !is_modality_name(&m.name) {
                return Err(manifest.damaged(format!("modality {:?}", m.name)).into());
            }
            let file = matrix_file(&m.name);
            let matrix = Matrix::open(&path.join(&file), catalog.len())?;
            bind(&file, &m.file, matrix.bytes(), matrix.checksum())?;
            modalities.push(Modality { name: m.name, encoder: m.encoder, matrix });
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

    /// The matrix of a modality.
    pub fn matrix(&self, modality: &str) -> Option<&Matrix> {
        self.modalities.iter().find(|m| m.name == modality).map(|m| &m.matrix)
    }

    /// Reads every byte of every file and checks all that the format promises.
    pub fn verify(&self) -> Result<(), wire::Error> {
        self.manifest.verify()?;
        self.catalog.verify()?;
        self.modalities.iter().try_for_each(|m| m.matrix.verify())
    }

    /// The length of all files together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.manifest.bytes() + self.catalog.bytes() + self.modalities.iter().map(|m| m.matrix.bytes()).sum::<u64>()
    }
}
