//! The ways to retrieve candidates.

use super::beats::Beats;
use super::plan::{scan_cost, walk_cost};
use super::ranked::{Asked, no_graph, ranked};
use super::{Candidates, Engine, Retrieved, Strategy, Wanted};
use crate::constraints::{Bound, Rule, RuleCounts, Subject};
use crate::exact::Error;
use crate::graph::Effort;
use crate::index::Modality;
use crate::words::{Order, Row, Scored, TopK};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How closely images are looked through by CTI at first, at least …
const BY_CTI_EF: usize = 128;
/// … and at most; beyond, a walk in the split's own order meets one that beats the caption's own soon enough.
const MOST_BY_CTI_EF: usize = 1024;
/// If one in so many of those in sight beats the caption's own, hardly one that does is out of sight.
const IN_SIGHT: usize = 6;
/// Where at least this share does, they are met soon enough in the split's own order.
const OFTEN: f64 = 0.02;

/// Which candidates, by how CLIP likes them beside the caption's own image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// All.
    Any,
    /// H: CTI(f) ≥ CTI(p).
    Hard,
    /// L: the others.
    Easy,
}

/// A split bound to an index, with the graphs it can use.
#[derive(Debug, Clone, Copy)]
pub struct Retriever<'s, 'a> {
    bound: &'s Bound<'a>,
    search: Option<&'a Modality>,
    images: Option<&'a Modality>,
}

/// The test of candidates, with its counts.
struct Test<'t, 's, 'a> {
    retriever: &'t Retriever<'s, 'a>,
    subject: &'t Subject,
    class: Class,
    /// `None` without the caption's vector: no image beats another then.
    beats: Option<Beats<'t>>,
    own: f32,
    rejected: [AtomicU64; Rule::ALL.len()],
}

impl Test<'_, '_, '_> {
    fn admits(&self, row: Row) -> bool {
        let bound = self.retriever.bound;
        let beats = || self.beats.as_ref().is_some_and(|beats| beats.reached_by(row));
        let in_class = match self.class {
            Class::Any => true,
            Class::Hard => beats(),
            Class::Easy => !beats(),
        };
        if !in_class {
            return false;
        }
        if bound.admits(self.subject, row) {
            return true;
        }
        if let Some(rule) = bound.first_failure(self.subject, row) {
            self.rejected[rule as usize].fetch_add(1, Relaxed);
        }
        false
    }

    fn rejected(&self) -> RuleCounts {
        let mut counts = RuleCounts::default();
        Rule::ALL.into_iter().for_each(|rule| counts.add_many(rule, self.rejected[rule as usize].load(Relaxed)));
        counts
    }
}

impl<'s, 'a> Retriever<'s, 'a> {
    /// For a bound split.
    pub fn new(bound: &'s Bound<'a>) -> Retriever<'s, 'a> {
        let modality = |name: &str| bound.index.modality(name);
        Retriever { bound, search: modality(&bound.split.search), images: modality(&bound.split.clip_image) }
    }

    /// Is the split's order that of CTI itself? Then H comes before L of itself.
    pub fn ranks_by_cti(&self) -> bool {
        let split = &self.bound.split;
        (&split.query, &split.search) == (&split.clip_text, &split.clip_image) && split.order == Order::Highest
    }

