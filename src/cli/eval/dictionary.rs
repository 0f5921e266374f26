//! A folder of WordNet's files, for METEOR.

use crate::evaluation::veracity::{Lexicon, Synonyms};
use crate::formats::{Speech, WordNetPart, read_wordnet};
use crate::mapped::Mapped;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Reads `index.*`, `data.*` and `*.exc` of the four parts of speech.
pub(super) fn read(folder: &Path) -> Result<Synonyms> {
    let part = |speech: Speech| -> Result<Lexicon> {
        let paths: [PathBuf; 3] = speech.files().map(|name| folder.join(name));
        let open = |path: &PathBuf| {
            let needed =
                "--wordnet wants the folder of WordNet's index.*, data.* and *.exc (`dict`, or /usr/share/wordnet)";
            Mapped::open(path).with_context(|| format!("{}: {needed}", path.display()))
        };
        let files = [open(&paths[0])?, open(&paths[1])?, open(&paths[2])?];
        let of = |i: usize| (&files[i][..], paths[i].as_path());
        let WordNetPart { senses, words, irregular } = read_wordnet(speech, [of(0), of(1), of(2)])?;
        Ok(Lexicon { senses, words, irregular })
    };
    let [nouns, verbs, adjectives, adverbs] = Speech::ALL.map(part);
    Ok(Synonyms { nouns: nouns?, verbs: verbs?, adjectives: adjectives?, adverbs: adverbs? })
}
