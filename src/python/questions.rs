//! Questions as meant → answers. One question is many, once.

use super::arrays;
use super::errors::{Fault, refused};
use super::opened::Opened;
use super::settings::Ask;
use crate::constraints::{Subject, Vectors};
use crate::formats::captioned_facts;
use crate::index::Modality;
use crate::kernels::Block;
use crate::matrix::Prepared;
use crate::query::{Answer, Error, Plain, Searcher, Wanted, asked, plain_batch, vector_of};
use crate::words::{Facts, Order, Row};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Answered = Result<Answer, Fault>;

/// Questions with the same settings.
pub(super) struct Questions<'a> {
    opened: &'a Opened,
    ask: &'a Ask,
    searched: Searched<'a>,
    asking: Asking,
    facts: Vec<(Option<String>, Facts)>,
    partition: Option<u16>,
    pub count: usize,
    /// The number of the first one.
    first: usize,
}

enum Searched<'a> {
    Split(Box<Searcher<'a>>),
    Modality(&'a str, &'a Modality),
}

/// Who asks.
enum Asking {
    Samples(Vec<Row>),
    Vectors(Vec<arrays::Vectors>),
}

impl<'a> Questions<'a> {
    /// Binds settings to the index. `first`: the number that errors call the first question by.
    pub fn new(
        opened: &'a Opened,
        ask: &'a Ask,
        mut given: Vec<arrays::Vectors>,
        first: usize,
    ) -> Result<Questions<'a>, Fault> {
        let searched = match (&ask.split, &ask.modality) {
            (Some(split), _) => Searched::Split(Box::new(opened.searcher(opened.split(split, &ask.waive)?)?)),
            (_, modality) => {
                let name = modality.as_deref().unwrap_or_default();
                Searched::Modality(name, opened.index.modality(name).ok_or_else(|| opened.unknown_modality(name))?)
            }
        };
        let asks = match &searched {
            Searched::Split(searcher) => searcher.bound().split.query.as_str(),
            Searched::Modality(name, _) => name,
        };
        for vectors in &mut given {
            if vectors.modality.is_empty() {
                vectors.modality = asks.to_owned();
            }
            opened.index.matrix(&vectors.modality).ok_or_else(|| opened.unknown_modality(&vectors.modality))?;
        }
        let vectors = given.iter().find(|v| v.modality == asks).map(|v| v.rows.len());
        let count = match (&ask.ids, vectors) {
            (Some(ids), _) if given.is_empty() => ids.len(),
            (Some(_), _) => return Err(Fault::question("give ids or vectors, not both")),
            (None, Some(count)) => count,
            (None, None) if given.is_empty() => return Err(Fault::question("give an id or a vector")),
            (None, None) => return Err(Fault::Question(format!("it is asked with vectors of {asks:?}; give those"))),
        };
        if let Some(other) = given.iter().find(|v| v.rows.len() != count) {
            let (got, name) = (other.rows.len(), &other.modality);
            return Err(Fault::Question(format!("{got} vectors of {name:?} for {count} of {asks:?}; give one each")));
        }
        let facts = ask.facts.as_deref().unwrap_or_default();
        if ask.facts.is_some() && facts.len() != count {
            return Err(Fault::Question(format!(
                "facts of {} captions for {count} vectors; give one each",
                facts.len()
            )));
        }
        let at = |i: usize, fault: Fault| if first + count == 1 { fault } else { fault.at(name(first + i)) };
        let read = |(i, value)| captioned_facts(value).map_err(|e| at(i, Fault::question(e).at("facts")));
        let facts = facts.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let asking = match &ask.ids {
            None => Asking::Vectors(given),
            Some(ids) => {
                let find = |(i, id)| opened.row(id).map_err(|fault| at(i, fault));
                Asking::Samples(ids.iter().enumerate().map(find).collect::<Result<_, _>>()?)
            }
        };
        let partition = opened.partition(ask.partition.as_deref())?;
        Ok(Questions { opened, ask, searched, asking, facts, partition, count, first })
    }

    /// Answers each for itself. `repeated`: with what was asked.
    pub fn answers(&self, repeated: bool) -> Vec<Answered> {
        let mut answers = match &self.searched {
            Searched::Split(searcher) => {
                (0..self.count).into_par_iter().map(|i| self.by_split(searcher, i)).collect::<Vec<_>>()
            }
            Searched::Modality(name, modality) => self.by_modality(name, modality),
        };
        for answer in answers.iter_mut().flatten().filter(|_| repeated) {
            self.ask.repeated().beside(&mut answer.query);
        }
        if self.first + self.count > 1 {
            let numbered = answers.into_iter().zip(self.first..);
            answers = numbered.map(|(answer, i)| answer.map_err(|fault| fault.at(name(i)))).collect();
        }
        answers
    }

    /// A vector of question `i` as stored rows are prepared.
    fn prepared(&self, vectors: &arrays::Vectors, i: usize) -> Result<Prepared, Fault> {
        let name = &vectors.modality;
        let matrix = self.opened.index.matrix(name).ok_or_else(|| self.opened.unknown_modality(name))?;
        matrix.query(vectors.rows[i].clone()).map_err(|e| Fault::question(e).at(format!("{name:?}")))
    }

    /// Those that can be asked are asked together; in the place of the others stands why not.
    fn by_modality(&self, name: &str, modality: &Modality) -> Vec<Answered> {
        let (index, dim) = (&self.opened.index, modality.matrix.dim());
        let vector = |i: usize| -> Result<(Vec<f32>, Value), Fault> {
            match &self.asking {
                Asking::Samples(rows) => {
                    let from = self.ask.source.as_deref().unwrap_or(name);
                    Ok((vector_of(index, rows[i], from, name)?, asked::sample(&index.catalog, rows[i])))
                }
                Asking::Vectors(given) => {
                    let vectors = given.iter().find(|v| v.modality == name);
                    let vectors = vectors.ok_or_else(|| Fault::question("give an id or a vector"))?;
                    let mut elements = self.prepared(vectors, i)?.elements;
                    elements.truncate(dim);
                    Ok((elements, json!({ "vector": { "dim": dim } })))
                }
            }
        };
        let ready: Vec<_> = (0..self.count).into_par_iter().map(vector).collect();
        let ask = || -> Result<Vec<Answer>, Error> {
            let mut block = Block::with_capacity(dim, self.count)?;
            for (vector, _) in ready.iter().flatten() {
                block.push(vector)?;
            }
            let asked = ready.iter().flatten().map(|r| r.1.clone()).collect();
            let plain = Plain {
                modality: name,
                order: if self.ask.lowest { Order::Lowest } else { Order::Highest },
                k: self.ask.k,
                unique_image: self.ask.unique,
                partition: self.partition,
                engine: self.ask.engine,
                ef: self.ask.ef,
            };
            plain_batch(index, &block, plain, asked)
        };
        match ask() {
            Err(e) => ready.iter().map(|_| Err(e.clone().into())).collect(),
            Ok(answers) => {
                let mut answers = answers.into_iter();
                let lost = || Fault::failed("a question without an answer");
                ready.into_iter().map(|r| r.and_then(|_| answers.next().ok_or_else(lost))).collect()
            }
        }
    }

    fn by_split(&self, searcher: &Searcher<'_>, i: usize) -> Answered {
        let (bound, catalog) = (searcher.bound(), &self.opened.index.catalog);
        let wanted = Wanted {
            k: self.ask.k,
            adversarial: self.ask.adversarial,
            unique_image: self.ask.unique,
            explain: self.ask.explain,
            engine: self.ask.engine,
            ef: self.ask.ef,
        };
        match &self.asking {
            Asking::Samples(rows) => {
                let row = rows[i];
                if bound.query.find(row).is_none() {
                    let (id, modality) = (catalog.id(row).to_string(), bound.split.query.clone());
                    return Err(Error::NoVector { id, modality }.into());
                }
                let pool = self.partition.or(catalog.partition(row));
                let answer = searcher.answer(&Subject::of_row(bound, row), pool, wanted, asked::sample(catalog, row));
                answer.map_err(|e| refused(e, bound, true))
            }
            Asking::Vectors(given) => {
                let one = |v: &arrays::Vectors| Ok((v.modality.clone(), self.prepared(v, i)?));
                let vectors = given.iter().map(one).collect::<Result<BTreeMap<_, _>, Fault>>()?;
                let (caption, facts) = self.facts.get(i).cloned().unwrap_or_default();
                let mut who = json!({});
                if let Some(caption) = &caption {
                    who["caption"] = json!(caption);
                }
                let dim = |v: &arrays::Vectors| (v.modality.clone(), json!({ "dim": v.rows[i].len() }));
                who["vectors"] = Value::Object(given.iter().map(dim).collect());
                let vectors = Vectors::by_modality(bound, &vectors);
                let subject = Subject::from_outside(bound, caption.as_deref(), &facts, vectors);
                searcher.answer(&subject, self.partition, wanted, who).map_err(|e| refused(e, bound, false))
            }
        }
    }
}

/// What an error calls one of several questions.
fn name(number: usize) -> String {
    format!("query {number}")
}
