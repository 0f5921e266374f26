//! Pickles written by real Python (see fixtures/make.py), malicious ones, broken ones.

use mispair::formats::pickle::{Dictionary, PickleError, PickleProblem, PickleWriter};
use mispair::words::SampleId;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn all_fixtures() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "pkl"));
    paths.sort();
    assert!(paths.len() > 40);
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

fn read(file: &[u8]) -> Result<Dictionary<'_>, PickleError> {
    Dictionary::read(file, Path::new("x.pkl"))
}

type Plain = Vec<(SampleId, Option<Vec<f32>>)>;

fn plain(dictionary: &Dictionary<'_>) -> Plain {
    let vector = |array: &mispair::formats::pickle::ArrayRef<'_>| {
        let mut row = vec![f32::NAN; array.width()];
        array.row_into(&mut row);
        row
    };
    dictionary.entries.iter().map(|(id, array)| (id.clone(), array.as_ref().map(vector))).collect()
}

fn problem(file: &[u8]) -> PickleProblem {
    let error = read(file).unwrap_err();
    assert!(error.to_string().starts_with("x.pkl: "));
    error.problem
}

fn vector(k: i64) -> Option<Vec<f32>> {
    let k = k as f32;
    Some(vec![k, k + 0.25, k - 0.5])
}

#[test]
fn what_python_wrote() {
    let text = |s: &str| SampleId::from(s);
    let want: Plain = vec![
        (1.into(), vector(1)),
        (2.into(), vector(2)),
        (3.into(), vector(3)),
        (4.into(), vector(4)),
        (5.into(), vector(5)),
        (text("6"), vector(6)),
        ((-7).into(), vector(7)),
        (text("né"), None),
        (9.into(), vector(9)),
        (10.into(), vector(9)),
        ((1i64 << 40).into(), Some(vec![0.0, 2.0, 4.0])),
        (text("ü"), vector(12)),
        (300.into(), vector(300)),
        (70000.into(), vector(70000)),
        (200.into(), vector(200)),
    ];
    for numpy in ["np1", "np2"] {
        for protocol in 2..=5 {
            let file = fixture(&format!("{numpy}_mixed_p{protocol}.pkl"));
            let dictionary = read(&file).unwrap();
            assert_eq!(plain(&dictionary), want, "{numpy} protocol {protocol}");
            assert_eq!(dictionary.duplicates, Vec::<usize>::new());
            let file = fixture(&format!("{numpy}_ordered_p{protocol}.pkl"));
            assert_eq!(plain(&read(&file).unwrap()), [(2.into(), vector(2)), (1.into(), vector(1))]);
            let file = fixture(&format!("{numpy}_faces_p{protocol}.pkl"));
            let faces = PickleProblem::ManyPerId { id: 2.into(), got: "a list of 2 items".to_owned() };
            assert_eq!(problem(&file), faces);
        }
        let file = fixture(&format!("{numpy}_unmemoised_p4.pkl"));
        assert_eq!(plain(&read(&file).unwrap()), [0, 1, 2].map(|k| (k.into(), vector(k))));
        assert!(read(&fixture(&format!("{numpy}_empty_p4.pkl"))).unwrap().entries.is_empty());
    }
}

