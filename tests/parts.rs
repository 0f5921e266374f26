//! The fear: a corpus matched in parts, on many machines, is another dataset than that of one run; or one machine's part is
//! missing, damaged, of last week's settings or in there twice, and nobody notices. So parts are made in any order, killed,
//! damaged and mixed up, and what is merged is compared with one run, byte for byte.

mod common;

use common::{Run, command, files, names, newsy, run, run_command};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

struct Here {
    dir: TempDir,
    newsroom: PathBuf,
    newsy: PathBuf,
}

/// A made-up newsroom in three partitions, and a corpus without partitions that has everything real archives have.
static HERE: LazyLock<Here> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let room = at("room");
    run_command(command().args(["newsroom", "-q", "--samples", "3000", "--seed", "4", "--out"]).arg(&room)).ok();
    run_command(command().args(["build", "-q", "--newsclippings"]).arg(&room).arg("--out").arg(at("newsroom"))).ok();
    let corpus = newsy(700, 8, &[]).write(&at("corpus"));
    run_command(command().args(["build", "-q"]).arg(&corpus).arg("--out").arg(at("newsy"))).ok();
    Here { newsroom: at("newsroom"), newsy: at("newsy"), dir }
});

fn scratch() -> TempDir {
    tempfile::tempdir_in(HERE.dir.path()).unwrap()
}

fn matching(index: &Path, settings: &str) -> std::process::Command {
    let mut command = command();
    command.arg("match").arg(index).args(settings.split_whitespace());
    command
}

/// How many chunks there are, as the program says.
fn chunks(index: &Path, settings: &str) -> usize {
    let listed = run_command(matching(index, settings).arg("--list-chunks")).ok().out;
    for (number, line) in listed.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!((fields.len(), fields[0]), (4, number.to_string().as_str()), "{line}");
    }
    listed.lines().count()
}

fn part(index: &Path, settings: &str, chunk: usize, out: &Path) -> Run {
    run_command(matching(index, settings).args(["--chunk", &chunk.to_string(), "--out"]).arg(out))
}

/// Makes all parts, the last chunk first.
fn parts(index: &Path, settings: &str, dir: &Path) -> Vec<PathBuf> {
    let path = |chunk: usize| dir.join(format!("{chunk}.part"));
    let n = chunks(index, settings);
    for chunk in (0..n).rev() {
        part(index, &format!("{settings} --quiet"), chunk, &path(chunk)).ok();
    }
    (0..n).map(path).collect()
}

fn merge(index: &Path, parts: &[PathBuf], out: &Path) -> Run {
    run_command(command().args(["merge", "-q"]).args(parts).arg("--index").arg(index).arg("--out").arg(out))
}

/// Relative path → bytes, without what differs from run to run.
fn dataset(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all: BTreeMap<_, _> =
        files(dir).into_iter().map(|(path, bytes)| (path.strip_prefix(dir).unwrap().to_owned(), bytes)).collect();
    assert!(all.remove(Path::new("run.json")).is_some());
    all
}

