//! The fear: a file that pandas, pyarrow, numpy or clip-retrieval wrote is read a row off, or its gaps are read as zeros, or a
//! damaged one ends the program. So fixtures that those libraries wrote (`fixtures/make_tables.py`) are read back equal, and
//! every fixture is read again with bytes changed and cut off.

use mispair::formats::npy::{NpyMatrix, read_ids};
use mispair::formats::npz::{Npz, NpzError};
use mispair::formats::parquet::{Column, ListColumn, ListRows, ParquetError, ParquetProblem, Table, read_parquet};
use mispair::formats::{Columns, Compose, Html, Part, RecordError, Whitespace, read_imagenet_captions};
use mispair::words::{Sample, SampleId};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn table(name: &str) -> PathBuf {
    fixture("tables").join(name)
}

fn catalog(path: &Path, columns: &Columns) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let count = read_parquet::<RecordError>(path, columns, false, |sample| {
        samples.push(sample);
        Ok(())
    });
    let count = count.map_err(|e| e.to_string())?;
    assert_eq!(count as usize, samples.len());
    Ok(samples)
}

fn seconds(sample: &Sample) -> Option<f64> {
    sample.facts.timestamp.map(|t| t.0 as f64 / 1e6)
}

fn texts(of: &Option<Vec<String>>) -> Option<Vec<&str>> {
    of.as_ref().map(|names| names.iter().map(String::as_str).collect())
}

#[test]
fn a_data_frame_as_a_catalog() {
    let samples = catalog(&table("pandas.parquet"), &Columns::default()).unwrap();
    let ids: Vec<_> = samples.iter().map(|s| s.id.clone().unwrap()).collect();
    assert_eq!(ids, [SampleId::Int(7), SampleId::Int(3), SampleId::Int(1 << 40)]);
    let captions: Vec<_> = samples.iter().map(|s| s.caption.as_str()).collect();
    assert_eq!(captions, ["Ada Lane opens the bridge", "né à Lagos", ""]);
    assert_eq!(samples[1].image_path, "b.jpg");
    assert_eq!(samples.iter().map(seconds).collect::<Vec<_>>(), [Some(1_462_365_000.25), None, Some(-86_400.0)]);
    let entities: Vec<_> = samples.iter().map(|s| s.facts.entities.as_ref().map(Vec::len)).collect();
    assert_eq!(entities, [Some(1), Some(0), None]);
    let mention = &samples[0].facts.entities.as_ref().unwrap()[0];
    assert_eq!((mention.text.as_str(), mention.label.as_str(), &mention.link), ("Ada Lane", "PERSON", &None));
    assert_eq!(samples.iter().map(|s| s.facts.person_boxes).collect::<Vec<_>>(), [Some(1), None, Some(0)]);
    assert_eq!(samples[1].facts.generic, Some(true));
    assert_eq!(samples[2].facts.partition.as_deref(), Some("val"));
}