#[test]
fn what_is_no_vector_is_named() {
    for (name, why) in [
        ("int_array_p4", "id 1: an array of type i8, expected an array of 16-, 32- or 64-bit floats"),
        ("two_rows_p4", "id 1: an array of shape (2, 3); files with several vectors per id"),
        ("object_array_p4", "element type \"O8\"; save plain float arrays"),
        ("float_key_p4", "the key of entry 0 (counting from 0) is a float, expected a 64-bit integer or a text"),
        ("big_key_p4", "the key of entry 0 (counting from 0) is an integer beyond 64 bits"),
        ("list_p4", "the pickle holds a list of 1 items, expected a dict {id: numpy array}"),
        ("scalar_value_p4", "id 1: a float, expected an array"),
        ("transposed_p5", "id 1: an array of shape [2, 1, 3], expected an array"),
    ] {
        for numpy in ["np1", "np2"] {
            let file = fixture(&format!("{numpy}_{name}.pkl"));
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }
}

/// The usual ways in, and the ways around a filter. All refused, all named; nothing can run, for there is nothing that runs.
#[test]
fn malicious_pickles_are_refused_by_name() {
    let global = |at, name: &str| PickleProblem::Global { at, global: name.to_owned() };
    for (file, want) in [
        (&b"\x80\x02cos\nsystem\n(X\x02\0\0\0idtR."[..], global(2, "os.system")),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", global(17, "posix.system")),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", global(18, "builtins.eval")),
        (b"\x80\x02c__builtin__\neval\n.", global(2, "__builtin__.eval")),
        (b"\x80\x02cnumpy\nload\n.", global(2, "numpy.load")),
        (b"\x80\x02cnumpy.core.multiarray\nscalar.__reduce__\n.", global(2, "numpy.core.multiarray.scalar.__reduce__")),
        (b"\x80\x02c numpy\nndarray\n.", global(2, " numpy.ndarray")),
        (b"\x80\x04\x8c\x05numpy\x8c\x13core.multiarray.fmt\x93.", global(30, "numpy.core.multiarray.fmt")),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", global(2, "torch._utils._rebuild_tensor_v2")),
        (b"\x80\x02ccopy_reg\n_reconstructor\n.", global(2, "copy_reg._reconstructor")),
        (b"\x80\x02c\n\n.", global(2, ".")),
        (b"\x80\x02c\xff\xfe\n\x1b[2J\n.", global(2, "\u{fffd}\u{fffd}.\\u{1b}[2J")),
    ] {
        assert_eq!(problem(file), want);
    }
    for (file, opcode, detail) in [
        (&b"\x80\x02(ios\nsystem\n."[..], "INST", " calls `os.system`"),
        (b"\x80\x02(ccollections\nOrderedDict\no.", "OBJ", " calls a class"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ", " calls a class"),
        (b"\x80\x04ccollections\nOrderedDict\n)}\x92.", "NEWOBJ_EX", " calls a class"),
        (b"\x80\x02\x82\x07.", "EXT1", " calls an extension 7"),
        (b"\x80\x02\x83\x07\x01.", "EXT2", " calls an extension 263"),
        (b"\x80\x02\x84\x07\0\0\x01.", "EXT4", " calls an extension 16777223"),
        (b"\x80\x02Pwhatever\n.", "PERSID", " asks its reader for an outside object `whatever`"),
        (b"\x80\x02K\x01Q.", "BINPERSID", " asks its reader for an outside object"),
        (b"\x80\x05\x97.", "NEXT_BUFFER", " wants a buffer from outside the file (save without buffer_callback)"),
        (b"\x80\x02\xfe.", "0xfe (unknown)", ""),
    ] {
        let PickleProblem::Opcode { opcode: got, detail: got_detail, .. } = problem(file) else {
            panic!("{opcode}: {}", problem(file))
        };
        assert_eq!((got.as_str(), got_detail.as_str()), (opcode, detail));
    }
}

/// The allowed globals do only what numpy asks of them.
#[test]
fn allowed_globals_cannot_be_bent() {
    for (file, why) in [
        (&b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R."[..], "arguments of OrderedDict"),
        (b"\x80\x02cnumpy\nndarray\nK\x01\x85R.", "arguments of Ndarray"),
        (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0utf-8\x86R.", "arguments of Encode"),
        (b"\x80\x02c_codecs\nencode\nX\x03\0\0\0\xe2\x82\xacX\x06\0\0\0latin1\x86R.", "not latin-1"),
        (b"\x80\x02}}b.", "a state that numpy does not write"),
        (b"\x80\x02})b.", "BUILD of a dict of 0 entries"),
        (b"\x80\x02K\x01)R.", "REDUCE of the integer 1"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0O8\x85R.", "element type \"O8\""),
        (b"\x80\x02cnumpy\ndtype\nX\x03\0\0\0f-4\x85R.", "element type \"f-4\""),
    ] {
        let got = problem(file).to_string();
        assert!(got.contains(why), "{got}");
    }
}

#[test]
fn broken_machines() {
    for (file, why) in [
        (&b""[..], "not a pickle of protocol 2 to 5"),
        (b"(dp0\n.", "not a pickle of protocol 2 to 5"),
        (b"\x80\x01}.", "protocol 1"),
        (b"\x80\x06}.", "protocol 6"),
        (b"\x80\x02.", "stack is empty"),
        (b"\x80\x02}}.", "left over"),
        (b"\x80\x02(}.", "left over"),
        (b"\x80\x02}(.", "stack is empty"),
        (b"\x80\x02}.x", "1 bytes follow"),
        (b"\x80\x02}K\x01s.", "no dict"),
        (b"\x80\x02}(K\x01u.", "key without a value"),
        (b"\x80\x02K\x01K\x02u.", "no mark"),
        (b"\x80\x02}(K\x01s.", "no dict"),
        (b"\x80\x02K\x01a.", "no list"),
        (b"\x80\x02h\x00.", "never stored"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "out of range"),
        (b"\x80\x04\x95\xff\0\0\0\0\0\0\0}.", "cut short"),
        (b"\x80\x04B\xff\xff\xff\xff.", "cut short"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "cut short"),
        (b"\x80\x02\x85.", "stack is empty"),
        (b"\x80\x04K\x01K\x02\x93.", "not a text"),
    ] {
        let got = problem(file).to_string();
        assert!(got.contains(why), "{file:?}: {got}");
    }
}

#[test]
fn duplicates_are_reported() {
    let mut writer = PickleWriter::new(Vec::new(), 1).unwrap();
    for id in [SampleId::Int(5), "5".into(), 7.into(), 5.into(), "5".into()] {
        writer.entry(&id, Some(&[0.0])).unwrap();
    }
    let file = writer.finish().unwrap();
    assert_eq!(read(&file).unwrap().duplicates, [3, 4]);
}

#[test]
fn long_integers() {
    let mut file = b"\x80\x02}(".to_vec();
    for bytes in [&[][..], &[0xFF], &[0, 0x80], &[0xFF; 9], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0]] {
        file.extend([0x8a, bytes.len() as u8]);
        file.extend(bytes);
        file.push(b'N');
    }
    file.extend(b"u.");
    let ids: Vec<_> = read(&file).unwrap().entries.into_iter().map(|e| e.0).collect();
    assert_eq!(ids, [0, -1, -32768, -1, i64::MAX].map(SampleId::Int));
    for beyond in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\x00"[..], b"\x00\x00\x00\x00\x00\x00\x00\x00\xff"] {
        let file = [b"\x80\x02}\x8a\x09", beyond, b"Ns."].concat();
        assert!(matches!(problem(&file), PickleProblem::Key { entry: 0, .. }));
    }
}

#[test]
fn cut_at_every_length_is_refused() {
    for file in all_fixtures() {
        for len in 0..file.len() {
            assert!(read(&file[..len]).is_err());
        }
    }
}

#[test]
fn any_flipped_byte_is_survived() {
    for mut file in all_fixtures() {
        for at in 0..file.len() {
            for flip in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                file[at] ^= flip;
                if let Ok(dictionary) = read(&file) {
                    plain(&dictionary);
                }
                file[at] ^= flip;
            }
        }
    }
}

