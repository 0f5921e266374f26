//! Verdicts against labels.

use serde::Serialize;

/// What a caption is, or is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Veracity {
    /// It belongs to the image.
    Accurate,
    /// It does not.
    OutOfContext,
}

impl Veracity {
    /// As files write it. `None` for anything else, `undecided` among it.
    pub fn parse(text: &str) -> Option<Veracity> {
        match text.trim().trim_end_matches('.').to_lowercase().as_str() {
            "accurate" | "probably accurate" | "pristine" | "true" | "0" => Some(Veracity::Accurate),
            "out-of-context"
            | "probably out-of-context"
            | "out of context"
            | "ooc"
            | "falsified"
            | "false"
            | "miscaptioned"
            | "1" => Some(Veracity::OutOfContext),
            _ => None,
        }
    }
}

/// How good verdicts are. A missing verdict is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VeracityScore {
    /// Rows.
    pub rows: u64,
    /// Rows with a verdict.
    pub decided: u64,
    /// Right rows / rows.
    pub accuracy: f64,
    /// Recall of the accurate rows (R_ACC).
    pub recall_accurate: f64,
    /// Recall of the out-of-context rows (R_OOC).
    pub recall_out_of_context: f64,
    /// The mean of the two classes' F1; 0 for a class that is neither there nor predicted.
    pub macro_f1: f64,
    /// truth → verdict: accurate, out-of-context, none.
    pub confusion: [[u64; 3]; 2],
}

/// Counts (truth, verdict).
pub fn veracity(rows: impl Iterator<Item = (Veracity, Option<Veracity>)>) -> VeracityScore {
    let mut confusion = [[0_u64; 3]; 2];
    for (truth, verdict) in rows {
        confusion[truth as usize][verdict.map_or(2, |v| v as usize)] += 1;
    }
    let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
    let of_truth = |c: usize| confusion[c].iter().sum::<u64>();
    let said = |c: usize| confusion[0][c] + confusion[1][c];
    // 2 TP / (rows of the class + rows called so): the harmonic mean of precision and recall.
    let f1 = |c: usize| share(2 * confusion[c][c], of_truth(c) + said(c));
    let rows = of_truth(0) + of_truth(1);
    VeracityScore {
        rows,
        decided: rows - said(2),
        accuracy: share(confusion[0][0] + confusion[1][1], rows),
        recall_accurate: share(confusion[0][0], of_truth(0)),
        recall_out_of_context: share(confusion[1][1], of_truth(1)),
        macro_f1: (f1(0) + f1(1)) / 2.0,
        confusion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        use Veracity::{Accurate as A, OutOfContext as O};
        let s = veracity([(A, Some(A)), (A, Some(O)), (A, None), (O, Some(O)), (O, Some(O))].into_iter());
        assert_eq!((s.rows, s.decided, s.accuracy), (5, 4, 0.6));
        assert_eq!((s.recall_accurate, s.recall_out_of_context), (1.0 / 3.0, 1.0));
        // Accurate: P 1, R 1/3, F 0.5. Out of context: P 2/3, R 1, F 0.8.
        assert!((s.macro_f1 - 0.65).abs() < 1e-12);
        assert_eq!(s.confusion, [[1, 1, 1], [0, 2, 0]]);
        assert_eq!(veracity(std::iter::empty()).macro_f1, 0.0);
        assert_eq!(Veracity::parse(" Falsified. "), Some(O));
        assert_eq!(Veracity::parse("undecided"), None);
    }
}
