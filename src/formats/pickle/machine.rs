//! The stack machine. Values are 16 bytes and `Copy`; what is larger lives in [`Objects`].

use super::PickleProblem;
use super::objects::{Global, Objects};
use super::ops::{Cursor, op, refuse, shown};

/// Values that one pickle may make, memo entries included: room for about nine million vectors.
/// At 16 bytes each this also bounds the heap.
pub(super) const MAX_VALUES: usize = 1 << 28;

/// What stands on the stack and in the memo. `at`, `len`: a span of the file. Indexes point into [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// A memo slot that was never filled.
    Unset,
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: no id.
    BigInt,
    /// Nothing here needs the number.
    Float,
    Text {
        len: u32,
        at: u64,
    },
    OwnText(u32),
    Bytes {
        len: u32,
        at: u64,
    },
    Latin1(u32),
    Tuple {
        len: u32,
        first: u32,
    },
    List(u32),
    Dict(u32),
    Global(Global),
    Dtype(u32),
    Array(u32),
}

const _: () = assert!(size_of::<Value>() == 16);

pub(super) struct Machine<'a> {
    cursor: Cursor<'a>,
    /// Where the current opcode stands.
    at: usize,
    made: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
    objects: Objects<'a>,
}

type Step<T> = Result<T, PickleProblem>;

/// Runs the pickle to its end; gives the value it makes and what that refers to.
pub(super) fn run(file: &[u8]) -> Step<(Value, Objects<'_>)> {
    match file {
        [op::PROTO, 2..=5, ..] => {}
        [op::PROTO, version, ..] => return Err(PickleProblem::Protocol(*version)),
        _ => return Err(PickleProblem::NotAPickle),
    }
    let mut machine = Machine {
        cursor: Cursor { file, at: 2 },
        at: 0,
        made: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        objects: Objects { file, ..Objects::default() },
    };
    while !machine.step()? {}
    let value = machine.pop()?;
    if !machine.stack.is_empty() || !machine.marks.is_empty() {
        return Err(machine.broken("values are left over at the end"));
    }
    let left = file.len() - machine.cursor.at;
    if left > 0 {
        return Err(machine.broken(format!("{left} bytes follow the end of the pickle")));
    }
    Ok((value, machine.objects))
}

impl<'a> Machine<'a> {
    fn broken(&self, reason: impl Into<String>) -> PickleProblem {
        PickleProblem::Malformed { at: self.at as u64, reason: reason.into() }
    }

    fn count(&mut self) -> Step<()> {
        self.made += 1;
        if self.made > MAX_VALUES {
            return Err(PickleProblem::TooMany { at: self.at as u64, limit: MAX_VALUES });
        }
        Ok(())
    }

    fn push(&mut self, value: Value) -> Step<()> {
        self.count()?;
        self.stack.push(value);
        Ok(())
    }

