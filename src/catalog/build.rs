//! Samples → the catalog file.

use super::*;
use crate::wire::{self, FileWriter, Kind, TextsWriter, Written};
use crate::words::text::{count_words, normalise_name};
use crate::words::{Facts, Sample, SampleId};
use std::collections::HashMap;
use std::path::Path;

/// Collects samples in catalog order. Memory grows with the corpus (captions, names), not with vectors.
#[derive(Debug, Default)]
pub struct CatalogBuilder {
    samples: Vec<Sample>,
    ids: Vec<SampleId>,
    by_id: HashMap<SampleId, u32>,
    partitions: Vec<String>,
}

/// Why a sample cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum BuildError {
    /// Two samples, one id.
    #[error("id {id} again (first at record {first})")]
    DuplicateId {
        /// The id.
        id: SampleId,
        /// 0-based record of the first.
        first: u32,
    },
    /// More rows than a row number can count.
    #[error("more than 4,294,967,294 samples")]
    TooMany,
    /// More labels or partitions than a 16-bit number can count.
    #[error("{got} different {what}, at most {MAX_PARTITIONS} can be told apart")]
    TooManyKinds {
        /// Labels of mentions, or partitions.
        what: &'static str,
        /// How many there are.
        got: usize,
    },
    /// Some samples name a partition, and this one does not.
    #[error(
        "sample {id}: no partition, while other samples name {others:?}; give every sample one, or name `partitions` in [corpus] (then samples without are left out)"
    )]
    SomeWithout {
        /// The sample.
        id: SampleId,
        /// What others say.
        others: Vec<String>,
    },
    /// The corpus names its partitions, and this is none of them.
    #[error("sample {id}: partition {got:?} is not among {declared:?}; name it in `partitions`")]
    UnknownPartition {
        /// The sample.
        id: SampleId,
        /// What the sample says.
        got: String,
        /// What the corpus declares.
        declared: Vec<String>,
    },
}

impl CatalogBuilder {
    /// For a corpus with these partitions (none: a corpus without).
    pub fn new(partitions: &[String]) -> Self {
        CatalogBuilder { partitions: partitions.to_vec(), ..Self::default() }
    }

    /// Appends a sample; one without an id is known by its record number.
    pub fn push(&mut self, sample: Sample) -> Result<u32, BuildError> {
        let record = u32::try_from(self.samples.len()).ok().filter(|&r| r < NONE32 - 1).ok_or(BuildError::TooMany)?;
        let id = sample.id.clone().unwrap_or(SampleId::Int(i64::from(record)));
        if let Some(&first) = self.by_id.get(&id) {
            return Err(BuildError::DuplicateId { id, first });
        }
        self.by_id.insert(id.clone(), record);
        self.ids.push(id);
        self.samples.push(sample);
        Ok(record)
    }

    /// The record with this id, or with the same id in the other JSON type.
    pub fn find(&self, id: &SampleId) -> Option<u32> {
        self.by_id.get(id).or_else(|| self.by_id.get(&id.other_type()?)).copied()
    }

    /// How many samples were pushed.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// None pushed yet?
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The id of a record.
    pub fn id(&self, record: u32) -> Option<&SampleId> {
        self.ids.get(record as usize)
    }

    /// The facts of a record, to be added to.
    pub fn facts_mut(&mut self, record: u32) -> Option<&mut Facts> {
        self.samples.get_mut(record as usize).map(|s| &mut s.facts)
    }

    /// The partition a record says it belongs to.
    pub fn partition(&self, record: u32) -> Option<&str> {
        self.samples.get(record as usize)?.facts.partition.as_deref()
    }

    /// For a corpus whose file names no partitions: takes those that the records name, in order of first use. All records
    /// must name one, or none.
    pub fn adopt_partitions(&mut self) -> Result<&[String], BuildError> {
        let mut without = None;
        for (id, sample) in self.ids.iter().zip(&self.samples) {
            match &sample.facts.partition {
                None => without = without.or(Some(id)),
                Some(p) if !self.partitions.contains(p) => self.partitions.push(p.clone()),
                Some(_) => {}
            }
        }
        match without {
            Some(id) if !self.partitions.is_empty() => {
                Err(BuildError::SomeWithout { id: id.clone(), others: self.partitions.clone() })
            }
            _ => Ok(&self.partitions),
        }
    }

