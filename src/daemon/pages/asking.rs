//! A form as typed → what is asked. And what may be chosen in it.

use super::super::answering::USUAL_K;
use super::super::dto::{Ask, Unique};
use super::super::problem::{Kind, Problem};
use super::super::state::{Generation, Served, State};
use super::form::Form;
use super::photo;
use super::rules::label;
use super::text::{bytes, spaced};
use crate::constraints::{Bound, Rule, Split};
use crate::retrieve::Engine;
use crate::words::{Row, SampleId};

/// Results where the form does not say how many: rows of tiles of two, three, four and six.
const TILES: usize = 24;

/// What a search begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Words,
    Vector,
    Text,
    /// A photo that comes with the form.
    Image,
}

impl By {
    /// As the form says; else by the first field that is filled in.
    pub fn of(form: &Form) -> By {
        match form.get("by") {
            Some("id") => By::Id,
            Some("words") => By::Words,
            Some("vector") => By::Vector,
            Some("text") => By::Text,
            Some("image") => By::Image,
            _ => {
                let all = [By::Id, By::Words, By::Vector, By::Text];
                all.into_iter().find(|by| form.get(by.name()).is_some()).unwrap_or(By::Words)
            }
        }
    }

    /// Its field, and the value of `by`.
    pub fn name(self) -> &'static str {
        match self {
            By::Id => "id",
            By::Words => "words",
            By::Vector => "vector",
            By::Text => "text",
            By::Image => "image",
        }
    }
}

/// What is searched.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Split(String),
    Modality(String),
}

impl Target {
    /// As in the form: `split:NAME`, `modality:NAME`.
    pub fn value(&self) -> String {
        match self {
            Target::Split(name) => format!("split:{name}"),
            Target::Modality(name) => format!("modality:{name}"),
        }
    }
}

/// One choice of a list.
pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// The form as it is shown: everything that was typed, and what may be chosen.
pub(super) struct Fields {
    pub by: By,
    pub id: String,
    pub words: String,
    pub vector: String,
    pub text: String,
    pub facts: String,
    pub has_encoder: bool,
    /// Modalities that a photo can be searched for in.
    pub photo: Vec<Choice>,
    /// The largest photo.
    pub photo_most: String,
    pub indexes: Vec<Choice>,
    pub splits: Vec<Choice>,
    pub modalities: Vec<Choice>,
    pub from: Vec<Choice>,
    pub partitions: Vec<Choice>,
    pub engines: Vec<Choice>,
    pub waive: Vec<Choice>,
    pub k: usize,
    pub most: usize,
    pub adversarial: bool,
    pub unique: bool,
    pub lowest: bool,
    /// Something of what is usually left alone is set.
    pub more: bool,
}

/// The index that the form names; else the first.
pub(super) fn served<'g>(generation: &'g Generation, form: &Form) -> Result<&'g Served, Problem> {
    match (form.get("index"), generation.served.first()) {
        (None, Some(first)) => Ok(first),
        (name, _) => generation.served(name),
    }
}

/// The splits that have what they need in the index.
pub(super) fn fitting<'g>(generation: &'g Generation, served: &'g Served) -> impl Iterator<Item = &'g Split> {
    generation.splits.iter().filter(|split| Bound::new(&served.index, (*split).clone()).is_ok())
}

/// What the form says; else the first split that fits, else the first modality.
pub(super) fn target(generation: &Generation, served: &Served, form: &Form) -> Result<Target, Problem> {
    let given = form.get("in").and_then(|value| value.split_once(':'));
    let split = form.get("split").or(given.filter(|g| g.0 == "split").map(|g| g.1));
    let modality = form.get("modality").or(given.filter(|g| g.0 == "modality").map(|g| g.1));
    if let (By::Image, Some(name)) = (By::of(form), form.get("among")) {
        return Ok(Target::Modality(name.to_owned()));
    }
    match (split, modality) {
        (Some(split), _) => generation.split(split).map(|s| Target::Split(s.name.clone())),
        (None, Some(modality)) => Ok(Target::Modality(modality.to_owned())),
        (None, None) if form.get("in").is_some() => {
            Err(Problem::invalid("in", "choose a split or a modality from the list"))
        }
        (None, None) => {
            let split = fitting(generation, served).next().map(|s| Target::Split(s.name.clone()));
            let modality = || served.index.modalities.first().map(|m| Target::Modality(m.name.clone()));
            split.or_else(modality).ok_or_else(|| Problem::invalid("in", "this index has nothing to search"))
        }
    }
}

