//! Any bytes in place of one file of a small index; what opens is verified and asked. The first byte chooses the file, the
//! second whether checksums are made right again, so that the fuzzer gets beyond them.
#![no_main]

use mispair::constraints::{Bound, Split, Subject};
use mispair::import::{Corpus, Talk, build};
use mispair::index::Index;
use mispair::query::{Searcher, Wanted};
use mispair::wire::Checksum;
use mispair::words::Row;
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

/// Makes the checksums of a file right, as far as its table can be followed.
fn seal(bytes: &mut [u8]) {
    if bytes.len() < 48 {
        return;
    }
    let (head, body) = ([&b"MISPAIR\0"[..], &1u32.to_le_bytes()].concat(), bytes.len() as u64);
    bytes[..12].copy_from_slice(&head);
    bytes[16..24].copy_from_slice(&body.to_le_bytes());
    let count = u32::from_le_bytes(bytes[24..28].try_into().unwrap()).min(256) as usize;
    let table = 48..(48 + 48 * count).min(bytes.len());
    for entry in (table.start..table.end).step_by(48).filter(|e| e + 48 <= table.end) {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let (offset, length) = (number(entry + 8), number(entry + 16));
        let range = offset as usize..offset.saturating_add(length) as usize;
        if let Some(section) = bytes.get(range) {
            let sum = Checksum::of(section);
            bytes[entry + 24..entry + 40].copy_from_slice(&sum.0);
        }
    }
    let sum = Checksum::of(&[&bytes[..32], &bytes[table]].concat());
    bytes[32..48].copy_from_slice(&sum.0);
}

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
                let wanted = Wanted { k: 3, adversarial: false, unique_image: true, explain: 3 };
                let _ = searcher.answer(&subject, index.catalog.partition(Row(row)), wanted, serde_json::Value::Null);
            }
        }
    }
    for (path, whole) in files {
        fs::write(path, whole).unwrap();
    }
});
