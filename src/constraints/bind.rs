//! A split against an index.

use super::subject::Known;
use super::{Balance, Rule, RuleCounts, Split, Subject, Verdict};
use crate::catalog::Catalog;
use crate::index::Index;
use crate::matrix::{Matrix, Metric};
use crate::rows::RowSet;
use crate::words::{Order, Row};

/// A split bound to an index: its modalities found, its labels numbered.
#[derive(Debug)]
pub struct Bound<'a> {
    /// The index.
    pub index: &'a Index,
    /// The split.
    pub split: Split,
    /// The modality of the query's vectors.
    pub query: &'a Matrix,
    /// The modality that is searched.
    pub search: &'a Matrix,
    /// c in CTI(c, i).
    pub clip_text: &'a Matrix,
    /// i in CTI(c, i).
    pub clip_image: &'a Matrix,
    pub(super) place: Option<&'a Matrix>,
    /// By label number: does a mention under it not count towards overlap?
    ignored: Vec<bool>,
    asked: Vec<Rule>,
}

/// Why a split does not fit an index.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum BindError {
    /// A modality that the split needs is not there.
    #[error("split {split} needs modality {modality:?} ({role}), and the index has {}; add it to the corpus file and rebuild{}", .have.join(", "), if *.waivable { ", or pass --waive place" } else { "" })]
    MissingModality {
        /// The split.
        split: String,
        /// The modality.
        modality: String,
        /// What for.
        role: &'static str,
        /// What the index has.
        have: Vec<String>,
        /// Would waiving a rule help?
        waivable: bool,
    },
    /// CTI is a cosine.
    #[error(
        "split {split} compares captions and images by CTI, a cosine, and modality {modality:?} is compared by dot product: set metric = \"cosine\" for it in the corpus file and rebuild"
    )]
    CtiNeedsCosine {
        /// The split.
        split: String,
        /// The modality.
        modality: String,
    },
    /// Swaps are enumerated from posting lists of persons.
    #[error(
        "split {0} balances images by swaps, which are looked for among samples that picture one person: rule shared_person must be asked for, and not waived (or set balance_images = \"halves\")"
    )]
    SwapsNeedPersons(String),
    /// Two modalities that the split compares have other widths.
    #[error("split {split} compares {a:?} ({a_dim} dimensions) with {b:?} ({b_dim}); they must be one space")]
    Widths {
        /// The split.
        split: String,
        /// One modality.
        a: String,
        /// Its width.
        a_dim: usize,
        /// The other.
        b: String,
        /// Its width.
        b_dim: usize,
    },
}

