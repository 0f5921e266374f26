//! Folders (and files) that appear whole or not at all.
//!
//! A folder `X` is built as `.X.building-…` beside it, every file is brought to the disk, then one rename
//! publishes it (or, with leave to replace, one atomic exchange), and the parent folder is brought to the
//! disk. A process that dies leaves `X` as it was and something hidden that the next build removes: a lock
//! on it, held while building, tells the dead ones from the living. A single file is made in the same way.

use rustix::fs::{FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this process is making, for [`abandon_all`].
static UNDER_CONSTRUCTION: Mutex<Vec<Site>> = Mutex::new(Vec::new());

/// Something hidden under construction, and the parents that were made for it, the deepest first.
#[derive(Debug, Clone)]
struct Site {
    hidden: PathBuf,
    parents: Vec<PathBuf>,
}

impl Site {
    /// Removes what is there; parents only where nothing else lives in them.
    fn clear(&self) {
        remove(&self.hidden);
        for parent in &self.parents {
            let _ = fs::remove_dir(parent);
        }
    }
}

fn under_construction() -> MutexGuard<'static, Vec<Site>> {
    UNDER_CONSTRUCTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder under construction; dropped without [`Staging::publish`], it is removed.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    site: Site,
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
        // Held until the folder is known to `abandon_all`.
        let mut all = under_construction();
        let parents = make_parents(&parent)?;
        let prefix = hidden_prefix(name);
        remove_dead(&parent, &prefix);
        let (hidden, lock) = make_hidden(&parent, &prefix, &parents, |hidden| {
            fs::create_dir(hidden)?;
            fs::File::open(hidden)
        })?;
        let site = Site { hidden, parents };
        all.push(site.clone());
        Ok(Staging { target: target.into(), site, replace, _lock: lock })
    }

    /// Where to write.
    pub fn folder(&self) -> &Path {
        &self.site.hidden
    }

    /// Brings every file and folder to the disk and publishes. What was replaced is removed afterwards.
    pub fn publish(self) -> Result<(), Error> {
        let (from, to) = (&self.site.hidden, &self.target);
        sync_tree(from)?;
        let parent = parent_of(&self.target);
        let renamed = renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::NOREPLACE);
        let mut replaced = false;
        match renamed {
            Ok(()) => {}
            Err(Errno::EXIST) if self.replace => {
                renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::EXCHANGE)
                    .map_err(|e| io_at(to)(e.into()))?;
                replaced = true;
            }
            Err(Errno::EXIST) => return Err(Error::Exists(to.clone())),
            Err(e) => return Err(io_at(to)(e.into())),
        }
        sync_name(&parent, &self.site.parents)?;
        if replaced {
            // What is left of the old folder is hidden litter that the next build removes too.
            remove(from);
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let mut all = under_construction();
        // After publishing this name is gone and the parents are not empty: nothing happens.
        self.site.clear();
        all.retain(|site| site.hidden != self.site.hidden);
    }
}

/// Writes a file beside its place, then renames it there; what was there before is replaced. `print` may buffer, and
/// must flush.
pub fn write_file(to: &Path, print: impl FnOnce(&mut fs::File) -> io::Result<()>) -> Result<(), Error> {
    write(to, false, print)
}

/// The same; missing parents are made.
pub fn write_file_deep(to: &Path, print: impl FnOnce(&mut fs::File) -> io::Result<()>) -> Result<(), Error> {
    write(to, true, print)
}

fn write(to: &Path, deep: bool, print: impl FnOnce(&mut fs::File) -> io::Result<()>) -> Result<(), Error> {
    let name = to.file_name().ok_or_else(|| Error::BadPath(to.into()))?;
    let parent = parent_of(to);
    let (site, mut file) = {
        let mut all = under_construction();
        let parents = if deep { make_parents(&parent)? } else { Vec::new() };
        let prefix = hidden_prefix(name);
        remove_dead(&parent, &prefix);
        let make = |hidden: &Path| fs::OpenOptions::new().read(true).write(true).create_new(true).open(hidden);
        let (hidden, file) = make_hidden(&parent, &prefix, &parents, make)?;
        let site = Site { hidden, parents };
        all.push(site.clone());
        (site, file)
    };
    let written = print(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&site.hidden, to));
    let mut all = under_construction();
    if written.is_err() {
        site.clear();
    }
    all.retain(|s| s.hidden != site.hidden);
    written.map_err(io_at(to))?;
    sync_name(&parent, &site.parents)
}

/// Makes a folder and what is missing of its path, all brought to the disk where it is listed; one that is there will do.
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = make_parents(folder)?;
    sync_made(&made)
}

/// Makes what is missing of a folder's path; what was made, the deepest first.
fn make_parents(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let made: Vec<PathBuf> = folder.ancestors().take_while(|p| !p.exists()).map(Path::to_path_buf).collect();
    fs::create_dir_all(folder).map_err(|e| {
        // Those that were made, and nothing else.
        made.iter().for_each(|made| drop(fs::remove_dir(made)));
        io_at(folder)(e)
    })?;
    Ok(made)
}

