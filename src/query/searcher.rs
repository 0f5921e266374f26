//! A split over an index: plans, searches, orders.

use super::eligible::{Eligible, pool};
use super::explain::explain;
use super::{Answer, Eligibility, Error, Hit, Plan, Step, Steps};
use crate::constraints::{Bound, Rule, RuleCounts, Subject};
use crate::retrieve::{self, Candidates, Engine, Retrieved, Retriever, Strategy};
use crate::words::{Row, Scored};
use std::sync::Arc;
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
    eligible: Arc<Eligibility>,
}

impl<'a> Searcher<'a> {
    /// For a bound split.
    pub fn new(bound: Bound<'a>) -> Searcher<'a> {
        let eligible = Arc::new(Eligibility::new(&bound));
        Searcher { bound, eligible }
    }

    /// The same, with what other searchers have found out about who is eligible. Sets of another index or split are not
    /// used: this searcher finds its own.
    pub fn sharing(bound: Bound<'a>, eligible: &Arc<Eligibility>) -> Searcher<'a> {
        match eligible.is_of(&bound) {
            true => Searcher { bound, eligible: Arc::clone(eligible) },
            false => Searcher::new(bound),
        }
    }

    /// The split and the index.
    pub fn bound(&self) -> &Bound<'a> {
        &self.bound
    }

    /// Finds who is eligible in every partition and in the whole corpus now, rather than with the first queries.
    pub fn prepare(&self) {
        let partitions = self.bound.catalog().partitions().len() as u16;
        (0..partitions).map(Some).chain([None]).for_each(|p| {
            self.eligible.of(&self.bound, p);
        });
    }

    pub(super) fn pool(&self, partition: Option<u16>) -> Box<dyn Iterator<Item = Row> + 'a> {
        pool(&self.bound, partition)
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
        let mut steps = Steps::since(start, Step::Plan);
        let eligible = self.eligible.of(&self.bound, partition);
        steps.ends(Step::Filter);
        let mut search = Search::new(self, subject, eligible);
        let found = if refusal.is_some() { Vec::new() } else { search.run(wanted)? };
        steps.ends(Step::Search);
        let short = (found.len() < wanted.k).then(|| match &refusal {
            Some(refusal) => format!("the caption itself fails rule {}: {}", refusal.rule, refusal.why),
            None => format!(
                "only {} of {} candidates are admissible{}",
                found.len(),
                eligible.pool,
                if wanted.unique_image { " (one counted an image)" } else { "" }
            ),
        });
        let clips: Vec<Option<f32>> = found.iter().map(|s| self.bound.cti(subject, s.row)).collect();
        steps.ends(Step::Score);
        let hits = found.iter().zip(clips).zip(1..);
        let results = hits
            .map(|((s, clip), rank)| Hit { rank, ..Hit::new(self.bound.catalog(), s.row, s.score, clip, own) })
            .collect();
        steps.ends(Step::Hydrate);
        let elapsed_us = start.elapsed().as_micros() as u64;
        let explanation = (wanted.explain > 0).then(|| explain(self, subject, partition, wanted.explain));
        if explanation.is_some() {
            steps.ends(Step::Explain);
        }
        Ok(Answer {
            query: asked,
            split: Some(self.bound.split.name.clone()),
            results,
            short,
            plan: search.plan(wanted.adversarial),
            elapsed_us,
            explanation,
            steps,
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
    /// The last retrieval, its counts and reasons those of all.
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
        let retriever = Retriever::new(&self.searcher.bound);
        let among = Candidates { rows: &self.eligible.rows, count: self.eligible.count };
        let hard_first = wanted.adversarial && self.subject.own_cti().is_some();
        let wanted = retrieve::Wanted { k, engine: wanted.engine, sight: wanted.ef.into() };
        let mut found = match hard_first {
            true => retriever.hard_first(self.subject, among, wanted)?,
            false => retriever.best(self.subject, among, wanted)?,
        };
        let best = std::mem::take(&mut found.best);
        self.last = Some(match &self.last {
            Some(before) => found.after(before),
            None => found,
        });
        Ok(best)
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
        let mut stages = vec!["retrieve".into(), "constrain".into()];
        if adversarial {
            stages.push("adversarial_clip".into());
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
