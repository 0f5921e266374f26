//! What was asked, as the answer repeats it.

use crate::catalog::Catalog;
use crate::constraints::Rule;
use crate::words::Row;
use serde_json::{Value, json};

/// The settings of a query. What is absent, false or empty is not repeated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// The modality of a plain search.
    pub modality: Option<&'a str>,
    /// Whence a sample's vector was taken, where not from the searched modality.
    pub from: Option<&'a str>,
    /// Only this partition.
    pub partition: Option<&'a str>,
    /// One result an image.
    pub unique_image: bool,
    /// How many results.
    pub k: usize,
    /// H before L.
    pub adversarial: bool,
    /// The least similar first.
    pub lowest: bool,
    /// Rules that hold without being looked at.
    pub waive: &'a [Rule],
}

impl Settings<'_> {
    /// Puts them beside who it was asked for.
    pub fn beside(&self, who: &mut Value) {
        let Value::Object(query) = who else { return };
        let settings = [
            ("modality", json!(self.modality)),
            ("from", json!(self.from)),
            ("partition", json!(self.partition)),
            ("unique", json!(self.unique_image.then_some("image"))),
            ("k", json!(self.k)),
            ("adversarial", json!(self.adversarial)),
            ("lowest", json!(self.lowest)),
            ("waive", json!(self.waive)),
        ];
        let said = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]);
        query.extend(settings.into_iter().filter(|s| said(&s.1)).map(|(name, value)| (name.to_owned(), value)));
    }
}

/// A sample of the archive that a query asks for.
pub fn sample(catalog: &Catalog, row: Row) -> Value {
    json!({ "id": catalog.id(row), "caption": catalog.caption(row), "image_path": catalog.image_path(row) })
}
