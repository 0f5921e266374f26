//! The whole of it: every file looked at, probes trained on one partition of a split and tested on the others.

use super::super::Dataset;
use super::features::labels;
use super::{
    Accuracy, Error, Features, Histogram, Linear, Mlp, OneOfFive, Pairs, Predictions, Ranking, Roc, Sides, Threshold,
    Training, Tree, histogram, one_of_five, ranking, six,
};
use crate::index::Index;
use crate::retrieve::Engine;
use crate::words::SampleId;
use serde::Serialize;
use std::cell::Cell;

/// Bins of a histogram.
const BINS: std::ops::RangeInclusive<usize> = 8..=40;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The modality of the captions.
    pub text: String,
    /// The modality of the images.
    pub image: String,
    /// The partition that probes are trained on.
    pub train: String,
    /// Train probes?
    pub probes: bool,
    /// How the network is trained; its seed is that of everything.
    pub training: Training,
}

/// One file, or one block of a merged one.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// The split.
    pub split: String,
    /// The partition.
    pub partition: String,
    /// The block; null for the whole file.
    pub block: Option<String>,
    /// Pairs whose ids the index lacks.
    pub unknown_ids: u64,
    /// Pairs with a missing vector.
    pub missing_vectors: u64,
    /// How often CLIP prefers the right image.
    pub ranking: Ranking,
    /// The same among four random ones.
    pub one_of_five: Option<OneOfFive>,
    /// CTIs of the right images.
    pub pristine: Option<Histogram>,
    /// CTIs of the wrong ones.
    pub falsified: Option<Histogram>,
}

/// One model on one file.
#[derive(Debug, Clone, Serialize)]
pub struct ProbeRow {
    /// The split.
    pub split: String,
    /// The partition it was tested on.
    pub partition: String,
    /// The block; null for the whole file.
    pub block: Option<String>,
    /// Its name.
    pub probe: String,
    /// Rows it was trained on.
    pub trained_on: u64,
    /// Rows it was tested on.
    pub rows: u64,
    /// Rows called rightly.
    pub accuracy: Accuracy,
    /// Falsified being positive.
    pub roc: Option<Roc>,
}

/// What every probe says of every row of one file, for whoever combines models.
#[derive(Debug, Clone, PartialEq)]
pub struct FileScores {
    /// The split.
    pub split: String,
    /// The partition.
    pub partition: String,
    /// The caption's id, the image's, and whether the image is a wrong one: those rows that the index knows.
    pub rows: Vec<(SampleId, SampleId, bool)>,
    /// By probe its scores, a row each.
    pub probes: Vec<(String, Vec<f32>)>,
}

/// A dataset, judged.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Difficulty {
    /// File by file.
    pub groups: Vec<Group>,
    /// Model by model.
    pub probes: Vec<ProbeRow>,
    /// Row by row.
    #[serde(skip)]
    pub scores: Vec<FileScores>,
    /// What was not done, and why.
    pub skipped: Vec<String>,
}

