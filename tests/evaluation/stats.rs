//! `eval stats` and `eval overlap`.

use crate::common::{command, run_command};
use crate::desk::{data, json_on_desk, on_desk, scratch};
use mispair::evaluation::{Check, Dataset, Entry, Part, State, invariants, overlaps, stats};
use mispair::words::SampleId;
use serde_json::{Value, json};
use std::fs;

fn entry(id: i64, image: i64, falsified: bool, block: Option<u32>) -> Entry {
    let (id, image_id) = (SampleId::Int(id), SampleId::Int(image));
    Entry { id, image_id, falsified, score: None, block, caption: None, image_path: None }
}

fn part(split: &str, partition: &str, pairs: &[(i64, i64)], block: Option<u32>) -> Part {
    let two = |&(id, image): &(i64, i64)| [entry(id, id, false, block), entry(id, image, true, block)];
    let (split, partition) = (split.to_owned(), partition.to_owned());
    Part { split, partition, entries: pairs.iter().flat_map(two).collect(), blocks: Vec::new() }
}

/// Two splits, one of swaps, and a merged set of one pair of each.
fn sound() -> Dataset {
    let mut merged = part("merged", "test", &[(11, 12), (12, 11)], Some(0));
    merged.entries.extend(part("", "", &[(1, 3), (3, 1)], Some(1)).entries);
    merged.blocks = vec!["like".into(), "swapped".into()];
    let parts = vec![
        part("like", "train", &[(21, 22), (22, 23)], None),
        part("like", "test", &[(11, 12), (12, 11), (13, 11)], None),
        part("swapped", "test", &[(1, 3), (3, 1), (11, 12), (12, 11)], None),
        merged,
    ];
    Dataset { parts }
}

fn broken(dataset: &Dataset) -> Vec<Check> {
    let mut checks = invariants(dataset, &|split| split == "swapped");
    checks.retain(|c| c.state == State::Broken);
    checks
}

#[test]
fn samples_are_counted_by_split_and_partition() {
    let counted = stats(&sound());
    assert_eq!(counted.partitions, ["train", "test"]);
    let rows: Vec<_> = counted.splits.iter().map(|s| (s.split.as_str(), s.merged, s.samples.clone())).collect();
    assert_eq!(rows, [("like", false, vec![4, 6]), ("swapped", false, vec![0, 8]), ("merged", true, vec![0, 8])]);
    assert_eq!(counted.total_sum, [4, 14]);
    // In test, the two pairs (11, 12) and (12, 11) stand in both splits with their two pristine samples.
    assert_eq!(counted.total_unique, [4, 10]);
    let like = &counted.groups[1];
    assert_eq!((like.captions, like.images, like.pristine_images, like.falsified_images, like.both), (3, 3, 3, 2, 2));
    assert_eq!((like.most_falsified, like.swaps), (2, 1));
    assert_eq!(counted.groups.iter().map(|g| g.swaps).collect::<Vec<_>>(), [0, 1, 2, 1, 1]);
}

#[test]
fn falsified_pairs_in_two_splits() {
    let all = overlaps(&sound());
    let found = |a: &str, b: &str| all.iter().find(|o| o.a == a && o.b == b).unwrap();
    let o = found("like", "swapped");
    assert_eq!((o.partition.as_str(), o.in_a, o.in_b, o.shared), ("test", 3, 4, 2));
    assert_eq!((o.of_a, o.of_b, o.of_union), (Some(2.0 / 3.0), Some(0.5), Some(0.4)));
    assert_eq!(found("swapped", "merged").shared, 4);
    assert_eq!(all.len(), 3, "train has one split");
}

#[test]
fn a_sound_dataset_keeps_its_promises() {
    assert_eq!(broken(&sound()), []);
}

/// Each promise broken in one place: that check says so, and names the place.
#[test]
fn each_broken_promise_is_found_and_named() {
    type Break = fn(&mut Dataset);
    let cases: [(&str, &str, Break); 10] = [
        ("pairing", "row 1, id 21", |d| d.parts[0].entries[1].falsified = false),
        ("pairing", "row 2, id 22", |d| d.parts[0].entries[2].image_id = SampleId::Int(21)),
        ("pairing", "the last row has no twin", |d| drop(d.parts[0].entries.pop())),
        ("half_falsified", "3 pristine and 1 falsified", |d| d.parts[0].entries[1].falsified = false),
        ("caption_twice", "id 21: 2 times pristine", |d| {
            let more = part("", "", &[(21, 23)], None).entries;
            d.parts[0].entries.extend(more);
        }),
        ("image_once", "image_id 12: 1 times pristine, 2 times falsified", |d| {
            d.parts[3].entries[3].image_id = SampleId::Int(12)
        }),
        ("image_balance", "image_id 77: 0 times pristine", |d| d.parts[2].entries[1].image_id = SampleId::Int(77)),
        ("swaps", "id 3 with image_id 1", |d| d.parts[2].entries[1].image_id = SampleId::Int(11)),
        ("blocks", "blocks of different sizes: like 4, swapped 2", |d| d.parts[3].entries.truncate(6)),
        ("disjoint_partitions", "image_id 22: in test, train", |d| d.parts[1].entries[1].image_id = SampleId::Int(22)),
    ];
    for (check, said, break_it) in cases {
        let mut dataset = sound();
        break_it(&mut dataset);
        let found = broken(&dataset);
        let named = found.iter().any(|c| c.check == check && c.examples.iter().any(|e| e.contains(said)));
        assert!(named, "{check}: {said:?} is not in {found:#?}");
    }
    let mut dataset = sound();
    dataset.parts[3].entries.swap(2, 4);
    assert!(broken(&dataset).iter().any(|c| c.check == "blocks" && c.examples[0].contains("in the middle")));
    let mut dataset = sound();
    dataset.parts[3].entries[5].image_id = SampleId::Int(12);
    let found = broken(&dataset);
    assert!(found.iter().any(|c| c.check == "disjoint_blocks" && c.examples[0] == "image_id 12: in like, swapped"));
}

