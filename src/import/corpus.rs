//! The corpus file.

use super::Error;
use crate::catalog::MAX_PARTITIONS;
use crate::formats::{Columns, find_published};
use crate::index::is_modality_name;
use crate::matrix::{Dtype, Metric};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What an index is built from: `CORPUS.toml`, paths made relative to it.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The corpus file, or the folder in the published layout: named in errors.
    pub origin: PathBuf,
    /// The corpus' name.
    pub name: String,
    /// Partitions, in order; empty: a corpus without.
    pub partitions: Vec<String>,
    /// How the catalog is written.
    pub format: CatalogFormat,
    /// The catalog.
    pub catalog: PathBuf,
    /// Columns or fields of a CSV or JSONL catalog, by what they mean.
    pub columns: Columns,
    /// Fields of the metadata, by what they mean: another file, so other names.
    pub metadata_columns: Columns,
    /// Metadata files, each with the partition it is of.
    pub metadata: Vec<(PathBuf, Option<String>)>,
    /// The modalities, sorted by name.
    pub modalities: Vec<ModalitySource>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// How the catalog is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogFormat {
    /// VisualNews `data.json`.
    VisualNews,
    /// One JSON object a line.
    Jsonl,
    /// With a header line.
    Csv,
}

/// One modality.
#[derive(Debug, Clone)]
pub struct ModalitySource {
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Vec<MatrixFile>,
    /// How rows are compared.
    pub metric: Metric,
    /// How elements are stored.
    pub dtype: Dtype,
    /// What made the vectors.
    pub encoder: Option<String>,
    /// Is a graph built? `None`: where searches gain by it.
    pub graph: Option<bool>,
}

