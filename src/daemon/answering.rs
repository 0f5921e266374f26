//! A request as typed → as meant → answered. Runs on a thread that searches.

use super::config::Limits;
use super::dto::{Ask, Unique, VectorSearch};
use super::encoding::{Halt, Source};
use super::given::{encoded, facts_of, of_text, prepared};
use super::problem::{Kind, Problem};
use super::state::{Generation, Served, State};
use crate::constraints::{BindError, Bound, Rule, Split, Subject, Vectors};
use crate::kernels::Block;
use crate::query::{Answer, Error, Plain, Wanted, asked, plain_batch, vector_of};
use crate::retrieve::Engine;
use crate::words::{Order, Row, SampleId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Results where a request does not say how many.
pub(super) const USUAL_K: usize = 10;
/// Rejected candidates that are explained where a request does not say how many.
pub(super) const USUAL_EXPLAIN: usize = 10;

/// What kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As asked.
    Query,
    /// With the best rejected candidates.
    Explain,
    /// The adversarial choice, where the caption brings its own image.
    Match,
}

/// Answers one request, or says what of it has to be encoded first.
pub(super) fn answer(state: &State, generation: &Generation, mut ask: Ask, manner: Manner) -> Result<Answer, Halt> {
    let served = generation.served(ask.index.as_deref())?;
    if ask.text.is_some() && state.encoding.is_none() {
        let what = "unknown field `text`: no encoder is configured, so give a vector";
        return Err(Problem::invalid("text", what).into());
    }
    let answer: Result<Answer, Halt> = match (ask.split.take(), ask.modality.take()) {
        (Some(_), Some(_)) => Err(Problem::invalid("modality", "give a split or a modality, not both").into()),
        (None, None) => {
            let what = if manner == Manner::Match { "name a split" } else { "name a split, or a modality" };
            Err(Problem::invalid("split", what).into())
        }
        (Some(split), None) => by_split(state, served, generation.split(&split)?.clone(), ask, manner),
        (None, Some(_)) if manner == Manner::Explain => Err(Problem::invalid(
            "modality",
            "a plain search rejects nothing, so there is nothing to explain; name a split",
        )
        .into()),
        (None, Some(modality)) => by_modality(state, served, modality, ask),
    };
    let answer = answer?;
    state.metrics.answered(&answer.steps);
    Ok(answer)
}

/// Plain search for one vector or several.
pub(super) fn nearest(state: &State, generation: &Generation, ask: VectorSearch) -> Result<Nearest, Problem> {
    let served = generation.served(ask.index.as_deref())?;
    let modality = ask.modality.ok_or_else(|| Problem::invalid("modality", "name the modality to search"))?;
    let many = ask.vectors.is_some();
    let plain = PlainAsk {
        id: ask.id,
        from: ask.from,
        k: ask.k,
        ef: ask.ef,
        engine: ask.engine,
        lowest: ask.lowest,
        unique: ask.unique,
        partition: ask.partition,
        rows: match (ask.vector, ask.vectors) {
            (Some(_), Some(_)) => return Err(Problem::invalid("vectors", "give one vector or several, not both")),
            (Some(vector), None) => vec![("vector".to_owned(), vector)],
            (None, Some(vectors)) if vectors.is_empty() => {
                return Err(Problem::invalid("vectors", "no vector, so no query"));
            }
            (None, Some(vectors)) => {
                at_most("vectors", vectors.len(), state.config.limits.batch)?;
                vectors.into_iter().enumerate().map(|(i, v)| (format!("vectors[{i}]"), v)).collect()
            }
            (None, None) => Vec::new(),
        },
    };
    let mut answers = plain_answers(state, served, &modality, plain)?;
    answers.iter().for_each(|a| state.metrics.answered(&a.steps));
    match (many, answers.len()) {
        (false, 1) => Ok(Nearest::One(Box::new(answers.remove(0)))),
        _ => Ok(Nearest::Many(answers)),
    }
}

