//! The splits, and which rule a sample or a candidate fails first.

use super::raw::{Corpus, Mention, Sample};
use super::select::cosine;
use std::collections::HashSet;

/// In the order in which rules are tried.
const RULES: [&str; 14] = [
    "missing_row",
    "corrupted",
    "words",
    "entity_count",
    "same_image",
    "days",
    "entities",
    "no_person",
    "pictured_person",
    "person_box",
    "shared_person",
    "place",
    "generic",
    "image_similarity",
];

/// The usual rules about every caption, beside those that always hold.
pub const COMMON: [&str; 3] = ["words", "entity_count", "days"];
const NUMERIC: [&str; 7] = ["DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"];

#[derive(Clone)]
pub struct Split {
    pub name: &'static str,
    pub query: &'static str,
    pub search: &'static str,
    /// `cosine`, else the plain dot product.
    pub cosine: bool,
    pub highest: bool,
    pub clip_text: &'static str,
    pub clip_image: &'static str,
    pub words: (usize, usize),
    pub entity_count: usize,
    pub days: i64,
    /// Labels that do not count towards overlap.
    pub ignore_labels: Vec<&'static str>,
    pub person_boxes: u64,
    /// The place rule: modality, and the cosine to stay below.
    pub place: (&'static str, f64),
    /// The clip-image cosine to stay below.
    pub max_image_similarity: f64,
    /// Which rules there are beside those that always hold.
    pub rules: Vec<&'static str>,
    pub waived: Vec<&'static str>,
}

/// The four splits as published.
pub fn published() -> [Split; 4] {
    let base = Split {
        name: "semantics_clip_text_image",
        query: "clip-text",
        search: "clip-image",
        cosine: true,
        highest: true,
        clip_text: "clip-text",
        clip_image: "clip-image",
        words: (5, 30),
        entity_count: 2,
        days: 30,
        ignore_labels: NUMERIC.to_vec(),
        person_boxes: 1,
        place: ("place-image", 0.9),
        max_image_similarity: f64::INFINITY,
        rules: with_common(&["entities"]),
        waived: vec![],
    };
    [
        base.clone(),
        Split { name: "semantics_clip_text_text", search: "clip-text", ..base.clone() },
        Split {
            name: "person_sbert_text_text",
            query: "sbert-text",
            search: "sbert-text",
            highest: false,
            rules: with_common(&["pictured_person", "person_box", "shared_person", "place", "generic"]),
            ..base.clone()
        },
        Split {
            name: "scene_resnet_place",
            query: "place-image",
            search: "place-image",
            cosine: false,
            rules: with_common(&["entities", "no_person"]),
            ..base
        },
    ]
}

fn with_common(rules: &[&'static str]) -> Vec<&'static str> {
    [&COMMON, rules].concat()
}

impl Split {
    pub fn waive(mut self, rule: &'static str) -> Split {
        self.waived.push(rule);
        self
    }

    fn asks(&self, rule: &'static str) -> bool {
        let always = matches!(rule, "missing_row" | "corrupted" | "same_image");
        (always || self.rules.contains(&rule)) && !self.waived.contains(&rule)
    }
}

/// What of a sample's texts the rules compare; `None`: unknown.
struct Names {
    /// Normalised texts and links that count towards overlap.
    overlap: Option<HashSet<String>>,
    /// Normalised texts and links of the pictured persons.
    pictured: Option<HashSet<String>>,
    any_person: Option<bool>,
}

/// A split over a corpus.
pub struct Rules<'a> {
    pub split: Split,
    pub corpus: &'a Corpus,
    names: Vec<Names>,
}

/// A surface text as it is compared. `l:` and `t:` keep links and texts apart.
fn surface(text: &str) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let mut name = words.join(" ").replace('ß', "ss").replace('ς', "σ");
    for possessive in ["'s", "\u{2019}s"] {
        if name.ends_with(possessive) {
            name.truncate(name.len() - possessive.len());
            break;
        }
    }
    let name = name.trim();
    (!name.is_empty()).then(|| format!("t:{name}"))
}

fn names(sample: &Sample, split: &Split) -> Names {
    let link = |link: &String| format!("l:{link}");
    let both = |m: &Mention| surface(&m.text).into_iter().chain(m.link.as_ref().map(link)).collect::<Vec<_>>();
    let mentions = || sample.mentions.iter().flatten();
    let counting = mentions().filter(|m| !split.ignore_labels.contains(&m.label.as_str()));
    let persons = || mentions().filter(|m| m.label == "PERSON");
    let known = sample.mentions.is_some();
    let overlap = known.then(|| counting.flat_map(both).chain(sample.links.iter().map(link)).collect());
    let pictured = match &sample.pictured {
        None => known.then(|| persons().flat_map(both).collect()),
        Some(list) => {
            // A person in the list counts even where the caption's mentions lack the name; a mention adds its link.
            let listed: HashSet<String> = list.iter().filter_map(|name| surface(name)).collect();
            let mentioned = persons().filter(|m| surface(&m.text).is_some_and(|name| listed.contains(&name)));
            let linked: Vec<String> = mentioned.filter_map(|m| m.link.as_ref().map(link)).collect();
            Some(listed.into_iter().chain(linked).collect())
        }
    };
    Names { overlap, pictured, any_person: known.then(|| persons().next().is_some()) }
}

impl<'a> Rules<'a> {
    pub fn new(split: Split, corpus: &'a Corpus) -> Rules<'a> {
        let names = corpus.iter().map(|sample| names(sample, &split)).collect();
        Rules { split, corpus, names }
    }

    fn has(&self, row: usize, modality: &str) -> bool {
        self.corpus[row].row(modality).is_some()
    }

    /// Rules that look at one sample alone, without regard to waivers.
    pub fn alone(&self, row: usize, rule: &str) -> bool {
        let (sample, names) = (&self.corpus[row], &self.names[row]);
        let words = sample.caption.split_whitespace().count();
        match rule {
            "corrupted" => !sample.corrupted,
            "words" => (self.split.words.0..=self.split.words.1).contains(&words),
            "entity_count" => sample.mentions.as_ref().is_some_and(|m| m.len() >= self.split.entity_count),
            "days" => sample.time.is_some(),
            "entities" => names.overlap.is_some(),
            "no_person" => names.any_person == Some(false),
            "pictured_person" | "shared_person" => names.pictured.as_ref().is_some_and(|p| !p.is_empty()),
            "person_box" => sample.person_boxes.is_some_and(|boxes| boxes >= self.split.person_boxes),
            "place" => self.has(row, self.split.place.0),
            "generic" => !sample.generic,
            _ => true,
        }
    }

    /// The common rules about one sample: these samples are cut into chunks.
    pub fn eligible(&self, row: usize) -> bool {
        ["corrupted", "words", "entity_count"].iter().all(|rule| !self.split.asks(rule) || self.alone(row, rule))
    }

    /// The first rule for which no pair is written for this caption.
    pub fn pristine_fails(&self, row: usize) -> Option<&'static str> {
        let needed = [self.split.query, self.split.clip_text, self.split.clip_image];
        let rows = needed.iter().all(|modality| self.has(row, modality));
        let holds = |rule: &&'static str| if *rule == "missing_row" { rows } else { self.alone(row, rule) };
        RULES.into_iter().find(|rule| self.split.asks(rule) && !holds(rule))
    }