#[track_caller]
fn merged_is_the_single_run(index: &Path, settings: &str, least: usize) {
    let dir = scratch();
    let parts = parts(index, settings, dir.path());
    assert!(parts.len() >= least, "{settings}: {} chunks", parts.len());
    run_command(matching(index, settings).arg("-q").arg("--out").arg(dir.path().join("one"))).ok();
    let mut shuffled = parts.clone();
    shuffled.rotate_left(parts.len() / 2);
    let said = merge(index, &shuffled, &dir.path().join("merged")).ok();
    let (one, merged) = (dataset(&dir.path().join("one")), dataset(&dir.path().join("merged")));
    assert_eq!(one.keys().collect::<Vec<_>>(), merged.keys().collect::<Vec<_>>());
    let other: Vec<_> = one.iter().filter(|(name, bytes)| merged[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(other.is_empty(), "{settings}: {other:?} differ");
    assert!(said.out.contains("captions"));
    assert!(one.values().map(Vec::len).sum::<usize>() > 10_000, "a dataset of nothing proves nothing");
}

#[test]
fn all_splits_and_the_merged_set() {
    for (size, least) in [(40_000, 3), (500, 6), (97, 20)] {
        merged_is_the_single_run(&HERE.newsroom, &format!("--split all --chunk-size {size}"), least);
    }
}

#[test]
fn without_a_chunk_size_a_partition_is_a_chunk() {
    merged_is_the_single_run(&HERE.newsroom, "--split all", 3);
    merged_is_the_single_run(&HERE.newsy, "--split all --no-balance", 1);
}

#[test]
fn some_splits_and_other_settings() {
    merged_is_the_single_run(&HERE.newsroom, "--split person_sbert_text_text --chunk-size 300 --seed 9", 9);
    merged_is_the_single_run(
        &HERE.newsroom,
        "--split semantics_clip_text_image --split scene_resnet_place --chunk-size 700 --graph",
        4,
    );
    merged_is_the_single_run(&HERE.newsroom, "--split all --no-balance --chunk-size 400 --waive days", 7);
    merged_is_the_single_run(&HERE.newsy, "--split all --chunk-size 111", 4);
}

/// Splits that do not agree on who is eligible have chunks of their own.
#[test]
fn splits_with_chunks_of_their_own() {
    let dir = scratch();
    let text = run(["splits", "semantics_clip_text_text"]).ok().out;
    let mine = dir.path().join("mine.toml");
    let narrow = text.replace("semantics_clip_text_text", "narrow").replace("max = 30", "max = 9");
    assert_ne!(narrow, text.replace("semantics_clip_text_text", "narrow"));
    fs::write(&mine, narrow).unwrap();
    let settings = format!("--split {} --split semantics_clip_text_text --chunk-size 300", mine.display());
    let listed = run_command(matching(&HERE.newsroom, &settings).arg("--list-chunks")).ok().out;
    let of = |name: &str| listed.lines().filter(|l| l.ends_with(&format!("\t{name}"))).count();
    assert!(of("narrow") >= 3 && of("semantics_clip_text_text") > of("narrow"), "{listed}");
    merged_is_the_single_run(&HERE.newsroom, &settings, 6);
}

const SETTINGS: &str = "--split all --chunk-size 600";

#[test]
fn a_part_is_the_same_bytes_wherever_it_is_made() {
    let dir = scratch();
    let made: Vec<Vec<u8>> = [("1", "best"), ("2", "best"), ("3", "scalar")]
        .iter()
        .map(|(threads, kernels)| {
            let out = dir.path().join(format!("deep/er/{threads}{kernels}"));
            let mut one = matching(&HERE.newsroom, SETTINGS);
            one.env("MISPAIR_KERNELS", kernels).args(["--threads", threads, "--chunk", "1", "--out"]).arg(&out);
            run_command(&mut one).ok();
            fs::read(out).unwrap()
        })
        .collect();
    assert!(made[0].len() > 2000 && made.iter().all(|m| *m == made[0]));
    assert_eq!(names(&dir.path().join("deep/er")).len(), 3, "no litter");
}

#[test]
fn a_whole_part_is_left_and_a_damaged_one_is_made_again() {
    let dir = scratch();
    let at = dir.path().join("0.part");
    let first = part(&HERE.newsroom, SETTINGS, 0, &at).ok();
    let (bytes, modified) = (fs::read(&at).unwrap(), fs::metadata(&at).unwrap().modified().unwrap());
    let again = part(&HERE.newsroom, SETTINGS, 0, &at).ok();
    assert!(again.err.contains("left as it is"), "{}", again.err);
    assert_eq!((again.out, fs::metadata(&at).unwrap().modified().unwrap()), (first.out, modified));

    let mut flipped = bytes.clone();
    flipped[bytes.len() - 3] ^= 4;
    for damaged in [&flipped[..], &bytes[..bytes.len() / 2], &bytes[..20], &[]] {
        fs::write(&at, damaged).unwrap();
        let again = part(&HERE.newsroom, SETTINGS, 0, &at).ok();
        assert!(again.err.contains("made again"), "{}", again.err);
        assert_eq!(fs::read(&at).unwrap(), bytes);
    }
    assert_eq!(names(dir.path()), ["0.part"]);
}

#[test]
fn what_is_none_of_ours_is_not_replaced() {
    let dir = scratch();
    let at = dir.path().join("0.part");
    part(&HERE.newsroom, SETTINGS, 0, &at).ok();
    let bytes = fs::read(&at).unwrap();
    for (settings, word) in [
        ("--split all --chunk-size 600 --seed 2", "settings.seed is 1 in one and 2 in the other"),
        ("--split all --chunk-size 601", "settings.chunk_size is 600 in one and 601"),
        ("--split all --chunk-size 600 --no-balance", "settings.balance is true in one and false"),
        ("--split semantics_clip_text_text --chunk-size 600", "merged is true"),
    ] {
        part(&HERE.newsroom, settings, 0, &at).fails(1, &["0.part", word, "--force"]);
    }
    part(&HERE.newsroom, SETTINGS, 1, &at).fails(1, &["0.part", "it is chunk 0", "--force"]);
    part(&HERE.newsy, SETTINGS, 0, &at).fails(1, &["0.part", "index is"]);
    assert_eq!(fs::read(&at).unwrap(), bytes);
    part(&HERE.newsroom, &format!("{SETTINGS} --force"), 1, &at).ok();
    part(&HERE.newsroom, SETTINGS, 1, &at).ok();

    // With leave or without.
    let catalog = fs::read(HERE.newsroom.join("catalog.mispair")).unwrap();
    for foreign in [&b"Dear diary, this is longer than a header and no part of anything."[..], b"42\n", b"x", &catalog]
    {
        fs::write(&at, foreign).unwrap();
        part(&HERE.newsroom, &format!("{SETTINGS} --force"), 0, &at).fails(1, &["0.part", "is no part made by"]);
        assert_eq!(fs::read(&at).unwrap(), foreign);
    }
    let mut older = bytes.clone();
    older[8] ^= 1;
    fs::write(&at, &older).unwrap();
    part(&HERE.newsroom, SETTINGS, 0, &at).fails(1, &["0.part", "format version", "--force"]);
    fs::remove_file(&at).unwrap();
    fs::create_dir(&at).unwrap();
    part(&HERE.newsroom, &format!("{SETTINGS} --force"), 0, &at).fails(1, &["0.part", "not a regular file"]);
}

#[test]
fn chunks_that_there_are_not() {
    let dir = scratch();
    let at = dir.path().join("x");
    let n = chunks(&HERE.newsroom, SETTINGS);
    let last = format!("0 to {}", n - 1);
    part(&HERE.newsroom, SETTINGS, n, &at).fails(2, &["--chunk", &format!("{n} chunks"), &last, "--list-chunks"]);
    run_command(matching(&HERE.newsroom, SETTINGS).args(["--chunk", "one", "--out", "x"])).fails(2, &["--chunk"]);
    run_command(&mut matching(&HERE.newsroom, SETTINGS)).fails(2, &["--out"]);
    assert!(!at.exists());
}

#[test]
fn parts_that_do_not_make_a_dataset() {
    let dir = scratch();
    let out = dir.path().join("set");
    let all = parts(&HERE.newsroom, SETTINGS, &dir.path().join("parts"));
    let refused = |parts: &[PathBuf], words: &[&str]| {
        merge(&HERE.newsroom, parts, &out).fails(1, words);
        assert_eq!(names(dir.path()), ["parts"], "nothing is begun");
    };
    refused(&all[1..], &["chunks 1 are missing: 0;", "match --chunk"]);
    refused(&[all[2].clone()], &["are missing: 0, 1,"]);
    let mut twice = all.clone();
    twice.push(all[1].clone());
    refused(&twice, &["1.part", "both chunk 1"]);

    // One of another run among them; and one of another index.
    let place = &all[1];
    let good = fs::read(place).unwrap();
    part(&HERE.newsroom, &format!("{SETTINGS} --seed 5 --force"), 1, place).ok();
    refused(&all, &["1.part", "0.part", "settings.seed is 5 in one and 1 in the other"]);
    part(&HERE.newsy, &format!("{SETTINGS} --force"), 0, place).ok();
    refused(&all, &["1.part", "0.part", "different runs", "index is"]);
    fs::write(place, &good).unwrap();
    merge(&HERE.newsy, &all, &out).fails(1, &["newsy", "not the index that the parts were made from"]);
    merge(&dir.path().join("nowhere"), &all, &out).fails(1, &["nowhere", "no index here"]);

    // Damaged anywhere; cut anywhere; something else.
    for at in (0..good.len()).step_by(good.len() / 150) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(place, bad).unwrap();
        refused(&all, &["1.part"]);
    }
    for length in (0..good.len()).step_by(good.len() / 40) {
        fs::write(place, &good[..length]).unwrap();
        refused(&all, &["1.part", "match --chunk"]);
    }
    fs::copy(HERE.newsroom.join("catalog.mispair"), place).unwrap();
    refused(&all, &["1.part", "not a part"]);
    fs::remove_file(place).unwrap();
    refused(&all, &["1.part", "No such file"]);
    fs::write(place, &good).unwrap();

    // A dataset is replaced only with leave.
    merge(&HERE.newsroom, &all, &out).ok();
    merge(&HERE.newsroom, &all, &out).fails(1, &["set", "exists already"]);
    let mut again = command();
    again.args(["merge", "-q", "--force"]).args(&all).arg("--index").arg(&HERE.newsroom).arg("--out").arg(&out);
    run_command(&mut again).ok();
    assert_eq!(names(dir.path()), ["parts", "set"]);
}

/// Many make the same part at once, as schedulers do that take a slow machine for a dead one.
#[test]
fn two_at_once_do_not_disturb_each_other() {
    let dir = scratch();
    let at = dir.path().join("0.part");
    for _ in 0..3 {
        let mut one = matching(&HERE.newsroom, SETTINGS);
        one.args(["--quiet", "--chunk", "0", "--out"]).arg(&at);
        let all: Vec<_> = (0..4).map(|_| one.stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
        let said: Vec<String> = all
            .into_iter()
            .map(|child| {
                let done = child.wait_with_output().unwrap();
                assert!(done.status.success());
                String::from_utf8(done.stdout).unwrap()
            })
            .collect();
        assert!(said.iter().all(|s| *s == said[0]));
        assert_eq!(names(dir.path()), ["0.part"]);
        fs::remove_file(&at).unwrap();
    }
}
