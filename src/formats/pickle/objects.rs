//! What the allowed globals mean: numpy's dtypes, arrays and scalars, made from `REDUCE` and `BUILD`.
//!
//! What numpy writes (1.x under `numpy.core`, 2.x under `numpy._core`):
//!
//! ```text
//! dtype   dtype('f4', False, True)                 BUILD (3, '<', None, None, None, -1, -1, 0)
//! array   _reconstruct(ndarray, (0,), b'b')        BUILD (1, shape, dtype, fortran, bytes)
//!         _frombuffer(bytes, dtype, shape, 'C')    protocol 5
//! scalar  scalar(dtype, bytes)                     np.int64 and np.str_ keys
//! bytes   _codecs.encode(text, 'latin1')           protocol 2, which has no bytes
//! ```

use super::array::Latin1;
use super::machine::Value;
use crate::formats::floats::{ByteOrder, integer, utf32};
use std::borrow::Cow;

/// Every global that may be named. None is ever called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    Reconstruct,
    Scalar,
    FromBuffer,
    Ndarray,
    Dtype,
    Encode,
    OrderedDict,
}

impl Global {
    pub(super) fn of(module: &[u8], name: &[u8]) -> Option<Global> {
        Some(match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Global::Reconstruct,
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"scalar") => Global::Scalar,
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Global::FromBuffer,
            (b"numpy", b"ndarray") => Global::Ndarray,
            (b"numpy", b"dtype") => Global::Dtype,
            (b"_codecs", b"encode") => Global::Encode,
            (b"collections", b"OrderedDict") => Global::OrderedDict,
            _ => return None,
        })
    }
}

/// A numpy element type: `size` counts bytes, for `U` characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dtype {
    pub kind: u8,
    pub size: usize,
    pub order: ByteOrder,
}

/// An array after its `BUILD`. Whether shape, type and bytes agree is checked where it is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    pub dtype: Dtype,
    /// A tuple.
    pub shape: Value,
    /// `Bytes` or `Latin1`.
    pub data: Value,
}

/// Everything that does not fit in a [`Value`]. Nothing is freed before the end: the memo may refer to all of it.
#[derive(Default)]
pub(super) struct Objects<'a> {
    pub file: &'a [u8],
    pub items: Vec<Value>,
    /// Lists are only counted: no list is ever read.
    pub lists: Vec<usize>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub dtypes: Vec<Dtype>,
    /// `None` between `_reconstruct` and `BUILD`.
    pub arrays: Vec<Option<Array>>,
    /// Text that stands for bytes.
    pub latin1: Vec<Latin1<'a>>,
    pub texts: Vec<String>,
}

type Made = Result<Value, String>;