/// Judges a dataset. `archive`: evidence for the six similarities. `watch` is told what is being done.
///
/// # Errors
/// [`Error`].
pub fn difficulty(
    dataset: &Dataset,
    index: &Index,
    settings: &Settings,
    archive: Option<&Index>,
    watch: &dyn Fn(&str),
) -> Result<Difficulty, Error> {
    let mut report = Difficulty::default();
    let mut found = Vec::new();
    let mut unknown = None;
    for part in &dataset.parts {
        let pairs = Pairs::new(index, part, &settings.text, &settings.image)?;
        report.groups.extend(groups(part, &pairs, settings.training.seed));
        unknown = unknown.or(pairs.unknown_ids.1.clone());
        found.push((part, pairs));
    }
    if found.iter().all(|f| f.1.pairs.is_empty()) {
        let example =
            unknown.map_or("its files have no pairs".to_owned(), |id| format!("id {} is not there", id.to_json()));
        return Err(Error::Nothing(example));
    }
    if !settings.probes {
        return Ok(report);
    }
    for split in dataset.splits() {
        let files: Vec<_> = found.iter().filter(|f| f.0.split == split).collect();
        let train = files.iter().find(|f| f.0.partition == settings.train && !f.1.pairs.is_empty());
        let tests: Vec<_> = files.iter().filter(|f| f.0.partition != settings.train && !f.1.pairs.is_empty()).collect();
        let Some((_, train)) = train else {
            report
                .skipped
                .push(format!("{split}: no pairs of partition {:?}, so no probe was trained", settings.train));
            continue;
        };
        if tests.is_empty() {
            report.skipped.push(format!("{split}: no pairs but those of {:?}, so no probe was tested", settings.train));
            continue;
        }
        let rows = |pairs: &Pairs<'_>| {
            let two = |p: &super::Pair| [(p.id.clone(), p.id.clone(), false), (p.id.clone(), p.image_id.clone(), true)];
            pairs.pairs.iter().flat_map(two).collect()
        };
        let first = report.scores.len();
        report.scores.extend(tests.iter().map(|(part, pairs)| FileScores {
            split: split.to_owned(),
            partition: part.partition.clone(),
            rows: rows(pairs),
            probes: Vec::new(),
        }));
        let mut add = |name: &str, predict: &dyn Fn(&Pairs<'_>) -> Result<Predictions, Error>| -> Result<(), Error> {
            for ((part, pairs), file) in tests.iter().zip(first..) {
                let predictions = predict(pairs)?;
                let row = |block: Option<String>, p: &Predictions| ProbeRow {
                    split: split.to_owned(),
                    partition: part.partition.clone(),
                    block,
                    probe: name.to_owned(),
                    trained_on: 2 * train.pairs.len() as u64,
                    rows: p.truth.len() as u64,
                    accuracy: p.accuracy(),
                    roc: p.roc(),
                };
                report.probes.push(row(None, &predictions));
                for (number, block) in part.blocks.iter().enumerate() {
                    let own = (0..predictions.truth.len()).filter(|i| pairs.pairs[i / 2].block == Some(number as u32));
                    let (truth, scores) = own.map(|i| (predictions.truth[i], predictions.scores[i])).unzip();
                    report.probes.push(row(Some(block.clone()), &Predictions { truth, scores }));
                }
                report.scores[file].probes.push((name.to_owned(), predictions.scores));
            }
            Ok(())
        };
        watch(&format!("{split}: threshold"));
        let threshold = Threshold::fit(train);
        add("threshold on CTI", &|pairs| Ok(threshold.predict(pairs)))?;
        for (sides, seen) in [(Sides::Both, ""), (Sides::Text, ", text alone"), (Sides::Image, ", image alone")] {
            watch(&format!("{split}: linear{seen}"));
            let rows = Features::new(train, sides)?;
            let linear = Linear::fit(&rows)?;
            add(&format!("linear{seen}"), &|pairs| Ok(linear.predict(&Features::new(pairs, sides)?)))?;
            watch(&format!("{split}: MLP{seen}"));
            let net = Mlp::fit(&rows, &settings.training)?;
            add(&format!("MLP{seen}"), &|pairs| net.predict(&Features::new(pairs, sides)?))?;
        }
        if let Some(archive) = archive {
            watch(&format!("{split}: six similarities"));
            let find = |pairs: &Pairs<'_>| six(pairs, archive, &settings.text, &settings.image, Engine::Auto);
            let own = find(train)?;
            let tree = Tree::fit(&own.rows, &labels(train))?;
            let missing = Cell::new((own.without_image, own.without_text));
            add("tree on six similarities", &|pairs| {
                let own = find(pairs)?;
                missing.set((missing.get().0 + own.without_image, missing.get().1 + own.without_text));
                Ok(tree.predict(&own.rows, &labels(pairs)))
            })?;
            let (images, texts) = missing.get();
            if images + texts > 0 {
                report.skipped.push(format!(
                    "{split}: of the six similarities those with evidence are 0 for {images} rows whose caption found no image, \
                     and for {texts} whose image found no caption"
                ));
            }
        }
    }
    Ok(report)
}

/// The file, and each block of it.
fn groups(part: &super::super::Part, pairs: &Pairs<'_>, seed: u64) -> Vec<Group> {
    let blocks = part.blocks.iter().cloned().enumerate().map(|(i, b)| (Some(i as u32), Some(b)));
    let of = |(number, block): (Option<u32>, Option<String>)| {
        let own = pairs.pairs.iter().filter(move |p| number.is_none() || p.block == number);
        let ctis: Vec<(f32, f32)> = own.map(|p| (p.cti_right, p.cti_wrong)).collect();
        let all = ctis.iter().flat_map(|c| [c.0, c.1]);
        let (from, to) = all.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), c| (lo.min(c), hi.max(c)));
        let (from, to) = (f64::from(from), f64::from(to));
        // Few scores in many bins are a comb, not a distribution.
        let bins = (2.0 * (ctis.len() as f64).sqrt()).ceil() as usize;
        let bins = bins.clamp(*BINS.start(), *BINS.end());
        Group {
            split: part.split.clone(),
            partition: part.partition.clone(),
            unknown_ids: if number.is_none() { pairs.unknown_ids.0 } else { 0 },
            missing_vectors: if number.is_none() { pairs.missing_vectors } else { 0 },
            ranking: ranking(ctis.iter().map(|c| (&c.0, &c.1))),
            one_of_five: if number.is_none() { one_of_five(pairs, seed) } else { None },
            pristine: histogram(ctis.iter().map(|c| c.0), from, to, bins),
            falsified: histogram(ctis.iter().map(|c| c.1), from, to, bins),
            block,
        }
    };
    std::iter::once((None, None)).chain(blocks).map(of).collect()
}
