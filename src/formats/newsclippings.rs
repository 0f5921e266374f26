//! Annotation files of NewsCLIPpings (Luo, Darrell, Rohrbach 2021): which caption goes with which image.
//!
//! ```text
//! {"annotations": [
//!   {"id": 9, "image_id": 9, "similarity_score": 0.31, "falsified": false},     every even one pristine,
//!   {"id": 9, "image_id": 4, "similarity_score": 0.33, "falsified": true}, …    the next its falsified twin
//! ], "source_datasets": ["semantics_clip_text_image", …] or {"0": "semantics_clip_text_image", …}}
//! ```
//!
//! `source_datasets`, and the index into it that each annotation carries as `source_dataset`, are found in
//! merged files alone. Ids keep their JSON type. Captions and paths are not inside: join by id with the catalog.

use super::error::{FieldError, Place, RecordError, Where};
use super::record::Record;
use super::stream::{Elements, Item, Stream};
use crate::words::SampleId;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// One caption with one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The sample whose caption it is.
    pub id: SampleId,
    /// The sample whose image it is.
    pub image_id: SampleId,
    /// The split's score in its natural sign.
    pub similarity_score: f32,
    /// The image is not the caption's own.
    pub falsified: bool,
    /// In merged files: the split it comes from, an index into [`AnnotationFile::source_datasets`].
    pub source_dataset: Option<u32>,
}

/// A whole annotation file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnnotationFile {
    /// The annotations in file order.
    pub annotations: Vec<Annotation>,
    /// In merged files: the names of the splits; otherwise empty.
    pub source_datasets: Vec<String>,
}

const FIELDS: [&str; 5] = ["id", "image_id", "similarity_score", "falsified", "source_dataset"];

/// Reads an annotation file. `path` is for error texts.
///
/// `similarity_score` may be a number or a text that is one; `falsified` true, false, 1 or 0;
/// `source_datasets` a list, or an object with the keys "0", "1", ….
///
/// # Errors
/// The first annotation that is broken, lacks a field, has one of the wrong type, or a
/// `source_dataset` that `source_datasets` does not name; a file without `annotations`. That pristine and
/// falsified alternate is not checked here.
pub fn read_annotations(file: &[u8], path: &Path) -> Result<AnnotationFile, RecordError> {
    let mut annotations = Vec::new();
    let mut each = |item: Item<'_>| {
        annotations.push(annotation(item, path)?);
        Ok(())
    };
    let mut stream = Stream::new(false, &FIELDS, &mut each);
    let mut json = serde_json::Deserializer::from_slice(file);
    let result = Document { stream: &mut stream }.deserialize(&mut json);
    let result = result.and_then(|names| json.end().map(|()| names));
    let (names, _) = stream.outcome(path, result)?;
    let source_datasets = match names {
        None => Vec::new(),
        Some(value) => names_of(value).map_err(|field| Where::new(path, Place::File).field(field))?,
    };
    let unnamed = |a: &Annotation| a.source_dataset.is_some_and(|s| s as usize >= source_datasets.len());
    if let Some(record) = annotations.iter().position(unnamed) {
        let index = Value::from(annotations[record].source_dataset);
        let field = FieldError::wrong("source_dataset", "an index into source_datasets", &index);
        return Err(Where::new(path, Place::Record(record as u64)).field(field));
    }
    Ok(AnnotationFile { annotations, source_datasets })
}

fn annotation(item: Item<'_>, path: &Path) -> Result<Annotation, RecordError> {
    let mut record = item.record;
    let at = Where::new(path, item.place);
    let id = match record.required_id("id") {
        Ok(id) => id,
        Err(field) => return Err(at.field(field)),
    };
    match fields(&id, &mut record) {
        Ok(annotation) => Ok(annotation),
        Err(field) => Err(at.with_id(Some(id)).field(field)),
    }
}

