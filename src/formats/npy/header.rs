//! The header: a dict literal of exactly three keys, read by a parser that knows nothing else.

use super::NpyProblem;
use crate::formats::floats::ByteOrder;

/// Headers of plain arrays take about 120 bytes; numpy itself refuses more than 10,000.
const MAX_HEADER: usize = 65_536;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The letter of the element type: `f i u U S b O …`.
    pub kind: u8,
    /// The number behind the letter: bytes, or characters for `U`.
    pub size: usize,
    /// The order of the bytes of an element.
    pub order: ByteOrder,
    /// The first index runs fastest.
    pub fortran: bool,
    /// One length per dimension.
    pub shape: Vec<u64>,
    /// The type as the header writes it.
    pub descr: String,
}

impl Header {
    /// Splits a file into header and numbers.
    pub(super) fn read(file: &[u8]) -> Result<(Header, &[u8]), NpyProblem> {
        let Some(rest) = file.strip_prefix(b"\x93NUMPY") else { return Err(NpyProblem::NotNpy) };
        let cut = || NpyProblem::Header("the file ends inside it".to_owned());
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (len, rest) = match version {
            [1, 0] => rest.split_first_chunk::<2>().map(|(n, r)| (usize::from(u16::from_le_bytes(*n)), r)),
            [2 | 3, 0] => rest.split_first_chunk::<4>().map(|(n, r)| (u32::from_le_bytes(*n) as usize, r)),
            [major, minor] => return Err(NpyProblem::Version(*major, *minor)),
        }
        .ok_or_else(cut)?;
        if len > MAX_HEADER {
            return Err(NpyProblem::Header(format!("{len} bytes long, at most {MAX_HEADER} are read")));
        }
        let (header, numbers) = rest.split_at_checked(len).ok_or_else(cut)?;
        let header = Parser { text: header, at: 0 }.dict().map_err(NpyProblem::Header)?;
        Ok((header, numbers))
    }