impl<'a> Objects<'a> {
    pub(super) fn tuple(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Tuple { first, len } => Some(&self.items[first as usize..][..len as usize]),
            _ => None,
        }
    }

    pub(super) fn text(&self, value: Value) -> Option<&str> {
        match value {
            Value::Text { at, len } => std::str::from_utf8(&self.file[at as usize..][..len as usize]).ok(),
            Value::OwnText(i) => Some(&self.texts[i as usize]),
            _ => None,
        }
    }

    fn bytes(&self, value: Value) -> Option<Cow<'_, [u8]>> {
        match value {
            Value::Bytes { at, len } => Some(Cow::Borrowed(&self.file[at as usize..][..len as usize])),
            Value::Latin1(i) => Some(Cow::Owned(self.latin1[i as usize].bytes())),
            _ => None,
        }
    }

    fn dtype(&self, value: Value) -> Option<Dtype> {
        if let Value::Dtype(i) = value { Some(self.dtypes[i as usize]) } else { None }
    }

    /// `callee(*args)`, for the few callees there are.
    pub(super) fn reduce(&mut self, callee: Value, args: Value) -> Made {
        let Value::Global(callee) = callee else { return Err(format!("REDUCE of {}", self.describe(callee))) };
        let unlike = || Err(format!("arguments of {callee:?} that numpy does not write"));
        let Some(args) = self.tuple(args) else { return unlike() };
        match (callee, args) {
            (Global::Reconstruct, &[Value::Global(Global::Ndarray), Value::Tuple { .. }, _]) => {
                self.arrays.push(None);
                Ok(Value::Array(self.arrays.len() as u32 - 1))
            }
            (Global::FromBuffer, &[data @ Value::Bytes { .. }, dtype, shape @ Value::Tuple { .. }, _, ..]) => {
                let Some(dtype) = self.dtype(dtype) else { return unlike() };
                self.arrays.push(Some(Array { dtype, shape, data }));
                Ok(Value::Array(self.arrays.len() as u32 - 1))
            }
            (Global::Dtype, &[name, ..]) => {
                let Some(name) = self.text(name) else { return unlike() };
                let dtype = dtype_of(name)?;
                self.dtypes.push(dtype);
                Ok(Value::Dtype(self.dtypes.len() as u32 - 1))
            }
            (Global::Scalar, &[dtype, bytes]) => {
                let (Some(dtype), Some(bytes)) = (self.dtype(dtype), self.bytes(bytes)) else { return unlike() };
                match dtype.kind {
                    b'i' | b'u' if bytes.len() == dtype.size => {
                        Ok(integer(&bytes, dtype.kind == b'i', dtype.order).map_or(Value::BigInt, Value::Int))
                    }
                    b'U' if Some(bytes.len()) == dtype.size.checked_mul(4) => {
                        let text = utf32(&bytes, dtype.order).ok_or("a text that is not Unicode")?;
                        self.texts.push(text);
                        Ok(Value::OwnText(self.texts.len() as u32 - 1))
                    }
                    b'f' => Ok(Value::Float),
                    _ => unlike(),
                }
            }
            (Global::Encode, &[Value::Text { at, len }, codec]) => {
                if !matches!(self.text(codec), Some("latin1" | "latin-1")) {
                    return unlike();
                }
                let text = &self.file[at as usize..][..len as usize];
                let text = Latin1::new(text).ok_or("bytes spelt as text, but the text is not latin-1")?;
                self.latin1.push(text);
                Ok(Value::Latin1(self.latin1.len() as u32 - 1))
            }
            (Global::OrderedDict, &[]) => Ok(self.new_dict()),
            _ => unlike(),
        }
    }

    /// `object.__setstate__(state)`, for dtypes and arrays.
    pub(super) fn build(&mut self, object: Value, state: Value) -> Result<(), String> {
        let unlike = || Err("a state that numpy does not write".to_owned());
        let Some(state) = self.tuple(state) else { return unlike() };
        match (object, state) {
            (Value::Dtype(i), &[Value::Int(3), sign, Value::None, Value::None, Value::None, _, _, _]) => {
                let order = self.text(sign).filter(|s| s.len() == 1).and_then(|s| ByteOrder::of_sign(s.as_bytes()[0]));
                let Some(order) = order else { return unlike() };
                self.dtypes[i as usize].order = order;
                Ok(())
            }
            (Value::Dtype(_), _) => Err("an element type with fields or metadata; save plain float arrays".to_owned()),
            (
                Value::Array(i),
                &[Value::Int(1), shape @ Value::Tuple { .. }, dtype, Value::Bool(_) | Value::Int(_), data],
            ) => {
                let (Some(dtype), Value::Bytes { .. } | Value::Latin1(_)) = (self.dtype(dtype), data) else {
                    return unlike();
                };
                self.arrays[i as usize] = Some(Array { dtype, shape, data });
                Ok(())
            }
            _ => Err(format!("BUILD of {}, with {} items of state", self.describe(object), state.len())),
        }
    }

    pub(super) fn new_dict(&mut self) -> Value {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() as u32 - 1)
    }

    /// A value in words, for errors.
    pub(super) fn describe(&self, value: Value) -> String {
        match value {
            Value::Unset => "nothing".to_owned(),
            Value::None => "None".to_owned(),
            Value::Bool(b) => format!("the truth value {b}"),
            Value::Int(n) => format!("the integer {n}"),
            Value::BigInt => "an integer beyond 64 bits".to_owned(),
            Value::Float => "a float".to_owned(),
            Value::Text { .. } | Value::OwnText(_) => match self.text(value) {
                Some(text) => format!("the text \"{}\"", super::ops::shown(text.as_bytes())),
                None => "a text that is not UTF-8".to_owned(),
            },
            Value::Bytes { .. } | Value::Latin1(_) => "bytes".to_owned(),
            Value::Tuple { len, .. } => format!("a tuple of {len} items"),
            Value::List(i) => format!("a list of {} items", self.lists[i as usize]),
            Value::Dict(i) => format!("a dict of {} entries", self.dicts[i as usize].len()),
            Value::Global(global) => format!("the name of {global:?}"),
            Value::Dtype(_) => "an element type".to_owned(),
            Value::Array(_) => "an array".to_owned(),
        }
    }
}

/// `f4`, `<f4`, `U12` …
fn dtype_of(name: &str) -> Result<Dtype, String> {
    let bad = || format!("element type \"{}\"; save plain float arrays", super::ops::shown(name.as_bytes()));
    let (sign, rest) = match name.as_bytes() {
        [sign @ (b'<' | b'>' | b'=' | b'|'), rest @ ..] => (*sign, rest),
        rest => (b'=', rest),
    };
    let order = ByteOrder::of_sign(sign).ok_or_else(bad)?;
    match rest {
        [kind @ (b'f' | b'i' | b'u' | b'b' | b'U' | b'S'), size @ ..] => {
            let size = std::str::from_utf8(size).ok().and_then(|s| s.parse().ok()).ok_or_else(bad)?;
            Ok(Dtype { kind: *kind, size, order })
        }
        _ => Err(bad()),
    }
}
