//! A column of texts: `n + 1` offsets and the bytes.

use super::*;

/// A mapped column of texts. Offsets are checked where they are used, not at open: a damaged one
/// reads as an empty text, and `verify-index` names it.
#[derive(Debug, Clone)]
pub struct Texts {
    offsets: Section<u64>,
    bytes: Section<u8>,
}

impl Texts {
    /// Takes the sections `{name}.o` and `{name}.t`; at least one offset must be there.
    pub fn open(file: &File, name: &str) -> Result<Texts> {
        let texts = Texts { offsets: file.section(&format!("{name}.o"))?, bytes: file.section(&format!("{name}.t"))? };
        if texts.offsets.is_empty() {
            return Err(file.damaged(format!("section {name}.o is empty")));
        }
        Ok(texts)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text's bytes; empty beyond the end.
    pub fn bytes(&self, i: usize) -> &[u8] {
        match (self.offsets.get(i), self.offsets.get(i + 1)) {
            (Some(&a), Some(&b)) => self.bytes.get(a as usize..b as usize).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// The text; empty beyond the end.
    pub fn get(&self, i: usize) -> &str {
        std::str::from_utf8(self.bytes(i)).unwrap_or("")
    }

    /// Checks every offset and every text.
    pub fn check(&self, file: &File, name: &str) -> Result<()> {
        let ordered = self.offsets.first() == Some(&0)
            && self.offsets.windows(2).all(|w| w[0] <= w[1])
            && self.offsets.last() == Some(&(self.bytes.len() as u64));
        if !ordered {
            return Err(file.damaged(format!("offsets of {name} are out of order")));
        }
        match (0..self.len()).find(|&i| std::str::from_utf8(self.bytes(i)).is_err()) {
            Some(i) => Err(file.damaged(format!("text {i} of {name} is not UTF-8"))),
            None => Ok(()),
        }
    }
}

/// Collects a column of texts.
#[derive(Debug)]
pub struct TextsWriter {
    offsets: Vec<u64>,
    bytes: Vec<u8>,
}

impl Default for TextsWriter {
    fn default() -> Self {
        TextsWriter { offsets: vec![0], bytes: Vec::new() }
    }
}

impl TextsWriter {
    /// Appends one text.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend(text.as_bytes());
        self.offsets.push(self.bytes.len() as u64);
    }

    /// Writes its two sections.
    pub fn write(&self, out: &mut FileWriter, name: &str) -> Result<()> {
        out.section(&format!("{name}.o"), &self.offsets)?;
        out.section(&format!("{name}.t"), &self.bytes)
    }
}

impl<S: AsRef<str>> FromIterator<S> for TextsWriter {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let mut out = TextsWriter::default();
        texts.into_iter().for_each(|t| out.push(t.as_ref()));
        out
    }
}