/// One matrix file.
#[derive(Debug, Clone)]
pub struct MatrixFile {
    /// `.npy` or `.pkl`.
    pub path: PathBuf,
    /// Ids of its rows, where the file itself has none.
    pub ids: Option<PathBuf>,
    /// The partition it is of.
    pub partition: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorpusToml {
    corpus: CorpusTable,
    catalog: CatalogTable,
    #[serde(default)]
    modalities: BTreeMap<String, ModalityTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorpusTable {
    name: String,
    #[serde(default)]
    partitions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogTable {
    format: CatalogFormat,
    path: String,
    metadata: Option<String>,
    #[serde(default)]
    columns: Columns,
    #[serde(default)]
    metadata_columns: Columns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModalityTable {
    path: String,
    ids: Option<String>,
    #[serde(default)]
    metric: Metric,
    #[serde(default)]
    dtype: Dtype,
    encoder: Option<String>,
    graph: Option<bool>,
}

const PATTERN: &str = "{partition}";

impl Corpus {
    /// Reads a corpus file and checks that every file it names is there.
    pub fn read(path: &Path) -> Result<Corpus, Error> {
        let bad = |what: String| Error::Corpus { path: path.into(), what };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        let toml: CorpusToml = toml::from_str(&text).map_err(|e| bad(e.to_string()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let partitions = toml.corpus.partitions;
        if let Some(name) = partitions.iter().find(|p| !is_partition_name(p)) {
            return Err(bad(format!(
                "partition {name:?}: use letters, digits, `_`, `-` and `.` (it names a file), and not `all`"
            )));
        }
        if partitions.len() > MAX_PARTITIONS {
            return Err(bad(format!("{} partitions, at most {MAX_PARTITIONS} can be told apart", partitions.len())));
        }
        if let Some(i) = (1..partitions.len()).find(|&i| partitions[..i].contains(&partitions[i])) {
            return Err(bad(format!("partition {:?} is named twice", partitions[i])));
        }
        let expand = |pattern: &str| -> Result<Vec<(PathBuf, Option<String>)>, Error> {
            if !pattern.contains(PATTERN) {
                return Ok(vec![(base.join(pattern), None)]);
            }
            if partitions.is_empty() {
                return Err(bad(format!("{pattern:?} has {PATTERN}, but [corpus] names no `partitions`")));
            }
            Ok(partitions.iter().map(|p| (base.join(pattern.replace(PATTERN, p)), Some(p.clone()))).collect())
        };
        let mut modalities = Vec::new();
        for (name, table) in toml.modalities {
            if !is_modality_name(&name) {
                return Err(bad(format!(
                    "modality {name:?}: use lower-case letters, digits, `-` and `_` (it names a file)"
                )));
            }
            let ids = match &table.ids {
                Some(ids) => expand(ids)?,
                None => Vec::new(),
            };
            let paths = expand(&table.path)?;
            if !ids.is_empty() && ids.len() != paths.len() {
                return Err(bad(format!("modality {name:?}: `path` and `ids` must both have {PATTERN}, or neither")));
            }
            let mut ids = ids.into_iter().map(|(path, _)| path);
            let files =
                paths.into_iter().map(|(path, partition)| MatrixFile { path, ids: ids.next(), partition }).collect();
            let ModalityTable { metric, dtype, encoder, graph, .. } = table;
            if graph == Some(true) && metric == Metric::Dot {
                return Err(bad(format!(
                    "modality {name:?}: a graph needs metric = \"cosine\"; searches by dot product are exact, so leave `graph` out"
                )));
            }
            modalities.push(ModalitySource { name, files, metric, dtype, encoder, graph });
        }
        let corpus = Corpus {
            origin: path.into(),
            name: toml.corpus.name,
            format: toml.catalog.format,
            catalog: base.join(&toml.catalog.path),
            columns: toml.catalog.columns,
            metadata_columns: toml.catalog.metadata_columns,
            metadata: toml.catalog.metadata.map_or(Ok(Vec::new()), |m| expand(&m))?,
            partitions,
            modalities,
            notices: Vec::new(),
        };
        corpus.check()?;
        Ok(corpus)
    }

    /// The published layout: `dir` holds `visual_news/` and `news_clippings/`.
    pub fn published(dir: &Path, dtype: Dtype) -> Result<Corpus, Error> {
        let bad = |what: String| Error::Corpus { path: dir.into(), what };
        let found = find_published(dir).map_err(|e| bad(e.to_string()))?;
        let owned = |partition: &str| Some(partition.to_owned());
        let modality = |m: crate::formats::PublishedModality| ModalitySource {
            name: m.name.to_owned(),
            graph: None,
            metric: if m.metric == "dot" { Metric::Dot } else { Metric::Cosine },
            dtype,
            encoder: m.name.starts_with("clip-").then(|| "openai/clip-vit-base-patch32".to_owned()),
            files: m
                .files
                .into_iter()
                .map(|(partition, path)| MatrixFile { path, ids: None, partition: owned(partition) })
                .collect(),
        };
        let corpus = Corpus {
            origin: dir.into(),
            name: "newsclippings".into(),
            partitions: found.partitions.iter().map(|&p| p.to_owned()).collect(),
            format: CatalogFormat::VisualNews,
            catalog: found.data_json,
            columns: Columns::default(),
            metadata_columns: Columns::default(),
            metadata: found.metadata.into_iter().map(|(p, path)| (path, owned(p))).collect(),
            modalities: found.modalities.into_iter().map(modality).collect(),
            notices: found.notices,
        };
        corpus.check()?;
        Ok(corpus)
    }

    /// Every missing file is named at once.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |what: String| Error::Corpus { path: self.origin.clone(), what };
        if self.name.trim().is_empty() {
            return Err(bad("[corpus] name is empty".into()));
        }
        if self.modalities.is_empty() {
            return Err(bad("names no modality; add a table such as [modalities.clip-image] with its `path`".into()));
        }
        let missing: Vec<String> = self.files().filter(|p| !p.is_file()).map(|p| p.display().to_string()).collect();
        if !missing.is_empty() {
            return Err(bad(format!(
                "names {} that are not there: {}",
                plural(missing.len(), "file"),
                missing.join(", ")
            )));
        }
        Ok(())
    }

    /// Every file it names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let matrices = self.modalities.iter().flat_map(|m| &m.files);
        let matrices = matrices.flat_map(|f| std::iter::once(&f.path).chain(&f.ids));
        std::iter::once(&self.catalog).chain(self.metadata.iter().map(|m| &m.0)).chain(matrices).map(PathBuf::as_path)
    }
}

/// A partition names the files of a dataset; `all` stands for a corpus without partitions.
pub(super) fn is_partition_name(name: &str) -> bool {
    name != "all"
        && !name.starts_with('.')
        && (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("corpus.toml");
        std::fs::write(&path, toml).unwrap();
        Corpus::read(&path).map_or_else(|e| e.to_string(), |c| format!("{c:?}"))
    }

    #[test]
    fn mistakes_are_named() {
        let head = "[corpus]\nname = \"a\"\n[catalog]\nformat = \"csv\"\npath = \"c.csv\"\n";
        for (text, word) in [
            ("[corpus]\nname = \"a\"".to_owned(), "catalog"),
            (head.to_owned(), "names no modality"),
            (head.replace("csv\"\npath", "xml\"\npath"), "visual-news"),
            (format!("{head}[modalities.clip]\npath = \"a.npy\""), "c.csv"),
            (format!("{head}[modalities.Clip]\npath = \"a.npy\""), "lower-case"),
            (format!("{head}[modalities.clip]\npath = \"{{partition}}.npy\""), "partitions"),
            (format!("{head}[modalities.clip]\npath = \"a.npy\"\nmetric = \"l2\""), "cosine"),
            (head.replace("name = \"a\"", "name = \"a\"\npartitions = [\"../x\"]"), "../x"),
            (head.replace("name = \"a\"", "name = \"a\"\npartitions = [\"t\", \"t\"]"), "twice"),
            (head.replace("name = \"a\"", "name = \"a\"\ncolour = 1"), "colour"),
        ] {
            let said = read(&text);
            assert!(said.contains("corpus.toml") && said.contains(word), "{said}");
        }
    }
}