fn fields(id: &SampleId, record: &mut Record<'_>) -> Result<Annotation, FieldError> {
    let missing = |field: &str| FieldError::Missing { field: field.to_owned() };
    let score = record.take("similarity_score").ok_or_else(|| missing("similarity_score"))?;
    let similarity_score = match &score {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .map(|score: f64| score as f32)
    .filter(|score| score.is_finite())
    .ok_or_else(|| FieldError::wrong("similarity_score", "a finite number", &score))?;
    let source_dataset = match record.take("source_dataset") {
        None => None,
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(n) => Some(n),
            None => return Err(FieldError::wrong("source_dataset", "an index from 0", &value)),
        },
    };
    Ok(Annotation {
        image_id: record.required_id("image_id")?,
        similarity_score,
        falsified: record.flag("falsified")?.ok_or_else(|| missing("falsified"))?,
        source_dataset,
        id: id.clone(),
    })
}

/// The names of the splits in the order of their indexes.
fn names_of(value: Value) -> Result<Vec<String>, FieldError> {
    let wrong = |value: &Value| {
        FieldError::wrong("source_datasets", "a list of names, or an object with the keys \"0\", \"1\", …", value)
    };
    let names: Option<Vec<String>> = match &value {
        Value::Null => Some(Vec::new()),
        Value::Array(names) => names.iter().map(|n| n.as_str().map(String::from)).collect(),
        Value::Object(by_index) => {
            let name = |i: usize| by_index.get(&i.to_string()).and_then(Value::as_str).map(String::from);
            (0..by_index.len()).map(name).collect()
        }
        _ => None,
    };
    names.ok_or_else(|| wrong(&value))
}

/// The outermost object: runs the stream over `annotations`, gives `source_datasets`.
struct Document<'m, 's, 'w> {
    stream: &'m mut Stream<'s, 'w, RecordError>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"annotations\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let (mut names, mut seen) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "annotations" if seen => return Err(A::Error::duplicate_field("annotations")),
                "annotations" => {
                    seen = true;
                    map.next_value_seed(Elements(self.stream))?;
                }
                "source_datasets" if names.is_some() => return Err(A::Error::duplicate_field("source_datasets")),
                "source_datasets" => names = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if seen { Ok(names) } else { Err(A::Error::missing_field("annotations")) }
    }
}

/// Writes an annotation file, one annotation a line. The same annotations give the same bytes: scores are the
/// shortest decimals that read back as the same `f32`.
pub struct AnnotationWriter<'n, W: Write> {
    to: W,
    source_datasets: &'n [&'n str],
    count: u64,
}

impl<'n, W: Write> AnnotationWriter<'n, W> {
    /// Begins a file; `source_datasets` is empty but in merged files. `to` should be buffered.
    pub fn new(mut to: W, source_datasets: &'n [&'n str]) -> io::Result<Self> {
        to.write_all(b"{\"annotations\": [")?;
        Ok(AnnotationWriter { to, source_datasets, count: 0 })
    }

    /// Writes the next annotation.
    ///
    /// # Errors
    /// `InvalidInput` for a score that is not finite (JSON has no word for it), or a `source_dataset` without a name.
    pub fn push(&mut self, a: &Annotation) -> io::Result<()> {
        if !a.similarity_score.is_finite() {
            let what = format!("similarity_score {} for id {}", a.similarity_score, a.id);
            return Err(io::Error::new(ErrorKind::InvalidInput, what));
        }
        if a.source_dataset.is_some_and(|s| s as usize >= self.source_datasets.len()) {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("source_dataset without a name for id {}", a.id),
            ));
        }
        self.to.write_all(if self.count == 0 { b"\n" } else { b",\n" })?;
        self.count += 1;
        write!(
            self.to,
            "{{\"id\": {}, \"image_id\": {}, \"similarity_score\": ",
            a.id.to_json(),
            a.image_id.to_json()
        )?;
        serde_json::to_writer(&mut self.to, &a.similarity_score)?;
        write!(self.to, ", \"falsified\": {}", a.falsified)?;
        if let Some(source) = a.source_dataset {
            write!(self.to, ", \"source_dataset\": {source}")?;
        }
        self.to.write_all(b"}")
    }

    /// Ends the file, flushes, and hands the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(if self.count == 0 { b"]" } else { b"\n]" })?;
        if !self.source_datasets.is_empty() {
            self.to.write_all(b", \"source_datasets\": ")?;
            serde_json::to_writer(&mut self.to, self.source_datasets)?;
        }
        self.to.write_all(b"}\n")?;
        self.to.flush()?;
        Ok(self.to)
    }
}
