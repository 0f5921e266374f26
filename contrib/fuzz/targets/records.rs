//! Any bytes: as catalogs, metadata, evidence, annotations, pairs, facts, plain vectors. The first byte chooses the reader.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::records(input));
