//! Annotations → rows with captions and paths, which the published training code expects and the annotations lack.

use super::{Error, SUMMARY};
use crate::catalog::Catalog;
use crate::formats::AnnotationFile;
use crate::index::Index;
use crate::words::SampleId;
use serde::Serialize;
use std::path::Path;

/// One annotation with its caption and its image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hydrated {
    /// The sample whose caption it is.
    pub id: SampleId,
    /// The sample whose image it is.
    pub image_id: SampleId,
    /// The caption of `id`.
    pub caption: String,
    /// The image path of `image_id`.
    pub image_path: String,
    /// Is the image the wrong one?
    pub falsified: bool,
    /// The score of the annotation.
    pub similarity_score: f32,
    /// In a merged set: the split it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_dataset: Option<String>,
}

/// Was the dataset that this file lies in (`DIR/<split>/<partition>.json`) matched on this index? A file that lies in no
/// dataset of ours is taken at its word.
pub fn check_index(index: &Index, annotations: &Path) -> Result<(), Error> {
    let Some(summary) = annotations.parent().and_then(Path::parent).map(|dir| dir.join(SUMMARY)) else { return Ok(()) };
    let Ok(text) = std::fs::read_to_string(&summary) else { return Ok(()) };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match value.pointer("/index/checksum").and_then(serde_json::Value::as_str) {
        Some(of) if of != index.checksum.to_string() => Err(Error::at(&summary)(&format!(
            "this dataset was matched on index {of}, and {} is {}; name the index it was made on",
            index.path.display(),
            index.checksum
        ))),
        _ => Ok(()),
    }
}

/// Joins by id; an id that the catalog lacks is an error that names it and its position.
pub fn hydrate<'a>(
    catalog: &'a Catalog,
    file: &'a AnnotationFile,
    path: &'a Path,
) -> impl Iterator<Item = Result<Hydrated, Error>> + 'a {
    file.annotations.iter().enumerate().map(move |(i, a)| {
        let find = |id: &SampleId| {
            catalog.find_any_type(id).ok_or_else(|| {
                Error::at(path)(&format!(
                    "annotation {i}: no sample of the index has id {}; was it matched on another index?",
                    id.to_json()
                ))
            })
        };
        let (caption, image) = (find(&a.id)?, find(&a.image_id)?);
        let source = a.source_dataset.and_then(|s| file.source_datasets.get(s as usize));
        Ok(Hydrated {
            id: a.id.clone(),
            image_id: a.image_id.clone(),
            caption: catalog.caption(caption).to_owned(),
            image_path: catalog.image_path(image).to_owned(),
            falsified: a.falsified,
            similarity_score: a.similarity_score,
            source_dataset: source.cloned(),
        })
    })
}
