//! Catalogs, metadata and annotations: what is read, and what a wrong file is told.

use mispair::formats::*;
use mispair::words::{Facts, Mention, Sample, SampleId, Timestamp};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const X: &str = "some/file";

fn catalog(
    read: impl FnOnce(&mut dyn FnMut(Sample) -> Result<(), RecordError>) -> Result<u64, RecordError>,
) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let count = read(&mut |sample| {
        samples.push(sample);
        Ok(())
    });
    match count {
        Ok(count) => {
            assert_eq!(count, samples.len() as u64);
            Ok(samples)
        }
        Err(error) => Err(error.to_string()),
    }
}

fn visual_news(text: &str) -> Result<Vec<Sample>, String> {
    catalog(|each| read_visual_news(text.as_bytes(), Path::new(X), each))
}

fn jsonl(text: &str, columns: &Columns) -> Result<Vec<Sample>, String> {
    catalog(|each| read_jsonl(text.as_bytes(), Path::new(X), columns, each))
}

fn csv(text: &str, columns: &Columns) -> Result<Vec<Sample>, String> {
    catalog(|each| read_csv(text.as_bytes(), Path::new(X), columns, each))
}

fn metadata(text: &str) -> Result<Vec<(SampleId, Facts)>, String> {
    let mut all = Vec::new();
    let each = |id, facts| -> Result<(), RecordError> {
        all.push((id, facts));
        Ok(())
    };
    match read_metadata(text.as_bytes(), Path::new(X), &Columns::default(), each) {
        Ok(count) => {
            assert_eq!(count, all.len() as u64);
            Ok(all)
        }
        Err(error) => Err(error.to_string()),
    }
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, String>, want: &str) {
    let error = result.unwrap_err();
    assert!(error.starts_with(X) && error.contains(want), "{error}");
}

/// In the folder that MISPAIR_DATA names, or in `*/data` beside the project, where such a folder is.
fn beside(name: &str) -> PathBuf {
    if let Some(root) = std::env::var_os("MISPAIR_DATA") {
        return PathBuf::from(root).join(name);
    }
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = std::fs::read_dir(&parent).into_iter().flatten().flatten().map(|e| e.path().join("data").join(name));
    folders.into_iter().find(|p| p.exists()).unwrap_or(parent.join(name))
}

/// Real data, if this machine has it.
fn data(name: &str) -> Option<Vec<u8>> {
    let file = beside(name);
    match std::fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(_) => {
            println!("skipped: no {} (MISPAIR_DATA names the folder)", file.display());
            None
        }
    }
}

#[test]
fn visual_news_records() {
    let samples = visual_news(
        r#"[{"id": 39136, "caption": "Candace", "topic": "law", "source": "wp", "image_path": "./a.jpg", "article_path": [{}]},
            {"image_path": "b", "caption": "", "id": "x", "source": null}]"#,
    )
    .unwrap();
    assert_eq!(
        samples[0],
        Sample {
            id: Some(39136.into()),
            caption: "Candace".into(),
            image_path: "./a.jpg".into(),
            source: Some("wp".into()),
            topic: Some("law".into()),
            facts: Facts::default(),
        }
    );
    assert_eq!((samples[1].id.clone(), samples[1].source.clone()), (Some("x".into()), None));
    assert_eq!(visual_news("[]"), Ok(vec![]));
}