#[test]
fn a_table_of_any_compression_under_other_names() {
    let columns = Columns {
        id: "key".into(),
        caption: "text".into(),
        image_path: "photo".into(),
        timestamp: "when".into(),
        ..Columns::default()
    };
    for codec in ["none", "snappy", "gzip", "lz4"] {
        let samples = catalog(&table(&format!("pyarrow_{codec}.parquet")), &columns).unwrap();
        let ids: Vec<_> = samples.iter().map(|s| s.id.clone().unwrap()).collect();
        assert_eq!(ids, ["x", "y", "5"].map(SampleId::from), "texts stay texts");
        assert_eq!(samples.iter().map(|s| s.caption.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(seconds(&samples[0]), Some(1_462_363_200.0));
        let entities: Vec<_> = samples.iter().map(|s| s.facts.entities.as_ref().map(Vec::len)).collect();
        assert_eq!(entities, [Some(1), Some(0), None], "a text of JSON is a list, too");
        let pictured: Vec<_> = samples.iter().map(|s| texts(&s.facts.pictured)).collect();
        assert_eq!(pictured, [Some(vec!["Ada", "Ben"]), Some(vec![]), None]);
        assert_eq!(samples.iter().map(|s| s.facts.links.len()).collect::<Vec<_>>(), [0, 1, 0]);
    }
    for codec in ["zstd", "brotli"] {
        let said = catalog(&table(&format!("pyarrow_{codec}.parquet")), &columns).unwrap_err();
        assert!(said.contains(&codec.to_uppercase()) && said.contains("compression=\"snappy\""), "{said}");
    }
    let days = catalog(&table("date.parquet"), &Columns::default()).unwrap();
    assert_eq!((seconds(&days[0]), &days[0].id), (Some(1_462_320_000.0), &None));
}

#[test]
fn what_is_wrong_with_a_catalog_is_said() {
    let said = catalog(&table("wrong_flag.parquet"), &Columns::default()).unwrap_err();
    assert!(said.contains("wrong_flag.parquet: record 0") && said.contains("\"generic\""), "{said}");
    let said = catalog(&table("lists_two.parquet"), &Columns::default()).unwrap_err();
    assert!(said.contains("no column \"caption\"") && said.contains("\"other\""), "{said}");
    let said = catalog(&fixture("archive.npz"), &Columns::default()).unwrap_err();
    assert!(said.contains("archive.npz") && said.contains("Parquet"), "{said}");
    let none = catalog(&table("there_is_none.parquet"), &Columns::default()).unwrap_err();
    assert!(none.contains("there_is_none.parquet") && none.contains("No such file"), "{none}");
}

fn lists(name: &str, column: Option<&str>) -> Result<(ListRows, Vec<Vec<f32>>), ParquetProblem> {
    let mut rows = Vec::new();
    let read = ListColumn::find(&table(name), column).and_then(|column| {
        column.read::<ParquetError>(|row| {
            rows.push(row.to_vec());
            Ok(())
        })
    });
    read.map(|read| (read, rows)).map_err(|e| e.problem)
}

fn number(row: usize, column: usize) -> f32 {
    row as f32 - column as f32 / 4.0
}

#[test]
fn lists_of_any_float_are_rows() {
    let names = ["f16_list", "f32_list", "f32_fixed", "f32_large", "f64_list"];
    for name in names.map(|n| format!("lists_{n}.parquet")) {
        let (read, rows) = lists(&name, None).unwrap();
        assert_eq!((read.width, read.cells, read.kept), (5, 300, None), "{name}");
        for (i, row) in rows.iter().enumerate() {
            let want: Vec<f32> = (0..5).map(|j| number(i, j)).collect();
            assert_eq!(*row, want, "{name}, row {i}");
        }
        let ids = ListColumn::find(&table(&name), None).unwrap().ids(None).unwrap().unwrap();
        assert_eq!((ids.len(), &ids[0], &ids[299]), (300, &SampleId::Int(1000), &SampleId::Int(1299)));
    }
}

#[test]
fn cells_without_a_vector_are_gaps() {
    let (read, rows) = lists("lists_holes.parquet", None).unwrap();
    assert_eq!((read.width, read.cells, read.kept), (3, 6, Some(vec![0, 2, 4, 5])));
    assert_eq!(rows.iter().map(|r| r[0]).collect::<Vec<_>>(), [0.0, 2.0, 4.0, 5.0]);
    let two = ListColumn::find(&table("lists_two.parquet"), Some("vector")).unwrap();
    assert_eq!(two.ids(None).unwrap(), None);
    let ids = two.ids(Some("name")).unwrap().unwrap();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f"].map(SampleId::from));
    assert_eq!(lists("lists_two.parquet", Some("other")).unwrap().0.kept, None);
}

#[test]
fn what_is_wrong_with_lists_is_said() {
    for (name, column, words) in [
        ("lists_two.parquet", None, "2 columns hold lists of floats (\"vector\", \"other\")"),
        ("pandas.parquet", None, "0 columns hold lists of floats (none)"),
        ("pandas.parquet", Some("caption"), "holds BYTE_ARRAY, expected lists of floats"),
        ("pandas.parquet", Some("nothing"), "no column \"nothing\""),
        ("lists_null.parquet", None, "row 0: a number of its vector is missing"),
        ("lists_ragged.parquet", None, "row 1: 1 numbers, the first row has 2"),
        ("lists_none.parquet", None, "no row holds a vector"),
    ] {
        let said = lists(name, column).unwrap_err().to_string();
        assert!(said.contains(words), "{name}: {said}");
    }
    let no_id = ListColumn::find(&table("lists_no_id.parquet"), None).unwrap().ids(None).unwrap_err().to_string();
    assert!(no_id.contains("\"id\", row 1: no id"), "{no_id}");
}

#[test]
fn a_table_that_we_write_is_read_back() {
    let path = tempfile::tempdir().unwrap().keep().join("own.parquet");
    let columns = |first: i64, rows: usize| {
        let at = |i: usize| first + i as i64;
        vec![
            ("id", Column::Int((0..rows).map(at).collect())),
            ("caption", Column::Text((0..rows).map(|i| format!("né {}", at(i))).collect())),
            ("image_path", Column::Text(vec!["x".into(); rows])),
            ("timestamp", Column::Double((0..rows).map(|i| (i % 2 == 0).then_some(1.5)).collect())),
            ("pictured", Column::Texts((0..rows).map(|i| vec!["A".to_owned(); i % 3]).collect())),
            ("vector", Column::Vectors { width: 2, numbers: (0..2 * rows).map(|i| i as f32).collect() }),
        ]
    };
    let mut out = Table::new(fs::File::create(&path).unwrap(), "own", &columns(0, 0)).unwrap();
    for (first, rows) in [(0, 4), (4, 3)] {
        out.group(columns(first, rows).into_iter().map(|c| c.1).collect()).unwrap();
    }
    let other = out.group(vec![Column::Int(vec![])]).unwrap_err().to_string();
    assert!(other.contains("other columns"), "{other}");
    out.finish().unwrap();
    let samples = catalog(&path, &Columns::default()).unwrap();
    assert_eq!(samples.len(), 7);
    for (i, sample) in samples.iter().enumerate() {
        let in_group = if i < 4 { i } else { i - 4 };
        assert_eq!((sample.id.clone(), sample.caption.clone()), (Some(SampleId::Int(i as i64)), format!("né {i}")));
        assert_eq!(seconds(sample), (in_group % 2 == 0).then_some(1.5));
        assert_eq!(sample.facts.pictured.as_ref().unwrap().len(), in_group % 3);
    }
    let column = ListColumn::find(&path, None).unwrap();
    let mut rows = Vec::new();
    column
        .read::<ParquetError>(|row| {
            rows.push(row.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!((rows.len(), &rows[3], &rows[4]), (7, &vec![6.0, 7.0], &vec![0.0, 1.0]));
}

fn array(npz: &mut Npz<'_>, bytes: &[u8], name: &str) -> Result<Vec<u8>, NpzError> {
    match npz.stored(name)? {
        Some(range) => Ok(bytes[range].to_vec()),
        None => {
            let mut out = Vec::new();
            npz.unpack(name, &mut out)?;
            Ok(out)
        }
    }
}

#[test]
fn archives_stored_and_compressed() {
    for (name, stored, id) in
        [("archive.npz", true, SampleId::Int(15)), ("archive_compressed.npz", false, SampleId::from("15"))]
    {
        let bytes = fs::read(fixture(name)).unwrap();
        let path = Path::new(name);
        let mut npz = Npz::read(&bytes, path).unwrap();
        let matrix = npz.matrix(None).unwrap();
        assert_eq!((matrix.as_str(), npz.has("ids"), npz.has("clip.npy")), ("clip", true, false));
        assert_eq!(npz.stored("clip").unwrap().is_some(), stored);
        let numbers = array(&mut npz, &bytes, "clip").unwrap();
        let matrix = NpyMatrix::read(&numbers, path).unwrap();
        let mut row = [0.0; 5];
        for i in 0..6 {
            matrix.row_into(i, &mut row);
            assert_eq!(row.to_vec(), (0..5).map(|j| number(i, j)).collect::<Vec<_>>());
        }
        assert_eq!(read_ids(&array(&mut npz, &bytes, "ids").unwrap(), path).unwrap()[5], id);
    }
    let bytes = fs::read(fixture("archive_two.npz")).unwrap();
    let mut npz = Npz::read(&bytes, Path::new("two.npz")).unwrap();
    let said = npz.matrix(None).unwrap_err().to_string();
    assert!(said.contains("two.npz: 2 arrays are matrices") && said.contains("\"arr_2\""), "{said}");
    assert_eq!(npz.matrix(Some("arr_1")).unwrap(), "arr_1");
    let said = npz.matrix(Some("clip")).unwrap_err().to_string();
    assert!(said.contains("no array \"clip\"") && said.contains("\"arr_0\", \"arr_1\", \"arr_2\""), "{said}");
}

fn captions(compose: &Compose) -> Vec<Sample> {
    let path = fixture("imagenet_captions.json");
    let mut samples = Vec::new();
    let each = |sample| {
        samples.push(sample);
        Ok::<(), RecordError>(())
    };
    assert_eq!(read_imagenet_captions(&fs::read(&path).unwrap(), &path, compose, each).unwrap(), 3);
    samples
}

#[test]
fn imagenet_captions_are_composed() {
    let samples = captions(&Compose::default());
    assert_eq!(samples[0].id, Some("n01_1.JPEG".into()));
    assert_eq!(samples[0].image_path, "n01/n01_1.JPEG");
    assert_eq!(samples[0].topic.as_deref(), Some("n01"));
    assert_eq!(samples[0].caption, "A heron bird grey heron Seen at the pond, Tom & Jerry");
    assert_eq!((samples[1].caption.as_str(), samples[2].caption.as_str()), ("", "only this"));
    let raw = Compose {
        parts: vec![Part::Description, Part::Title, Part::Tags],
        separator: " | ".into(),
        tag_separator: ", ".into(),
        whitespace: Whitespace::Keep,
        html: Html::Keep,
        image_path: "train/{filename}".into(),
    };
    let samples = captions(&raw);
    let want = "Seen at <a href=\"http://x.org/?a=1&amp;b\">the pond</a>,\n\nTom &amp; Jerry | A <b>heron</b> | bird,   grey heron ";
    assert_eq!(samples[0].caption, want);
    assert_eq!((samples[1].caption.as_str(), samples[2].caption.as_str()), ("", "only  this"));
    assert_eq!(samples[2].image_path, "train/n02_8.JPEG");
}

/// Bytes changed and files cut here and there; whatever is read, nothing panics out of it.
#[test]
fn damaged_files_are_refused_or_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("damaged.parquet");
    let (mut refused, mut read) = (0, 0);
    std::panic::set_hook(Box::new(|_| ()));
    for name in ["lists_holes.parquet", "pyarrow_lz4.parquet", "pyarrow_gzip.parquet", "pandas.parquet"] {
        let whole = fs::read(table(name)).unwrap();
        let columns = Columns { caption: "text".into(), image_path: "photo".into(), ..Columns::default() };
        let columns = if name.starts_with("pyarrow") { columns } else { Columns::default() };
        let damaged = (0..whole.len()).step_by(13).flat_map(|i| {
            let mut flipped = whole.clone();
            flipped[i] ^= 1 << (i % 8);
            [flipped, whole[..i].to_vec()]
        });
        for bytes in damaged {
            fs::write(&at, &bytes).unwrap();
            let catalog = catalog(&at, &columns);
            let list = ListColumn::find(&at, None);
            let list = list.and_then(|column| column.read::<ParquetError>(|_| Ok(())));
            match catalog.is_ok() || list.is_ok() {
                true => read += 1,
                false => refused += 1,
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(refused > read && read > 0, "{refused} refused, {read} read");
    for name in ["archive.npz", "archive_compressed.npz"] {
        let whole = fs::read(fixture(name)).unwrap();
        for i in (0..whole.len()).step_by(3) {
            let mut flipped = whole.clone();
            flipped[i] ^= 1 << (i % 8);
            for bytes in [&flipped[..], &whole[..i]] {
                if let Ok(mut npz) = Npz::read(bytes, &at)
                    && let Ok(name) = npz.matrix(None)
                {
                    let _either_way = array(&mut npz, bytes, &name);
                }
            }
        }
    }
}
