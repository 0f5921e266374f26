//! A Parquet file and its schema.

use super::{ParquetError, ParquetProblem};
use parquet::basic::{Compression, ConvertedType, Type as Physical};
use parquet::errors::ParquetError as Fault;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{Type, TypePtr};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// An open file; its footer has been read.
pub(super) struct Opened {
    pub path: PathBuf,
    pub reader: SerializedFileReader<File>,
}

impl Opened {
    /// Reads the footer.
    pub fn new(path: &Path) -> Result<Opened, ParquetError> {
        let opened = File::open(path).map_err(|e| Fault::External(Box::new(e)));
        let reader = whole(|| opened.and_then(SerializedFileReader::new));
        match reader {
            Ok(reader) => Ok(Opened { path: path.to_owned(), reader }),
            Err(problem) => Err(ParquetError { path: path.to_owned(), problem }),
        }
    }

    pub fn fail(&self, problem: ParquetProblem) -> ParquetError {
        ParquetError { path: self.path.clone(), problem }
    }

    /// The top-level columns.
    pub fn columns(&self) -> &[TypePtr] {
        self.reader.metadata().file_metadata().schema().get_fields()
    }

    /// The columns' names, for an error.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.columns().iter().map(|c| format!("\"{}\"", c.name())).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// A top-level column by name.
    pub fn column(&self, name: &str) -> Option<&TypePtr> {
        self.columns().iter().find(|c| c.name() == name)
    }

    /// How many rows the footer says there are.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The schema with these columns alone, each checked to be of types and compressions that can be read.
    pub fn projection(&self, wanted: &[&str]) -> Result<Type, ParquetError> {
        let mut fields = Vec::new();
        for column in self.columns().iter().filter(|c| wanted.contains(&c.name())) {
            self.check(column.name())?;
            fields.push(column.clone());
        }
        let schema = self.reader.metadata().file_metadata().schema();
        let built = Type::group_type_builder(schema.name()).with_fields(fields).build();
        built.map_err(|e| self.fail(ParquetProblem::Broken(e.to_string())))
    }

    /// Refuses a column whose pages or cells the library cannot decode: of some it would panic.
    pub fn check(&self, column: &str) -> Result<(), ParquetError> {
        let metadata = self.reader.metadata();
        for chunk in metadata.row_groups().iter().flat_map(|g| g.columns()) {
            let leaf = chunk.column_descr();
            if leaf.path().parts().first().is_none_or(|root| root != column) {
                continue;
            }
            let codec = chunk.compression();
            let known = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4, Compression::LZ4_RAW];
            if !(known.contains(&codec) || matches!(codec, Compression::GZIP(_))) {
                let codec = codec.to_string();
                let codec = codec.split('(').next().unwrap_or_default().to_owned();
                return Err(self.fail(ParquetProblem::Codec { column: column.to_owned(), codec }));
            }
            use ConvertedType as C;
            let converted = leaf.converted_type();
            let readable = match leaf.physical_type() {
                Physical::BOOLEAN | Physical::INT96 | Physical::FLOAT | Physical::DOUBLE => true,
                Physical::INT32 => !matches!(converted, C::TIME_MICROS | C::TIMESTAMP_MILLIS | C::TIMESTAMP_MICROS),
                Physical::INT64 => {
                    use C::{DECIMAL, INT_64, NONE, TIME_MICROS, TIMESTAMP_MICROS, TIMESTAMP_MILLIS, UINT_64};
                    let known = [INT_64, NONE, UINT_64, TIME_MICROS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS, DECIMAL];
                    known.contains(&converted)
                }
                Physical::BYTE_ARRAY => [C::UTF8, C::ENUM, C::JSON, C::BSON, C::NONE, C::DECIMAL].contains(&converted),
                Physical::FIXED_LEN_BYTE_ARRAY => [C::NONE, C::DECIMAL].contains(&converted),
            };
            if !readable {
                let got = format!("{} as {converted}", leaf.physical_type());
                let expected = "texts, numbers, timestamps, or lists and structs of them";
                return Err(self.fail(ParquetProblem::Type { column: column.to_owned(), expected, got }));
            }
        }
        Ok(())
    }
}

/// The library's fault, or its panic, as a problem. Its readers of pages still assert some of what damaged bytes can break.
pub(super) fn whole<T>(read: impl FnOnce() -> Result<T, Fault>) -> Result<T, ParquetProblem> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Fault::External(e))) => Err(ParquetProblem::Broken(e.to_string())),
        Ok(Err(e)) => Err(ParquetProblem::Broken(e.to_string().trim_start_matches("Parquet error: ").to_owned())),
        Err(_) => Err(ParquetProblem::Broken("its pages contradict each other".to_owned())),
    }
}
