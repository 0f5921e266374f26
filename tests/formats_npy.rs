//! `.npy` files written by real numpy (see fixtures/make.py) are read to the last bit; broken ones are refused in
//! words, and never panic.

use mispair::formats::FloatType;
use mispair::formats::npy::{NpyError, NpyMatrix, NpyWriter, read_ids, write_ids};
use mispair::words::SampleId;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> (PathBuf, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (path, bytes)
}

fn all_fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "npy"));
    paths.sort();
    assert!(paths.len() > 25);
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

fn rows(matrix: &NpyMatrix<'_>) -> Vec<Vec<f32>> {
    (0..matrix.rows())
        .map(|r| {
            let mut row = vec![f32::NAN; matrix.cols()];
            matrix.row_into(r, &mut row);
            row
        })
        .collect()
}

/// Reads everything that a file offers.
fn exercise(file: &[u8]) {
    if let Ok(matrix) = NpyMatrix::read(file, Path::new("x.npy")) {
        assert!(matrix.rows() * matrix.cols() <= file.len());
        rows(&matrix);
    }
    if let Ok(ids) = read_ids(file, Path::new("x.npy")) {
        assert!(ids.len() <= file.len());
    }
}

#[test]
fn every_float_layout_gives_the_same_numbers() {
    let want: Vec<Vec<f32>> = (0..3).map(|i| (0..5).map(|j| i as f32 - j as f32 / 4.0).collect()).collect();
    for (width, ty) in [("f2", FloatType::F16), ("f4", FloatType::F32), ("f8", FloatType::F64)] {
        for order in ["le", "be"] {
            for layout in ["c", "fortran"] {
                let name = format!("{order}_{width}_{layout}.npy");
                let (path, file) = fixture(&name);
                let matrix = NpyMatrix::read(&file, &path).unwrap();
                assert_eq!((matrix.float_type(), matrix.is_one_dimensional()), (ty, false));
                assert_eq!(rows(&matrix), want, "{name}");
            }
        }
    }
    for version in 1..=3 {
        let (path, file) = fixture(&format!("version_{version}.npy"));
        assert_eq!(rows(&NpyMatrix::read(&file, &path).unwrap()), want);
    }
    let (path, file) = fixture("vector.npy");
    let matrix = NpyMatrix::read(&file, &path).unwrap();
    assert!(matrix.is_one_dimensional());
    assert_eq!(rows(&matrix), want[1..2]);
}

#[test]
fn ids_of_every_type() {
    for name in ["i1", "le_i2", "be_i4", "le_i8", "u1", "be_u2", "le_u4", "le_u8"] {
        let (path, file) = fixture(&format!("ids_{name}.npy"));
        let want: Vec<SampleId> = [7i64, 100, 3].map(SampleId::from).to_vec();
        assert_eq!(read_ids(&file, &path).unwrap(), want, "{name}");
    }
    for (name, last) in [("le_U6", "né"), ("be_U6", "né"), ("S6", "ne")] {
        let (path, file) = fixture(&format!("ids_{name}.npy"));
        let want: Vec<SampleId> = ["7", "100", last].map(SampleId::from).to_vec();
        assert_eq!(read_ids(&file, &path).unwrap(), want, "{name}");
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, NpyError>, why: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(why) && error.contains(".npy"), "{error}");
}

#[test]
fn refusals_name_the_file_the_reason_and_the_cure() {
    let (path, file) = fixture("ids_too_big.npy");
    refused(read_ids(&file, &path), "element 1 (counting from 0) is no id: beyond 2^63");
    let (path, file) = fixture("ids_object.npy");
    refused(
        read_ids(&file, &path),
        "type |O, expected whole numbers (i1 … u8) or texts (U…, S…); convert with `ids.astype(",
    );
    let (path, file) = fixture("ids_le_i8.npy");
    refused(
        NpyMatrix::read(&file, &path),
        "type <i8, expected 16-, 32- or 64-bit floats; convert with `a.astype('float32')`",
    );
    let (path, file) = fixture("le_f4_c.npy");
    refused(read_ids(&file, &path), "type <f4");
    refused(NpyMatrix::read(&file[..file.len() - 1], &path), "shape (3, 5) takes 60 bytes of numbers but 59 follow");
    let longer = [&file[..], b"x"].concat();
    refused(NpyMatrix::read(&longer, &path), "but 61 follow");
    refused(NpyMatrix::read(b"PK\x03\x04", &path), "not an .npy file");
    refused(NpyMatrix::read(b"\x93NUMPY\x09\x00\x00\x00", &path), "version 9.0");
    refused(NpyMatrix::read(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &path), "at most 65536");
}

fn made(shape: &str, numbers: &[u8]) -> Vec<u8> {
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((dict.len() as u16).to_le_bytes());
    file.extend(dict.as_bytes());
    file.extend(numbers);
    file
}

