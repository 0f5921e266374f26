//! `mispair embed`.

use super::args_models::Embed;
use super::models::{self, Patience};
use super::render::count;
use super::talk::Bars;
use crate::encode::pixels::is_image_name;
use crate::encode::{self, Items, Job};
use crate::formats::Columns;
use crate::import::{Corpus, Talk, read_catalog};
use crate::words::SampleId;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Images that are listed on stderr when they are left out; all of them are in skipped.jsonl.
const LISTED: usize = 10;

pub(super) fn run(args: &Embed, talk: &Bars) -> Result<()> {
    let input = Input::read(args)?;
    if input.rows.is_empty() {
        bail!("{}: nothing to encode in it", args.input.display());
    }
    let encoder = models::open(&args.model, Patience::LONG)?;
    if input.root.is_some() && !encoder.reads_images() {
        bail!(encode::Error::NoImages(encoder.identity().to_string()));
    }
    let items = match &input.root {
        Some(root) => Items::Images(root, &input.names),
        None => Items::Texts(&input.names),
    };
    talk.note(&format!("{}: {} of {} samples", encoder.identity(), count(input.names.len()), count(input.rows.len())));
    let batch = args.batch.map_or(if input.root.is_some() { 64 } else { 512 }, |n| n as usize);
    let job = Job {
        encoder: encoder.as_ref(),
        items,
        rows: &input.rows,
        batch,
        skip_bad: args.skip_bad,
        restart: args.restart,
        force: args.force,
    };
    talk.begin("encodes", input.names.len() as u64);
    let done = job.run(&args.out, &|n| talk.advance(n));
    talk.clear();
    let done = done?;
    if done.resumed > 0 {
        talk.note(&format!("went on after {} that an earlier run had done", count(done.resumed)));
    }
    if done.cut > 0 {
        talk.note(&format!("{} texts are longer than the model reads, and were cut", count(done.cut)));
    }
    for (name, why) in done.skipped.iter().take(LISTED) {
        talk.note(&format!("left out: {name}: {why}"));
    }
    if done.skipped.len() > LISTED {
        talk.note(&format!("left out: {} in all, listed in skipped.jsonl", count(done.skipped.len())));
    }
    let modality = if input.root.is_some() { "clip-image" } else { "clip-text" };
    let modality = if encoder.reads_images() { modality } else { "sbert-text" };
    let out = args.out.display();
    talk.note(&format!("{out}: {} rows; in a corpus file:\n", count(done.rows)));
    talk.note(&format!(
        "[modalities.{modality}]\npath = \"{out}/vectors.npy\"\nids = \"{out}/ids.npy\"\nencoder = \"{}\"",
        encoder.identity()
    ));
    Ok(())
}

/// What is to be encoded.
struct Input {
    /// Of images: the folder that the names are relative to.
    root: Option<PathBuf>,
    /// Texts, or paths of images, each once.
    names: Vec<String>,
    /// Id and name of every row of the result.
    rows: Vec<(SampleId, u32)>,
}

impl Input {
    fn read(args: &Embed) -> Result<Input> {
        let path = args.input.as_path();
        if path.is_dir() {
            if args.images.is_some() {
                bail!("{}: a folder, and its images are encoded; --images belongs to a catalog", path.display());
            }
            return Input::folder(path);
        }
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ending == "txt" {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let lines = text.lines().zip(0..).map(|(line, n)| (SampleId::Int(n), line.to_owned()));
            return Ok(Input::once(None, lines));
        }
        let corpus = match ending {
            "toml" => Corpus::read_catalog(path)?,
            _ => {
                let mut columns = Columns::default();
                let name = |to: &mut String, from: &Option<String>| {
                    if let Some(from) = from {
                        to.clone_from(from);
                    }
                };
                name(&mut columns.id, &args.id_column);
                name(&mut columns.caption, &args.caption_column);
                name(&mut columns.image_path, &args.image_column);
                Corpus::of_catalog(path, columns)?
            }
        };
        let mut samples = Vec::new();
        let images = args.images.is_some();
        read_catalog(&corpus, |sample| {
            let id = sample.id.unwrap_or(SampleId::Int(samples.len() as i64));
            samples.push((id, if images { sample.image_path } else { sample.caption }));
            Ok(())
        })?;
        Ok(Input::once(args.images.clone(), samples))
    }

    /// Every image below a folder, in the order of their paths, which are the ids.
    fn folder(root: &Path) -> Result<Input> {
        let mut paths = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry.with_context(|| folder.display().to_string())?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if is_image_name(&path) {
                    let relative = path.strip_prefix(root).unwrap_or(&path);
                    let Some(name) = relative.to_str() else {
                        bail!("{}: a name that is not UTF-8; rename it", path.display());
                    };
                    paths.push(name.to_owned());
                }
            }
        }
        paths.sort();
        Ok(Input::once(Some(root.to_owned()), paths.into_iter().map(|p| (SampleId::Text(p.clone()), p))))
    }

    fn once(root: Option<PathBuf>, samples: impl IntoIterator<Item = (SampleId, String)>) -> Input {
        let mut input = Input { root, names: Vec::new(), rows: Vec::new() };
        let mut known: HashMap<String, u32> = HashMap::new();
        for (id, name) in samples {
            let next = input.names.len() as u32;
            let item = *known.entry(name).or_insert_with_key(|name| {
                input.names.push(name.clone());
                next
            });
            input.rows.push((id, item));
        }
        input
    }
}
