//! Candidates enumerated from posting lists, where few are possible.

use super::{Bound, Rule, Subject};
use crate::rows::RowSet;
use crate::words::Row;

impl Bound<'_> {
    /// Must a candidate picture one of the subject's persons? Then their posting lists hold every candidate there is.
    pub fn has_postings(&self) -> bool {
        self.rules().contains(&Rule::SharedPerson)
    }

    /// The rows of `within` that picture one of the subject's persons, ascending, each once.
    pub fn posted(&self, subject: &Subject, within: &RowSet) -> Vec<Row> {
        let lists = subject.pictured().iter().map(|&name| self.catalog().rows_picturing(name));
        let mut rows: Vec<Row> = lists.flatten().map(|&r| Row(r)).filter(|&r| within.contains(r)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
