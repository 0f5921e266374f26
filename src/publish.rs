//! Folders that appear whole or not at all.
//!
//! A folder `X` is built as `.X.building-…` beside it, every file is brought to the disk, then one rename
//! publishes it (or, with leave to replace, one atomic exchange), and the parent folder is brought to the
//! disk. A process that dies leaves `X` as it was and a hidden folder that the next build removes: a lock on
//! the folder, held while building, tells the dead ones from the living.

use rustix::fs::{FlockOperation, RenameFlags, flock, renameat_with};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Folders under construction in this process, for [`abandon_all`].
static UNDER_CONSTRUCTION: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder under construction; dropped without [`Staging::publish`], it is removed.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    folder: PathBuf,
    replace: bool,
    _lock: fs::File,
}

/// Why a folder cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something there already.
    #[error("{}: exists already; choose another folder, or pass --force to replace it", .0.display())]
    Exists(PathBuf),
    /// What is there is none of ours, or something else lives there too.
    #[error("{}: exists and does not look like something made by mispair, so --force will not replace it; remove it yourself", .0.display())]
    NotOurs(PathBuf),
    /// The path has no last part that could name a folder.
    #[error("{}: not a path that a folder can be made at", .0.display())]
    BadPath(PathBuf),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |source| Error::Io { path: path.into(), source }
}

impl Staging {
    /// Begins a folder that will be published at `target`. Missing parents are made. With `replace`, an existing
    /// folder is replaced, provided it holds a file called `ours` (so that a slip of the pen cannot remove a home folder).
    pub fn begin(target: &Path, replace: bool, ours: &str) -> Result<Staging, Error> {
        let name = target.file_name().ok_or_else(|| Error::BadPath(target.into()))?;
        let parent = parent_of(target);
        match fs::symlink_metadata(target) {
            Ok(_) if !replace => return Err(Error::Exists(target.into())),
            Ok(meta) if !(meta.is_dir() && target.join(ours).is_file() || meta.is_dir() && is_empty(target)) => {
                return Err(Error::NotOurs(target.into()));
            }
            _ => {}
        }
        fs::create_dir_all(&parent).map_err(io_at(&parent))?;
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".building-");
        remove_dead(&parent, &prefix);
        let mut attempt = std::process::id();
        let (folder, lock) = loop {
            let mut own = prefix.clone();
            own.push(attempt.to_string());
            let folder = parent.join(own);
            attempt = attempt.wrapping_add(1 << 22);
            match fs::create_dir(&folder) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(io_at(&folder)(e)),
            }
            // Somebody who tidies up may have taken the folder for a dead one before it was locked: then try another.
            if let Some(lock) = lock(&folder)
                && is_same(&lock, &folder)
            {
                break (folder, lock);
            }
        };
        if let Ok(mut all) = UNDER_CONSTRUCTION.lock() {
            all.push(folder.clone());
        }
        Ok(Staging { target: target.into(), folder, replace, _lock: lock })
    }

    /// Where to write.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings every file and folder to the disk and publishes. What was replaced is removed afterwards.
    pub fn publish(self) -> Result<(), Error> {
        sync_tree(&self.folder)?;
        let parent = parent_of(&self.target);
        let (from, to) = (&self.folder, &self.target);
        let renamed = renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::NOREPLACE);
        let mut replaced = false;
        match renamed {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) if self.replace => {
                renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::EXCHANGE)
                    .map_err(|e| io_at(to)(e.into()))?;
                replaced = true;
            }
            Err(rustix::io::Errno::EXIST) => return Err(Error::Exists(to.clone())),
            Err(e) => return Err(io_at(to)(e.into())),
        }
        sync_folder(&parent)?;
        if replaced {
            // What is left of the old folder is hidden litter that the next build removes too.
            let _ = fs::remove_dir_all(from);
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publishing this name is gone, and this does nothing.
        let _ = fs::remove_dir_all(&self.folder);
        if let Ok(mut all) = UNDER_CONSTRUCTION.lock() {
            all.retain(|f| *f != self.folder);
        }
    }
}

/// Removes every folder under construction in this process: what Ctrl-C calls before the process ends.
pub fn abandon_all() {
    if let Ok(all) = UNDER_CONSTRUCTION.lock() {
        for folder in all.iter() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn parent_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.into(),
        _ => PathBuf::from("."),
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut d| d.next().is_none())
}

/// Removes building folders whose builder is dead: nobody holds their lock.
fn remove_dead(parent: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if ours && lock(&entry.path()).is_some() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// An exclusive lock on a folder, unless somebody else holds it or it is gone.
fn lock(folder: &Path) -> Option<fs::File> {
    let file = fs::File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Is this opened folder still the one at that path?
fn is_same(opened: &fs::File, path: &Path) -> bool {
    let of = |m: io::Result<fs::Metadata>| m.ok().map(|m| (m.dev(), m.ino()));
    let here = of(opened.metadata());
    here.is_some() && here == of(fs::metadata(path))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(io_at(folder))
}

fn sync_tree(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(io_at(folder))? {
        let path = entry.map_err(io_at(folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            fs::File::open(&path).and_then(|f| f.sync_all()).map_err(io_at(&path))?;
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(staging: &Staging, text: &str) {
        fs::write(staging.folder().join("mark"), text).unwrap();
    }

    #[test]
    fn appears_whole_and_is_replaced_only_with_leave() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b/index");
        let staging = Staging::begin(&target, false, "mark").unwrap();
        write(&staging, "one");
        assert!(!target.exists());
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(target.join("mark")).unwrap(), "one");
        assert!(matches!(Staging::begin(&target, false, "mark"), Err(Error::Exists(_))));
        let staging = Staging::begin(&target, true, "mark").unwrap();
        write(&staging, "two");
        assert_eq!(fs::read_to_string(target.join("mark")).unwrap(), "one");
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(target.join("mark")).unwrap(), "two");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "no litter");
    }

    #[test]
    fn a_strangers_folder_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("home");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("diary"), "dear").unwrap();
        assert!(matches!(Staging::begin(&target, true, "mark"), Err(Error::NotOurs(_))));
    }

    #[test]
    fn somebody_who_was_faster_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("index");
        let (slow, fast) =
            (Staging::begin(&target, false, "mark").unwrap(), Staging::begin(&target, false, "mark").unwrap());
        write(&slow, "slow");
        write(&fast, "fast");
        fast.publish().unwrap();
        assert!(matches!(slow.publish(), Err(Error::Exists(_))));
        assert_eq!(fs::read_to_string(target.join("mark")).unwrap(), "fast");
    }

    #[test]
    fn the_dead_are_removed_and_the_living_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("index");
        let dead = dir.path().join(".index.building-1");
        fs::create_dir(&dead).unwrap();
        let living = Staging::begin(&target, false, "mark").unwrap();
        assert!(!dead.exists());
        let second = Staging::begin(&target, false, "mark").unwrap();
        assert!(living.folder().exists());
        drop(second);
        drop(living);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
