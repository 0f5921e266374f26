//! Evidence of files, joined by id.

use super::super::talk::Bars;
use super::Question;
use crate::evidence::By;
use crate::formats::{EvidenceRecord, read_evidence};
use crate::import::Talk;
use crate::mapped::Mapped;
use crate::words::SampleId;
use anyhow::{Context, Result, bail};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Records with the name of their file, by an id.
type ById = HashMap<String, Vec<(String, EvidenceRecord)>>;

/// Evidence of files, by the ids that found it.
#[derive(Default)]
pub(super) struct Files {
    by_image: ById,
    by_caption: ById,
}

/// Keeps what somebody asks about; gives the other ids.
fn sift(all: &mut ById, known: &HashSet<String>) -> Vec<String> {
    let strangers: Vec<String> = all.keys().filter(|id| !known.contains(*id)).cloned().collect();
    strangers.iter().for_each(|id| drop(all.remove(id)));
    strangers
}

impl Files {
    pub fn is_empty(&self) -> bool {
        self.by_image.is_empty() && self.by_caption.is_empty()
    }

    /// Reads the files. Evidence about ids that nobody asks about is said, by id; if there is no other, that is an error.
    pub fn read(paths: &[PathBuf], questions: &[Question], talk: &Bars) -> Result<Files> {
        let ids = |of: &dyn Fn(&Question) -> Option<&SampleId>| -> HashSet<String> {
            questions.iter().filter_map(of).map(ToString::to_string).collect()
        };
        let (captions, images) = (ids(&|q| q.id.as_ref()), ids(&|q| q.image_id.as_ref()));
        let mut files = Files::default();
        for path in paths {
            let name = path.display().to_string();
            let records = if path.is_dir() {
                let (records, absent) = super::ccn::read(path)?;
                if absent > 0 {
                    talk.note(&format!(
                        "note: {name}: {absent} entries of its index have no folder: they count as not searched"
                    ));
                }
                records
            } else {
                let bytes = Mapped::open(path).with_context(|| name.clone())?;
                read_evidence(&bytes, path)?
            };
            let (mut by_image, mut by_caption) = (ById::new(), ById::new());
            for record in records {
                // What a caption found is named by the caption's id; beside it the image's id says what it was compared with.
                let (place, id) = match (&record.id, &record.image_id) {
                    (Some(id), _) => (&mut by_caption, id.to_string()),
                    (None, Some(image)) => (&mut by_image, image.to_string()),
                    (None, None) => continue,
                };
                place.entry(id).or_default().push((name.clone(), record));
            }
            let mut strangers = sift(&mut by_caption, &captions);
            strangers.extend(sift(&mut by_image, &images));
            strangers.sort();
            if !strangers.is_empty() {
                let first = strangers.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
                let said = format!(
                    "{name}: evidence about {} ids that nobody asks about, the first are {first}",
                    strangers.len()
                );
                if by_image.is_empty() && by_caption.is_empty() {
                    bail!("{said}; none of it could be joined: are these the ids of the same set?");
                }
                talk.note(&format!("note: {said}"));
            }
            by_image.into_iter().for_each(|(id, records)| files.by_image.entry(id).or_default().extend(records));
            by_caption.into_iter().for_each(|(id, records)| files.by_caption.entry(id).or_default().extend(records));
        }
        Ok(files)
    }

    /// What is known of a question, with the name of the file.
    pub fn of(&self, question: &Question) -> impl Iterator<Item = (By, &(String, EvidenceRecord))> {
        let image = question.image_id.as_ref().and_then(|id| self.by_image.get(&id.to_string()));
        let caption = question.id.as_ref().and_then(|id| self.by_caption.get(&id.to_string()));
        let image = image.into_iter().flatten().map(|r| (By::Image, r));
        image.chain(caption.into_iter().flatten().map(|r| (By::Caption, r)))
    }
}
