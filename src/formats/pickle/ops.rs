//! Reading opcodes and operands; the names of those that are refused.

use super::PickleProblem;

/// Opcodes that are understood, by their names in Python's `pickletools`.
pub(super) mod op {
    pub const MARK: u8 = b'(';
    pub const STOP: u8 = b'.';
    pub const BINFLOAT: u8 = b'G';
    pub const BININT: u8 = b'J';
    pub const BININT1: u8 = b'K';
    pub const BININT2: u8 = b'M';
    pub const NONE: u8 = b'N';
    pub const REDUCE: u8 = b'R';
    pub const BINUNICODE: u8 = b'X';
    pub const EMPTY_LIST: u8 = b']';
    pub const APPEND: u8 = b'a';
    pub const APPENDS: u8 = b'e';
    pub const BUILD: u8 = b'b';
    pub const GLOBAL: u8 = b'c';
    pub const EMPTY_DICT: u8 = b'}';
    pub const BINGET: u8 = b'h';
    pub const LONG_BINGET: u8 = b'j';
    pub const BINPUT: u8 = b'q';
    pub const LONG_BINPUT: u8 = b'r';
    pub const SETITEM: u8 = b's';
    pub const SETITEMS: u8 = b'u';
    pub const TUPLE: u8 = b't';
    pub const EMPTY_TUPLE: u8 = b')';
    pub const PROTO: u8 = 0x80;
    pub const TUPLE1: u8 = 0x85;
    pub const TUPLE2: u8 = 0x86;
    pub const TUPLE3: u8 = 0x87;
    pub const NEWTRUE: u8 = 0x88;
    pub const NEWFALSE: u8 = 0x89;
    pub const LONG1: u8 = 0x8a;
    pub const LONG4: u8 = 0x8b;
    pub const BINBYTES: u8 = b'B';
    pub const SHORT_BINBYTES: u8 = b'C';
    pub const SHORT_BINUNICODE: u8 = 0x8c;
    pub const BINUNICODE8: u8 = 0x8d;
    pub const BINBYTES8: u8 = 0x8e;
    pub const STACK_GLOBAL: u8 = 0x93;
    pub const MEMOIZE: u8 = 0x94;
    pub const FRAME: u8 = 0x95;
    pub const BYTEARRAY8: u8 = 0x96;
}

/// A position in the file.
pub(super) struct Cursor<'a> {
    pub file: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, n: usize, inside: &'static str) -> Result<&'a [u8], PickleProblem> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.file.len());
        let end = end.ok_or(PickleProblem::Truncated { at: self.at as u64, inside })?;
        let bytes = &self.file[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A little-endian number of `n` ≤ 8 bytes.
    pub(super) fn uint(&mut self, n: usize, inside: &'static str) -> Result<u64, PickleProblem> {
        Ok(self.take(n, inside)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Skips `n` bytes after a length of `size` bytes; gives where they begin and how many they are.
    pub(super) fn counted(&mut self, size: usize, inside: &'static str) -> Result<(usize, usize), PickleProblem> {
        let len = usize::try_from(self.uint(size, inside)?).unwrap_or(usize::MAX);
        let at = self.at;
        self.take(len, inside)?;
        Ok((at, len))
    }

    /// A line without its newline.
    pub(super) fn line(&mut self, inside: &'static str) -> Result<&'a [u8], PickleProblem> {
        let rest = &self.file[self.at..];
        let len = rest.iter().position(|&b| b == b'\n');
        let len = len.ok_or(PickleProblem::Truncated { at: self.at as u64, inside })?;
        self.at += len + 1;
        Ok(&rest[..len])
    }
}

/// Refuses an opcode, saying what it wanted. The cursor stands behind the opcode.
pub(super) fn refuse(opcode: u8, cursor: &mut Cursor<'_>) -> PickleProblem {
    let at = cursor.at as u64 - 1;
    let (name, note) = match opcode {
        b'0' => ("POP", ""),
        b'1' => ("POP_MARK", ""),
        b'2' => ("DUP", ""),
        b'F' => ("FLOAT", " of protocol 0"),
        b'I' => ("INT", " of protocol 0"),
        b'L' => ("LONG", " of protocol 0"),
        b'P' => ("PERSID", " asks its reader for an outside object"),
        b'Q' => ("BINPERSID", " asks its reader for an outside object"),
        b'S' => ("STRING", " of protocol 0"),
        b'T' => {
            ("BINSTRING", " of Python 2 (load and save the file once with Python 3: pickle.load(f, encoding='latin1'))")
        }
        b'U' => (
            "SHORT_BINSTRING",
            " of Python 2 (load and save the file once with Python 3: pickle.load(f, encoding='latin1'))",
        ),
        b'V' => ("UNICODE", " of protocol 0"),
        b'd' => ("DICT", " of protocol 0"),
        b'g' => ("GET", " of protocol 0"),
        b'i' => ("INST", " calls"),
        b'l' => ("LIST", " of protocol 0"),
        b'o' => ("OBJ", " calls a class"),
        b'p' => ("PUT", " of protocol 0"),
        0x81 => ("NEWOBJ", " calls a class"),
        0x82 => ("EXT1", " calls an extension"),
        0x83 => ("EXT2", " calls an extension"),
        0x84 => ("EXT4", " calls an extension"),
        0x8f => ("EMPTY_SET", ""),
        0x90 => ("ADDITEMS", ""),
        0x91 => ("FROZENSET", ""),
        0x92 => ("NEWOBJ_EX", " calls a class"),
        0x97 => ("NEXT_BUFFER", " wants a buffer from outside the file (save without buffer_callback)"),
        0x98 => ("READONLY_BUFFER", " wants a buffer from outside the file (save without buffer_callback)"),
        _ => ("", ""),
    };
    let operand = match opcode {
        b'i' => match (cursor.line("INST"), cursor.line("INST")) {
            (Ok(module), Ok(name)) => format!(" `{}.{}`", shown(module), shown(name)),
            _ => String::new(),
        },
        b'P' => cursor.line("PERSID").map(|id| format!(" `{}`", shown(id))).unwrap_or_default(),
        0x82..=0x84 => match cursor.uint(1 << (opcode - 0x82), "EXT") {
            Ok(code) => format!(" {code}"),
            Err(_) => String::new(),
        },
        _ => String::new(),
    };
    let opcode = if name.is_empty() { format!("0x{opcode:02x} (unknown)") } else { name.to_owned() };
    PickleProblem::Opcode { at, opcode, detail: format!("{note}{operand}") }
}

/// Bytes of a file as text for an error: printable, and short.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    text.chars().take(100).flat_map(char::escape_debug).collect()
}
