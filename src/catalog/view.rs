//! The mapped catalog.

use super::*;
use crate::wire::{Checksum, File, Kind, Result, Section, Texts};
use crate::words::{Row, SampleId, Timestamp};
use std::path::Path;

/// The corpus. Opening maps and checks lengths; nothing is parsed. Every accessor is total: a row beyond
/// the end, or a damaged value inside, reads as unknown or empty, never out of bounds.
#[derive(Debug)]
pub struct Catalog {
    pub(super) file: File,
    rows: u32,
    pub(super) ids: Texts,
    pub(super) id_order: Section<u32>,
    pub(super) captions: Texts,
    pub(super) images: Texts,
    pub(super) image: Section<u32>,
    pub(super) sources: Texts,
    pub(super) source: Section<u32>,
    pub(super) topics: Texts,
    pub(super) topic: Section<u32>,
    pub(super) partitions: Texts,
    pub(super) partition: Section<u16>,
    pub(super) partition_rows: Lists,
    pub(super) times: Section<i64>,
    pub(super) time_order: Section<u32>,
    pub(super) words: Section<u16>,
    pub(super) mention_count: Section<u16>,
    pub(super) boxes: Section<u32>,
    pub(super) flags: Section<u8>,
    pub(super) signatures: Section<u64>,
    pub(super) names: Texts,
    pub(super) name_keys: Texts,
    pub(super) name_kinds: Section<u8>,
    pub(super) labels: Texts,
    pub(super) mentions: Lists,
    pub(super) mention_labels: Section<u16>,
    pub(super) pictured: Lists,
    pub(super) name_rows: Lists,
    pub(super) pictured_rows: Lists,
}

/// Lists of numbers: `n + 1` offsets and the values.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    pub offsets: Section<u64>,
    pub values: Section<u32>,
}

impl Lists {
    fn open(file: &File, name: &str, n: usize) -> Result<Lists> {
        Ok(Lists {
            offsets: file.section_of(&format!("{name}.o"), n + 1)?,
            values: file.section(&format!("{name}.v"))?,
        })
    }

    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        match (self.offsets.get(i), self.offsets.get(i + 1)) {
            (Some(&a), Some(&b)) if a <= b && b <= self.values.len() as u64 => a as usize..b as usize,
            _ => 0..0,
        }
    }

    pub fn get(&self, i: usize) -> &[u32] {
        &self.values[self.range(i)]
    }
}

/// What is known of a sample at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The caption fits any picture.
    pub fn generic(self) -> bool {
        self.0 & flag::GENERIC != 0
    }
    /// The image cannot be read.
    pub fn corrupted(self) -> bool {
        self.0 & flag::CORRUPTED != 0
    }
    /// A mention is labelled PERSON; `None` where the entities are unknown.
    pub fn has_person(self) -> Option<bool> {
        self.entities_known().then_some(self.0 & flag::HAS_PERSON != 0)
    }
    /// The entity list is known (it may be empty).
    pub fn entities_known(self) -> bool {
        self.0 & flag::ENTITIES_KNOWN != 0
    }
    /// No bit beyond those that mean something; HAS_PERSON only beside known entities.
    pub(super) fn is_defined(self) -> bool {
        self.0 < flag::PICTURED_KNOWN << 1 && (self.entities_known() || self.0 & flag::HAS_PERSON == 0)
    }
    /// Who is pictured is known (it may be nobody).
    pub fn pictured_known(self) -> bool {
        self.0 & flag::PICTURED_KNOWN != 0
    }
}

/// An interned name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// As first written in the corpus.
    pub text: &'a str,
    /// Normalised (surface texts) or as given (links): what is compared.
    pub key: &'a str,
    /// A linked title rather than a surface text.
    pub is_link: bool,
}

/// One stored mention: a name under a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MentionRef {
    /// The interned name.
    pub name: u32,
    /// The label's number; `None` for a linked title that belongs to no mention.
    pub label: Option<u16>,
}

