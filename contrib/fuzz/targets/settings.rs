//! Any text: as a split file, and as the daemon's configuration.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::settings(input));
