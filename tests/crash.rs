//! The fear: the power fails, the disk is full, somebody presses Ctrl-C, or closes the pager; and after it the index does
//! not open, or the next build stumbles over what is left. So builds are killed at every stage.

mod common;

use common::{Run, command, names, newsy, run, run_command};
use mispair::index::Index;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A corpus that takes long enough to build for a signal to arrive, and an index of a small one.
struct Here {
    dir: TempDir,
    corpus: PathBuf,
    small: PathBuf,
}

static HERE: LazyLock<Here> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let corpus = newsy(30_000, 2, &[]).write(&dir.path().join("large"));
    let small = newsy(40, 2, &[]).write(&dir.path().join("small"));
    Here { dir, corpus, small }
});

fn build(corpus: &Path, out: &Path) -> Command {
    let mut command = command();
    command.args(["build", "--force", "--quiet", "--out"]).arg(out).arg(corpus);
    command
}

/// A folder with an old index `news`, and the checksum of it.
fn with_old_index() -> (TempDir, PathBuf, String) {
    let dir = tempfile::tempdir_in(HERE.dir.path()).unwrap();
    let out = dir.path().join("news");
    run_command(&mut build(&HERE.small, &out)).ok();
    let checksum = Index::open(&out).unwrap().checksum.to_string();
    (dir, out, checksum)
}