impl Catalog {
    /// Maps the file and checks header and section lengths.
    pub fn open(path: &Path) -> Result<Catalog> {
        let file = File::open(path, Kind::Catalog)?;
        let ids = Texts::open(&file, "id")?;
        let n = ids.len();
        let rows = match u32::try_from(n) {
            Ok(rows) if rows < NONE32 => rows,
            _ => return Err(file.damaged(format!("{n} rows"))),
        };
        let names = Texts::open(&file, "name")?;
        let partitions = Texts::open(&file, "part")?;
        let mentions = Lists::open(&file, "ment", n)?;
        let catalog = Catalog {
            rows,
            id_order: file.section_of("id.sort", n)?,
            captions: Texts::open(&file, "cap")?,
            images: Texts::open(&file, "img")?,
            image: file.section_of("img.row", n)?,
            sources: Texts::open(&file, "src")?,
            source: file.section_of("src.row", n)?,
            topics: Texts::open(&file, "top")?,
            topic: file.section_of("top.row", n)?,
            partition: file.section_of("part.row", n)?,
            partition_rows: Lists::open(&file, "prow", partitions.len())?,
            times: file.section_of("time", n)?,
            time_order: file.section("time.row")?,
            words: file.section_of("words", n)?,
            mention_count: file.section_of("ment.n", n)?,
            boxes: file.section_of("boxes", n)?,
            flags: file.section_of("flags", n)?,
            signatures: file.section_of("sign", n)?,
            name_keys: Texts::open(&file, "key")?,
            name_kinds: file.section_of("kind", names.len())?,
            labels: Texts::open(&file, "label")?,
            mention_labels: file.section_of("ment.l", mentions.values.len())?,
            pictured: Lists::open(&file, "pict", n)?,
            name_rows: Lists::open(&file, "nrow", names.len())?,
            pictured_rows: Lists::open(&file, "pcrow", names.len())?,
            ids,
            names,
            partitions,
            mentions,
            file,
        };
        for (what, got, want) in
            [("captions", catalog.captions.len(), n), ("name keys", catalog.name_keys.len(), catalog.names.len())]
        {
            if got != want {
                return Err(catalog.file.damaged(format!("{got} {what}, expected {want}")));
            }
        }
        Ok(catalog)
    }

    /// The file's identity.
    pub fn checksum(&self) -> Checksum {
        self.file.checksum
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// How many samples.
    pub fn len(&self) -> u32 {
        self.rows
    }

    /// No sample at all?
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = Row> + use<> {
        (0..self.rows).map(Row)
    }

    /// The external id.
    pub fn id(&self, row: Row) -> SampleId {
        SampleId::from_json(self.id_json(row)).unwrap_or(SampleId::Text(String::new()))
    }

    /// The external id as a JSON literal.
    pub fn id_json(&self, row: Row) -> &str {
        self.ids.get(row.index())
    }

    /// The row with this id, of this JSON type. Logarithmic.
    pub fn find(&self, id: &SampleId) -> Option<Row> {
        let wanted = id.to_json();
        let found = self.id_order.binary_search_by(|&r| self.ids.bytes(r as usize).cmp(wanted.as_bytes())).ok()?;
        self.id_order.get(found).map(|&r| Row(r))
    }

    /// The row with this id, or with the same id in the other JSON type.
    pub fn find_any_type(&self, id: &SampleId) -> Option<Row> {
        self.find(id).or_else(|| self.find(&id.other_type()?))
    }

    /// The caption, as given.
    pub fn caption(&self, row: Row) -> &str {
        self.captions.get(row.index())
    }

    /// The image's number: samples with one path have one number.
    pub fn image(&self, row: Row) -> u32 {
        self.image.get(row.index()).copied().unwrap_or(NONE32)
    }

    /// How many distinct image paths there are.
    pub fn image_count(&self) -> usize {
        self.images.len()
    }

    /// The image path, as given.
    pub fn image_path(&self, row: Row) -> &str {
        self.images.get(self.image(row) as usize)
    }

    /// The outlet, where known.
    pub fn source(&self, row: Row) -> Option<&str> {
        interned(&self.sources, self.source.get(row.index()))
    }

    /// The topic, where known.
    pub fn topic(&self, row: Row) -> Option<&str> {
        interned(&self.topics, self.topic.get(row.index()))
    }

    /// The partitions' names, in order. Empty for a corpus without partitions.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.partitions.len()).map(|i| self.partitions.get(i))
    }