/// As many answers as were asked for.
pub(super) enum Nearest {
    One(Box<Answer>),
    Many(Vec<Answer>),
}

/// A plain search, whichever route it came by.
struct PlainAsk {
    id: Option<SampleId>,
    from: Option<String>,
    k: Option<usize>,
    ef: Option<usize>,
    engine: Option<Engine>,
    lowest: Option<bool>,
    unique: Option<Unique>,
    partition: Option<String>,
    /// Vectors, each with the name of its field.
    rows: Vec<(String, Vec<f32>)>,
}

fn by_modality(state: &State, served: &Served, modality: String, ask: Ask) -> Result<Answer, Halt> {
    let of_splits = [
        ("vectors", ask.vectors.is_some()),
        ("facts", ask.facts.is_some()),
        ("adversarial", ask.adversarial == Some(true)),
        ("explain", ask.explain.is_some_and(|n| n > 0)),
        ("waive", ask.waive.as_ref().is_some_and(|w| !w.is_empty())),
    ];
    if let Some((field, _)) = of_splits.into_iter().find(|f| f.1) {
        let what = "a modality is searched without constraints; this belongs to splits";
        return Err(Problem::invalid(field, what).into());
    }
    let encode = |source| encoded(state, served, &[&modality], &source, &ask.made);
    let rows: Vec<(String, Vec<f32>)> = match (ask.vector, &ask.text, &ask.image) {
        (Some(_), Some(_), _) => return Err(Problem::invalid("text", "give a vector or a text, not both").into()),
        (Some(vector), None, _) => vec![("vector".to_owned(), vector)],
        (None, Some(text), _) => {
            encode(Source::Text(text.as_str().into()))?.into_iter().map(|v| ("text".to_owned(), v)).collect()
        }
        (None, None, Some(file)) => {
            encode(Source::Image(file.clone()))?.into_iter().map(|v| ("image".to_owned(), v)).collect()
        }
        (None, None, None) => Vec::new(),
    };
    let (id, from, k, ef, engine) = (ask.id, ask.from, ask.k, ask.ef, ask.engine);
    let (lowest, unique, partition) = (ask.lowest, ask.unique, ask.partition);
    let plain = PlainAsk { id, from, k, ef, engine, lowest, unique, partition, rows };
    let mut answers = plain_answers(state, served, &modality, plain)?;
    let mut answer = answers.pop().ok_or_else(|| Problem::new(Kind::Internal, "a query without an answer"))?;
    if let Some(text) = ask.text {
        answer.query["text"] = json!(text);
    }
    Ok(answer)
}

