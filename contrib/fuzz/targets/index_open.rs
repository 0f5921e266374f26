//! Any bytes in place of one file of a small index; what opens is verified and asked. The first byte chooses the file, the
//! second whether checksums are made right again, so that the fuzzer gets beyond them.
#![no_main]

mod seal;

use mispair::constraints::{Bound, Split, Subject};
use mispair::import::{Corpus, Talk, build};
use mispair::index::Index;
use mispair::query::{Searcher, Wanted};
use mispair::retrieve::Engine;
use mispair::words::Row;
use seal::seal;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

struct Nobody;
impl Talk for Nobody {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
}

/// The golden corpus, built once, and the whole bytes of its files: manifest, catalog, matrices.
static WELL: LazyLock<(PathBuf, Vec<(PathBuf, Vec<u8>)>)> = LazyLock::new(|| {
    let index = std::env::temp_dir().join(format!("mispair-fuzz-{}", std::process::id()));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../indexes/golden/v1/corpus/corpus.toml");
    build(&Corpus::read(&corpus).unwrap(), &index, true, &Nobody).unwrap();
    let mut files: Vec<_> = fs::read_dir(&index).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort_by_key(|p| (!p.ends_with("manifest.mispair"), p.clone()));
    (index, files.into_iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect())
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (index, files) = &*WELL;
    let [which, sealed, bytes @ ..] = input else { return };
    let (path, whole) = &files[usize::from(*which) % files.len()];
    // The rest of the file stays as it was: the input overlays its beginning.
    let mut file = whole.clone();
    let n = bytes.len().min(file.len());
    file[..n].copy_from_slice(&bytes[..n]);
    file.extend(&bytes[n..]);
    if sealed % 2 == 1 {
        seal(&mut file);
        // The manifest names the new length and checksum.
        let (manifest, known) = &files[0];
        if path != manifest && file.len() >= 48 {
            let mut known = known.clone();
            if let Some(at) = known.windows(16).position(|w| w == &whole[32..48]) {
                known[at..at + 16].copy_from_slice(&file[32..48]);
            }
            seal(&mut known);
            fs::write(manifest, known).unwrap();
        }
    }
    fs::write(path, file).unwrap();
    if let Ok(index) = Index::open(index) {
        let _ = index.verify();
        let toml = "name = \"x\"\nquery = \"text\"\nsearch = \"text\"\norder = \"lowest\"\nclip_text = \"text\"\n\
                    clip_image = \"text\"\n[rules]\nentities = {}\nshared_person = true\ndays = { at_least = 30 }";
        if let Ok(bound) = Bound::new(&index, Split::parse("x.toml", toml).unwrap()) {
            let searcher = Searcher::new(bound);
            for row in 0..index.catalog.len().min(9) {
                let subject = Subject::of_row(searcher.bound(), Row(row));
                let wanted = Wanted { k: 3, adversarial: false, unique_image: true, explain: 3, engine: Engine::Auto, ef: None };
                let _ = searcher.answer(&subject, index.catalog.partition(Row(row)), wanted, serde_json::Value::Null);
            }
        }
    }
    for (path, whole) in files {
        fs::write(path, whole).unwrap();
    }
});