/// The real test set (3,632 pairs): four blocks of 908; the second is 454 swaps; no image in two blocks.
#[test]
fn the_published_test_set() {
    let Some(folder) = data("newsclippings") else { return };
    let file = folder.join("derived_merged_balanced_test_3632_pairs.json");
    let run = run_command(command().args(["eval", "stats", file.to_str().unwrap(), "--check", "--format", "json"]));
    let report: Value = serde_json::from_str(&run.ok().out).unwrap();
    let groups = report["stats"]["groups"].as_array().unwrap();
    let of = |name: &str| groups.iter().map(|g| g[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("samples"), [1816; 4]);
    assert_eq!(
        (of("captions"), of("pristine_images"), of("falsified_images")),
        (vec![908; 4], vec![908; 4], vec![908; 4])
    );
    assert_eq!(of("both"), [78, 908, 22, 109]);
    assert_eq!(of("swaps")[1], 454);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|c| c["state"] == "holds"), "{checks:#?}");
    assert!(checks.iter().any(|c| c["check"] == "disjoint_blocks" && c["looked_at"].as_u64() > Some(9000)));
}

#[test]
fn what_we_match_keeps_every_rule() {
    let report = json_on_desk("eval stats dataset --index index --check");
    let checks = report["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().filter(|c| c["check"] == name).collect::<Vec<_>>();
    for (name, times) in [("rule_days", 24), ("rule_entities", 18), ("half_from_hard", 24), ("swaps", 6), ("ids", 1)] {
        assert_eq!(of(name).len(), times, "{name}");
        assert!(of(name).iter().all(|c| c["state"] == "holds" || c["state"] == "not_promised"), "{:#?}", of(name));
    }
    assert!(of("rule_days").iter().map(|c| c["looked_at"].as_u64().unwrap()).sum::<u64>() > 400);
    let text = on_desk("eval stats dataset --index index").ok().out;
    assert!(text.contains("total, unique") && !text.contains("BROKEN"), "{text}");

    // Another file of the same: what `export --hydrate` writes.
    on_desk("export dataset/merged_balanced/train.json --index index --hydrate --out rows.jsonl --force").ok();
    let rows = json_on_desk("eval stats rows.jsonl --check");
    let merged = json_on_desk("eval stats dataset/merged_balanced/train.json --check");
    let without_names = |report: &Value| {
        let mut groups = report["stats"]["groups"].clone();
        for group in groups.as_array_mut().unwrap() {
            let group = group.as_object_mut().unwrap();
            // A file of rows knows texts and paths, and by paths there are fewer images.
            for name in ["split", "partition", "caption_texts", "images", "both", "pristine_images", "falsified_images"]
            {
                group.remove(name);
            }
        }
        groups
    };
    assert_eq!(without_names(&rows), without_names(&merged));
}

#[test]
fn broken_rules_and_unknown_ids_are_named() {
    let dir = scratch("broken-rules");
    let path = crate::desk::DESK.join("dataset/semantics_clip_text_text/test.json");
    let mut file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let rows = file["annotations"].as_array_mut().unwrap();
    // The second caption gets an image that the index does not know, the first its own.
    let own = rows[0]["id"].clone();
    rows[1]["image_id"] = own.clone();
    rows[3]["image_id"] = json!(987_654_321);
    let folder = dir.join("semantics_clip_text_text");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("test.json"), file.to_string()).unwrap();
    let line = format!("eval stats {} --index index --check", dir.display());
    let run = on_desk(&line);
    assert_eq!(run.code, Some(1));
    for part in
        ["ids", "id 987654321 (semantics_clip_text_text/test row 3): not in the index", "pairing", "with its own image"]
    {
        assert!(run.out.contains(part), "{part:?} is not in {}", run.out);
    }
    assert!(run.err.contains("checks are broken"), "{}", run.err);
}

#[test]
fn files_that_are_no_dataset_are_refused() {
    let dir = scratch("no-dataset");
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    write("pairs.json", r#"[{"caption": "a", "pristine_image": "a.jpg"}]"#);
    write("rows.jsonl", "{\"id\": 1, \"image_id\": 2, \"falsified\": \"perhaps\"}\n");
    fs::create_dir(dir.join("empty")).unwrap();
    for (what, said) in [
        ("pairs.json", "record 0 (counting from 0): field \"falsified_image\" is missing"),
        ("rows.jsonl", "line 1: field \"falsified\""),
        ("empty", "no dataset here"),
        ("absent", "absent"),
    ] {
        let run = run_command(command().args(["eval", "stats", dir.join(what).to_str().unwrap()]));
        assert!(run.code == Some(1) && run.err.contains(said), "{what}: {}", run.err);
    }
    let pairs = dir.join("pairs.json");
    let run = run_command(command().args(["eval", "stats", pairs.to_str().unwrap(), "--columns", "colour=text"]));
    assert!(run.code == Some(2) && run.err.contains("pristine_image"), "{}", run.err);
}
