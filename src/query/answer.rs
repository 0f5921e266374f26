//! The answer document: what `--format json` prints and daemons send, one a query; and read back by who asks a daemon.

use super::Steps;
use crate::catalog::Catalog;
use crate::constraints::{Outcome, RuleCounts};
use crate::retrieve::Strategy;
use crate::words::{Row, SampleId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked.
    pub query: serde_json::Value,
    /// The split, or null for a plain search.
    pub split: Option<String>,
    /// The best first.
    pub results: Vec<Hit>,
    /// Why there are fewer than k results, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// How it was found.
    pub plan: Plan,
    /// The best rejected candidates and the funnel, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Microseconds from the parsed query to the answer.
    pub elapsed_us: u64,
    /// The same by step, for whoever measures; not in the document.
    #[serde(skip, default = "Steps::none")]
    pub steps: Steps,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// 1 is the best.
    pub rank: usize,
    /// Its row; not in the document, and `u32::MAX` where that was read.
    #[serde(skip, default = "nowhere")]
    pub row: Row,
    /// The sample found.
    pub id: SampleId,
    /// The id whose image it carries (the same).
    pub image_id: SampleId,
    /// The image, as stored.
    pub image_path: String,
    /// The caption that belongs to that image.
    pub caption: String,
    /// The split's score, or the modality's, in its natural sign.
    pub score: f32,
    /// CTI of the query's caption and this image; null where it cannot be computed.
    pub clip: Option<f32>,
    /// CTI(f) − CTI(p); null without a pristine image.
    pub clip_margin: Option<f32>,
    /// From H: CLIP prefers this image, or likes it as much. Null without a pristine image.
    pub adversarial: Option<bool>,
}

fn nowhere() -> Row {
    Row(u32::MAX)
}

impl Hit {
    /// A row of the catalog as a result. `own`: CTI(p).
    pub fn new(catalog: &Catalog, row: Row, score: f32, clip: Option<f32>, own: Option<f32>) -> Hit {
        let id = catalog.id(row);
        Hit {
            rank: 0,
            row,
            image_id: id.clone(),
            id,
            image_path: catalog.image_path(row).to_owned(),
            caption: catalog.caption(row).to_owned(),
            score,
            clip,
            clip_margin: clip.zip(own).map(|(f, p)| f - p),
            adversarial: clip.zip(own).map(|(f, p)| f >= p),
        }
    }
}

/// How an answer was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which way was taken (where H comes before L, to H; where one result an image was asked for, at last); `none` where the
    /// caption itself fails a rule.
    pub strategy: Strategy,
    /// Why this one, and which other ways were taken before or after it.
    pub reason: String,
    /// The steps, in order.
    pub stages: Vec<Cow<'static, str>>,
    /// Candidates looked at.
    pub visited: u64,
    /// Candidates whose score was computed.
    pub scored: u64,
    /// Candidates rejected, by the first rule that failed. Rules about two sides are tested only for candidates
    /// that would have entered the answer so far, so their counts depend on how many threads shared the work. Where an answer took
    /// several ways or passes, the rejections of each are counted.
    pub rejected: RuleCounts,
    /// Candidates of the pool that meet every rule about one side.
    pub eligible: u64,
}

/// What `--explain` adds. Every candidate of the pool is tested for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The best-scoring rejected candidates, the best first.
    pub rejected: Vec<Rejected>,
    /// How many candidates got how far.
    pub funnel: Funnel,
}

/// A rejected candidate, with every rule it fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// The candidate; its rank is among the rejected.
    #[serde(flatten)]
    pub hit: Hit,
    /// The rules it fails, in the order they are tried, each with its values.
    pub failures: Vec<Outcome>,
}

/// How many candidates got how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// In the pool: the partition, or the corpus.
    pub pool: u64,
    /// By the first rule that failed.
    pub rejected: RuleCounts,
    /// Admissible.
    pub admissible: u64,
    /// Admissible and from H; null without a pristine image.
    pub adversarial: Option<u64>,
}
