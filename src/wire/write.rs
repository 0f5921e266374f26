//! A streaming writer: sections one after the other, the header last.

use super::read::header_checksum;
use super::*;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes one file. Nothing is readable before [`FileWriter::finish`]: the header stays zero until then.
pub struct FileWriter {
    out: BufWriter<std::fs::File>,
    path: PathBuf,
    kind: Kind,
    capacity: usize,
    table: Vec<u8>,
    position: u64,
    open: Option<Open>,
}

struct Open {
    tag: [u8; 8],
    start: u64,
    hash: Box<xxhash_rust::xxh3::Xxh3>,
}

/// A finished file.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The header's checksum: the file's identity.
    pub checksum: Checksum,
    /// The length in bytes.
    pub bytes: u64,
}

impl FileWriter {
    /// A new file with exactly `sections` sections. An existing file is refused.
    pub fn create(path: &Path, kind: Kind, sections: usize) -> Result<FileWriter> {
        let file = std::fs::File::create_new(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
        FileWriter::over(file, path, kind, sections)
    }

    /// The same, into an empty file that is open already; `path` is what errors call it.
    pub fn over(file: std::fs::File, path: &Path, kind: Kind, sections: usize) -> Result<FileWriter> {
        let io = |source| Error::Io { path: path.to_path_buf(), source };
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let header = FIXED_HEADER + sections * TABLE_ENTRY;
        out.write_all(&vec![0; header]).map_err(io)?;
        Ok(FileWriter {
            out,
            path: path.into(),
            kind,
            capacity: sections,
            table: Vec::new(),
            position: header as u64,
            open: None,
        })
    }

    fn io(&self, source: std::io::Error) -> Error {
        Error::Io { path: self.path.clone(), source }
    }

    /// Ends the section before and begins another.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        self.end();
        let padding = self.position.next_multiple_of(ALIGN) - self.position;
        self.out.write_all(&[0; ALIGN as usize][..padding as usize]).map_err(|e| self.io(e))?;
        self.position += padding;
        self.open = Some(Open { tag: tag(name), start: self.position, hash: Box::default() });
        Ok(())
    }

    /// Appends to the section that was begun.
    pub fn write<T: bytemuck::NoUninit>(&mut self, values: &[T]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        if let Some(open) = &mut self.open {
            open.hash.update(bytes);
        }
        self.position += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|e| self.io(e))
    }

    /// A whole section at once.
    pub fn section<T: bytemuck::NoUninit>(&mut self, name: &str, values: &[T]) -> Result<()> {
        self.begin(name)?;
        self.write(values)
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            self.table.extend(open.tag);
            self.table.extend(open.start.to_le_bytes());
            self.table.extend((self.position - open.start).to_le_bytes());
            self.table.extend(open.hash.digest128().to_le_bytes());
            self.table.extend(0u64.to_le_bytes());
        }
    }

    /// Writes the header, and waits until the file is on the disk.
    pub fn finish(mut self) -> Result<Written> {
        self.end();
        debug_assert_eq!(self.table.len(), self.capacity * TABLE_ENTRY);
        let mut fixed = Vec::with_capacity(FIXED_HEADER);
        fixed.extend(MAGIC);
        fixed.extend(FORMAT_VERSION.to_le_bytes());
        fixed.extend((self.kind as u32).to_le_bytes());
        fixed.extend(self.position.to_le_bytes());
        fixed.extend((self.capacity as u32).to_le_bytes());
        fixed.extend([0; 4]);
        let checksum = header_checksum(&fixed, &self.table);
        fixed.extend(checksum.0);
        let result = (|| {
            self.out.seek(SeekFrom::Start(0))?;
            self.out.write_all(&fixed)?;
            self.out.write_all(&self.table)?;
            self.out.flush()?;
            self.out.get_ref().sync_all()
        })();
        result.map_err(|e| self.io(e))?;
        Ok(Written { checksum, bytes: self.position })
    }
}
