//! Tables out: columns of texts, numbers and lists, a row group at a time.

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError as Fault;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a group: what is held in memory at a time.
pub const GROUP_ROWS: usize = 1 << 16;

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TableError(String);

impl From<Fault> for TableError {
    fn from(e: Fault) -> TableError {
        TableError(e.to_string())
    }
}

/// One column of a group of rows; all columns of a group are equally long.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Texts.
    Text(Vec<String>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// 32-bit floats.
    Float(Vec<f32>),
    /// 64-bit floats that may be missing.
    Double(Vec<Option<f64>>),
    /// Lists of texts.
    Texts(Vec<Vec<String>>),
    /// Vectors of one width: lists of 32-bit floats, side by side.
    Vectors {
        /// Numbers in a row.
        width: usize,
        /// All rows.
        numbers: Vec<f32>,
    },
}

impl Column {
    fn field(&self, name: &str) -> Result<TypePtr, Fault> {
        let text = || Some(LogicalType::String);
        let leaf = |name: &str, physical, logical: Option<LogicalType>, repetition| {
            Type::primitive_type_builder(name, physical)
                .with_logical_type(logical)
                .with_repetition(repetition)
                .build()
                .map(Arc::new)
        };
        // The three levels that the format prescribes: name, list, element.
        let list = |element: TypePtr| {
            let repeated = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![element])
                .build()?;
            let outer = Type::group_type_builder(name)
                .with_logical_type(Some(LogicalType::List))
                .with_repetition(Repetition::REQUIRED)
                .with_fields(vec![Arc::new(repeated)]);
            outer.build().map(Arc::new)
        };
        let (optional, required) = (Repetition::OPTIONAL, Repetition::REQUIRED);
        match self {
            Column::Text(_) => leaf(name, Physical::BYTE_ARRAY, text(), required),
            Column::Int(_) => leaf(name, Physical::INT64, None, required),
            Column::Float(_) => leaf(name, Physical::FLOAT, None, required),
            Column::Double(_) => leaf(name, Physical::DOUBLE, None, optional),
            Column::Texts(_) => list(leaf("element", Physical::BYTE_ARRAY, text(), required)?),
            Column::Vectors { .. } => list(leaf("element", Physical::FLOAT, None, required)?),
        }
    }

    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), Fault> {
        match self {
            Column::Text(texts) => {
                let texts: Vec<ByteArray> = texts.into_iter().map(|t| ByteArray::from(t.into_bytes())).collect();
                levels::<ByteArrayType, W>(group, &texts, None, None)
            }
            Column::Int(numbers) => levels::<Int64Type, W>(group, &numbers, None, None),
            Column::Float(numbers) => levels::<FloatType, W>(group, &numbers, None, None),
            Column::Double(numbers) => {
                let known: Vec<i16> = numbers.iter().map(|x| i16::from(x.is_some())).collect();
                let numbers: Vec<f64> = numbers.into_iter().flatten().collect();
                levels::<DoubleType, W>(group, &numbers, Some(&known), None)
            }
            // Level 0: an empty list; 1: an element. A repeated 1 goes on with the list before.
            Column::Texts(lists) => {
                let (mut texts, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                for list in lists {
                    if list.is_empty() {
                        defined.push(0);
                        repeated.push(0);
                    }
                    for (i, text) in list.into_iter().enumerate() {
                        texts.push(ByteArray::from(text.into_bytes()));
                        defined.push(1);
                        repeated.push(i16::from(i > 0));
                    }
                }
                levels::<ByteArrayType, W>(group, &texts, Some(&defined), Some(&repeated))
            }
            Column::Vectors { width, numbers } => {
                let defined = vec![1; numbers.len()];
                let repeated: Vec<i16> = (0..numbers.len()).map(|i| i16::from(i % width.max(1) > 0)).collect();
                levels::<FloatType, W>(group, &numbers, Some(&defined), Some(&repeated))
            }
        }
    }
}

fn levels<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> Result<(), Fault> {
    let next = group.next_column()?;
    let mut column = next.ok_or_else(|| Fault::General("more columns than the schema has".into()))?;
    column.typed::<T>().write_batch(values, defined, repeated)?;
    column.close()
}

/// A table being written. The bytes depend on the rows alone.
pub struct Table<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// The columns' names and kinds: what every group must have.
    columns: Vec<(String, std::mem::Discriminant<Column>)>,
}

impl<W: Write + Send> Table<W> {
    /// Begins a table with these columns; of the columns given only the kinds are looked at.
    ///
    /// # Errors
    /// The sink's.
    pub fn new(to: W, name: &str, columns: &[(&str, Column)]) -> Result<Table<W>, TableError> {
        let fields = columns.iter().map(|(name, column)| column.field(name)).collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder(name).with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_created_by("mispair".to_owned()).build();
        let file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
        let kinds = columns.iter().map(|(name, column)| ((*name).to_owned(), std::mem::discriminant(column)));
        Ok(Table { file, columns: kinds.collect() })
    }

    /// Writes a group of rows: the columns in the order announced.
    ///
    /// # Errors
    /// Other columns than announced; the sink's.
    pub fn group(&mut self, columns: Vec<Column>) -> Result<(), TableError> {
        let kinds = columns.iter().map(std::mem::discriminant);
        if !kinds.eq(self.columns.iter().map(|c| c.1)) {
            return Err(TableError(format!("a group of other columns than {:?}", self.columns)));
        }
        let mut group = self.file.next_row_group()?;
        for column in columns {
            column.write(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.file.finish()?;
        self.file.inner_mut().flush().map_err(|e: io::Error| TableError(e.to_string()))
    }
}
