//! The corpus file.

use super::Error;
use super::graphs::GraphSource;
use crate::catalog::MAX_PARTITIONS;
use crate::formats::{Columns, Compose, find_clip_retrieval, find_published, parts_of};
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
    /// The catalog: a file, or the folder that its parts lie in.
    pub catalog: PathBuf,
    /// Its files, in order.
    pub catalog_files: Vec<PathBuf>,
    /// How captions are made of ImageNet-Captions.
    pub compose: Compose,
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
    /// One file, or a folder of parts.
    Parquet,
    /// ImageNet-Captions.
    ImagenetCaptions,
    /// A folder as clip-retrieval writes it.
    ClipRetrieval,
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
    /// Its graph.
    pub graph: GraphSource,
}

/// One matrix file.
#[derive(Debug, Clone)]
pub struct MatrixFile {
    /// `.npy`, `.npz`, `.parquet`, `.pkl`, `.fvecs` or `.fbin`.
    pub path: PathBuf,
    /// Ids of its rows, where the file itself has none.
    pub ids: Option<PathBuf>,
    /// The partition it is of.
    pub partition: Option<String>,
    /// Of a `.parquet` file the column, of an `.npz` file the array that holds the vectors; `None`: the only one that can.
    pub column: Option<String>,
    /// Of the same the one that holds the ids; `None`: `id` of a `.parquet` file, `ids` of an `.npz` file, where it is there.
    pub id_column: Option<String>,
}

impl MatrixFile {
    fn new(path: PathBuf, partition: Option<String>) -> MatrixFile {
        MatrixFile { path, partition, ids: None, column: None, id_column: None }
    }
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
    compose: Option<Compose>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModalityTable {
    path: String,
    ids: Option<String>,
    column: Option<String>,
    id_column: Option<String>,
    #[serde(default)]
    metric: Metric,
    #[serde(default)]
    dtype: Dtype,
    encoder: Option<String>,
    #[serde(default)]
    graph: GraphSource,
}

const PATTERN: &str = "{partition}";

impl Corpus {
    /// Reads a corpus file and checks that every file it names is there.
    pub fn read(path: &Path) -> Result<Corpus, Error> {
        let corpus = Corpus::parse(path, true)?;
        corpus.check()?;
        Ok(corpus)
    }

    /// Reads a corpus file for its catalog: modalities are not looked at, they may not be there yet.
    pub fn read_catalog(path: &Path) -> Result<Corpus, Error> {
        let corpus = Corpus::parse(path, false)?;
        corpus.check_files()?;
        Ok(corpus)
    }

    /// A catalog without a corpus file, of the format that its ending tells: .csv, .tsv, .jsonl, .parquet, or .json (VisualNews).
    pub fn of_catalog(path: &Path, columns: Columns) -> Result<Corpus, Error> {
        let format = match path.extension().and_then(|e| e.to_str()) {
            Some("csv" | "tsv") => CatalogFormat::Csv,
            Some("jsonl") => CatalogFormat::Jsonl,
            Some("json") => CatalogFormat::VisualNews,
            Some("parquet") => CatalogFormat::Parquet,
            _ => {
                let what = "no catalog by its name; .csv, .tsv, .jsonl, .json (VisualNews) and .parquet are read, and others through a CORPUS.toml";
                return Err(Error::file(path, what));
            }
        };
        let corpus = Corpus {
            origin: path.into(),
            name: path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            partitions: Vec::new(),
            format,
            catalog: path.into(),
            catalog_files: vec![path.into()],
            compose: Compose::default(),
            columns,
            metadata_columns: Columns::default(),
            metadata: Vec::new(),
            modalities: Vec::new(),
            notices: Vec::new(),
        };
        corpus.check_files()?;
        Ok(corpus)
    }

    fn parse(path: &Path, with_modalities: bool) -> Result<Corpus, Error> {
        let bad = |what: String| Error::Corpus { path: path.into(), what };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        let mut toml: CorpusToml = toml::from_str(&text).map_err(|e| bad(e.to_string()))?;
        if !with_modalities {
            toml.modalities.clear();
        }
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
            let ModalityTable { metric, dtype, encoder, graph, column, id_column, .. } = table;
            let mut files = Vec::new();
            for (path, partition) in paths {
                let ids = ids.next();
                if path.is_dir() && ids.is_some() {
                    return Err(bad(format!(
                        "modality {name:?}: {} is a folder, so `ids` cannot belong to it; name the files one by one, or use .parquet files with ids",
                        path.display()
                    )));
                }
                let file = |path| MatrixFile {
                    path,
                    partition: partition.clone(),
                    ids: ids.clone(),
                    column: column.clone(),
                    id_column: id_column.clone(),
                };
                files.extend(parts(path, &["npy", "npz", "parquet"]).map_err(bad)?.into_iter().map(file));
            }
            if let Some(fault) = graph.fault() {
                return Err(bad(format!("modality {name:?}: {fault}")));
            }
            if graph.wanted == Some(true) && metric == Metric::Dot {
                return Err(bad(format!(
                    "modality {name:?}: a graph needs metric = \"cosine\"; searches by dot product are exact, so leave `graph` out"
                )));
            }
            modalities.push(ModalitySource { name, files, metric, dtype, encoder, graph });
        }
        let format = toml.catalog.format;
        if toml.catalog.compose.is_some() && format != CatalogFormat::ImagenetCaptions {
            return Err(bad(
                "[catalog] `compose` makes captions of format = \"imagenet-captions\" alone; remove it".into()
            ));
        }
        let catalog = base.join(&toml.catalog.path);
        let catalog_files = match format {
            CatalogFormat::ClipRetrieval => {
                let found = find_clip_retrieval(&catalog).map_err(|e| Error::file(&catalog, e))?;
                if modalities.is_empty() && with_modalities {
                    modalities = of_folders(found.modalities, Dtype::default()).map_err(bad)?;
                }
                found.metadata
            }
            CatalogFormat::Parquet => parts(catalog.clone(), &["parquet"]).map_err(bad)?,
            _ => vec![catalog.clone()],
        };
        let corpus = Corpus {
            origin: path.into(),
            name: toml.corpus.name,
            format,
            catalog,
            catalog_files,
            compose: toml.catalog.compose.unwrap_or_default(),
            columns: toml.catalog.columns,
            metadata_columns: toml.catalog.metadata_columns,
            metadata: toml.catalog.metadata.map_or(Ok(Vec::new()), |m| expand(&m))?,
            partitions,
            modalities,
            notices: Vec::new(),
        };
        Ok(corpus)
    }