/// A split in a few words.
pub(super) fn split_label(name: &str) -> String {
    match name {
        "semantics_clip_text_image" => "Caption → image".to_owned(),
        "semantics_clip_text_text" => "Caption → caption".to_owned(),
        "person_sbert_text_text" => "Same person, another story".to_owned(),
        "scene_resnet_place" => "Same kind of place".to_owned(),
        other => spaced(other),
    }
}

/// The sample that was typed: its id as text, whatever its type in the catalog.
pub(super) fn sample(served: &Served, id: &str) -> Result<Row, Problem> {
    let found = served.index.catalog.find_any_type(&SampleId::Text(id.to_owned()));
    found.ok_or_else(|| {
        Problem::new(Kind::NotFound, format!("The index “{}” has no sample “{id}”.", served.name)).at("id")
    })
}

/// What is asked of the search threads. The form must have the field that it searches by.
pub(super) fn ask(form: &Form, served: &Served, target: &Target) -> Result<Ask, Problem> {
    let mut ask = Ask {
        index: Some(served.name.clone()),
        k: Some(form.number("k")?.unwrap_or(TILES)),
        ef: form.number("ef")?,
        engine: engine(form)?,
        unique: form.is("unique").then_some(Unique::Image),
        partition: form.get("partition").map(str::to_owned),
        ..Ask::default()
    };
    match target {
        Target::Split(_) if By::of(form) == By::Image => {
            return Err(Problem::invalid("among", "a photo is searched for in a modality: choose one"));
        }
        Target::Split(name) => {
            ask.split = Some(name.clone());
            ask.adversarial = form.is("adversarial").then_some(true);
            ask.waive = Some(waived(form)?);
            if let Some(facts) = form.get("facts").filter(|_| By::of(form) != By::Id) {
                let read = serde_json::from_str(facts);
                ask.facts = Some(read.map_err(|e| Problem::invalid("facts", format!("the facts are no JSON: {e}")))?);
            }
        }
        Target::Modality(name) => {
            ask.modality = Some(name.clone());
            ask.lowest = form.is("lowest").then_some(true);
            ask.from = form.get("from").filter(|_| By::of(form) == By::Id).map(str::to_owned);
        }
    }
    match By::of(form) {
        By::Id => {
            let row = sample(served, form.get("id").unwrap_or_default())?;
            ask.id = Some(served.index.catalog.id(row));
        }
        By::Vector => ask.vector = Some(numbers(form.get("vector").unwrap_or_default())?),
        By::Text => ask.text = form.get("text").map(str::to_owned),
        By::Image => {}
        By::Words => return Err(Problem::invalid("words", "words find samples, and samples find images")),
    }
    Ok(ask)
}

pub(super) fn engine(form: &Form) -> Result<Option<Engine>, Problem> {
    match form.get("engine") {
        None => Ok(None),
        Some("auto") => Ok(Some(Engine::Auto)),
        Some("exact") => Ok(Some(Engine::Exact)),
        Some("graph") => Ok(Some(Engine::Graph)),
        Some(other) => Err(Problem::invalid("engine", format!("no engine is called {other:?}: auto, exact or graph"))),
    }
}