fn plain_answers(state: &State, served: &Served, modality: &str, ask: PlainAsk) -> Result<Vec<Answer>, Problem> {
    let index = &served.index;
    let partition = partition_of(served, ask.partition.as_deref())?;
    let Some(searched) = index.modality(modality) else {
        return Err(unknown_modality(served, "modality", modality));
    };
    let matrix = &searched.matrix;
    let k = k_of(ask.k, &state.config.limits)?;
    let ef = ef_of(ask.ef, searched.graph.as_ref().map(|g| g.usual_ef()), &state.config.limits)?;
    if ask.from.is_some() && ask.id.is_none() {
        return Err(Problem::invalid("from", "it says whence the vector of an `id` is taken; give an id"));
    }
    let mut queries = Block::new(matrix.dim()).map_err(|e| Problem::invalid("modality", e.to_string()))?;
    let mut who = Vec::new();
    match (&ask.id, ask.rows.is_empty()) {
        (None, true) => return Err(Problem::invalid("vector", "give an id or a vector")),
        (Some(_), false) => return Err(Problem::invalid("vector", "give an id or a vector, not both")),
        (Some(id), true) => {
            let row = find(served, id)?;
            let from = ask.from.as_deref().unwrap_or(modality);
            let vector = vector_of(index, row, from, modality).map_err(|e| match &e {
                Error::UnknownModality { got, .. } => unknown_modality(served, "from", got),
                Error::Widths { .. } => Problem::invalid("from", e.to_string()),
                _ => Problem::invalid("id", e.to_string()),
            })?;
            queries.push(&vector).map_err(|e| Problem::invalid("from", e.to_string()))?;
            who.push(asked::sample(&index.catalog, row));
        }
        (None, false) => {
            for (field, vector) in ask.rows {
                let ready = matrix.query(vector).map_err(|e| Problem::invalid(&field, format!("{modality:?}: {e}")))?;
                let pushed = queries.push(&ready.elements[..matrix.dim()]);
                pushed.map_err(|e| Problem::invalid(&field, e.to_string()))?;
                who.push(json!({ "vector": { "dim": matrix.dim() } }));
            }
        }
    }
    let lowest = ask.lowest == Some(true);
    let plain = Plain {
        modality,
        order: if lowest { Order::Lowest } else { Order::Highest },
        k,
        unique_image: ask.unique == Some(Unique::Image),
        partition,
        engine: ask.engine.unwrap_or_default(),
        ef,
    };
    let settings = asked::Settings {
        modality: Some(modality),
        from: ask.from.as_deref(),
        partition: ask.partition.as_deref(),
        unique_image: plain.unique_image,
        k,
        adversarial: false,
        lowest,
        waive: &[],
    };
    let mut answers =
        plain_batch(index, &queries, plain, who).map_err(|e| Problem::invalid("vector", e.to_string()))?;
    answers.iter_mut().for_each(|a| settings.beside(&mut a.query));
    Ok(answers)
}