    /// Why no graph serves this split's order; `None` where one does.
    pub fn no_graph(&self) -> Option<&'static str> {
        match self.search {
            Some(modality) => no_graph(modality, self.bound.order()),
            None => Some("the index lacks the modality that is searched"),
        }
    }

    /// The best candidates of a caption. The rules about its own side must hold.
    ///
    /// # Errors
    /// Vectors of another width.
    pub fn best(&self, subject: &Subject, among: Candidates<'_>, wanted: Wanted) -> Result<Retrieved, Error> {
        self.of_class(subject, among, wanted, Class::Any, false)
    }

    /// The best candidates of a caption whose CTI is known, H before L. The strategy is that by which H was found.
    ///
    /// # Errors
    /// Vectors of another width.
    pub fn hard_first(&self, subject: &Subject, among: Candidates<'_>, wanted: Wanted) -> Result<Retrieved, Error> {
        if self.ranks_by_cti() {
            return self.best(subject, among, wanted);
        }
        let k = wanted.k;
        let mut hard = self.of_class(subject, among, wanted, Class::Hard, true)?;
        if hard.best.len() >= k {
            return Ok(hard);
        }
        let fewer = Wanted { k: k - hard.best.len(), ..wanted };
        let mut easy = self.of_class(subject, among, fewer, Class::Easy, false)?;
        let mut rest = std::mem::take(&mut easy.best);
        let mut strategy = hard.strategy;
        let mut all = std::mem::take(&mut hard.best);
        let mut found = easy.after(&hard);
        if all.len() + rest.len() < k && strategy == Strategy::GraphByCti {
            // L is complete; of H there may be more that a walk by CTI had out of sight.
            let mut sure = self.of_class(subject, among, wanted, Class::Hard, false)?;
            (all, strategy) = (std::mem::take(&mut sure.best), sure.strategy);
            found = sure.after(&found);
        }
        rest.truncate(k.saturating_sub(all.len()));
        all.append(&mut rest);
        Ok(Retrieved { best: all, strategy, ..found })
    }

    /// The best of a class: fewer than k only where fewer exist, or where H was looked for by CTI.
    fn of_class(
        &self,
        subject: &Subject,
        among: Candidates<'_>,
        wanted: Wanted,
        class: Class,
        by_cti: bool,
    ) -> Result<Retrieved, Error> {
        let own = subject.own_cti().unwrap_or(f32::NEG_INFINITY);
        let beats = self.images.zip(subject.vectors.clip_text.as_deref());
        let beats = beats.filter(|_| class != Class::Any).map(|(images, text)| Beats::new(images, text, own));
        let test = Test { retriever: self, subject, class, beats, own, rejected: Default::default() };
        let Some(query) = &subject.vectors.query else {
            return Ok(self.found(&test, Vec::new(), Strategy::None, "there is no vector to search with".into(), 0, 0));
        };
        if self.bound.has_postings() && wanted.engine != Engine::Graph {
            return Ok(self.postings(&test, among, wanted));
        }
        let Some(modality) = self.search else {
            return Ok(self.found(&test, Vec::new(), Strategy::None, "there is nothing to search".into(), 0, 0));
        };
        let mut asked = Asked {
            k: wanted.k,
            order: self.bound.order(),
            among: Some(among),
            engine: wanted.engine,
            sight: wanted.sight,
            likely: 1.0,
        };
        if let (Class::Hard, false, Ok(_), Some(images), Some(text), Some(beats)) =
            (class, self.ranks_by_cti(), asked.plan(modality), self.images, &subject.vectors.clip_text, &test.beats)
            && let Some(share) = beats.share()
        {
            if by_cti
                && share <= OFTEN
                && let Some(found) = self.by_cti(&test, among, wanted, images, text)
            {
                return Ok(found);
            }
            asked.likely = share;
        }
        let found = ranked(modality, query, asked, |row| test.admits(row))?;
        Ok(self.found(&test, found.best, found.strategy, found.reason, found.visited, found.scored))
    }

    fn found(
        &self,
        test: &Test<'_, '_, '_>,
        best: Vec<Scored>,
        strategy: Strategy,
        reason: String,
        visited: u64,
        scored: u64,
    ) -> Retrieved {
        Retrieved { best, strategy, reason, visited, scored, rejected: test.rejected() }
    }

    /// Every candidate on the posting lists of the caption's persons.
    fn postings(&self, test: &Test<'_, '_, '_>, among: Candidates<'_>, wanted: Wanted) -> Retrieved {
        let rows = self.bound.posted(test.subject, among.rows);
        let reason = format!("only the {} samples that picture one of the caption's persons are possible", rows.len());
        let best = self.score_all(test, &rows, wanted.k);
        self.found(test, best, Strategy::ExactPostings, reason, rows.len() as u64, rows.len() as u64)
    }

    fn score_all(&self, test: &Test<'_, '_, '_>, rows: &[Row], k: usize) -> Vec<Scored> {
        let mut top = TopK::new(k, self.bound.order());
        for &row in rows {
            if let Some(score) = self.bound.score(test.subject, row) {
                let scored = Scored { score, row };
                if top.admits(scored) && test.admits(row) {
                    top.push(scored);
                }
            }
        }
        top.into_sorted()
    }

    /// H by its own access path: all images that beat the caption's own, if they are few, and of these the best by the split's
    /// score. `None` where they are many, or a scan is cheaper, or there is no graph of the images.
    fn by_cti(
        &self,
        test: &Test<'_, '_, '_>,
        among: Candidates<'_>,
        wanted: Wanted,
        images: &Modality,
        text: &[f32],
    ) -> Option<Retrieved> {
        let (graph, navigator) = (images.graph.as_ref()?, images.navigator()?);
        let budget = if wanted.engine == Engine::Graph { u64::MAX } else { scan_cost(among.count) };
        let mut ef = wanted.sight.ef(graph).max(BY_CTI_EF);
        let (mut visited, mut scored) = (0, 0);
        loop {
            if ef > MOST_BY_CTI_EF || visited + walk_cost(graph, ef, 1.0) > budget {
                return None;
            }
            let found = navigator.top_k(text, Effort { k: ef, ef, budget: u64::MAX }).ok()?;
            visited += found.counters.visited;
            scored += found.counters.scored;
            let hard = found.best.partition_point(|s| s.score >= test.own);
            if hard * IN_SIGHT > ef && found.best.len() == ef {
                ef = hard * IN_SIGHT * 5 / 4;
                continue;
            }
            let mut rows: Vec<Row> =
                found.best[..hard].iter().map(|s| s.row).filter(|&r| among.rows.contains(r)).collect();
            rows.sort_unstable();
            let best = self.score_all(test, &rows, wanted.k);
            let reason = format!("only {hard} images beat the caption's own for CLIP: they are looked through");
            return Some(self.found(test, best, Strategy::GraphByCti, reason, visited, scored + rows.len() as u64));
        }
    }
}