#[test]
fn shapes_that_lie() {
    for (shape, why) in [
        ("(4294967296, 4294967296)", "more than 2^64"),
        ("(4611686018427387904, 1)", "more than 2^64"),
        ("(1000000000000, 1)", "takes 4000000000000 bytes"),
        ("(18446744073709551615, 0)", "width of at least 1"),
        ("(0,)", "width of at least 1"),
        ("()", "an array of shape ()"),
        ("(1, 2, 3)", "an array of shape (1, 2, 3)"),
        ("(-1, 2)", "length of 0 or more"),
    ] {
        refused(NpyMatrix::read(&made(shape, &[]), Path::new("x.npy")), why);
    }
    let empty = made("(0, 7)", &[]);
    assert_eq!(NpyMatrix::read(&empty, Path::new("x.npy")).unwrap().rows(), 0);
}

#[test]
fn halves_and_doubles_round_as_documented() {
    let file = made("(3,)", &[]);
    let file = String::from_utf8_lossy(&file[10..]).replace("<f4", "<f8");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((file.len() as u16).to_le_bytes());
    bytes.extend(file.as_bytes());
    bytes.extend([1e39, 1.0 + 2f64.powi(-24), f64::NAN].iter().flat_map(|x| x.to_le_bytes()));
    let matrix = NpyMatrix::read(&bytes, Path::new("x.npy")).unwrap();
    let row = &rows(&matrix)[0];
    assert_eq!(&row[..2], [f32::INFINITY, 1.0]);
    assert!(row[2].is_nan());
}

#[test]
fn cut_at_every_length_is_refused() {
    for file in all_fixtures() {
        for len in 0..file.len() {
            assert!(NpyMatrix::read(&file[..len], Path::new("x.npy")).is_err());
            assert!(read_ids(&file[..len], Path::new("x.npy")).is_err());
        }
    }
}

#[test]
fn any_flipped_byte_is_survived() {
    for mut file in all_fixtures() {
        for at in 0..file.len() {
            for flip in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                file[at] ^= flip;
                exercise(&file);
                file[at] ^= flip;
            }
        }
    }
}

#[test]
fn the_writer_keeps_its_promises() {
    let mut writer = NpyWriter::new(Vec::new(), 2, 3).unwrap();
    assert!(writer.row(&[1.0]).is_err());
    writer.row(&[1.0; 3]).unwrap();
    assert!(writer.finish().is_err(), "a row is missing");
    let mixed = [SampleId::Int(1), "1".into()];
    assert!(write_ids(Vec::new(), &mixed).is_err());
    assert!(write_ids(Vec::new(), &["a\0".into()]).is_err());
}

/// What we write is, byte for byte, what numpy writes.
#[test]
fn same_bytes_as_numpy() {
    let (path, file) = fixture("le_f4_c.npy");
    let matrix = NpyMatrix::read(&file, &path).unwrap();
    let mut writer = NpyWriter::new(Vec::new(), 3, 5).unwrap();
    rows(&matrix).iter().for_each(|row| writer.row(row).unwrap());
    assert_eq!(writer.finish().unwrap(), file);
    for name in ["ids_le_i8.npy", "ids_le_U6.npy"] {
        let (path, file) = fixture(name);
        let mut ids = read_ids(&file, &path).unwrap();
        if name.contains('U') {
            ids[2] = "sechs!".into(); // as wide as the fixture's type
        }
        let mut ours = Vec::new();
        write_ids(&mut ours, &ids).unwrap();
        assert_eq!(ours[..128], file[..128]);
        assert_eq!(read_ids(&ours, &path).unwrap(), ids);
    }
}

proptest! {
    #[test]
    fn matrices_round_trip(cols in 1usize..70, rows_wanted in 0usize..5, bits in prop::collection::vec(any::<u32>(), 350)) {
        let numbers: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
        let mut writer = NpyWriter::new(Vec::new(), rows_wanted, cols).unwrap();
        for row in numbers.chunks(cols).take(rows_wanted) {
            writer.row(row).unwrap();
        }
        let file = writer.finish().unwrap();
        let matrix = NpyMatrix::read(&file, Path::new("x.npy")).unwrap();
        let got: Vec<u32> = rows(&matrix).concat().iter().map(|x| x.to_bits()).collect();
        prop_assert_eq!(&got[..], &bits[..rows_wanted * cols]);
    }

    #[test]
    fn ids_round_trip(texts: bool, ids in prop::collection::vec((any::<i64>(), "[^\0]{0,9}"), 0..20)) {
        let ids: Vec<SampleId> =
            ids.into_iter().map(|(n, t)| if texts { SampleId::Text(t) } else { SampleId::Int(n) }).collect();
        let mut file = Vec::new();
        write_ids(&mut file, &ids).unwrap();
        prop_assert_eq!(read_ids(&file, Path::new("x.npy")).unwrap(), ids);
    }

    #[test]
    fn random_bytes_are_survived(version in 1u8..4, mut rest in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise(&rest);
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        file.append(&mut rest);
        exercise(&file);
    }
}