    /// The first rule that keeps `row`'s image from every caption.
    pub fn given_fails(&self, row: usize) -> Option<&'static str> {
        let rows = self.has(row, self.split.search) && self.has(row, self.split.clip_image);
        let holds = |rule: &&'static str| if *rule == "missing_row" { rows } else { self.alone(row, rule) };
        RULES.into_iter().find(|rule| self.split.asks(rule) && !holds(rule))
    }

    /// The first rule that keeps `candidate`'s image from `pristine`'s caption, when neither fails one by itself.
    /// Comparisons of computed numbers with a bar give way by `slack`.
    pub fn together_fail(&self, pristine: usize, candidate: usize, slack: f64) -> Option<&'static str> {
        let (p, c) = (&self.corpus[pristine], &self.corpus[candidate]);
        let disjoint = |of: fn(&Names) -> Option<&HashSet<String>>| {
            of(&self.names[pristine]).zip(of(&self.names[candidate])).map(|(p, c)| p.is_disjoint(c))
        };
        let holds = |rule: &str| match rule {
            "same_image" => pristine != candidate && p.image_path != c.image_path,
            "days" => match (p.time, c.time) {
                (Some(p), Some(c)) => (p - c).abs() >= self.split.days * 86_400_000_000,
                _ => false,
            },
            "entities" => disjoint(|n| n.overlap.as_ref()) == Some(true),
            "shared_person" => disjoint(|n| n.pictured.as_ref()) == Some(false),
            _ => self.bars_hold(pristine, candidate, slack),
        };
        ["same_image", "days", "entities", "shared_person", "place", "image_similarity"]
            .into_iter()
            .find(|rule| self.split.asks(rule) && !holds(rule))
    }

    /// The two rules that compare a computed number with a bar: both cosines must stay below theirs.
    pub fn bars_hold(&self, pristine: usize, candidate: usize, slack: f64) -> bool {
        let below = |rule, modality, bar: f64| {
            let row = |sample: usize| self.corpus[sample].row(modality);
            let cosine = || row(pristine).zip(row(candidate)).map(|(p, c)| cosine(p, c));
            !self.split.asks(rule) || cosine().is_some_and(|cosine| cosine < bar + slack)
        };
        below("place", self.split.place.0, self.split.place.1)
            && below("image_similarity", self.split.clip_image, self.split.max_image_similarity)
    }
}
