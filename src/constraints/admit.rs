//! The fast test of one candidate: interned ids, signatures, no allocation.

use super::{Bound, Rule, Subject, Verdict};
use crate::kernels;
use crate::matrix::{Matrix, Metric};
use crate::words::{MatrixRow, Row};

impl Bound<'_> {
    /// Does a candidate that meets every one-sided rule meet the others too? Allocates nothing.
    pub fn admits(&self, subject: &Subject, candidate: Row) -> bool {
        self.rules().iter().all(|&rule| match self.two_sided(rule, subject, candidate) {
            Some(verdict) => verdict == Verdict::Holds,
            None => true,
        })
    }

    /// The first rule that rejects a candidate, one-sided rules included.
    pub fn first_failure(&self, subject: &Subject, candidate: Row) -> Option<Rule> {
        let known = self.known_as_candidate(candidate);
        self.rules().iter().copied().find(|&rule| {
            self.one_sided(rule, &subject.known) != Verdict::Holds
                || self.one_sided(rule, &known) != Verdict::Holds
                || self.two_sided(rule, subject, candidate).is_some_and(|v| v != Verdict::Holds)
        })
    }

    /// The waived rules that would have rejected a candidate, had they been asked.
    pub fn waived_failures(&self, subject: &Subject, candidate: Row) -> Vec<Rule> {
        let known = self.known_as_candidate(candidate);
        let fails = |rule: &Rule| {
            self.one_sided(*rule, &subject.known) != Verdict::Holds
                || self.one_sided(*rule, &known) != Verdict::Holds
                || self.two_sided(*rule, subject, candidate).is_some_and(|v| v != Verdict::Holds)
        };
        self.split.waived().filter(fails).collect()
    }

    /// What a rule about two sides says; `None` for a one-sided rule.
    fn two_sided(&self, rule: Rule, subject: &Subject, candidate: Row) -> Option<Verdict> {
        let catalog = self.catalog();
        Some(match rule {
            Rule::SameImage => {
                (subject.row != Some(candidate) && subject.image != Some(catalog.image(candidate))).into()
            }
            Rule::Days => {
                let days = self.split.rules.days.map_or(0, |d| d.at_least);
                match (subject.known.time, catalog.timestamp(candidate)) {
                    (Some(a), Some(b)) => a.at_least_days_apart(b, days).into(),
                    _ => Verdict::Unknown,
                }
            }
            Rule::Entities => {
                if !subject.known.entities || !catalog.flags(candidate).entities_known() {
                    Verdict::Unknown
                } else if subject.signature & catalog.signature(candidate) == 0 {
                    Verdict::Holds
                } else {
                    let shared = self.counted_names(candidate).any(|n| subject.names.binary_search(&n).is_ok());
                    (!shared).into()
                }
            }
            Rule::SharedPerson => match catalog.pictured(candidate) {
                Some(theirs) if subject.known.pictured.is_some() => {
                    theirs.iter().any(|n| subject.pictured.binary_search(n).is_ok()).into()
                }
                _ => Verdict::Unknown,
            },
            Rule::Place => match self.place_cosine(subject, candidate) {
                Some(cosine) => (cosine < self.split.rules.place.as_ref().map_or(f32::INFINITY, |p| p.below)).into(),
                None => Verdict::Unknown,
            },
            Rule::ImageSimilarity => match self.image_cosine(subject, candidate) {
                Some(cosine) => (cosine < self.split.max_image_similarity.unwrap_or(f32::INFINITY)).into(),
                None => Verdict::Unknown,
            },
            _ => return None,
        })
    }

    /// Cosine of the two places, whatever the modality's metric.
    pub(super) fn place_cosine(&self, subject: &Subject, candidate: Row) -> Option<f32> {
        let matrix = self.place?;
        let (vector, norm) = subject.vectors.place.as_ref()?;
        Some(cosine(matrix, vector, *norm, matrix.find(candidate)?))
    }

    /// Cosine of the two images.
    pub fn image_cosine(&self, subject: &Subject, candidate: Row) -> Option<f32> {
        let matrix = self.clip_image;
        let own = subject.vectors.clip_image.as_ref()?;
        let norm = match (matrix.metric(), subject.row.and_then(|r| matrix.find(r))) {
            (Metric::Dot, Some(own)) => matrix.norm(own),
            (Metric::Dot, None) => kernels::dot(own, own).sqrt(),
            (Metric::Cosine, _) => 1.0,
        };
        Some(cosine(matrix, own, norm, matrix.find(candidate)?))
    }

    /// The split's score of a candidate; `None` without the vectors.
    pub fn score(&self, subject: &Subject, candidate: Row) -> Option<f32> {
        Some(self.search.dot(subject.vectors.query.as_ref()?, self.search.find(candidate)?))
    }

    /// CTI of one sample's caption with another's image; `None` without the vectors.
    pub fn cti_of(&self, caption: Row, image: Row) -> Option<f32> {
        let text = self.clip_text.padded(self.clip_text.find(caption)?);
        Some(self.clip_image.dot(&text, self.clip_image.find(image)?))
    }

    /// CTI of the subject's caption with a candidate's image; `None` without the vectors.
    pub fn cti(&self, subject: &Subject, candidate: Row) -> Option<f32> {
        Some(self.clip_image.dot(subject.vectors.clip_text.as_ref()?, self.clip_image.find(candidate)?))
    }
}

/// Cosine of a vector (of this length, as given) and a row: the dot product where rows are unit vectors.
fn cosine(matrix: &Matrix, vector: &[f32], norm: f32, row: MatrixRow) -> f32 {
    let dot = matrix.dot(vector, row);
    match matrix.metric() {
        Metric::Cosine => dot,
        Metric::Dot => (f64::from(dot) / (f64::from(norm) * f64::from(matrix.norm(row)))) as f32,
    }
}