pub(super) fn waived(form: &Form) -> Result<Vec<Rule>, Problem> {
    let mut rules = Vec::new();
    for name in form.all("waive") {
        let rule = name.parse().map_err(|e: String| Problem::invalid("waive", e))?;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// Numbers as they are pasted: with or without brackets, apart by blanks, commas or semicolons.
pub(super) fn numbers(text: &str) -> Result<Vec<f32>, Problem> {
    let apart = |c: char| c.is_whitespace() || ",;[]()".contains(c);
    let parsed = text.split(apart).filter(|t| !t.is_empty()).zip(1..).map(|(token, at)| {
        let number = token.parse::<f32>().ok().filter(|x| x.is_finite());
        let short: String = token.chars().take(20).collect();
        number.ok_or_else(|| Problem::invalid("vector", format!("number {at} of the vector, “{short}”, is no number")))
    });
    let all = parsed.collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() {
        return Err(Problem::invalid("vector", "there is no number in the vector"));
    }
    Ok(all)
}

impl Fields {
    pub fn new(state: &State, generation: &Generation, served: &Served, target: &Target, form: &Form) -> Fields {
        let typed = |name: &str| form.get(name).unwrap_or_default().to_owned();
        let choice = |value: &str, label: String, chosen: bool| Choice { value: value.to_owned(), label, chosen };
        let index = &served.index;
        let in_split = match target {
            Target::Split(name) => generation.splits.iter().find(|s| s.name == *name),
            Target::Modality(_) => None,
        };
        let shown = |split: &Split| Target::Split(split.name.clone());
        let asked = waived(form).unwrap_or_default();
        let rules = in_split.map(|s| s.asked().filter(|r| r.can_be_waived()).collect::<Vec<_>>()).unwrap_or_default();
        let more = ["engine", "partition", "waive", "ef", "from", "facts"].iter().any(|n| form.get(n).is_some());
        Fields {
            by: By::of(form),
            id: typed("id"),
            words: typed("words"),
            vector: typed("vector"),
            text: typed("text"),
            facts: typed("facts"),
            has_encoder: photo::read(state, served).next().is_some(),
            photo: photo::seen(state, served)
                .map(|name| choice(name, name.to_owned(), *target == Target::Modality(name.to_owned())))
                .collect(),
            photo_most: bytes(state.config.limits.image_bytes),
            indexes: generation.served.iter().map(|s| choice(&s.name, s.name.clone(), s.name == served.name)).collect(),
            splits: fitting(generation, served)
                .map(|s| choice(&shown(s).value(), split_label(&s.name), shown(s) == *target))
                .collect(),
            modalities: index
                .modalities
                .iter()
                .map(|m| Target::Modality(m.name.clone()))
                .map(|m| choice(&m.value(), spaced(m.value().trim_start_matches("modality:")), m == *target))
                .collect(),
            from: index
                .modalities
                .iter()
                .map(|m| choice(&m.name, m.name.clone(), form.get("from") == Some(&m.name)))
                .collect(),
            partitions: index
                .catalog
                .partitions()
                .map(|p| choice(p, p.to_owned(), form.get("partition") == Some(p)))
                .collect(),
            engines: [("auto", "the cheapest"), ("exact", "exact scan"), ("graph", "graph")]
                .map(|(value, label)| choice(value, label.into(), form.get("engine") == Some(value)))
                .into(),
            waive: rules.into_iter().map(|r| choice(r.name(), label(r).into(), asked.contains(&r))).collect(),
            k: form.number("k").ok().flatten().unwrap_or(TILES),
            most: state.config.limits.k,
            adversarial: form.is("adversarial"),
            unique: form.is("unique"),
            lowest: form.is("lowest"),
            more: more || form.is("lowest"),
        }
    }
}

/// How many results and explanations the page of explanations shows.
pub(super) fn explained(form: &Form, state: &State) -> Result<(usize, usize), Problem> {
    let limits = &state.config.limits;
    let k = form.number("k")?.unwrap_or(USUAL_K).min(limits.k);
    let n = form.number("n")?.unwrap_or(15).clamp(1, limits.explain);
    Ok((k, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_pasted() {
        for text in ["[1, -0.5, 2e-3]", "1 -0.5 2e-3", "1,-0.5,\n2e-3", "(1; -0.5; 2e-3)"] {
            assert_eq!(numbers(text).unwrap(), [1.0, -0.5, 2e-3], "{text}");
        }
        for (text, said) in [("1 two", "number 2"), ("NaN", "number 1"), ("1e99", "number 1"), ("[]", "no number")] {
            assert!(numbers(text).unwrap_err().detail.contains(said), "{text}");
        }
    }

    #[test]
    fn what_is_searched_by() {
        assert_eq!(By::of(&Form::read("")), By::Words);
        assert_eq!(By::of(&Form::read("vector=1&words=")), By::Vector);
        assert_eq!(By::of(&Form::read("by=words&id=5")), By::Words);
    }
}
