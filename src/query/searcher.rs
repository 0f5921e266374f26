//! A split over an index: plans, searches, orders.

use super::explain::explain;
use super::{Answer, Error, Hit, Plan};
use crate::constraints::{Bound, Rule, RuleCounts, Subject};
use crate::retrieve::{self, Candidates, Class, Engine, Retrieved, Retriever, Strategy};
use crate::rows::RowSet;
use crate::words::{Row, Scored};
use std::sync::OnceLock;
use std::time::Instant;

/// What is asked of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Results: at least 1.
    pub k: usize,
    /// H before L, as the matcher selects.
    pub adversarial: bool,
    /// One result an image path, the best.
    pub unique_image: bool,
    /// How many rejected candidates to explain; 0: no explanation.
    pub explain: usize,
    /// By this engine.
    pub engine: Engine,
    /// Rows that a walk through a graph keeps in sight; `None`: what was measured to be enough.
    pub ef: Option<usize>,
}

/// A split bound to an index, ready to answer: who is eligible in each partition is found once.
pub struct Searcher<'a> {
    bound: Bound<'a>,
    /// One a partition, and one for the whole corpus at the end.
    eligible: Vec<OnceLock<Eligible>>,
}

struct Eligible {
    rows: RowSet,
    count: u64,
    /// Why the others are not, by the first rule.
    refused: RuleCounts,
    pool: u64,
}

impl<'a> Searcher<'a> {
    /// For a bound split.
    pub fn new(bound: Bound<'a>) -> Searcher<'a> {
        let pools = bound.catalog().partitions().len() + 1;
        Searcher { bound, eligible: (0..pools).map(|_| OnceLock::new()).collect() }
    }

    /// The split and the index.
    pub fn bound(&self) -> &Bound<'a> {
        &self.bound
    }

    pub(super) fn pool(&self, partition: Option<u16>) -> Box<dyn Iterator<Item = Row> + '_> {
        match partition {
            Some(p) => Box::new(self.bound.catalog().partition_rows(p).iter().map(|&r| Row(r))),
            None => Box::new(self.bound.catalog().rows()),
        }
    }

    fn eligible(&self, partition: Option<u16>) -> &Eligible {
        let slot = partition.map_or(self.eligible.len() - 1, usize::from).min(self.eligible.len() - 1);
        self.eligible[slot].get_or_init(|| {
            let (mut rows, mut refused, mut pool) =
                (RowSet::new(self.bound.catalog().len() as usize), RuleCounts::default(), 0);
            for row in self.pool(partition) {
                pool += 1;
                match self.bound.refused_as_candidate(row) {
                    Some((rule, _)) => refused.add(rule),
                    None => {
                        rows.insert(row);
                    }
                }
            }
            Eligible { count: pool - refused.total(), rows, refused, pool }
        })
    }

    /// The best admissible candidates of a partition (`None`: of the whole corpus). `asked` is repeated in the answer.
    pub fn answer(
        &self,
        subject: &Subject,
        partition: Option<u16>,
        wanted: Wanted,
        asked: serde_json::Value,
    ) -> Result<Answer, Error> {
        let start = Instant::now();
        if wanted.k == 0 {
            return Err(Error::ZeroK);
        }
        let own = subject.own_cti();
        if wanted.adversarial && own.is_none() {
            return Err(Error::NoOwnImage);
        }
        if let Some(missing) = self.bound.missing_fact(subject) {
            let cure = cure(missing.rule, subject.row.is_some());
            return Err(Error::MissingFact { rule: missing.rule.to_string(), why: missing.why, cure });
        }
        let refusal = self.bound.refusal(subject);
        let eligible = self.eligible(partition);
        let mut search = Search::new(self, subject, eligible);
        let found = if refusal.is_some() { Vec::new() } else { search.run(wanted)? };
        let short = (found.len() < wanted.k).then(|| match &refusal {
            Some(refusal) => format!("the caption itself fails rule {}: {}", refusal.rule, refusal.why),
            None => format!(
                "only {} of {} candidates are admissible{}",
                found.len(),
                eligible.pool,
                if wanted.unique_image { " (one counted an image)" } else { "" }
            ),
        });
        let results = found
            .iter()
            .zip(1..)
            .map(|(s, rank)| {
                let hit = Hit::new(self.bound.catalog(), s.row, s.score, self.bound.cti(subject, s.row), own);
                Hit { rank, ..hit }
            })
            .collect();
        Ok(Answer {
            query: asked,
            split: Some(self.bound.split.name.clone()),
            results,
            short,
            plan: search.plan(wanted.adversarial),
            elapsed_us: start.elapsed().as_micros() as u64,
            explanation: (wanted.explain > 0).then(|| explain(self, subject, partition, wanted.explain)),
        })
    }
}