    /// Does every record that names a partition name one of the corpus'?
    pub fn check_partitions(&self) -> Result<(), BuildError> {
        let unknown = |(id, sample): (&SampleId, &Sample)| {
            let got = sample.facts.partition.clone().filter(|p| !self.partitions.contains(p))?;
            Some(BuildError::UnknownPartition { id: id.clone(), got, declared: self.partitions.clone() })
        };
        match self.ids.iter().zip(&self.samples).find_map(unknown) {
            Some(e) if !self.partitions.is_empty() => Err(e),
            _ => Ok(()),
        }
    }

    /// Drops every record that `keep` refuses; the others move up. Returns old record → new row.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) -> Vec<Option<u32>> {
        let mut moved = Vec::with_capacity(self.samples.len());
        let mut next = 0;
        for record in 0..self.samples.len() as u32 {
            moved.push(keep(record).then(|| {
                next += 1;
                next - 1
            }));
        }
        let kept = |i: &mut usize| {
            *i += 1;
            moved[*i - 1].is_some()
        };
        let (mut a, mut b) = (0, 0);
        self.samples.retain(|_| kept(&mut a));
        self.ids.retain(|_| kept(&mut b));
        self.by_id = self.ids.iter().cloned().zip(0..).collect();
        moved
    }

    /// Writes the file.
    pub fn write(self, path: &Path) -> Result<Written, WriteError> {
        let n = self.samples.len();
        self.check_partitions()?;
        let names = Names::collect(&self.samples);
        for (what, got) in [("labels of mentions", names.labels.len()), ("partitions", self.partitions.len())] {
            if got > MAX_PARTITIONS {
                return Err(BuildError::TooManyKinds { what, got }.into());
            }
        }
        let mut out = FileWriter::create(path, Kind::Catalog, SECTIONS)?;

        let literals: Vec<String> = self.ids.iter().map(SampleId::to_json).collect();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_unstable_by(|&a, &b| literals[a as usize].as_bytes().cmp(literals[b as usize].as_bytes()));
        literals.iter().collect::<TextsWriter>().write(&mut out, "id")?;
        out.section("id.sort", &order)?;
        self.samples.iter().map(|s| &s.caption).collect::<TextsWriter>().write(&mut out, "cap")?;
        write_interned(&mut out, "img", self.samples.iter().map(|s| Some(s.image_path.as_str())))?;
        write_interned(&mut out, "src", self.samples.iter().map(|s| s.source.as_deref()))?;
        write_interned(&mut out, "top", self.samples.iter().map(|s| s.topic.as_deref()))?;

        let number = |p: &String| self.partitions.iter().position(|q| q == p).map_or(NONE16, |i| i as u16);
        let partition: Vec<u16> =
            self.samples.iter().map(|s| s.facts.partition.as_ref().map_or(NONE16, number)).collect();
        self.partitions.iter().collect::<TextsWriter>().write(&mut out, "part")?;
        out.section("part.row", &partition)?;
        let keyed = partition.iter().enumerate().filter(|(_, p)| **p != NONE16).map(|(r, &p)| (u32::from(p), r as u32));
        write_lists(&mut out, "prow", &invert(keyed, self.partitions.len()))?;

        let times: Vec<i64> = self.samples.iter().map(|s| s.facts.timestamp.map_or(NO_TIME, |t| t.0)).collect();
        let mut by_time: Vec<u32> = (0..n as u32).filter(|&r| times[r as usize] != NO_TIME).collect();
        by_time.sort_unstable_by_key(|&r| (times[r as usize], r));
        out.section("time", &times)?;
        out.section("time.row", &by_time)?;

        let capped = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let column = |f: &dyn Fn(&Sample) -> u16| self.samples.iter().map(f).collect::<Vec<_>>();
        out.section("words", &column(&|s| capped(count_words(&s.caption))))?;
        out.section("ment.n", &column(&|s| s.facts.entities.as_ref().map_or(0, |e| capped(e.len()))))?;
        // The greatest number stands for unknown: one box fewer is no loss.
        let boxes = |s: &Sample| s.facts.person_boxes.map_or(NONE32, |n| n.min(NONE32 - 1));
        let boxes: Vec<u32> = self.samples.iter().map(boxes).collect();
        out.section("boxes", &boxes)?;
        out.section("flags", &self.samples.iter().map(|s| flags_of(&s.facts)).collect::<Vec<_>>())?;

        names.write(&self.samples, &mut out)?;
        Ok(out.finish()?)
    }
}

