//! Columns of lists of floats: one row of a matrix a cell.
//!
//! A list of numbers is stored flat, with two small numbers beside each: whether it begins a new list, and whether it is
//! there at all. From these the rows are cut; every row must have one width.

use super::catalog::read_ids;
use super::open::{Opened, whole};
use super::{ParquetError, ParquetProblem};
use crate::words::SampleId;
use parquet::basic::{LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, FixedLenByteArray};
use parquet::errors::ParquetError as Fault;
use parquet::file::reader::FileReader;
use std::path::Path;

/// Cells decoded at a time.
const BATCH: usize = 256;

/// A column of lists of floats, found and checked.
pub struct ListColumn {
    file: Opened,
    name: String,
    leaf: usize,
    /// Below this definition level a number is missing.
    defined: i16,
}

/// What was read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRows {
    /// Numbers in a row; at least 1.
    pub width: usize,
    /// Cells of the column.
    pub cells: u64,
    /// The cells that held a vector, in order; `None`: all of them.
    pub kept: Option<Vec<u32>>,
}

impl ListColumn {
    /// Finds the column: the one named, else the only one that holds lists of floats.
    ///
    /// # Errors
    /// No such column, another type, several to choose from, a compression that is not built in, a damaged footer.
    pub fn find(path: &Path, name: Option<&str>) -> Result<ListColumn, ParquetError> {
        let file = Opened::new(path)?;
        let schema = file.reader.metadata().file_metadata().schema_descr_ptr();
        // Lists of floats: leaves under one repetition, of a floating type.
        let lists: Vec<(usize, String)> = (0..schema.num_columns())
            .map(|i| (i, schema.column(i)))
            .filter(|(_, leaf)| {
                let half = leaf.logical_type_ref() == Some(&LogicalType::Float16);
                let float = matches!(leaf.physical_type(), Physical::FLOAT | Physical::DOUBLE) || half;
                float && leaf.max_rep_level() == 1
            })
            .filter_map(|(i, leaf)| Some((i, leaf.path().parts().first()?.clone())))
            .collect();
        let found = match name {
            Some(name) => {
                let found: Vec<_> = lists.iter().filter(|l| l.1 == name).collect();
                match (found.as_slice(), file.column(name)) {
                    ([one], _) => (*one).clone(),
                    (_, None) => {
                        let (column, there) = (name.to_owned(), file.names());
                        return Err(file.fail(ParquetProblem::NoColumn { column, there }));
                    }
                    (_, Some(column)) => {
                        let got = match column.is_primitive() {
                            true => column.get_physical_type().to_string(),
                            false => "something nested".to_owned(),
                        };
                        let (column, expected) = (name.to_owned(), "lists of floats");
                        return Err(file.fail(ParquetProblem::Type { column, expected, got }));
                    }
                }
            }
            None => match lists.as_slice() {
                [one] => one.clone(),
                _ => {
                    let names: Vec<String> = lists.iter().map(|l| format!("\"{}\"", l.1)).collect();
                    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                    return Err(file.fail(ParquetProblem::WhichList { lists: lists.len(), names }));
                }
            },
        };
        file.check(&found.1)?;
        let defined = schema.column(found.0).max_def_level();
        Ok(ListColumn { file, name: found.1, leaf: found.0, defined })
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ids beside it, in the column named, else in one called `id` where there is one.
    ///
    /// # Errors
    /// No such column, a cell without an id, a type that is no id, damage.
    pub fn ids(&self, column: Option<&str>) -> Result<Option<Vec<SampleId>>, ParquetError> {
        let name = column.unwrap_or("id");
        match (self.file.column(name), column) {
            (Some(_), _) => read_ids(&self.file, name).map(Some),
            (None, None) => Ok(None),
            (None, Some(column)) => {
                let (column, there) = (column.to_owned(), self.file.names());
                Err(self.file.fail(ParquetProblem::NoColumn { column, there }))
            }
        }
    }

    /// Reads it all: one call of `each` a cell that holds a vector, in order. A cell that is missing or empty is no vector.
    ///
    /// # Errors
    /// Rows of different widths, a missing number inside a list, no vector at all, damage; and whatever `each` returns.
    pub fn read<E: From<ParquetError>>(&self, mut each: impl FnMut(&[f32]) -> Result<(), E>) -> Result<ListRows, E> {
        let mut cut = Cut { column: self, width: 0, cells: 0, missing: false, kept: Vec::new(), row: Vec::new() };
        for group in 0..self.file.reader.num_row_groups() {
            let opened = whole(|| self.file.reader.get_row_group(group)?.get_column_reader(self.leaf));
            match opened.map_err(|p| self.file.fail(p))? {
                ColumnReader::FloatColumnReader(r) => cut.group(r, |x| *x, &mut each)?,
                ColumnReader::DoubleColumnReader(r) => cut.group(r, |x| *x as f32, &mut each)?,
                ColumnReader::FixedLenByteArrayColumnReader(r) => cut.group(r, half, &mut each)?,
                _ => return Err(self.broken("another type in its pages than in its schema").into()),
            }
        }
        if cut.width == 0 {
            let (column, what) = (self.name.clone(), "no row holds a vector");
            return Err(self.file.fail(ParquetProblem::Hole { column, row: 0, what }).into());
        }
        let kept = cut.missing.then_some(cut.kept);
        Ok(ListRows { width: cut.width, cells: cut.cells, kept })
    }

    fn broken(&self, what: &str) -> ParquetError {
        self.file.fail(ParquetProblem::Broken(format!("column \"{}\": {what}", self.name)))
    }
}

fn half(bytes: &FixedLenByteArray) -> f32 {
    match bytes.data() {
        [a, b] => half::f16::from_le_bytes([*a, *b]).to_f32(),
        // The schema says two bytes: only damage comes here, and NaN is refused wherever vectors are read.
        _ => f32::NAN,
    }
}

/// Cuts the flat numbers into rows.
struct Cut<'c> {
    column: &'c ListColumn,
    width: usize,
    cells: u64,
    missing: bool,
    kept: Vec<u32>,
    row: Vec<f32>,
}

