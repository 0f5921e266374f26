//! A folder of CCN's web evidence (`direct_search/<split>` or `inverse_search/<split>`), read whole.

use crate::formats::npy::NpyMatrix;
use crate::formats::{EvidenceRecord, read_ccn_direct, read_ccn_index, read_ccn_inverse};
use crate::mapped::Mapped;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<std::io::Result<Vec<_>>>());
    let mut list = list.with_context(|| folder.display().to_string())?;
    list.sort();
    Ok(list)
}

/// Every find of the folder. Entries whose folder is absent were not searched; their number comes second.
pub(super) fn read(folder: &Path) -> Result<(Vec<EvidenceRecord>, usize)> {
    let (mut all, mut absent, mut indexes) = (Vec::new(), 0, 0);
    for path in sorted(folder)?.into_iter().filter(|p| p.is_file() && p.extension().is_some_and(|e| e == "json")) {
        let file = Mapped::open(&path).with_context(|| path.display().to_string())?;
        let Some(entries) = read_ccn_index(&file, &path)? else { continue };
        indexes += 1;
        for entry in entries {
            let own = folder.join(&entry.key);
            let (direct, inverse) = (own.join("direct_annotation.json"), own.join("inverse_annotation.json"));
            match () {
                () if direct.is_file() => {
                    let file = Mapped::open(&direct).with_context(|| direct.display().to_string())?;
                    let vectors = vectors(&own)?;
                    let found =
                        read_ccn_direct(&file, &direct, &entry, |i| vectors.as_ref().and_then(|v| v.get(i).cloned()))?;
                    if let Some(vectors) = vectors.filter(|v| v.len() != found.len()) {
                        let (v, n) = (vectors.len(), found.len());
                        bail!(
                            "{}: {v} vectors beside {n} images with captions: they cannot be told apart",
                            own.display()
                        );
                    }
                    all.extend(found);
                }
                () if inverse.is_file() => {
                    let file = Mapped::open(&inverse).with_context(|| inverse.display().to_string())?;
                    all.extend(read_ccn_inverse(&file, &inverse, &entry)?);
                }
                () => absent += 1,
            }
        }
    }
    if indexes == 0 {
        bail!(
            "{}: no index of web evidence here (KEY: {{image_id_in_visualNews, text_id_in_visualNews}}); name the folder of a split, \
             direct_search/test or inverse_search/test",
            folder.display()
        );
    }
    Ok((all, absent))
}

/// The vectors that lie beside the images, a row each, where they were computed.
fn vectors(folder: &Path) -> Result<Option<Vec<Vec<f32>>>> {
    let npy = |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().ends_with("embeddings.npy"));
    let Some(path) = sorted(folder)?.into_iter().find(npy) else { return Ok(None) };
    let file = Mapped::open(&path).with_context(|| path.display().to_string())?;
    let matrix = NpyMatrix::read(&file, &path)?;
    let row = |i: usize| {
        let mut row = vec![0.0; matrix.cols()];
        matrix.row_into(i, &mut row);
        row
    };
    Ok(Some((0..matrix.rows()).map(row).collect()))
}