#[test]
fn the_writer_refuses_other_widths() {
    assert!(PickleWriter::new(Vec::new(), 0).is_err());
    let mut writer = PickleWriter::new(Vec::new(), 2).unwrap();
    assert!(writer.entry(&1.into(), Some(&[1.0])).is_err());
}

/// Real Python reads what we write, if there is one with numpy (named by `MISPAIR_PYTHON`).
#[test]
fn python_reads_what_we_write() {
    let Some(python) = std::env::var_os("MISPAIR_PYTHON") else {
        println!("skipped: MISPAIR_PYTHON names no Python with numpy");
        return;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = PickleWriter::new(std::io::BufWriter::new(file.reopen().unwrap()), 3).unwrap();
    for (id, row) in [(1i64 << 40, [1.0, 2.0, 3.0]), (-5, [0.5; 3]), (i64::MIN, [-1.0; 3])] {
        writer.entry(&id.into(), Some(&row)).unwrap();
    }
    writer.entry(&"é".into(), None).unwrap();
    writer.finish().unwrap();
    let script = "import pickle,sys,warnings\nwarnings.simplefilter('error')\nd=pickle.load(open(sys.argv[1],'rb'))\n\
        print([(k, None if v is None else (str(v.dtype), v.shape, v.tolist())) for k, v in d.items()])";
    let output = std::process::Command::new(python).arg("-c").arg(script).arg(file.path()).output().unwrap();
    let want = "[(1099511627776, ('float32', (3,), [1.0, 2.0, 3.0])), (-5, ('float32', (3,), [0.5, 0.5, 0.5])), \
        (-9223372036854775808, ('float32', (3,), [-1.0, -1.0, -1.0])), ('é', None)]";
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), want, "{errors}");
}

proptest! {
    #[test]
    fn round_trip(
        width in 1usize..40,
        entries in prop::collection::vec((any::<i64>(), "\\PC{0,5}", any::<bool>(), any::<bool>(), any::<u32>()), 0..12),
    ) {
        let mut writer = PickleWriter::new(Vec::new(), width).unwrap();
        let mut want = Vec::new();
        for (n, text, is_text, is_none, bits) in entries {
            let id = if is_text { SampleId::Text(text) } else { SampleId::Int(n) };
            let row: Vec<f32> = (0..width as u32).map(|j| f32::from_bits(bits.wrapping_add(j))).collect();
            writer.entry(&id, (!is_none).then_some(&row[..])).unwrap();
            want.push((id, (!is_none).then(|| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>())));
        }
        let file = writer.finish().unwrap();
        let got: Vec<_> = plain(&read(&file).unwrap())
            .into_iter()
            .map(|(id, row)| (id, row.map(|r| r.iter().map(|x| x.to_bits()).collect::<Vec<_>>())))
            .collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn random_opcodes_are_survived(
        ops in prop::collection::vec(
            prop::sample::select(&b"(.KN]ae}susth)bRq\x80\x85\x86\x87\x88\x89\x8a\x8c\x93\x94C\x01\x02\x00X"[..]), 0..60)
    ) {
        let file = [&b"\x80\x04"[..], &ops].concat();
        if let Ok(dictionary) = read(&file) {
            plain(&dictionary);
        }
    }
}
