//! The fear: a build that takes the machine's memory, and is killed by the system after an hour; or one that says it needs four times
//! what it takes, so that nobody believes it. So what is said is compared with what is taken; and addresses are limited, to see
//! that everything ends with an answer or with one line.

mod common;

use common::{command, names, newsy};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The peak of anonymous memory of a build, and what it said beforehand; in MiB.
fn taken_and_said(mut build: Command) -> (f64, f64) {
    let mut child = build.stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0u64;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let anonymous = text.lines().find_map(|l| l.strip_prefix("RssAnon:")).map(|l| l.trim().trim_end_matches(" kB"));
        peak = peak.max(anonymous.and_then(|n| n.trim().parse().ok()).unwrap_or(0));
        sleep(Duration::from_millis(1));
    }
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let about = said.split("takes about ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let (number, unit) = about.split_once(' ').unwrap();
    let unit = if unit.starts_with("GiB") { 1024.0 } else { 1.0 };
    (peak as f64 / 1024.0, number.parse::<f64>().unwrap() * unit)
}

#[test]
fn what_is_said_beforehand_is_what_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let room = dir.path().join("room");
    common::run_command(command().args(["newsroom", "-q", "--samples", "8000", "--out"]).arg(&room)).ok();
    let mut build = command();
    build.args(["build", "--threads", "2", "--newsclippings"]).arg(&room).arg("--out").arg(dir.path().join("index"));
    let (taken, said) = taken_and_said(build);
    println!("a newsroom of 8,000: {said:.0} MiB said, {taken:.1} taken");
    // Within 15% as it was measured; other allocators and larger pages take their own share.
    assert!((said / taken - 1.0).abs() < 0.25, "{said} MiB said, {taken} taken");
}

/// Long fields that nobody reads are no reason to refuse.
#[test]
fn what_is_not_kept_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = newsy(60, 1, &[]);
    corpus.write(dir.path());
    let catalog = dir.path().join("catalog.jsonl");
    let fat = |line: &str| line.replacen('{', &format!("{{\"article\":\"{}\",", "x".repeat(200_000)), 1) + "\n";
    let lines: String = fs::read_to_string(&catalog).unwrap().lines().map(fat).collect();
    fs::write(&catalog, lines).unwrap();
    let mut build = command();
    build.arg("build").arg(dir.path().join("corpus.toml")).arg("--out").arg(dir.path().join("index"));
    let (_, said) = taken_and_said(build);
    assert!(said < 6.0, "{said} MiB for 60 samples, whose catalog has 12 MB");
}

/// Runs under a limit on addresses: well, or with one line and no litter. `None` where the limit lets no program start at all.
fn limited(kib: u64, dir: &Path, words: &[&str]) -> Option<bool> {
    let shell = |words: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {kib}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_mispair")]);
        shell.args(words).current_dir(dir).stdin(Stdio::null()).output().unwrap()
    };
    let starts = shell(&["--version"]).status.success();
    let before = names(dir);
    let done = shell(words);
    let said = String::from_utf8_lossy(&done.stderr);
    if !starts && !said.contains("error: ") {
        return None;
    }
    assert!(!said.contains("panicked") && !said.contains("allocation"), "{kib} KiB, {words:?}: {said}");
    match done.status.code() {
        Some(0) => Some(true),
        Some(1) => {
            assert_eq!(said.lines().filter(|l| l.starts_with("error: ")).count(), 1, "{kib} KiB: {said}");
            assert_eq!(names(dir), before, "{kib} KiB, {words:?}: litter");
            Some(false)
        }
        other => panic!("{kib} KiB, {words:?}: {other:?} {said}"),
    }
}

#[test]
fn limits_on_addresses_end_in_an_answer_or_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    newsy(3000, 2, &[]).write(&dir.path().join("corpus"));
    common::run_command(command().current_dir(dir.path()).args([
        "build",
        "-q",
        "corpus/corpus.toml",
        "--out",
        "index",
    ]))
    .ok();
    let out = |n: usize| dir.path().join(format!("out{n}"));
    let verbs: [&[&str]; 4] = [
        &["build", "-q", "--threads", "2", "corpus/corpus.toml", "--out"],
        &["match", "index", "-q", "--threads", "2", "--split", "all", "--chunk-size", "700", "--out"],
        &["query", "index", "--threads", "2", "--modality", "clip-image", "--id", "0", "--format", "json", "--url"],
        &["verify-index", "index", "--threads"],
    ];
    for (n, words) in verbs.iter().enumerate() {
        let last = if n < 2 { out(n).to_str().unwrap().to_owned() } else { "2".to_owned() };
        let words = if n == 2 { &words[..words.len() - 1] } else { words };
        let mut words: Vec<&str> = words.to_vec();
        if n != 2 {
            words.push(&last);
        }
        let (mut refused, mut went_well) = (0, 0);
        for mib in (20..1200).step_by(45) {
            match limited(mib * 1024, dir.path(), &words) {
                None => {}
                Some(false) => refused += 1,
                Some(true) => {
                    went_well += 1;
                    let _ = fs::remove_dir_all(out(n));
                }
            }
        }
        println!("{}: {refused} refused, {went_well} went well", words[0]);
        assert!(refused > 0 && went_well > 0, "{words:?}: {refused} refused, {went_well} went well");
    }
}