fn signal(child: &Child, name: &str) {
    // It may be gone already.
    let _ = Command::new("kill").args([name, &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// Waits until the child builds, or is done.
fn until_it_builds(child: &mut Child, dir: &Path) {
    let begin = Instant::now();
    while names(dir).iter().all(|n| !n.contains(".building-")) && child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(1));
    }
}

const DELAYS: [u64; 8] = [0, 3, 20, 60, 120, 250, 400, 700];

#[test]
fn ctrl_c_leaves_the_old_index_and_nothing_else() {
    let (dir, out, old) = with_old_index();
    let mut stopped = 0;
    for (i, delay) in DELAYS.into_iter().enumerate() {
        let mut child = build(&HERE.corpus, &out).stderr(Stdio::piped()).spawn().unwrap();
        until_it_builds(&mut child, dir.path());
        sleep(Duration::from_millis(delay));
        signal(&child, if i % 2 == 0 { "-INT" } else { "-TERM" });
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(names(dir.path()), ["news"], "litter after {delay} ms");
        let index = Index::open(&out).unwrap();
        index.verify().unwrap();
        match done.status.code() {
            Some(130) => {
                stopped += 1;
                assert!(said.is_empty(), "{said}");
            }
            Some(0) => run_command(&mut build(&HERE.small, &out)).ok().code.map(drop).unwrap(),
            other => panic!("{other:?}: {said}"),
        }
        assert_eq!(Index::open(&out).unwrap().checksum.to_string(), old);
    }
    assert!(stopped > 0, "every build was faster than its signal");
}

#[test]
fn ctrl_c_before_there_was_anything_leaves_nothing() {
    let dir = tempfile::tempdir_in(HERE.dir.path()).unwrap();
    let mut child = build(&HERE.corpus, &dir.path().join("a/b/news")).spawn().unwrap();
    sleep(Duration::from_millis(100));
    signal(&child, "-INT");
    if child.wait().unwrap().code() == Some(130) {
        assert_eq!(names(dir.path()), [""; 0]);
    }
}

#[test]
fn a_killed_build_leaves_the_old_index_and_the_next_one_tidies_up() {
    let (dir, out, old) = with_old_index();
    let mut killed = 0;
    for delay in DELAYS {
        let mut child = build(&HERE.corpus, &out).stderr(Stdio::null()).spawn().unwrap();
        until_it_builds(&mut child, dir.path());
        sleep(Duration::from_millis(delay));
        signal(&child, "-KILL");
        let done = child.wait().unwrap();
        let index = Index::open(&out).unwrap();
        index.verify().unwrap();
        if done.success() {
            run_command(&mut build(&HERE.small, &out)).ok();
        } else {
            killed += 1;
            assert_eq!(index.checksum.to_string(), old);
        }
    }
    assert!(killed > 0, "every build was faster than its signal");
    run_command(&mut build(&HERE.small, &out)).ok();
    assert_eq!(names(dir.path()), ["news"], "the dead are tidied up by the next build");
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let dir = tempfile::tempdir_in(HERE.dir.path()).unwrap();
    let out = dir.path().join("news");
    for _ in 0..4 {
        let children: Vec<Child> =
            (0..4).map(|_| build(&HERE.small, &out).stderr(Stdio::piped()).spawn().unwrap()).collect();
        for child in children {
            let done = child.wait_with_output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        Index::open(&out).unwrap().verify().unwrap();
        assert_eq!(names(dir.path()), ["news"]);
    }
}

#[track_caller]
fn no_space(run: Run, dir: &Path, words: &[&str]) {
    run.fails(1, words);
    assert_eq!(names(dir), [""; 0], "litter on the full disk");
}

/// Everything that writes, onto a disk that takes nearly nothing.
fn on_a_full_disk(disk: &Path, limit: impl Fn(&mut Command) -> Command, said: &[&str]) {
    no_space(run_command(&mut limit(&mut build(&HERE.corpus, &disk.join("x/news")))), disk, said);
    let index = HERE.dir.path().join("full");
    if !index.exists() {
        run_command(&mut build(&HERE.corpus, &index)).ok();
    }
    let mut pair = command();
    pair.args([
        "match",
        "--quiet",
        "--split",
        "semantics_clip_text_text",
        "--chunk-size",
        "500",
        "--waive",
        "entities",
        "--no-balance",
    ]);
    no_space(run_command(&mut limit(pair.arg("--out").arg(disk.join("set")).arg(&index))), disk, said);
    let mut news = command();
    news.args(["newsroom", "--quiet", "--samples", "300", "--out"]).arg(disk.join("room"));
    no_space(run_command(&mut limit(&mut news)), disk, &["room"]);
}

/// A full disk on any machine: files may not grow beyond 32 KiB.
#[test]
fn files_that_may_not_grow() {
    let disk = tempfile::tempdir_in(HERE.dir.path()).unwrap();
    let limit = |inner: &mut Command| {
        let mut outer = Command::new("sh");
        outer
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
            .arg(inner.get_program())
            .args(inner.get_args());
        outer.stdin(Stdio::null());
        outer
    };
    on_a_full_disk(disk.path(), limit, &["File too large"]);
}

#[test]
fn a_disk_that_is_full() {
    let disk = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(disk.path()).output();
    if !mounted.is_ok_and(|m| m.status.success()) {
        println!("skipped: a small file system can be mounted by root only");
        return;
    }
    let free = |inner: &mut Command| {
        let mut same = command();
        same.args(inner.get_args());
        same
    };
    let tried = std::panic::catch_unwind(|| {
        on_a_full_disk(disk.path(), free, &["No space left on device", "free some space"]);
    });
    let unmounted = Command::new("umount").arg(disk.path()).status().unwrap();
    tried.unwrap();
    assert!(unmounted.success());
}

#[test]
fn a_closed_pipe_is_no_error() {
    let index = HERE.dir.path().join("piped");
    run_command(&mut build(&HERE.small, &index)).ok();
    let i = index.to_str().unwrap();
    let questions: [&[&str]; 7] = [
        &["splits"],
        &["info", i],
        &["info", i, "--format", "json"],
        &["verify-index", i],
        &["completions", "zsh"],
        &["--help"],
        &["query", i, "--modality", "clip-image", "--id", "0", "--format", "json", "-k", "40"],
    ];
    for question in questions {
        // Nobody reads stdout.
        let mut child = command().args(question).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && said.is_empty(), "{question:?}: {:?} {said}", done.status);
    }
    // Nobody reads stderr: neither talk nor an error is worth a panic.
    for (corpus, code) in [(&*HERE.small, 0), (Path::new("/nowhere.toml"), 1)] {
        let mut loud = command();
        loud.args(["build", "--force", "--out"]).arg(&index).arg(corpus);
        let mut child = loud.stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    // A full disk behind stdout is an error.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = command().args(["info", i]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8(done.stderr).unwrap().contains("No space left"));
}

#[test]
fn quiet_is_quiet() {
    let dir = tempfile::tempdir_in(HERE.dir.path()).unwrap();
    let silent = |args: &[&Path]| {
        let done = run(args.iter().copied().chain([Path::new("--quiet")])).ok();
        assert_eq!(done.err, "");
        done.out
    };
    let index = dir.path().join("news");
    assert_eq!(silent(&[Path::new("build"), &HERE.small, Path::new("--out"), &index]), "");
    let set = dir.path().join("set");
    let split = [Path::new("--split"), Path::new("semantics_clip_text_text")];
    assert!(silent(&[Path::new("match"), &index, split[0], split[1], Path::new("--out"), &set]).contains("captions"));
}
