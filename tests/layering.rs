//! The fear: a crate in which everything knows everything. So the arrows of the layer map are read off the sources, and
//! with them who may name which dependency, who may be unsafe, and whether each folder's table of contents is whole.

use std::fs;
use std::path::{Path, PathBuf};

/// The layer map: who stands on which floor.
const LAYERS: [(&str, u8); 29] = [
    ("words", 0),
    ("wire", 1),
    ("mapped", 1),
    ("memory", 1),
    ("turns", 1),
    ("publish", 1),
    ("kernels", 1),
    ("matrix", 2),
    ("catalog", 2),
    ("rows", 2),
    ("codes", 2),
    ("graph", 2),
    ("index", 2),
    ("exact", 3),
    ("constraints", 3),
    ("retrieve", 4),
    ("matcher", 4),
    ("query", 4),
    ("report", 4),
    ("evaluation", 4),
    ("evidence", 4),
    ("formats", 5),
    ("import", 5),
    ("dataset", 5),
    ("newsroom", 5),
    ("encode", 5),
    ("daemon", 5),
    ("python", 5),
    ("cli", 5),
];

/// Arrows on one floor. Everything else points down. Engines, and the faces, do not know each other.
const ACROSS: [(&str, &str); 24] = [
    ("wire", "mapped"),
    ("index", "catalog"),
    ("index", "matrix"),
    ("index", "codes"),
    ("index", "graph"),
    ("graph", "codes"),
    ("codes", "matrix"),
    ("query", "retrieve"),
    ("matcher", "retrieve"),
    ("report", "query"),
    ("report", "retrieve"),
    ("report", "matcher"),
    ("evaluation", "retrieve"),
    ("evaluation", "matcher"),
    ("report", "evaluation"),
    ("evidence", "retrieve"),
    ("import", "formats"),
    ("dataset", "formats"),
    ("encode", "formats"),
    ("daemon", "dataset"),
    ("daemon", "formats"),
    ("python", "dataset"),
    ("python", "formats"),
    ("cli", ""),
];

/// Who sees less than its floor would allow.
const ONLY: [(&str, &[&str]); 4] =
    [("formats", &["words"]), ("catalog", &["words", "wire"]), ("newsroom", &["words"]), ("rows", &["words"])];

/// A dependency named in one place, so that it could be swapped in an afternoon.
const ONE_PLACE: [(&str, &str); 8] = [
    ("memmap2", "src/mapped.rs"),
    ("bincode", "src/wire/manifest.rs"),
    ("parquet", "src/formats/parquet/"),
    ("ctrlc", "src/cli/mod.rs"),
    ("smartcore", "src/evaluation/difficulty/probes.rs"),
    ("ureq", "src/cli/http.rs"),
    ("form_urlencoded", "src/daemon/pages/form.rs"),
    ("miniz_oxide", "src/newsroom/png.rs"),
];

/// The same, in one folder.
const ONE_FOLDER: [(&str, &str); 8] = [
    ("tokio", "daemon"),
    ("axum", "daemon"),
    ("hyper", "daemon"),
    ("tracing", "daemon"),
    ("arc_swap", "daemon"),
    ("anyhow", "cli"),
    ("askama", "daemon"),
    ("pyo3", "python"),
];

struct Source {
    /// Relative to the crate: `src/wire/read.rs`.
    path: String,
    /// Without comments and texts.
    code: String,
    text: String,
}

impl Source {
    /// The module under `src/` that it belongs to; `lib` and `main` for the two roots.
    fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside.split(['/', '.']).next().unwrap()
    }

    /// Everything of this crate that it names: the path behind each `crate::`, one a leaf of a braced list.
    fn uses(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => {
                    let (mut depth, mut item) = (0, String::new());
                    for c in list.chars() {
                        match c {
                            '}' if depth == 0 => break,
                            ',' if depth == 0 => all.push(std::mem::take(&mut item)),
                            '{' => depth += 1,
                            '}' => depth -= 1,
                            c if c.is_whitespace() => {}
                            c => item.push(c),
                        }
                    }
                    all.push(item);
                }
                None => all.push(rest.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect()),
            }
        }
        all.retain(|path| !path.is_empty());
        all
    }

    fn names(&self, word: &str) -> bool {
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| {
            !self.code[..at].ends_with(part_of_word) && !self.code[at + word.len()..].starts_with(part_of_word)
        })
    }
}