#[test]
fn visual_news_errors_name_the_record() {
    let good = r#"{"id": 1, "caption": "c", "image_path": "p"}"#;
    for (bad, want) in [
        (
            r#"{"id": 7, "caption": 3, "image_path": "p"}"#,
            r#": record 1 (counting from 0), id 7: field "caption": expected a text, got 3"#,
        ),
        (r#"{"id": "7", "caption": "c"}"#, r#", id "7": field "image_path" is missing"#),
        (r#"{"caption": "c", "image_path": "p"}"#, r#"record 1 (counting from 0): field "id" is missing"#),
        (r#"{"id": 1.5, "caption": "c", "image_path": "p"}"#, "expected a 64-bit integer or a text, got 1.5"),
        (r#"{"id": 1, "id": 2}"#, r#"field "id" stands twice"#),
        ("7", "record 1 (counting from 0): invalid type: integer `7`, expected an object at line 2"),
        (r#"{"id": 1, "caption": "c"#, "EOF while parsing a string at line 2"),
        (r#"{"id": 1 "#, "expected `,` or `}` at line 2"),
    ] {
        says(visual_news(&format!("[{good},\n{bad}]")), want);
    }
    says(visual_news("{}"), "expected an array of records");
    says(visual_news("[] []"), "some/file: trailing characters");
    says(visual_news(""), "EOF");
    says(visual_news(&format!("[{good}")), "EOF while parsing a list");
}

#[test]
fn the_callers_error_comes_through_and_ends_the_reading() {
    #[derive(Debug)]
    enum Mine {
        Stop(u32),
        #[expect(dead_code)]
        Read(RecordError),
    }
    impl From<RecordError> for Mine {
        fn from(e: RecordError) -> Self {
            Mine::Read(e)
        }
    }
    let text = r#"{"id": 1, "caption": "c", "image_path": "p"}"#;
    let mut calls = 0;
    let mut stop = |_: Sample| {
        calls += 1;
        Err(Mine::Stop(42))
    };
    let array = format!("[{text}, {text}, broken");
    assert!(matches!(read_visual_news(array.as_bytes(), Path::new(X), &mut stop), Err(Mine::Stop(42))));
    let lines = format!("{text}\nbroken");
    assert!(matches!(read_jsonl(lines.as_bytes(), Path::new(X), &Columns::default(), &mut stop), Err(Mine::Stop(42))));
    let table = "caption,image_path\na,b\nbroken";
    assert!(matches!(read_csv(table.as_bytes(), Path::new(X), &Columns::default(), &mut stop), Err(Mine::Stop(42))));
    assert_eq!(calls, 3);
}

#[test]
fn jsonl_carries_every_fact() {
    let columns = Columns { caption: "text".into(), image_path: "file".into(), ..Columns::default() };
    let text = "\u{feff}{\"id\": \"a\", \"text\": \"t\", \"file\": \"f\", \"timestamp\": \"2013-04-17\", \"partition\": \"val\", \
        \"entities\": [[\"Ada\", \"PERSON\"]], \"person_boxes\": 1, \"caption\": 9}\n\n  \r\n{\"text\": \"u\", \"file\": \"g\"}";
    let samples = jsonl(text, &columns).unwrap();
    assert_eq!((samples[0].caption.as_str(), samples[0].image_path.as_str()), ("t", "f"));
    let facts = &samples[0].facts;
    assert_eq!(facts.timestamp, Timestamp::parse("2013-04-17"));
    assert_eq!(facts.entities.as_ref().unwrap()[0].label, "PERSON");
    assert_eq!((facts.partition.as_deref(), facts.person_boxes), (Some("val"), Some(1)));
    assert_eq!((samples[1].id.clone(), samples[1].facts.clone()), (None, Facts::default()));

    let line = |text: &str| jsonl(&format!("\n{text}\n"), &columns);
    says(
        line("{\"text\": \"t\"}"),
        "line 2: field \"file\" is missing; if it has another name here, say so in `columns`",
    );
    says(
        line("{\"id\": 4, \"text\": \"t\", \"file\": \"f\", \"generic\": \"x\"}"),
        "line 2, id 4: field \"generic\": expected true",
    );
    says(line("{\"text\": \"t\""), "line 2: EOF while parsing an object at column");
    says(line("{\"text\": \"t\", \"file\": \"f\"} {}"), "line 2: trailing characters");
    says(line("[1]"), "line 2: invalid type: sequence, expected an object");
}

#[test]
fn csv_cells() {
    let text = "image_path,id,caption,timestamp,person_boxes,generic,entities,split,topic\n\
        a.jpg,5,\"One, \"\"two\"\"\nthree\",2013-04-17,2.0,False,\"[[\"\"Ada\"\", \"\"PERSON\"\"]]\",val,\n\
        b.jpg,05,,1366200000,,1,[],,news\n";
    let samples = csv(text, &Columns::default()).unwrap();
    assert_eq!(samples[0].id, Some(5.into()));
    assert_eq!(samples[0].caption, "One, \"two\"\nthree");
    let facts = &samples[0].facts;
    assert_eq!((facts.person_boxes, facts.generic, facts.partition.as_deref()), (Some(2), Some(false), Some("val")));
    let ada = Mention { text: "Ada".into(), label: "PERSON".into(), link: None };
    assert_eq!(facts.entities, Some(vec![ada]));
    assert_eq!(samples[0].topic, None);
    assert_eq!((samples[1].id.clone(), samples[1].caption.as_str()), (Some("05".into()), ""));
    let facts = &samples[1].facts;
    assert_eq!(facts.timestamp, Timestamp::from_unix_seconds(1366200000.0));
    assert_eq!((facts.person_boxes, facts.generic, facts.entities.clone()), (None, Some(true), Some(vec![])));
}

#[test]
fn csv_ids() {
    let columns = |id: &str| Columns { id: id.into(), ..Columns::default() };
    let pandas = ",caption,image_path\n0,c,p\n1,d,q\n";
    assert_eq!(csv(pandas, &columns("id")).unwrap()[0].id, None, "an unnamed column is no id unless asked for");
    assert_eq!(csv(pandas, &columns("")).unwrap()[1].id, Some(1.into()));
    let excel = "\u{feff}id;x,caption,image_path\n9,c,p\n";
    assert_eq!(csv(excel, &columns("id;x")).unwrap()[0].id, Some(9.into()));
    let tabs = "id\tcaption\timage_path\n9\ta, b\tp\n";
    let samples = catalog(|each| read_csv(tabs.as_bytes(), Path::new("x.tsv"), &columns("id"), each)).unwrap();
    assert_eq!(samples[0].caption, "a, b");
}

#[test]
fn csv_errors_name_the_line() {
    let table =
        |rows: &str| csv(&format!("id,caption,image_path,generic,entities,timestamp\n{rows}"), &Columns::default());
    says(
        table("1,\"a\nb\",p,,,\n2,c,p,maybe,,\n"),
        "line 4, id 2: field \"generic\": expected true, false, 1 or 0, got \"maybe\"",
    );
    says(table("1,c,p,,PERSON,\n"), "line 2, id 1: field \"entities\": expected a list");
    says(table("1,c,p,,,17/04/2013\n"), "field \"timestamp\": expected ISO 8601");
    says(table("1,c,p,,,inf\n"), "field \"timestamp\": expected ISO 8601");
    says(table("1,c,p,,,,\n"), "line 2: 7 cells, the first line names 6");
    says(
        csv("id,caption\n", &Columns::default()),
        "no column \"image_path\", there are \"id\", \"caption\"; name the right one in `columns`",
    );
    says(csv("id,id,caption,image_path\n", &Columns::default()), "line 1: column \"id\" stands twice");
    says(csv("", &Columns::default()), "no column");
    let latin1 =
        catalog(|each| read_csv(&b"caption,image_path\na,b\n\xe9,b\n"[..], Path::new(X), &Columns::default(), each));
    says(latin1, "line 3: ");
}

#[test]
fn two_settings_cannot_name_one_column() {
    let columns = Columns { topic: "event".into(), partition: "event".into(), ..Columns::default() };
    says(jsonl("", &columns), "two settings of `columns` name \"event\"");
    says(csv("caption,image_path\n", &columns), "two settings of `columns` name \"event\"");
}

#[test]
fn columns_from_toml() {
    let columns: Columns = toml::from_str("caption = \"text\"\nid = \"\"").unwrap();
    assert_eq!(columns, Columns { caption: "text".into(), id: String::new(), ..Columns::default() });
    assert!(toml::from_str::<Columns>("captoin = \"text\"").is_err());
}

#[test]
fn metadata_in_three_layouts() {
    let lines = "{\"id\": 1, \"timestamp\": 5}\n{\"id\": \"2\", \"split\": \"val\"}\n";
    let array = "[{\"id\": 1, \"timestamp\": 5}, {\"split\": \"val\", \"id\": \"2\"}]";
    let object = " {\n \"1\" : {\"timestamp\": 5, \"id\": 99}, \"2\": {\"split\": \"val\"}}";
    let want = [
        (SampleId::Int(1), Facts { timestamp: Some(Timestamp(5_000_000)), ..Facts::default() }),
        ("2".into(), Facts { partition: Some("val".into()), ..Facts::default() }),
    ];
    assert_eq!(metadata(lines).unwrap(), want);
    assert_eq!(metadata(array).unwrap(), want);
    let keyed = metadata(object).unwrap();
    assert_eq!((keyed[0].0.clone(), &keyed[0].1), ("1".into(), &want[0].1));
    assert_eq!(keyed[1], want[1]);
    for empty in ["", "{}", "[]", "\n"] {
        assert_eq!(metadata(empty), Ok(vec![]), "{empty:?}");
    }
}

#[test]
fn published_metadata() {
    let text = r#"{"701864": {"caption": "c", "timestamp": "2014-06-26", "source": "bbc", "topic": "x", "title": "t",
        "image_path": "./bbc/1.jpg", "caption_entities_spacy": [["Ada", "PERSON"], ["Rome", "GPE"]],
        "caption_entities_rel": [["Ada Lovelace", 0.93], ["Rome", 0.8]]}}"#;
    let all = metadata(text).unwrap();
    assert_eq!(all[0].0, "701864".into());
    let facts = &all[0].1;
    assert_eq!(facts.entities.as_ref().unwrap().len(), 2);
    assert_eq!(facts.links, ["Ada Lovelace", "Rome"]);
    assert_eq!(facts.timestamp, Timestamp::parse("2014-06-26"));
    assert_eq!((facts.person_boxes, facts.partition.clone()), (None, None));
}

#[test]
fn metadata_errors() {
    says(metadata("{\"timestamp\": 5}"), "line 1: field \"id\" is missing");
    says(metadata("{\"id\": 1, \"timestamp\": true}"), "line 1, id 1: field \"timestamp\": expected ISO 8601");
    says(
        metadata("[{\"id\": 1}, {\"id\": 2, \"entities\": 3}]"),
        "record 1 (counting from 0), id 2: field \"entities\"",
    );
    says(metadata("{\"7\": {}, \"8\": {\"generic\": 5}}"), "record 1 (counting from 0), id \"8\": field \"generic\"");
    says(metadata("{\"7\": {}, \"8\": 5}"), "record 1 (counting from 0): invalid type: integer `5`");
    says(metadata("{\"7\": {}"), "EOF");
}

#[test]
fn real_data() {
    let real = |name: &str, read: &dyn Fn(&[u8]) -> u64, want: u64| {
        if let Some(bytes) = data(name) {
            assert_eq!(read(&bytes), want, "{name}");
        }
    };
    let path = Path::new(X);
    real(
        "newsclippings/visualnews_sample.json",
        &|b| read_visual_news(b, path, |_| Ok::<_, RecordError>(())).unwrap(),
        4,
    );
    let row_number = Columns { id: String::new(), ..Columns::default() };
    let with_id = |s: Sample| {
        assert!(matches!(s.id, Some(SampleId::Int(_))));
        Ok::<_, RecordError>(())
    };
    real("verite/VERITE.csv", &|b| read_csv(b, path, &row_number, with_id).unwrap(), 1001);
    let undated = std::cell::Cell::new(0);
    let dated = |s: Sample| {
        undated.set(undated.get() + u64::from(s.facts.timestamp.is_none()));
        with_id(s)
    };
    let posts = |b: &[u8]| read_csv(b, path, &Columns::default(), dated).unwrap() - undated.get();
    // 23 of the 10,696 posts have no date.
    real("mediaeval2016/posts.csv", &posts, 10_673);
    let known = |_, facts: Facts| {
        assert!(facts.entities.is_some());
        Ok::<_, RecordError>(())
    };
    for (name, want) in [("verite/metadata.jsonl", 1001), ("mediaeval2016/metadata.jsonl", 10_696)] {
        real(name, &|b| read_metadata(b, path, &Columns::default(), known).unwrap(), want);
    }
    for (name, want) in
        [("verite/VERITE_clip_text_embeddings_ViTB32.npy", 1001), ("mediaeval2016/text_384.npy", 10_696)]
    {
        real(name, &|b| npy::NpyMatrix::read(b, path).unwrap().rows() as u64, want);
    }
}

fn annotations(text: &str) -> Result<AnnotationFile, String> {
    read_annotations(text.as_bytes(), Path::new(X)).map_err(|e| e.to_string())
}

#[test]
fn annotations_as_published() {
    let text = r#"{"source_datasets": {"1": "b", "0": "a"}, "annotations": [
        {"id": 9, "image_id": "4", "similarity_score": "0.25", "falsified": true, "source_dataset": 1, "more": {}},
        {"id": 9, "image_id": 9, "similarity_score": 1, "falsified": 0}], "more": 3}"#;
    let file = annotations(text).unwrap();
    assert_eq!(file.source_datasets, ["a", "b"]);
    let first = Annotation {
        id: 9.into(),
        image_id: "4".into(),
        similarity_score: 0.25,
        falsified: true,
        source_dataset: Some(1),
    };
    assert_eq!(file.annotations[0], first);
    assert!(!file.annotations[1].falsified);
    assert_eq!(annotations(r#"{"annotations": []}"#), Ok(AnnotationFile::default()));
}

#[test]
fn annotation_errors() {
    let one = |fields: &str| annotations(&format!("{{\"annotations\": [{{\"id\": 5, {fields}}}]}}"));
    says(
        one(r#""image_id": 5, "similarity_score": "x", "falsified": true"#),
        "record 0 (counting from 0), id 5: field \"similarity_score\": expected a finite number, got \"x\"",
    );
    says(one(r#""image_id": 5, "similarity_score": 1e60, "falsified": true"#), "expected a finite number");
    says(one(r#""image_id": 5, "similarity_score": "NaN", "falsified": true"#), "expected a finite number");
    says(one(r#""image_id": 5, "similarity_score": 0"#), "field \"falsified\" is missing");
    says(
        one(r#""image_id": 5, "similarity_score": 0, "falsified": true, "source_dataset": 0"#),
        "an index into source_datasets, got 0",
    );
    says(
        one(r#""image_id": 5, "similarity_score": NaN, "falsified": true"#),
        "record 0 (counting from 0): expected value at line 1",
    );
    says(annotations("{}"), "some/file: missing field `annotations`");
    says(annotations("[]"), "expected an object with \"annotations\"");
    says(
        annotations(r#"{"annotations": [], "source_datasets": {"1": "a"}}"#),
        "field \"source_datasets\": expected a list of names",
    );
    says(annotations(r#"{"annotations": [], "annotations": []}"#), "duplicate field");
    let bad = Annotation { similarity_score: f32::NAN, ..fine(0) };
    assert!(AnnotationWriter::new(Vec::new(), &[]).unwrap().push(&bad).is_err());
    let bad = Annotation { source_dataset: Some(1), ..fine(0) };
    assert!(AnnotationWriter::new(Vec::new(), &["a"]).unwrap().push(&bad).is_err());
}

fn fine(id: i64) -> Annotation {
    Annotation { id: id.into(), image_id: id.into(), similarity_score: 0.5, falsified: false, source_dataset: None }
}

#[test]
fn the_bytes_of_an_annotation_file() {
    let write = |names: &[&str], annotations: &[Annotation]| {
        let mut writer = AnnotationWriter::new(Vec::new(), names).unwrap();
        annotations.iter().for_each(|a| writer.push(a).unwrap());
        String::from_utf8(writer.finish().unwrap()).unwrap()
    };
    assert_eq!(write(&[], &[]), "{\"annotations\": []}\n");
    let merged = [
        fine(1),
        Annotation {
            image_id: "q\"".into(),
            similarity_score: 0.1,
            falsified: true,
            source_dataset: Some(0),
            ..fine(1)
        },
    ];
    assert_eq!(
        write(&["a"], &merged),
        "{\"annotations\": [\n{\"id\": 1, \"image_id\": 1, \"similarity_score\": 0.5, \"falsified\": false},\n\
         {\"id\": 1, \"image_id\": \"q\\\"\", \"similarity_score\": 0.1, \"falsified\": true, \"source_dataset\": 0}\n\
         ], \"source_datasets\": [\"a\"]}\n"
    );
}

fn touch(path: PathBuf) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "").unwrap();
}

#[test]
fn the_published_folders() {
    let dir = tempfile::tempdir().unwrap();
    let error = find_published(dir.path()).unwrap_err().to_string();
    assert!(error.contains("no VisualNews data.json (looked for visual_news/origin/data.json"), "{error}");
    touch(dir.path().join("visual_news/origin/data.json"));
    assert!(matches!(find_published(dir.path()), Err(PublishedError::NoEmbeddings { .. })));
    let root = dir.path().join("news_clippings");
    for file in [
        "embeddings/clip_image_embeddings/clip_image_embeddings_train.pkl",
        "embeddings/clip_image_embeddings/clip_image_embeddings_test.pkl",
        "embeddings/clip_image_embeddings/test.pkl",
        "embeddings/places_resnet50/test.pkl",
        "embeddings/facenet_embeddings/facenet_embeddings_test.pkl",
        "metadata/test.json",
        "data/merged_balanced/test.json",
    ] {
        touch(root.join(file));
    }
    let found = find_published(dir.path()).unwrap();
    assert_eq!(found.partitions, ["train", "test"]);
    assert_eq!(found.metadata, [("test", root.join("metadata/test.json"))]);
    assert_eq!(found.annotations, Some(root.join("data")));
    let modalities: Vec<_> = found.modalities.iter().map(|m| (m.name, m.metric, m.files.len())).collect();
    assert_eq!(modalities, [("clip-image", "cosine", 2), ("place-image", "dot", 1)]);
    assert!(found.modalities[0].files[1].1.ends_with("clip_image_embeddings_test.pkl"), "the newer name wins");
    let notices = found.notices.join("\n");
    for part in [
        "no clip_text_embeddings",
        "no sbert_embeddings",
        "no place-image for train",
        "metadata/train.json",
        "facenet_embeddings is skipped",
    ] {
        assert!(notices.contains(part), "{notices}");
    }
}

proptest! {
    #[test]
    fn annotations_round_trip(
        list in prop::collection::vec((any::<i64>(), "\\PC{0,4}", any::<bool>(), any::<f32>(), any::<bool>(), prop::option::of(0u32..2)), 0..20),
    ) {
        let list: Vec<Annotation> = list
            .into_iter()
            .filter(|a| a.3.is_finite())
            .map(|(n, text, is_text, similarity_score, falsified, source_dataset)| Annotation {
                id: if is_text { text.as_str().into() } else { n.into() },
                image_id: n.into(),
                similarity_score,
                falsified,
                source_dataset,
            })
            .collect();
        let mut writer = AnnotationWriter::new(Vec::new(), &["x", "y"]).unwrap();
        list.iter().for_each(|a| writer.push(a).unwrap());
        let bytes = writer.finish().unwrap();
        let read = read_annotations(&bytes[..], Path::new(X)).unwrap();
        prop_assert_eq!(read.source_datasets, ["x", "y"]);
        for (a, b) in read.annotations.iter().zip(&list) {
            prop_assert_eq!(a.similarity_score.to_bits(), b.similarity_score.to_bits());
        }
        prop_assert_eq!(read.annotations, list);
    }

    /// Whatever stands in a file, it is read or refused; cut or bent files too.
    #[test]
    fn bent_text_is_survived(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let json = br#"[{"id": 1, "caption": "a\u00e9", "image_path": "p", "timestamp": "2013-04-17", "entities": [["Ada", "PERSON"]],
            "person_boxes": [1, 2], "pictured": ["Ada"], "generic": 0, "caption_entities_rel": [["A", 1], {"title": "B"}]}]"#;
        let table = b"id,caption,image_path,timestamp,entities\n1,\"a\nb\",p,2013-04-17,\"[[\"\"Ada\"\", \"\"PERSON\"\"]]\"\n";
        for file in [&json[..], &json[1..json.len() - 1], table] {
            let mut file = file.to_vec();
            let n = file.len();
            file[at % n] = byte;
            file.truncate(n.saturating_sub(cut));
            let (path, columns) = (Path::new(X), Columns::default());
            let ok = |_: Sample| Ok::<_, RecordError>(());
            let _ = read_visual_news(&file[..], path, ok);
            let _ = read_jsonl(&file[..], path, &columns, ok);
            let _ = read_csv(&file[..], path, &columns, ok);
            let _ = read_metadata(&file[..], path, &columns, |_, _| Ok::<_, RecordError>(()));
            let _ = read_annotations(&file[..], path);
        }
    }
}
