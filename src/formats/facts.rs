//! Facts about a sample, from our own schema and from the published one, under configurable names.
//!
//! | field | read as |
//! |---|---|
//! | `timestamp` | ISO 8601 text, or Unix seconds as a number |
//! | `entities` | `[{"text", "label", "link"?}, …]` or `[[text, label, link?], …]` |
//! | `links` | `[title, …]`: linked titles that belong to no mention |
//! | `person_boxes` | a whole number; a list (its length); true or false (1, 0) |
//! | `pictured` | `[name, …]` |
//! | `generic`, `corrupted` | true, false, 1, 0 |
//! | `partition`, else `split` | a text |
//! | `caption_entities_spacy` | as `entities`, where that is absent |
//! | `caption_entities_rel` | linked titles, where `links` is absent; each a text, an object or a list |
//!
//! `null` and absence mean unknown, an empty list that there are none. The layout of the
//! published `caption_entities_rel` is undocumented. In an object the title is the first of `link_keys` there is; in a
//! list it is the first text, or, where numbers come first as in the linker REL's own
//! `[start, length, mention, title, …]`, the second.

use super::error::{FieldError, RecordError};
use super::record::{Record, Wanted};
use crate::words::{Facts, Mention};
use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::Value;
use std::path::Path;

/// The names of the fields (JSON) or columns (CSV) of a file. Every name has its own as default; in CORPUS.toml,
/// `columns = { caption = "text" }` changes one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The sample's id. A catalog without such a column has no ids; in CSV, `""` names an unnamed column.
    pub id: String,
    /// The caption; a catalog must have it.
    pub caption: String,
    /// The image path; a catalog must have it.
    pub image_path: String,
    /// The outlet.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// When it was published.
    pub timestamp: String,
    /// Entity mentions.
    pub entities: String,
    /// Linked titles that belong to no mention.
    pub links: String,
    /// Persons boxed in the image.
    pub person_boxes: String,
    /// Names of the persons in the picture.
    pub pictured: String,
    /// Does the caption fit any picture?
    pub generic: String,
    /// Is the image unreadable?
    pub corrupted: String,
    /// train / val / test. Under its default name, `split` stands in where `partition` is absent.
    pub partition: String,
    /// The published spaCy mentions.
    pub caption_entities_spacy: String,
    /// The published linked titles.
    pub caption_entities_rel: String,
    /// In a linked title that is an object: the keys to look for, in this order.
    pub link_keys: Vec<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            id: "id".into(),
            caption: "caption".into(),
            image_path: "image_path".into(),
            source: "source".into(),
            topic: "topic".into(),
            timestamp: "timestamp".into(),
            entities: "entities".into(),
            links: "links".into(),
            person_boxes: "person_boxes".into(),
            pictured: "pictured".into(),
            generic: "generic".into(),
            corrupted: "corrupted".into(),
            partition: "partition".into(),
            caption_entities_spacy: "caption_entities_spacy".into(),
            caption_entities_rel: "caption_entities_rel".into(),
            link_keys: ["title", "entity", "name", "text"].map(String::from).to_vec(),
        }
    }
}

const SPLIT: &str = "split";

impl Columns {
    /// Every name that a fact may have.
    pub(super) fn of_facts(&self) -> Vec<&str> {
        let mut names: Vec<&str> = [
            &self.timestamp,
            &self.entities,
            &self.links,
            &self.person_boxes,
            &self.pictured,
            &self.generic,
            &self.corrupted,
            &self.partition,
            &self.caption_entities_spacy,
            &self.caption_entities_rel,
        ]
        .map(String::as_str)
        .to_vec();
        if self.partition == "partition" {
            names.push(SPLIT);
        }
        names
    }

    /// Every name that a catalog may have.
    pub(super) fn of_catalog(&self) -> Vec<&str> {
        let mut names = self.of_facts();
        names.extend([&self.id, &self.caption, &self.image_path, &self.source, &self.topic].map(String::as_str));
        names
    }

