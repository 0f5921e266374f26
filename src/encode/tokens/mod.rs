//! Texts → the numbers of their tokens, as the model's own software numbers them.
//!
//! ```text
//! CLIP   NFC, lower case │ 's 't … , letters, one digit, other signs │ bytes, merged by rank   <|startoftext|> … <|endoftext|>
//! BERT   clean, no accents, lower case │ words, single signs │ longest known pieces            [CLS] … [SEP]
//! ```
//!
//! The reference is the `tokenizers` library with the model's tokenizer.json. One difference is meant: the text `<|endoftext|>`
//! in a caption is text, never a mark.
//!
//! | file | responsibility |
//! |---|---|
//! | `files.rs` | tokenizer.json, vocab.json and merges.txt, vocab.txt |
//! | `byte_pairs.rs` | CLIP's |
//! | `word_pieces.rs` | BERT's |

mod byte_pairs;
mod files;
mod word_pieces;

use super::Error;
use byte_pairs::BytePairs;
use std::path::{Path, PathBuf};
use word_pieces::WordPieces;

/// A tokenizer, and the longest row of tokens it may give.
pub struct Tokenizer {
    kind: Kind,
    longest: usize,
    begin: u32,
    end: u32,
    size: usize,
    files: Vec<PathBuf>,
}

enum Kind {
    BytePairs(Box<BytePairs>),
    WordPieces(WordPieces),
}

impl Tokenizer {
    /// CLIP's, from a model's folder.
    ///
    /// # Errors
    /// No tokenizer there, or one of another kind.
    pub fn clip(dir: &Path, longest: usize) -> Result<Tokenizer, Error> {
        let read = files::byte_pairs(dir)?;
        let mark = |name: &str| read.mark(name);
        let (begin, end) = (mark("<|startoftext|>")?, mark("<|endoftext|>")?);
        let (size, files) = (read.size(), read.files.clone());
        let pairs = BytePairs::new(read.vocabulary, &read.merges, end);
        Ok(Tokenizer { kind: Kind::BytePairs(Box::new(pairs)), longest: longest.max(2), begin, end, size, files })
    }

    /// BERT's, from a model's folder.
    ///
    /// # Errors
    /// No tokenizer there, or one of another kind.
    pub fn bert(dir: &Path, longest: usize) -> Result<Tokenizer, Error> {
        let read = files::word_pieces(dir)?;
        let mark = |name: &str| read.mark(name);
        let (begin, end, unknown) = (mark("[CLS]")?, mark("[SEP]")?, mark("[UNK]")?);
        let (size, files) = (read.size(), read.files.clone());
        let pieces = WordPieces::new(read.vocabulary, read.normal, unknown);
        Ok(Tokenizer { kind: Kind::WordPieces(pieces), longest: longest.max(2), begin, end, size, files })
    }

    /// The tokens, and whether some had to be left out at the end (before the closing mark).
    pub fn tokens(&self, text: &str) -> (Vec<u32>, bool) {
        let mut tokens = vec![self.begin];
        match &self.kind {
            Kind::BytePairs(pairs) => pairs.tokens(text, &mut tokens),
            Kind::WordPieces(pieces) => pieces.tokens(text, &mut tokens),
        }
        let cut = tokens.len() > self.longest - 1;
        tokens.truncate(self.longest - 1);
        tokens.push(self.end);
        (tokens, cut)
    }

    /// One more than the greatest number it gives.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The files it was read from.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}
