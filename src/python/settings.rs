//! Settings as typed: JSON from the Python half, whose keywords they are.

use super::errors::Fault;
use crate::constraints::Rule;
use crate::query::asked;
use crate::retrieve::Engine;
use crate::words::SampleId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The greatest ef, as on the command line.
const MOST_EF: usize = 100_000;

/// Of a query or of many.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ask {
    pub split: Option<String>,
    pub modality: Option<String>,
    /// One a query; none where vectors ask.
    pub ids: Option<Vec<SampleId>>,
    /// Whence the vectors of ids are taken.
    pub source: Option<String>,
    pub k: usize,
    pub ef: Option<usize>,
    pub engine: Engine,
    pub adversarial: bool,
    pub lowest: bool,
    pub unique: bool,
    pub partition: Option<String>,
    pub explain: usize,
    pub waive: Vec<Rule>,
    /// One a query, or none at all.
    pub facts: Option<Vec<Value>>,
}

impl Ask {
    /// Reads and checks what does not depend on the index.
    pub fn read(json: &str) -> Result<Ask, Fault> {
        let ask: Ask = read(json)?;
        let of_splits = [
            ("adversarial", ask.adversarial),
            ("explain", ask.explain > 0),
            ("waive", !ask.waive.is_empty()),
            ("facts", ask.facts.is_some()),
        ];
        let of_modalities = [("source", ask.source.is_some()), ("lowest", ask.lowest)];
        let given = |of: &[(&'static str, bool)]| of.iter().find(|f| f.1).map(|f| f.0);
        let stray = match (&ask.split, &ask.modality) {
            (Some(_), None) => {
                given(&of_modalities).map(|name| format!("{name} belongs to a modality; a split says it itself"))
            }
            (None, Some(_)) => {
                given(&of_splits).map(|name| format!("{name} belongs to splits; a modality is searched without rules"))
            }
            _ => Some("name a split or a modality, one of them".to_owned()),
        };
        if let Some(stray) = stray {
            return Err(Fault::Question(stray));
        }
        if ask.k == 0 {
            return Err(crate::query::Error::ZeroK.into());
        }
        if ask.ef.is_some_and(|ef| !(1..=MOST_EF).contains(&ef)) {
            return Err(Fault::Question(format!("ef must be 1 to {MOST_EF}")));
        }
        if ask.source.is_some() && ask.ids.is_none() {
            return Err(Fault::question("source says whence the vector of an id is taken; give an id"));
        }
        if ask.facts.is_some() && ask.ids.is_some() {
            return Err(Fault::question(
                "a sample of the index has its own facts; facts belong to captions from outside",
            ));
        }
        can_be_waived(&ask.waive)?;
        Ok(ask)
    }

    /// As an answer repeats them.
    pub fn repeated(&self) -> asked::Settings<'_> {
        asked::Settings {
            modality: self.modality.as_deref(),
            from: self.source.as_deref(),
            partition: self.partition.as_deref(),
            unique_image: self.unique,
            k: self.k,
            adversarial: self.adversarial,
            lowest: self.lowest,
            waive: &self.waive,
        }
    }
}

/// Of a matching.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Matching {
    /// `all` alone stands for the built-in ones and the merged set.
    pub splits: Vec<String>,
    pub chunk_size: Option<usize>,
    pub seed: u64,
    pub balance: bool,
    pub waive: Vec<Rule>,
    pub engine: Engine,
}

impl Matching {
    pub fn read(json: &str) -> Result<Matching, Fault> {
        let matching: Matching = read(json)?;
        if matching.chunk_size.is_some_and(|n| n < 2) {
            return Err(Fault::question("chunk_size must be at least 2: a chunk of one sample holds no pair"));
        }
        can_be_waived(&matching.waive)?;
        Ok(matching)
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, Fault> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let mut why = e.inner().to_string();
        if let Some(at) = why.rfind(" at line ") {
            why.truncate(at);
        }
        if why.contains("SampleId") {
            why = "an id is an integer of 64 bits or a text".to_owned();
        }
        Fault::question(why).at(e.path())
    })
}

fn can_be_waived(rules: &[Rule]) -> Result<(), Fault> {
    match rules.iter().find(|rule| !rule.can_be_waived()) {
        None => Ok(()),
        Some(rule) => Err(Fault::Question(format!("{rule}: a pair without it makes no sense; it cannot be waived"))),
    }
}
