//! Any bytes in place of a part; checksums are made right again where the first byte says so.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;

use std::path::PathBuf;
use std::sync::LazyLock;

static AT: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("mispair-fuzz-part-{}", std::process::id())));

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzzed::part(input, &AT);
});
