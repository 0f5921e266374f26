//! A made-up newsroom, its index and its dataset, made once; real data, where it is.

use crate::common::{Run, command, run_command};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folder, with `index` and `dataset` (all splits, balanced) in it.
pub static DESK: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evaluation-desk");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let in_dir = |line: &str| run_command(command().current_dir(&dir).args(line.split(' '))).ok();
    in_dir("newsroom --out room --samples 2000 --quiet");
    in_dir("build --newsclippings room --out index --quiet");
    in_dir("match index --split all --out dataset --exact --quiet");
    dir
});

/// Runs the binary on the desk.
pub fn on_desk(line: &str) -> Run {
    run_command(command().current_dir(&*DESK).args(line.split(' ')))
}

/// As JSON.
pub fn json_on_desk(line: &str) -> Value {
    serde_json::from_str(&on_desk(&format!("{line} --format json")).ok().out).unwrap()
}

/// Real data: in the folder that `MISPAIR_DATA` names, or in `*/data` beside the project; absent, the test says so and passes.
pub fn data(name: &str) -> Option<PathBuf> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let beside = || {
        let folders = fs::read_dir(&parent).into_iter().flatten().flatten().map(|e| e.path().join("data").join(name));
        folders.into_iter().find(|p| p.exists()).unwrap_or(parent.join(name))
    };
    let path = std::env::var_os("MISPAIR_DATA").map_or_else(beside, |root| PathBuf::from(root).join(name));
    if !path.exists() {
        println!("skipped: {} is not there; name the folder of real data in MISPAIR_DATA", path.display());
    }
    path.canonicalize().ok()
}

/// A folder for one test, empty.
pub fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evaluation").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}
