//! WordNet's database files, as Princeton publishes them (WNDB(5WN), WordNet 3.0 and 3.1): for each of `noun`, `verb`, `adj` and `adv`
//!
//! ```text
//! index.noun    ship n 1 4 @ ~ #p + 1 1 04194289            lemma, part of speech, senses, pointers …, senses, ranked, byte offsets
//! data.noun     04194289 06 n 01 ship 0 033 @ … | gloss     offset, file, type, words (hexadecimal), word and number …
//! noun.exc      oxen ox                                     an irregular form, its base forms
//! ```
//!
//! Lines that begin with a blank are the licence. Of words with a marker (`handy(p)`) the marker is dropped. Offsets are looked up
//! among those that the lines of `data` name; one that is not there is an error of its line in `index`.

use super::error::{Place, RecordError, Where};
use std::collections::HashMap;
use std::path::Path;

/// A part of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// `noun`
    Noun,
    /// `verb`
    Verb,
    /// `adj`
    Adjective,
    /// `adv`
    Adverb,
}

impl Speech {
    /// Every part, in the order in which dictionaries are asked.
    pub const ALL: [Speech; 4] = [Speech::Noun, Speech::Verb, Speech::Adjective, Speech::Adverb];

    /// Its files: senses by lemma, words by sense, irregular forms.
    pub fn files(self) -> [String; 3] {
        let name = match self {
            Speech::Noun => "noun",
            Speech::Verb => "verb",
            Speech::Adjective => "adj",
            Speech::Adverb => "adv",
        };
        [format!("index.{name}"), format!("data.{name}"), format!("{name}.exc")]
    }

    /// Letters for it in the files; `s` are adjectives that stand around another.
    fn letters(self) -> &'static [&'static str] {
        match self {
            Speech::Noun => &["n"],
            Speech::Verb => &["v"],
            Speech::Adjective => &["a", "s"],
            Speech::Adverb => &["r"],
        }
    }
}

/// What the files of one part of speech say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordNetPart {
    /// By lemma (lower case, `_` for blanks) its senses: places in `words`.
    pub senses: HashMap<String, Vec<u32>>,
    /// By sense its words, as they are written.
    pub words: Vec<Vec<String>>,
    /// By irregular form its base forms.
    pub irregular: HashMap<String, Vec<String>>,
}

/// Reads the files of one part of speech, in the order of [`Speech::files`]: their bytes, and their paths for error texts.
///
/// # Errors
/// A line that is none of its format, that ends early, or that names a sense which is not there.
pub fn read_wordnet(speech: Speech, [index, data, irregular]: [(&[u8], &Path); 3]) -> Result<WordNetPart, RecordError> {
    let mut part = WordNetPart::default();
    let mut places = HashMap::new();
    each_line(data, |fields| {
        let (offset, words) = sense(speech, fields)?;
        let place = u32::try_from(part.words.len()).map_err(|_| "there are too many senses".to_owned())?;
        if places.insert(offset, place).is_some() {
            return Err(format!("the offset {offset} stands twice"));
        }
        part.words.push(words);
        Ok(())
    })?;
    each_line(index, |fields| {
        let (lemma, offsets) = lemma(speech, fields)?;
        let place = |offset: u64| {
            let place = places.get(&offset).copied();
            place.ok_or_else(|| format!("no line of {} has the offset {offset}", data.1.display()))
        };
        let own = offsets.into_iter().map(place).collect::<Result<_, _>>()?;
        match part.senses.insert(lemma.clone(), own) {
            Some(_) => Err(format!("{lemma:?} stands twice")),
            None => Ok(()),
        }
    })?;
    each_line(irregular, |mut fields| {
        let form = fields.next().unwrap_or_default().to_owned();
        let bases: Vec<String> = fields.map(str::to_owned).collect();
        if bases.is_empty() {
            return Err(format!("{form:?} has no base form"));
        }
        // Some forms have two lines; the later one counts, as for NLTK.
        part.irregular.insert(form, bases);
        Ok(())
    })?;
    Ok(part)
}

type Fields<'l> = std::str::SplitAsciiWhitespace<'l>;

/// Calls `each` with the fields of every line but those of the licence and empty ones.
fn each_line<'f>(
    (bytes, path): (&'f [u8], &Path),
    mut each: impl FnMut(Fields<'f>) -> Result<(), String>,
) -> Result<(), RecordError> {
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        let wrong = |reason: String| Where::new(path, Place::Line(number)).syntax(reason);
        let line = std::str::from_utf8(line).map_err(|_| wrong("the line is no UTF-8".to_owned()))?;
        if line.starts_with(' ') || line.trim().is_empty() {
            continue;
        }
        each(line.split_ascii_whitespace()).map_err(wrong)?;
    }
    Ok(())
}

fn next<'l>(fields: &mut Fields<'l>, what: &str) -> Result<&'l str, String> {
    fields.next().ok_or_else(|| format!("the line ends before {what}"))
}

fn number(fields: &mut Fields<'_>, what: &str, radix: u32) -> Result<u64, String> {
    let text = next(fields, what)?;
    u64::from_str_radix(text, radix).map_err(|_| format!("{text:?} stands for {what}, and is no number"))
}

