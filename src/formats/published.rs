//! NewsCLIPpings as it is downloaded: where the files lie.
//!
//! ```text
//! DIR/visual_news/origin/data.json                                      the catalog (also visualnews/, or without origin/)
//! DIR/news_clippings/data/<split>/{train,val,test}.json                 annotations
//! DIR/news_clippings/embeddings/<name>/<name>_{train,val,test}.pkl      vectors (older copies: <name>/{train,val,test}.pkl)
//! DIR/news_clippings/metadata/{train,val,test}.json                     facts, on request from the authors
//! ```

use std::path::{Path, PathBuf};
use thiserror::Error;

/// The partitions, in their usual order.
pub const PARTITIONS: [&str; 3] = ["train", "val", "test"];

/// Folder, modality, metric.
const EMBEDDINGS: [(&str, &str, &str); 4] = [
    ("clip_image_embeddings", "clip-image", "cosine"),
    ("clip_text_embeddings", "clip-text", "cosine"),
    ("sbert_embeddings", "sbert-text", "cosine"),
    ("places_resnet50", "place-image", "dot"),
];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// VisualNews' `data.json`.
    pub data_json: PathBuf,
    /// The partitions of which embeddings are there, in the order of [`PARTITIONS`].
    pub partitions: Vec<&'static str>,
    /// Metadata of these partitions; empty where there is none.
    pub metadata: Vec<(&'static str, PathBuf)>,
    /// The embeddings that are there.
    pub modalities: Vec<PublishedModality>,
    /// The folder of the published annotations, if it is there.
    pub annotations: Option<PathBuf>,
    /// What the user should know: what is missing, what is skipped. One sentence each.
    pub notices: Vec<String>,
}

/// One embedding as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedModality {
    /// `clip-image`, `clip-text`, `sbert-text` or `place-image`.
    pub name: &'static str,
    /// `cosine` or `dot`, as in CORPUS.toml.
    pub metric: &'static str,
    /// Pickles by partition, at least one.
    pub files: Vec<(&'static str, PathBuf)>,
}

/// Why a folder is not the published dataset.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PublishedError {
    /// There is no catalog.
    #[error(
        "{dir}: no VisualNews data.json (looked for {looked_for}); request it from the VisualNews authors and unpack it there"
    )]
    NoCatalog {
        /// The folder.
        dir: PathBuf,
        /// The places it may lie in.
        looked_for: String,
    },
    /// There are no vectors at all.
    #[error(
        "{dir}: no embeddings (looked for {example}); download the embeddings of NewsCLIPpings, or name your own in a CORPUS.toml"
    )]
    NoEmbeddings {
        /// The folder.
        dir: PathBuf,
        /// One of the files looked for.
        example: String,
    },
}

/// Looks for the published files under `dir`. No file is opened.
///
/// # Errors
/// No catalog, or no embeddings: there is nothing to build from. Everything else that is missing is a notice.
pub fn find_published(dir: &Path) -> Result<Published, PublishedError> {
    const CATALOGS: [&str; 4] = [
        "visual_news/origin/data.json",
        "visualnews/origin/data.json",
        "visual_news/data.json",
        "visualnews/data.json",
    ];
    let data_json = CATALOGS.iter().map(|c| dir.join(c)).find(|p| p.is_file());
    let data_json =
        data_json.ok_or_else(|| PublishedError::NoCatalog { dir: dir.to_owned(), looked_for: CATALOGS.join(", ") })?;
    let root = dir.join("news_clippings");
    let by_partition = |candidates: &dyn Fn(&str) -> Vec<PathBuf>| -> Vec<(&'static str, PathBuf)> {
        let found = |p: &'static str| candidates(p).into_iter().find(|f| f.is_file()).map(|f| (p, f));
        PARTITIONS.into_iter().filter_map(found).collect()
    };
    let pickles = |name: &str| {
        let folder = root.join("embeddings").join(name);
        by_partition(&|p| vec![folder.join(format!("{name}_{p}.pkl")), folder.join(format!("{p}.pkl"))])
    };
    let metadata = by_partition(&|p| vec![root.join("metadata").join(format!("{p}.json"))]);
    let mut modalities = Vec::new();
    let mut notices = Vec::new();
    for (folder, name, metric) in EMBEDDINGS {
        let files = pickles(folder);
        if files.is_empty() {
            notices.push(format!("no {folder}: the index will have no {name}, and no split that needs it"));
        } else {
            modalities.push(PublishedModality { name, metric, files });
        }
    }
    if modalities.is_empty() {
        let example = "news_clippings/embeddings/clip_image_embeddings/clip_image_embeddings_test.pkl".to_owned();
        return Err(PublishedError::NoEmbeddings { dir: dir.to_owned(), example });
    }
    let there = |partition: &&'static str| modalities.iter().any(|m| m.files.iter().any(|(p, _)| p == partition));
    let partitions: Vec<&'static str> = PARTITIONS.into_iter().filter(there).collect();
    let (metadata, idle): (Vec<_>, Vec<_>) = metadata.into_iter().partition(|(of, _)| partitions.contains(of));
    for (partition, _) in idle {
        notices.push(format!("no embeddings of {partition}: its metadata is not read, and its samples are left out"));
    }
    for modality in &modalities {
        for partition in partitions.iter().filter(|p| modality.files.iter().all(|(have, _)| have != *p)) {
            notices.push(format!("no {} for {partition}: its samples will lack that row", modality.name));
        }
    }
    for partition in partitions.iter().filter(|p| metadata.iter().all(|(have, _)| have != *p)) {
        notices.push(format!(
            "no news_clippings/metadata/{partition}.json: dates and entities of {partition} are unknown unless other metadata is given"
        ));
    }
    if !pickles("facenet_embeddings").is_empty() {
        notices.push("facenet_embeddings is skipped: it holds several vectors per image".to_owned());
    }
    let annotations = Some(root.join("data")).filter(|d| d.is_dir());
    Ok(Published { data_json, partitions, metadata, modalities, annotations, notices })
}