impl Cut<'_> {
    fn group<T: DataType, E: From<ParquetError>>(
        &mut self,
        mut reader: ColumnReaderImpl<T>,
        float: impl Fn(&T::T) -> f32,
        each: &mut impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut defined, mut repeated, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            defined.clear();
            repeated.clear();
            numbers.clear();
            let read = whole(|| -> Result<_, Fault> {
                reader.read_records(BATCH, Some(&mut defined), Some(&mut repeated), &mut numbers)
            });
            let (records, _, levels) = read.map_err(|p| self.column.file.fail(p))?;
            if records == 0 && levels == 0 {
                return Ok(());
            }
            if defined.len() != levels || repeated.len() != levels {
                return Err(self.column.broken("levels that do not match").into());
            }
            let mut numbers = numbers.iter();
            let mut at = 0;
            while at < levels {
                let end = (at + 1..levels).find(|&i| repeated[i] == 0).unwrap_or(levels);
                let there = defined[at..end].iter().filter(|d| **d == self.column.defined).count();
                match (there, end - at) {
                    // One level that defines nothing: the list is missing, or empty.
                    (0, 1) if defined[at] < self.column.defined - 1 || self.column.defined == 1 => self.missing = true,
                    (there, all) if there == all => {
                        self.row.clear();
                        self.row.extend(numbers.by_ref().take(all).map(&float));
                        if self.row.len() != all {
                            return Err(self.column.broken("fewer numbers than levels").into());
                        }
                        self.whole_row(each)?;
                    }
                    _ => {
                        let (column, what) = (self.column.name.clone(), "a number of its vector is missing (null)");
                        return Err(self
                            .column
                            .file
                            .fail(ParquetProblem::Hole { column, row: self.cells, what })
                            .into());
                    }
                }
                self.cells += 1;
                at = end;
            }
        }
    }

    fn whole_row<E: From<ParquetError>>(&mut self, each: &mut impl FnMut(&[f32]) -> Result<(), E>) -> Result<(), E> {
        let width = self.row.len();
        if self.width == 0 {
            self.width = width;
        }
        if width != self.width {
            let (column, row) = (self.column.name.clone(), self.cells);
            let problem = ParquetProblem::Width { column, row, got: width, expected: self.width };
            return Err(self.column.file.fail(problem).into());
        }
        // More rows than this are refused where matrices are placed.
        self.kept.push(u32::try_from(self.cells).unwrap_or(u32::MAX));
        each(&self.row)
    }
}