    /// The number of the partition of this name.
    pub fn partition_named(&self, name: &str) -> Option<u16> {
        self.partitions().position(|p| p == name).map(|i| i as u16)
    }

    /// A partition's name.
    pub fn partition_name(&self, partition: u16) -> &str {
        self.partitions.get(usize::from(partition))
    }

    /// The partition of a sample; `None` in a corpus without partitions.
    pub fn partition(&self, row: Row) -> Option<u16> {
        self.partition.get(row.index()).copied().filter(|&p| p != NONE16)
    }

    /// The rows of a partition, ascending.
    pub fn partition_rows(&self, partition: u16) -> &[u32] {
        self.partition_rows.get(usize::from(partition))
    }

    /// When it was published.
    pub fn timestamp(&self, row: Row) -> Option<Timestamp> {
        self.times.get(row.index()).copied().filter(|&t| t != NO_TIME).map(Timestamp)
    }

    /// The rows with a timestamp, ascending in time (ties by row).
    pub fn rows_by_time(&self) -> &[u32] {
        &self.time_order
    }

    /// Whitespace-separated words of the caption (65,535 stands for that many or more).
    pub fn words(&self, row: Row) -> u32 {
        self.words.get(row.index()).copied().map_or(0, u32::from)
    }

    /// Entity mentions in its list, of any label; links do not count again. `None`: no list.
    pub fn mention_count(&self, row: Row) -> Option<u32> {
        self.flags(row).entities_known().then(|| self.mention_count.get(row.index()).copied().map_or(0, u32::from))
    }

    /// Person boxes in the image.
    pub fn person_boxes(&self, row: Row) -> Option<u32> {
        self.boxes.get(row.index()).copied().filter(|&b| b != NONE32)
    }

    /// Flags.
    pub fn flags(&self, row: Row) -> Flags {
        Flags(self.flags.get(row.index()).copied().unwrap_or(0))
    }

    /// 64 bits over all names mentioned: no bit in common, no name in common.
    pub fn signature(&self, row: Row) -> u64 {
        self.signatures.get(row.index()).copied().unwrap_or(0)
    }

    /// Names under labels, ascending by name, then label. Empty where the entities are unknown.
    pub fn mentions(&self, row: Row) -> impl Iterator<Item = MentionRef> + '_ {
        let range = self.mentions.range(row.index());
        let labels = self.mention_labels.get(range.clone()).unwrap_or(&[]);
        self.mentions.values[range]
            .iter()
            .zip(labels)
            .map(|(&name, &label)| MentionRef { name, label: (label != NONE16).then_some(label) })
    }

    /// Names of the persons in the picture (surface texts and links), ascending; `None`: unknown.
    pub fn pictured(&self, row: Row) -> Option<&[u32]> {
        self.flags(row).pictured_known().then(|| self.pictured.get(row.index()))
    }

    /// How many interned names there are.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// An interned name.
    pub fn name(&self, name: u32) -> Name<'_> {
        let i = name as usize;
        Name {
            text: self.names.get(i),
            key: self.name_keys.get(i),
            is_link: self.name_kinds.get(i).copied().unwrap_or(0) == 1,
        }
    }

    /// The number of a name by its key. Logarithmic.
    pub fn find_name(&self, key: &str, is_link: bool) -> Option<u32> {
        let (mut low, mut high) = (0, self.names.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let here = (self.name_kinds.get(middle).copied().unwrap_or(0), self.name_keys.bytes(middle));
            match here.cmp(&(u8::from(is_link), key.as_bytes())) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return u32::try_from(middle).ok(),
            }
        }
        None
    }

    /// The labels, by number.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.labels.len()).map(|i| self.labels.get(i))
    }

    /// Rows whose caption mentions a name (under any label), ascending.
    pub fn rows_mentioning(&self, name: u32) -> &[u32] {
        self.name_rows.get(name as usize)
    }

    /// Rows that picture a person of this name, ascending.
    pub fn rows_picturing(&self, name: u32) -> &[u32] {
        self.pictured_rows.get(name as usize)
    }
}

fn interned<'a>(texts: &'a Texts, number: Option<&u32>) -> Option<&'a str> {
    number.filter(|&&n| n != NONE32).map(|&n| texts.get(n as usize))
}
