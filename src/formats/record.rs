//! One record: the fields that are wanted, by name; everything else is skipped without being built.

use super::error::FieldError;
use crate::words::{SampleId, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The wanted fields of a record. `null` and absence are the same: unknown.
#[derive(Debug, Default)]
pub(super) struct Record<'w>(Vec<(&'w str, Value)>);

type Field<T> = Result<T, FieldError>;

impl<'w> Record<'w> {
    /// Adds a field.
    pub(super) fn push(&mut self, name: &'w str, value: Value) {
        self.0.push((name, value));
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(n, _)| *n == name)?;
        let (_, value) = self.0.swap_remove(at);
        (!value.is_null()).then_some(value)
    }

    /// Is the field there?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, v)| *n == name && !v.is_null())
    }

    /// A finite number, or a text that is one.
    pub(super) fn number(&mut self, name: &str) -> Field<Option<f64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = match &value {
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|n: &f64| n.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(FieldError::wrong(name, "a finite number", &value)),
        }
    }

    /// A text that may be unknown.
    pub(super) fn text(&mut self, name: &str) -> Field<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(FieldError::wrong(name, "a text", &other)),
        }
    }

    /// A text that must be there; it may be empty.
    pub(super) fn required_text(&mut self, name: &str) -> Field<String> {
        self.text(name)?.ok_or_else(|| FieldError::Missing { field: name.to_owned() })
    }

    /// An id that may be unknown.
    pub(super) fn id(&mut self, name: &str) -> Field<Option<SampleId>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(SampleId::Text(text))),
            Some(other) => match other.as_i64() {
                Some(n) => Ok(Some(SampleId::Int(n))),
                None => Err(FieldError::wrong(name, "a 64-bit integer or a text", &other)),
            },
        }
    }

    /// An id that must be there.
    pub(super) fn required_id(&mut self, name: &str) -> Field<SampleId> {
        self.id(name)?.ok_or_else(|| FieldError::Missing { field: name.to_owned() })
    }

    /// A moment: ISO 8601 text, or Unix seconds as a number.
    pub(super) fn timestamp(&mut self, name: &str) -> Field<Option<Timestamp>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let moment = match &value {
            Value::String(text) => Timestamp::parse(text),
            Value::Number(n) => n.as_f64().and_then(Timestamp::from_unix_seconds),
            _ => None,
        };
        moment.map(Some).ok_or_else(|| {
            FieldError::wrong(name, "ISO 8601 (2013-04-17 or 2013-04-17T12:00:00Z) or Unix seconds as a number", &value)
        })
    }

    /// `true`, `false`, 1 or 0.
    pub(super) fn flag(&mut self, name: &str) -> Field<Option<bool>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match (&value, value.as_u64()) {
            (Value::Bool(b), _) => Ok(Some(*b)),
            (_, Some(n @ (0 | 1))) => Ok(Some(n == 1)),
            _ => Err(FieldError::wrong(name, "true, false, 1 or 0", &value)),
        }
    }

    /// A count: a number, the length of a list, or true (1) and false (0).
    pub(super) fn count(&mut self, name: &str) -> Field<Option<u32>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let count = match &value {
            Value::Bool(b) => Some(u32::from(*b)),
            Value::Array(list) => u32::try_from(list.len()).ok(),
            // Whatever went through a data frame with gaps is a float.
            Value::Number(n) => {
                let whole = n.as_f64().filter(|x| x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(x));
                whole.map(|x| x as u32)
            }
            _ => None,
        };
        count
            .map(Some)
            .ok_or_else(|| FieldError::wrong(name, "a whole number of 0 or more, a list, true or false", &value))
    }

    /// A list of something.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        item: impl Fn(Value) -> Result<T, Value>,
    ) -> Field<Option<Vec<T>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let items = items.into_iter().map(|i| item(i).map_err(|i| FieldError::wrong(name, expected, &i)));
                items.collect::<Field<Vec<T>>>().map(Some)
            }
            Some(other) => Err(FieldError::wrong(name, expected, &other)),
        }
    }
}

/// Reads a JSON object into a [`Record`]. A wanted field that stands twice is an error.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a, 'w>(pub &'a [&'w str]);

impl<'de, 'w> DeserializeSeed<'de> for Wanted<'_, 'w> {
    type Value = Record<'w>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Record<'w>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, 'w> Visitor<'de> for Wanted<'_, 'w> {
    type Value = Record<'w>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'w>, A::Error> {
        let mut record = Record::default();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(name) => {
                    if record.0.iter().any(|(n, _)| *n == name) {
                        return Err(A::Error::custom(format!("field \"{name}\" stands twice in one record")));
                    }
                    record.push(name, map.next_value()?);
                }
            }
        }
        Ok(record)
    }
}

/// A key, if it is wanted; no text is allocated for it.
struct Name<'a, 'w>(&'a [&'w str]);

impl<'de, 'w> DeserializeSeed<'de> for Name<'_, 'w> {
    type Value = Option<&'w str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<'w> Visitor<'_> for Name<'_, 'w> {
    type Value = Option<&'w str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|w| *w == name))
    }
}
