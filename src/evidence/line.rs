//! One piece of evidence, and what is asked.

use super::Match;
use crate::words::{Mention, SampleId};
use serde::{Deserialize, Serialize};

/// By what a piece of evidence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By the image: it carried this caption elsewhere.
    Image,
    /// By the caption: it stood with this image elsewhere.
    Caption,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// By what it was found.
    pub by: By,
    /// Where: `archive`, or the name of a file.
    pub from: String,
    /// The archive's sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SampleId>,
    /// The caption that was found.
    pub caption: String,
    /// The path of the image, in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_path: Option<String>,
    /// Cosine of the image that was found and the image that is asked about; null where it is not known.
    pub image_similarity: Option<f32>,
    /// Cosine of the two captions, where both have vectors.
    pub text_similarity: Option<f32>,
    /// Is it the asked caption, by the rule in the settings?
    pub caption_matches: bool,
    /// Outlet, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Web domain, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// When it was published, as the source says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What the caption mentions; `None`: nobody looked. It is ranked by this, and not written.
    #[serde(skip)]
    pub entities: Option<Vec<Mention>>,
}

/// An image with a caption, to be checked. Vectors are of the archive's encoders, of unit length, not padded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// The caption; it may be empty, and then matches nothing.
    pub caption: String,
    /// The image's vector.
    pub image: Option<Vec<f32>>,
    /// The caption's vector.
    pub text: Option<Vec<f32>>,
}

/// What counts as what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Two images of at least this cosine are one image: evidence by image, and rule 2 (0.92 in the paper).
    pub same_image: f32,
    /// Two images below this cosine are different ones: rule 3 (0.70).
    pub other_image: f32,
    /// Captions of the archive of at least this cosine are evidence by caption, besides those that match.
    pub near_caption: f32,
    /// How captions match.
    #[serde(rename = "match")]
    pub captions: Match,
    /// Lines of either kind, at most.
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { same_image: 0.92, other_image: 0.70, near_caption: 0.95, captions: Match::Equal, most: 20 }
    }
}
