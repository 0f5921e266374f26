//! Folders as `clip-retrieval inference` writes and `clip-retrieval index` reads them.
//!
//! ```text
//! DIR/img_emb/img_emb_0.npy     …_1.npy        vectors of the images, f16 or f32
//! DIR/text_emb/text_emb_0.npy   …              vectors of the captions; may lack
//! DIR/metadata/metadata_0.parquet  …           image_path, caption, and what else was asked for; row i of part n belongs to row i of part n
//! ```
//!
//! Only the numbers in the names tell which parts belong together, and nothing in the files says how many rows there should be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRetrieval {
    /// `metadata/*.parquet`, in order.
    pub metadata: Vec<PathBuf>,
    /// Modality (`clip-image`, `clip-text`), and its folder.
    pub modalities: Vec<(&'static str, PathBuf)>,
}

/// The folder of a modality.
pub const FOLDERS: [(&str, &str, &str); 2] =
    [("img_emb", "img_emb_", "clip-image"), ("text_emb", "text_emb_", "clip-text")];
/// The folder of the metadata, how its parts begin.
pub const METADATA: (&str, &str) = ("metadata", "metadata_");

/// Looks for the parts under `dir`. No file is opened.
///
/// # Errors
/// No metadata, or no vectors: what is missing, and where it was looked for.
pub fn find_clip_retrieval(dir: &Path) -> Result<ClipRetrieval, String> {
    let metadata = parts_of(&dir.join(METADATA.0), &["parquet"]).unwrap_or_default();
    if metadata.is_empty() {
        return Err(
            "no metadata/*.parquet; run `clip-retrieval inference` with metadata, or name the files in a CORPUS.toml"
                .to_owned(),
        );
    }
    let there = |folder: &Path| parts_of(folder, &["npy"]).is_ok_and(|parts| !parts.is_empty());
    let modalities: Vec<_> = FOLDERS
        .iter()
        .map(|(folder, _, modality)| (*modality, dir.join(folder)))
        .filter(|(_, folder)| there(folder))
        .collect();
    if modalities.is_empty() {
        return Err("neither img_emb/*.npy nor text_emb/*.npy; name the vectors in a CORPUS.toml".to_owned());
    }
    Ok(ClipRetrieval { metadata, modalities })
}

/// The files of a folder with one of these endings, in the order of the numbers in their names: part 2 before part 10.
///
/// # Errors
/// The system's.
pub fn parts_of(folder: &Path, endings: &[&str]) -> io::Result<Vec<PathBuf>> {
    let is_part = |path: &PathBuf| {
        let ending = path.extension().and_then(|e| e.to_str());
        ending.is_some_and(|e| endings.contains(&e)) && path.is_file()
    };
    let mut parts: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|e| e.map(|e| e.path()))
        .filter(|p| p.as_ref().map_or(true, is_part))
        .collect::<io::Result<_>>()?;
    parts.sort_by_cached_key(|path| natural(&path.file_name().unwrap_or_default().to_string_lossy()));
    Ok(parts)
}

/// A name as texts and numbers in turn.
fn natural(name: &str) -> Vec<(String, u128, usize)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(text);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        // Numbers too long for this are compared by their length, then as equal: still the same order every time.
        pieces.push((head.to_owned(), number.parse().unwrap_or(u128::MAX), digits));
        rest = tail;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["e_10.npy", "e_2.npy", "e_1.npy", "e_0.parquet", "a.txt", "e_001.npy"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("e_3.npy")).unwrap();
        let names: Vec<_> = parts_of(dir.path(), &["npy"]).unwrap();
        let names: Vec<_> = names.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["e_1.npy", "e_001.npy", "e_2.npy", "e_10.npy"]);
    }
}