    /// Refuses names, as [`of_facts`](Self::of_facts) and [`of_catalog`](Self::of_catalog) give them, that stand twice.
    pub(super) fn check(names: &[&str], path: &Path) -> Result<(), RecordError> {
        match names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            Some((_, name)) => Err(RecordError::SameColumn { path: path.to_owned(), column: (*name).to_owned() }),
            None => Ok(()),
        }
    }

    /// Takes the facts out of a record.
    pub(super) fn facts(&self, record: &mut Record<'_>) -> Result<Facts, FieldError> {
        let spacy = mentions(record, &self.caption_entities_spacy)?;
        let rel = record.list(&self.caption_entities_rel, REL, |link| self.linked_title(link))?;
        let split = record.text(SPLIT)?;
        Ok(Facts {
            timestamp: record.timestamp(&self.timestamp)?,
            entities: mentions(record, &self.entities)?.or(spacy),
            links: names(record, &self.links)?.or(rel).unwrap_or_default(),
            person_boxes: record.count(&self.person_boxes)?,
            pictured: names(record, &self.pictured)?,
            generic: record.flag(&self.generic)?,
            corrupted: record.flag(&self.corrupted)?,
            partition: record.text(&self.partition)?.or(split),
        })
    }

    fn linked_title(&self, link: Value) -> Result<String, Value> {
        let title = match &link {
            Value::String(title) => Some(title),
            Value::Object(fields) => self.link_keys.iter().find_map(|key| match fields.get(key) {
                Some(Value::String(title)) => Some(title),
                _ => None,
            }),
            Value::Array(items) => {
                let mut texts =
                    items.iter().filter_map(|item| if let Value::String(t) = item { Some(t) } else { None });
                if matches!(items.first(), Some(Value::Number(_))) { texts.nth(1) } else { texts.next() }
            }
            _ => None,
        };
        title.cloned().ok_or(link)
    }
}

const REL: &str = "a list of linked titles: texts, [title, …], [start, length, mention, title, …], {\"title\": …}";

fn names(record: &mut Record<'_>, field: &str) -> Result<Option<Vec<String>>, FieldError> {
    record.list(field, "a list of texts", |name| if let Value::String(name) = name { Ok(name) } else { Err(name) })
}

fn mentions(record: &mut Record<'_>, field: &str) -> Result<Option<Vec<Mention>>, FieldError> {
    record.list(field, "a list of {\"text\", \"label\", \"link\"?} or [text, label]", |item| mention(&item).ok_or(item))
}

fn mention(item: &Value) -> Option<Mention> {
    let link = |link: Option<&Value>| match link {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(link)) => Some(Some(link.clone())),
        Some(_) => None,
    };
    let (text, label, link) = match item {
        Value::Object(fields) => (fields.get("text")?, fields.get("label")?, link(fields.get("link"))?),
        Value::Array(items) if items.len() == 2 || items.len() == 3 => (&items[0], &items[1], link(items.get(2))?),
        _ => return None,
    };
    Some(Mention { text: text.as_str()?.to_owned(), label: label.as_str()?.to_owned(), link })
}

/// The facts in one JSON object, under their default names; other fields are not looked at.
///
/// # Errors
/// The first field of the wrong type; something else than an object.
pub fn facts_from_json(object: &Value) -> Result<Facts, FieldError> {
    let columns = Columns::default();
    match Wanted(&columns.of_facts()).deserialize(object) {
        Ok(mut record) => columns.facts(&mut record),
        Err(_) => Err(FieldError::wrong("(the whole)", "an object of facts", object)),
    }
}

