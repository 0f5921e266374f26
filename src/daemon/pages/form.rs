//! Query strings: read as a form sends them, and written for links.

use crate::daemon::problem::Problem;
use std::borrow::Cow;
use std::str::FromStr;

/// The fields of a form. One that is empty is as good as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Of a query string, or of a body of a form.
    pub fn read(text: &str) -> Form {
        let pairs = form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.trim().is_empty());
        Form(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Of fields as they came.
    pub fn of(mut fields: Vec<(String, String)>) -> Form {
        fields.retain(|(_, value)| !value.trim().is_empty());
        Form(fields)
    }

    /// The same, with this value of a field and no other.
    pub fn and(mut self, name: &str, value: &str) -> Form {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A field; of several of one name the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// Every field of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// Is the box ticked?
    pub fn is(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "on" | "true" | "yes"))
    }

    /// A number.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| Problem::invalid(name, format!("{text:?} is not a number that fits")));
        number.map(Some)
    }

    /// A query string with the same fields, but for those that are named here: they have the new value, or none.
    pub fn with(&self, changes: &[(&str, Option<&str>)]) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        let kept = self.0.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        kept.for_each(|(name, value)| {
            out.append_pair(name, value);
        });
        for (name, value) in changes {
            if let Some(value) = value {
                out.append_pair(name, value);
            }
        }
        out.finish()
    }

    /// The same as fields.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A query string of these fields.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.iter().copied()).finish()
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.extend(percent(other)),
        }
    }
    out
}

fn percent(byte: u8) -> [char; 3] {
    let digit = |n: u8| char::from(b"0123456789ABCDEF"[usize::from(n & 15)]);
    ['%', digit(byte >> 4), digit(byte)]
}

/// A path of this daemon to go on with; anything else leads to the first page.
pub(super) fn local(path: Option<&str>) -> Cow<'_, str> {
    match path {
        // Browsers take `\` for `/`, and two of them for another host. Control characters they leave out.
        Some(path)
            if path.starts_with('/')
                && !path[1..].starts_with(['/', '\\'])
                && path.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Cow::Borrowed(path)
        }
        _ => Cow::Borrowed("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let form = Form::read("id=a%26b%3Dc&k=5&words=&waive=days&waive=words&adversarial=on&text=%C3%A9+x");
        assert_eq!(form.get("id"), Some("a&b=c"));
        assert_eq!(form.get("words"), None);
        assert_eq!(form.all("waive").collect::<Vec<_>>(), ["days", "words"]);
        assert!(form.is("adversarial") && !form.is("unique"));
        assert_eq!(form.number::<usize>("k").unwrap(), Some(5));
        assert_eq!(Form::read("k=-5").number::<usize>("k").unwrap_err().field.as_deref(), Some("k"));
        assert_eq!(Form::read(&form.with(&[])), form);
        let other = Form::read(&form.with(&[("id", Some("<\"'&>")), ("waive", None)]));
        assert_eq!((other.get("id"), other.get("waive"), other.get("text")), (Some("<\"'&>"), None, Some("é x")));
    }

    #[test]
    fn links_stay_here() {
        assert_eq!(local(Some("/explain?id=5")), "/explain?id=5");
        for away in ["//evil", "/\\evil", "https://evil", "javascript:x", "", "/a\nb", "/\t/evil"] {
            assert_eq!(local(Some(away)), "/", "{away:?}");
        }
        assert_eq!(segment("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }
}