fn is_of(speech: Speech, letter: &str) -> Result<(), String> {
    match speech.letters().contains(&letter) {
        true => Ok(()),
        false => Err(format!("the part of speech is {letter:?}, expected {}", speech.letters().join(" or "))),
    }
}

/// A line of `data`: the offset, the words.
fn sense(speech: Speech, mut fields: Fields<'_>) -> Result<(u64, Vec<String>), String> {
    let fields = &mut fields;
    let offset = number(fields, "the offset", 10)?;
    number(fields, "the number of the lexicographer's file", 10)?;
    is_of(speech, next(fields, "the part of speech")?)?;
    let mut words = Vec::new();
    for _ in 0..number(fields, "the number of words", 16)? {
        words.push(unmarked(next(fields, "its last word")?).to_owned());
        number(fields, "the number of a word", 16)?;
    }
    Ok((offset, words))
}

/// A line of `index`: the lemma, the offsets of its senses.
fn lemma(speech: Speech, mut fields: Fields<'_>) -> Result<(String, Vec<u64>), String> {
    let fields = &mut fields;
    let lemma = next(fields, "the lemma")?.to_owned();
    is_of(speech, next(fields, "the part of speech")?)?;
    let senses = number(fields, "the number of senses", 10)?;
    for _ in 0..number(fields, "the number of pointers", 10)? {
        next(fields, "its last pointer")?;
    }
    let again = number(fields, "the number of senses", 10)?;
    if senses == 0 || senses != again {
        return Err(format!("{lemma:?} has {senses} senses, and {again} where that number stands again"));
    }
    number(fields, "the number of ranked senses", 10)?;
    let mut offsets = Vec::new();
    for _ in 0..senses {
        offsets.push(number(fields, "its last offset", 10)?);
    }
    Ok((lemma, offsets))
}

/// Without a marker at its end: `handy(p)` is `handy`.
fn unmarked(word: &str) -> &str {
    let inner = word.strip_suffix(')').and_then(|w| w.rsplit_once('('));
    inner.filter(|(_, marker)| !marker.contains(')')).map_or(word, |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str =
        "  1 the licence\n00000016 06 a 02 handy(p) 0 Near_by 1 000 | gloss\n00000060 06 s 01 close 0 000 | gloss\n";
    const INDEX: &str = "  1 the licence\nhandy a 1 2 & ! 1 0 00000016\nclose a 2 0 2 1 00000060 00000016  \n";
    const IRREGULAR: &str = "closer close\n\nhandier handy near_by\n";

    fn read(data: &str, index: &str, irregular: &str) -> Result<WordNetPart, String> {
        let [a, b, c] = Speech::Adjective.files();
        let files = [(index, &a), (data, &b), (irregular, &c)].map(|(text, name)| (text.as_bytes(), Path::new(name)));
        read_wordnet(Speech::Adjective, files).map_err(|e| e.to_string())
    }

    #[test]
    fn a_small_dictionary() {
        let part = read(DATA, INDEX, IRREGULAR).unwrap();
        assert_eq!(part.words, [vec!["handy", "Near_by"], vec!["close"]]);
        assert_eq!((&part.senses["handy"], &part.senses["close"]), (&vec![0], &vec![1, 0]));
        assert_eq!(part.irregular["handier"], ["handy", "near_by"]);
        assert_eq!(["(p)", "a(b", "a(b)(c)", "a)b)", "x"].map(unmarked), ["", "a(b", "a(b)", "a)b)", "x"]);
    }

    #[test]
    fn each_fault_names_its_file_and_line() {
        let with = |old: &str, new: &str| {
            let [data, index, irregular] = [DATA, INDEX, IRREGULAR].map(|text| text.replace(old, new));
            read(&data, &index, &irregular).unwrap_err()
        };
        for (old, new, said) in [
            ("00000060 06 s", "00000060 06 n", "data.adj: line 3: the part of speech is \"n\", expected a or s"),
            ("02 handy(p)", "zz handy(p)", "data.adj: line 2: \"zz\" stands for the number of words"),
            (
                "02 handy(p) 0 Near_by 1 000 | gloss",
                "02 handy(p) 0",
                "data.adj: line 2: the line ends before its last word",
            ),
            ("00000060 06", "00000016 06", "data.adj: line 3: the offset 16 stands twice"),
            ("1 0 00000016", "1 0 00000017", "index.adj: line 2: no line of data.adj has the offset 17"),
            ("a 2 0 2 1", "a 2 0 3 1", "index.adj: line 3: \"close\" has 2 senses, and 3"),
            ("a 2 0 2 1", "a 99999999999 0 99999999999 1", "index.adj: line 3: the line ends before its last offset"),
            ("handy a 1", "close a 1", "index.adj: line 3: \"close\" stands twice"),
            ("closer close", "closer", "adj.exc: line 1: \"closer\" has no base form"),
        ] {
            let error = with(old, new);
            assert!(error.contains(said), "{old:?} → {new:?}: {error}");
        }
        let files = [b"\xff\n".as_slice(), b"", b""].map(|bytes| (bytes, Path::new("x")));
        assert!(read_wordnet(Speech::Noun, files).unwrap_err().to_string().contains("x: line 1: the line is no UTF-8"));
    }
}