    /// The published layout: `dir` holds `visual_news/` and `news_clippings/`.
    pub fn published(dir: &Path, dtype: Dtype) -> Result<Corpus, Error> {
        let bad = |what: String| Error::Corpus { path: dir.into(), what };
        let found = find_published(dir).map_err(|e| bad(e.to_string()))?;
        let owned = |partition: &str| Some(partition.to_owned());
        let modality = |m: crate::formats::PublishedModality| ModalitySource {
            name: m.name.to_owned(),
            graph: GraphSource::default(),
            metric: if m.metric == "dot" { Metric::Dot } else { Metric::Cosine },
            dtype,
            encoder: m.name.starts_with("clip-").then(|| "openai/clip-vit-base-patch32".to_owned()),
            files: m.files.into_iter().map(|(partition, path)| MatrixFile::new(path, owned(partition))).collect(),
        };
        let corpus = Corpus {
            origin: dir.into(),
            name: "newsclippings".into(),
            partitions: found.partitions.iter().map(|&p| p.to_owned()).collect(),
            format: CatalogFormat::VisualNews,
            catalog_files: vec![found.data_json.clone()],
            catalog: found.data_json,
            compose: Compose::default(),
            columns: Columns::default(),
            metadata_columns: Columns::default(),
            metadata: found.metadata.into_iter().map(|(p, path)| (path, owned(p))).collect(),
            modalities: found.modalities.into_iter().map(modality).collect(),
            notices: found.notices,
        };
        corpus.check()?;
        Ok(corpus)
    }

    /// The folder of a clip-retrieval index.
    pub fn clip_retrieval(dir: &Path, dtype: Dtype) -> Result<Corpus, Error> {
        let bad = |what: String| Error::Corpus { path: dir.into(), what };
        let found = find_clip_retrieval(dir).map_err(bad)?;
        let name = dir.file_name().map_or_else(|| "clip-retrieval".into(), |n| n.to_string_lossy().into_owned());
        let corpus = Corpus {
            origin: dir.into(),
            name,
            partitions: Vec::new(),
            format: CatalogFormat::ClipRetrieval,
            catalog: dir.into(),
            catalog_files: found.metadata,
            compose: Compose::default(),
            columns: Columns::default(),
            metadata_columns: Columns::default(),
            metadata: Vec::new(),
            modalities: of_folders(found.modalities, dtype).map_err(bad)?,
            notices: Vec::new(),
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
        for (m, queries) in self.modalities.iter().filter_map(|m| Some((m, m.graph.queries.as_ref()?))) {
            if !self.modalities.iter().any(|other| other.name == *queries && other.metric == Metric::Cosine) {
                let name = &m.name;
                return Err(bad(format!(
                    "modality {name:?}: graph.queries = {queries:?} names no cosine modality of this file"
                )));
            }
        }
        self.check_files()
    }

    fn check_files(&self) -> Result<(), Error> {
        let bad = |what: String| Error::Corpus { path: self.origin.clone(), what };
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
        self.catalog_files.iter().chain(self.metadata.iter().map(|m| &m.0)).chain(matrices).map(PathBuf::as_path)
    }
}

/// A file as it is, a folder as its parts; what is not there is found out later, with everything else that is not.
fn parts(path: PathBuf, endings: &[&str]) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path]);
    }
    let parts = parts_of(&path, endings).map_err(|e| format!("{}: {e}", path.display()))?;
    if parts.is_empty() {
        return Err(format!("{}: a folder without any .{} file", path.display(), endings.join(", .")));
    }
    Ok(parts)
}

/// Modalities that are folders of `.npy` parts.
fn of_folders(folders: Vec<(&'static str, PathBuf)>, dtype: Dtype) -> Result<Vec<ModalitySource>, String> {
    let modality = |(name, folder): (&'static str, PathBuf)| {
        let files = parts(folder, &["npy"])?.into_iter().map(|path| MatrixFile::new(path, None)).collect();
        let name = name.to_owned();
        Ok(ModalitySource { name, files, metric: Metric::Cosine, dtype, encoder: None, graph: GraphSource::default() })
    };
    folders.into_iter().map(modality).collect()
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