impl<'a> Bound<'a> {
    /// Finds the split's modalities in the index.
    pub fn new(index: &'a Index, split: Split) -> Result<Bound<'a>, BindError> {
        let find = |modality: &str, role, waivable| {
            index.matrix(modality).ok_or_else(|| BindError::MissingModality {
                split: split.name.clone(),
                modality: modality.to_owned(),
                role,
                have: index.modalities.iter().map(|m| m.name.clone()).collect(),
                waivable,
            })
        };
        let query = find(&split.query, "its queries", false)?;
        let search = find(&split.search, "what it searches", false)?;
        let clip_text = find(&split.clip_text, "the caption in CTI", false)?;
        let clip_image = find(&split.clip_image, "the image in CTI", false)?;
        let place = match &split.rules.place {
            Some(place) if split.asks(Rule::Place) => Some(find(&place.modality, "rule place", true)?),
            // Waived: looked at only to count what it would have rejected.
            Some(place) => index.matrix(&place.modality),
            None => None,
        };
        for (a, a_dim, b, b_dim) in [
            (&split.query, query.dim(), &split.search, search.dim()),
            (&split.clip_text, clip_text.dim(), &split.clip_image, clip_image.dim()),
        ] {
            if a_dim != b_dim {
                let (split, a, b) = (split.name.clone(), a.clone(), b.clone());
                return Err(BindError::Widths { split, a, a_dim, b, b_dim });
            }
        }
        for (modality, matrix) in [(&split.clip_text, clip_text), (&split.clip_image, clip_image)] {
            if matrix.metric() != Metric::Cosine {
                return Err(BindError::CtiNeedsCosine { split: split.name.clone(), modality: modality.clone() });
            }
        }
        let ignore = split.rules.entities.as_ref().map_or(&[][..], |e| &e.ignore_labels);
        let ignored = index.catalog.labels().map(|l| ignore.iter().any(|i| i == l)).collect();
        let asked = split.asked().collect();
        Ok(Bound { index, query, search, clip_text, clip_image, place, ignored, asked, split })
    }

    /// Can a matched split be balanced as its file says? Swaps are enumerated from posting lists.
    pub fn can_balance(&self) -> Result<(), BindError> {
        match self.split.balance_images {
            Balance::Swaps if !self.asks(Rule::SharedPerson) => {
                Err(BindError::SwapsNeedPersons(self.split.name.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The corpus.
    pub fn catalog(&self) -> &'a Catalog {
        &self.index.catalog
    }

    /// Which scores come first.
    pub fn order(&self) -> Order {
        self.split.order
    }

    /// The rules that are tried, in order: asked for, and not waived.
    pub fn rules(&self) -> &[Rule] {
        &self.asked
    }

    pub(super) fn asks(&self, rule: Rule) -> bool {
        self.asked.contains(&rule)
    }

    pub(super) fn ignores(&self, label: &str) -> bool {
        self.split.rules.entities.as_ref().is_some_and(|e| e.ignore_labels.iter().any(|i| i == label))
    }

    /// The names of a caption that count towards overlap, ascending.
    pub(super) fn counted_names(&self, row: Row) -> impl Iterator<Item = u32> + '_ {
        let counts =
            |label: Option<u16>| !label.is_some_and(|l| self.ignored.get(usize::from(l)).copied().unwrap_or(false));
        let mut last = None;
        self.catalog()
            .mentions(row)
            .filter(move |m| counts(m.label))
            .map(|m| m.name)
            .filter(move |&name| last.replace(name) != Some(name))
    }

    fn known(&self, row: Row, rows: bool) -> Known {
        let catalog = self.catalog();
        let flags = catalog.flags(row);
        Known {
            rows,
            corrupted: flags.corrupted(),
            words: Some(catalog.words(row)),
            mentions: catalog.mention_count(row),
            time: catalog.timestamp(row),
            entities: flags.entities_known(),
            has_person: flags.has_person(),
            pictured: catalog.pictured(row).map(|p| !p.is_empty()),
            boxes: catalog.person_boxes(row),
            place: self.place.is_some_and(|p| p.has(row)),
            generic: flags.generic(),
            clip_image: self.clip_image.has(row),
        }
    }

    pub(super) fn known_as_pristine(&self, row: Row) -> Known {
        self.known(row, self.query.has(row) && self.clip_text.has(row) && self.clip_image.has(row))
    }

    pub(super) fn known_as_candidate(&self, row: Row) -> Known {
        self.known(row, self.search.has(row) && self.clip_image.has(row))
    }

    /// What a rule says of one side alone: rules about two sides hold here unless their fact is unknown.
    pub(super) fn one_sided(&self, rule: Rule, known: &Known) -> Verdict {
        let holds = |known: Option<bool>| known.map_or(Verdict::Unknown, Verdict::from);
        let present = |there: bool| if there { Verdict::Holds } else { Verdict::Unknown };
        let rules = &self.split.rules;
        match rule {
            Rule::MissingRow => present(known.rows),
            Rule::Corrupted => (!known.corrupted).into(),
            Rule::Words => holds(known.words.map(|n| rules.words.is_none_or(|w| (w.min..=w.max).contains(&n)))),
            Rule::EntityCount => holds(known.mentions.map(|n| rules.entity_count.is_none_or(|e| n >= e.min))),
            Rule::SameImage => Verdict::Holds,
            Rule::Days => present(known.time.is_some()),
            Rule::Entities => present(known.entities),
            Rule::NoPerson => holds(known.has_person.map(|p| !p)),
            Rule::PicturedPerson => holds(known.pictured),
            Rule::PersonBox => holds(known.boxes.map(|n| rules.person_box.is_none_or(|p| n >= p.at_least))),
            Rule::SharedPerson => present(known.pictured.is_some()),
            Rule::Place => present(known.place),
            Rule::Generic => (!known.generic).into(),
            Rule::ImageSimilarity => present(known.clip_image),
        }
    }

    fn first_one_sided(&self, known: &Known) -> Option<(Rule, Verdict)> {
        self.rules().iter().map(|&r| (r, self.one_sided(r, known))).find(|(_, v)| *v != Verdict::Holds)
    }

    /// The first rule that keeps a caption of the archive from being pristine, failing or unknown.
    pub fn refused_as_pristine(&self, row: Row) -> Option<(Rule, Verdict)> {
        self.first_one_sided(&self.known_as_pristine(row))
    }

    /// The first rule that keeps this caption from being pristine.
    pub fn refused(&self, subject: &Subject) -> Option<(Rule, Verdict)> {
        self.first_one_sided(&subject.known)
    }

    /// The first rule that lacks its fact about this caption, whether or not another fails before it.
    pub(super) fn lacks(&self, subject: &Subject) -> Option<Rule> {
        self.rules().iter().copied().find(|&rule| self.one_sided(rule, &subject.known) == Verdict::Unknown)
    }

    /// The first one-sided rule that keeps a sample from being anybody's wrong image.
    pub fn refused_as_candidate(&self, row: Row) -> Option<(Rule, Verdict)> {
        self.first_one_sided(&self.known_as_candidate(row))
    }

    /// Samples of `pool` that meet every one-sided rule of a candidate.
    pub fn candidates(&self, pool: impl Iterator<Item = Row>) -> RowSet {
        let mut set = RowSet::new(self.catalog().len() as usize);
        pool.filter(|&row| self.refused_as_candidate(row).is_none()).for_each(|row| {
            set.insert(row);
        });
        set
    }

    /// Is the sample *eligible*, as chunks are cut: `corrupted`, `words` and `entity_count` hold?
    pub fn eligible(&self, row: Row) -> bool {
        let known = self.known_as_candidate(row);
        [Rule::Corrupted, Rule::Words, Rule::EntityCount]
            .into_iter()
            .filter(|r| self.asks(*r))
            .all(|r| self.one_sided(r, &known) == Verdict::Holds)
    }

    /// Samples of `pool` about which each rule knows nothing, because the fact it needs is missing.
    pub fn unknown_counts(&self, pool: impl Iterator<Item = Row>) -> RuleCounts {
        let mut counts = RuleCounts::default();
        for row in pool {
            let known = self.known_as_pristine(row);
            let unknown = self.rules().iter().filter(|&&r| self.one_sided(r, &known) == Verdict::Unknown);
            unknown.for_each(|&rule| counts.add(rule));
        }
        counts
    }

    /// Samples of `pool` that cannot be pristine, by the first rule that says so.
    pub fn refused_counts(&self, pool: impl Iterator<Item = Row>) -> RuleCounts {
        let mut counts = RuleCounts::default();
        pool.filter_map(|row| self.refused_as_pristine(row)).for_each(|(rule, _)| counts.add(rule));
        counts
    }
}