/// Makes something hidden that nobody else has, and locks it.
fn make_hidden(
    parent: &Path,
    prefix: &OsString,
    parents: &[PathBuf],
    make: impl Fn(&Path) -> io::Result<fs::File>,
) -> Result<(PathBuf, fs::File), Error> {
    let mut attempt = std::process::id();
    loop {
        let mut own = prefix.clone();
        own.push(attempt.to_string());
        let hidden = parent.join(own);
        match make(&hidden).and_then(|made| lock_new(made, &hidden)) {
            Ok(Some(lock)) => return Ok((hidden, lock)),
            // Somebody who tidies up took it for a dead one.
            Ok(None) => {}
            Err(e)
                if [io::ErrorKind::AlreadyExists, io::ErrorKind::NotFound].contains(&e.kind()) && parent.exists() => {}
            Err(e) => {
                Site { hidden: hidden.clone(), parents: parents.to_vec() }.clear();
                return Err(io_at(&hidden)(e));
            }
        }
        attempt = attempt.wrapping_add(1 << 22);
    }
}

/// Removes whatever this process has half made: what Ctrl-C calls before the process ends. As long as the result is
/// held, nothing else is begun or ended, and whoever tries waits.
#[must_use = "what is begun after it is dropped stays"]
pub fn abandon_all() -> impl Sized {
    let all = under_construction();
    for site in all.iter() {
        // Under another name first: the threads that still write there can create no more files.
        let mut gone = site.hidden.clone().into_os_string();
        gone.push(".gone");
        let gone = Site { hidden: gone.into(), parents: site.parents.clone() };
        let _ = fs::rename(&site.hidden, &gone.hidden);
        gone.clear();
    }
    all
}

fn hidden_prefix(name: &std::ffi::OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".building-");
    prefix
}

/// Locks what was just made; `None` where somebody who tidies up was there first.
fn lock_new(made: fs::File, hidden: &Path) -> io::Result<Option<fs::File>> {
    match flock(&made, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(is_same(&made, hidden).then_some(made)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Is what was opened still what is at that path?
fn is_same(opened: &fs::File, path: &Path) -> bool {
    let of = |m: io::Result<fs::Metadata>| m.ok().map(|m| (m.dev(), m.ino()));
    let here = of(opened.metadata());
    here.is_some() && here == of(fs::metadata(path))
}

/// A file or a folder with all that is in it; what cannot be removed stays hidden until the next build tries.
fn remove(path: &Path) {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    let _ = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
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

/// Removes what was being built by somebody who is dead: nobody holds its lock.
fn remove_dead(parent: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            continue;
        }
        let path = entry.path();
        let dead =
            fs::File::open(&path).is_ok_and(|opened| flock(&opened, FlockOperation::NonBlockingLockExclusive).is_ok());
        if dead {
            remove(&path);
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(io_at(folder))
}

/// Brings to the disk what a folder lists; and the folders that were made on the way to it, where they are listed.
fn sync_name(parent: &Path, made: &[PathBuf]) -> Result<(), Error> {
    sync_folder(parent)?;
    sync_made(made)
}

/// Brings folders that were made to the disk, where they are listed.
fn sync_made(made: &[PathBuf]) -> Result<(), Error> {
    made.iter().filter(|p| !p.as_os_str().is_empty()).try_for_each(|p| sync_folder(&parent_of(p)))
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

    fn mark(staging: &Staging, text: &str) {
        fs::write(staging.folder().join("mark"), text).unwrap();
    }

    #[test]
    fn appears_whole_and_is_replaced_only_with_leave() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b/index");
        let staging = Staging::begin(&target, false, "mark").unwrap();
        mark(&staging, "one");
        assert!(!target.exists());
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(target.join("mark")).unwrap(), "one");
        assert!(matches!(Staging::begin(&target, false, "mark"), Err(Error::Exists(_))));
        let staging = Staging::begin(&target, true, "mark").unwrap();
        mark(&staging, "two");
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
        mark(&slow, "slow");
        mark(&fast, "fast");
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

    #[test]
    fn parents_that_were_made_for_nothing_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        drop(Staging::begin(&dir.path().join("a/b/c/index"), false, "mark").unwrap());
        assert!(dir.path().join("a").exists() && !dir.path().join("a/b").exists());
    }

    #[test]
    fn what_stands_where_a_parent_should_be_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("diary");
        fs::write(&file, "dear").unwrap();
        assert!(Staging::begin(&file.join("index"), false, "mark").is_err());
        assert!(Staging::begin(&file.join("a/index"), true, "mark").is_err());
        assert!(write_file_deep(&file.join("part"), |_| Ok(())).is_err());
        assert!(write_file(&file.join("part"), |_| Ok(())).is_err());
        assert!(write_file(&dir.path().join("nowhere/part"), |_| Ok(())).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "dear");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no litter");
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("rows.jsonl");
        fs::write(dir.path().join(".rows.jsonl.building-1"), "of a dead process").unwrap();
        write_file(&to, |file| io::Write::write_all(file, b"one")).unwrap();
        let failed = write_file(&to, |file| {
            io::Write::write_all(file, b"tw")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("rows.jsonl: no more"));
        assert_eq!(fs::read_to_string(&to).unwrap(), "one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no litter");
    }
}