/// The facts in one JSON object and the caption that they are about, where it is there.
pub fn captioned_facts(object: &Value) -> Result<(Option<String>, Facts), FieldError> {
    let facts = facts_from_json(object)?;
    match object.get("caption") {
        None | Some(Value::Null) => Ok((None, facts)),
        Some(Value::String(caption)) => Ok((Some(caption.clone()), facts)),
        Some(other) => Err(FieldError::wrong("caption", "a text", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Timestamp;
    use serde_json::json;

    fn mention(text: &str, label: &str, link: Option<&str>) -> Mention {
        Mention { text: text.into(), label: label.into(), link: link.map(String::from) }
    }

    #[test]
    fn our_schema() {
        let facts = facts_from_json(&json!({
            "timestamp": 86400.5, "person_boxes": [[0, 0, 1, 1], [2, 2, 3, 3]], "pictured": ["Ada"], "generic": 0,
            "corrupted": true, "split": "val", "whatever": {"x": []}, "links": [],
            "entities": [{"text": "Ada", "label": "PERSON", "link": "Ada Lovelace", "start": 3}, ["Rome", "GPE"], ["x", "y", null]],
        }))
        .unwrap();
        let want = Facts {
            timestamp: Some(Timestamp(86_400_500_000)),
            entities: Some(vec![
                mention("Ada", "PERSON", Some("Ada Lovelace")),
                mention("Rome", "GPE", None),
                mention("x", "y", None),
            ]),
            links: vec![],
            person_boxes: Some(2),
            pictured: Some(vec!["Ada".into()]),
            generic: Some(false),
            corrupted: Some(true),
            partition: Some("val".into()),
        };
        assert_eq!(facts, want);
    }

    #[test]
    fn unknown_is_not_none() {
        let nulls = json!({"timestamp": null, "entities": null, "links": null, "person_boxes": null, "pictured": null,
            "generic": null, "corrupted": null, "partition": null, "split": null});
        assert_eq!(facts_from_json(&nulls).unwrap(), Facts::default());
        assert_eq!(facts_from_json(&json!({})).unwrap(), Facts::default());
        let none = facts_from_json(&json!({"entities": [], "person_boxes": false})).unwrap();
        assert_eq!((none.entities, none.person_boxes), (Some(vec![]), Some(0)));
        let both = facts_from_json(&json!({"partition": "test", "split": "x", "person_boxes": 2.0})).unwrap();
        assert_eq!((both.partition.as_deref(), both.person_boxes), (Some("test"), Some(2)));
    }

    #[test]
    fn the_published_schema() {
        let facts = facts_from_json(&json!({
            "caption_entities_spacy": [["Ada", "PERSON"]],
            "caption_entities_rel": ["A", ["B", 0.9], [0, 3, "c", "C", 0.5, 0.4, "PER"], {"conf": 1, "entity": "D"}],
        }))
        .unwrap();
        assert_eq!(facts.entities, Some(vec![mention("Ada", "PERSON", None)]));
        assert_eq!(facts.links, ["A", "B", "C", "D"]);
    }

    #[test]
    fn wrong_types_name_the_field() {
        for (field, value) in [
            ("timestamp", json!("yesterday")),
            ("timestamp", json!(1e300)),
            ("timestamp", json!([])),
            ("entities", json!({})),
            ("entities", json!(["Ada"])),
            ("entities", json!([["Ada"]])),
            ("entities", json!([{"text": "Ada"}])),
            ("entities", json!([{"text": "Ada", "label": 3}])),
            ("entities", json!([["Ada", "PERSON", 4]])),
            ("person_boxes", json!(-1)),
            ("person_boxes", json!(1.5)),
            ("person_boxes", json!("2")),
            ("pictured", json!("Ada")),
            ("pictured", json!([1])),
            ("generic", json!(2)),
            ("corrupted", json!("no")),
            ("partition", json!(1)),
            ("links", json!([["A"]])),
            ("caption_entities_rel", json!([[1, 2]])),
            ("caption_entities_rel", json!([{"conf": 1}])),
        ] {
            let error = facts_from_json(&json!({ field: value })).unwrap_err().to_string();
            assert!(error.starts_with(&format!("field \"{field}\": expected ")), "{error}");
        }
        assert!(facts_from_json(&json!([1])).is_err());
    }
}
