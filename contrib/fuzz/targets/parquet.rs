//! Any bytes in place of a Parquet table.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;

use std::path::PathBuf;
use std::sync::LazyLock;

/// The library that decodes pages panics at some that contradict each other, and our wrapper makes an error of it. The fuzzer ends at
/// every panic, caught or not, by a hook: it is taken away, so that only what escapes ends it.
static AT: LazyLock<PathBuf> = LazyLock::new(|| {
    std::panic::set_hook(Box::new(|_| {}));
    std::env::temp_dir().join(format!("mispair-fuzz-parquet-{}", std::process::id()))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzzed::parquet(input, &AT);
});
