//! Files mapped read-only.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// A file mapped read-only; clones share the map.
#[derive(Debug, Clone)]
pub struct Mapped(Option<Arc<memmap2::Mmap>>);

impl Mapped {
    /// Maps a regular file. An empty file gives no bytes. A folder or a device is refused.
    pub fn open(path: &Path) -> io::Result<Mapped> {
        let file = fs::File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if meta.len() == 0 {
            return Ok(Mapped(None));
        }
        // SAFETY: the map is read-only and private to readers through `&[u8]`. That the bytes do not
        // change under it is the contract of an index: its files are written once, under another name,
        // and published by renaming; nothing of ours opens them for writing again. Somebody else who
        // rewrites a mapped file can change the values read (every value is bounds-checked where it is
        // used as an index), or, by truncating it, end the process with SIGBUS.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Mapped(Some(Arc::new(map))))
    }

    /// Tells the system that all of it will be read in order soon.
    pub fn will_scan(&self) {
        if let Some(map) = &self.0 {
            // Advice only: a refusal changes nothing but speed.
            let _ = map.advise(memmap2::Advice::Sequential);
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |m| &m[..])
    }
}