fn by_split(state: &State, served: &Served, mut split: Split, ask: Ask, manner: Manner) -> Result<Answer, Halt> {
    for (field, given) in [("from", ask.from.is_some()), ("lowest", ask.lowest == Some(true))] {
        if given {
            return Err(Problem::invalid(field, "a split says this itself; it belongs to plain searches").into());
        }
    }
    let limits = &state.config.limits;
    let k = k_of(ask.k, limits)?;
    let explain = match (ask.explain, manner) {
        (None | Some(0), Manner::Explain) => USUAL_EXPLAIN.min(limits.explain),
        (given, _) => given.unwrap_or(0),
    };
    at_most("explain", explain, limits.explain)?;
    let partition = partition_of(served, ask.partition.as_deref())?;
    let waive = ask.waive.unwrap_or_default();
    waived(&mut split, &waive)?;
    let searched = served.index.modality(&split.search).and_then(|m| m.graph.as_ref());
    let ef = ef_of(ask.ef, searched.map(|g| g.usual_ef()), limits)?;
    let searcher = served.searcher(split).map_err(|e| unbound(&e))?;
    let bound = searcher.bound();
    let given = [ask.id.is_some(), ask.vector.is_some(), ask.vectors.is_some(), ask.text.is_some()];
    let (subject, pool, mut who) = match (ask.id, given.into_iter().filter(|g| *g).count()) {
        (_, 0) => {
            let what = match manner {
                Manner::Match => Problem::invalid("vectors", "give the caption's vectors by modality"),
                _ => Problem::invalid("vector", "give an id, a vector, or vectors by modality"),
            };
            return Err(what.into());
        }
        (_, 2..) => return Err(Problem::invalid("vector", "give only one of id, vector, vectors, text").into()),
        (Some(id), _) => {
            if ask.facts.is_some() {
                return Err(Problem::invalid(
                    "facts",
                    "a sample of the index has its own; they belong to captions from outside",
                )
                .into());
            }
            let row = find(served, &id)?;
            if bound.query.find(row).is_none() {
                let modality = bound.split.query.clone();
                let what = Error::NoVector { id: id.to_string(), modality }.to_string();
                return Err(Problem::invalid("id", what).into());
            }
            let pool = partition.or(served.index.catalog.partition(row));
            (Subject::of_row(bound, row), pool, asked::sample(&served.index.catalog, row))
        }
        (None, _) => {
            let vectors = match (ask.vector, ask.vectors, &ask.text) {
                (Some(vector), ..) => prepared(served, [(bound.split.query.clone(), "vector".to_owned(), vector)])?,
                (_, Some(vectors), _) => {
                    prepared(served, vectors.into_iter().map(|(name, v)| (name.clone(), format!("vectors.{name}"), v)))?
                }
                (.., Some(text)) => of_text(state, served, bound, text, &ask.made)?,
                (None, None, None) => BTreeMap::new(),
            };
            if !vectors.contains_key(&bound.split.query) {
                let field = format!("vectors.{}", bound.split.query);
                return Err(Problem::invalid(
                    &field,
                    format!("split {} asks with {:?}; give it", bound.split.name, bound.split.query),
                )
                .into());
            }
            let (caption, facts) = facts_of(ask.facts.as_ref())?;
            let dims = |name: &String| served.index.matrix(name).map_or(0, |m| m.dim());
            let shown: serde_json::Map<_, _> =
                vectors.keys().map(|name| (name.clone(), json!({ "dim": dims(name) }))).collect();
            let mut who = json!({});
            if let Some(key) = &ask.key {
                who["key"] = json!(key);
            }
            if let Some(caption) = caption.as_deref().or(ask.text.as_deref()) {
                who["caption"] = json!(caption);
            }
            who["vectors"] = Value::Object(shown);
            let caption = caption.or(ask.text);
            let vectors = Vectors::by_modality(bound, &vectors);
            (Subject::from_outside(bound, caption.as_deref(), &facts, vectors), partition, who)
        }
    };
    let adversarial = match manner {
        Manner::Match => subject.own_cti().is_some(),
        _ => ask.adversarial == Some(true),
    };
    let wanted = Wanted {
        k,
        adversarial,
        unique_image: ask.unique == Some(Unique::Image),
        explain,
        engine: ask.engine.unwrap_or_default(),
        ef,
    };
    let settings = asked::Settings {
        partition: ask.partition.as_deref(),
        unique_image: wanted.unique_image,
        k,
        adversarial,
        waive: &waive,
        ..asked::Settings::default()
    };
    settings.beside(&mut who);
    searcher.answer(&subject, pool, wanted, who).map_err(|e| refused(&e, bound, subject.row).into())
}

/// Why a split's query cannot be answered, in the words of requests.
fn refused(error: &Error, bound: &Bound<'_>, row: Option<Row>) -> Problem {
    match error {
        Error::MissingFact { rule, why, .. } => {
            let rule: Option<Rule> = rule.parse().ok();
            let field = match (row, rule) {
                (Some(_), _) | (None, None) => "id".to_owned(),
                (None, Some(rule)) => place_of(rule, &bound.split),
            };
            let name = rule.map_or("", Rule::name);
            let waivable = rule.is_some_and(Rule::can_be_waived);
            let give =
                if row.is_some() { "the archive does not have it".to_owned() } else { format!("give it as {field}") };
            let waive = if waivable { format!(", or add {name:?} to waive") } else { String::new() };
            let detail = format!("rule {name} needs a fact that the query does not bring: {why}; {give}{waive}");
            Problem::new(Kind::MissingFact, detail).at(&field)
        }
        Error::NoOwnImage => Problem::invalid(
            "adversarial",
            format!(
                "it compares with the caption's own image: ask for an id, or give vectors with {:?} and {:?}",
                bound.split.clip_text, bound.split.clip_image
            ),
        ),
        other => Problem::new(Kind::Invalid, other.to_string()),
    }
}