    /// The shape as Python writes it.
    pub(super) fn shape_text(&self) -> String {
        match self.shape.as_slice() {
            [n] => format!("({n},)"),
            all => format!("({})", all.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Refuses numbers that are more or fewer than the shape takes, given the bytes of an element.
    pub(super) fn check_length(&self, element: usize, numbers: &[u8]) -> Result<(), NpyProblem> {
        let want = self.shape.iter().try_fold(element as u64, |n, &d| n.checked_mul(d));
        if want == Some(numbers.len() as u64) {
            return Ok(());
        }
        Err(NpyProblem::Length {
            shape: self.shape_text(),
            expected: want.map_or_else(|| "more than 2^64".to_owned(), |n| n.to_string()),
            got: numbers.len() as u64,
        })
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, String>;

impl<'a> Parser<'a> {
    fn dict(mut self) -> Parsed<Header> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.eat(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            let twice = match key {
                "descr" => descr.replace(self.descr()?).is_some(),
                "fortran_order" => fortran.replace(self.bool()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return Err(format!("unknown key {key:?}")),
            };
            if twice {
                return Err(format!("key {key:?} stands twice"));
            }
            if !self.eat(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.skip_space();
        if self.at != self.text.len() {
            return Err(format!("something follows the dict at byte {}", self.at));
        }
        let (kind, size, order, descr) = descr.ok_or("key 'descr' is missing")?;
        let fortran = fortran.ok_or("key 'fortran_order' is missing")?;
        let shape = shape.ok_or("key 'shape' is missing")?;
        Ok(Header { kind, size, order, fortran, shape, descr })
    }

    fn skip_space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.eat(byte) { Ok(()) } else { Err(format!("expected `{}` at byte {}", byte as char, self.at)) }
    }

    /// A quoted text without escapes: neither the keys nor the types need any.
    fn string(&mut self) -> Parsed<&'a str> {
        self.skip_space();
        let bad = || format!("expected a quoted word at byte {}", self.at);
        let quote = *self.text.get(self.at).filter(|q| matches!(q, b'\'' | b'"')).ok_or_else(bad)?;
        let rest = &self.text[self.at + 1..];
        let len = rest.iter().position(|&b| b == quote).ok_or_else(bad)?;
        let word =
            std::str::from_utf8(&rest[..len]).ok().filter(|w| w.is_ascii() && !w.contains('\\')).ok_or_else(bad)?;
        self.at += len + 2;
        Ok(word)
    }

    fn descr(&mut self) -> Parsed<(u8, usize, ByteOrder, String)> {
        self.skip_space();
        if self.text.get(self.at) == Some(&b'[') {
            return Err("a structured array (records with named fields); save one plain array per file".to_owned());
        }
        let word = self.string()?;
        let bad = || format!("element type {word:?} is not one of numpy's");
        let (sign, kind, size) = match word.as_bytes() {
            [sign @ (b'<' | b'>' | b'=' | b'|'), kind, size @ ..] => (*sign, *kind, size),
            [kind, size @ ..] => (b'=', *kind, size),
            [] => return Err(bad()),
        };
        let order = ByteOrder::of_sign(sign).ok_or_else(bad)?;
        // `|O` has no size; anything else that is no number ("<M8[ns]") is a type nobody here reads.
        let size = std::str::from_utf8(size).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok((kind, size, order, word.to_owned()))
    }

    fn bool(&mut self) -> Parsed<bool> {
        self.skip_space();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(format!("expected True or False at byte {}", self.at))
    }

    fn tuple(&mut self) -> Parsed<Vec<u64>> {
        self.expect(b'(')?;
        let mut lengths = Vec::new();
        while !self.eat(b')') {
            lengths.push(self.length()?);
            if !self.eat(b',') {
                self.expect(b')')?;
                // `(5)` is a number in Python, not a tuple.
                if lengths.len() == 1 {
                    return Err("the shape is a number, not a tuple".to_owned());
                }
                break;
            }
        }
        // numpy knows no more than 64 dimensions.
        if lengths.len() > 64 { Err("a shape of more than 64 dimensions".to_owned()) } else { Ok(lengths) }
    }

    fn length(&mut self) -> Parsed<u64> {
        self.skip_space();
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or_default();
        let length =
            number.parse().map_err(|_| format!("expected a length of 0 or more, below 2^64, at byte {}", self.at))?;
        self.at += digits;
        // Python 2 wrote long integers as `10L`.
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Header> {
        Parser { text: text.as_bytes(), at: 0 }.dict()
    }

    #[test]
    fn reads_any_spelling() {
        let want = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n").unwrap();
        assert_eq!((want.kind, want.size, &want.shape[..]), (b'f', 4, &[3, 4][..]));
        for text in [
            "{'shape':(3,4),\"descr\":'<f4','fortran_order':False}",
            " { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 3L , 4L , ) } ",
        ] {
            assert_eq!(parse(text).unwrap(), want, "{text}");
        }
        assert_eq!(parse("{'descr':'|O','fortran_order':True,'shape':()}").unwrap().shape, Vec::<u64>::new());
        assert_eq!(parse("{'descr':'f8','fortran_order':True,'shape':(7,)}").unwrap().shape_text(), "(7,)");
    }

    #[test]
    fn refuses_the_rest() {
        for (text, why) in [
            ("", "expected `{`"),
            ("{}", "'descr' is missing"),
            ("{'descr':'<f4','fortran_order':False}", "'shape' is missing"),
            ("{'descr':'<f4','fortran_order':False,'shape':(1,),'shape':(1,)}", "stands twice"),
            ("{'descr':'<f4','fortran_order':False,'shape':(1,),'x':(1,)}", "unknown key"),
            ("{'descr':'<f4','fortran_order':False,'shape':(-1,)}", "length of 0 or more"),
            ("{'descr':'<f4','fortran_order':False,'shape':(18446744073709551616,)}", "below 2^64"),
            ("{'descr':'<f4','fortran_order':False,'shape':(5)}", "not a tuple"),
            ("{'descr':'<f4','fortran_order':0,'shape':(5,)}", "True or False"),
            ("{'descr':[('x','<f4')],'fortran_order':False,'shape':(5,)}", "structured"),
            ("{'descr':'<f4','fortran_order':False,'shape':(5,)} x", "follows the dict"),
            ("{'descr':'<f4' 'fortran_order':False,'shape':(5,)}", "expected `}`"),
            ("{'descr':__import__('os'),'fortran_order':False,'shape':(5,)}", "quoted word"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