/// What can be done about a fact that the query's side lacks.
fn cure(rule: Rule, of_archive: bool) -> String {
    match (rule, of_archive) {
        (Rule::MissingRow, _) => {
            "it cannot be waived: add the vector to its matrix and rebuild, or ask for another sample".into()
        }
        (Rule::Place | Rule::ImageSimilarity, false) => {
            format!("only samples of the archive have one: let the rule hold with --waive {rule}")
        }
        (_, false) => format!("give it with --meta FACTS.json, or let the rule hold with --waive {rule}"),
        (_, true) => format!(
            "add it to the metadata and rebuild (--meta serves captions from outside), or let the rule hold with --waive {rule}"
        ),
    }
}

/// One run of a query: what was found, and how.
struct Search<'s, 'a> {
    searcher: &'s Searcher<'a>,
    subject: &'s Subject,
    eligible: &'s Eligible,
    /// The last retrieval, its counts those of all.
    last: Option<Retrieved>,
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(searcher: &'s Searcher<'a>, subject: &'s Subject, eligible: &'s Eligible) -> Self {
        Search { searcher, subject, eligible, last: None }
    }

    /// The best `k`, in order.
    fn run(&mut self, wanted: Wanted) -> Result<Vec<Scored>, Error> {
        let catalog = self.searcher.bound.catalog();
        let mut k = wanted.k;
        loop {
            let found = self.ranked(k, wanted)?;
            if !wanted.unique_image {
                return Ok(found);
            }
            // One an image, the best: a longer list loses nothing, so it grows until it holds k images or everything.
            let all = found.len() < k;
            let mut seen = std::collections::HashSet::new();
            let mut unique: Vec<Scored> = found.into_iter().filter(|s| seen.insert(catalog.image(s.row))).collect();
            if unique.len() >= wanted.k || all {
                unique.truncate(wanted.k);
                return Ok(unique);
            }
            k = k.saturating_mul(4);
        }
    }

    fn ranked(&mut self, k: usize, wanted: Wanted) -> Result<Vec<Scored>, Error> {
        self.last = None;
        let retriever = Retriever::new(&self.searcher.bound);
        let mut top = |k, class| {
            let among = Candidates { rows: &self.eligible.rows, count: self.eligible.count };
            let wanted = retrieve::Wanted { k, class, engine: wanted.engine, sight: wanted.ef.into() };
            let mut found = retriever.best(self.subject, among, wanted)?;
            let best = std::mem::take(&mut found.best);
            if let Some(before) = self.last.take() {
                found.visited += before.visited;
                found.scored += before.scored;
                found.rejected.merge(&before.rejected);
                if found.strategy != before.strategy {
                    found.reason = format!("{}; then: {}", before.reason, found.reason);
                    found.strategy = before.strategy;
                }
            }
            self.last = Some(found);
            Ok::<_, Error>(best)
        };
        if !wanted.adversarial || self.subject.own_cti().is_none() || retriever.ranks_by_cti() {
            return top(k, Class::Any);
        }
        let mut found = top(k, Class::Hard)?;
        if found.len() < k {
            found.extend(top(k - found.len(), Class::Easy)?);
        }
        Ok(found)
    }

    fn plan(&self, adversarial: bool) -> Plan {
        let Some(last) = &self.last else {
            return Plan {
                strategy: Strategy::None,
                reason: "the caption itself fails a rule, so no candidate was looked at".to_owned(),
                stages: Vec::new(),
                visited: 0,
                scored: 0,
                rejected: RuleCounts::default(),
                eligible: self.eligible.count,
            };
        };
        let mut rejected = last.rejected;
        rejected.merge(&self.eligible.refused);
        let mut stages = vec!["retrieve", "constrain"];
        if adversarial {
            stages.push("adversarial_clip");
        }
        Plan {
            strategy: last.strategy,
            reason: last.reason.clone(),
            stages,
            visited: last.visited,
            scored: last.scored,
            rejected,
            eligible: self.eligible.count,
        }
    }
}