/// Where a request brings what a rule needs.
fn place_of(rule: Rule, split: &Split) -> String {
    match rule {
        Rule::Words => "facts.caption".into(),
        Rule::Days => "facts.timestamp".into(),
        Rule::EntityCount | Rule::Entities | Rule::NoPerson => "facts.entities".into(),
        Rule::PicturedPerson | Rule::SharedPerson => "facts.pictured".into(),
        Rule::PersonBox => "facts.person_boxes".into(),
        Rule::Generic => "facts.generic".into(),
        Rule::Corrupted => "facts.corrupted".into(),
        Rule::Place => {
            let modality = split.rules.place.as_ref().map_or("place-image", |p| p.modality.as_str());
            format!("vectors.{modality}")
        }
        Rule::ImageSimilarity => format!("vectors.{}", split.clip_image),
        Rule::MissingRow | Rule::SameImage => format!("vectors.{}", split.query),
    }
}

/// Why a split does not fit the index, in the words of requests.
pub(super) fn unbound(error: &BindError) -> Problem {
    match error {
        BindError::MissingModality { split, modality, role, have, waivable } => {
            let waive = if *waivable { "; or add \"place\" to waive" } else { "" };
            let have = have.join(", ");
            Problem::invalid(
                "split",
                format!("split {split} needs modality {modality:?} ({role}), and the index has {have}{waive}"),
            )
        }
        other => Problem::invalid("split", other.to_string()),
    }
}

/// Lets rules hold; those that the split does not ask for hold anyway.
pub(super) fn waived(split: &mut Split, rules: &[Rule]) -> Result<(), Problem> {
    for (i, &rule) in rules.iter().enumerate() {
        if !rule.can_be_waived() {
            return Err(Problem::invalid(&format!("waive[{i}]"), format!("{rule}: a pair without it makes no sense")));
        }
        if split.asks(rule) {
            split.waive.insert(rule);
        }
    }
    Ok(())
}

pub(super) fn find(served: &Served, id: &SampleId) -> Result<Row, Problem> {
    let found = served.index.catalog.find(id);
    found.ok_or_else(|| Problem::invalid("id", Error::UnknownId(id.to_json()).to_string()))
}

fn partition_of(served: &Served, name: Option<&str>) -> Result<Option<u16>, Problem> {
    let catalog = &served.index.catalog;
    let Some(name) = name else { return Ok(None) };
    let unknown =
        || Error::UnknownPartition { got: name.to_owned(), have: catalog.partitions().map(str::to_owned).collect() };
    catalog.partition_named(name).map(Some).ok_or_else(|| Problem::invalid("partition", unknown().to_string()))
}

pub(super) fn unknown_modality(served: &Served, field: &str, got: &str) -> Problem {
    let have = served.index.modalities.iter().map(|m| m.name.clone()).collect();
    Problem::invalid(field, Error::UnknownModality { got: got.to_owned(), have }.to_string())
}

pub(super) fn at_most(field: &str, got: usize, most: usize) -> Result<(), Problem> {
    if got > most {
        return Err(Problem::invalid(field, format!("{got} is more than this daemon's limit of {most}")));
    }
    Ok(())
}

fn k_of(asked: Option<usize>, limits: &Limits) -> Result<usize, Problem> {
    let k = asked.unwrap_or(USUAL_K.min(limits.k));
    if k == 0 {
        return Err(Problem::invalid("k", Error::ZeroK.to_string()));
    }
    at_most("k", k, limits.k)?;
    Ok(k)
}

/// What is asked; else nothing, which stands for what was measured to be enough, unless that is beyond the limit.
fn ef_of(asked: Option<usize>, usual: Option<usize>, limits: &Limits) -> Result<Option<usize>, Problem> {
    match asked {
        Some(0) => Err(Problem::invalid("ef", "0 rows in sight find nothing; ask for at least 1")),
        Some(ef) => at_most("ef", ef, limits.ef).map(|()| Some(ef)),
        None => Ok(usual.filter(|&usual| usual > limits.ef).map(|_| limits.ef)),
    }
}
