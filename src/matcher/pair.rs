//! One falsified pair, with what balancing needs to know of it.

use crate::words::Row;

/// The caption of `pristine`, falsified by the image of `falsified`; and its pristine twin, the same caption with
/// its own image. Two annotations of an output file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The sample whose caption is used, and whose image is the pristine one.
    pub pristine: Row,
    /// The sample whose image is shown instead.
    pub falsified: Row,
    /// The split's score in its natural sign.
    pub score: f32,
    /// CTI(p): CLIP cosine of the caption and its own image, in -1..=1.
    pub cti_pristine: f32,
    /// CTI(f): CLIP cosine of the caption and the image shown instead, in -1..=1.
    pub cti_falsified: f32,
}

impl Pair {
    /// Is the pair from H: does CLIP find the wrong image at least as fitting as the right one (NewsCLIPpings, §3,
    /// adversarial CLIP selection)? Equal counts as hard.
    pub fn hard(&self) -> bool {
        self.cti_falsified >= self.cti_pristine
    }

    /// CTI(p) − CTI(f), subtracted in `f64`: how easily CLIP tells the two apart; negative where it is fooled.
    pub fn ease(&self) -> f64 {
        // + 0.0: a negative zero would sort apart from zero.
        f64::from(self.cti_pristine) - f64::from(self.cti_falsified) + 0.0
    }
}

/// How many of the pairs are from H and from L.
pub fn hard_and_easy(pairs: &[Pair]) -> (usize, usize) {
    let hard = pairs.iter().filter(|p| p.hard()).count();
    (hard, pairs.len() - hard)
}
