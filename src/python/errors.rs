//! What Python raises. The classes are written in Python, where one can be a `ValueError`, too.

use crate::constraints::{BindError, Bound, Rule};
use crate::query::Error;
use pyo3::PyErr;
use std::fmt::Display;

pyo3::import_exception!(mispair.errors, MispairError);
pyo3::import_exception!(mispair.errors, QuestionError);
pyo3::import_exception!(mispair.errors, UnknownIdError);

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// What was asked: a `ValueError` in Python.
    Question(String),
    /// A sample that is not there: a `KeyError`.
    UnknownId(String),
    /// A file, the machine.
    Failed(String),
}

impl Fault {
    pub fn question(error: impl Display) -> Fault {
        Fault::Question(error.to_string())
    }

    pub fn failed(error: impl Display) -> Fault {
        Fault::Failed(error.to_string())
    }

    /// The same, and where.
    pub fn at(self, place: impl Display) -> Fault {
        let placed = |text: String| format!("{place}: {text}");
        match self {
            Fault::Question(text) => Fault::Question(placed(text)),
            Fault::UnknownId(text) => Fault::UnknownId(placed(text)),
            Fault::Failed(text) => Fault::Failed(placed(text)),
        }
    }

    pub fn text(self) -> String {
        match self {
            Fault::Question(text) | Fault::UnknownId(text) | Fault::Failed(text) => text,
        }
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> PyErr {
        match fault {
            Fault::Question(text) => QuestionError::new_err(text),
            Fault::UnknownId(text) => UnknownIdError::new_err(text),
            Fault::Failed(text) => MispairError::new_err(text),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::UnknownId(_) => Fault::UnknownId(error.to_string()),
            other => Fault::question(other),
        }
    }
}

/// Why a split cannot answer, its remedy in the words of Python. `known`: the caption is a sample's.
pub(super) fn refused(error: Error, bound: &Bound<'_>, known: bool) -> Fault {
    let split = &bound.split;
    match error {
        Error::MissingFact { rule, why, .. } => {
            let rule: Option<Rule> = rule.parse().ok();
            let name = rule.map_or("", Rule::name);
            let give = match rule {
                _ if known => "add it to the metadata and build the index again".to_owned(),
                Some(Rule::MissingRow) => format!("give vectors={{{:?}: …}}", split.query),
                Some(Rule::Place) => {
                    let modality = split.rules.place.as_ref().map_or("place-image", |p| p.modality.as_str());
                    format!("give it in vectors={{{modality:?}: …}}")
                }
                Some(Rule::ImageSimilarity) => format!("give it in vectors={{{:?}: …}}", split.clip_image),
                _ => "give it in facts={…}".to_owned(),
            };
            let waive = match rule.is_some_and(Rule::can_be_waived) {
                true => format!(", or let the rule hold with waive=[{name:?}]"),
                false => String::new(),
            };
            Fault::Question(format!("rule {name} needs a fact that the query does not bring: {why}; {give}{waive}"))
        }
        Error::NoOwnImage => Fault::Question(format!(
            "adversarial compares with the caption's own image: ask for an id, or give vectors={{…}} with {:?} and {:?}",
            split.clip_text, split.clip_image
        )),
        other => other.into(),
    }
}

/// Why a split does not fit the index.
pub(super) fn unbound(error: BindError) -> Fault {
    match error {
        BindError::MissingModality { split, modality, role, have, waivable } => {
            let waive = if waivable { "; or pass waive=[\"place\"]" } else { "" };
            let have = have.join(", ");
            Fault::Question(format!(
                "split {split} needs modality {modality:?} ({role}), and the index has {have}{waive}"
            ))
        }
        other => Fault::question(other),
    }
}