/// Every section of the file.
const SECTIONS: usize = 42;

/// Why the file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A sample does not fit the corpus.
    #[error(transparent)]
    Sample(#[from] BuildError),
    /// The file.
    #[error(transparent)]
    File(#[from] wire::Error),
}

fn flags_of(facts: &Facts) -> u8 {
    let mut flags = 0;
    let mut set = |bit, on| flags |= if on { bit } else { 0 };
    set(flag::GENERIC, facts.generic == Some(true));
    set(flag::CORRUPTED, facts.corrupted == Some(true));
    set(flag::ENTITIES_KNOWN, facts.entities.is_some());
    set(flag::HAS_PERSON, facts.entities.iter().flatten().any(|m| m.label == PERSON));
    set(flag::PICTURED_KNOWN, facts.entities.is_some() || facts.pictured.is_some());
    flags
}

/// The pictured persons of a sample, as (key, is link) pairs: `pictured` names, or every PERSON where there is no
/// such list, each with the links of the PERSON mentions of that name.
pub(crate) fn pictured_keys(facts: &Facts) -> Vec<(String, bool)> {
    let persons = || facts.entities.iter().flatten().filter(|m| m.label == PERSON);
    let surfaces: Vec<String> = match &facts.pictured {
        Some(names) => names.iter().map(|n| normalise_name(n)).collect(),
        None => persons().map(|m| normalise_name(&m.text)).collect(),
    };
    let links = persons().filter(|m| surfaces.contains(&normalise_name(&m.text))).filter_map(|m| m.link.clone());
    let links: Vec<_> = links.filter(|l| !l.is_empty()).map(|l| (l, true)).collect();
    surfaces.into_iter().filter(|s| !s.is_empty()).map(|s| (s, false)).chain(links).collect()
}

/// The names of a caption with their labels: (key, is link, label, text as written).
pub(crate) fn mention_keys(facts: &Facts) -> Vec<(String, bool, Option<&str>, &str)> {
    let mut keys = Vec::new();
    for mention in facts.entities.iter().flatten() {
        let label = Some(mention.label.as_str());
        keys.push((normalise_name(&mention.text), false, label, mention.text.as_str()));
        if let Some(link) = &mention.link {
            keys.push((link.clone(), true, label, link.as_str()));
        }
    }
    if facts.entities.is_some() {
        keys.extend(facts.links.iter().map(|l| (l.clone(), true, None, l.as_str())));
    }
    keys.retain(|k| !k.0.is_empty());
    keys
}

/// Interned names, numbered in order of (kind, key).
struct Names {
    numbers: HashMap<(bool, String), u32>,
    /// (kind, key, text as first written), sorted.
    sorted: Vec<(bool, String, String)>,
    labels: Vec<String>,
}

impl Names {
    fn collect(samples: &[Sample]) -> Names {
        let mut first: HashMap<(bool, String), String> = HashMap::new();
        let mut labels = std::collections::BTreeSet::new();
        for sample in samples {
            for (key, link, label, text) in mention_keys(&sample.facts) {
                labels.extend(label.map(str::to_owned));
                first.entry((link, key)).or_insert_with(|| text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            for (key, link) in pictured_keys(&sample.facts) {
                first.entry((link, key.clone())).or_insert(key);
            }
        }
        let mut sorted: Vec<_> = first.into_iter().map(|((link, key), text)| (link, key, text)).collect();
        sorted.sort_unstable();
        let numbers = sorted.iter().zip(0..).map(|((link, key, _), i)| ((*link, key.clone()), i)).collect();
        Names { numbers, sorted, labels: labels.into_iter().collect() }
    }

    fn number(&self, key: String, link: bool) -> u32 {
        self.numbers.get(&(link, key)).copied().unwrap_or(NONE32)
    }

    fn write(&self, samples: &[Sample], out: &mut FileWriter) -> Result<(), wire::Error> {
        let labels: HashMap<&str, u16> = self.labels.iter().map(String::as_str).zip(0..).collect();
        let mut mentions: Vec<Vec<(u32, u16)>> = Vec::with_capacity(samples.len());
        let mut pictured: Vec<Vec<u32>> = Vec::with_capacity(samples.len());
        for sample in samples {
            let mut here: Vec<_> = mention_keys(&sample.facts)
                .into_iter()
                .map(|(key, link, label, _)| {
                    (self.number(key, link), label.and_then(|l| labels.get(l)).copied().unwrap_or(NONE16))
                })
                .collect();
            here.sort_unstable();
            here.dedup();
            mentions.push(here);
            let mut here: Vec<_> =
                pictured_keys(&sample.facts).into_iter().map(|(key, link)| self.number(key, link)).collect();
            here.sort_unstable();
            here.dedup();
            pictured.push(here);
        }
        let signatures: Vec<u64> =
            mentions.iter().map(|m| m.iter().fold(0, |bits, &(name, _)| bits | signature_bit(name))).collect();
        out.section("sign", &signatures)?;
        self.sorted.iter().map(|(_, _, text)| text).collect::<TextsWriter>().write(out, "name")?;
        self.sorted.iter().map(|(_, key, _)| key).collect::<TextsWriter>().write(out, "key")?;
        out.section("kind", &self.sorted.iter().map(|(link, ..)| u8::from(*link)).collect::<Vec<_>>())?;
        self.labels.iter().collect::<TextsWriter>().write(out, "label")?;

        let name_lists: Vec<Vec<u32>> = mentions.iter().map(|m| m.iter().map(|&(name, _)| name).collect()).collect();
        write_lists(out, "ment", &name_lists)?;
        out.section("ment.l", &mentions.iter().flatten().map(|&(_, label)| label).collect::<Vec<_>>())?;
        write_lists(out, "pict", &pictured)?;
        for (lists, name) in [(&name_lists, "nrow"), (&pictured, "pcrow")] {
            let keyed = lists.iter().enumerate().flat_map(|(r, list)| {
                let mut distinct = list.clone();
                distinct.dedup();
                distinct.into_iter().map(move |name| (name, r as u32))
            });
            write_lists(out, name, &invert(keyed, self.sorted.len()))?;
        }
        Ok(())
    }
}

fn invert(pairs: impl Iterator<Item = (u32, u32)>, n: usize) -> Vec<Vec<u32>> {
    let mut lists = vec![Vec::new(); n];
    for (key, value) in pairs {
        if let Some(list) = lists.get_mut(key as usize) {
            list.push(value);
        }
    }
    lists
}

fn write_lists(out: &mut FileWriter, name: &str, lists: &[Vec<u32>]) -> Result<(), wire::Error> {
    let ends = lists.iter().scan(0u64, |end, list| {
        *end += list.len() as u64;
        Some(*end)
    });
    out.section(&format!("{name}.o"), &std::iter::once(0).chain(ends).collect::<Vec<_>>())?;
    out.begin(&format!("{name}.v"))?;
    lists.iter().try_for_each(|list| out.write(list))
}

/// Distinct texts in order of first use, and their number for every row.
fn write_interned<'a>(
    out: &mut FileWriter,
    name: &str,
    column: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), wire::Error> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut texts = TextsWriter::default();
    let mut rows = Vec::new();
    for text in column {
        rows.push(match text {
            None => NONE32,
            Some(text) => {
                let next = numbers.len() as u32;
                *numbers.entry(text).or_insert_with(|| {
                    texts.push(text);
                    next
                })
            }
        });
    }
    texts.write(out, name)?;
    out.section(&format!("{name}.row"), &rows)
}
