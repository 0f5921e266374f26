//! Any bytes in place of a part; checksums are made right again where the first byte says so, so that the fuzzer gets beyond them.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;
mod seal;

use std::path::PathBuf;
use std::sync::LazyLock;

static AT: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("mispair-fuzz-part-{}", std::process::id())));

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&sealed, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if sealed % 2 == 1 {
        seal::seal(&mut bytes);
    }
    fuzzed::part(&bytes, &AT);
});
