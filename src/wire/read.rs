//! Mapped file → typed sections.

use super::*;
use crate::mapped::Mapped;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::path::Path;

/// An opened file: its header checked, its sections known to lie inside it.
#[derive(Debug)]
pub struct File {
    map: Mapped,
    path: PathBuf,
    table: Vec<Entry>,
    /// The checksum of the header, and through it of every section: the file's identity.
    pub checksum: Checksum,
}

#[derive(Debug)]
struct Entry {
    tag: [u8; 8],
    range: Range<usize>,
    checksum: Checksum,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn checksum_at(bytes: &[u8], at: usize) -> Checksum {
    Checksum(bytes.get(at..at + 16).and_then(|b| b.try_into().ok()).unwrap_or_default())
}

/// Do a file's first bytes leave it open that it is of this kind, whole or damaged? A file that ends before they tell is not.
pub fn may_be(path: &Path, kind: Kind) -> std::io::Result<bool> {
    let mut head = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::open(path)?, 16), &mut head)?;
    Ok(head.len() == 16 && head[..8] == MAGIC && u32_at(&head, 12) == kind as u32)
}

impl File {
    /// Maps a file and checks magic, version, kind, length, header checksum and section bounds.
    pub fn open(path: &Path, kind: Kind) -> Result<File> {
        let map = Mapped::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let damaged = |what: String| Error::Damaged { path: path.into(), what };
        if map.len() < FIXED_HEADER {
            if !MAGIC.starts_with(&map[..map.len().min(MAGIC.len())]) {
                return Err(Error::Foreign { path: path.into() });
            }
            return Err(damaged(format!("{} bytes, a header has {FIXED_HEADER}", map.len())));
        }
        if map[..8] != MAGIC {
            return Err(Error::Foreign { path: path.into() });
        }
        let version = u32_at(&map, 8);
        if version != FORMAT_VERSION {
            return Err(Error::Version { path: path.into(), got: version });
        }
        if u64_at(&map, 16) != map.len() as u64 {
            return Err(damaged(format!("{} bytes long, its header says {}", map.len(), u64_at(&map, 16))));
        }
        let sections = u32_at(&map, 24);
        let table_end = FIXED_HEADER + sections.min(MAX_SECTIONS) as usize * TABLE_ENTRY;
        if sections > MAX_SECTIONS || table_end > map.len() {
            return Err(damaged(format!("{sections} sections do not fit")));
        }
        let checksum = checksum_at(&map, 32);
        if checksum != header_checksum(&map[..32], &map[FIXED_HEADER..table_end]) {
            return Err(damaged("the checksum of its header does not match".into()));
        }
        let got = u32_at(&map, 12);
        if got != kind as u32 {
            return Err(Error::Kind { path: path.into(), got, wanted: kind });
        }
        let mut table: Vec<Entry> = Vec::with_capacity(sections as usize);
        let mut end = table_end as u64;
        for entry in map[FIXED_HEADER..table_end].chunks_exact(TABLE_ENTRY) {
            let (offset, length) = (u64_at(entry, 8), u64_at(entry, 16));
            let tag = entry[..8].try_into().unwrap_or_default();
            let fits = offset % ALIGN == 0
                && offset >= end
                && offset - end < ALIGN
                && length <= map.len() as u64
                && offset <= map.len() as u64 - length;
            if !fits {
                return Err(damaged(format!("section {} lies outside the file", tag_name(tag))));
            }
            end = offset + length;
            table.push(Entry { tag, range: offset as usize..end as usize, checksum: checksum_at(entry, 24) });
        }
        if end != map.len() as u64 {
            return Err(damaged(format!("{} bytes after the last section", map.len() as u64 - end)));
        }
        Ok(File { map, path: path.into(), table, checksum })
    }

    /// A section as numbers of one type. Its length must be a whole number of them.
    pub fn section<T: bytemuck::Pod>(&self, name: &str) -> Result<Section<T>> {
        let wanted = tag(name);
        let Some(entry) = self.table.iter().find(|e| e.tag == wanted) else {
            return Err(self.damaged(format!("section {name} is missing")));
        };
        let section = Section { map: self.map.clone(), range: entry.range.clone(), of: PhantomData };
        match bytemuck::try_cast_slice::<u8, T>(&self.map[entry.range.clone()]) {
            Ok(_) => Ok(section),
            Err(e) => Err(self.damaged(format!("section {name}: {e}"))),
        }
    }

    /// Is there a section of this name?
    pub fn has(&self, name: &str) -> bool {
        self.table.iter().any(|e| e.tag == tag(name))
    }

    /// A section of exactly `len` numbers.
    pub fn section_of<T: bytemuck::Pod>(&self, name: &str, len: usize) -> Result<Section<T>> {
        let section = self.section::<T>(name)?;
        if section.len() != len {
            return Err(self.damaged(format!("section {name} holds {} values, expected {len}", section.len())));
        }
        Ok(section)
    }

    /// An error about this file.
    pub fn damaged(&self, what: String) -> Error {
        Error::Damaged { path: self.path.clone(), what }
    }

    /// The length in bytes.
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Reads every byte: section checksums, and zeros between the sections.
    pub fn verify(&self) -> Result<()> {
        self.map.will_scan();
        let mut end = FIXED_HEADER + self.table.len() * TABLE_ENTRY;
        if self.map[28..32] != [0; 4] {
            return Err(self.damaged("reserved bytes of the header are not zero".into()));
        }
        for (i, entry) in self.table.iter().enumerate() {
            let reserved = FIXED_HEADER + i * TABLE_ENTRY + 40;
            if self.map[end..entry.range.start].iter().any(|&b| b != 0)
                || self.map[reserved..reserved + 8].iter().any(|&b| b != 0)
            {
                return Err(self.damaged(format!("bytes before section {} are not zero", tag_name(entry.tag))));
            }
            if Checksum::of(&self.map[entry.range.clone()]) != entry.checksum {
                return Err(self.damaged(format!("the checksum of section {} does not match", tag_name(entry.tag))));
            }
            end = entry.range.end;
        }
        Ok(())
    }
}

pub(super) fn header_checksum(fixed: &[u8], table: &[u8]) -> Checksum {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(fixed);
    hash.update(table);
    Checksum(hash.digest128().to_le_bytes())
}

/// Numbers in a mapped file. Cheap to clone; keeps the map alive.
#[derive(Debug, Clone)]
pub struct Section<T> {
    map: Mapped,
    range: Range<usize>,
    of: PhantomData<T>,
}

impl<T: bytemuck::Pod> Deref for Section<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        // The cast was tried when the section was taken; it cannot fail now.
        bytemuck::try_cast_slice(&self.map[self.range.clone()]).unwrap_or(&[])
    }
}
