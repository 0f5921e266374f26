//! The fear: a benchmark's file of vectors that is read one byte off, or past its end. So `.fvecs` and `.fbin` files from
//! an obvious writer are read back to the last bit, and every cut, every other width, is refused in words.

use mispair::formats::npy::NpyWriter;
use mispair::formats::{VectorsError, VectorsProblem, read_vectors};
use proptest::prelude::*;
use std::path::Path;

fn fvecs(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        out.extend((row.len() as i32).to_le_bytes());
        row.iter().for_each(|x| out.extend(x.to_le_bytes()));
    }
    out
}

fn fbin(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut out = (rows.len() as u32).to_le_bytes().to_vec();
    out.extend((rows[0].len() as u32).to_le_bytes());
    rows.iter().flatten().for_each(|x| out.extend(x.to_le_bytes()));
    out
}

fn npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut out = NpyWriter::new(Vec::new(), rows.len(), rows[0].len()).unwrap();
    rows.iter().for_each(|r| out.row(r).unwrap());
    out.finish().unwrap()
}

/// All rows of a file, as bits.
fn read(file: &[u8], name: &str) -> Result<Vec<Vec<u32>>, VectorsError> {
    let vectors = read_vectors(file, Path::new(name))?;
    let mut row = vec![f32::NAN; vectors.width()];
    let mut all = Vec::new();
    for i in 0..vectors.rows() {
        vectors.row_into(i, &mut row);
        all.push(row.iter().map(|x| x.to_bits()).collect());
    }
    Ok(all)
}

fn problem(file: &[u8], name: &str) -> VectorsProblem {
    match read(file, name).unwrap_err() {
        VectorsError::Other { path, problem } => {
            assert_eq!(path, Path::new(name));
            problem
        }
        other => panic!("{other}"),
    }
}

fn some_rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1usize..20, 1usize..12).prop_flat_map(|(width, rows)| {
        let number = any::<u32>().prop_map(f32::from_bits);
        prop::collection::vec(prop::collection::vec(number, width), rows)
    })
}

proptest! {
    /// Whatever the obvious writer writes comes back, NaNs and denormals with their bits.
    #[test]
    fn what_was_written_is_read(rows in some_rows()) {
        let want: Vec<Vec<u32>> = rows.iter().map(|r| r.iter().map(|x| x.to_bits()).collect()).collect();
        prop_assert_eq!(&read(&fvecs(&rows), "a.fvecs").unwrap(), &want);
        prop_assert_eq!(&read(&fbin(&rows), "dir.x/a.FBIN").unwrap(), &want);
        prop_assert_eq!(&read(&npy(&rows), "a.npy").unwrap(), &want);
        prop_assert_eq!(&read(&npy(&rows), "vectors of mine").unwrap(), &want);
    }

    /// No bytes make a reader panic, and what is read lies in the file.
    #[test]
    fn any_bytes(mut file in prop::collection::vec(any::<u8>(), 0..80), small: bool) {
        if small {
            // Plausible sizes reach further than random ones.
            file.iter_mut().enumerate().filter(|(i, _)| i % 4 != 0).for_each(|(_, b)| *b = 0);
            file.iter_mut().for_each(|b| *b %= 4);
        }
        for name in ["a.fvecs", "a.fbin", "a.npy", "a"] {
            if let Ok(rows) = read(&file, name) {
                prop_assert!(rows.iter().map(Vec::len).sum::<usize>() * 4 <= file.len());
            }
        }
    }
}

#[test]
fn every_cut_is_refused_and_named() {
    let rows: Vec<Vec<f32>> = (0..3).map(|i| (0..5).map(|j| (i * 5 + j) as f32).collect()).collect();
    let whole = fvecs(&rows);
    for cut in 0..whole.len() {
        if cut > 0 && cut.is_multiple_of(24) {
            // Whole rows are a file of fewer rows: this format cannot tell.
            assert_eq!(read(&whole[..cut], "a.fvecs").unwrap().len(), cut / 24);
            continue;
        }
        let want = match cut {
            0 => VectorsProblem::Empty,
            1..4 => VectorsProblem::Cut { row: 0, expected: 4, got: cut },
            _ => VectorsProblem::Cut { row: cut / 24, expected: 24, got: cut % 24 },
        };
        assert_eq!(problem(&whole[..cut], "a.fvecs"), want, "cut at {cut}");
    }
    let whole = fbin(&rows);
    for cut in 0..whole.len() {
        let want = match cut {
            0 => VectorsProblem::Empty,
            1..8 => VectorsProblem::Header { got: cut },
            _ => VectorsProblem::Length { rows: 3, width: 5, expected: 60, got: cut - 8 },
        };
        assert_eq!(problem(&whole[..cut], "a.fbin"), want, "cut at {cut}");
    }
    let longer = [whole, vec![0]].concat();
    assert_eq!(problem(&longer, "a.fbin"), VectorsProblem::Length { rows: 3, width: 5, expected: 60, got: 61 });
}

#[test]
fn wrong_widths_are_refused() {
    let ragged = fvecs(&[vec![1.0; 3], vec![1.0; 3], vec![1.0; 2], vec![1.0; 3]]);
    assert_eq!(problem(&ragged, "a.fvecs"), VectorsProblem::Ragged { row: 2, expected: 3, got: 2 });
    for got in [0, -1, i32::MIN] {
        assert_eq!(problem(&got.to_le_bytes(), "a.fvecs"), VectorsProblem::Width { row: 0, got });
    }
    let huge = i32::MAX.to_le_bytes();
    let stride = 4 + 4 * i32::MAX as usize;
    assert_eq!(problem(&huge, "a.fvecs"), VectorsProblem::Cut { row: 0, expected: stride, got: 4 });
    let header = |n: u32, d: u32| [n.to_le_bytes(), d.to_le_bytes()].concat();
    assert_eq!(problem(&header(7, 0), "a.fbin"), VectorsProblem::NoWidth { rows: 7 });
    let expected = 4 * u128::from(u32::MAX) * u128::from(u32::MAX);
    let want = VectorsProblem::Length { rows: u32::MAX, width: u32::MAX, expected, got: 0 };
    assert_eq!(problem(&header(u32::MAX, u32::MAX), "a.fbin"), want);
    assert!(read(&header(0, 5), "a.fbin").unwrap().is_empty(), "no row is no fault of the file");
}

#[test]
fn errors_name_the_file_the_row_and_the_cure() {
    let cut = fvecs(&[vec![1.0; 3], vec![1.0; 3]]);
    let text = read(&cut[..20], "q.fvecs").unwrap_err().to_string();
    assert!(
        text.starts_with("q.fvecs: row 1 takes 16 bytes but 4 are left") && text.contains("copy it again"),
        "{text}"
    );
    let text = read(b"1,2,3", "q.csv").unwrap_err().to_string();
    assert!(text.starts_with("q.csv: ") && text.contains("neither .fvecs nor .fbin"), "{text}");
    let text = read(b"1,2,3", "q.npy").unwrap_err().to_string();
    assert!(text.starts_with("q.npy: ") && text.contains("numpy.save"), "{text}");
}
