//! The models that `mispair serve` has texts and images encoded by.

use super::models::{self, Patience};
use super::talk::say;
use crate::daemon::{Fault, Models, is_url};
use crate::encode::pixels::decode_within;
use crate::encode::{self, Encoder};
use crate::index::Index;
use anyhow::Result;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Pixels of an image that is sent: three times those of the largest press photographs, and 150 MB when decoded
/// (four times that while a JPEG of many scans is put together).
const MOST_PIXELS: usize = 50_000_000;

/// Models, open.
struct Opened(Vec<Box<dyn Encoder>>, Vec<bool>);

/// Opens them; `None` where there are none. `request`: as long as a request may take, so long is a server waited for.
pub(super) fn open(named: &[PathBuf], request: Duration) -> Result<Option<Arc<dyn Models>>> {
    let patience = Patience { answer: request, tries: 0, pause: 0 };
    let far: Vec<bool> = named.iter().map(|model| is_url(model)).collect();
    let open = |model: &PathBuf| {
        if is_url(model) {
            say(&format!("asking {} for its width", model.display()));
        }
        models::open(model, patience)
    };
    let all = named.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    Ok((!all.is_empty()).then(|| Arc::new(Opened(all, far)) as Arc<dyn Models>))
}

impl Opened {
    /// Models of this width.
    fn of_width(&self, width: usize) -> Vec<usize> {
        (0..self.0.len()).filter(|&number| self.0[number].identity().width == width).collect()
    }

    fn names(&self) -> String {
        self.0.iter().map(|e| e.identity().to_string()).collect::<Vec<_>>().join(", ")
    }
}

impl Models for Opened {
    fn of(&self, index: &Index, modality: &str) -> Result<usize, String> {
        let Some(searched) = index.modality(modality) else { return Err(format!("no modality {modality:?}")) };
        let width = searched.matrix.dim();
        let Some(named) = &searched.encoder else {
            return match self.of_width(width)[..] {
                [only] => Ok(only),
                [] => Err(format!("{modality} has {width} elements, which {} does not give", self.names())),
                _ => Err(format!(
                    "the index does not say what made its {modality}, and several models have its {width} elements ({}); \
                     name its `encoder` in the corpus file, or serve one of them",
                    self.names()
                )),
            };
        };
        let mut refused = None;
        for (number, encoder) in self.0.iter().enumerate() {
            match encoder.identity().check(named) {
                Ok(()) if encoder.identity().width == width => return Ok(number),
                Ok(()) => {}
                Err(e) => refused = Some(e.to_string()),
            }
        }
        match (self.0.len(), refused) {
            (1, Some(why)) => Err(format!("{modality}: {why}")),
            _ => Err(format!("{modality}: the index's vectors were made by {named}; this daemon has {}", self.names())),
        }
    }

    fn text(&self, model: usize, text: &str) -> Result<Vec<f32>, Fault> {
        self.model(model)?.texts(&[text]).map_err(fault)
    }

    fn waits(&self, model: usize) -> bool {
        self.1.get(model).copied().unwrap_or(false)
    }

    fn image(&self, model: usize, file: &[u8]) -> Result<Vec<f32>, Fault> {
        let model = self.model(model)?;
        if !model.reads_images() {
            return Err(encode::Error::NoImages(model.identity().to_string()).to_string().into());
        }
        let pixels = decode_within(file, MOST_PIXELS).map_err(|e| e.to_string())?;
        model.images(&[pixels]).map_err(fault)
    }

    fn sees(&self, model: usize) -> bool {
        self.model(model).is_ok_and(|m| m.reads_images())
    }

    fn doubts(&self, index: &Index) -> Vec<String> {
        let all = index.modalities.iter().map(|m| (m, self.of(index, &m.name)));
        let mut doubts: Vec<String> = Vec::new();
        let mut served = false;
        for (modality, model) in all {
            served |= model.is_ok();
            match model {
                _ if modality.encoder.is_some() => {}
                Ok(model) => {
                    let model = self.model(model).map(|e| e.identity().to_string()).unwrap_or_default();
                    let name = &modality.name;
                    doubts.push(format!(
                        "the index does not say what made its {name}; whether {model} did cannot be checked"
                    ));
                }
                Err(why) if self.of_width(modality.matrix.dim()).len() > 1 => doubts.push(why),
                Err(_) => {}
            }
        }
        if !served {
            doubts.push(format!("no modality was made by {}: texts cannot be searched for here", self.names()));
        }
        doubts
    }
}

/// A server's address is nobody's business but the log's.
fn fault(error: encode::Error) -> Fault {
    match error {
        encode::Error::Server { what, refused: true, .. } => Fault::Asked(what),
        encode::Error::Server { .. } => Fault::Model(error.to_string()),
        other => Fault::Asked(other.to_string()),
    }
}

impl Opened {
    fn model(&self, number: usize) -> Result<&dyn Encoder, String> {
        self.0.get(number).map(|e| e.as_ref()).ok_or_else(|| format!("no model {number}"))
    }
}
