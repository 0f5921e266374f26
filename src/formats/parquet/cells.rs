//! A cell as the JSON that the interpreters of fields read.

use parquet::basic::{LogicalType, TimeUnit};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};

/// What a whole number of a column counts, where the schema says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Itself.
    Plain,
    /// Nanoseconds since 1970: pandas' usual timestamps. The library gives these as bare numbers.
    Nanoseconds,
}

impl Unit {
    pub fn of(column: &Type) -> Unit {
        match column.get_basic_info().logical_type_ref() {
            Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS => Unit::Nanoseconds,
            _ => Unit::Plain,
        }
    }
}

/// Timestamps and dates become Unix seconds; a number that JSON cannot hold becomes null, as in a data frame NaN is "missing".
pub(super) fn value(field: &Field, unit: Unit) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(b) => Value::Bool(*b),
        Field::Byte(n) => Value::from(*n),
        Field::Short(n) => Value::from(*n),
        Field::Int(n) => Value::from(*n),
        Field::Long(n) if unit == Unit::Nanoseconds => float(*n as f64 / 1e9),
        Field::Long(n) => Value::from(*n),
        Field::UByte(n) => Value::from(*n),
        Field::UShort(n) => Value::from(*n),
        Field::UInt(n) => Value::from(*n),
        Field::ULong(n) => Value::from(*n),
        Field::Float16(x) => float(x.to_f64()),
        Field::Float(x) => float(f64::from(*x)),
        Field::Double(x) => float(*x),
        Field::Str(text) => Value::String(text.clone()),
        // Texts that the schema does not call so. What is no text is nothing to us.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Date(days) => Value::from(i64::from(*days) * 86_400),
        Field::TimestampMillis(n) => float(*n as f64 / 1e3),
        Field::TimestampMicros(n) => float(*n as f64 / 1e6),
        Field::Group(row) => {
            let fields = row.get_column_iter().map(|(name, field)| (name.clone(), value(field, Unit::Plain)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Field::ListInternal(list) => list.elements().iter().map(|e| value(e, Unit::Plain)).collect(),
        // No fact is a map, a time of day or a decimal: left for the interpreter of the field to refuse, by its text.
        other => Value::String(other.to_string()),
    }
}

fn float(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 9e15 {
        Value::from(x as i64)
    } else {
        Number::from_f64(x).map_or(Value::Null, Value::Number)
    }
}
