//! ImageNet-Captions (Fang et al. 2022): what Flickr users wrote about the pictures that became ImageNet.
//!
//! ```text
//! [{"filename": "n03146219_14833.JPEG", "title": "…", "tags": ["…", …], "description": "…", "wnid": "n03146219"}, …]
//! ```
//!
//! There is no caption: it is composed from the fields that [`Compose`] names. The id is the file name, the topic the class.
//! Descriptions hold HTML (links, `&amp;`) and newlines.

use super::error::{FieldError, RecordError, Where};
use super::stream::{Layout, records};
use crate::words::{Facts, Sample, SampleId};
use serde::Deserialize;
use std::path::Path;

/// A part of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The title.
    Title,
    /// The tags, joined.
    Tags,
    /// The description.
    Description,
}

/// What is done about white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whitespace {
    /// Runs of it become one space; none at the ends.
    Collapse,
    /// It stays.
    Keep,
}

/// What is done about HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Html {
    /// Tags go, entities become characters.
    Strip,
    /// It stays.
    Keep,
}

/// How a caption is composed; `compose = { … }` in CORPUS.toml changes one thing or another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compose {
    /// Which parts, in this order. Empty ones leave no separator.
    pub parts: Vec<Part>,
    /// Between parts.
    pub separator: String,
    /// Between tags.
    pub tag_separator: String,
    /// White space inside a part.
    pub whitespace: Whitespace,
    /// HTML inside a part.
    pub html: Html,
    /// Where the pictures lie; `{wnid}` and `{filename}` stand for the record's.
    pub image_path: String,
}

impl Default for Compose {
    fn default() -> Compose {
        Compose {
            parts: vec![Part::Title, Part::Tags, Part::Description],
            separator: " ".into(),
            tag_separator: " ".into(),
            whitespace: Whitespace::Collapse,
            html: Html::Strip,
            image_path: "{wnid}/{filename}".into(),
        }
    }
}

const FIELDS: [&str; 5] = ["filename", "title", "tags", "description", "wnid"];

/// Streams the records: one call of `each` a record, in file order. Gives their number.
///
/// # Errors
/// The first record that is broken, lacks `filename`, or has a field of the wrong type; and whatever `each` returns.
pub fn read_imagenet_captions<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    compose: &Compose,
    mut each: impl FnMut(Sample) -> Result<(), E>,
) -> Result<u64, E> {
    records(file, path, Layout::Array, &FIELDS, |item| {
        let at = Where::new(path, item.place);
        let mut record = item.record;
        let filename = match record.required_text("filename") {
            Ok(name) => name,
            Err(field) => return Err(at.field(field).into()),
        };
        let mut sample = || -> Result<Sample, FieldError> {
            let tag = |tag| if let serde_json::Value::String(tag) = tag { Ok(tag) } else { Err(tag) };
            let tags = record.list("tags", "a list of texts", tag)?.unwrap_or_default();
            let (title, description) = (record.text("title")?, record.text("description")?);
            let wnid = record.text("wnid")?;
            let part = |part: &Part| match part {
                Part::Title => compose.clean(title.as_deref().unwrap_or_default()),
                Part::Description => compose.clean(description.as_deref().unwrap_or_default()),
                Part::Tags => {
                    let tags: Vec<String> = tags.iter().map(|t| compose.clean(t)).filter(|t| !t.is_empty()).collect();
                    tags.join(&compose.tag_separator)
                }
            };
            let parts: Vec<String> = compose.parts.iter().map(part).filter(|p| !p.is_empty()).collect();
            // The name last: whatever stands in it is no pattern.
            let folder = compose.image_path.replace("{wnid}", wnid.as_deref().unwrap_or_default());
            Ok(Sample {
                id: None,
                caption: parts.join(&compose.separator),
                image_path: folder.replace("{filename}", &filename),
                source: None,
                topic: wnid,
                facts: Facts::default(),
            })
        };
        match sample() {
            Ok(sample) => each(Sample { id: Some(SampleId::Text(filename)), ..sample }),
            Err(field) => Err(at.with_id(Some(SampleId::Text(filename))).field(field).into()),
        }
    })
}

impl Compose {
    fn clean(&self, text: &str) -> String {
        let text = match self.html {
            Html::Keep => text.to_owned(),
            Html::Strip => plain(text),
        };
        match self.whitespace {
            Whitespace::Keep => text,
            Whitespace::Collapse => text.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

/// Text without tags, its entities as characters. A `<` that begins no tag (`a < b`, `<3`) stays, and so does an entity that
/// is not among the usual ones.
fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(end) = tag(rest) {
            // Words on both sides of a tag that breaks a line are two words.
            let name = rest[1..].trim_start_matches('/');
            if ["br", "p>", "p ", "li", "div", "tr", "td", "h1", "h2", "h3"].iter().any(|b| name.starts_with(b)) {
                out.push(' ');
            }
            rest = &rest[end..];
        } else if let Some((character, end)) = entity(rest) {
            out.push(character);
            rest = &rest[end..];
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The length of the tag that `text` begins with.
fn tag(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let begins =
        inside.trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic()) || inside.starts_with('!');
    let end = inside.find(['<', '>']).filter(|&end| inside[end..].starts_with('>'))?;
    begins.then_some(end + 2)
}

/// The character that the entity at the start of `text` stands for, and its length.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.find(';').filter(|end| *end <= 10)?;
    let name = text.get(1..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let code = name.strip_prefix('#')?;
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace())?
        }
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        for (html, want) in [
            ("a <b>bold</b> word", "a bold word"),
            ("see <a href=\"http://x/?a=1&amp;b=2\">this</a>", "see this"),
            ("one<br/>two<br>three", "one two three"),
            ("Tom &amp; Jerry&#39;s &quot;x&quot; &#x41;", "Tom & Jerry's \"x\" A"),
            ("a < b & c > d <3 &unknown; &amp", "a < b & c > d <3 &unknown; &amp"),
            ("<", "<"),
            ("é<i>ü</i>&", "éü&"),
            ("<a <b>x", "<a x"),
            ("&#0; &#55296; &#99999999999;", "&#0; &#55296; &#99999999999;"),
        ] {
            assert_eq!(plain(html), want, "{html}");
        }
    }
}