    /// Values below the last mark belong to whoever set it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Value> {
        match self.stack.pop() {
            Some(value) if self.stack.len() >= self.floor() => Ok(value),
            _ => Err(self.broken("the stack is empty")),
        }
    }

    fn top(&self) -> Step<Value> {
        match self.stack.last() {
            Some(&value) if self.stack.len() > self.floor() => Ok(value),
            _ => Err(self.broken("the stack is empty")),
        }
    }

    /// Where the values since the last mark begin; takes the mark away.
    fn unmark(&mut self) -> Step<usize> {
        self.marks.pop().ok_or_else(|| self.broken("there is no mark"))
    }

    /// The last `n` values become a tuple.
    fn tuple(&mut self, n: usize) -> Step<()> {
        if self.stack.len() < self.floor() + n {
            return Err(self.broken("the stack is empty"));
        }
        let first = self.objects.items.len() as u32;
        self.objects.items.extend(self.stack.drain(self.stack.len() - n..));
        self.push(Value::Tuple { len: n as u32, first })
    }

    fn span(&mut self, size: usize, inside: &'static str) -> Step<(u32, u64)> {
        let (at, len) = self.cursor.counted(size, inside)?;
        match u32::try_from(len) {
            Ok(len) => Ok((len, at as u64)),
            Err(_) => Err(self.broken("one value of more than 4 GiB")),
        }
    }

    fn text(&mut self, size: usize) -> Step<()> {
        let (len, at) = self.span(size, "a text")?;
        self.push(Value::Text { len, at })
    }

    fn bytes(&mut self, size: usize) -> Step<()> {
        let (len, at) = self.span(size, "the bytes of an array")?;
        self.push(Value::Bytes { len, at })
    }

    /// A two's-complement integer of a counted number of bytes.
    fn long(&mut self, size: usize) -> Step<()> {
        let (at, len) = self.cursor.counted(size, "an integer")?;
        let bytes = &self.cursor.file[at..at + len];
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let fill = if negative { 0xFF } else { 0 };
        let mut word = [fill; 8];
        let n = len.min(8);
        word[..n].copy_from_slice(&bytes[..n]);
        let number = i64::from_le_bytes(word);
        let fits = bytes[n..].iter().all(|&b| b == fill) && (number < 0) == negative;
        self.push(if fits { Value::Int(number) } else { Value::BigInt })
    }

    fn global(&mut self, module: &[u8], name: &[u8]) -> Step<()> {
        match Global::of(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None => {
                let global = format!("{}.{}", shown(module), shown(name));
                Err(PickleProblem::Global { at: self.at as u64, global })
            }
        }
    }

    fn stack_global(&mut self) -> Step<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Text { .. }, Value::Text { .. }) = (module, name) else {
            return Err(self.broken("the name of a global is not a text"));
        };
        let file = self.cursor.file;
        let span = |value| match value {
            Value::Text { at, len } => &file[at as usize..][..len as usize],
            _ => &[],
        };
        self.global(span(module), span(name))
    }

    fn put(&mut self, index: u64) -> Step<()> {
        let value = self.top()?;
        self.count()?;
        // A pickler numbers its entries one by one, and every entry takes an opcode: an index beyond the bytes
        // read so far is a bomb.
        let index = match usize::try_from(index) {
            Ok(index) if index <= self.at && index < MAX_VALUES => index,
            _ => return Err(self.broken(format!("memo entry {index} out of range"))),
        };
        if index >= self.memo.len() {
            self.memo.resize(index + 1, Value::Unset);
        }
        self.memo[index] = value;
        Ok(())
    }

    fn get(&mut self, index: u64) -> Step<()> {
        let value = usize::try_from(index).ok().and_then(|i| self.memo.get(i)).copied().unwrap_or(Value::Unset);
        if value == Value::Unset {
            return Err(self.broken(format!("memo entry {index} was never stored")));
        }
        self.push(value)
    }

    /// Moves the values from `first` on into the dict below them.
    fn set_items(&mut self, first: usize) -> Step<()> {
        let Some((&Value::Dict(dict), pairs)) = first
            .checked_sub(1)
            .filter(|&d| d >= self.floor())
            .and_then(|d| self.stack.get(d..))
            .and_then(|s| s.split_first())
        else {
            return Err(self.broken("items are set on something that is no dict"));
        };
        if pairs.len() % 2 != 0 {
            return Err(self.broken("a key without a value"));
        }
        self.objects.dicts[dict as usize].extend(pairs.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        self.stack.truncate(first);
        Ok(())
    }

    /// Drops the values from `first` on, counting them into the list below them.
    fn append(&mut self, first: usize) -> Step<()> {
        match first.checked_sub(1).filter(|&l| l >= self.floor()).and_then(|l| self.stack.get(l)) {
            Some(&Value::List(list)) if first <= self.stack.len() => {
                self.objects.lists[list as usize] += self.stack.len() - first;
                self.stack.truncate(first);
                Ok(())
            }
            _ => Err(self.broken("items are appended to something that is no list")),
        }
    }

    /// Runs one opcode; `true` at the end.
    fn step(&mut self) -> Step<bool> {
        self.at = self.cursor.at;
        let opcode = self.cursor.take(1, "the opcodes")?[0];
        match opcode {
            op::STOP => return Ok(true),
            op::FRAME => {
                // A frame is a hint for reading ahead. Its length is a cheap test for a file cut short.
                let len = self.cursor.uint(8, "a frame")?;
                if len > (self.cursor.file.len() - self.cursor.at) as u64 {
                    return Err(PickleProblem::Truncated { at: self.cursor.file.len() as u64, inside: "a frame" });
                }
            }
            op::MARK => {
                self.count()?;
                self.marks.push(self.stack.len());
            }
            op::NONE => self.push(Value::None)?,
            op::NEWTRUE => self.push(Value::Bool(true))?,
            op::NEWFALSE => self.push(Value::Bool(false))?,
            op::BININT => {
                let n = self.cursor.uint(4, "an integer")?;
                self.push(Value::Int(i64::from(n as u32 as i32)))?;
            }
            op::BININT1 => {
                let n = self.cursor.uint(1, "an integer")?;
                self.push(Value::Int(n as i64))?;
            }
            op::BININT2 => {
                let n = self.cursor.uint(2, "an integer")?;
                self.push(Value::Int(n as i64))?;
            }
            op::LONG1 => self.long(1)?,
            op::LONG4 => self.long(4)?,
            op::BINFLOAT => {
                self.cursor.take(8, "a float")?;
                self.push(Value::Float)?;
            }
            op::SHORT_BINUNICODE => self.text(1)?,
            op::BINUNICODE => self.text(4)?,
            op::BINUNICODE8 => self.text(8)?,
            op::SHORT_BINBYTES => self.bytes(1)?,
            op::BINBYTES => self.bytes(4)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.bytes(8)?,
            op::EMPTY_TUPLE => self.tuple(0)?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let first = self.unmark()?;
                self.tuple(self.stack.len() - first)?;
            }
            op::EMPTY_LIST => {
                self.objects.lists.push(0);
                self.push(Value::List(self.objects.lists.len() as u32 - 1))?;
            }
            op::APPEND => self.append(self.stack.len().saturating_sub(1))?,
            op::APPENDS => {
                let first = self.unmark()?;
                self.append(first)?;
            }
            op::EMPTY_DICT => {
                let dict = self.objects.new_dict();
                self.push(dict)?;
            }
            op::SETITEM => self.set_items(self.stack.len().saturating_sub(2))?,
            op::SETITEMS => {
                let first = self.unmark()?;
                self.set_items(first)?;
            }
            op::BINPUT => {
                let index = self.cursor.uint(1, "a memo index")?;
                self.put(index)?;
            }
            op::LONG_BINPUT => {
                let index = self.cursor.uint(4, "a memo index")?;
                self.put(index)?;
            }
            op::MEMOIZE => self.put(self.memo.len() as u64)?,
            op::BINGET => {
                let index = self.cursor.uint(1, "a memo index")?;
                self.get(index)?;
            }
            op::LONG_BINGET => {
                let index = self.cursor.uint(4, "a memo index")?;
                self.get(index)?;
            }
            op::GLOBAL => {
                let module = self.cursor.line("the name of a global")?;
                let name = self.cursor.line("the name of a global")?;
                self.global(module, name)?;
            }
            op::STACK_GLOBAL => self.stack_global()?,
            op::REDUCE => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let made = self.objects.reduce(callee, args).map_err(|reason| self.broken(reason))?;
                self.push(made)?;
            }
            op::BUILD => {
                let (state, object) = (self.pop()?, self.top()?);
                self.objects.build(object, state).map_err(|reason| self.broken(reason))?;
            }
            _ => return Err(refuse(opcode, &mut self.cursor)),
        }
        Ok(false)
    }
}