/// Comments, texts and characters become blanks.
fn code(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find("'").map_or(1, |end| end + 2)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skip..];
    }
    out
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        Source { path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), code: code(&text), text }
    };
    paths.into_iter().map(read).collect()
}

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|l| l.0 == module).map(|l| l.1)
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !["lib", "main"].contains(&s.module())) {
        let from = source.module();
        let Some(floor) = layer(from) else { panic!("{}: module {from} is not on the layer map", source.path) };
        for used in source.uses() {
            let to = used.split("::").next().unwrap();
            let Some(below) = layer(to) else { continue };
            let across = ACROSS.iter().any(|(a, b)| *a == from && used.starts_with(b));
            let seen = ONLY.iter().find(|o| o.0 == from).is_none_or(|o| o.1.contains(&to));
            if to != from && !((below < floor && seen) || (below == floor && across)) {
                wrong.push(format!("{} ({from}, layer {floor}) uses crate::{used} (layer {below})", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_is_on_the_map_and_names_are_modules() {
    // What `uses` reads must be what the compiler reads: every leaf is a module of the map.
    for source in sources() {
        for used in source.uses() {
            let to = used.split("::").next().unwrap();
            assert!(layer(to).is_some(), "{}: crate::{used}", source.path);
        }
    }
}

#[test]
fn dependencies_are_named_in_one_place() {
    for mut source in sources() {
        // Our own reader of a format is called after it.
        source.code = source.code.replace("crate::formats::parquet", "").replace("pub mod parquet;", "");
        for (name, place) in ONE_PLACE {
            assert!(
                !source.names(name) || source.path.starts_with(place),
                "{}: {name} belongs to {place} alone",
                source.path
            );
        }
        for (name, folder) in ONE_FOLDER {
            assert!(!source.names(name) || source.module() == folder, "{}: {name} belongs to {folder}/", source.path);
        }
    }
}

/// Every file with unsafe code: its blocks, its functions and impls that are unsafe to call or to make, and why they stand.
const UNSAFE: [(&str, usize, usize, &str); 11] = [
    (
        "src/kernels/block.rs",
        0,
        2,
        "a cache line of floats is plain data: casts of it are checked by bytemuck from there on",
    ),
    ("src/kernels/code_dots.rs", 1, 0, "a prefetch, of an address inside a slice"),
    ("src/kernels/operand.rs", 2, 3, "eight elements loaded through a pointer, behind a CPU feature"),
    ("src/kernels/x86/avx2.rs", 13, 12, "AVX2's instructions; entered by a token that proves that the CPU has them"),
    ("src/kernels/x86/avx512.rs", 11, 11, "AVX-512's, in the same way"),
    ("src/kernels/x86/cell.rs", 3, 1, "the innermost tile: loads inside rows whose lengths were checked"),
    ("src/kernels/x86/codes.rs", 2, 1, "the same over codes of one byte"),
    ("src/kernels/x86/job.rs", 12, 11, "the loops around the tile: all bounds are checked once, where a job is made"),
    ("src/kernels/x86/mod.rs", 3, 17, "the trait that both instruction sets fill in"),
    ("src/mapped.rs", 1, 0, "a file mapped read-only, that nobody of ours writes to"),
    ("src/turns.rs", 1, 0, "a system call about the calling thread, with a parameter of zeros"),
];

#[test]
fn unsafe_is_counted_and_each_has_its_reason() {
    let mut counted = Vec::new();
    for source in sources().iter().filter(|s| s.names("unsafe")) {
        let next = |at: usize| source.code[at + "unsafe".len()..].split_whitespace().next().unwrap_or_default();
        let (mut blocks, mut others) = (0, 0);
        for word in source.code.match_indices("unsafe").map(|(at, _)| next(at)) {
            match word {
                word if word.starts_with('{') => blocks += 1,
                "fn" | "impl" | "trait" => others += 1,
                // `unsafe_code`, and functions said to be unsafe in a `where` or a type.
                _ => {}
            }
        }
        if blocks + others > 0 {
            counted.push((source.path.clone(), blocks, others));
        }
    }
    let listed: Vec<_> = UNSAFE.iter().map(|&(path, blocks, others, _)| (path.to_owned(), blocks, others)).collect();
    assert_eq!(counted, listed, "unsafe code came or went: say here why it stands");
    assert!(UNSAFE.iter().all(|(.., why)| why.len() > 20));
    println!("{} unsafe blocks in {} files", UNSAFE.iter().map(|u| u.1).sum::<usize>(), UNSAFE.len());
}

#[test]
fn the_compiler_fences_unsafe_in() {
    let lib = &sources().into_iter().find(|s| s.path == "src/lib.rs").unwrap().text;
    assert!(lib.contains("#![deny(unsafe_code)]"));
    let allowed: Vec<&str> =
        lib.split("#[allow(unsafe_code").skip(1).map(|rest| rest.split("pub mod ").nth(1).unwrap()).collect();
    let allowed: Vec<&str> = allowed.iter().map(|rest| rest.split(';').next().unwrap()).collect();
    assert_eq!(allowed, ["kernels", "mapped", "turns"]);
    // Nobody lifts the fence from within.
    for source in sources().iter().filter(|s| s.path != "src/lib.rs") {
        assert!(!source.code.contains("allow(unsafe_code"), "{}", source.path);
    }
    let main = &sources().into_iter().find(|s| s.path == "src/main.rs").unwrap().text;
    assert!(main.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn files_have_one_subject() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 500, "{}: {lines} lines; a file this long has a second subject in it", source.path);
    }
}

#[test]
fn every_folder_has_a_table_of_contents() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for source in sources().iter().filter(|s| s.path.ends_with("/mod.rs")) {
        let head: String = source.text.lines().take_while(|l| l.starts_with("//!")).collect();
        for entry in fs::read_dir(root.join(&source.path).parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_folder = entry.path().is_dir();
            let holds_code = name.ends_with(".rs") || (is_folder && entry.path().join("mod.rs").exists());
            let name = if is_folder { format!("{name}/") } else { name };
            if holds_code && name != "mod.rs" {
                assert!(head.contains(&name), "{}: the head does not mention {name}", source.path);
            }
        }
    }
}

/// Comments, messages and pages send people to scripts and tests: what they name must be there.
#[test]
fn files_that_are_named_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "benches/NUMBERS.md", "contrib/THREATS.md", "indexes/FORMAT.md", "Cargo.toml"];
    let mut texts: Vec<_> =
        pages.iter().map(|page| ((*page).to_owned(), fs::read_to_string(root.join(page)).unwrap())).collect();
    texts.extend(sources().into_iter().map(|s| (s.path, s.text)));
    let mut named = 0;
    for (place, text) in texts {
        let paths =
            text.split(|c: char| !c.is_ascii_alphanumeric() && !"_./-".contains(c)).map(|word| word.trim_matches('.'));
        let ours = |path: &&str| ["benches/", "contrib/", "tests/"].iter().any(|folder| path.starts_with(folder));
        for path in paths.filter(ours).filter(|path| Path::new(path).extension().is_some()) {
            named += 1;
            assert!(root.join(path).exists(), "{place}: {path} is not there");
        }
    }
    assert!(named > 30, "{named}");
}

#[test]
fn the_reader_of_sources_reads() {
    let text =
        "use crate::{a::B, c::{D, E}}; // crate::no\nlet x = \"crate::text \\\" unsafe\"; crate::f::g(); '\"' unsafe";
    let source = Source { path: "src/x/y.rs".into(), code: code(text), text: text.into() };
    assert_eq!(source.uses(), ["a::B", "c::D,E", "f::g"]);
    assert!(source.names("unsafe") && !source.names("safe") && source.module() == "x");
}
